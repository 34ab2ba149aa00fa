"""Does intermediate training flatten the slope? One mixed model over all cells of a target.

drop ~ distance x trained + covariates, where trained is 1 for every intermediate task and 0
without; random effects of language, of what is a language's own without and with training, of
language by intermediate task, of intermediate task and its slope, and of run (seed within
intermediate task) and its slope. Family blocks, where given, shift the drop and its response to
training by effects of their own, so that the interaction is told from languages of one block
only. Ten sources on the same 14 languages are 14 languages, not 140 points: the language's own
level with training is what keeps them from counting as more.

A table with every language in every run, and as many seeds a task, is fitted by `balanced`;
any other of up to 1,200 cells by `reml`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.statistics import balanced, reml
from stages.statistics.families import Comparison
from stages.statistics.layout import Layout
from stages.statistics.moments import Array
from stages.statistics.slope import Slope, summarise, without_interval

# With hundreds of items a cell the working response has settled by the third round.
ROUNDS = 3
ONE_RUN = "one run each, so the spread between runs is unknown: no interval"


@dataclass(frozen=True)
class Interaction:
    """The change of slope, the variances of the random effects by name, and what to know."""

    slope: Slope
    variances: dict[str, float]
    note: str = ""


def gaussian(
    cells: pd.DataFrame, distance: str, covariates: list[str], held: Comparison | None = None
) -> Interaction:
    """Return the change of slope, in points of drop per 0.1 of distance (negative is flatter).

    cells : one row a language, source and seed; language, source, seed, trained, drop, `distance`,
        covariates
    held : of the languages in alphabetical order, where families are to have effects of their own
    Raises ValueError where the fixed effects are collinear, or an unbalanced table is too large.
    """
    arranged = arrange(cells)
    if arranged is None:
        fixed, groups, names = design_of(cells, distance, covariates, held)
        return of_dense(reml.fit(cells["drop"].to_numpy(float), fixed, groups), names)
    layout = layout_of(arranged, distance, covariates, held)
    y = values(arranged, "drop", layout)[None]
    return of_balanced(balanced.fit(layout, y)) if layout.told else contrast(layout, y[0])


def binomial(
    cells: pd.DataFrame, distance: str, covariates: list[str], held: Comparison | None = None
) -> Interaction:
    """Return the change of slope in log odds of error per 0.1 of distance, from item counts.

    cells : with value (percent) and n (items) besides. Penalised quasi-likelihood (Breslow and
    Clayton 1993): the working response of a logistic model, its variance known from the counts
    (in a balanced table, a language's own averaged over its runs).
    """
    arranged = arrange(cells)
    if arranged is None:
        return dense_binomial(cells, distance, covariates, held)
    layout = layout_of(arranged, distance, covariates, held)
    n = values(arranged, "n", layout)[None]
    wrong = n * (1 - values(arranged, "value", layout)[None] / 100)
    if not layout.told:
        rate = (wrong + 0.5) / (n + 1)
        return contrast(layout, np.log(rate / (1 - rate))[0])
    return of_balanced(item_counts(layout, wrong, n))


def each_task(
    cells: pd.DataFrame, distance: str, covariates: list[str], held: Comparison | None = None
) -> dict[str, Interaction]:
    """Return the change of slope by each intermediate task alone, in points, by task.

    Tasks with as many seeds as the baseline are fitted together; what has no solution is left out.
    """
    baseline = cells[cells["trained"] == 0]
    found: dict[str, Interaction] = {}
    batch: dict[str, tuple[Layout, Array]] = {}
    for task, own in cells[cells["trained"] == 1].groupby("source", sort=False):
        pair = pd.concat([baseline, own])
        arranged = arrange(pair)
        try:
            if arranged is None:
                found[str(task)] = gaussian(pair, distance, covariates, held)
                continue
            layout = layout_of(arranged, distance, covariates, held)
        except ValueError:
            continue
        y = values(arranged, "drop", layout)
        if layout.told:
            batch[str(task)] = (layout, y)
        else:
            found[str(task)] = contrast(layout, y)
    if batch:
        layout = next(iter(batch.values()))[0]
        fits = balanced.fit(layout, np.array([y for _, y in batch.values()]))
        found |= {task: of_balanced(fits, i) for i, task in enumerate(batch)}
    return found


def item_counts(layout: Layout, wrong: Array, n: Array) -> balanced.Fits:
    """Fit B tables of wrong answers among n items, each B x languages x runs, on log odds."""
    rate = (wrong + 0.5) / (n + 1)
    response = np.log(rate / (1 - rate))
    found = None
    for _ in range(ROUNDS):
        known = (1 / (n * rate * (1 - rate))).mean(axis=2)
        start = None if found is None else found.variances
        found = balanced.fit(layout, response, known, start)
        rate = 1 / (1 + np.exp(-found.means))
        response = found.means + (wrong / n - rate) / (rate * (1 - rate))
    assert found is not None
    return found


def arrange(cells: pd.DataFrame) -> pd.DataFrame | None:
    """Return the cells by language and run, the baseline's first; None if they do not balance."""
    runs = cells[["trained", "source", "seed"]].drop_duplicates()
    seeds = runs.groupby(["trained", "source"]).size()
    if seeds.nunique() != 1 or (runs["trained"] == 0).sum() != seeds.iloc[0]:
        return None
    if len(cells) != cells["language"].nunique() * len(runs):
        return None
    return cells.sort_values(["language", "trained", "source", "seed"], kind="stable")


def layout_of(
    arranged: pd.DataFrame, distance: str, covariates: list[str], held: Comparison | None
) -> Layout:
    """Return the balanced design of arranged cells; covariates and distance are centred."""
    runs = arranged[["source", "seed"]].drop_duplicates()
    languages = arranged.iloc[:: len(runs)]
    x = languages[distance].to_numpy(float)
    x = x - x.mean()
    z = languages[covariates].to_numpy(float)
    one = np.ones(len(x))
    member = np.zeros((len(x), 0)) if held is None else held.block
    shared = np.column_stack([one, x, z - z.mean(axis=0), member])
    changed = np.column_stack([x, one, member])
    for columns in (shared, changed):
        if np.linalg.matrix_rank(columns) < columns.shape[1]:
            raise ValueError("the fixed effects are collinear")
    tasks = arranged.loc[arranged["trained"] == 1, "source"].nunique()
    kin = np.eye(len(x)) if held is None else held.covariance
    return Layout(shared, changed, x, tasks, len(runs) // (tasks + 1), kin)


def values(arranged: pd.DataFrame, name: str, layout: Layout) -> Array:
    """Return a column of arranged cells as languages x runs."""
    return arranged[name].to_numpy(float).reshape(len(layout.slope), -1)


def contrast(layout: Layout, y: Array) -> Interaction:
    """Return the change of slope by least squares, where one run each tells no more."""
    paired = y[:, layout.seeds :].mean(axis=1) - y[:, : layout.seeds].mean(axis=1)
    effects = np.linalg.lstsq(layout.changed, paired, rcond=None)[0]
    return Interaction(without_interval(float(effects[0])), {}, ONE_RUN)


def of_balanced(found: balanced.Fits, i: int = 0) -> Interaction:
    freedom = min(float(found.freedoms[i]), 1e6)
    change = summarise(float(found.estimate[i]), float(found.error[i]), freedom)
    names = found.layout.names
    return Interaction(change, dict(zip(names, map(float, found.variances[i]), strict=True)))


def of_dense(found: reml.Fit, names: list[str]) -> Interaction:
    error = float(np.sqrt(found.covariance[0, 0]))
    change = summarise(float(found.effects[0]), error, min(found.freedom(0), 1e6))
    return Interaction(change, dict(zip(names, map(float, found.variances), strict=True)))


def design_of(
    cells: pd.DataFrame, distance: str, covariates: list[str], held: Comparison | None
) -> tuple[Array, list[Array], list[str]]:
    """Return fixed effects (the interaction first), random effects, and the latter's names."""
    x = cells[distance].to_numpy(float)
    x = x - np.unique(x).mean()
    trained = cells["trained"].to_numpy(float)
    z = cells[covariates].to_numpy(float)
    fixed = np.column_stack([x * trained, np.ones(len(x)), trained, x, z - z.mean(axis=0)])
    language = levels(cells["language"])
    if held is not None:
        member = language @ held.block
        fixed = np.column_stack([fixed, member, member * trained[:, None]])
        # The product with itself is the relatives' covariance, cell by cell.
        language = language @ np.linalg.cholesky(held.covariance)
    run = levels(cells["source"].astype(str) + "/" + cells["seed"].astype(str))
    groups = {
        "language": language,
        "language untrained": language * (1 - trained)[:, None],
        "language trained": language * trained[:, None],
        "run": run,
    }
    tasks = cells.loc[trained == 1, "source"].nunique()
    repeated = cells.groupby("source")["seed"].nunique().max() > 1
    if tasks > 1 or repeated:
        groups["run x distance"] = run * x[:, None]
    if tasks > 1 and repeated:
        each = levels(cells["source"])
        groups["language x task"] = np.hstack([language * task[:, None] for task in each.T])
    if tasks > 2 and repeated:
        source = levels(cells["source"]) * trained[:, None]
        groups |= {"task": source, "task x distance": source * x[:, None]}
    return fixed, list(groups.values()), [*groups, "residual"]


def levels(names: pd.Series) -> Array:
    """Return one indicator column a level, n x levels."""
    return pd.get_dummies(names.astype(str)).to_numpy(float)


def dense_binomial(
    cells: pd.DataFrame, distance: str, covariates: list[str], held: Comparison | None
) -> Interaction:
    """Return the same for a table that does not balance."""
    fixed, groups, names = design_of(cells, distance, covariates, held)
    n = cells["n"].to_numpy(float)
    wrong = n * (1 - cells["value"].to_numpy(float) / 100)
    rate = (wrong + 0.5) / (n + 1)
    response = np.log(rate / (1 - rate))
    found = None
    for _ in range(ROUNDS):
        known = 1 / (n * rate * (1 - rate))
        start = None if found is None else found.variances
        found = reml.fit(response, fixed, groups, known, start)
        # The fitted log odds: what the observed ones are shrunk to by the random effects.
        total = sum(
            (v * g @ g.T for v, g in zip(found.variances, groups, strict=False)),
            start=found.variances[-1] * np.eye(len(n)),
        )
        mean = fixed @ found.effects
        fitted = mean + total @ np.linalg.solve(total + np.diag(known), response - mean)
        rate = 1 / (1 + np.exp(-fitted))
        response = fitted + (wrong / n - rate) / (rate * (1 - rate))
    assert found is not None
    return of_dense(found, names)
