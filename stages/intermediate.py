"""Intermediate: encoder/ + encoded/<task>/  ->  encoders/<task>/ (phase 1, one encoder a stage)

In   the encoder, the encoded English training and development sets, `intermediate.*` and
     `engine.*` of params.yaml; of a variant (`intermediate.variants`) those of all its tasks, and
     encoded/text/ for masked language modelling.
Out  encoders/<task or variant>/: an encoder that `AutoModel.from_pretrained` reads, its heads, its
     card. `none` is the baseline: the encoder as it is.
Run  python -m stages.intermediate mnli          (or under torchrun for several ranks)
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages import params
from stages.errors import run
from stages.tasks import Task, missing
from stages.tasks.variants import TEXT, method
from stages.writing import replacing_folder

if TYPE_CHECKING:
    from stages.learning.lesson import Lesson


def copy_baseline(encoder: Path, out: Path) -> None:
    """Pass the encoder on untouched."""
    with replacing_folder(out) as folder:
        shutil.copytree(encoder, folder, dirs_exist_ok=True)


def train_intermediate(
    task: Task, encoder: Path, encoded: Path, out: Path, study: str, settings: dict[str, Any]
) -> None:
    """Fine-tune the encoder on one English intermediate task and write it to `out`."""
    from stages.learning.lesson import one_task

    teach = partial(one_task, task, encoded, settings, settings["seed"])
    _train(task.name, method([task], None), teach, encoder, encoded, out, study, settings)


def train_variant(
    name: str,
    tasks: Sequence[Task],
    encoder: Path,
    encoded: Path,
    out: Path,
    study: str,
    settings: dict[str, Any],
    of_task: Mapping[str, dict[str, Any]],
    spec: Mapping[str, Any],
) -> None:
    """Train the encoder on several tasks, with unlabelled text, or both, and write it to `out`.

    settings : of the run; of_task : of every base; spec : what params.yaml says of the variant.
    """
    from stages.learning.lesson import variant

    mlm = spec.get("mlm")
    teach = partial(
        variant,
        *(tasks, encoder, encoded, settings, of_task, settings["seed"]),
        *(spec.get("sampling"), mlm),
    )
    _train(name, method(tasks, mlm), teach, encoder, encoded, out, study, settings)


def _train(
    name: str,
    adds: str,
    teach: Callable[[], Lesson],
    encoder: Path,
    encoded: Path,
    out: Path,
    study: str,
    settings: dict[str, Any],
) -> None:
    from stages.learning import resume
    from stages.learning.cell import learn

    cell = f"intermediate-{name}"
    with learn(
        teach,
        cell=cell,
        encoder=encoder,
        encoded=encoded,
        study=study,
        settings=settings,
        seed=settings["seed"],
        name=name,
        tags={"intermediate": name, "target": "none", "method": adds},
    ) as trained:
        # every rank gathers the weights, only the first writes them
        writing = replacing_folder(out) if trained.first_rank else nullcontext(out)
        with writing as folder:
            trained.write(folder)
            if trained.recorder:
                trained.recorder.artifacts(folder, "model")
    if trained.first_rank:
        resume.finish(cell)


def main() -> None:
    """Train one intermediate task or variant, or pass the encoder on for `none`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", help="an intermediate task, a variant, or none")
    parser.add_argument("--encoder", type=Path, default=Path("encoder"))
    parser.add_argument("--encoded", type=Path, default=Path("encoded"))
    parser.add_argument("--out", type=Path, help="encoders/<task> if left out")
    arguments = parser.parse_args()
    out = arguments.out or Path("encoders") / arguments.task
    if arguments.task == "none":
        copy_baseline(arguments.encoder, out)
        return
    settings = params.read()
    if arguments.task in (settings["intermediate"].get("variants") or {}):
        _variant(arguments, settings, out)
        return
    if reason := missing.why(arguments.encoded / arguments.task):
        if params.first_rank():
            missing.leave(out, reason)
        return
    train_intermediate(
        params.task(settings, arguments.task),
        arguments.encoder,
        arguments.encoded,
        out,
        settings["study"],
        params.of_cell(settings, "intermediate", arguments.task),
    )


def _variant(arguments: argparse.Namespace, settings: dict[str, Any], out: Path) -> None:
    """Train a variant on those of its tasks whose data are there.

    Where these are not what makes it (no translation, one task of several) it is left out.
    """
    name, encoded = arguments.task, arguments.encoded
    spec = settings["intermediate"]["variants"][name]
    tasks = []
    wanted = [*spec["tasks"], *([TEXT] if spec.get("mlm") else [])]
    reasons = {task: missing.why(encoded / task) for task in wanted}
    for task in spec["tasks"]:
        if reasons[task]:
            print(f"  {name}: without {task}. {reasons[task]}", flush=True)
        else:
            tasks.append(params.task(settings, task))
    wanted_method = method([params.task(settings, task) for task in spec["tasks"]], None)
    if reasons.get(TEXT) or not tasks or method(tasks, None) != wanted_method:
        if params.first_rank():
            missing.leave(out, reasons.get(TEXT) or next(filter(None, reasons.values())))
        return
    bases = {task.base or task.name for task in tasks}
    train_variant(
        name,
        tasks,
        arguments.encoder,
        encoded,
        out,
        settings["study"],
        params.of_variant(settings, name),
        {base: params.of_variant(settings, name, base) for base in bases},
        spec,
    )


if __name__ == "__main__":
    run(main)
