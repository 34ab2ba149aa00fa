"""Does intermediate training flatten the slope? One mixed model over all cells of a target.

drop ~ distance x trained + covariates, where trained is 1 for every intermediate task and 0
without; random effects of language, of language's own response to training, of language by
intermediate task, of intermediate task and its slope, and of run (seed within intermediate task)
and its slope. Family blocks, where given, shift drop and response by effects of their own, so
that the interaction is told from languages of one block only. Ten sources on the same 14
languages are 14 languages, not 140 points: the language's response to training is what keeps
them from counting as more.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from stages.statistics.families import indicators
from stages.statistics.moments import Array
from stages.statistics.reml import Fit, fit
from stages.statistics.slope import Slope, summarise

# With hundreds of items a cell the working response has settled by the third round.
ROUNDS = 3


def design_of(
    cells: pd.DataFrame, distance: str, covariates: list[str], block: str | None
) -> tuple[Array, list[Array], int]:
    """Return the fixed effects, the random effects, and the column of the interaction.

    cells : one row a language, source and seed; language, source, seed, trained, `distance`,
        covariates, and the column `block` where families are to have effects of their own.
        Covariates are centred; so is distance, at its mean over languages.
    """
    x = cells[distance].to_numpy(float)
    x = x - np.unique(x).mean()
    trained = cells["trained"].to_numpy(float)
    z = cells[covariates].to_numpy(float)
    fixed = np.column_stack([x * trained, np.ones(len(x)), trained, x, z - z.mean(axis=0)])
    if block is not None:
        member = indicators([str(name) for name in cells[block]])
        fixed = np.column_stack([fixed, member, member * trained[:, None]])
    language = levels(cells["language"])
    run = levels(cells["source"].astype(str) + "/" + cells["seed"].astype(str))
    groups = [language, language * trained[:, None], run]
    seeds = cells.groupby("source")["seed"].nunique()
    if seeds.max() > 1:
        pair = cells["language"].astype(str) + "/" + cells["source"].astype(str)
        groups += [levels(pair), run * x[:, None]]
    if cells.loc[trained == 1, "source"].nunique() > 2:
        source = levels(cells["source"]) * trained[:, None]
        groups += [source, source * x[:, None]]
    return fixed, groups, 0


def levels(names: pd.Series) -> Array:
    """Return one indicator column a level, n x levels."""
    return pd.get_dummies(names.astype(str)).to_numpy(float)


def gaussian(
    cells: pd.DataFrame, distance: str, covariates: list[str], block: str | None = None
) -> tuple[Slope, Fit]:
    """Return the change of slope, in points of drop per 0.1 of distance (negative is flatter)."""
    fixed, groups, position = design_of(cells, distance, covariates, block)
    found = fit(cells["drop"].to_numpy(float), fixed, groups)
    return interaction(found, position), found


def binomial(
    cells: pd.DataFrame, distance: str, covariates: list[str], block: str | None = None
) -> tuple[Slope, Fit]:
    """Return the change of slope in log odds of error per 0.1 of distance, from item counts.

    cells : with value (percent) and n (items) besides. Penalised quasi-likelihood (Breslow and
    Clayton 1993): the working response of a logistic model, its variance known from the counts.
    """
    fixed, groups, position = design_of(cells, distance, covariates, block)
    n = cells["n"].to_numpy(float)
    wrong = n * (1 - cells["value"].to_numpy(float) / 100)
    rate = (wrong + 0.5) / (n + 1)
    response = np.log(rate / (1 - rate))
    found = None
    for _ in range(ROUNDS):
        known = 1 / (n * rate * (1 - rate))
        start = None if found is None else found.variances
        found = fit(response, fixed, groups, known, start)
        # The fitted log odds: what the observed ones are shrunk to by the random effects.
        total = sum(
            (v * g @ g.T for v, g in zip(found.variances, groups, strict=False)),
            start=found.variances[-1] * np.eye(len(n)),
        )
        noise = np.diag(known)
        mean = fixed @ found.effects
        fitted = mean + total @ np.linalg.solve(total + noise, response - mean)
        rate = 1 / (1 + np.exp(-fitted))
        response = fitted + (wrong / n - rate) / (rate * (1 - rate))
    assert found is not None
    return interaction(found, position), found


def interaction(found: Fit, position: int) -> Slope:
    error = float(np.sqrt(found.covariance[position, position]))
    return summarise(float(found.effects[position]), error, min(found.freedom(position), 1e6))
