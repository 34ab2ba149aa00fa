"""Linear mixed models with crossed random effects, by restricted maximum likelihood.

Dense and small: for tables of some hundred cells. Standard errors and degrees of freedom of a
contrast follow Satterthwaite; one known variance a row may stand beside the residual one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.statistics.moments import Array

LARGEST = 1200


@dataclass(frozen=True)
class Fit:
    """Fixed effects (p) with covariance (p x p); variances in the order given, residual last."""

    effects: Array
    covariance: Array
    variances: Array
    spread: Array
    gradients: Array

    def freedom(self, position: int) -> float:
        """Return Satterthwaite's degrees of freedom of one fixed effect, at least 1."""
        variance = self.covariance[position, position]
        gradient = self.gradients[:, position]
        uncertainty = float(gradient @ self.spread @ gradient)
        return max(1.0, 2 * variance**2 / uncertainty) if uncertainty > 0 else float("inf")


def fit(
    y: Array,
    design: Array,
    groups: list[Array],
    known: Array | None = None,
    start: Array | None = None,
) -> Fit:
    """Fit y = design b + sum Z u + e.

    y : n; design : n x p, full rank; groups : Z, each n x q, of one variance; known : n, variances
    of e that are given (e has then no other but a common extra one, which may be nil); start :
    the variances to start from
    Raises ValueError where the design is rank-deficient or n exceeds LARGEST.
    """
    from scipy.optimize import minimize

    n = len(y)
    if n > LARGEST:
        raise ValueError(f"{n} rows; dense REML serves up to {LARGEST}")
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError("the fixed effects are collinear")
    scale = float(np.var(y - design @ np.linalg.lstsq(design, y, rcond=None)[0])) or 1.0
    parts = [*(z @ z.T for z in groups), np.eye(n)]
    base = np.diag(known) if known is not None else np.zeros((n, n))

    def criterion(logs: Array) -> tuple[float, Array]:
        value, gradient, *_ = evaluate(y, design, parts, base, scale * np.exp(logs))
        return value, gradient * scale * np.exp(logs)

    even = np.full(len(parts), 1.0 / len(parts))
    logs = np.log(np.clip(even if start is None else start / scale, 1e-5, 50.0))
    found = minimize(criterion, logs, jac=True, method="L-BFGS-B", bounds=[(-14, 4)] * len(parts))
    variances = scale * np.exp(found.x)
    _, _, effects, covariance, projected, inverse = evaluate(y, design, parts, base, variances)
    # What sits at its lower bound is nil and known to be: it costs no degrees of freedom.
    free = [i for i, log in enumerate(found.x) if log > -13.5]
    products = [projected @ parts[i] for i in free]
    information = np.array([[0.5 * np.sum(a * b.T) for b in products] for a in products])
    spread = np.linalg.pinv(information) if free else np.zeros((0, 0))
    weighted = covariance @ design.T @ inverse
    gradients = np.array([np.diag(weighted @ parts[i] @ weighted.T) for i in free])
    return Fit(effects, covariance, variances, spread, gradients.reshape(len(free), len(effects)))


def evaluate(
    y: Array, design: Array, parts: list[Array], base: Array, variances: Array
) -> tuple[float, Array, Array, Array, Array, Array]:
    """Return minus the restricted log likelihood, its gradient, and the fit at given variances."""
    total = base + sum(v * part for v, part in zip(variances, parts, strict=True))
    inverse = np.asarray(np.linalg.inv(total), dtype=float)
    gram = design.T @ inverse @ design
    covariance = np.asarray(np.linalg.inv(gram), dtype=float)
    effects = np.asarray(covariance @ (design.T @ (inverse @ y)), dtype=float)
    projected: Array = inverse - inverse @ design @ covariance @ design.T @ inverse
    weighted = projected @ y
    value = 0.5 * (np.linalg.slogdet(total)[1] + np.linalg.slogdet(gram)[1] + float(y @ weighted))
    gradient: Array = np.array(
        [0.5 * (np.sum(projected * part) - weighted @ part @ weighted) for part in parts]
    )
    return float(value), gradient, effects, covariance, projected, inverse
