"""Partial correlations within families, and the family of tests that max-T corrects over."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from stages.statistics.collinearity import variance_inflation
from stages.statistics.designs import Design
from stages.statistics.families import comparison, orders_within
from stages.statistics.moments import Array
from stages.statistics.multiplicity import comparable
from stages.statistics.partial_correlation import fisher_intervals
from stages.statistics.permutation import observed_r, p_and_largest
from stages.statistics.settings import Settings


@dataclass
class Family:
    """The exploratory family's largest |z| under each permutation, over all designs."""

    size: int
    largest: dict[str, Array] = field(default_factory=dict)

    def add(self, name: str, maxima: Array) -> None:
        known = self.largest.get(name, np.zeros(len(maxima)))
        self.largest[name] = np.maximum(known, maxima)


def within(
    design: Design,
    x: Array,
    y: Array,
    z: Array,
    tested: np.ndarray,
    method: str,
    settings: Settings,
    family: Family,
) -> dict[str, Array]:
    """Return what is known within families, each p x m: r, its interval, p, the |z| behind p.

    Family blocks are given and relatives weighted (`families`); p is by permutation within the
    blocks, the interval is Fisher's with the blocks as covariates.
    """
    names = ["r_within_families", "within_low", "within_high", "p_within_families", "z_within"]
    found = {name: np.full((x.shape[1], y.shape[1]), np.nan) for name in names}
    held = comparison(design.languages)
    if held is None:
        return found
    given = np.column_stack([z, held.block])
    freedom = len(x) - given.shape[1] - 2
    if freedom < 3 or np.linalg.matrix_rank(given - given.mean(axis=0)) < given.shape[1]:
        return found
    # A distance that the blocks and covariates tell has nothing left to be tested.
    left = np.array([variance_left(x[:, i], given) > 1e-9 for i in range(x.shape[1])])
    if not left.any():
        return found
    orders = orders_within(held.names, settings.permutations, settings.seed)
    some = x[:, left]
    r = observed_r(some, y, given, held.weight)
    low, high = fisher_intervals(r, len(x), given.shape[1], method)
    columns = tested[left]
    p, largest = p_and_largest(some, y, given, orders, False, held.weight, columns)
    for name, column in zip(names, (r, low, high, p, comparable(r, freedom)), strict=True):
        found[name][left] = column
    if columns.any():
        family.add("within", comparable(largest, freedom))
    return found


def variance_left(values: Array, given: Array) -> float:
    """Return the share of a distance that the given columns leave; 0 where it is constant."""
    if np.ptp(values) <= 1e-12:
        return 0.0
    return 1.0 / variance_inflation(pd.Series(values), pd.DataFrame(given))
