"""Plan: params.yaml + the task table  ->  plan/ (what the study is asked to do, checked)

In   params.yaml.
Out  plan/<task>.json, the record of every task of the study: stages depend on their own task's
     record and not on the whole table, so adding a task reruns nothing.
     plan/study.json, the cells in the order in which they run.
Run  python -m stages.plan

Everything else waits for this stage, so that a mistake in params.yaml costs a second.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from stages import params
from stages.errors import UserError, run
from stages.tasks import Task, find
from stages.writing import replacing_folder

POSITIVE = ("batch_size", "learning_rate", "epochs", "max_length")
COUNTS = ("accumulation", "prediction_tokens", "selection_every", "selection_examples")
CHOICES = {
    "pooling": ("first", "segments"),
    "encoding": ("joint", "separate"),
    "precision": ("fp32", "bf16"),
    "zero_stage": (0, 1, 2, 3),
    "checkpoint_precision": ("float32", "float16", "bfloat16"),
}


def plan(settings: dict[str, Any]) -> tuple[dict[str, Task], list[dict[str, Any]]]:
    """Return the tasks of the study by name, and its cells.

    Raises
    ------
    UserError
        An unknown or missing task, a list that does not fit another, a parameter out of range.
    """
    _check_shape(settings)
    tasks = {name: find(name) for name in settings["data"]["tasks"]}
    intermediate, target = settings["intermediate"], settings["target"]
    for section, names in (
        ("intermediate.tasks", intermediate["tasks"]),
        ("target.tasks", target["tasks"]),
    ):
        for name in names:
            if find(name).name not in tasks:
                raise UserError(
                    f"params.yaml: {section} names {name}, which data.tasks lacks; add it there."
                )
    for name in target["tasks"]:
        if not tasks[name].is_target:
            raise UserError(
                f"params.yaml: target.tasks names {name}, which is not evaluated in any language "
                "besides English; it can be an intermediate task only."
            )
    for name in target["encoders"]:
        if name != "none" and name not in intermediate["tasks"]:
            raise UserError(
                f"params.yaml: target.encoders names {name}; expected none or one of "
                f"intermediate.tasks ({', '.join(intermediate['tasks'])})."
            )
    for key, allowed in CHOICES.items():
        if settings["engine"][key] not in allowed:
            raise UserError(
                f"params.yaml: engine.{key} is {settings['engine'][key]!r}; expected one of "
                f"{', '.join(map(str, allowed))}."
            )
    for section in ("intermediate", "target"):
        for name in settings[section]["tasks"]:
            values = params.of_task(settings[section], name)
            for key in POSITIVE:
                if not _positive(values.get(key), whole=key not in ("learning_rate", "epochs")):
                    raise UserError(
                        f"params.yaml: {section}.{name}.{key} is {values.get(key)!r}; expected a "
                        "number above 0."
                    )
            limit = values.get("max_steps")
            if limit is not None and not _positive(limit, whole=True):
                raise UserError(
                    f"params.yaml: {section}.{name}.max_steps is {limit!r}; expected null or a "
                    "number above 0."
                )
    cells = [
        {
            "intermediate": encoder,
            "target": name,
            "seed": seed,
            "same_data": encoder in tasks[name].same_data,
        }
        for encoder in target["encoders"]
        for name in target["tasks"]
        for seed in target["seeds"]
    ]
    return tasks, cells


def _check_shape(settings: dict[str, Any]) -> None:
    """Sections are there, lists are lists without repeats, counts are whole and above 0."""
    lists = {
        "data": ("tasks",),
        "intermediate": ("tasks",),
        "target": ("tasks", "encoders", "seeds"),
        "engine": (),
    }
    for section, names in lists.items():
        if not isinstance(settings.get(section), dict):
            raise UserError(f"params.yaml: the section {section} is missing.")
        for name in names:
            value = settings[section].get(name)
            if not isinstance(value, list) or not value or len(set(value)) < len(value):
                raise UserError(
                    f"params.yaml: {section}.{name} is {value!r}; expected a list, neither empty "
                    "nor with repeats."
                )
    for key in (*CHOICES, *COUNTS):
        if key not in settings["engine"]:
            raise UserError(f"params.yaml: engine.{key} is missing.")
    for key in COUNTS:
        if not _positive(settings["engine"][key], whole=True):
            raise UserError(
                f"params.yaml: engine.{key} is {settings['engine'][key]!r}; expected a whole "
                "number above 0."
            )
    for seed in [*settings["target"]["seeds"], settings["intermediate"].get("seed")]:
        if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
            raise UserError(f"params.yaml: the seed {seed!r} is no whole number from 0.")


def _positive(value: Any, whole: bool) -> bool:
    kinds = int if whole else int | float
    return isinstance(value, kinds) and not isinstance(value, bool) and value > 0


def check_inputs(tasks: dict[str, Task], data: Path, encoder: Path) -> None:
    """Refuse to start where data or the encoder are not there.

    Raises
    ------
    UserError
        Names what is missing and how to bring it.
    """
    missing = [str(data / name) for name in tasks if not (data / name).is_dir()]
    if not (encoder / "config.json").exists():
        missing.append(str(encoder))
    if missing:
        raise UserError(
            f"missing inputs: {', '.join(missing)}. The sample's come with "
            "`dvc pull data.dvc encoder.dvc`; other data with `make snapshot` (see README)."
        )


def main() -> None:
    """Check params.yaml against the table and write the plan."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--encoder", type=Path, default=Path("encoder"))
    parser.add_argument("--out", type=Path, default=Path("plan"))
    arguments = parser.parse_args()
    settings = params.read()
    tasks, cells = plan(settings)
    check_inputs(tasks, arguments.data, arguments.encoder)
    with replacing_folder(arguments.out) as folder:
        for name, task in tasks.items():
            _write(folder / f"{name}.json", dataclasses.asdict(task))
        _write(folder / "study.json", {"study": settings["study"], "cells": cells})
    print(f"{settings['study']}: {len(tasks)} tasks, {len(cells)} cells")


def _write(path: Path, content: Any) -> None:
    text = json.dumps(content, indent=1, sort_keys=True, default=sorted, ensure_ascii=False)
    path.write_text(text + "\n")


if __name__ == "__main__":
    run(main)
