"""The design of a balanced table: every language in every run, as many seeds a task."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stages.statistics.moments import Array


@dataclass(frozen=True)
class Layout:
    """L languages; a baseline and `tasks` intermediate tasks, each with `seeds` runs.

    shared : L x p, fixed effects whatever the training (1, distance, covariates)
    changed : L x q, their change by training; the first is distance: the interaction
    slope : L, the distance along which runs differ in slope, centred
    kin : L x L, the covariance of what is a language's own, 1 on the diagonal
    Runs are ordered by task, the baseline's seeds first.
    """

    shared: Array
    changed: Array
    slope: Array
    tasks: int
    seeds: int
    kin: Array

    @property
    def names(self) -> list[str]:
        """The random effects, in the order of a fit's variances."""
        names = ["language", "language untrained", "language trained", "run", "run x distance"]
        if self.tasks > 1 and self.seeds > 1:
            names.append("language x task")
        if self.tasks > 2 and self.seeds > 1:
            names += ["task", "task x distance"]
        return [*names, "residual"]

    @property
    def told(self) -> bool:
        """Whether the spread between runs can be told at all."""
        return self.tasks * self.seeds > 1

    @cached_property
    def rotation(self) -> Array:
        """Orthonormal contrasts of the runs, R x R: untrained, trained, tasks, seeds."""
        k, s = self.tasks, self.seeds
        task = np.repeat(np.arange(k + 1), s)
        untrained = (task == 0).astype(float)
        by_task = (task[:, None] == np.arange(1, k + 1)).astype(float)
        columns = np.column_stack([untrained, 1 - untrained, by_task, np.eye((k + 1) * s)])
        # Gram and Schmidt: each column less what those before it hold.
        kept: list[Array] = []
        for column in columns.T:
            left = column - sum((b * (b @ column) for b in kept), start=np.zeros(len(column)))
            left -= sum((b * (b @ left) for b in kept), start=np.zeros(len(column)))
            if np.linalg.norm(left) > 1e-8:
                kept.append(left / np.linalg.norm(left))
        return np.column_stack(kept)

    @cached_property
    def design(self) -> Array:
        """Fixed effects of the stratum of means, 2L x (p + q); the interaction is column p."""
        k, s = self.tasks, self.seeds
        nothing = np.zeros_like(self.changed)
        untrained = np.column_stack([self.shared, nothing]) * np.sqrt(s)
        trained = np.column_stack([self.shared, self.changed]) * np.sqrt(k * s)
        return np.vstack([untrained, trained])

    @cached_property
    def parts(self) -> tuple[Array, Array, Array]:
        """What one unit of each variance adds to each stratum's covariance, m x size x size."""
        size, k, s = len(self.slope), self.tasks, self.seeds
        unit, ones = np.eye(size), np.ones((size, size))
        tilt = np.outer(self.slope, self.slope)
        nothing = np.zeros((size, size))
        root = np.sqrt(k)
        means = {
            "language": (np.array([[s, s * root], [s * root, k * s]]), self.kin),
            "language untrained": (np.diag([s, 0.0]), self.kin),
            "language trained": (np.diag([0.0, k * s]), self.kin),
            "run": (np.eye(2), ones),
            "run x distance": (np.eye(2), tilt),
            "language x task": (s * np.eye(2), self.kin),
            "task": (np.diag([0.0, s]), ones),
            "task x distance": (np.diag([0.0, s]), tilt),
            "residual": (np.eye(2), unit),
        }
        seeds = {"run": ones, "run x distance": tilt, "residual": unit}
        tasks = {**seeds, "language x task": s * self.kin, "task": s * ones}
        tasks["task x distance"] = s * tilt
        return (
            np.array([np.kron(*means[name]) for name in self.names]),
            np.array([tasks.get(name, nothing) for name in self.names]),
            np.array([seeds.get(name, nothing) for name in self.names]),
        )
