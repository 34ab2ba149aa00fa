"""Partial correlation by pingouin, with what pingouin does not refuse caught before the call."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.statistics.moments import Array


@dataclass(frozen=True)
class PartialCorrelation:
    """r, its 95% interval (Fisher's z) and two-sided p (Student's t), of n observations."""

    n: int
    r: float
    ci_low: float
    ci_high: float
    p: float


def partial_correlation(
    data: pd.DataFrame, x: str, y: str, covariates: list[str], method: str = "pearson"
) -> PartialCorrelation:
    """Correlate two columns of `data` given others, `method` pearson or spearman.

    The interval is Fisher's with n - k - 3; for ranks with the standard error of Bonett and
    Wright (2000), which Fisher's understates.
    Raises ValueError for missing values, a constant column, collinear covariates, or
    n <= k + 3, where pingouin would return NaN, wrong degrees of freedom or no meaning.
    """
    refuse(data, x, y, covariates)
    return by_pingouin(data, x, y, covariates, method)


def by_pingouin(
    data: pd.DataFrame, x: str, y: str, covariates: list[str], method: str
) -> PartialCorrelation:
    """Return the same for columns that `refuse` has let through."""
    import pingouin

    if covariates:
        found = pingouin.partial_corr(data, x=x, y=y, covar=covariates, method=method)
    else:
        found = pingouin.corr(data[x], data[y], method=method)
    r, n = float(found["r"].iloc[0]), len(data)
    # pingouin rounds its interval to two decimals, and its interval of ranks is too narrow.
    low, high = fisher_interval(r, n, len(covariates), method)
    return PartialCorrelation(n, r, low, high, float(found["p_val"].iloc[0]))


def closed_forms(r: Array, n: int, k: int, method: str) -> dict[str, Array]:
    """Return r, ci_low, ci_high and p for known r: pingouin's to 10 digits, far faster."""
    from scipy.special import stdtr

    freedom = n - k - 2
    value = np.abs(r) * np.sqrt(freedom / np.maximum(1 - r**2, 1e-300))
    low, high = fisher_intervals(r, n, k, method)
    return {"r": r, "ci_low": low, "ci_high": high, "p": 2 * stdtr(freedom, -value)}


def refuse(data: pd.DataFrame, x: str, y: str, covariates: list[str]) -> None:
    """Raise ValueError where a partial correlation of these columns has no meaning."""
    n, k = len(data), len(covariates)
    columns = [x, y, *covariates]
    if data[columns].isna().any().any():
        empty = [name for name in columns if data[name].isna().any()]
        raise ValueError(f"missing values in {', '.join(empty)}: drop those languages first")
    if n <= k + 3:
        raise ValueError(
            f"n = {n} languages and {k} covariates: needs more than {k + 3}; "
            "drop covariates or add languages"
        )
    for name in columns:
        values = data[name].astype(float)
        if values.max() - values.min() <= 1e-12 * max(1.0, abs(float(values.max()))):
            raise ValueError(f"'{name}' is the same for all {n} languages: leave it out")
    from stages.statistics.collinearity import explained

    for i, name in enumerate(covariates):
        others = covariates[:i] + covariates[i + 1 :]
        if explained(data[name], data[others]) > 1 - 1e-9:
            raise ValueError(
                f"covariate '{name}' is a combination of {', '.join(others)}: leave one out"
            )
    for name in (x, y):
        if covariates and explained(data[name], data[covariates]) > 1 - 1e-9:
            raise ValueError(
                f"'{name}' is a combination of the covariates {', '.join(covariates)}: "
                "nothing of it is left"
            )


def fisher_interval(
    r: float, n: int, k: int, method: str = "pearson", level: float = 0.95
) -> tuple[float, float]:
    """Return the interval of a partial correlation on Fisher's z scale.

    The standard error is 1/sqrt(n - k - 3), for ranks sqrt((1 + r^2/2)/(n - k - 3)).
    """
    from scipy.stats import norm

    if abs(r) >= 1:
        return (r, r)
    inflation = 1 + r**2 / 2 if method == "spearman" else 1.0
    half = float(norm.ppf(0.5 + level / 2)) * math.sqrt(inflation / (n - k - 3))
    return math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)


def fisher_intervals(
    r: Array, n: int, k: int, method: str = "pearson", level: float = 0.95
) -> tuple[Array, Array]:
    """Return the same for an array of correlations."""
    from scipy.stats import norm

    inflation = 1 + r**2 / 2 if method == "spearman" else 1.0
    half = float(norm.ppf(0.5 + level / 2)) * np.sqrt(inflation / (n - k - 3))
    z = np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12))
    return np.tanh(z - half), np.tanh(z + half)
