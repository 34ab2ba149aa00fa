"""Variants of intermediate training (several tasks, unlabelled text, translated data), by name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.errors import UserError
from stages.tasks.record import Task

PLAIN = "plain"  # one English intermediate task, or none
TEXT = "text"  # the task whose rows are unlabelled text
CARD = "training.json"  # of an encoder that was trained
# parameters of a run that a variant may have for itself
RUN = ("seed", "max_length", "batch_size", "epochs", "max_steps", "learning_rate")
SAMPLINGS = ("uniform", "proportional", "temperature")
SAMPLING = ("by", "temperature", "cap")
MLM = ("share", "exponent", "rate", "batch_size", "languages")
NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


def check(variants: Any, tasks: Mapping[str, Task], taken: Sequence[str]) -> None:
    """Refuse variants (`intermediate.variants`) that cannot be trained.

    tasks : those of data.tasks, by name. taken : names that other encoders have.

    Raises
    ------
    UserError
        Names the variant, the parameter, what it is and what was expected.
    """
    if not isinstance(variants, dict):
        raise UserError(
            f"params.yaml: intermediate.variants is {variants!r}; expected a name and its "
            "parameters each, {} for none."
        )
    for name, spec in variants.items():
        place = f"params.yaml: intermediate.variants.{name}"
        if name in taken or not NAME.fullmatch(str(name)):
            raise UserError(
                f"{place}: the name is taken by a task, or holds more than small letters, digits "
                "and hyphens; choose another."
            )
        if not isinstance(spec, dict) or not spec.get("tasks"):
            raise UserError(f"{place} is {spec!r}; expected `tasks: [...]` and what goes with it.")
        _known(place, spec, ("tasks", "sampling", "mlm", *RUN))
        for task in spec["tasks"]:
            if task not in tasks or not tasks[task].is_trained:
                raise UserError(
                    f"{place}.tasks names {task}, which data.tasks lacks or which has no training "
                    "set of its own; name intermediate tasks of data.tasks."
                )
        for key in RUN:
            if key in spec and not (key == "max_steps" and spec[key] is None):
                _above(f"{place}.{key}", spec[key], 0, None)
        _check_sampling(f"{place}.sampling", spec.get("sampling") or {})
        if spec.get("mlm"):
            _check_mlm(f"{place}.mlm", spec["mlm"], tasks)


def _check_sampling(place: str, sampling: Any) -> None:
    _known(place, sampling, SAMPLING)
    if sampling.get("by", "proportional") not in SAMPLINGS:
        raise UserError(
            f"{place}.by is {sampling['by']!r}; expected one of {', '.join(SAMPLINGS)}."
        )
    for key in ("temperature", "cap"):
        if sampling.get(key) is not None:
            _above(f"{place}.{key}", sampling[key], 0, None)


def _check_mlm(place: str, mlm: Any, tasks: Mapping[str, Task]) -> None:
    _known(place, mlm, MLM)
    share = mlm.get("share")
    if not isinstance(share, int | float) or not 0 <= share < 1:
        raise UserError(
            f"{place}.share is {share!r}; expected the share of the batches, from 0 to below 1."
        )
    for key, most in (("exponent", None), ("rate", 1), ("batch_size", None)):
        if key in mlm:
            _above(f"{place}.{key}", mlm[key], 0, most)
    if TEXT not in tasks:
        raise UserError(
            f"{place}: masked language modelling needs unlabelled text; add {TEXT} to data.tasks."
        )
    lost = [code for code in mlm.get("languages") or () if code not in tasks[TEXT].languages]
    if lost:
        raise UserError(
            f"{place}.languages names {', '.join(map(str, lost))}; expected some of "
            f"{', '.join(tasks[TEXT].languages)} (data.languages.{TEXT})."
        )


def _known(place: str, section: Any, names: Sequence[str]) -> None:
    unknown = sorted(set(section) - set(names)) if isinstance(section, dict) else [repr(section)]
    if unknown:
        raise UserError(f"{place}: unknown {unknown[0]}; expected some of {', '.join(names)}.")


def _above(place: str, value: Any, least: float, most: float | None) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or value <= least or (most is not None and value >= most):
        until = "" if most is None else f" and below {most}"
        raise UserError(f"{place} is {value!r}; expected a number above {least}{until}.")


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
