"""One cell: read, train, select; both training stages begin here and differ in what they write."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from stages import tracking
from stages.errors import UserError
from stages.learning import encoder as encoders
from stages.learning import resume
from stages.learning.batches import evenly
from stages.learning.engine import join_ranks
from stages.learning.heads import Head, head_of
from stages.learning.train import Outcome, total_steps, train
from stages.tasks import Task


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
    first_rank: bool

    def write(self, folder: Path) -> None:
        """Write the encoder, its head and its record; every rank takes part."""
        encoders.write(
            self.outcome.engine,
            self.source,
            folder,
            self.settings["checkpoint_precision"],
            self.record,
        )

    def predict(
        self, target: Task, language: str, wanted: int | None = None
    ) -> tuple[pa.Table, dict[str, float]]:
        """Return the predictions on the evaluated split of one language, and their scores.

        wanted : rows at most, evenly spaced; all of them for None.
        """
        path = self.encoded / target.name / language / f"{target.evaluated}.parquet"
        examples = self.head.read(path)
        if wanted is not None:
            examples = examples.take(evenly(len(examples), wanted))
        _, _, device = join_ranks()
        predictions = self.head.predict(self.outcome.engine, examples, device)
        return predictions, self.head.score(predictions, target.name, language)


@contextmanager
def learn(
    task: Task,
    *,
    encoder: Path,
    encoded: Path,
    study: str,
    settings: dict[str, Any],
    seed: int,
    name: str,
    tags: dict[str, str],
) -> Iterator[Trained]:
    """Train one cell and hand it over; the MLflow run stays open until the block ends."""
    import torch

    rank, world, _ = join_ranks()
    if settings["batch_size"] % (world * settings["accumulation"]):
        raise UserError(
            f"batch_size {settings['batch_size']} (params.yaml) does not divide over {world} ranks "
            f"x accumulation {settings['accumulation']}; expected a multiple of "
            f"{world * settings['accumulation']}."
        )
    encoders.check_length(encoder, settings["max_length"])
    head = head_of(labelled(task, encoded), settings)
    torch.manual_seed(seed)
    folder = encoded / task.name / "en"
    training = head.read(folder / "train.parquet")
    development = head.read(folder / "validation.parquet")
    begun = time.monotonic()
    model = head.build(encoders.read(encoder, settings))
    steps = total_steps(settings, len(training))
    stand_in = encoders.is_stand_in(encoder)
    say = _progress(name, steps) if rank == 0 else (lambda entry: None)

    facts = {"task": task.name, "seed": seed, "settings": settings, "ranks": world}
    inputs = [
        folder / "train.parquet",
        folder / "validation.parquet",
        *encoder.glob("*.safetensors"),
    ]
    state = resume.State(resume.key(facts, inputs), settings["save_minutes"])

    def train_with(recorder: tracking.Cell | None) -> Trained:
        def report(entry: dict[str, float]) -> None:
            say(entry)
            if recorder:
                step = int(entry["step"])
                recorder.point(step, {k: v for k, v in entry.items() if k != "step"})

        outcome = train(head, model, training, development, settings, seed, report, state)
        if recorder:
            spent = {f"seconds/{k}": v for k, v in outcome.seconds.items()}
            rate = outcome.tokens * world / max(sum(outcome.seconds.values()), 1e-9)
            recorder.point(outcome.steps, {**spent, "tokens_per_second": rate})
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
            head, outcome, encoder, encoded, settings, record, recorder, first_rank=rank == 0
        )

    if rank != 0:
        yield train_with(None)
        state.clear()
        return
    with tracking.cell(
        study,
        name,
        {"seed": str(seed), "method": "plain", "stand_in_encoder": str(stand_in).lower(), **tags},
        {**settings, "seed": seed, "steps": steps, "ranks": world},
        {f"{task.name}-train": folder},
    ) as recorder:
        recorder.point(0, {"seconds/load": time.monotonic() - begun})
        yield train_with(recorder)
    state.clear()


def labelled(task: Task, encoded: Path) -> Task:
    """The task with its labels: those of CCG are in a file beside the encoded data."""
    if task.labels or task.head != "tagging":
        return task
    labels = json.loads((encoded / task.name / "labels.json").read_text())
    return dataclasses.replace(task, labels=tuple(labels))


def _progress(name: str, steps: int) -> Callable[[dict[str, float]], None]:
    """Print a line now and then: step, loss, remaining time."""
    begun, last = time.monotonic(), [0.0]

    def say(entry: dict[str, float]) -> None:
        now = time.monotonic()
        step = int(entry["step"])
        if now - last[0] < 5 and step != steps and "development" not in entry:
            return
        last[0] = now
        left = (now - begun) / step * (steps - step)
        text = f"  {name}  step {step}/{steps}  loss {entry['loss']:.3f}  {left:.0f} s left"
        if "development" in entry:
            text += f"  English development {entry['development']:.1f}"
        print(text, file=sys.stderr, flush=True)

    return say
