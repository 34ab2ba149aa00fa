"""Least-squares slope of an outcome on distance given covariates, with its interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.statistics.moments import Array

# Slopes are printed per tenth of the distance scale: about English-German to English-Russian.
PER = 0.1
POWER = 0.8


@dataclass(frozen=True)
class Slope:
    """Change of the outcome per 0.1 of distance: estimate, standard error, 95% interval, p.

    detectable : the change that this design finds with 80% power at 5%
    """

    estimate: float
    se: float
    freedom: float
    ci_low: float
    ci_high: float
    p: float
    detectable: float


@dataclass(frozen=True)
class Slopes:
    """m slopes of one design, per unit of distance: estimates, standard errors, freedom."""

    estimate: Array
    se: Array
    freedom: int

    def one(self, position: int = 0) -> Slope:
        return summarise(float(self.estimate[position]), float(self.se[position]), self.freedom)


def slopes(y: Array, x: Array, z: Array, weight: Array | None = None) -> Slopes | None:
    """Return the slopes of every y (n x m) on x (n) given z (n x k).

    weight : n x n, the inverse root of the covariance of related observations (`Comparison`)
    None with no degrees of freedom left, or where the covariates tell x.
    """
    n, k = len(x), z.shape[1]
    freedom = n - k - 2
    if freedom < 1:
        return None
    design = np.column_stack([x, np.ones(n), z])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return None
    if weight is not None:
        design, y = weight @ design, weight @ y
    inverse = np.linalg.inv(design.T @ design)
    fit = inverse @ (design.T @ y)
    variance = ((y - design @ fit) ** 2).sum(axis=0) / freedom
    return Slopes(fit[0], np.sqrt(variance * inverse[0, 0]), freedom)


def slope(y: Array, x: Array, z: Array) -> Slope | None:
    """Return the slope of y (n) on x (n) given z (n x k); None where there is none."""
    found = slopes(y[:, None], x, z)
    return None if found is None else found.one()


def summarise(estimate: float, se: float, freedom: float) -> Slope:
    """Return estimate and error per unit of distance as a Slope per 0.1, by Student's t."""
    from scipy.stats import t

    quantile = float(t.ppf(0.975, freedom))
    p = float(2 * t.sf(abs(estimate) / se, freedom)) if se > 0 else float("nan")
    return by_quantile(estimate, se, freedom, quantile, p)


def by_quantile(estimate: float, se: float, freedom: float, quantile: float, p: float) -> Slope:
    """Return the same where |t|'s 95% quantile and p are known otherwise."""
    from scipy.stats import norm

    estimate, se = estimate * PER, se * PER
    detectable = (quantile + float(norm.ppf(POWER))) * se
    return Slope(
        estimate, se, freedom, estimate - quantile * se, estimate + quantile * se, p, detectable
    )


def without_interval(estimate: float) -> Slope:
    """Return an estimate per unit of distance whose uncertainty cannot be told."""
    unknown = float("nan")
    return Slope(estimate * PER, unknown, unknown, unknown, unknown, unknown, unknown)
