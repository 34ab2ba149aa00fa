"""Partial correlations by weighted moments: many resamples of many pairs at once.

pingouin computes the observed values that are reported; this is the same quantity for the
thousands of resamples behind an interval or a permutation test.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# A variance left after the covariates below this share of the whole is rounding, not variance.
TOLERANCE = 1e-10


def standardise(values: Array) -> Array:
    """Return columns of mean 0 and standard deviation 1; a constant column becomes 0."""
    centred = values - values.mean(axis=0)
    scale = centred.std(axis=0)
    return np.asarray(centred / np.where(scale > 0, scale, 1.0))


def residuals(values: Array, covariates: Array, weight: Array | None = None) -> Array:
    """Return `values` (n x m) less their least-squares fit on `covariates` (n x k) and 1.

    weight : n x n, the inverse root of the observations' covariance; residuals are weighted then
    """
    basis = orthonormal(covariates, weight)
    centred = values - values.mean(axis=0) if weight is None else weight @ values
    return np.asarray(centred - basis @ (basis.T @ centred))


def orthonormal(covariates: Array, weight: Array | None = None) -> Array:
    """Return an orthonormal basis of the covariates' columns, centred (n x k).

    With weights it is that of the weighted columns and of a weighted 1 (n x k + 1).
    """
    if weight is not None:
        columns = np.column_stack([np.ones(len(covariates)), covariates])
        return np.asarray(np.linalg.qr(weight @ columns)[0])
    centred = covariates - covariates.mean(axis=0)
    return np.asarray(np.linalg.qr(centred)[0] if covariates.shape[1] else centred)


def partial_correlations(weights: Array, x: Array, y: Array, z: Array) -> Array:
    """Return the partial correlation of every x with every y given z, in every resample.

    weights : B x n, how often each of the n observations is in the resample
    x, y, z : n x p, n x m, n x k; k may be 0
    Returns B x p x m; NaN where a resample leaves no variance.
    """
    x, y, z = standardise(x), standardise(y), standardise(z)
    share = weights / weights.sum(axis=1, keepdims=True)
    xy = cross(share, x, y)
    xx, yy = variance(share, x), variance(share, y)
    floor_x, floor_y = TOLERANCE * xx, TOLERANCE * yy
    if z.shape[1]:
        zz, zx, zy = cross(share, z, z), cross(share, z, x), cross(share, z, y)
        # pinv, since a resample may hold too few distinct observations for all covariates.
        inverse = np.linalg.pinv(zz, rcond=TOLERANCE, hermitian=True)
        fit = inverse @ zx
        xy = xy - fit.transpose(0, 2, 1) @ zy
        xx = xx - (zx * fit).sum(axis=1)
        yy = yy - (zy * (inverse @ zy)).sum(axis=1)
    return ratio(xy, xx, yy, floor_x, floor_y)


def ratio(xy: Array, xx: Array, yy: Array, floor_x: Array, floor_y: Array) -> Array:
    """Return xy / sqrt(xx yy), NaN where a variance is nil, and within [-1, 1]."""
    xx = np.where(xx > floor_x, xx, np.nan)
    yy = np.where(yy > floor_y, yy, np.nan)
    return np.asarray(np.clip(xy / np.sqrt(xx[:, :, None] * yy[:, None, :]), -1.0, 1.0))


def cross(share: Array, a: Array, b: Array) -> Array:
    """Return the weighted covariances, B x p x m."""
    products = (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)
    joint = (share @ products).reshape(len(share), a.shape[1], b.shape[1])
    return np.asarray(joint - (share @ a)[:, :, None] * (share @ b)[:, None, :])


def variance(share: Array, a: Array) -> Array:
    """Return the weighted variances, B x p."""
    return np.asarray(share @ a**2 - (share @ a) ** 2)


def ranks(values: Array) -> Array:
    """Return midranks a column."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(values, axis=0), dtype=float)
