"""Least-squares slope of an outcome on distance given covariates, with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from stages.statistics.moments import Array

# Slopes are printed per tenth of the distance scale: about English-German to English-Russian.
PER = 0.1


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


def slope(y: Array, x: Array, z: Array) -> Slope | None:
    """Return the slope of y (n) on x (n) given z (n x k); None with no degrees of freedom left."""
    n, k = len(y), z.shape[1]
    freedom = n - k - 2
    if freedom < 1:
        return None
    design = np.column_stack([x, np.ones(n), z])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return None
    fit, *_ = np.linalg.lstsq(design, y, rcond=None)
    left = y - design @ fit
    variance = float(left @ left) / freedom
    inverse = np.linalg.inv(design.T @ design)
    return summarise(float(fit[0]), math.sqrt(variance * inverse[0, 0]), freedom)


def summarise(estimate: float, se: float, freedom: float) -> Slope:
    """Return estimate and error per unit of distance as a Slope per 0.1, by Student's t."""
    from scipy.stats import norm, t

    estimate, se = estimate * PER, se * PER
    quantile = float(t.ppf(0.975, freedom))
    p = float(2 * t.sf(abs(estimate) / se, freedom)) if se > 0 else float("nan")
    detectable = (quantile + float(norm.ppf(0.8))) * se
    return Slope(
        estimate, se, freedom, estimate - quantile * se, estimate + quantile * se, p, detectable
    )
