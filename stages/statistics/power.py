"""The smallest partial correlation that a design of n languages and k covariates can detect."""

from __future__ import annotations

import math


def detectable_correlation(n: int, k: int, power: float = 0.8, level: float = 0.05) -> float:
    """Return the |r| found with the given power by a two-sided test at `level`; 1 if none is.

    By Fisher's z: the test rejects beyond the critical r of Student's t with n - k - 2 degrees of
    freedom, and atanh(r) varies with standard error 1/sqrt(n - k - 3) about atanh(rho) plus its
    bias rho / (2 (n - k - 1)).
    """
    from scipy.stats import norm

    if n <= k + 3:
        return 1.0
    z = math.atanh(critical_correlation(n, k, level)) + float(norm.ppf(power)) / math.sqrt(
        n - k - 3
    )
    rho = math.tanh(z)
    for _ in range(50):
        rho = math.tanh(z - rho / (2 * (n - k - 1)))
    return rho


def critical_correlation(n: int, k: int, level: float = 0.05) -> float:
    """Return the |r| beyond which a two-sided t test at `level` rejects no correlation."""
    from scipy.stats import t

    freedom = n - k - 2
    if freedom < 1:
        return 1.0
    quantile = float(t.ppf(1 - level / 2, freedom))
    return quantile / math.sqrt(freedom + quantile**2)
