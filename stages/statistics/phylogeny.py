"""The slope when related languages are not independent observations.

Four models of one slope: languages independent; family blocks as fixed effects (an Indo-European
dummy where that is the one family with three members or more); a random effect of family; and a
covariance from the language tree, where two languages share as much as their classification does
(phylogenetic generalised least squares with Pagel's lambda, by REML).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from stages.statistics.families import blocks, indicators
from stages.statistics.moments import Array
from stages.statistics.slope import Slope, slope, summarise

GRID = np.linspace(0.0, 0.98, 50)


def kinship(classifications: list[str]) -> Array:
    """Return the covariance (n x n) that a language tree implies, 1 on the diagonal.

    classifications : nodes from the root to the language, separated by " > "; two languages share
        the geometric mean of the shares of their paths that are common (the cosine of ancestries)
    """
    paths = [set(text.split(" > ")) if text else {str(i)} for i, text in enumerate(classifications)]
    common = [[len(a & b) / np.sqrt(len(a) * len(b)) for b in paths] for a in paths]
    return np.array(common, dtype=float)


def same_family(families: list[str]) -> Array:
    """Return 1 where two languages are of one family, else 0 (n x n)."""
    return np.array([[float(a == b) for b in families] for a in families])


def related_slope(y: Array, x: Array, z: Array, covariance: Array) -> tuple[Slope, float] | None:
    """Return the slope under (1 - lambda) I + lambda C, and lambda by REML.

    y, x : n; z : n x k; covariance : n x n, 1 on the diagonal
    """
    n = len(y)
    design = np.column_stack([x, np.ones(n), z])
    freedom = n - design.shape[1]
    if freedom < 1 or np.linalg.matrix_rank(design) < design.shape[1]:
        return None
    best: tuple[float, float, float, float] | None = None
    for share in GRID:
        root = np.linalg.cholesky((1 - share) * np.eye(n) + share * covariance)
        whitened, outcome = np.linalg.solve(root, design), np.linalg.solve(root, y)
        gram = whitened.T @ whitened
        fit = np.linalg.solve(gram, whitened.T @ outcome)
        left = outcome - whitened @ fit
        variance = float(left @ left) / freedom
        if variance <= 0:
            return None
        likelihood = -0.5 * (
            freedom * np.log(variance)
            + 2 * np.log(np.diag(root)).sum()
            + np.linalg.slogdet(gram)[1]
        )
        if best is None or likelihood > best[0]:
            error = float(np.sqrt(variance * np.linalg.inv(gram)[0, 0]))
            best = (float(likelihood), float(fit[0]), error, float(share))
    if best is None:
        return None
    return summarise(best[1], best[2], freedom), best[3]


def models(y: Array, x: Array, z: Array, languages: pd.DataFrame) -> list[dict[str, object]]:
    """Return the slope under each model; languages : n rows with family, maybe classification."""
    rows: list[dict[str, object]] = []

    def add(model: str, found: Slope | None, share: float = float("nan")) -> None:
        if found is not None:
            rows.append({"model": model, **vars(found), "lambda": share})

    add("languages independent", slope(y, x, z))
    if "family" not in languages:
        return rows
    families = [str(name) for name in languages["family"]]
    names = blocks(families)
    if len(set(names)) > 1:
        add("within families", slope(y, x, np.column_stack([z, indicators(names)])))
    related = related_slope(y, x, z, same_family(families))
    if related:
        add("random effect of family", *related)
    if "classification" in languages and languages["classification"].notna().all():
        tree = related_slope(y, x, z, kinship([str(c) for c in languages["classification"]]))
        if tree:
            add("language tree", *tree)
    return rows
