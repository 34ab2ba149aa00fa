"""Batches: token ids laid end to end, and which rows go into which batch.

Every head reads its rows into `Ragged` columns and cuts sequences from them with `splice`; no
Python runs once a token.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import torch

from stages.learning.unpadded import Layout, ends_of

BOS, PAD, EOS = 0, 1, 2  # XLM-R's own numbers, in every XLM-R tokenizer
FIRST_POSITION = PAD + 1  # XLM-R counts positions from the padding index + 1


@dataclass(frozen=True)
class Ragged:
    """Rows of different lengths: row i is `values[ends[i]:ends[i + 1]]`."""

    values: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, column: pa.ChunkedArray | pa.Array) -> Ragged:
        """Take over a column of lists of numbers."""
        ends, values = _lists(column)
        return cls(values.to_numpy(), ends)

    @classmethod
    def of_cut(cls, cut: Cut) -> Ragged:
        """The stretches that `cut` names, as rows."""
        return cls(cut.values[runs(cut.begins, cut.lengths)], ends_of(cut.lengths))

    def __len__(self) -> int:
        return len(self.ends) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        return self.values[self.ends[row] : self.ends[row + 1]]

    @property
    def lengths(self) -> np.ndarray:
        """Values of every row."""
        return np.diff(self.ends)

    def take(self, rows: np.ndarray) -> Ragged:
        """The given rows only."""
        return Ragged.of_cut(self.cut(rows, self.ends[rows + 1] - self.ends[rows]))

    def cut(self, rows: np.ndarray, lengths: np.ndarray) -> Cut:
        """The first `lengths` values of the given rows, for `splice`."""
        return Cut(self.values, self.ends[rows], lengths)


@dataclass(frozen=True)
class Cut:
    """One stretch of `values` a sequence: `lengths` of them from `begins` on."""

    values: np.ndarray
    begins: np.ndarray
    lengths: np.ndarray


@dataclass(frozen=True)
class Batch:
    """Some sequences, laid end to end.

    `tokens`, `positions` : int64 (1, T). `layout` : where each sequence lies.
    `parts` : int64, the lengths of what is pooled or decoded together; they cover all T tokens in
    order. `places` : int64, the tokens whose states the head reads. What a part, a place and a
    label are is the head's to say. `labels` : int64. `part` : which of a model's heads it is for.
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    layout: Layout
    parts: torch.Tensor
    places: torch.Tensor
    labels: torch.Tensor
    part: int = 0

    def of_part(self, part: int) -> Batch:
        """The same batch for another head."""
        return replace(self, part=part)

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""

        def move(tensor: torch.Tensor) -> torch.Tensor:
            return tensor.to(device, non_blocking=True)

        return Batch(
            move(self.tokens),
            move(self.positions),
            self.layout.to(device),
            move(self.parts),
            move(self.places),
            move(self.labels),
            self.part,
        )


def nested(column: pa.ChunkedArray) -> tuple[np.ndarray, Ragged]:
    """Take over a column of lists of lists of numbers: ends of the rows among the inner lists."""
    ends, lists = _lists(column)
    return ends, Ragged.of(lists)


def _lists(column: pa.ChunkedArray | pa.Array) -> tuple[np.ndarray, pa.Array]:
    """Cumulative lengths from 0, int64 (n + 1), and the values of a column of lists."""
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.chunks else column.combine_chunks()
    ends = column.offsets.to_numpy().astype(np.int64)
    return ends - ends[0], column.flatten()


def lay_out(
    tokens: np.ndarray,
    lengths: np.ndarray,
    parts: np.ndarray,
    places: np.ndarray,
    labels: np.ndarray | None = None,
) -> Batch:
    """Make a batch of sequences of `lengths` tokens that `tokens` holds one after another."""
    begins = np.repeat(np.cumsum(lengths) - lengths, lengths)
    positions = np.arange(len(tokens)) - begins + FIRST_POSITION
    labels = np.empty(0) if labels is None else labels
    return Batch(
        torch.from_numpy(tokens)[None],
        torch.from_numpy(positions)[None],
        Layout.of(lengths.astype(np.int64), places.astype(np.int64)),
        torch.from_numpy(parts.astype(np.int64)),
        torch.from_numpy(places.astype(np.int64)),
        torch.from_numpy(labels.astype(np.int64)),
    )


