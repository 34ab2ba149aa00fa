"""Corrections for a family of tests: Holm (1979), and Westfall and Young's max-T (1993)."""

from __future__ import annotations

import numpy as np

from stages.statistics.moments import Array


def holm(p_values: Array) -> Array:
    """Return Holm's adjusted p-values, in the order given."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    adjusted = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    result = np.empty_like(p)
    result[order] = np.minimum(adjusted, 1.0)
    return result


def max_t(observed: Array, largest: Array) -> Array:
    """Return p-values adjusted by the permutation distribution of the family's largest |t|.

    observed : |t| of each test; largest : the largest |t| of the family, a permutation each
    """
    reached = (largest[:, None] >= np.asarray(observed)[None, :] - 1e-9).sum(axis=0)
    return np.asarray((reached + 1) / (len(largest) + 1))


def comparable(r: Array, freedom: int) -> Array:
    """Return |t| of partial correlations as |z| of the same p, so that designs can be compared."""
    from scipy.stats import norm, t

    value = np.abs(r) * np.sqrt(freedom / np.clip(1 - r**2, 1e-15, None))
    return np.asarray(norm.isf(np.clip(t.sf(value, freedom), 1e-300, 0.5)))
