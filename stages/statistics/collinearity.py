"""How far covariates tell a variable already: explained share and variance inflation."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from stages.statistics.moments import residuals


def explained(values: pd.Series, covariates: pd.DataFrame) -> float:
    """Return R squared of `values` on the covariates, 0 where there are none."""
    y = values.to_numpy(dtype=float)
    total = float(((y - y.mean()) ** 2).sum())
    if covariates.shape[1] == 0 or total == 0:
        return 0.0
    z = covariates.to_numpy(dtype=float)
    z = (z - z.mean(axis=0)) / np.where(z.std(axis=0) > 0, z.std(axis=0), 1.0)
    left = float((residuals(y[:, None], z) ** 2).sum())
    return max(0.0, 1.0 - left / total)


def variance_inflation(values: pd.Series, covariates: pd.DataFrame) -> float:
    """Return 1 / (1 - R squared) of a variable given the covariates; infinite if they tell it."""
    share = explained(values, covariates)
    return math.inf if share >= 1 - 1e-12 else 1.0 / (1.0 - share)
