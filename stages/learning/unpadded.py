"""Attention over sentences that lie end to end, so that no padding goes through the model.

A batch is one row of T tokens. The feed-forward layers see nothing else; only attention has to
know where a sentence ends. On a GPU torch's variable-length FlashAttention does that; on a CPU
the queries and keys are padded inside the attention call, which costs little because attention is
a small share of the work at these lengths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface

NAME = "unpadded"


@dataclass(frozen=True)
class Layout:
    """Where each of n sentences lies among T tokens.

    `ends` : int32 (n + 1), cumulative lengths from 0. `longest` : int, tokens.
    `places` : int64 (T), the place of each token in an n x longest grid.
    `mask` : bool (n, 1, 1, longest), True at tokens.
    """

    ends: torch.Tensor
    longest: int
    places: torch.Tensor
    mask: torch.Tensor

    @classmethod
    def of(cls, lengths: torch.Tensor) -> Layout:
        """Lay out sentences of `lengths` : int64 (n), tokens, each at least 1."""
        longest = int(lengths.max())
        grid = torch.arange(longest, device=lengths.device) < lengths[:, None]
        ends = torch.zeros(len(lengths) + 1, dtype=torch.int32, device=lengths.device)
        ends[1:] = lengths.cumsum(0)
        return cls(ends, longest, grid.flatten().nonzero().squeeze(1), grid[:, None, None, :])

    def to(self, device: torch.device) -> Layout:
        """The same layout on another device."""
        return Layout(
            self.ends.to(device, non_blocking=True),
            self.longest,
            self.places.to(device, non_blocking=True),
            self.mask.to(device, non_blocking=True),
        )


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    *,
    layout: Layout,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend within each sentence; query, key and value are (1, heads, T, size of a head).

    Returns (1, T, heads, size of a head). Attention dropout is not applied: FlashAttention for
    variable lengths has none, and the result must not depend on the device.
    """
    # (T, heads, size of a head)
    queries, keys, values = (tensor[0].transpose(0, 1) for tensor in (query, key, value))
    if query.is_cuda:
        from torch.nn.attention.varlen import varlen_attn

        mixed = varlen_attn(
            queries.contiguous(),
            keys.contiguous(),
            values.contiguous(),
            cu_seq_q=layout.ends,
            cu_seq_k=layout.ends,
            max_q=layout.longest,
            max_k=layout.longest,
            scale=scaling,
        )
        assert isinstance(mixed, torch.Tensor)
        return mixed.unsqueeze(0), None
    padded = scaled_dot_product_attention(
        _pad(queries, layout),
        _pad(keys, layout),
        _pad(values, layout),
        attn_mask=layout.mask,
        scale=scaling,
    )
    flat = padded.transpose(1, 2).flatten(0, 1)
    return flat.index_select(0, layout.places).unsqueeze(0), None


def _pad(tokens: torch.Tensor, layout: Layout) -> torch.Tensor:
    """(T, heads, size) to (n, heads, longest, size) with zeros where a sentence has ended."""
    count, (_, heads, size) = len(layout.ends) - 1, tokens.shape
    grid = tokens.new_zeros(count * layout.longest, heads, size)
    grid = grid.index_copy(0, layout.places, tokens)
    return grid.view(count, layout.longest, heads, size).transpose(1, 2)


def _no_mask(*_: Any, **__: Any) -> None:
    """The layout already says who sees whom."""


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, _no_mask)
