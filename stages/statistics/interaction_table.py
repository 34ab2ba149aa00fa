"""The table of interactions: how intermediate training changes the slope."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from stages.statistics.families import Comparison, comparison
from stages.statistics.mixed_model import Interaction, binomial, each_task, gaussian
from stages.statistics.multiplicity import holm
from stages.statistics.multiverse import is_latin
from stages.statistics.outcomes import BASELINE, RETRIEVED, source_name
from stages.statistics.remarks import notes, without
from stages.statistics.reml import LARGEST
from stages.statistics.slope_change import ALL, changes, paired_slopes
from stages.statistics.slope_table import comparable

Fitting = Callable[[pd.DataFrame, str, list[str], Comparison | None], Interaction]
# Random effects of language and training want more languages than these.
FEWEST = 8
SHORT = {"log10_pretraining_gib": "size", "tokenizer_fertility": "fertility", "latin": "script"}


def interactions(
    outcomes: pd.DataFrame,
    scores: pd.DataFrame,
    languages: pd.DataFrame,
    distance: str,
    covariates: list[str],
    permutations: int,
    seed: int,
) -> pd.DataFrame:
    """Return how intermediate training changes the slope, negative where it is flatter.

    Rows: a target and all intermediate tasks together, by mixed model on points and on item counts
    (log odds); each task alone, by mixed model; and the paired changes over languages.
    """
    rows: list[dict[str, object]] = []
    for method, target in outcomes[["method", "target"]].drop_duplicates().itertuples(index=False):
        paired = changes(outcomes, target, method)
        if not paired.shape[1]:
            continue
        every = outcomes[(outcomes["target"] == target) & (outcomes["method"] == method)]
        lost = without(every["language"], paired.index)
        used, said = comparable(paired, languages, distance, covariates, lost)
        shared = {"target": target, **said}
        x, z = used[distance].to_numpy(float), used[covariates].to_numpy(float)
        if len(used) > len(covariates) + 3:
            found = paired_slopes(used[list(paired)], x, z, comparison(used), permutations, seed)
            for task, row in zip(paired, found, strict=False):
                name = ALL if task == ALL else source_name(str(method), str(task))
                rows.append({**shared, "intermediate": name, "model": "paired change"} | row)
        rows += mixed_rows(scores, used, method, target, distance, covariates, shared)
    table = pd.DataFrame(rows)
    if len(table):
        table["p_adjusted"] = adjusted(table)
        table = table.assign(distance=distance, covariates="+".join(covariates) or "-")
    return table


def adjusted(table: pd.DataFrame) -> pd.Series:
    """Return Holm's p over the single tasks of all targets, by mixed model.

    The tasks together are one test of their own.
    """
    p = pd.Series(np.nan, index=table.index)
    valid = table["identifiable"].astype(bool) & table["p"].notna()
    valid &= table["model"].str.startswith("mixed model")
    alone = table.index[valid & (table["intermediate"] != ALL)]
    together = table.index[valid & (table["intermediate"] == ALL)]
    if len(alone):
        p[alone] = holm(table.loc[alone, "p"].to_numpy(float))
    p[together] = table.loc[together, "p"]
    return p


def mixed_rows(
    scores: pd.DataFrame,
    used: pd.DataFrame,
    method: str,
    target: str,
    distance: str,
    covariates: list[str],
    shared: dict[str, object],
) -> list[dict[str, object]]:
    """Return the mixed models' interactions; none with too few languages."""
    if len(used) < FEWEST:
        return []
    covariates = mixed_covariates(used, covariates)
    cells, dropped = cells_of(scores, used, method, target, [distance, *covariates])
    held = comparison(used.loc[sorted(cells["language"].unique())])
    if held is not None and not held.block.shape[1]:
        held = None
    note = notes(None, str(shared["note"]), dropped)
    fits: list[tuple[str, Fitting]] = [("points", gaussian)]
    if counted(cells):
        fits.append(("log odds of error, from item counts", binomial))
    rows: list[dict[str, object]] = []
    for unit, fitting in fits:
        for within in (held, None) if held else (None,):
            name = model_name(unit, within)
            row = {**shared, "intermediate": ALL, "model": name}
            try:
                found = fitting(cells, distance, covariates, within)
            except (ValueError, np.linalg.LinAlgError) as error:
                rows.append({**row, "note": notes(None, note, f"not fitted: {error}")})
                continue
            said = notes(None, note, described(found, covariates))
            rows.append({**row, **vars(found.slope), "note": said})
    tasks = [name for name in cells["source"].unique() if name != BASELINE]
    if len(tasks) > 1:
        for task, found in each_task(cells, distance, covariates, held).items():
            row = {**shared, "intermediate": source_name(method, task)}
            row["note"] = notes(None, note, found.note)
            rows.append({**row, "model": model_name("points", held), **vars(found.slope)})
    return rows


