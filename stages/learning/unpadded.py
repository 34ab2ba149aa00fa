"""Attention over sequences that lie end to end, so that no padding goes through the model.

A batch is T tokens. The feed-forward layers see nothing else; only attention has to know where a
sequence ends. On a GPU torch's variable-length FlashAttention does that. On a CPU neighbours of
the same length are attended to together, each such run as a view of the tokens: no padding, no
mask and no copy (against a padded grid: a third of the time for 32 pairs of XNLI).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

# the kernels behind scaled_dot_product_attention on a CPU, called without autograd in between
_FORWARD = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_BACKWARD = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


@dataclass(frozen=True)
class Run:
    """Neighbouring sequences with the same numbers of queries and of keys.

    `query`, `key` : the first of each, counted over the batch. `count` : sequences.
    `queries`, `keys` : of each sequence.
    """

    query: int
    key: int
    count: int
    queries: int
    keys: int


@dataclass(frozen=True)
class Pattern:
    """Who attends to whom: the tokens of n sequences that ask, and all of them as keys.

    `query_ends`, `key_ends` : int32 (n + 1), cumulative numbers from 0, on the batch's device.
    `most_queries`, `most_keys` : of one sequence. `runs` : the same for the CPU.
    """

    query_ends: torch.Tensor
    key_ends: torch.Tensor
    most_queries: int
    most_keys: int
    runs: tuple[Run, ...]

    @classmethod
    def of(cls, queries: np.ndarray, keys: np.ndarray) -> Pattern:
        """The pattern of sequences with these numbers of queries and keys."""
        query_ends, key_ends = ends_of(queries), ends_of(keys)
        changes = (np.diff(queries, prepend=-1) != 0) | (np.diff(keys, prepend=-1) != 0)
        firsts = np.flatnonzero(changes)
        columns = (
            query_ends[firsts],
            key_ends[firsts],
            np.diff(firsts, append=len(keys)),
            queries[firsts],
            keys[firsts],
        )
        runs = (Run(*row) for row in zip(*(c.tolist() for c in columns), strict=True))
        return cls(
            torch.from_numpy(query_ends.astype(np.int32)),
            torch.from_numpy(key_ends.astype(np.int32)),
            int(queries.max()),
            int(keys.max()),
            tuple(run for run in runs if run.queries),
        )

    def times(self, queries: int) -> Pattern:
        """The pattern in which every token that asks does so `queries` times."""
        runs = (
            replace(run, query=run.query * queries, queries=run.queries * queries)
            for run in self.runs
        )
        ends, most = self.query_ends * queries, self.most_queries * queries
        return replace(self, query_ends=ends, most_queries=most, runs=tuple(runs))


@dataclass(frozen=True)
class Layout:
    """Where each of n sequences lies among T tokens, and how the encoder goes through them.

    `ends` : int32 (n + 1), cumulative lengths from 0. `longest` : int, tokens of a sequence.
    `order` : int64 (T), the tokens in the order in which the encoder has them, sequences of one
    length side by side, and `back` its inverse; None where the batch has that order itself.
    `all` : the pattern in which every token asks. `read` : that of the last layer, where only the
    tokens at `places` ask, int64, in the encoder's order; `read_back` : int64, puts what is read in
    the order in which the batch names it, None where it is.
    """

    ends: torch.Tensor
    longest: int
    order: torch.Tensor | None
    back: torch.Tensor | None
    all: Pattern
    read: Pattern
    places: torch.Tensor
    read_back: torch.Tensor | None

    @classmethod
    def of(cls, lengths: np.ndarray, places: np.ndarray) -> Layout:
        """Lay out sequences of `lengths` tokens, each at least 1; a head reads at `places`."""
        ends = ends_of(lengths)
        order = back = read_back = None
        kept = lengths
        if np.count_nonzero(np.diff(lengths)) >= len(np.unique(lengths)):
            sorting = np.argsort(lengths, kind="stable")
            kept = lengths[sorting]
            order = np.repeat(ends[sorting] - ends_of(kept)[:-1], kept) + np.arange(ends[-1])
            back = np.empty_like(order)
            back[order] = np.arange(len(order))
            places = back[places]
        if np.any(np.diff(places) < 0):
            ascending = np.argsort(places, kind="stable")
            read_back = np.empty_like(ascending)
            read_back[ascending] = np.arange(len(ascending))
            places = places[ascending]
        asked = np.diff(np.searchsorted(places, ends_of(kept)))
        return cls(
            torch.from_numpy(ends.astype(np.int32)),
            int(lengths.max()),
            _tensor(order),
            _tensor(back),
            Pattern.of(kept, kept),
            Pattern.of(asked, kept),
            torch.from_numpy(places),
            _tensor(read_back),
        )

    def to(self, device: torch.device) -> Layout:
        """The same layout on another device."""
        return _moved(self, device)


def _moved(here: Any, device: torch.device) -> Any:
    """A copy whose tensors are on `device`."""
    changes: dict[str, Any] = {}
    for name, value in vars(here).items():
        if isinstance(value, torch.Tensor):
            changes[name] = value.to(device, non_blocking=True)
        elif isinstance(value, Pattern):
            changes[name] = _moved(value, device)
    return replace(here, **changes)


def _tensor(values: np.ndarray | None) -> torch.Tensor | None:
    return None if values is None else torch.from_numpy(values)


def ends_of(lengths: np.ndarray) -> np.ndarray:
    """Lengths to cumulative ends from 0, int64 (n + 1)."""
    ends = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=ends[1:])
    return ends


def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    pattern: Pattern,
    scale: float | None = None,
) -> torch.Tensor:
    """Attend within each sequence.

    query : (queries, heads, size of a head); key, value : (T, heads, size of a head).
    scale : of the scores; the root of the size of a head, inverted, where it is left out.
    Returns the shape of `query`. Attention dropout is not applied: FlashAttention for variable
    lengths has none, and the result must not depend on the device.
    """
    mixed: Any
    if not query.is_cuda:
        # in half precision the backward kernel is five times as slow
        mixed = _ByRuns.apply(query.float(), key.float(), value.float(), pattern.runs, scale)
        mixed = mixed.to(query.dtype)
    elif query.dtype == torch.float32:
        # FlashAttention takes half precision only
        mixed = by_sdpa(query, key, value, pattern, scale)
    else:
        from torch.nn.attention.varlen import varlen_attn

        mixed = varlen_attn(
            query,
            key,
            value,
            pattern.query_ends,
            pattern.key_ends,
            pattern.most_queries,
            pattern.most_keys,
            scale=scale,
        )
    assert isinstance(mixed, torch.Tensor)
    return mixed


def by_sdpa(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    pattern: Pattern,
    scale: float | None = None,
) -> torch.Tensor:
    """The same run by run through torch's public attention, on any device and in any precision."""
    parts = [
        scaled_dot_product_attention(
            _queries(query, run), _keys(key, run), _keys(value, run), scale=scale
        )
        .transpose(1, 2)
        .flatten(0, 1)
        for run in pattern.runs
    ]
    return torch.cat(parts)


