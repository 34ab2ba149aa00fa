"""One cell: read, train, select; both training stages begin here and differ in what they write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from stages import tracking
from stages.learning import encoder as encoders
from stages.learning import resume
from stages.learning.batches import evenly
from stages.learning.engine import join_ranks
from stages.learning.flops import matmul_peak
from stages.learning.heads import Head
from stages.learning.lesson import Lesson
from stages.learning.progress import Progress
from stages.learning.train import Outcome, follow
from stages.tasks import Task

WORK = ("data", "forward", "backward", "step")  # of the seconds, what training itself takes


@dataclass
class Trained:
    """A trained cell: what to predict with (a cell of one task), what to write, where to log."""

    head: Head | None
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
        assert self.head is not None
        path = self.encoded / target.name / language / f"{target.evaluated}.parquet"
        examples = self.head.read(path)
        if wanted is not None:
            examples = examples.take(evenly(len(examples), wanted))
        return self.head.predict(self.outcome.engine, examples, self.outcome.engine.device)

    def score(self, predictions: pa.Table, target: str, language: str) -> dict[str, float]:
        """The metrics of predictions, in percent, the main one first."""
        assert self.head is not None
        return self.head.score(predictions, target, language)


@contextmanager
def learn(
    teach: Callable[[], Lesson],
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

    teach : reads the lesson, after what can be refused without reading. cell : where its state is
    kept under .state/. name : what MLflow calls it. tags : among them the `method`.
    """
    rank, world, device = join_ranks()
    encoders.check_length(encoder, settings["max_length"])
    lesson = teach()
    lesson.check(world, settings["accumulation"])
    torch.manual_seed(seed)
    model = lesson.build(encoders.read(encoder, settings))
    steps = lesson.course.steps
    stand_in = encoders.is_stand_in(encoder)
    key = resume.key(dict(lesson.facts), settings, [*lesson.files, *encoder.glob("*.safetensors")])
    lesson.agree(key)
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
        outcome = follow(lesson.course, model, settings, seed, report, state, lines)
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
            "method": tags["method"],
            "tasks": [task.name for task in lesson.tasks],
            "task_versions": [task.version for task in lesson.tasks],
            "seed": seed,
            "rows": lesson.rows,
            "steps": len(outcome.curve),
            "best_step": outcome.best_step,
            "development": round(outcome.best, 4),
            "encoder": encoders.name(encoder),
            "randomly_initialised": stand_in,
            "settings": settings,
        }
        return Trained(
            lesson.head, outcome, encoder, encoded, settings, record, recorder, state, rank == 0
        )

    if rank != 0:
        yield train_with(None)
        return
    with tracking.cell(
        study,
        name,
        {"seed": str(seed), "stand_in_encoder": str(stand_in).lower(), **tags},
        {**settings, "seed": seed, "steps": steps, "ranks": world},
        {f"{path.parts[-3]}-train": path.parent for path in lesson.files},
        remember=state.folder / "mlflow-run",
    ) as recorder:
        yield train_with(recorder)


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
