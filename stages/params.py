"""params.yaml, the one door to it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stages.errors import UserError
from stages.tasks import Task, find
from stages.tasks.translations import is_translated
from stages.tasks.variants import RUN

PATH = Path("params.yaml")


def read(path: Path = PATH) -> dict[str, Any]:
    """Return the parameters of the study.

    Raises
    ------
    UserError
        The file is missing or is not YAML.
    """
    try:
        # YAML 1.2, as DVC reads it: 3e-4 is a number there and text in YAML 1.1
        found = YAML(typ="safe").load(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path} not found: run this from the root of the repository.") from None
    except YAMLError as error:
        raise UserError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(found, dict):
        raise UserError(f"{path}: expected sections (study, data, engine, ...), found {found!r}.")
    return found


def of_task(section: dict[str, Any], task: str) -> dict[str, Any]:
    """The parameters of one task: its stage's own, overlaid with the task's.

    Those of a translated set (`xnli.translate-train`) stand inside its base's and overlay these.
    """
    found = _values(section)
    for name in task.split("."):
        section = section.get(name) or {}
        found |= _values(section)
    return found


def at(section: dict[str, Any], name: str) -> Any:
    """What stands under the name of a task; a dot in it leads into the section of its base."""
    found: Any = section
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _values(section: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in section.items() if not isinstance(value, dict)}


def of_cell(settings: dict[str, Any], stage: str, task: str) -> dict[str, Any]:
    """The parameters of one cell: the engine's, span's, and the stage's own for the task."""
    return settings["engine"] | settings.get("span", {}) | of_task(settings[stage], task)


def of_variant(settings: dict[str, Any], name: str, base: str = "") -> dict[str, Any]:
    """The parameters of a variant; of one of its tasks, where `base` names it.

    What the variant says itself goes before what the task says, and that before the stage's own.
    """
    own = settings["intermediate"]["variants"][name]
    shared = of_cell(settings, "intermediate", base)
    return shared | {key: value for key, value in own.items() if key in RUN}


def task(settings: dict[str, Any], name: str) -> Task:
    """Return the record of a task as the study reads it.

    A study may say where its data deviates from the table: `data.evaluated` (the split that is
    scored), `data.languages` (those it has) and `data.held_out` (see Task).

    Raises
    ------
    UserError
        An unknown task, split or language.
    """
    record = find(name)
    data = settings["data"]
    changes: dict[str, Any] = {"tests": _tests(record, data["tasks"])}
    evaluated = _of(data, "evaluated", name)
    if evaluated is not None:
        if evaluated not in record.splits or not record.is_target:
            raise UserError(
                f"params.yaml: data.evaluated.{name} is {evaluated!r}; expected "
                + (
                    f"one of {', '.join(record.splits)}."
                    if record.is_target
                    else f"no entry: {name} itself is not evaluated."
                )
            )
        changes["evaluated"] = evaluated
    languages = _of(data, "languages", name)
    if languages is not None:
        if not isinstance(languages, list) or not languages or len(set(languages)) < len(languages):
            raise UserError(
                f"params.yaml: data.languages.{name} is {languages!r}; expected a list, neither "
                "empty nor with repeats."
            )
        unknown = [str(code) for code in languages if code not in record.languages]
        if unknown:
            raise UserError(
                f"params.yaml: data.languages.{name} names {', '.join(unknown)}; expected some of "
                f"{', '.join(record.languages)}. (YAML reads a bare no as false: quote it.)"
            )
        # the table's order, English first
        changes["languages"] = tuple(code for code in record.languages if code in languages)
    held_out = _of(data, "held_out", name)
    if held_out is not None:
        if type(held_out) is not int or held_out < 1 or "train" not in record.splits:
            raise UserError(
                f"params.yaml: data.held_out.{name} is {held_out!r}; expected a whole number above "
                "0, of a task with a training set of its own."
            )
        changes["held_out"] = held_out
    return dataclasses.replace(record, **changes)


def _tests(record: Task, names: Sequence[str]) -> tuple[str, ...]:
    """The targets among `names` that a model of this task is evaluated on, besides its own."""
    if not record.is_trained:
        return ()
    base = find(record.base or record.name)
    tests = tuple(test for test in base.tests if test in names)
    others = [find(name) for name in names if is_translated(name)]
    tests += tuple(
        other.name
        for other in others
        if other.trained_on == base.name and not (record.translated and other.written_in)
    )
    return ((base.name,) if record.translated and base.is_target else ()) + tests


def _of(data: dict[str, Any], key: str, name: str) -> Any:
    section = data.get(key) or {}
    if not isinstance(section, dict):
        raise UserError(
            f"params.yaml: data.{key} is {section!r}; expected a task and its value each."
        )
    return section.get(name)


def first_rank() -> bool:
    """Whether this process is the one that writes (all are, without a launcher)."""
    return os.environ.get("RANK", "0") == "0"
