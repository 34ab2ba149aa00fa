"""What a kind of damage is, and the changes that several heads share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

Frames = dict[str, pd.DataFrame]
Change = Callable[[pd.DataFrame, np.random.Generator, Frames], pd.DataFrame]


@dataclass(frozen=True)
class Damage:
    """One kind: how it changes a frame (given a random generator and all clean frames).

    Only in the files of `languages`, if there are any, and only in split `split` if it is given.
    """

    kind: str
    size: str
    change: Change | None = None
    bytes: Callable[[bytes], bytes | None] | None = None
    languages: tuple[str, ...] = ()
    split: str = ""


def cells(column: str, share: float, edit: Callable[[str], object]) -> Change:
    """Edit `column` in a share of the rows, at least one, that the edit does change."""

    def change(
        frame: pd.DataFrame, rng: np.random.Generator, _: dict[str, pd.DataFrame]
    ) -> pd.DataFrame:
        wanted = max(1, round(share * len(frame)))
        values = frame[column].astype(object).tolist()
        for row in rng.permutation(len(frame)):
            new = edit(values[row])
            if new != values[row]:
                values[row] = new
                wanted -= 1
            if not wanted:
                break
        return frame.assign(**{column: values})

    return change


def plain(function: Callable[[pd.DataFrame], pd.DataFrame]) -> Change:
    """A change without chance."""
    return lambda frame, rng, clean: function(frame)


def rows(count: int, change: Callable[[pd.DataFrame, np.ndarray], None]) -> Change:
    """Change `count` random rows in place; columns that hold lists may be changed by `at`."""

    def damaged(frame: pd.DataFrame, rng: np.random.Generator, _: Frames) -> pd.DataFrame:
        frame = frame.copy()
        change(frame, np.sort(rng.choice(len(frame), min(count, len(frame)), replace=False)))
        return frame

    return damaged


def block(count: int, change: Callable[[pd.DataFrame, np.ndarray], None]) -> Change:
    """The same for `count` rows that follow each other."""

    def damaged(frame: pd.DataFrame, rng: np.random.Generator, _: Frames) -> pd.DataFrame:
        frame = frame.copy()
        size = min(count, len(frame))
        change(frame, np.arange(size) + rng.integers(0, len(frame) - size + 1))
        return frame

    return damaged


def each(
    column: str, edit: Callable[[object], object]
) -> Callable[[pd.DataFrame, np.ndarray], None]:
    """Edit the cells of `column` in the chosen rows."""

    def change(frame: pd.DataFrame, chosen: np.ndarray) -> None:
        cells = frame[column].astype(object).tolist()
        for row in chosen:
            cells[row] = edit(cells[row])
        frame[column] = pd.Series(cells, frame.index, dtype=object)

    return change
