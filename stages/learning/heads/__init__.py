"""Heads: what a task's rows look like to the model, what is learnt from them and predicted.

One module a head. The loop (`train.py`) and the cell (`cell.py`) know heads by this interface
only; an example is one row of the data, whatever the number of sequences it becomes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import torch
from torch import nn

from stages.errors import UserError
from stages.learning.batches import Batch
from stages.learning.xlmr import XLMR
from stages.tasks import Task

Files = Path | list[Path]  # several are read as one, row after row


class Examples(Protocol):
    """The rows of one encoded split."""

    def __len__(self) -> int: ...

    def take(self, rows: np.ndarray) -> Any:
        """The given rows only."""


class Head(ABC):
    """A head bound to its training task and the parameters of its run."""

    def __init__(self, task: Task, settings: dict[str, Any]):
        self.task = task
        self.settings = settings

    @abstractmethod
    def read(self, path: Files) -> Any:
        """Read one split that `stages.encode` wrote, or several as one (see `Examples`)."""

    @abstractmethod
    def build(self, encoder: XLMR) -> nn.Module:
        """Return encoder and head as one module: `module.encoder`, `module(batch)` -> outputs."""

    @abstractmethod
    def widths(self, examples: Any) -> np.ndarray:
        """Tokens of every example as it goes through the model, at most."""

    @abstractmethod
    def batch(self, examples: Any, rows: np.ndarray) -> Batch:
        """Lay the sequences of `rows` end to end."""

    @abstractmethod
    def weight(self, examples: Any, rows: np.ndarray) -> int:
        """The number of items over which `loss` sums for these rows.

        An optimizer step takes the mean over all its items, however ranks and accumulation
        divide its rows.
        """

    @abstractmethod
    def loss(self, outputs: Any, batch: Batch) -> torch.Tensor:
        """The sum of the losses of the items of a batch, in fp32."""

    @abstractmethod
    def predict(self, engine: Any, examples: Any, device: torch.device) -> pa.Table:
        """Return one row an example, in the data's order, on every rank.

        Columns: id, label (gold), prediction, and what else the head has to say.
        """

    @abstractmethod
    def score(self, predictions: pa.Table, target: str, language: str) -> dict[str, float]:
        """The metrics of `predictions` in percent, the main one first."""


def head_of(task: Task, settings: dict[str, Any]) -> Head:
    """Return the head that `task` is trained with.

    Raises
    ------
    UserError
        The task is not trained at all.
    """
    from stages.learning.heads.choice import Choice
    from stages.learning.heads.pair import Pair
    from stages.learning.heads.span import Span
    from stages.learning.heads.tagging import Tagging

    heads: dict[str, type[Head]] = {
        "pair": Pair,
        "choice": Choice,
        "tagging": Tagging,
        "span": Span,
    }
    if task.head not in heads:
        raise UserError(
            f"{task.name} is not trained ({task.head}): it belongs to retrieve.tasks of "
            "params.yaml, not to intermediate.tasks or target.tasks."
        )
    return heads[task.head](task, settings)
