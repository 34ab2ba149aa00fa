"""Mine parallel sentences: ratio margin over k nearest neighbours, each sentence used once.

Method: Artetxe and Schwenk 2019 (arXiv 1811.01136), "max" retrieval, as in XTREME's BUCC.
The search is exact. One pass over blocks of the similarity matrix serves both directions, and a
block is never kept: memory is the two inputs and a few blocks, whatever the number of sentences.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK = 1024  # rows and columns of a block: 4 MiB of float32, which stays in cache for selection

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]


class Neighbours(NamedTuple):
    """The k nearest of the other side, the nearest first: cosines and rows, (n, k) each."""

    cosines: Floats
    rows: Indices


class Pairs(NamedTuple):
    """Mined pairs, the best first: rows of source and target, margins. (n,) each."""

    source: Indices
    target: Indices
    margins: NDArray[np.float64]


def mine(source: NDArray[np.floating], target: NDArray[np.floating], k: int = 4) -> Pairs:
    """Return the pairs of sentences, each sentence in one pair at most, by falling margin.

    source, target : (n, d) and (m, d) embeddings, one row a unique sentence; memory maps do.
    k : neighbours a side; fewer where the other side has fewer sentences.
    Raises ValueError where a side is empty, widths differ or a value is not finite.
    """
    return match(*neighbours(source, target, k))


def match(forward: Neighbours, backward: Neighbours) -> Pairs:
    """Return the pairs given the neighbours of the sources and of the targets.

    The margin of a pair is its cosine over the mean of two means: the cosines of either
    sentence with its neighbours. Every sentence proposes the neighbour with the highest margin;
    proposals are taken greedily from the best, and those of margin 0 or less are dropped.
    """
    source_mean, target_mean = forward.cosines.mean(axis=1), backward.cosines.mean(axis=1)
    to_target, forward_margin = _proposals(forward, source_mean, target_mean)
    to_source, backward_margin = _proposals(backward, target_mean, source_mean)
    sources = np.concatenate((np.arange(len(to_target)), to_source))
    targets = np.concatenate((to_target, np.arange(len(to_source))))
    margins = np.concatenate((forward_margin, backward_margin))
    order = np.argsort(-margins, kind="stable")
    free_source = np.ones(len(to_target), bool)
    free_target = np.ones(len(to_source), bool)
    taken = []
    for proposal, i, j in zip(order, sources[order], targets[order], strict=True):
        if free_source[i] and free_target[j]:
            free_source[i] = free_target[j] = False
            taken.append(proposal)
    chosen = np.array(taken, dtype=np.int64)
    chosen = chosen[margins[chosen] > 0]
    return Pairs(sources[chosen], targets[chosen], margins[chosen].astype(np.float64))


def neighbours(
    x: NDArray[np.floating], y: NDArray[np.floating], k: int = 4, block: int = BLOCK
) -> tuple[Neighbours, Neighbours]:
    """Return the k nearest of `y` for each row of `x` and the reverse, by cosine, exactly.

    x, y : (n, d) and (m, d). Equal cosines go to the lower row. Takes 2nmd operations.
    Raises ValueError where a side is empty, widths differ, k < 1 or a value is not finite.
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or not len(x) or not len(y):
        raise ValueError(f"cannot compare embeddings of shapes {x.shape} and {y.shape}")
    if k < 1:
        raise ValueError(f"k must be 1 or more, not {k}")
    block = max(block, k)
    rows, columns = _Best(len(x), min(k, len(y))), _Best(len(y), min(k, len(x)))
    for top in range(0, len(x), block):
        x_block = unit(x[top : top + block])
        for left in range(0, len(y), block):
            cosines = x_block @ unit(y[left : left + block]).T
            rows.offer(cosines, top, left)
            columns.offer(cosines.T, left, top)
    return rows.result(), columns.result()


def unit(embeddings: NDArray[np.floating]) -> Floats:
    """Return the rows scaled to length 1, as float32; a row of zeros stays as it is."""
    embeddings = np.asarray(embeddings, np.float32)
    squares = np.einsum("ij,ij->i", embeddings, embeddings)
    if not np.isfinite(squares).all():
        row = int(np.argmin(np.isfinite(squares)))
        raise ValueError(f"the embedding in row {row} of a block is not finite")
    lengths = np.sqrt(np.where(squares > 0, squares, 1), dtype=np.float32)
    return np.asarray(embeddings / lengths[:, None], np.float32)


class _Best:
    """The k best of each of n rows so far, fed with blocks from left to right."""

    def __init__(self, n: int, k: int) -> None:
        self.cosines = np.full((n, k), -np.inf, np.float32)
        self.rows = np.zeros((n, k), np.int64)
        self.k = k

    def offer(self, cosines: Floats, top: int, left: int) -> None:
        """Merge a block whose first row is `top` and whose first column is `left`."""
        bar = self.cosines[top : top + len(cosines), -1]
        if bar[0] == -np.inf:  # the first block of these rows
            bar = np.nextafter(_kth_largest(cosines, self.k), np.float32(-np.inf))
        # Few entries pass once the first blocks are through: only these are sorted.
        if cosines.flags.c_contiguous:
            row, column = divmod(np.flatnonzero(cosines > bar[:, None]), cosines.shape[1])
        else:
            column, row = divmod(np.flatnonzero(bar < cosines.T), cosines.shape[0])
        if not len(row):
            return
        touched = np.unique(row)
        old = np.repeat(touched, self.k)
        values = np.concatenate((self.cosines[top + touched].ravel(), cosines[row, column]))
        found = np.concatenate((self.rows[top + touched].ravel(), column + left))
        owner = np.concatenate((old, row))
        order = np.lexsort((found, -values, owner))
        start = np.searchsorted(owner[order], touched)
        keep = order[start[:, None] + np.arange(self.k)]
        self.cosines[top + touched] = values[keep]
        self.rows[top + touched] = found[keep]

    def result(self) -> Neighbours:
        return Neighbours(self.cosines, self.rows)


def _kth_largest(cosines: Floats, k: int) -> Floats:
    """The k-th largest of each row."""
    return np.partition(cosines, cosines.shape[1] - k, axis=1)[:, -k]


def _proposals(found: Neighbours, own: Floats, other: Floats) -> tuple[Indices, Floats]:
    """The neighbour of highest margin for each row, and that margin."""
    with np.errstate(divide="ignore", invalid="ignore"):
        margins = found.cosines / ((own[:, None] + other[found.rows]) / 2)
    best = margins.argmax(axis=1)
    every = np.arange(len(best))
    return found.rows[every, best], margins[every, best]
