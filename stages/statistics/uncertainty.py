"""How much of a slope's uncertainty comes from items and seeds, rather than from languages."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stages.statistics.moments import Array
from stages.statistics.slope import PER, slopes


def slope_weights(x: Array, z: Array, weight: Array | None = None) -> Array:
    """Return w (n) such that the slope of any y on x given z is w @ y, per 0.1 of x."""
    design = np.column_stack([x, np.ones(len(x)), z])
    if weight is None:
        return np.asarray(np.linalg.pinv(design)[0] * PER)
    return np.asarray(np.linalg.pinv(weight @ design)[0] @ weight * PER)


def sources_of_uncertainty(
    cells: pd.DataFrame,
    x: Array,
    z: Array,
    weight: Array | None = None,
) -> dict[str, float]:
    """Return the slope of the drop, and what languages, items and seeds add to its uncertainty.

    cells : seeds x languages, value in percent and n items (n by language; English cancels: it
        moves the intercept, never the slope)
    se_languages : least squares' standard error over languages, seeds averaged
    se_items : item bootstrap in closed form, the right answers of each language and seed drawn
        anew with probability value; items are shared by the languages, so errors correlate, which
        makes this an upper bound, contained in se_languages. NaN where n is unknown, and for F1,
        which is no share of items.
    se_seeds : standard error of the mean slope over seeds; a run may tilt all languages along the
        distance, which no residual shows. NaN with one seed.
    ci_low, ci_high : 95% interval for languages and seeds together (Satterthwaite); NaN with one
    """
    values = cells.pivot(index="seed", columns="language", values="value").to_numpy(float)
    counts = cells.pivot(index="seed", columns="language", values="n").to_numpy(float)
    weights = slope_weights(x, z, weight)
    by_seed = -(values @ weights)
    found = {
        "slope": float(by_seed.mean()),
        "seeds": float(len(by_seed)),
        "slope_lowest_seed": float(by_seed.min()),
        "slope_highest_seed": float(by_seed.max()),
    }
    found |= dict.fromkeys(["se_languages", "se_items", "se_seeds", "ci_low", "ci_high"], np.nan)
    fitted = slopes(-values.mean(axis=0)[:, None], x, z, weight)
    if fitted is not None:
        found["se_languages"] = float(fitted.se[0]) * PER
        if len(by_seed) > 1:
            half, found["se_seeds"] = together(by_seed, found["se_languages"], fitted.freedom)
            found["ci_low"], found["ci_high"] = found["slope"] - half, found["slope"] + half
    if np.isfinite(counts).all() and (counts >= 1).all():
        rates = np.clip(values / 100, 0, 1)
        # The slope is a sum of answers, so what the bootstrap converges to is known.
        variance = (rates * (1 - rates) / counts) @ (100 * weights) ** 2
        found["se_items"] = float(np.sqrt(variance.sum()) / len(by_seed))
    return found


def together(by_seed: Array, error: float, freedom: int) -> tuple[float, float]:
    """Return half of the interval for languages and seeds together, and the seeds' error.

    by_seed : the slope in each seed; error : that of languages, with its degrees of freedom
    """
    from scipy.stats import t

    seeds = float(by_seed.std(ddof=1) / np.sqrt(len(by_seed)))
    total = error**2 + seeds**2
    parts = error**4 / freedom + seeds**4 / (len(by_seed) - 1)
    half = float(t.ppf(0.975, total**2 / parts)) * np.sqrt(total) if parts > 0 else 0.0
    return float(half), seeds
