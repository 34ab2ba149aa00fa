"""How much of a slope's uncertainty comes from items and seeds, rather than from languages."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stages.statistics.moments import Array
from stages.statistics.slope import PER


def slope_weights(x: Array, z: Array) -> Array:
    """Return w (n) such that the slope of any y on x given z is w @ y, per 0.1 of x."""
    design = np.column_stack([x, np.ones(len(x)), z])
    return np.asarray(np.linalg.pinv(design)[0] * PER)


def sources_of_uncertainty(
    cells: pd.DataFrame, x: Array, z: Array, draws: int = 2000, seed: int = 1
) -> dict[str, float]:
    """Return the slope of the drop and its standard deviation over redrawn items and over seeds.

    cells : seeds x languages, value in percent and n items (n by language; English cancels: it
        moves the intercept, never the slope)
    se_items : item bootstrap, the correct answers of each language and seed drawn anew with
        probability value; items are shared by the languages and their errors correlate, which
        makes this an upper bound. NaN where n is unknown.
    se_seeds : standard error of the mean slope over seeds; NaN with one seed
    """
    values = cells.pivot(index="seed", columns="language", values="value")
    counts = cells.pivot(index="seed", columns="language", values="n").to_numpy(float)
    weights = slope_weights(x, z)
    by_seed = -(values.to_numpy(float) @ weights)
    found = {
        "slope": float(by_seed.mean()),
        "seeds": float(len(by_seed)),
        "slope_lowest_seed": float(by_seed.min()),
        "slope_highest_seed": float(by_seed.max()),
        "se_seeds": float("nan"),
        "se_items": float("nan"),
    }
    if len(by_seed) > 1:
        found["se_seeds"] = float(by_seed.std(ddof=1) / np.sqrt(len(by_seed)))
    if np.isfinite(counts).all() and (counts >= 1).all():
        generator = np.random.default_rng([seed, len(x)])
        rates = np.clip(values.to_numpy(float) / 100, 0, 1)
        drawn = generator.binomial(counts.astype(int), rates, size=(draws, *rates.shape)) / counts
        found["se_items"] = float((-(100 * drawn.mean(axis=1)) @ weights).std(ddof=1))
    return found
