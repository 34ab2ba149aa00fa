"""Language families as blocks: what is exchangeable when families have effects of their own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stages.statistics.moments import Array

SMALLEST_BLOCK = 3
OTHERS = "other families"


def blocks(families: list[str]) -> list[str]:
    """Return a block name a language: its family where it has three members, else the others'.

    Languages of families too small to compare within are exchangeable with one another: each
    brings a family effect of its own.
    """
    sizes = {name: families.count(name) for name in set(families)}
    return [name if sizes[name] >= SMALLEST_BLOCK else OTHERS for name in families]


def indicators(names: list[str]) -> Array:
    """Return one 0/1 column (n x blocks - 1) a block but the first."""
    levels = sorted(set(names))[1:]
    return np.array([[float(name == level) for level in levels] for name in names]).reshape(
        len(names), len(levels)
    )


def orders_within(names: list[str], count: int, seed: int) -> npt.NDArray[np.int64]:
    """Return `count` random permutations of the languages that stay within their blocks."""
    generator = np.random.default_rng([seed, len(names)])
    chosen = np.tile(np.arange(len(names)), (count, 1))
    for level in sorted(set(names)):
        members = np.array([i for i, name in enumerate(names) if name == level])
        chosen[:, members] = members[np.argsort(generator.random((count, len(members))), axis=1)]
    return chosen
