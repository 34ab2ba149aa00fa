"""Target: encoders/<intermediate>/ + encoded/<task>/  ->  cells/<intermediate>-<task>/

In   the encoder of phase 1 (or `none`), the encoded training task and the targets that it is
     evaluated on (squad: xquad and mlqa; the others: themselves), `target.*`, `span.*`, `engine.*`.
Out  a folder a seed: predictions/<target>/<language>.parquet in every language (id, gold label,
     predicted label, in the data's order; logits of pairs), cell.json, and model/ of the seeds
     that `target.keep_models` says: none, the best on the development set, or all.
Run  python -m stages.target mnli xnli           (or under torchrun for several ranks)
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages import params
from stages.errors import UserError, run
from stages.tasks import Task, missing
from stages.tasks.table import repeats
from stages.tasks.translations import TRAIN
from stages.tasks.variants import PLAIN, joined, origin
from stages.writing import replacing, replacing_folder

if TYPE_CHECKING:
    from stages.learning.cell import Trained


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
    left_out: Mapping[str, str] | None = None,
) -> None:
    """Fine-tune on a task's training set, predict all languages of its targets.

    Predictions that `folder` holds already, from a run that was killed, are kept; cell.json is
    written last. left_out : translated targets that the user has not brought, and why.
    """
    check_inputs(targets, encoded)
    from stages.learning.cell import learn
    from stages.learning.lesson import one_task

    before, sources = origin(intermediate, encoder)
    method = joined(before, TRAIN if task.translated else PLAIN)
    with learn(
        partial(one_task, task, encoded, settings, seed),
        cell=f"{state_of(intermediate, task)}/seed-{seed}",
        encoder=encoder,
        encoded=encoded,
        study=study,
        settings=settings,
        seed=seed,
        name=f"{intermediate} -> {task.name} · seed {seed}",
        tags={"intermediate": intermediate, "target": task.name, "method": method},
    ) as trained:
        model = folder / "model"
        with replacing_folder(model) if trained.first_rank else nullcontext(model) as place:
            trained.write(place)
        predict(trained, targets, folder / "predictions", settings.get("evaluation_examples"))
        if trained.recorder:
            trained.recorder.artifacts(model, "model")
            if settings["keep_models"] == "none":
                shutil.rmtree(model)
    if trained.first_rank:
        cell = {
            "method": method,
            "intermediate": intermediate,
            "tasks": sources,
            "target": task.name,
            "seed": seed,
            "split": targets[0].evaluated,
            "splits": {target.name: target.evaluated for target in targets},
            "same_data": any(repeats(sources, target.name) for target in targets),
            "encoder": trained.record["encoder"],
            "stand_in": trained.record["randomly_initialised"],
            "development": trained.record["development"],
            "best_step": trained.record["best_step"],
            **({"left_out": dict(left_out)} if left_out else {}),
        }
        with replacing(folder / "cell.json") as path:
            path.write_text(json.dumps(cell, indent=1, sort_keys=True) + "\n")
    trained.state.clear()


def predict(trained: Trained, targets: Sequence[Task], folder: Path, wanted: int | None) -> None:
    """Write the predictions in every language that `folder` lacks, and log the scores of all."""
    import pyarrow.parquet as pq

    from stages.learning.engine import from_first_rank

    there = from_first_rank([path.relative_to(folder) for path in folder.rglob("*.parquet")])
    for target in targets:
        for language in target.languages:
            path = folder / target.name / f"{language}.parquet"
            if path.relative_to(folder) in there:
                if not trained.first_rank:
                    continue
                predictions = pq.read_table(path)
            else:
                predictions = trained.predict(target, language, wanted)
                if not trained.first_rank:
                    continue
                with replacing(path) as temporary:
                    pq.write_table(predictions, temporary, compression="zstd")
            scores = trained.score(predictions, target.name, language)
            place = f"{target.name}/{language}"
            if trained.recorder:
                trained.recorder.point(0, {f"{place}/{name}": v for name, v in scores.items()})
            values = "  ".join(f"{name} {value:.1f}" for name, value in scores.items())
            print(f"  {place}  {values}", flush=True)


def keep_best(folder: Path) -> None:
    """Of the models of a cell's seeds, keep the one with the highest development score."""
    scores = {
        path.parent: json.loads(path.read_text())["development"]
        for path in sorted(folder.glob("seed-*/cell.json"))
    }
    best = max(scores, key=lambda seed: scores[seed])
    for seed in scores:
        if seed != best:
            shutil.rmtree(seed / "model", ignore_errors=True)


def state_of(intermediate: str, task: Task) -> str:
    """The folder under .state/ of a cell that is not finished."""
    return f"target-{intermediate}-{task.name}"


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
    left_out = {
        target.name: reason
        for target in targets
        if target.translated and (reason := missing.why(arguments.encoded / target.name))
    }
    if len(left_out) < len(targets):  # what people translated is evaluated without them
        targets = [target for target in targets if target.name not in left_out]
    names = read_by(task, targets)
    for place in (encoder, *(arguments.encoded / name for name in names)):
        if reason := missing.why(place):
            if params.first_rank():
                missing.leave(out, reason)
            return
    from stages.learning.engine import from_first_rank, join_ranks

    engine = params.of_cell(settings, "target", task.name)
    finished = finished_folder(intermediate, task, targets, encoder, arguments.encoded, engine)
    join_ranks()  # the first rank's disk says what is finished: others may have their own
    for seed in settings["target"]["seeds"]:
        folder = finished / f"seed-{seed}"
        if from_first_rank((folder / "cell.json").exists()):
            if params.first_rank():
                print(f"  {intermediate} -> {task.name} · seed {seed} was finished before")
            continue
        train_target(
            intermediate,
            task,
            targets,
            seed,
            encoder,
            arguments.encoded,
            folder,
            settings["study"],
            engine,
            left_out,
        )
    if params.first_rank():
        from stages.learning import resume

        with replacing_folder(out) as folder:
            for seed in settings["target"]["seeds"]:
                shutil.copytree(finished / f"seed-{seed}", folder / f"seed-{seed}")
            if settings["target"]["keep_models"] == "best":
                keep_best(folder)
        resume.finish(state_of(intermediate, task))


def read_by(task: Task, targets: Sequence[Task]) -> list[str]:
    """The folders of encoded/ that a cell reads: a translated set is selected on its base's."""
    names = (task.name, task.base, *(target.name for target in targets))
    return [name for name in dict.fromkeys(names) if name]


def finished_folder(
    intermediate: str,
    task: Task,
    targets: Sequence[Task],
    encoder: Path,
    encoded: Path,
    settings: dict[str, Any],
) -> Path:
    """Where seeds are written and wait for the others, so that a kill costs none of them."""
    from stages.learning import resume

    read = {
        target.name: {"languages": target.languages, "split": target.evaluated}
        for target in targets
    }
    outputs = ("keep_models", "checkpoint_precision", "evaluation_examples")
    facts = {
        "intermediate": intermediate,
        "task": task.name,
        "targets": read,
        "outputs": {name: settings.get(name) for name in outputs},
    }
    names = read_by(task, targets)
    inputs = [path for name in names for path in (encoded / name).rglob("*.parquet")]
    inputs += encoder.glob("*.safetensors")
    room = resume.ROOT / state_of(intermediate, task) / "finished"
    folder = room / resume.key(facts, settings, inputs)
    if params.first_rank():
        folder.mkdir(parents=True, exist_ok=True)
        resume.keep_latest(folder)
    return folder


if __name__ == "__main__":
    run(main)
