"""Variants of intermediate training (several tasks, unlabelled text, translated data), by name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.tasks.record import Task

PLAIN = "plain"  # one English intermediate task, or none
TEXT = "text"  # the task whose rows are unlabelled text
CARD = "training.json"  # of an encoder that was trained


def method(tasks: Sequence[Task], mlm: Mapping[str, Any] | None) -> str:
    """Return what a variant adds to plain training, joined by `+`: `method` of scores.csv."""
    found = []
    if len({task.base or task.name for task in tasks}) > 1:
        found.append("multitask")
    if any(task.translated for task in tasks):
        found.append("translated")
    if mlm and mlm["share"]:
        found.append("mlm")
    return joined(*found)


def joined(*methods: str) -> str:
    """Several methods as one: `plain` adds nothing to others."""
    return "+".join(name for name in methods if name != PLAIN) or PLAIN


def origin(intermediate: str, encoder: Path) -> tuple[str, list[str]]:
    """Return the method that made an encoder and the tasks that it learnt, as its card says."""
    if intermediate == "none":
        return PLAIN, []
    card = encoder / CARD
    if not card.exists():
        return PLAIN, [intermediate]
    found = json.loads(card.read_text())
    return found["method"], found["tasks"]