class _ByRuns(torch.autograd.Function):
    """Attention on the CPU, run by run."""

    @staticmethod
    def forward(
        context: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        runs: tuple[Run, ...],
        scale: float | None,
    ) -> torch.Tensor:
        mixed = _blank(query, [(run.query, run.count * run.queries) for run in runs])
        sums = []
        for run in runs:
            output, log_sum = _FORWARD(
                _queries(query, run), _keys(key, run), _keys(value, run), 0.0, False, scale=scale
            )
            _queries(mixed, run).copy_(output)
            sums.append(log_sum)
        context.save_for_backward(query, key, value, mixed, *sums)
        context.runs, context.scale = runs, scale
        return mixed

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        query, key, value, mixed, *sums = context.saved_tensors
        gradient = gradient.contiguous()
        asked = [(run.query, run.count * run.queries) for run in context.runs]
        answered = [(run.key, run.count * run.keys) for run in context.runs]
        found = [_blank(query, asked), _blank(key, answered), _blank(value, answered)]
        for run, log_sum in zip(context.runs, sums, strict=True):
            parts = _BACKWARD(
                _queries(gradient, run),
                _queries(query, run),
                _keys(key, run),
                _keys(value, run),
                _queries(mixed, run),
                log_sum,
                0.0,
                False,
                scale=context.scale,
            )
            _queries(found[0], run).copy_(parts[0])
            _keys(found[1], run).copy_(parts[1])
            _keys(found[2], run).copy_(parts[2])
        return *found, None, None


def _blank(like: torch.Tensor, stretches: list[tuple[int, int]]) -> torch.Tensor:
    """A tensor to be filled in `stretches` (first row, rows); what no stretch covers is zero."""
    found = torch.empty(like.shape, dtype=like.dtype)
    covered = 0
    for first, rows in stretches:
        if first > covered:  # a sequence that asks for nothing
            found[covered:first].zero_()
        covered = first + rows
    found[covered:].zero_()
    return found


def _queries(tensor: torch.Tensor, run: Run) -> torch.Tensor:
    """The queries of one run, (sequences, heads, queries, size of a head), without a copy."""
    stretch = tensor.narrow(0, run.query, run.count * run.queries)
    return stretch.unflatten(0, (run.count, run.queries)).transpose(1, 2)


def _keys(tensor: torch.Tensor, run: Run) -> torch.Tensor:
    """The keys of one run, (sequences, heads, keys, size of a head), without a copy."""
    stretch = tensor.narrow(0, run.key, run.count * run.keys)
    return stretch.unflatten(0, (run.count, run.keys)).transpose(1, 2)
