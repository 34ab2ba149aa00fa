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
import json
from pathlib import Path
from typing import Any

from stages import params
from stages.admission import check_encoder, check_names
from stages.errors import UserError, run
from stages.tasks import TASKS, Task, find
from stages.tasks.parameters import check_numbers, check_shape
from stages.tasks.record import RETRIEVED
from stages.tasks.table import repeats
from stages.tasks.variants import check as check_variants
from stages.writing import replacing_folder

RETRIEVAL = "retrieval"  # the target of a cell without training


def plan(settings: dict[str, Any]) -> tuple[dict[str, Task], list[dict[str, Any]]]:
    """Return the tasks of the study by name, and its cells.

    Raises
    ------
    UserError
        An unknown or missing task, a list that does not fit another, a parameter out of range.
    """
    check_shape(settings)
    tasks = _tasks(settings)
    intermediate, target, retrieve = (
        settings[section] for section in ("intermediate", "target", "retrieve")
    )
    for section in ("intermediate", "target", "retrieve"):
        for name in settings[section]["tasks"]:
            if find(name).name not in tasks:
                raise UserError(
                    f"params.yaml: {section}.tasks names {name}, which data.tasks lacks; add it "
                    "there."
                )
    for name in intermediate["tasks"]:
        if not tasks[name].is_trained:
            raise UserError(
                f"params.yaml: intermediate.tasks names {name}, which has no training set of its "
                f"own{_instead(tasks[name])}"
            )
        if (base := tasks[name].base) and base not in tasks:
            raise UserError(
                f"params.yaml: intermediate.tasks names {name}, whose development set is "
                f"{base}'s, which data.tasks lacks; add it there."
            )
    for name in target["tasks"]:
        _check_target(tasks[name])
    for name in retrieve["tasks"]:
        if tasks[name].head not in RETRIEVED:
            raise UserError(
                f"params.yaml: retrieve.tasks names {name}, which is not retrieved; expected some "
                f"of {', '.join(n for n, t in TASKS.items() if t.head in RETRIEVED)}."
            )
    variants = intermediate.get("variants", {})
    check_variants(variants, tasks, ("none", *TASKS))
    known = ("none", *intermediate["tasks"], *variants)
    for section in ("target", "retrieve"):
        for name in settings[section]["encoders"]:
            if name not in known:
                raise UserError(
                    f"params.yaml: {section}.encoders names {name}; expected none or one of "
                    "intermediate.tasks and intermediate.variants "
                    f"({', '.join(known[1:])})."
                )
    if bool(retrieve["tasks"]) != bool(retrieve["encoders"]):
        raise UserError(
            "params.yaml: retrieve.tasks and retrieve.encoders go together: name both or neither."
        )
    check_numbers(settings, tasks)

    def sources(encoder: str) -> list[str]:
        return variants[encoder]["tasks"] if encoder in variants else [encoder]

    cells = [
        _cell(encoder, sources(encoder), name, seed, tasks[name].evaluates())
        for encoder in target["encoders"]
        for name in target["tasks"]
        for seed in target["seeds"]
    ]
    # nothing is trained, so there is one seed
    cells += [
        _cell(encoder, sources(encoder), RETRIEVAL, 0, tuple(retrieve["tasks"]))
        for encoder in retrieve["encoders"]
    ]
    return tasks, cells


def _cell(
    encoder: str, sources: list[str], target: str, seed: int, evaluates: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "intermediate": encoder,
        "target": target,
        "seed": seed,
        "evaluates": list(evaluates),
        "same_data": [name for name in evaluates if repeats(sources, name)],
    }


def _tasks(settings: dict[str, Any]) -> dict[str, Task]:
    """The records of data.tasks as the study reads them; what it says of others is a mistake."""
    data = settings["data"]
    tasks = {name: params.task(settings, name) for name in data["tasks"]}
    for key in ("evaluated", "languages", "held_out"):
        for name in data.get(key) or {}:
            if find(name).name not in tasks:
                raise UserError(
                    f"params.yaml: data.{key} names {name}, which data.tasks lacks; add it there "
                    "or take it out here."
                )
    return tasks


def _check_target(task: Task) -> None:
    """A target is a task to train on that is evaluated, itself or by the tasks it serves."""
    if task.evaluates():
        return
    if find(task.name).tests:
        raise UserError(
            f"params.yaml: target.tasks names {task.name}, which is evaluated on "
            f"{' and '.join(find(task.name).tests)}; add one of them to data.tasks."
        )
    if task.is_target:
        raise UserError(
            f"params.yaml: target.tasks names {task.name}, which has no training set of its "
            f"own{_instead(task)}"
        )
    raise UserError(
        f"params.yaml: target.tasks names {task.name}, which is not evaluated in any language "
        "besides English; it can be an intermediate task only."
    )


def _instead(task: Task) -> str:
    if task.trained_on:
        return (
            f": {task.name} is evaluated by the cell of {task.trained_on}. Name "
            f"{task.trained_on} in target.tasks."
        )
    return ": name it in retrieve.tasks."


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


def files(
    settings: dict[str, Any], tasks: dict[str, Task], cells: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the plan, a file's content by its name.

    Beside the record of a task stand the parameters that hold for it and that dvc.yaml, which
    knows it by name only, cannot list: a base's for its translations, a task's for a variant.
    """
    found: dict[str, Any] = {"study.json": {"study": settings["study"], "cells": cells}}
    for name, task in tasks.items():
        content: dict[str, Any] = {"metrics": task.metrics, "evaluates": task.evaluates()}
        if task.base:
            stages = ("intermediate", "target")
            content["parameters"] = {s: params.of_task(settings[s], name) for s in stages}
        found[f"{name}.json"] = task.as_data() | content
    for name, spec in settings["intermediate"].get("variants", {}).items():
        found[f"variants/{name}.json"] = {
            "tasks": [tasks[task].as_data() for task in spec["tasks"]],
            "parameters": {task: params.of_variant(settings, name, task) for task in spec["tasks"]},
        }
    return found


def main() -> None:
    """Check params.yaml against the table and write the plan."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--encoder", type=Path, default=Path("encoder"))
    parser.add_argument("--out", type=Path, default=Path("plan"))
    arguments = parser.parse_args()
    settings = params.read()
    check_names(settings)
    tasks, cells = plan(settings)
    check_encoder(arguments.encoder)
    check_inputs(tasks, arguments.data, arguments.encoder)
    with replacing_folder(arguments.out) as folder:
        for name, content in files(settings, tasks, cells).items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            text = json.dumps(content, indent=1, sort_keys=True, default=sorted, ensure_ascii=False)
            path.write_text(text + "\n")
    print(f"{settings['study']}: {len(tasks)} tasks, {len(cells)} cells")


if __name__ == "__main__":
    run(main)
