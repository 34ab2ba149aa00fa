"""Leakage: test items that stand in a training set, exactly or nearly.

Texts are compared by their sets of character 5-grams, after normalisation. Near copies are found
with MinHash (Broder 1997, On the Resemblance and Containment of Documents) by one permutation
(Li, Owen & Zhang 2012) and locality-sensitive bands, then every candidate is verified with its
true Jaccard similarity, so no finding rests on a hash. An item with several sides (a pair of
sentences) is a copy where its least similar side is one: a shared premise is no leak. The order of
work, in slices of texts, bounds the memory: 128 bytes a text and one slice of 5-grams.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

GRAM = 5
BINS = 32  # minima a text
BANDS = 16  # of two minima each: 97% of pairs at .45 would be candidates, verified below
SLICE = 20_000  # texts whose 5-grams are in memory at once
CROWDED = 200  # texts of one training bucket that are looked at; more share a phrase, not an item
NEAR = 0.7  # Jaccard similarity of a near copy
DOUBT = 0.35  # by which 32 minima may underestimate it: more than four standard deviations

_BLANK = re.compile(r"[\W_]+")
_MIX = np.uint64(0x9E3779B97F4A7C15)
_EMPTY = np.uint32(0xFFFFFFFF)
_LOW = np.uint64(0xFFFFFFFF)


@dataclass(frozen=True)
class Leak:
    """A test item (position from 0) that stands in the training set, and how similar it is."""

    test: int
    train: int
    similarity: float


@dataclass(frozen=True)
class Match:
    """The rows of a training text and of a test text (positions from 0), and their similarity."""

    train: list[int]
    test: list[int]
    similarity: float


def normalise(sides: Sequence[str]) -> str:
    """Each side with letters and digits only, case folded, in NFKC; sides on lines of their own."""
    return "\n".join(
        _BLANK.sub(" ", unicodedata.normalize("NFKC", side).casefold()).strip() for side in sides
    )


class Texts:
    """The different texts of some items, with the rows (positions from 0) of each, to be matched.

    An item is the tuple of its sides. Items without a letter or digit are left out: they are no
    evidence.
    """

    def __init__(self, items: Iterable[Sequence[str]]) -> None:
        self.rows: dict[str, list[int]] = {}
        self._sorted: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for row, sides in enumerate(items):
            text = normalise(sides)
            if text.strip():
                self.rows.setdefault(text, []).append(row)

    @cached_property
    def long(self) -> list[str]:
        """The texts that have a 5-gram."""
        return [text for text in self.rows if len(text) > GRAM]

    @cached_property
    def bands(self) -> np.ndarray:
        """The band keys of `long`."""
        return _bands(self.long)

    def sorted_band(self, band: int) -> tuple[np.ndarray, np.ndarray]:
        """The order of `long` by its keys in one band, and the keys in that order."""
        if band not in self._sorted:
            order = np.argsort(self.bands[:, band], kind="stable")
            self._sorted[band] = order, self.bands[order, band]
        return self._sorted[band]


def leaks(
    train: Iterable[Sequence[str]], test: Iterable[Sequence[str]], near: float = NEAR
) -> list[Leak]:
    """For every test item with a copy in `train`, the most similar one (the first of equals)."""
    best: dict[int, Leak] = {}
    for match in matches(Texts(train), Texts(test), near):
        for row in match.test:
            found = Leak(row, match.train[0], match.similarity)
            if row not in best or _better(found, best[row]):
                best[row] = found
    return [best[row] for row in sorted(best)]


def matches(train: Texts, test: Texts, near: float = NEAR) -> Iterator[Match]:
    """Every two texts that are equal (the sides of a pair perhaps in the other order) or nearly."""
    for text, rows in test.rows.items():
        for one in {text, "\n".join(reversed(text.split("\n")))} & train.rows.keys():
            yield Match(train.rows[one], rows, 1.0)
    if not train.long or not test.long:
        return
    for one, other, similarity in _near(train, test, near):
        if one != other:
            yield Match(train.rows[one], test.rows[other], similarity)


def _better(one: Leak, other: Leak) -> bool:
    return (one.similarity, -one.train) > (other.similarity, -other.train)


def _near(train: Texts, test: Texts, near: float) -> Iterator[tuple[str, str, float]]:
    """Texts whose true Jaccard similarity is at least `near`."""
    here, there = train.bands, test.bands
    found = [np.zeros(0, np.int64)]
    for band in range(BANDS):
        order, keys = train.sorted_band(band)
        low = np.searchsorted(keys, there[:, band], "left")
        high = np.minimum(np.searchsorted(keys, there[:, band], "right"), low + CROWDED)
        counts = high - low
        rows = np.repeat(np.arange(len(there)), counts)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        positions = order[np.repeat(low, counts) + within]
        for start in range(0, len(rows), SLICE):
            some = slice(start, start + SLICE)
            alike = _agreement(here[positions[some]], there[rows[some]]) >= near - DOUBT
            found.append(positions[some][alike] * len(there) + rows[some][alike])
    for pair in np.unique(np.concatenate(found)):
        one, other = train.long[pair // len(there)], test.long[pair % len(there)]
        similarity = _similarity(one, other, near)
        if similarity >= near:
            yield one, other, similarity


def _agreement(here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """The share of equal minima of each two rows: MinHash's estimate of their similarity."""
    apart = here ^ there
    return ((apart >> np.uint64(32) == 0).mean(1) + ((apart & _LOW) == 0).mean(1)) / 2


