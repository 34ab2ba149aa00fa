"""Freedman-Lane permutation test of a partial correlation (Freedman and Lane 1983).

Residuals of the outcome given the covariates are permuted over the languages, added to the fit,
and the partial correlation is computed again. Exact where all permutations are few enough.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import permutations as all_permutations

import numpy as np
import numpy.typing as npt

from stages.statistics.moments import Array, orthonormal, residuals

BATCH = 512


def orders(n: int, count: int, seed: int) -> tuple[npt.NDArray[np.int64], bool]:
    """Return permutations of range(n) and whether they are all there are.

    Exact where n! <= count + 1, else `count` random ones (the observed order not among them).
    """
    if n <= 10 and math.factorial(n) <= count + 1:
        return np.array(list(all_permutations(range(n))), dtype=np.int64), True
    return random_orders(n, count, seed), False


def random_orders(n: int, count: int, seed: int) -> npt.NDArray[np.int64]:
    """Return `count` random permutations of range(n), the same for the same n and seed."""
    generator = np.random.default_rng([seed, n])
    return np.argsort(generator.random((count, n)), axis=1)


def permuted(
    x: Array, y: Array, z: Array, chosen: npt.NDArray[np.int64], weight: Array | None = None
) -> Iterator[Array]:
    """Yield the partial correlations under the permutations, in batches of b x p x m.

    weight : n x n, of related observations (`residuals`); what is permuted is weighted first
    """
    basis = orthonormal(z, weight)
    e_x, e_y = residuals(x, z, weight), residuals(y, z, weight)
    e_x = e_x / np.linalg.norm(e_x, axis=0)
    e_y = e_y / np.linalg.norm(e_y, axis=0)
    n = len(x)
    for start in range(0, len(chosen), BATCH):
        order = chosen[start : start + BATCH]
        # Permuting x and the basis back is permuting the residuals of y, and is smaller.
        inverse = np.argsort(order, axis=1)
        numerator = e_x[inverse].transpose(0, 2, 1).reshape(-1, n) @ e_y
        numerator = numerator.reshape(len(order), x.shape[1], y.shape[1])
        lost = np.zeros((len(order), y.shape[1]))
        if basis.shape[1]:
            fitted = basis[inverse].transpose(0, 2, 1).reshape(-1, n) @ e_y
            lost = (fitted.reshape(len(order), basis.shape[1], -1) ** 2).sum(axis=1)
        left = np.sqrt(np.clip(1.0 - lost, 1e-12, None))
        yield np.clip(numerator / left[:, None, :], -1.0, 1.0)


def freedman_lane(
    x: Array, y: Array, z: Array, permutations: int = 9999, seed: int = 1
) -> tuple[Array, bool]:
    """Return two-sided p-values (p x m) of every x with every y given z, and whether exact.

    x, y, z : n x p, n x m, n x k
    """
    chosen, exact = orders(len(x), permutations, seed)
    return p_values(x, y, z, chosen, exact), exact


def p_values(
    x: Array,
    y: Array,
    z: Array,
    chosen: npt.NDArray[np.int64],
    exact: bool,
    weight: Array | None = None,
) -> Array:
    """Return p-values (p x m) over the chosen permutations.

    Monte-Carlo p-values count the observed order among the permutations, (b + 1) / (B + 1).
    """
    return p_and_largest(x, y, z, chosen, exact, weight)[0]


def p_and_largest(
    x: Array,
    y: Array,
    z: Array,
    chosen: npt.NDArray[np.int64],
    exact: bool,
    weight: Array | None = None,
    columns: npt.NDArray[np.bool_] | None = None,
) -> tuple[Array, Array]:
    """Return p-values, and the largest |r| of each permutation over the given columns of x.

    One permutation serves every pair of one set of languages, so their dependence is kept.
    """
    observed = np.abs(observed_r(x, y, z, weight))
    reached = np.zeros(observed.shape)
    largest = []
    for batch in permuted(x, y, z, chosen, weight):
        size = np.abs(batch)
        reached += (size >= observed - 1e-9).sum(axis=0)
        if columns is not None and columns.any():
            largest.append(size[:, columns].max(axis=(1, 2)))
    p = reached / len(chosen) if exact else (reached + 1) / (len(chosen) + 1)
    return p, np.concatenate(largest) if largest else np.zeros(0)


def observed_r(x: Array, y: Array, z: Array, weight: Array | None = None) -> Array:
    """Return the partial correlations (p x m) of every x with every y given z."""
    e_x, e_y = residuals(x, z, weight), residuals(y, z, weight)
    norms = np.linalg.norm(e_x, axis=0)[:, None] * np.linalg.norm(e_y, axis=0)[None, :]
    return np.asarray(np.clip(e_x.T @ e_y / norms, -1.0, 1.0))
