"""What pair and choice share: a classifier over pooled states, sentence by sentence if it may."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from stages.errors import UserError
from stages.learning.batches import Batch, Ragged, sentences
from stages.learning.encoder import states, states_read
from stages.learning.predict import collect
from stages.learning.xlmr import XLMR

PAIRS_AT_A_TIME = 4096


def refuse_half(task: str, settings: dict[str, Any]) -> None:
    """Refuse a combination that sees one of the two texts only."""
    if (settings.get("pooling"), settings.get("encoding")) == ("first", "separate"):
        raise UserError(
            f"params.yaml: {task} needs encoding: joint with pooling: first, for the state of <s> "
            "knows its own sequence only; or pooling: segments."
        )


class Classifier(nn.Module):
    """Classify two texts.

    `pooling="first"` is XLM-R's own head and the paper's: the state of `<s>`, a dense layer with
    tanh, the classes. `pooling="segments"` compares the two mean-pooled texts u and v as
    [u, v, |u - v|, u * v] (InferSent, arXiv 1705.02364), which a small encoder needs.
    """

    def __init__(self, encoder: XLMR, classes: int, pooling: str, dropout: float):
        super().__init__()
        size = encoder.config.hidden_size
        self.pooling = pooling
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(size if pooling == "first" else 4 * size, size)
        self.out = nn.Linear(size, classes)
        for layer in (self.dense, self.out):
            nn.init.normal_(layer.weight, std=encoder.config.initializer_range)
            nn.init.zeros_(layer.bias)

    def firsts(self, batch: Batch) -> torch.Tensor:
        """Return the states at `batch.places`, (places, size)."""
        return states_read(self.encoder, batch)

    def means(self, batch: Batch) -> torch.Tensor:
        """Return the mean state of every part, (parts, size)."""
        return mean_by_part(states(self.encoder, batch), batch.parts)

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Return logits of pooled features, float (rows, classes)."""
        return self.out(self.dropout(torch.tanh(self.dense(self.dropout(features)))))


def mean_by_part(states: torch.Tensor, parts: torch.Tensor) -> torch.Tensor:
    """Mean of each of n parts that lie end to end; (T, size) and int64 (n) give (n, size)."""
    return torch.segment_reduce(states.float(), "mean", lengths=parts, unsafe=True).to(states.dtype)


def compare(u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """[u, v, |u - v|, u * v]; twice (rows, size) gives (rows, 4 x size)."""
    return torch.cat([u, v, (u - v).abs(), u * v], dim=-1)


def logits_by_sentence(
    module: Classifier,
    first: Ragged,
    second: Ragged,
    settings: dict[str, Any],
    device: torch.device,
) -> np.ndarray:
    """Return logits, float32 (len(second), classes), of texts that are encoded one by one.

    Row i of `second` goes with row i // k of `first`, k being how often `first` fits in. Each
    distinct text goes through the encoder once: XNLI has three hypotheses for a premise.
    """
    numbers: dict[bytes, int] = {}
    rows: list[int] = []  # of each distinct text, the second side's after the first's
    sides = []
    for side, before in ((first, 0), (second, len(first))):
        known = len(numbers)
        of_side = np.empty(len(side), dtype=np.int64)
        for row in range(len(side)):
            number = numbers.setdefault(side[row].tobytes(), known)
            of_side[row] = number
            if number == known:
                rows.append(before + row)
                known += 1
        sides.append(of_side)
    texts = Ragged(
        np.concatenate([first.values[: first.ends[-1]], second.values[: second.ends[-1]]]),
        np.concatenate([first.ends, first.ends[-1] + second.ends[1:]]),
    ).take(np.array(rows))
    means = torch.from_numpy(
        collect(
            np.minimum(texts.lengths + 2, settings["max_length"]),
            settings["prediction_tokens"],
            lambda which: module.means(sentences(texts, which, settings["max_length"]).to(device)),
        )
    )
    kind = module.dense.weight.dtype
    pairs = np.stack([np.repeat(sides[0], len(second) // len(first)), sides[1]], axis=1)
    found = []
    for start in range(0, len(pairs), PAIRS_AT_A_TIME):
        u, v = means[torch.from_numpy(pairs[start : start + PAIRS_AT_A_TIME])].unbind(1)
        features = compare(u.to(device, kind), v.to(device, kind))
        found.append(module.classify(features).float().cpu().numpy())
    return np.concatenate(found)
