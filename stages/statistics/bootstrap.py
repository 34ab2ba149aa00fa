"""Bias-corrected and accelerated bootstrap over languages (Efron 1987)."""

from __future__ import annotations

import numpy as np

from stages.statistics.moments import Array, partial_correlations, ranks

BATCH = 200


def bca_interval(
    x: Array,
    y: Array,
    z: Array,
    method: str = "pearson",
    resamples: int = 2000,
    seed: int = 1,
    level: float = 0.95,
) -> tuple[Array, Array]:
    """Return lower and upper ends (p x m) for the partial correlations of every x with every y.

    Languages are drawn with replacement; for ranks each resample is ranked anew. Resamples that
    leave no variance are left out; NaN where more than a tenth of them do.
    """
    from scipy.stats import norm

    n = len(x)
    generator = np.random.default_rng([seed, n])
    weights = generator.multinomial(n, np.full(n, 1 / n), size=resamples).astype(float)
    observed = correlations(np.ones((1, n)), x, y, z, method)[0]
    drawn = correlations(weights, x, y, z, method)
    left_out = correlations(1.0 - np.eye(n), x, y, z, method)

    valid = np.isfinite(drawn)
    count = valid.sum(axis=0)
    below = (drawn < observed).sum(axis=0) + 0.5 * (drawn == observed).sum(axis=0)
    bias = norm.ppf(np.clip(below / np.maximum(count, 1), 1e-6, 1 - 1e-6))
    centred = np.nanmean(left_out, axis=0) - left_out
    spread = np.nansum(centred**2, axis=0) ** 1.5
    acceleration = np.nansum(centred**3, axis=0) / (6 * np.where(spread > 0, spread, 1.0))
    ends = []
    drawn = np.sort(np.where(valid, drawn, np.inf), axis=0)
    for probability in ((1 - level) / 2, (1 + level) / 2):
        point = bias + norm.ppf(probability)
        adjusted = norm.cdf(bias + point / (1 - acceleration * point))
        position = np.clip(adjusted * count - 0.5, 0, np.maximum(count - 1, 0))
        low = np.floor(position).astype(int)
        high = np.minimum(low + 1, np.maximum(count - 1, 0))
        part = position - low
        value = (1 - part) * take(drawn, low) + part * take(drawn, high)
        ends.append(np.where(count >= 0.9 * resamples, value, np.nan))
    return ends[0], ends[1]


def take(values: Array, index: np.ndarray) -> Array:
    return np.take_along_axis(values, index[None], axis=0)[0]


def correlations(weights: Array, x: Array, y: Array, z: Array, method: str) -> Array:
    """Return partial correlations under weights, B x p x m, ranked within each for spearman."""
    parts = []
    for start in range(0, len(weights), BATCH):
        batch = weights[start : start + BATCH]
        if method == "pearson":
            parts.append(partial_correlations(batch, x, y, z))
        else:
            parts.append(rank_correlations(batch, x, y, z))
    return np.concatenate(parts)


def rank_correlations(weights: Array, x: Array, y: Array, z: Array) -> Array:
    """Return partial rank correlations, B x p x m; a language drawn twice is two ties."""
    share = weights / weights.sum(axis=1, keepdims=True)
    rx, ry, rz = (weighted_ranks(weights, share, values) for values in (x, y, z))
    scaled = share[:, :, None]
    xy = np.swapaxes(rx * scaled, 1, 2) @ ry
    xx, yy = (rx**2 * scaled).sum(axis=1), (ry**2 * scaled).sum(axis=1)
    floor_x, floor_y = 1e-10 * xx, 1e-10 * yy
    if z.shape[1]:
        zz = np.swapaxes(rz * scaled, 1, 2) @ rz
        zx, zy = np.swapaxes(rz * scaled, 1, 2) @ rx, np.swapaxes(rz * scaled, 1, 2) @ ry
        inverse = np.linalg.pinv(zz, rcond=1e-10, hermitian=True)
        xy = xy - np.swapaxes(inverse @ zx, 1, 2) @ zy
        xx, yy = xx - (zx * (inverse @ zx)).sum(axis=1), yy - (zy * (inverse @ zy)).sum(axis=1)
    from stages.statistics.moments import ratio

    return ratio(xy, xx, yy, floor_x, floor_y)


def weighted_ranks(weights: Array, share: Array, values: Array) -> Array:
    """Return centred midranks within each resample, B x n x columns."""
    ranked = np.empty((len(weights), *values.shape))
    order = ranks(values)
    for column in range(values.shape[1]):
        r = order[:, column]
        # How much of the resample lies below each observation, and half of what ties with it.
        compare = (r[:, None] < r[None, :]) + 0.5 * (r[:, None] == r[None, :])
        ranked[:, :, column] = weights @ compare
    return np.asarray(ranked - (ranked * share[:, :, None]).sum(axis=1, keepdims=True))
