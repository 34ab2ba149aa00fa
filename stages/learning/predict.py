"""Predict: logits of every row of a split, in batches filled by a budget of tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from stages.learning.batches import Pairs, assemble, assemble_sentences, by_budget
from stages.learning.heads import compare

PAIRS_AT_A_TIME = 4096


@torch.no_grad()
def logits(
    engine: Any,
    pairs: Pairs,
    max_length: int,
    encoding: str,
    tokens: int,
    device: torch.device,
) -> np.ndarray:
    """Return logits, float32 (rows, classes), in the order of the data, on every rank.

    Where sentences are encoded one by one, each distinct sentence goes through the encoder once:
    XNLI has three hypotheses for a premise.
    """
    was_training = engine.training
    engine.eval()
    module = engine.module
    if encoding == "separate" and module.pooling == "segments":
        result = _by_sentence(module, pairs, max_length, tokens, device)
    else:
        result = _collect(
            pairs.widths(max_length),
            tokens,
            lambda rows: engine(assemble(pairs, rows, max_length, encoding).to(device)),
        )
    engine.train(was_training)
    return result


def _by_sentence(
    module: Any, pairs: Pairs, max_length: int, tokens: int, device: torch.device
) -> np.ndarray:
    numbers: dict[bytes, int] = {}
    sides = [
        [numbers.setdefault(side[row].tobytes(), len(numbers)) for row in range(len(pairs))]
        for side in (pairs.first, pairs.second)
    ]
    sentences = [np.frombuffer(text, dtype=np.int32) for text in numbers]
    widths = np.array([min(len(sentence) + 2, max_length) for sentence in sentences])
    means = torch.from_numpy(
        _collect(
            widths,
            tokens,
            lambda rows: module.means(
                assemble_sentences([sentences[row] for row in rows], max_length).to(device)
            ),
        )
    )
    order = torch.tensor(sides).T.reshape(-1)  # first and second sentence of every row in turn
    kind = module.dense.weight.dtype
    parts = [
        module.classify(compare(means[chunk].to(device, kind))).float().cpu().numpy()
        for chunk in order.split(2 * PAIRS_AT_A_TIME)
    ]
    return np.concatenate(parts)


def _collect(
    widths: np.ndarray, tokens: int, run: Callable[[np.ndarray], torch.Tensor]
) -> np.ndarray:
    """Run every batch, this rank's share of them, and return all rows on every rank."""
    found = [
        (rows, run(rows).float().cpu().numpy()) for rows in _share(list(by_budget(widths, tokens)))
    ]
    gathered: list[Any] = [found]
    if torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1:
        gathered = [None] * torch.distributed.get_world_size()
        torch.distributed.all_gather_object(gathered, found)
    parts = [part for of_rank in gathered for part in of_rank]
    result = np.empty((len(widths), parts[0][1].shape[1]), dtype=np.float32)
    for rows, values in parts:
        result[rows] = values
    return result


def _share(batches: list[np.ndarray]) -> list[np.ndarray]:
    """This rank's batches; every rank gets as many, since ZeRO-3 gathers weights together."""
    if not torch.distributed.is_initialized():
        return batches
    rank, world = torch.distributed.get_rank(), torch.distributed.get_world_size()
    return [batches[min(s + rank, len(batches) - 1)] for s in range(0, len(batches), world)]
