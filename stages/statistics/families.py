"""Related languages: who is compared with whom, and how much a shared branch counts.

Languages of one family may share an effect of that family, so they are compared within blocks;
languages of one branch may share more, so within a block they are weighted as relatives
(generalised least squares on the language tree). How much of the variance the branches hold
cannot be told from 14 languages: it is fixed at a quarter, where false positives are nominal for
languages that are independent and for languages whose branches hold half of it
(benchmarks/calibration.csv).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from stages.statistics.moments import Array

SMALLEST_BLOCK = 3
OTHERS = "other families"
BRANCHES = 0.25


@dataclass(frozen=True)
class Comparison:
    """n languages: block names, their indicators (n x b), and the weights of relatives (n x n).

    weight : the inverse root of their covariance, None where no tree is known
    """

    names: list[str]
    block: Array
    weight: Array | None

    @property
    def covariance(self) -> Array:
        """The covariance of relatives, the identity where no tree is known."""
        if self.weight is None:
            return np.eye(len(self.names))
        return np.asarray(np.linalg.inv(self.weight @ self.weight))


def comparison(languages: pd.DataFrame) -> Comparison | None:
    """Return how the languages of a table are compared; None where their families are unknown.

    languages : n rows with family, and maybe classification
    """
    if "family" not in languages:
        return None
    names = blocks([str(name) for name in languages["family"]])
    weight = None
    if "classification" in languages and languages["classification"].notna().all():
        tree = kinship([str(path) for path in languages["classification"]])
        values, vectors = np.linalg.eigh((1 - BRANCHES) * np.eye(len(tree)) + BRANCHES * tree)
        weight = vectors @ np.diag(values**-0.5) @ vectors.T
    return Comparison(names, indicators(names), weight)


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


def kinship(classifications: list[str]) -> Array:
    """Return the covariance (n x n) that a language tree implies, 1 on the diagonal.

    classifications : nodes from the root to the language, separated by " > "; two languages share
        the geometric mean of the shares of their paths that are common (the cosine of ancestries)
    """
    paths = [set(text.split(" > ")) if text else {str(i)} for i, text in enumerate(classifications)]
    common = [[len(a & b) / np.sqrt(len(a) * len(b)) for b in paths] for a in paths]
    return np.array(common, dtype=float)


def same_family(families: list[str]) -> Array:
    """Return 1 where two languages are of one family, else 0 (n x n)."""
    return np.array([[float(a == b) for b in families] for a in families])