def _similarity(one: str, other: str, least: float) -> float:
    """The Jaccard similarity of the least similar sides, or 0 where it is below `least`."""
    worst = 1.0
    for here, there in zip(one.split("\n"), other.split("\n"), strict=True):
        if here == there:
            continue
        if not least / 2 <= len(here) / max(len(there), 1) <= 2 / least:
            return 0.0
        have, asked = _grams(here), _grams(there)
        shared = len(have & asked)
        worst = min(worst, shared / max(len(have) + len(asked) - shared, 1))
        if worst < least:
            return 0.0
    return worst


def _grams(text: str) -> set[str]:
    return {text[start : start + GRAM] for start in range(len(text) - GRAM + 1)}


def _bands(texts: list[str]) -> np.ndarray:
    """Band keys of each text: uint64, texts by BANDS."""
    keys = np.empty((len(texts), BANDS), np.uint64)
    for start in range(0, len(texts), SLICE):
        minima = _minima(texts[start : start + SLICE])
        one, other = minima[:, ::2].astype(np.uint64), minima[:, 1::2].astype(np.uint64)
        keys[start : start + SLICE] = one << np.uint64(32) | other
    return keys


def _minima(texts: list[str]) -> np.ndarray:
    """The smallest hash of the 5-grams of each text in each bin: uint32, texts by BINS."""
    lengths = np.array([len(text) for text in texts])
    points = np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32).astype(np.uint64)
    hashes = np.zeros(len(points) - GRAM + 1, np.uint64)
    for step in range(GRAM):
        hashes = (hashes ^ points[step : len(points) - GRAM + 1 + step]) * _MIX
        hashes ^= hashes >> np.uint64(29)
    ends = np.cumsum(lengths)
    owner = np.repeat(np.arange(len(texts)), lengths)[: len(hashes)]
    inside = np.arange(len(hashes)) + GRAM <= ends[owner]  # no 5-gram across two texts
    hashes, owner = hashes[inside], owner[inside]
    cells = owner * BINS + (hashes >> np.uint64(59)).astype(np.int64)
    values = (hashes >> np.uint64(16)).astype(np.uint32)
    flat = np.full(len(texts) * BINS, _EMPTY, np.uint32)
    np.minimum.at(flat, cells, values)
    minima = flat.reshape(len(texts), BINS)
    for _ in range(1, BINS):  # an empty bin takes the next full one, changed by the distance
        empty = minima == _EMPTY
        if not empty.any():
            break
        lent = np.roll(minima, -1, axis=1)
        shifted = np.where(lent == _EMPTY, _EMPTY, lent + np.uint32(0x9E3779B1))
        minima = np.where(empty, shifted, minima)
    return minima
