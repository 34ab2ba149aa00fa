"""Draw lessons by kind and language, and batch them by length."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


class Lessons:
    """Token ids, targets and draw weights of the lessons.

    ids : list of int32 arrays without special tokens; target : (n,) rows of the targets.
    """

    def __init__(self, ids: list[Any], target: Ints, weight: npt.NDArray[np.float64]) -> None:
        self.ids = ids
        self.target = target
        self.length = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
        self.cumulative = np.cumsum(weight / weight.sum())

    def draw(self, count: int, random: np.random.Generator) -> Ints:
        """Return `count` lessons drawn with replacement in proportion to their weights."""
        found = np.searchsorted(self.cumulative, random.random(count), side="right")
        return np.minimum(found, len(self.ids) - 1)


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


def batch(length: Ints, batch_tokens: int, random: np.random.Generator) -> list[Ints]:
    """Group positions by length into batches of at most `batch_tokens` padded tokens, shuffled."""
    order = np.argsort(length + random.random(len(length)))
    batches, start = [], 0
    for end in range(1, len(order) + 1):
        full = end == len(order) or (end - start + 1) * length[order[end]] > batch_tokens
        if full:
            batches.append(order[start:end])
            start = end
    return [batches[i] for i in random.permutation(len(batches))]
