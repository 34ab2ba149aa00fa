"""The slope when related languages are not independent observations.

Five models of one slope: languages independent; within families, that is family blocks as fixed
effects (an Indo-European dummy where that is the one family with three members or more) and a
fixed weight of relatives (`families`); a random effect of family; a covariance from the language
tree, where two languages share as much as their classification does (phylogenetic generalised
least squares with Pagel's lambda, by REML); and that covariance beside the family blocks.

With 14 languages lambda is hardly known, and Student's t ignores that: it finds a slope where
there is none in 6 to 11 of 100 tables. So intervals and p-values of the models with lambda come
from the null distribution of |t| itself, simulated on the design at the lambda that was found
(the distribution depends on nothing else).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd

from stages.statistics.families import comparison, kinship, same_family
from stages.statistics.moments import Array
from stages.statistics.slope import Slope, by_quantile, slopes

GRID = np.linspace(0.0, 0.98, 29)
# Where the null distribution is simulated, and on how many tables.
STOPS = np.linspace(0.0, 0.98, 6)
TABLES = 4000


class Related:
    """Slopes on x given z under (1 - lambda) I + lambda C, lambda by REML, for one design.

    x : n; z : n x k; covariance : C, n x n, 1 on the diagonal
    """

    def __init__(self, x: Array, z: Array, covariance: Array) -> None:
        self.n = len(x)
        self.design = np.column_stack([x, np.ones(self.n), z])
        self.freedom = self.n - self.design.shape[1]
        sound = self.freedom >= 1
        self.sound = sound and np.linalg.matrix_rank(self.design) == self.design.shape[1]
        # All covariances share C's eigenvectors: along these, each is a diagonal.
        self.values, self.vectors = np.linalg.eigh(covariance)
        self.rotated = self.vectors.T @ self.design

    def variances(self, share: float) -> Array:
        return np.asarray(np.clip(1 - share + share * self.values, 1e-9, None))

    def fit(self, y: Array) -> tuple[Array, Array, Array]:
        """Return slope, standard error and lambda of every y (n x m)."""
        rotated = self.vectors.T @ y
        m = y.shape[1]
        best, estimate = np.full(m, -np.inf), np.zeros(m)
        error, found = np.zeros(m), np.zeros(m)
        for share in GRID:
            scale = self.variances(share)
            weighted = self.rotated / scale[:, None]
            gram = weighted.T @ self.rotated
            inverse = np.linalg.inv(gram)
            effects = inverse @ (weighted.T @ rotated)
            left = rotated - self.rotated @ effects
            variance = (left**2 / scale[:, None]).sum(axis=0) / self.freedom
            likelihood = -0.5 * (
                self.freedom * np.log(np.maximum(variance, 1e-300))
                + np.log(scale).sum()
                + np.linalg.slogdet(gram)[1]
            )
            better = likelihood > best
            best[better], found[better] = likelihood[better], share
            estimate[better] = effects[0, better]
            error[better] = np.sqrt(variance[better] * inverse[0, 0])
        return estimate, error, found

    @cached_property
    def null(self) -> Array:
        """|t| without any slope, sorted, one row a stop of lambda."""
        generator = np.random.default_rng([7, self.n])
        noise = generator.normal(size=(self.n, TABLES))
        rows = []
        for share in STOPS:
            drawn = self.vectors @ (np.sqrt(self.variances(share))[:, None] * noise)
            estimate, error, _ = self.fit(drawn)
            rows.append(np.sort(np.abs(estimate) / error))
        return np.array(rows)

    def quantile(self, shares: Array) -> Array:
        """Return the 95% quantile of |t| at each lambda."""
        at = np.quantile(self.null, 0.95, axis=1)
        return np.asarray(np.interp(shares, STOPS, at))

    def slope(self, estimate: float, error: float, share: float) -> Slope:
        """Return one slope with its interval and p by simulation."""
        quantile, p = float(self.quantile(np.array([share]))[0]), float("nan")
        if error > 0:
            nearest = self.null[int(np.abs(STOPS - share).argmin())]
            reached = len(nearest) - np.searchsorted(nearest, abs(estimate) / error - 1e-9)
            p = (float(reached) + 1) / (len(nearest) + 1)
        return by_quantile(estimate, error, self.freedom, quantile, p)


def related_models(x: Array, z: Array, languages: pd.DataFrame) -> dict[str, Related]:
    """Return the models with a lambda that the table of languages (n rows) has the columns for."""
    if "family" not in languages:
        return {}
    families = [str(name) for name in languages["family"]]
    found = {"random effect of family": Related(x, z, same_family(families))}
    if "classification" in languages and languages["classification"].notna().all():
        tree = kinship([str(path) for path in languages["classification"]])
        found["language tree"] = Related(x, z, tree)
        held = comparison(languages)
        if held is not None and held.block.shape[1]:
            given = np.column_stack([z, held.block])
            found["language tree within families"] = Related(x, given, tree)
    return {name: model for name, model in found.items() if model.sound}


def models(
    y: Array, x: Array, z: Array, languages: pd.DataFrame
) -> list[tuple[str, list[Slope], Array]]:
    """Return name, slopes and lambdas of each model, for every y (n x m).

    languages : n rows with family, and maybe classification
    """
    rows: list[tuple[str, list[Slope], Array]] = []
    m = y.shape[1]
    unknown = np.full(m, np.nan)
    found = slopes(y, x, z)
    if found is not None:
        rows.append(("languages independent", [found.one(j) for j in range(m)], unknown))
    held = comparison(languages)
    if held is None:
        return rows
    if held.block.shape[1]:
        inside = slopes(y, x, np.column_stack([z, held.block]), held.weight)
        if inside is not None:
            rows.append(("within families", [inside.one(j) for j in range(m)], unknown))
    for name, model in related_models(x, z, languages).items():
        estimate, error, shares = model.fit(y)
        each = zip(estimate, error, shares, strict=True)
        rows.append((name, [model.slope(float(e), float(s), float(h)) for e, s, h in each], shares))
    return rows
