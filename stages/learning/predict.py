"""Predict: every row once, in batches filled by a budget of tokens, shared by the ranks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from stages.learning.batches import by_budget, ends_of, runs


@contextmanager
def evaluating(engine: Any) -> Iterator[Any]:
    """Yield the engine's module, without dropout and gradients until the block ends."""
    was_training = engine.training
    engine.eval()
    with torch.no_grad():
        yield engine.module
    engine.train(was_training)


def collect(
    widths: np.ndarray,
    tokens: int,
    run: Callable[[np.ndarray], torch.Tensor],
    counts: np.ndarray | None = None,
) -> np.ndarray:
    """Run every batch, this rank's share of them, and return the results in the data's order.

    widths : tokens of every row, the measure of a batch; `tokens` is its budget.
    run : takes row numbers, returns (values, k), the values of the rows one after another.
    counts : values of every row; one each where it is left out.
    Returns float32 (values, k), on every rank.
    """
    counts = np.ones(len(widths), dtype=np.int64) if counts is None else counts
    found = [
        (rows, run(rows).float().cpu().numpy()) for rows in _share(list(by_budget(widths, tokens)))
    ]
    gathered: list[Any] = [found]
    if torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1:
        gathered = [None] * torch.distributed.get_world_size()
        torch.distributed.all_gather_object(gathered, found)
    parts = [part for of_rank in gathered for part in of_rank]
    ends = ends_of(counts)
    result = np.empty((ends[-1], parts[0][1].shape[1]), dtype=np.float32)
    for rows, values in parts:
        result[runs(ends[rows], counts[rows])] = values
    return result


def _share(batches: list[np.ndarray]) -> list[np.ndarray]:
    """This rank's batches; every rank gets as many, since ZeRO-3 gathers weights together."""
    if not torch.distributed.is_initialized():
        return batches
    rank, world = torch.distributed.get_rank(), torch.distributed.get_world_size()
    return [batches[min(s + rank, len(batches) - 1)] for s in range(0, len(batches), world)]
