"""The tables of slopes: by model of kinship, and by source of uncertainty."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from stages.statistics.families import Comparison, comparison
from stages.statistics.identifiability import unidentifiable
from stages.statistics.moments import Array
from stages.statistics.outcomes import RETRIEVED, source_name
from stages.statistics.phylogeny import models
from stages.statistics.remarks import left_out, notes, without
from stages.statistics.slope_change import within_families
from stages.statistics.uncertainty import sources_of_uncertainty


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
    for target, names, lost, wide in tables(outcomes):
        used, said = comparable(wide, languages, distance, covariates, lost)
        shared = {"target": target, **said}
        x, z = used[distance].to_numpy(float), used[covariates].to_numpy(float)
        if len(used) <= len(covariates) + 3 or np.ptp(x) == 0:
            rows += [{"source": name, **shared, "identifiable": False} for name in names]
            continue
        y = used[names].to_numpy(float)
        inside = within_families(y, x, z, comparison(used), permutations, seed)
        for model, found, shares in models(y, x, z, used):
            permuted = inside[1] if inside and model == "within families" else [np.nan] * len(names)
            for j, name in enumerate(names):
                rows.append(
                    {"source": name, **shared, "model": model, **vars(found[j])}
                    | {"lambda": shares[j], "p_permutation": permuted[j]}
                )
    table = pd.DataFrame(rows)
    if len(table):
        cells = outcomes[["target", "source"]].drop_duplicates().itertuples(index=False, name=None)
        order = {cell: i for i, cell in enumerate(cells)}
        at = [order[cell] for cell in zip(table["target"], table["source"], strict=True)]
        table = table.iloc[np.argsort(at, kind="stable")].reset_index(drop=True)
    return table.assign(distance=distance, covariates="+".join(covariates) or "-")


def tables(outcomes: pd.DataFrame) -> Iterator[tuple[str, list[str], str, pd.DataFrame]]:
    """Yield target, sources, which languages they lack, and their drops (languages x sources).

    Sources that have the same languages come together.
    """
    for target, rows in outcomes.groupby("target", sort=False):
        wide = rows.pivot(index="language", columns="source", values="drop")
        missing = wide.isna().T.apply(lambda row: row.to_numpy().tobytes(), axis=1)
        for _, group in missing.groupby(missing, sort=False):
            names = [str(name) for name in group.index]
            there = wide[names].dropna()
            yield str(target), names, without(rows["language"], there.index), there


def uncertainty(
    outcomes: pd.DataFrame,
    scores: pd.DataFrame,
    languages: pd.DataFrame,
    distance: str,
    covariates: list[str],
) -> pd.DataFrame:
    """Return what items and seeds add to each slope, points per 0.1 of distance.

    The slope is that within families where these are known and leave something to compare.
    """
    rows: list[dict[str, object]] = []
    keys = ["method", "intermediate", "target"]
    for (method, task, target), cells in scores.groupby(keys, sort=False):
        wide = cells.pivot(index="language", columns="seed", values="value").dropna()
        if target in RETRIEVED:
            comparable = outcomes[(outcomes["target"] == target) & outcomes["drop"].notna()]
            wide = wide[wide.index.isin(comparable["language"])]
        used = complete(wide.drop(index="en", errors="ignore"), languages, distance, covariates)
        if len(used) <= len(covariates) + 3 or used[distance].nunique() < 2:
            continue
        x, z = used[distance].to_numpy(float), used[covariates].to_numpy(float)
        held = told(x, z, comparison(used))
        given = z if held is None else np.column_stack([z, held.block])
        chosen = cells[cells["language"].isin(used.index)].copy()
        if "metric" in chosen and not chosen["metric"].isin(["accuracy", "em"]).all():
            chosen["n"] = np.nan  # F1 is no share of items
        chosen["language"] = pd.Categorical(chosen["language"], categories=list(used.index))
        weight = None if held is None else held.weight
        found = sources_of_uncertainty(chosen, x, given, weight)
        model = "languages independent" if held is None else "within families"
        source = source_name(str(method), str(task))
        rows.append({"source": source, "target": target, "model": model} | found)
    return pd.DataFrame(rows)


def told(x: Array, z: Array, held: Comparison | None) -> Comparison | None:
    """Return the comparison if it leaves a slope and something to tell its error by, else None."""
    if held is None or not held.block.shape[1]:
        return None
    design = np.column_stack([x, np.ones(len(x)), z, held.block])
    sound = len(x) > design.shape[1] + 1 and np.linalg.matrix_rank(design) == design.shape[1]
    return held if sound else None


def comparable(
    values: pd.DataFrame, languages: pd.DataFrame, distance: str, covariates: list[str], lost: str
) -> tuple[pd.DataFrame, dict[str, object]]:
    """Return the languages of an analysis, and what every row of its table says of them.

    lost : which languages have no score to compare. n, identifiable, note : the row's columns.
    """
    used = complete(values, languages, distance, covariates)
    reason = unidentifiable(used[distance], used[covariates], used.get("family"))
    note = notes(reason, lost, left_out(values.index, languages, distance, covariates))
    return used, {"n": len(used), "identifiable": reason is None, "note": note}


def complete(
    values: pd.DataFrame, languages: pd.DataFrame, distance: str, covariates: list[str]
) -> pd.DataFrame:
    """Return the languages that have values, distance and covariates, joined."""
    joined = values.join(languages)
    return joined.dropna(subset=[*values.columns, distance, *covariates])
