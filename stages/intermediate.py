"""Intermediate: encoder/ + encoded/<task>/  ->  encoders/<task>/ (phase 1, one task a stage)

In   the encoder, the encoded English training and development sets, `intermediate.*` and
     `engine.*` of params.yaml.
Out  encoders/<task>/: an encoder that `AutoModel.from_pretrained` reads, its head, its card.
     `none` is the baseline: the encoder as it is.
Run  python -m stages.intermediate mnli          (or under torchrun for several ranks)
"""

from __future__ import annotations

import argparse
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from stages import params
from stages.errors import run
from stages.tasks import Task, missing
from stages.writing import replacing_folder


def copy_baseline(encoder: Path, out: Path) -> None:
    """Pass the encoder on untouched."""
    with replacing_folder(out) as folder:
        shutil.copytree(encoder, folder, dirs_exist_ok=True)


def train_intermediate(
    task: Task, encoder: Path, encoded: Path, out: Path, study: str, settings: dict[str, Any]
) -> None:
    """Fine-tune the encoder on one English intermediate task and write it to `out`."""
    from stages.learning import resume
    from stages.learning.cell import learn

    cell = f"intermediate-{task.name}"
    with learn(
        task,
        cell=cell,
        encoder=encoder,
        encoded=encoded,
        study=study,
        settings=settings,
        seed=settings["seed"],
        name=task.name,
        tags={"intermediate": task.name, "target": "none"},
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
    """Train one intermediate task, or pass the encoder on for `none`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", help="an intermediate task, or none")
    parser.add_argument("--encoder", type=Path, default=Path("encoder"))
    parser.add_argument("--encoded", type=Path, default=Path("encoded"))
    parser.add_argument("--out", type=Path, help="encoders/<task> if left out")
    arguments = parser.parse_args()
    out = arguments.out or Path("encoders") / arguments.task
    if arguments.task == "none":
        copy_baseline(arguments.encoder, out)
        return
    if reason := missing.why(arguments.encoded / arguments.task):
        if params.first_rank():
            missing.leave(out, reason)
        return
    settings = params.read()
    train_intermediate(
        params.task(settings, arguments.task),
        arguments.encoder,
        arguments.encoded,
        out,
        settings["study"],
        params.of_cell(settings, "intermediate", arguments.task),
    )


if __name__ == "__main__":
    run(main)
