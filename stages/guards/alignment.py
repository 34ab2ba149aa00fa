"""Alignment: where the texts of a language stop being translations of the English rows.

A translation is about as long as its source. With x the log length of a sentence and y that of
its English side, each row is worth log p(x) - log p(x | y): how much better it fits "unrelated"
than "aligned" (Laplace densities around the median and around a line fitted to the file itself,
after Gale & Church 1993, A Program for Aligning Sentences in Bilingual Corpora). Aligned rows are
negative on average, so the maximum-sum run of rows is short and small unless a block is shifted,
reversed, shuffled or comes from elsewhere; then it is that block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stages.guards.rule import PLACEHOLDER, Check, Rule
from stages.guards.texts import paired
from stages.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

CLIP = 3.0  # nats a row and side: one odd translation is no block
SURE = 16.0  # nats; twice the largest of any published XNLI or PAWS-X file
LEAST_ROWS = 100  # to fit a line to
TELLING = 0.9  # spread around the line, of that around the median; at most .77 in published files
SHIFTS = (*range(-5, 0), *range(1, 6))

ALIGNED = Rule(
    "aligned_rows",
    "stop",
    "rows whose lengths follow their English rows",
    "A block is shifted, reversed or from elsewhere: compare it with its source at this row.",
)
RULES = (ALIGNED,)


@dataclass(frozen=True)
class Block:
    """Rows `start` to `stop` (positions, `stop` excluded) that fit "unrelated" by `nats`.

    `fits` names where the rows belong, if they fit there: "1 row later in English", "reversed".
    """

    start: int
    stop: int
    nats: float
    fits: str | None


def find(here: np.ndarray, there: np.ndarray, occurrences: np.ndarray) -> Block | None:
    """The block that is surely not aligned, if there is one.

    here, there : log lengths in the language and in English, rows by sides.
    occurrences : how often the English text occurs, rows by sides; repeats are not new evidence.
    """
    model = [_fit(there[:, side], here[:, side]) for side in range(here.shape[1])]
    # where lengths hardly follow English at all (short patterned sentences) they tell nothing
    sides = [
        side for side, (_, _, spread, _, width) in enumerate(model) if spread < TELLING * width
    ]
    if not sides:
        return None

    def off(rows: np.ndarray, sources: np.ndarray, side: int) -> np.ndarray:
        slope, level, spread, _, _ = model[side]
        x, y = here[rows, side], there[sources, side]
        return np.abs(x - slope * y - level) / spread

    def alone(rows: np.ndarray, side: int) -> np.ndarray:
        _, _, spread, centre, width = model[side]
        return np.abs(here[rows, side] - centre) / width + np.log(width / spread)

    def gain(rows: np.ndarray, other: np.ndarray | None, new: int) -> np.ndarray:
        """Nats by which rows fit `other` English rows (None: none at all) better than their own."""
        total = np.zeros(len(rows))
        for side in sides:
            theirs = alone(rows, side) if other is None else off(rows, other, side)
            nats = np.clip(off(rows, rows, side) - theirs, -CLIP, CLIP)
            total += nats / np.minimum(occurrences[rows, side], new)
        return total

    everything = np.arange(len(here))
    runs: list[tuple[int, int, float, str | None]] = [
        (*largest_run(gain(everything, None, len(here))), None)
    ]
    for shift in SHIFTS:
        rows = everything[max(0, -shift) : len(here) - max(0, shift)]
        start, stop, nats = largest_run(gain(rows, rows + shift, abs(shift)))
        offset = max(0, -shift)
        name = f"the English rows {abs(shift)} {'further down' if shift > 0 else 'further up'}"
        runs.append((start + offset, stop + offset, nats, name))
    start, stop, nats, fits = max(runs, key=lambda run: run[2])
    if nats < SURE:
        return None
    if fits is None:
        for centre in range(start + stop - 5, start + stop + 4):  # its ends are known to a few rows
            rows = everything[max(start, centre - len(here) + 1) : min(stop, centre + 1)]
            if gain(rows, centre - rows, 1).sum() > nats:
                fits = "the English rows of the block in reverse"
    return Block(start, stop, nats, fits)


def _fit(source: np.ndarray, target: np.ndarray) -> tuple[float, float, float, float, float]:
    """Line and Laplace spread of target given source, then centre and spread of target alone."""
    keep = np.ones(len(source), bool)
    for _ in range(3):  # the half that fits best decides: a block elsewhere must not
        x, y = source[keep], target[keep]
        slope = np.mean((x - x.mean()) * (y - y.mean())) / max(x.var(), 1e-9)
        level = y.mean() - slope * x.mean()
        off = np.abs(target - slope * source - level)
        keep = off <= np.quantile(off, 0.8)
    centre = float(np.median(target))
    spread = max(float(np.median(off)) / np.log(2), 1e-3)
    width = max(float(np.median(np.abs(target - centre))) / np.log(2), 1e-3)
    return float(slope), float(level), spread, centre, width


def largest_run(values: np.ndarray) -> tuple[int, int, float]:
    """Start, stop and sum of the run with the largest sum (Kadane)."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    lowest = np.minimum.accumulate(sums)
    stop = int(np.argmax(sums - lowest))
    start = int(np.argmin(sums[: stop + 1]))
    return start, stop, float(sums[stop] - sums[start])


def alignment(task: Task, pairs: pd.DataFrame) -> tuple[pd.DataFrame, list[Check]]:
    """Return pairs (as `parallel.pair` gives them) with a column of evidence, and its check."""
    import pandas as pd

    texts = paired(task.head, pairs)
    odd = [pairs[text].isna() | pairs[text].str.match(PLACEHOLDER) for text in texts]
    usable = pairs[pairs["id_en"].notna() & ~np.logical_or.reduce(odd)]
    evidence = pd.Series(None, pairs.index, dtype="str")
    if len(usable) >= LEAST_ROWS:
        here = np.stack([np.log1p(usable[text].str.len()) for text in texts], axis=1)
        english = [usable[f"{text}_en"] for text in texts]
        there = np.stack([np.log1p(side.str.len()) for side in english], axis=1)
        occurrences = np.stack([side.map(side.value_counts()) for side in english], axis=1)
        block = find(here, there, occurrences)
        if block:
            rows = usable.index[block.start : block.stop]
            fits = f", which fit {block.fits}" if block.fits else ""
            evidence[rows] = f"rows {rows[0]} to {rows[-1]}{fits} ({block.nats:.0f} nats)"
    check = Check(ALIGNED, "ExpectColumnValuesToBeNull", {"column": ALIGNED.name})
    return pairs.assign(**{ALIGNED.name: evidence}), [check]
