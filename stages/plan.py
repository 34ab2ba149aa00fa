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
from stages.tasks.record import RETRIEVED
from stages.tasks.translations import base_of
from stages.tasks.variants import check as check_variants
from stages.writing import replacing_folder

POSITIVE = ("batch_size", "learning_rate", "epochs", "max_length")
COUNTS = (
    "accumulation", "training_tokens", "prediction_tokens", "selection_every", "selection_examples",
)  # fmt: skip
SPAN = ("doc_stride", "query_length", "n_best", "answer_length")
CHOICES = {
    "pooling": ("first", "segments"),
    "encoding": ("joint", "separate"),
    "precision": ("fp32", "bf16"),
    "zero_stage": (0, 1, 2, 3),
    "offload": ("none", "optimizer"),
    "checkpoint_precision": ("float32", "float16", "bfloat16"),
}
KEPT = ("none", "best", "all")
FRACTIONS = ("learning_rate", "epochs")
POOLING = ("mean",)
RETRIEVAL = "retrieval"  # the target of a cell without training
SPECIALS = 4  # <s> question </s></s> context </s>


def plan(settings: dict[str, Any]) -> tuple[dict[str, Task], list[dict[str, Any]]]:
    """Return the tasks of the study by name, and its cells.

    Raises
    ------
    UserError
        An unknown or missing task, a list that does not fit another, a parameter out of range.
    """
    _check_shape(settings)
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
    _check_numbers(settings, tasks)

    def sources(encoder: str) -> list[str]:
        return variants[encoder]["tasks"] if encoder in variants else [encoder]

    cells = [
        _cell(tasks, encoder, sources(encoder), name, seed, tasks[name].evaluates())
        for encoder in target["encoders"]
        for name in target["tasks"]
        for seed in target["seeds"]
    ]
    # nothing is trained, so there is one seed
    cells += [
        _cell(tasks, encoder, sources(encoder), RETRIEVAL, 0, tuple(retrieve["tasks"]))
        for encoder in retrieve["encoders"]
    ]
    return tasks, cells


def _cell(
    tasks: dict[str, Task],
    encoder: str,
    sources: list[str],
    target: str,
    seed: int,
    evaluates: tuple[str, ...],
) -> dict[str, Any]:
    bases = set(map(base_of, sources))
    return {
        "intermediate": encoder,
        "target": target,
        "seed": seed,
        "evaluates": list(evaluates),
        "same_data": [name for name in evaluates if bases & tasks[name].same_data],
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


def _check_numbers(settings: dict[str, Any], tasks: dict[str, Task]) -> None:
    """Choices are among those there are, numbers in their range."""
    for key, allowed in CHOICES.items():
        if settings["engine"][key] not in allowed:
            raise UserError(
                f"params.yaml: engine.{key} is {settings['engine'][key]!r}; expected one of "
                f"{', '.join(map(str, allowed))}."
            )
    span = settings["span"]
    for section in ("intermediate", "target"):
        for name in settings[section]["tasks"]:
            if not isinstance(params.at(settings[section], name), dict):
                raise UserError(
                    f"params.yaml: {section}.tasks names {name}; add its own parameters, "
                    f"`{name}: {{}}` for none, under {section}."
                )
            values = params.of_task(settings[section], name)
            for key in POSITIVE:
                _number(f"{section}.{name}.{key}", values.get(key), key not in FRACTIONS)
            if values.get("max_steps") is not None:
                _number(f"{section}.{name}.max_steps", values["max_steps"], True, "null or ")
            room = values["max_length"] - span["query_length"] - SPECIALS
            if tasks[name].head == "span" and span["doc_stride"] > room:
                raise UserError(
                    f"params.yaml: span.doc_stride is {span['doc_stride']}; expected at most "
                    f"{room}: {section}.{name}.max_length {values['max_length']} less "
                    f"span.query_length and {SPECIALS} special tokens, or parts of a context would "
                    "be skipped."
                )
    examples = settings["target"].get("evaluation_examples")
    if examples is not None:
        _number("target.evaluation_examples", examples, True, "null or ")
    retrieve = settings["retrieve"]
    if retrieve.get("pooling") not in POOLING:
        raise UserError(
            f"params.yaml: retrieve.pooling is {retrieve.get('pooling')!r}; expected one of "
            f"{', '.join(POOLING)}."
        )
    layer = retrieve.get("layer")
    if type(layer) is not int or layer < 0:
        raise UserError(
            f"params.yaml: retrieve.layer is {layer!r}; expected the number of a hidden state, "
            "where 0 is the embedding layer."
        )


def _check_shape(settings: dict[str, Any]) -> None:
    """Sections are there, lists are lists without repeats, counts are whole and above 0."""
    lists = {
        "data": ("tasks",),
        "intermediate": ("tasks",),
        "target": ("tasks", "encoders", "seeds"),
        "retrieve": ("tasks", "encoders"),
        "engine": (),
        "span": (),
    }
    for section, names in lists.items():
        if not isinstance(settings.get(section), dict):
            raise UserError(f"params.yaml: the section {section} is missing.")
        for name in names:
            value = settings[section].get(name)
            # a study may go without retrieval
            empty = section != "retrieve" and not value
            if not isinstance(value, list) or empty or len(set(map(str, value))) < len(value):
                raise UserError(
                    f"params.yaml: {section}.{name} is {value!r}; expected a list"
                    f"{', not empty' if section != 'retrieve' else ''}, without repeats."
                )
    for key in (*CHOICES, *COUNTS):
        if key not in settings["engine"]:
            raise UserError(f"params.yaml: engine.{key} is missing.")
    for section, counts in (("engine", COUNTS), ("span", SPAN)):
        for key in counts:
            _number(f"{section}.{key}", settings[section].get(key), True)
    if (kept := settings["target"].get("keep_models")) not in KEPT:
        raise UserError(f"params.yaml: target.keep_models is {kept!r}; expected one of {KEPT}.")
    for seed in [*settings["target"]["seeds"], settings["intermediate"].get("seed")]:
        if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
            raise UserError(f"params.yaml: the seed {seed!r} is no whole number from 0.")


def _number(place: str, value: Any, whole: bool, before: str = "") -> None:
    """Refuse what is no number above 0."""
    kinds = int if whole else int | float
    if not isinstance(value, kinds) or isinstance(value, bool) or not value > 0:
        raise UserError(
            f"params.yaml: {place} is {value!r}; expected {before}a "
            f"{'whole ' if whole else ''}number above 0."
        )


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
    check_names(settings)
    tasks, cells = plan(settings)
    check_encoder(arguments.encoder)
    check_inputs(tasks, arguments.data, arguments.encoder)
    with replacing_folder(arguments.out) as folder:
        for name, task in tasks.items():
            content = {"metrics": task.metrics, "evaluates": task.evaluates()}
            _write(folder / f"{name}.json", task.as_data() | content)
        for name, spec in settings["intermediate"].get("variants", {}).items():
            (folder / "variants").mkdir(exist_ok=True)
            records = [tasks[task].as_data() for task in spec["tasks"]]
            _write(folder / "variants" / f"{name}.json", {"tasks": records})
        _write(folder / "study.json", {"study": settings["study"], "cells": cells})
    print(f"{settings['study']}: {len(tasks)} tasks, {len(cells)} cells")


def _write(path: Path, content: Any) -> None:
    text = json.dumps(content, indent=1, sort_keys=True, default=sorted, ensure_ascii=False)
    path.write_text(text + "\n")


if __name__ == "__main__":
    run(main)
