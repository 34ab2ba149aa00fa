"""Answers between code points, tokens and logits: where a gold answer lies, what a window says."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from stages.learning.batches import Batch, Ragged


def answer_tokens(
    begins: Ragged, ends: Ragged, answers: pa.ChunkedArray, starts: pa.ChunkedArray
) -> tuple[np.ndarray, np.ndarray]:
    """Return first and last context token of every question's first answer, -1 for none.

    begins, ends : code points of the tokens. answers, starts : texts and their code points.
    """
    first = np.full(len(begins), -1, dtype=np.int64)
    last = first.copy()
    answerable = pc.greater(pc.list_value_length(answers), 0)
    rows = np.flatnonzero(answerable.to_numpy())
    if not len(rows):
        return first, last
    text = pc.list_element(answers.filter(answerable), 0)
    start = pc.list_element(starts.filter(answerable), 0).to_numpy().astype(np.int64)
    stop = start + pc.utf8_length(text).to_numpy()
    # one search for all rows: the offsets of row i are moved beyond those of row i - 1
    shift = 1 + max(int(stop.max()), int(ends.values.max(initial=0)))
    moved = np.repeat(np.arange(len(begins)) * shift, begins.lengths)
    here = rows * shift
    found = np.searchsorted(ends.values + moved, start + here, side="right") - ends.ends[rows]
    until = np.searchsorted(begins.values + moved, stop + here, side="left") - ends.ends[rows]
    inside = found < ends.lengths[rows]
    first[rows] = np.where(inside, found, -1)
    last[rows] = np.where(inside, np.maximum(until - 1, found), -1)
    return first, last


def by_window(outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
    """(T, 2) to (windows, longest, 2), -inf after the end of a window."""
    count, total = len(batch.parts), len(outputs)
    begins = batch.parts.cumsum(0) - batch.parts
    shift = torch.arange(count, device=outputs.device) * batch.layout.longest - begins
    places = torch.arange(total, device=outputs.device) + torch.repeat_interleave(
        shift, batch.parts, output_size=total
    )
    grid = outputs.new_full((count * batch.layout.longest, 2), -torch.inf)
    return grid.index_copy(0, places, outputs).view(count, -1, 2)


def decode(
    outputs: torch.Tensor, batch: Batch, allowed: torch.Tensor, n_best: int, longest: int
) -> torch.Tensor:
    """Find the best answer in every window.

    outputs : logits, float (T, 2). allowed : (windows, 2), the context tokens from and to
    (exclusive) at which an answer may begin, counted from the window's first context token.
    Returns (windows, 4): first and last token of the answer, counted as `allowed` is, the sum of
    their logits (-inf where there is no place for an answer), and the sum of the logits of `<s>`.
    """
    grid = by_window(outputs, batch)
    context = batch.places - (batch.parts.cumsum(0) - batch.parts)
    size = batch.parts - context - 1
    token = torch.arange(grid.shape[1], device=grid.device) - context[:, None]
    may_start = (token >= allowed[:, :1]) & (token < allowed[:, 1:])
    may_end = (token >= 0) & (token < size[:, None])
    starts = grid[..., 0].masked_fill(~may_start, -torch.inf)
    ends = grid[..., 1].masked_fill(~may_end, -torch.inf)
    n_best = min(n_best, grid.shape[1])
    start, first = starts.topk(n_best, dim=1)
    end, last = ends.topk(n_best, dim=1)
    length = last[:, None, :] - first[:, :, None] + 1
    sums = start[:, :, None] + end[:, None, :]
    score, pair = sums.masked_fill((length < 1) | (length > longest), -torch.inf).flatten(1).max(1)
    first = first.gather(1, pair[:, None] // n_best)[:, 0]
    last = last.gather(1, pair[:, None] % n_best)[:, 0]
    # where no start and end of the n best go together, the best single token
    lone, place = (starts + ends).max(dim=1)
    together = score > -torch.inf
    first, last = torch.where(together, first, place), torch.where(together, last, place)
    score = torch.where(together, score, lone)
    return torch.stack([first - context, last - context, score, grid[:, 0].sum(dim=-1)], dim=1)
