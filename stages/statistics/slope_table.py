"""The tables of slopes: by model of kinship, by intermediate task, and by source of uncertainty."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from stages.statistics.families import blocks
from stages.statistics.identifiability import unidentifiable
from stages.statistics.mixed_model import binomial, gaussian
from stages.statistics.multiplicity import holm
from stages.statistics.multiverse import is_latin
from stages.statistics.outcomes import BASELINE, source_name
from stages.statistics.phylogeny import models
from stages.statistics.reml import LARGEST, Fit
from stages.statistics.slope import Slope
from stages.statistics.slope_change import ALL, changes, slope_of_change, within_families
from stages.statistics.uncertainty import sources_of_uncertainty

Fitting = Callable[[pd.DataFrame, str, list[str], str | None], tuple[Slope, Fit]]

# Its interval misses too often (benchmarks/calibration.csv): the estimate alone is given.
NOT_CALIBRATED = ("random effect of family",)

# Dense mixed models of more sources than this take minutes and tell what the contrasts tell.
MOST_SOURCES = 12


def slopes(
    outcomes: pd.DataFrame,
    languages: pd.DataFrame,
    distance: str,
    covariates: list[str],
    permutations: int,
    seed: int,
) -> pd.DataFrame:
    """Return the slope of the drop, points per 0.1 of distance, a source, target and model."""
    rows: list[dict[str, object]] = []
    for (source, target), cell in outcomes.groupby(["source", "target"], sort=False):
        used = complete(cell.set_index("language")[["drop"]], languages, distance, covariates)
        reason = unidentifiable(used[distance], used[covariates], used.get("family"))
        if len(used) <= len(covariates) + 3:
            rows.append(
                {"source": source, "target": target, "n": len(used), "identifiable": False}
                | {"note": f"not identifiable: {reason}"}
            )
            continue
        y, x = used["drop"].to_numpy(float), used[distance].to_numpy(float)
        z = used[covariates].to_numpy(float)
        families = [str(f) for f in used["family"]] if "family" in used else None
        within = within_families(y, x, z, families, permutations, seed) if families else None
        for row in models(y, x, z, used):
            if row["model"] in NOT_CALIBRATED:
                row |= dict.fromkeys(["se", "ci_low", "ci_high", "p", "detectable"], np.nan)
            p = within[1] if within and row["model"] == "within families" else np.nan
            rows.append(
                {"source": source, "target": target, "n": len(used), **row}
                | {"p_permutation": p, "identifiable": reason is None}
                | {"note": f"not identifiable: {reason}" if reason else ""}
            )
    return pd.DataFrame(rows).assign(distance=distance, covariates="+".join(covariates) or "-")


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

    Rows: a target and intermediate task (and all of them together), by paired change over
    languages; and by mixed model of all cells, on points and on item counts (log odds).
    """
    rows: list[dict[str, object]] = []
    for method, target in outcomes[["method", "target"]].drop_duplicates().itertuples(index=False):
        paired = changes(outcomes, target, method)
        if not paired.shape[1]:
            continue
        used = complete(paired, languages, distance, covariates)
        reason = unidentifiable(used[distance], used[covariates], used.get("family"))
        x, z = used[distance].to_numpy(float), used[covariates].to_numpy(float)
        families = [str(f) for f in used["family"]] if "family" in used else None
        shared = {
            "target": target,
            "n": len(used),
            "identifiable": reason is None,
            "note": f"not identifiable: {reason}" if reason else "",
        }
        for task in paired:
            found = slope_of_change(used[task].to_numpy(float), x, z, families, permutations, seed)
            if found:
                name = ALL if task == ALL else source_name(str(method), str(task))
                rows.append({**shared, "intermediate": name, "model": "paired change"} | found)
        rows += mixed_rows(scores, used, method, target, distance, covariates, shared)
    table = pd.DataFrame(rows)
    if len(table):
        table["p_adjusted"] = adjusted(table)
        table = table.assign(distance=distance, covariates="+".join(covariates) or "-")
    return table