def counted(cells: pd.DataFrame) -> bool:
    """Whether cells are right answers among n items: F1 is no share of items."""
    shares = cells["metric"].isin(["accuracy", "em"]) if "metric" in cells else cells["n"] > 0
    return bool(shares.all() and (cells["n"] >= 1).all())


def model_name(unit: str, held: Comparison | None) -> str:
    return f"mixed model{', within families' if held else ''}: {unit}"


def cells_of(
    scores: pd.DataFrame, used: pd.DataFrame, method: str, target: str, columns: list[str]
) -> tuple[pd.DataFrame, str]:
    """Return one row a language, source and seed with its drop, and what had to be left out.

    A large table whose sources have different numbers of seeds keeps as many as all have.
    """
    cells = scores[(scores["method"] == method) & (scores["target"] == target)]
    english = cells[cells["language"] == "en"].set_index(["intermediate", "seed"])["value"]
    cells = cells[cells["language"].isin(used.index)].copy()
    cells["source"] = cells["intermediate"]
    cells["trained"] = (cells["intermediate"] != BASELINE).astype(float)
    index = pd.MultiIndex.from_frame(cells[["intermediate", "seed"]])
    cells["drop"] = english.reindex(index).to_numpy() - cells["value"]
    if target in RETRIEVED:
        cells["drop"] = cells["drop"].fillna(100 - cells["value"])
    cells = cells.join(used[columns], on="language").dropna(subset=["drop"])
    if len(cells) <= LARGEST:
        return cells, ""
    order = cells.groupby("source")["seed"].rank(method="dense")
    fewest = int(order.groupby(cells["source"]).max().min())
    kept = cells[order <= fewest]
    every = kept.groupby("language").size()
    kept = kept[kept["language"].map(every) == every.max()]
    if len(kept) == len(cells):
        return cells, ""
    return kept, (
        f"mixed model on {fewest} seeds a source and the {kept['language'].nunique()} languages "
        "that all runs have"
    )


def described(found: Interaction, covariates: list[str]) -> str:
    """Return what a mixed model holds constant, and its random effects' standard deviations."""
    if found.note:
        return found.note
    largest = max(found.variances.values())
    parts = [f"{k} {np.sqrt(v):.2g}" for k, v in found.variances.items() if v > 1e-4 * largest]
    names = [SHORT.get(name, name.replace("_", " ")) for name in covariates]
    given = ", ".join(names) or "nothing"
    return f"given {given}; standard deviations: {', '.join(parts)}, others nil"


def mixed_covariates(used: pd.DataFrame, covariates: list[str]) -> list[str]:
    """Return the covariates and, where they are known and vary, fertility and script."""
    names = list(covariates)
    used["latin"] = is_latin(used)
    for extra in ("tokenizer_fertility", "latin"):
        if extra in used and extra not in names and used[extra].notna().all():
            columns = used[[*names, extra]].astype(float)
            independent = np.linalg.matrix_rank(columns - columns.mean()) == columns.shape[1]
            if independent and len(used) > columns.shape[1] + 5:
                names.append(extra)
    return names
