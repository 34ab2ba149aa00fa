"""Heads on top of an XLM-R encoder."""

from __future__ import annotations

import torch
from torch import nn
from transformers import XLMRobertaModel

from stages.learning.batches import Batch


class PairClassifier(nn.Module):
    """Classify pairs of sentences.

    `pooling="first"` is XLM-R's own head and the paper's: the state of `<s>`, a dense layer with
    tanh, the classes. `pooling="segments"` compares the two mean-pooled sentences u and v as
    [u, v, |u - v|, u * v] (InferSent, arXiv 1705.02364), which a small encoder needs.
    """

    def __init__(self, encoder: XLMRobertaModel, classes: int, pooling: str, dropout: float):
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

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return logits, float (rows, classes)."""
        if self.pooling == "first":
            return self.classify(self.states(batch)[batch.starts])
        return self.classify(compare(self.means(batch)))

    def states(self, batch: Batch) -> torch.Tensor:
        """Return the last hidden states, (T, size)."""
        output = self.encoder(
            input_ids=batch.tokens, position_ids=batch.positions, layout=batch.layout
        )
        return output.last_hidden_state[0]

    def means(self, batch: Batch) -> torch.Tensor:
        """Return the mean state of every part, (parts, size)."""
        return mean_by_part(self.states(batch), batch.parts)

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Return logits of pooled features, float (rows, classes)."""
        return self.out(self.dropout(torch.tanh(self.dense(self.dropout(features)))))


def mean_by_part(states: torch.Tensor, parts: torch.Tensor) -> torch.Tensor:
    """Mean of each of n parts that lie end to end; (T, size) and int64 (n) give (n, size)."""
    return torch.segment_reduce(states.float(), "mean", lengths=parts, unsafe=True).to(states.dtype)


def compare(parts: torch.Tensor) -> torch.Tensor:
    """[u, v, |u - v|, u * v] of neighbours; (2 x rows, size) gives (rows, 4 x size)."""
    u, v = parts.view(-1, 2, parts.shape[-1]).unbind(1)
    return torch.cat([u, v, (u - v).abs(), u * v], dim=-1)
