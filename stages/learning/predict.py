"""Predict: logits of every row of a split, in batches filled by a budget of tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from stages.learning.batches import Pairs, assemble, by_budget


@torch.no_grad()
def logits(
    engine: Any,
    pairs: Pairs,
    max_length: int,
    encoding: str,
    tokens: int,
    device: torch.device,
) -> np.ndarray:
    """Return logits, float32 (rows, classes), in the order of the data, on every rank."""
    was_training = engine.training
    engine.eval()
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for rows in _share(list(by_budget(pairs, tokens, max_length))):
        batch = assemble(pairs, rows, max_length, encoding).to(device)
        found.append((rows, engine(batch).float().cpu().numpy()))
    engine.train(was_training)
    gathered: list = [found]
    if torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1:
        gathered = [None] * torch.distributed.get_world_size()
        torch.distributed.all_gather_object(gathered, found)
    parts = [part for of_rank in gathered for part in of_rank]
    result = np.empty((len(pairs), parts[0][1].shape[1]), dtype=np.float32)
    for rows, values in parts:
        result[rows] = values
    return result


def _share(batches: list[np.ndarray]) -> Iterator[np.ndarray]:
    """This rank's batches; every rank gets as many, since ZeRO-3 gathers weights together."""
    if not torch.distributed.is_initialized():
        yield from batches
        return
    rank, world = torch.distributed.get_rank(), torch.distributed.get_world_size()
    for start in range(0, len(batches), world):
        yield batches[min(start + rank, len(batches) - 1)]
