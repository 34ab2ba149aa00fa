"""One cell: read, train, select; both training stages begin here and differ in what they write."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from stages import tracking
from stages.errors import UserError
from stages.learning import encoder as encoders
from stages.learning import resume
from stages.learning.batches import evenly
from stages.learning.engine import join_ranks
from stages.learning.flops import matmul_peak
from stages.learning.heads import Head, head_of
from stages.learning.progress import Progress
from stages.learning.train import Outcome, total_steps, train
from stages.tasks import Task
from stages.tasks.translations import TRAIN

WORK = ("data", "forward", "backward", "step")  # of the seconds, what training itself takes


@dataclass
class Trained:
    """A trained cell: what to predict with, what to write, where to log."""

    head: Head
    outcome: Outcome
    source: Path
    encoded: Path
    settings: dict[str, Any]
    record: dict[str, Any]
    recorder: tracking.Cell | None
    state: resume.State
    first_rank: bool

    def write(self, folder: Path) -> None:
        """Write the encoder, its head and its record; every rank takes part."""
        if self.first_rank:
            folder.mkdir(parents=True, exist_ok=True)
        encoders.write(
            self.outcome.engine,
            self.source,
            folder,
            self.settings["checkpoint_precision"],
            self.record,
        )

    def predict(self, target: Task, language: str, wanted: int | None = None) -> pa.Table:
        """Return the predictions on the evaluated split of one language; every rank takes part.

        wanted : rows at most, evenly spaced; all of them for None.
        """
        path = self.encoded / target.name / language / f"{target.evaluated}.parquet"
        examples = self.head.read(path)
        if wanted is not None:
            examples = examples.take(evenly(len(examples), wanted))
        return self.head.predict(self.outcome.engine, examples, self.outcome.engine.device)


@contextmanager
def learn(
    task: Task,
    *,
    cell: str,
    encoder: Path,
    encoded: Path,
    study: str,
    settings: dict[str, Any],
    seed: int,
    name: str,
    tags: dict[str, str],
) -> Iterator[Trained]:
    """Train one cell and hand it over; the MLflow run stays open until the block ends.

    cell : where its state is kept under .state/. name : what MLflow calls it.
    """
    rank, world, device = join_ranks()
    if settings["batch_size"] % (world * settings["accumulation"]):
        raise UserError(
            f"batch_size {settings['batch_size']} (params.yaml) does not divide over {world} ranks "
            f"x accumulation {settings['accumulation']}; expected a multiple of "
            f"{world * settings['accumulation']}."
        )
    encoders.check_length(encoder, settings["max_length"])
    head = head_of(labelled(task, encoded), settings)
    torch.manual_seed(seed)
    files = [*map(encoded.joinpath, task.training), encoded / task.development]
    training, development = head.read(files[:-1]), head.read(files[-1])
    model = head.build(encoders.read(encoder, settings))
    steps = total_steps(settings, len(training))
    stand_in = encoders.is_stand_in(encoder)
    facts = {"task": task.name, "version": task.version, "seed": seed}
    key = resume.key(facts, settings, [*files, *encoder.glob("*.safetensors")])
    state = resume.State(cell, key, settings["save_minutes"])
    state.forget_others()
    if rank == 0:
        resume.forget_finished(cell.split("/")[0])

    def train_with(recorder: tracking.Cell | None) -> Trained:
        reported = set()

        def report(entry: dict[str, float]) -> None:
            reported.add(entry["step"])
            if recorder:
                step = int(entry["step"])
                recorder.point(step, {k: v for k, v in entry.items() if k != "step"})

        lines = progress(name, steps, world, settings["precision"], device) if rank == 0 else None
        before = since_start()
        outcome = train(head, model, training, development, settings, seed, report, state, lines)
        for entry in outcome.curve:
            if entry["step"] not in reported:  # by the process that was killed, perhaps not either
                report(entry)
        if recorder:
            seconds = {"start": before, **outcome.seconds}
            working = sum(seconds.get(name, 0.0) for name in WORK)
            recorder.point(
                outcome.steps,
                {f"seconds/{k}": v for k, v in seconds.items()}
                | {"tokens_per_second": outcome.tokens * world / max(working, 1e-9)},
            )
        record = {
            "task": task.name,
            "task_version": task.version,
            "seed": seed,
            "rows": len(training),
            "steps": len(outcome.curve),
            "best_step": outcome.best_step,
            "development": round(outcome.best, 4),
            "encoder": encoders.name(encoder),
            "randomly_initialised": stand_in,
            "settings": settings,
        }
        return Trained(
            head, outcome, encoder, encoded, settings, record, recorder, state, rank == 0
        )

    if rank != 0:
        yield train_with(None)
        return
    with tracking.cell(
        study,
        name,
        {
            "seed": str(seed),
            "method": method_of(task),
            "stand_in_encoder": str(stand_in).lower(),
            **tags,
        },
        {**settings, "seed": seed, "steps": steps, "ranks": world},
        {f"{task.name}-train": files[0].parent},
        remember=state.folder / "mlflow-run",
    ) as recorder:
        yield train_with(recorder)


def method_of(task: Task) -> str:
    """What scores.csv says of a cell that trains on a task's own data, or on a translation."""
    return TRAIN if task.translated else "plain"


def labelled(task: Task, encoded: Path) -> Task:
    """The task with its labels: those of CCG are in a file beside the encoded data."""
    if task.labels or task.head != "tagging":
        return task
    labels = json.loads((encoded / task.name / "labels.json").read_text())
    return dataclasses.replace(task, labels=tuple(labels))


def progress(name: str, steps: int, world: int, precision: str, device: torch.device) -> Progress:
    """Progress lines, on a GPU with the share of what it reaches in a product of matrices."""
    peak = None
    if device.type == "cuda":
        kind = torch.bfloat16 if precision == "bf16" else torch.float32
        peak = matmul_peak(device, kind)
    return Progress(name, steps, world, peak)


def since_start() -> float:
    """Seconds since this process began: what imports and reading cost."""
    import psutil

    return time.time() - psutil.Process().create_time()
