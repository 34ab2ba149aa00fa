"""Target: encoders/<intermediate>/ + encoded/<task>/  ->  cells/<intermediate>-<task>/

In   the encoder of phase 1 (or `none`), the encoded training task and the targets that it is
     evaluated on (squad: xquad and mlqa; the others: themselves), `target.*`, `span.*`, `engine.*`.
Out  a folder a seed: predictions/<target>/<language>.parquet in every language (id, gold label,
     predicted label, in the data's order; logits of pairs), cell.json, and model/ where
     `target.keep_models` is true.
Run  python -m stages.target mnli xnli           (or under torchrun for several ranks)
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from stages import params
from stages.errors import UserError, run
from stages.tasks import Task
from stages.writing import replacing_folder


def train_target(
    intermediate: str,
    task: Task,
    targets: Sequence[Task],
    seed: int,
    encoder: Path,
    encoded: Path,
    folder: Path,
    study: str,
    settings: dict[str, Any],
) -> None:
    """Fine-tune on a task's English training set, predict all languages of its targets."""
    check_inputs(targets, encoded)
    import pyarrow.parquet as pq

    from stages.learning.cell import learn

    with learn(
        task,
        encoder=encoder,
        encoded=encoded,
        study=study,
        settings=settings,
        seed=seed,
        name=f"{intermediate} -> {task.name} · seed {seed}",
        tags={"intermediate": intermediate, "target": task.name},
    ) as trained:
        model = folder / "model"
        trained.write(model)
        for target in targets:
            for language in target.languages:
                predictions, scores = trained.predict(
                    target, language, settings.get("evaluation_examples")
                )
                if trained.recorder is None:
                    continue
                path = folder / "predictions" / target.name / f"{language}.parquet"
                path.parent.mkdir(parents=True, exist_ok=True)
                pq.write_table(predictions, path, compression="zstd")
                place = f"{target.name}/{language}"
                trained.recorder.point(0, {f"{place}/{name}": v for name, v in scores.items()})
                values = "  ".join(f"{name} {value:.1f}" for name, value in scores.items())
                print(f"  {place}  {values}", flush=True)
        if trained.recorder is None:
            return
        cell = {
            "method": "plain",
            "intermediate": intermediate,
            "target": task.name,
            "seed": seed,
            "split": targets[0].evaluated,
            "splits": {target.name: target.evaluated for target in targets},
            "same_data": is_same_data(intermediate, task, targets),
            "encoder": trained.record["encoder"],
            "stand_in": trained.record["randomly_initialised"],
            "development": trained.record["development"],
            "best_step": trained.record["best_step"],
        }
        (folder / "cell.json").write_text(json.dumps(cell, indent=1, sort_keys=True) + "\n")
        trained.recorder.artifacts(model, "model")
        if not settings["keep_models"]:
            shutil.rmtree(model)


def is_same_data(intermediate: str, task: Task, targets: Sequence[Task]) -> bool:
    """Whether the cell means more epochs on the same rows, not transfer."""
    return intermediate == task.name or any(
        intermediate in record.same_data for record in (task, *targets)
    )


def check_inputs(targets: Sequence[Task], encoded: Path) -> None:
    """Refuse to train where a language could not be predicted afterwards.

    Raises
    ------
    UserError
        Names the languages that are missing and how to leave them out.
    """
    for target in targets:
        missing = [
            language
            for language in target.languages
            if not (encoded / target.name / language / f"{target.evaluated}.parquet").exists()
        ]
        if missing:
            raise UserError(
                f"{encoded}/{target.name} lacks {target.evaluated}.parquet in "
                f"{', '.join(missing)}: encode it (`dvc repro encode@{target.name}`), or name the "
                f"languages that there are in data.languages.{target.name} of params.yaml."
            )


def main() -> None:
    """Train one target from one encoder, with every seed of the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("intermediate", help="an intermediate task, or none")
    parser.add_argument("task", help="the training task: squad stands for xquad and mlqa")
    parser.add_argument("--encoder", type=Path, help="encoders/<intermediate> if left out")
    parser.add_argument("--encoded", type=Path, default=Path("encoded"))
    parser.add_argument("--out", type=Path, help="cells/<intermediate>-<task> if left out")
    arguments = parser.parse_args()
    settings = params.read()
    intermediate = arguments.intermediate
    task = params.task(settings, arguments.task)
    targets = [params.task(settings, name) for name in task.evaluates()]
    if task.trained_on:
        raise UserError(
            f"{task.name} is evaluated by the cell of {task.trained_on}: name {task.trained_on}."
        )
    if not targets:
        raise UserError(
            f"{task.name} is evaluated in no language: name a target task (see `target.tasks`)."
        )
    encoder = arguments.encoder or Path("encoders") / intermediate
    out = arguments.out or Path("cells") / f"{intermediate}-{task.name}"
    engine = params.of_cell(settings, "target", task.name)
    finished = finished_folder(intermediate, task, targets, encoder, arguments.encoded, engine)
    for seed in settings["target"]["seeds"]:
        folder = finished / f"seed-{seed}"
        if (folder / "cell.json").exists():
            print(f"  {intermediate} -> {task.name} · seed {seed} was finished before", flush=True)
            continue
        # only the first rank writes
        writing = replacing_folder(folder) if params.first_rank() else nullcontext(folder)
        with writing as place:
            train_target(
                intermediate,
                task,
                targets,
                seed,
                encoder,
                arguments.encoded,
                place,
                settings["study"],
                engine,
            )
    if params.first_rank():
        with replacing_folder(out) as folder:
            for seed in settings["target"]["seeds"]:
                shutil.move(finished / f"seed-{seed}", folder / f"seed-{seed}")
        shutil.rmtree(finished)


def finished_folder(
    intermediate: str,
    task: Task,
    targets: Sequence[Task],
    encoder: Path,
    encoded: Path,
    settings: dict[str, Any],
) -> Path:
    """Where finished seeds wait for the others, so that a kill costs no finished seed."""
    from stages.learning import resume

    read = {
        target.name: {"languages": target.languages, "split": target.evaluated}
        for target in targets
    }
    facts = {"intermediate": intermediate, "task": task.name, "targets": read, "settings": settings}
    names = dict.fromkeys((task.name, *read))
    inputs = [path for name in names for path in (encoded / name).rglob("*.parquet")]
    inputs += encoder.glob("*.safetensors")
    return resume.ROOT / f"{intermediate}-{task.name}-{resume.key(facts, inputs)}"


if __name__ == "__main__":
    run(main)
