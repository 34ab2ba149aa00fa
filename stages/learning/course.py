"""Courses: what every optimizer step trains on, and the development data that decides.

What step k trains on depends on the seed and k alone, so a run goes on at any step, on any number
of ranks, without the state of a sampler.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from stages.learning.batches import Batch, evenly, training_rows
from stages.learning.heads import Examples, Head


@dataclass(frozen=True)
class Draw:
    """What one optimizer step trains on: `rows` of `examples`, the same on every rank.

    `widths` : tokens of every example. `part` : which of several heads it is for.
    """

    head: Head
    examples: Any
    rows: np.ndarray
    widths: np.ndarray
    part: int = 0

    @property
    def weight(self) -> int:
        """The items over which the step's loss is the mean."""
        return self.head.weight(self.examples, self.rows)

    def batch(self, rows: np.ndarray) -> Batch:
        """Lay some of the rows end to end."""
        found = self.head.batch(self.examples, rows)
        return found.of_part(self.part) if self.part else found


class Course(ABC):
    """`steps` : of the whole run."""

    steps: int

    @abstractmethod
    def draw(self, step: int) -> Draw:
        """What step `step` (from 0) trains on."""

    @abstractmethod
    def develop(self, engine: Any, device: torch.device) -> dict[str, float]:
        """Measure on development data: `development`, in percent, and what it is the mean of."""


def total_steps(settings: dict[str, Any], rows: int) -> int:
    """Optimizer steps of a run: its epochs, cut at `max_steps` where that is given."""
    steps = -(-rows * settings["epochs"] // settings["batch_size"])
    steps = round(steps) if steps >= 1 else 1
    return min(steps, settings["max_steps"]) if settings["max_steps"] else steps


class OneTask(Course):
    """The training set of one head, epoch after epoch."""

    def __init__(
        self,
        head: Head,
        training: Any,
        development: Examples,
        settings: dict[str, Any],
        seed: int,
    ):
        self.head, self.settings, self.seed = head, settings, seed
        self.training, self.widths = training, head.widths(training)
        self.steps = total_steps(settings, len(training))
        wanted = evenly(len(development), settings["selection_examples"])
        self.development = development.take(wanted)

    def draw(self, step: int) -> Draw:
        rows = training_rows(len(self.training), step, self.settings["batch_size"], self.seed)
        return Draw(self.head, self.training, rows, self.widths)

    def develop(self, engine: Any, device: torch.device) -> dict[str, float]:
        predictions = self.head.predict(engine, self.development, device)
        scores = self.head.score(predictions, self.head.task.name, "en")
        return {"development": next(iter(scores.values()))}
