"""The mixed model of a balanced table, many draws at once, by restricted maximum likelihood.

A study runs every language in every run, and every task with as many seeds. Its table (languages
x runs) then falls apart, by one rotation of the runs, into independent strata: the means without
and with intermediate training, which hold the fixed effects; contrasts between tasks; contrasts
between seeds of one task. Matrices are as large as the number of languages, not of cells: ten
tasks with five seeds on 40 languages fit in a second, and thousands of simulated tables in a
minute. `reml.fit` gives the same for any table, slowly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stages.statistics.layout import Layout
from stages.statistics.moments import Array

# Bounds of log(variance / variance of the table): what sits at the lower one is nil.
LOWEST, HIGHEST, NIL = -14.0, 4.0, -13.5
STEPS = 80


@dataclass(frozen=True)
class Fits:
    """B fits: fixed effects (B x p) with covariance, variances (B x m), and their uncertainty."""

    layout: Layout
    effects: Array
    covariance: Array
    variances: Array
    freedoms: Array
    means: Array
    """B x languages x runs: every cell's value as fitted, random effects included"""

    @property
    def position(self) -> int:
        """Which of the fixed effects is the interaction."""
        return int(self.layout.shared.shape[1])

    @property
    def estimate(self) -> Array:
        return np.asarray(self.effects[:, self.position])

    @property
    def error(self) -> Array:
        return np.sqrt(self.covariance[:, self.position, self.position])


def fit(layout: Layout, y: Array, known: Array | None = None, start: Array | None = None) -> Fits:
    """Fit B tables at once.

    y : B x languages x runs
    known : B x languages, variances of a cell that are given, beside the common residual one
    start : B x m, variances to start from
    """
    draws, size = y.shape[:2]
    noise = np.zeros((draws, size)) if known is None else known
    rotated = y @ layout.rotation
    scale = np.maximum(y.reshape(draws, -1).var(axis=1), 1e-12)
    strata = Strata(layout, rotated / np.sqrt(scale)[:, None, None], noise / scale[:, None])
    m = len(layout.names)
    if start is None:
        logs = np.full((draws, m), np.log(1.0 / m))
    else:
        logs = np.log(np.clip(start / scale[:, None], 1e-5, 50.0))
    logs = maximise(strata, logs)
    variances = np.exp(logs)
    found = strata.at(variances)
    freedoms = satterthwaite(strata, found, logs, variances, layout.shared.shape[1])
    fitted = strata.fitted(found, variances) * np.sqrt(scale)[:, None, None]
    return Fits(
        layout,
        found.effects * np.sqrt(scale)[:, None],
        found.covariance * scale[:, None, None],
        variances * scale[:, None],
        freedoms,
        fitted @ layout.rotation.T,
    )


@dataclass(frozen=True)
class Point:
    """The criterion at given variances: minus log likelihood, gradient, average information."""

    value: Array
    gradient: Array
    information: Array
    effects: Array
    covariance: Array
    projected: Array
    inverses: list[Array]
    weighted: Array


class Strata:
    """The rotated tables, and their restricted likelihood."""

    def __init__(self, layout: Layout, rotated: Array, noise: Array) -> None:
        self.layout, self.rotated, self.noise = layout, rotated, noise
        k, size = layout.tasks, rotated.shape[1]
        self.means = rotated[:, :, :2].transpose(0, 2, 1).reshape(len(rotated), 2 * size)
        self.tasks = rotated[:, :, 2 : k + 1]
        self.seeds = rotated[:, :, k + 1 :]

    def some(self, rows: npt.NDArray[np.int64]) -> Strata:
        return Strata(self.layout, self.rotated[rows], self.noise[rows])

    def total(self, variances: Array, stratum: int) -> Array:
        part = self.layout.parts[stratum]
        total = (variances @ part.reshape(len(part), -1)).reshape(-1, *part.shape[1:])
        diagonal = np.arange(part.shape[1])
        total[:, diagonal, diagonal] += np.tile(self.noise, 2) if stratum == 0 else self.noise
        return np.asarray(total)

    def at(self, variances: Array) -> Point:
        """Return the criterion, each table at its own variances (B x m)."""
        design, parts = self.layout.design, self.layout.parts
        totals = [self.total(variances, j) for j in range(3)]
        inverses = [np.asarray(np.linalg.inv(total), dtype=float) for total in totals]
        inverse: Array = inverses[0]
        solved = inverse @ design
        gram = design.T @ solved
        covariance: Array = np.asarray(np.linalg.inv(gram), dtype=float)
        projected: Array = inverse - solved @ covariance @ solved.transpose(0, 2, 1)
        effects = np.einsum("bij,bkj,bk->bi", covariance, solved, self.means, optimize=True)
        w = np.einsum("bij,bj->bi", projected, self.means)
        value = np.linalg.slogdet(totals[0])[1] + np.linalg.slogdet(gram)[1]
        value = value + (self.means * w).sum(axis=1)
        gradient, information = terms(projected, w[:, :, None], parts[0], 1)
        for j, data in ((1, self.tasks), (2, self.seeds)):
            count = data.shape[2]
            if not count:
                continue
            weighted = inverses[j] @ data
            value = value + count * np.linalg.slogdet(totals[j])[1]
            value = value + (data * weighted).sum(axis=(1, 2))
            more, again = terms(inverses[j], weighted, parts[j], count)
            gradient, information = gradient + more, information + again
        return Point(
            value=np.asarray(0.5 * value),
            gradient=gradient,
            information=information,
            effects=np.asarray(effects),
            covariance=covariance,
            projected=projected,
            inverses=inverses,
            weighted=np.asarray(w),
        )

    def fitted(self, found: Point, variances: Array) -> Array:
        """Return the rotated tables as fitted: what is known of a cell's own mean."""
        size = self.rotated.shape[1]
        own = np.tile(self.noise, 2)
        # y less the part of its variance that is measurement, times what that part told.
        means = self.means - own * found.weighted
        tasks = self.tasks - self.noise[:, :, None] * (found.inverses[1] @ self.tasks)
        seeds = self.seeds - self.noise[:, :, None] * (found.inverses[2] @ self.seeds)
        first = means.reshape(len(means), 2, size).transpose(0, 2, 1)
        return np.concatenate([first, tasks, seeds], axis=2)