def adjusted(table: pd.DataFrame) -> pd.Series:
    """Return Holm's p over the single tasks; the tasks together are one test of their own."""
    p = pd.Series(np.nan, index=table.index)
    valid = (table["model"] == "paired change") & table["identifiable"].astype(bool)
    alone = table.index[valid & (table["intermediate"] != ALL)]
    together = table.index[valid & (table["intermediate"] == ALL)]
    tested = table["p_within_families"].fillna(table["p"])
    if len(alone):
        p[alone] = holm(tested[alone].to_numpy(float))
    p[together] = tested[together]
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
    """Return the mixed models' interactions; none where the design is too large or too small."""
    cells = scores[(scores["method"] == method) & (scores["target"] == target)]
    english = cells[cells["language"] == "en"].set_index(["intermediate", "seed"])["value"]
    cells = cells[cells["language"].isin(used.index)].copy()
    cells["source"] = cells["intermediate"]
    cells["trained"] = (cells["intermediate"] != BASELINE).astype(float)
    index = pd.MultiIndex.from_frame(cells[["intermediate", "seed"]])
    cells["drop"] = english.reindex(index).to_numpy() - cells["value"]
    covariates = mixed_covariates(used, covariates)
    cells = cells.join(used[[distance, *covariates]], on="language").dropna(subset=["drop"])
    if len(cells) > LARGEST or cells["source"].nunique() > MOST_SOURCES:
        why = f"not fitted: {len(cells)} cells; the paired changes tell the same where none lacks"
        return [{**shared, "intermediate": ALL, "model": "mixed model", "note": why}]
    if len(used) < 8:
        return []
    block = None
    if "family" in used:
        names = blocks([str(name) for name in used["family"]])
        cells["block"] = cells["language"].map(dict(zip(used.index, names, strict=True)))
        block = "block" if len(set(names)) > 1 else None
    fits: list[tuple[str, Fitting]] = [("points", gaussian)]
    if cells["n"].notna().all():
        fits.append(("log odds of error, from item counts", binomial))
    rows = []
    for unit, fitting in fits:
        for within in (block, None) if block else (None,):
            name = f"mixed model{', within families' if within else ''}: {unit}"
            row = {**shared, "intermediate": ALL, "model": name}
            try:
                found, fitted = fitting(cells, distance, covariates, within)
            except (ValueError, np.linalg.LinAlgError) as error:
                rows.append({**row, "note": f"not fitted: {error}"})
                continue
            rows.append({**row, **vars(found), "note": described(fitted, covariates)})
    return rows


def described(fitted: Fit, covariates: list[str]) -> str:
    """Return what a mixed model holds constant, and its largest random effects."""
    names = ["language", "language x trained", "run"]
    parts = ", ".join(
        f"{part} {np.sqrt(v):.2g}" for part, v in zip(names, fitted.variances, strict=False)
    )
    return (
        f"given {', '.join(covariates) or 'nothing'}; standard deviations: {parts}, "
        f"residual {np.sqrt(fitted.variances[-1]):.2g}"
    )


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


def uncertainty(
    outcomes: pd.DataFrame,
    scores: pd.DataFrame,
    languages: pd.DataFrame,
    distance: str,
    covariates: list[str],
    seed: int,
) -> pd.DataFrame:
    """Return what items and seeds add to each slope, points per 0.1 of distance."""
    rows: list[dict[str, object]] = []
    keys = ["method", "intermediate", "target"]
    for (method, task, target), cells in scores.groupby(keys, sort=False):
        wide = cells.pivot(index="language", columns="seed", values="value").dropna()
        used = complete(wide.drop(index="en"), languages, distance, covariates)
        if len(used) <= len(covariates) + 3 or used[distance].nunique() < 2:
            continue
        x, z = used[distance].to_numpy(float), used[covariates].to_numpy(float)
        chosen = cells[cells["language"].isin(used.index)].copy()
        chosen["language"] = pd.Categorical(chosen["language"], categories=list(used.index))
        found = sources_of_uncertainty(chosen, x, z, seed=seed)
        rows.append({"source": source_name(str(method), str(task)), "target": target} | found)
    return pd.DataFrame(rows)


def complete(
    values: pd.DataFrame, languages: pd.DataFrame, distance: str, covariates: list[str]
) -> pd.DataFrame:
    """Return the languages that have values, distance and covariates, joined."""
    joined = values.join(languages)
    return joined.dropna(subset=[*values.columns, distance, *covariates])
