"""Batches: token ids of one split, and the sentences of some of its rows laid end to end.

Pairs are written as XLM-R writes them: `<s> a </s></s> b </s>` in one sequence (`joint`), or
`<s> a </s>` and `<s> b </s>` as two (`separate`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from stages.learning.unpadded import Layout

BOS, PAD, EOS = 0, 1, 2  # XLM-R's own numbers, in every XLM-R tokenizer
FIRST_POSITION = PAD + 1  # XLM-R counts positions from the padding index + 1


@dataclass(frozen=True)
class Ragged:
    """Sentences of different lengths: row i is `values[ends[i]:ends[i + 1]]` (int32)."""

    values: np.ndarray
    ends: np.ndarray

    def __getitem__(self, row: int) -> np.ndarray:
        return self.values[self.ends[row] : self.ends[row + 1]]

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of every row."""
        return np.diff(self.ends)

    def take(self, rows: np.ndarray) -> Ragged:
        """The given rows only."""
        kept = [self[row] for row in rows]
        return Ragged(np.concatenate(kept), np.cumsum([0] + [len(row) for row in kept]))


@dataclass(frozen=True)
class Pairs:
    """One encoded split of a pair task; `labels` are indices into the task's labels."""

    ids: list[str]
    first: Ragged
    second: Ragged
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def widths(self, max_length: int) -> np.ndarray:
        """Tokens of every pair as it goes through the model, at most."""
        return np.minimum(self.first.lengths + self.second.lengths + 4, 2 * max_length)

    def sample(self, count: int) -> Pairs:
        """At most `count` rows, evenly spaced: a file may be sorted by label."""
        rows = np.unique(np.linspace(0, len(self) - 1, min(count, len(self))).round().astype(int))
        return Pairs(
            [self.ids[row] for row in rows],
            self.first.take(rows),
            self.second.take(rows),
            self.labels[rows],
        )


@dataclass(frozen=True)
class Batch:
    """Some rows, laid end to end.

    `tokens`, `positions` : int64 (1, T). `layout` : where each sequence lies.
    `parts` : int64 (2 x rows), tokens of the first and second sentence of every row, in order;
    the parts of all rows cover all T tokens. `starts` : int64 (rows), the place of each row's
    first `<s>`. `labels` : int64 (rows).
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    layout: Layout
    parts: torch.Tensor
    starts: torch.Tensor
    labels: torch.Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""

        def move(tensor: torch.Tensor) -> torch.Tensor:
            return tensor.to(device, non_blocking=True)

        return Batch(
            move(self.tokens),
            move(self.positions),
            self.layout.to(device),
            move(self.parts),
            move(self.starts),
            move(self.labels),
        )


def read(path: Path) -> Pairs:
    """Read one split that `stages.encode` wrote."""
    table = pq.read_table(path)
    return Pairs(
        table["id"].to_pylist(),
        _ragged(table["sentence1_ids"]),
        _ragged(table["sentence2_ids"]),
        table["label"].to_numpy().astype(np.int64),
    )


def _ragged(column: pa.ChunkedArray) -> Ragged:
    array = pa.concat_arrays(column.chunks) if column.num_chunks else column.combine_chunks()
    return Ragged(array.values.to_numpy(), array.offsets.to_numpy().astype(np.int64))


def truncate(first: int, second: int, room: int) -> tuple[int, int]:
    """Lengths of two sentences after the longer one gives way until both fit into `room`.

    The rule of `tokenizers` ("longest first"): of two sentences that both give way, the longer
    one (the second, if they are equal) keeps the odd token.
    """
    if first + second <= room:
        return first, second
    short, long = sorted((first, second))
    long = short if short > room else max(short, room - short)
    if short + long > room:
        short = room // 2
        long = short + room % 2
    return (short, long) if first <= second else (long, short)


def assemble(pairs: Pairs, rows: np.ndarray, max_length: int, encoding: str) -> Batch:
    """Lay the sentences of `rows` end to end.

    Parameters
    ----------
    max_length : int, tokens of a sequence with its special tokens.
    encoding : `joint` or `separate`.
    """
    pieces: list[np.ndarray | list[int]] = []
    lengths: list[int] = []
    parts: list[int] = []
    starts: list[int] = []
    place = 0
    for row in rows:
        first, second = pairs.first[row], pairs.second[row]
        starts.append(place)
        if encoding == "joint":
            keep_first, keep_second = truncate(len(first), len(second), max_length - 4)
            middle, widths = [EOS, EOS], [keep_first + keep_second + 4]
        else:
            keep_first = min(len(first), max_length - 2)
            keep_second = min(len(second), max_length - 2)
            middle, widths = [EOS, BOS], [keep_first + 2, keep_second + 2]
        pieces += [[BOS], first[:keep_first], middle, second[:keep_second], [EOS]]
        lengths += widths
        parts += [keep_first + 2, keep_second + 2]
        place += keep_first + keep_second + 4
    return _lay_out(pieces, lengths, parts, starts, pairs.labels[rows])


def assemble_sentences(sentences: list[np.ndarray], max_length: int) -> Batch:
    """Lay single sentences end to end, each `<s> a </s>`; one part a sentence, no labels."""
    kept = [sentence[: max_length - 2] for sentence in sentences]
    pieces: list[np.ndarray | list[int]] = []
    for sentence in kept:
        pieces += [[BOS], sentence, [EOS]]
    lengths = [len(sentence) + 2 for sentence in kept]
    starts = np.cumsum([0, *lengths[:-1]]).tolist()
    return _lay_out(pieces, lengths, lengths, starts, np.empty(0, dtype=np.int64))


def _lay_out(
    pieces: list[np.ndarray | list[int]],
    lengths: list[int],
    parts: list[int],
    starts: list[int],
    labels: np.ndarray,
) -> Batch:
    sizes = torch.tensor(lengths)
    tokens = torch.from_numpy(np.concatenate(pieces).astype(np.int64))
    begins = torch.repeat_interleave(sizes.cumsum(0) - sizes, sizes)
    positions = torch.arange(len(tokens)) - begins + FIRST_POSITION
    return Batch(
        tokens[None],
        positions[None],
        Layout.of(sizes),
        torch.tensor(parts),
        torch.tensor(starts),
        torch.from_numpy(labels),
    )


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


def by_budget(widths: np.ndarray, tokens: int) -> Iterator[np.ndarray]:
    """Every row once, longest first, as many at a time as fit into a budget of tokens."""
    order = np.argsort(-widths, kind="stable")
    ends = np.cumsum(widths[order])
    start = 0
    while start < len(order):
        spent = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, spent + tokens, side="right")), start + 1)
        yield order[start:stop]
        start = stop