def splice(count: int, *pieces: Sequence[int] | Cut) -> tuple[np.ndarray, np.ndarray]:
    """Write `count` sequences, each made of the same pieces in order, one after another.

    pieces : fixed token ids, or a `Cut` with a stretch of ids for each sequence.
    Returns the ids, int64 (T), and the length of each piece of each sequence, (count, pieces).
    """
    widths = np.stack(
        [
            piece.lengths if isinstance(piece, Cut) else np.full(count, len(piece))
            for piece in pieces
        ],
        axis=1,
    )
    begins = (np.cumsum(widths.ravel()) - widths.ravel()).reshape(widths.shape)
    tokens = np.empty(int(widths.sum()), dtype=np.int64)
    for column, piece in enumerate(pieces):
        if isinstance(piece, Cut):
            into = runs(begins[:, column], piece.lengths)
            tokens[into] = piece.values[runs(piece.begins, piece.lengths)]
        else:
            for offset, token in enumerate(piece):
                tokens[begins[:, column] + offset] = token
    return tokens, widths


def sentences(rows: Ragged, which: np.ndarray, max_length: int) -> Batch:
    """Lay single sentences end to end, each `<s> a </s>`; one part a sentence, no labels."""
    kept = np.minimum(rows.lengths[which], max_length - 2)
    tokens, _ = splice(len(which), [BOS], rows.cut(which, kept), [EOS])
    lengths = kept + 2
    return lay_out(tokens, lengths, lengths, np.cumsum(lengths) - lengths)


def runs(begins: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """`begins[i]`, `begins[i] + 1`, ... (`lengths[i]` numbers) for every i, one after another."""
    ends = ends_of(lengths)
    return np.arange(ends[-1]) + np.repeat(begins - ends[:-1], lengths)


def truncate(
    first: np.ndarray | int, second: np.ndarray | int, room: int
) -> tuple[np.ndarray, np.ndarray]:
    """Lengths of two sentences after the longer one gives way until both fit into `room`.

    The rule of `tokenizers` ("longest first"): of two sentences that both give way, the longer
    one (the second, if they are equal) keeps the odd token.
    """
    fit = np.add(first, second) <= room
    short, long = np.minimum(first, second), np.maximum(first, second)
    long = np.where(short > room, short, np.maximum(short, room - short))
    both = short + long > room
    short = np.where(both, room // 2, short)
    long = np.where(both, room // 2 + room % 2, long)
    ordered = np.less_equal(first, second)
    return (
        np.where(fit, first, np.where(ordered, short, long)),
        np.where(fit, second, np.where(ordered, long, short)),
    )


def evenly(count: int, wanted: int | None) -> np.ndarray:
    """At most `wanted` of `count` rows (all for None), evenly spaced: files may be sorted."""
    if wanted is None or wanted >= count:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, wanted).round().astype(int))


def training_rows(count: int, step: int, size: int, seed: int) -> np.ndarray:
    """Rows of optimizer step `step` (from 0): `size` of `count`, in a seeded random order.

    Epochs follow each other without a gap, so every step has the same size. The rows depend on
    nothing but the arguments: a run that goes on at step k needs no state of a sampler.
    """
    places = np.arange(step * size, (step + 1) * size)
    epochs = places // count
    rows = np.empty(size, dtype=np.int64)
    for epoch in np.unique(epochs):
        order = np.random.default_rng((seed, int(epoch))).permutation(count)
        here = epochs == epoch
        rows[here] = order[places[here] % count]
    return rows


def passes(
    shares: Sequence[np.ndarray] | np.ndarray, widths: np.ndarray, tokens: int | None
) -> list[list[np.ndarray]]:
    """Cut the rows of every rank into passes through the model of at most `tokens` tokens each.

    shares : the rows of each rank. Every rank gets as many passes as the one that needs most,
    since ranks exchange weights and gradients in step. A row of more tokens is a pass of its own.
    """
    cut = [list(_filled(rows, widths, tokens)) if tokens else [rows] for rows in shares]
    wanted = max(map(len, cut))
    for parts in cut:
        while len(parts) < wanted:
            largest = max(range(len(parts)), key=lambda i: len(parts[i]))
            parts[largest : largest + 1] = np.array_split(parts[largest], 2)
    return cut


def _filled(rows: np.ndarray, widths: np.ndarray, tokens: int) -> Iterator[np.ndarray]:
    """The rows in their order, as many at a time as fit into a budget of tokens."""
    ends = np.cumsum(widths[rows])
    start = 0
    while start < len(rows):
        spent = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, spent + tokens, side="right")), start + 1)
        yield rows[start:stop]
        start = stop


def by_budget(widths: np.ndarray, tokens: int) -> Iterator[np.ndarray]:
    """Every row once, longest first, as many at a time as fit into a budget of tokens."""
    yield from _filled(np.argsort(-widths, kind="stable"), widths, tokens)