def terms(inverse: Array, weighted: Array, parts: Array, count: int) -> tuple[Array, Array]:
    """Return one stratum's gradient (B x m) and average information (B x m x m)."""
    draws, size, columns = weighted.shape
    m = len(parts)
    trace = inverse.reshape(draws, -1) @ parts.reshape(m, -1).T
    moved = np.einsum("mij,bjc->bmic", parts, weighted, optimize=True)
    quadratic = np.einsum("bmic,bic->bm", moved, weighted, optimize=True)
    solved = inverse[:, None] @ moved
    flat = moved.reshape(draws, m, size * columns)
    information = flat @ solved.reshape(draws, m, size * columns).transpose(0, 2, 1)
    return 0.5 * (count * trace - quadratic), 0.5 * information


def maximise(strata: Strata, logs: Array) -> Array:
    """Return the log variances of the largest likelihood, by damped average information."""
    logs = np.clip(logs, LOWEST, HIGHEST)
    point = strata.at(np.exp(logs))
    value, gradient, information = point.value, point.gradient, point.information
    damping = np.full(len(logs), 1e-2)
    open_ = np.arange(len(logs))
    identity = np.eye(logs.shape[1])
    for _ in range(STEPS):
        v = np.exp(logs[open_])
        slope = gradient[open_] * v
        curvature = information[open_] * v[:, :, None] * v[:, None, :]
        held = (logs[open_] <= LOWEST) & (slope > 0) | (logs[open_] >= HIGHEST) & (slope < 0)
        slope = np.where(held, 0.0, slope)
        curvature = np.where(held[:, :, None] | held[:, None, :], 0.0, curvature)
        diagonal = np.einsum("bii->bi", curvature)
        curvature = (
            curvature
            + identity
            * ((damping[open_, None] * diagonal + np.maximum(slope, 0) + 1e-9 + held)[:, :, None])
        )
        step = np.clip(-np.linalg.solve(curvature, slope[:, :, None])[:, :, 0], -3, 1.5)
        tried = np.clip(logs[open_] + step, LOWEST, HIGHEST)
        found = strata.some(open_).at(np.exp(tried))
        gain = value[open_] - found.value
        better = gain > 0
        rows = open_[better]
        logs[rows], value[rows] = tried[better], found.value[better]
        gradient[rows], information[rows] = found.gradient[better], found.information[better]
        damping[open_] = np.where(better, damping[open_] / 5, damping[open_] * 8)
        done = (better & (gain < 1e-7)) | (np.abs(slope).max(axis=1) < 1e-5)
        done |= ~better & (damping[open_] > 1e6)
        open_ = open_[~done]
        if not len(open_):
            break
    return logs


def satterthwaite(
    strata: Strata, found: Point, logs: Array, variances: Array, position: int
) -> Array:
    """Return the degrees of freedom of one fixed effect in every fit, at least 1."""
    layout = strata.layout
    m = len(layout.names)
    freedoms = np.empty(len(logs))
    weighted = found.covariance @ layout.design.T @ found.inverses[0]
    row = weighted[:, position]
    for b in range(len(logs)):
        free = [i for i in range(m) if logs[b, i] > NIL]
        if not free:
            freedoms[b] = np.inf
            continue
        information = np.zeros((len(free), len(free)))
        for j, count in ((0, 1), (1, strata.tasks.shape[2]), (2, strata.seeds.shape[2])):
            if count:
                inverse = found.projected[b] if j == 0 else found.inverses[j][b]
                products = inverse @ layout.parts[j][free]
                flat = products.reshape(len(free), -1)
                turned = products.transpose(0, 2, 1).reshape(len(free), -1)
                information += 0.5 * count * (flat @ turned.T)
        gradient = np.einsum("i,mij,j->m", row[b], layout.parts[0][free], row[b], optimize=True)
        spread = float(gradient @ np.linalg.pinv(information, hermitian=True) @ gradient)
        variance = found.covariance[b, position, position]
        freedoms[b] = max(1.0, 2 * variance**2 / spread) if spread > 0 else np.inf
    return freedoms
