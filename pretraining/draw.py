"""Draw lessons by kind and language."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stages.learning.batches import Ragged

Ints = npt.NDArray[np.int64]


class Lessons:
    """Token ids, targets and draw weights of n lessons.

    ids : token ids without special tokens; target : (n,) rows of the targets.
    """

    def __init__(self, ids: Ragged, target: Ints, weight: npt.NDArray[np.float64]) -> None:
        self.ids = ids
        self.target = target
        self.cumulative = np.cumsum(weight / weight.sum())
        # the lessons of one meaning side by side
        self.order = np.argsort(target, kind="stable")
        self.begins = np.searchsorted(target[self.order], target, side="left")
        self.counts = np.searchsorted(target[self.order], target, side="right") - self.begins
        self.place = np.empty_like(self.order)
        self.place[self.order] = np.arange(len(target))

    def draw(self, count: int, random: np.random.Generator) -> Ints:
        """Return `count` lessons drawn with replacement in proportion to their weights."""
        found = np.searchsorted(self.cumulative, random.random(count), side="right")
        return np.minimum(found, len(self.ids) - 1)

    def translate(self, lessons: Ints, random: np.random.Generator) -> Ints:
        """Return another lesson of the same meaning for each; itself where there is no other."""
        counts = self.counts[lessons]
        step = 1 + (random.random(len(lessons)) * (counts - 1)).astype(np.int64)
        place = (self.place[lessons] - self.begins[lessons] + step) % counts
        return self.order[self.begins[lessons] + place]

    def draw_tokens(
        self, tokens: int, texts: int, random: np.random.Generator, translated: bool = False
    ) -> Ints:
        """Return as many groups of `texts` lessons as fill `tokens` tokens, (groups, texts).

        Groups are in random order, whatever their lengths: no padding goes through the encoder.
        translated : the second of two is a translation of the first, where there is one.
        """
        chosen = self.draw(texts * max(1, tokens // (texts * 3)), random).reshape(-1, texts)
        if translated:
            found = self.translate(chosen[:, 0], random)
            chosen[:, 1] = np.where(found == chosen[:, 0], chosen[:, 1], found)
        ends = np.cumsum((self.ids.lengths[chosen] + 2).sum(axis=1))
        return chosen[: max(1, int(np.searchsorted(ends, tokens, side="right")))]


def weigh(lessons: Any, settings: dict[str, Any], others: list[str]) -> npt.NDArray[np.float64]:
    """Return each lesson's weight: its kind's share, split by language, then evenly."""
    weights = np.zeros(len(lessons))
    default = settings["language_weights"]["default"]
    for kind, share in settings["shares"].items():
        chosen = (lessons.kind == kind).to_numpy()
        if not chosen.any():
            continue
        counts = lessons.language[chosen].value_counts()
        # A language's weight, damped where it has few lessons of the kind.
        mass = {
            language: settings["language_weights"].get(language, default)
            * (settings["others_weight"] if language in others else 1.0)
            * min(1.0, count / 1000)
            for language, count in counts.items()
        }
        total = sum(mass.values())
        row = {language: mass[language] / total / count for language, count in counts.items()}
        weights[chosen] = share * lessons.language[chosen].map(row)
    return weights
