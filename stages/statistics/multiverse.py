"""Every defensible choice as one specification curve (Simonsohn, Simmons and Nelson 2020)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.special import stdtr

from stages.statistics.designs import by_pattern
from stages.statistics.families import comparison
from stages.statistics.moments import Array, ranks, residuals
from stages.statistics.outcomes import OUTCOMES

CHOICES = ["distance", "covariates", "kinship", "outcome", "languages", "method"]
COLUMNS = ["source", "target", *CHOICES, "n", "r", "p"]
# How relatives are held: as independent, or compared within families only.
INDEPENDENT, WITHIN = "independent", "within families"


def specifications(
    outcomes: pd.DataFrame, languages: pd.DataFrame, covariates: list[str]
) -> pd.DataFrame:
    """Return the partial correlation of every specification for every source and target.

    The choices: distance (kind and formula), covariates (none, those of the study, those and
    tokenizer fertility, those and script), kinship (languages independent, or within families),
    outcome, languages (all, without the largest family, that family only, without the two with
    the least pretraining text), method.
    p is Student's; what leaves n <= k + 4 or no variance, and covariates that are collinear over
    the languages, are left out.
    """
    distances = [str(name) for name in languages if str(name).startswith("distance_")]
    frames = [pd.DataFrame(columns=COLUMNS)]
    for target, rows in outcomes.groupby("target", sort=False):
        wide = rows.pivot(index="language", columns="source", values=list(OUTCOMES[:3]))
        table = languages.loc[wide.index].assign(latin=is_latin(languages.loc[wide.index]))
        for label, chosen in language_sets(table):
            for names in covariate_sets(table.loc[chosen], covariates):
                part = table.loc[chosen].dropna(subset=names)
                for x in by_pattern(part[distances]):
                    used = part.dropna(subset=[distances[i] for i in x])
                    for y in by_pattern(wide.loc[used.index]):
                        values = wide.loc[used.index].iloc[:, y].dropna()
                        shared = {"target": str(target), "languages": label}
                        some = [distances[i] for i in x]
                        frames += correlate_all(used.loc[values.index], values, some, names, shared)
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True)[COLUMNS] if filled else frames[0]


def correlate_all(
    used: pd.DataFrame,
    values: pd.DataFrame,
    distances: list[str],
    names: list[str],
    shared: dict[str, str],
) -> list[pd.DataFrame]:
    """Return the rows of one set of languages and covariates, for all distances and outcomes."""
    n = len(used)
    if n <= len(names) + 4 or not values.shape[1]:
        return []
    distances = [name for name in distances if used[name].nunique() > 2]
    kinds: dict[str, tuple[Array, Array | None]] = {INDEPENDENT: (np.zeros((n, 0)), None)}
    held = comparison(used)
    if held is not None and held.block.shape[1]:
        kinds[WITHIN] = (held.block, held.weight)
    x, y = used[distances].to_numpy(float), values.to_numpy(float)
    z = used[names].to_numpy(float).reshape(n, len(names))
    frames = []
    for method in ("pearson", "spearman"):
        a, b, c = (ranks(x), ranks(y), ranks(z)) if method == "spearman" else (x, y, z)
        for kind, (member, weight) in kinds.items():
            given = np.column_stack([c, member])
            freedom = n - given.shape[1] - 2
            if freedom < 3 or not distances:
                continue
            # a covariate that is constant here, or that others make up, holds nothing more
            if np.linalg.matrix_rank(given - given.mean(axis=0)) < given.shape[1]:
                continue
            e_x, e_y = residuals(a, given, weight), residuals(b, given, weight)
            size_x, size_y = np.linalg.norm(e_x, axis=0), np.linalg.norm(e_y, axis=0)
            size_x[size_x < 1e-9 * np.maximum(1.0, np.linalg.norm(a, axis=0))] = np.nan
            size_y[size_y == 0] = np.nan
            r = np.clip(e_x.T @ e_y / np.outer(size_x, size_y), -1, 1)
            t = np.abs(r) * np.sqrt(freedom / np.clip(1 - r**2, 1e-15, None))
            m = values.shape[1]
            frame = pd.DataFrame(
                {
                    "source": np.tile([str(column[1]) for column in values.columns], len(r)),
                    "distance": np.repeat(distances, m),
                    "covariates": "+".join(names) or "-",
                    "kinship": kind,
                    "outcome": np.tile([str(column[0]) for column in values.columns], len(r)),
                    "method": method,
                    "n": n,
                    "r": r.ravel(),
                    "p": 2 * stdtr(freedom, -t.ravel()),
                }
            )
            frames.append(frame.assign(**shared).dropna(subset=["r"]))
    return frames


def language_sets(table: pd.DataFrame) -> Iterator[tuple[str, pd.Index]]:
    yield "all", table.index
    if "family" in table:
        sizes = table["family"].value_counts()
        if 1 < sizes.iloc[0] < len(table):
            largest = str(sizes.index[0])
            yield f"without {largest}", table.index[table["family"] != largest]
            yield f"{largest} only", table.index[table["family"] == largest]
    if "log10_pretraining_gib" in table:
        gib = table["log10_pretraining_gib"].astype(float)
        if gib.notna().sum() > 8:
            yield "without the two smallest", table.index.difference(gib.nsmallest(2).index)


def covariate_sets(table: pd.DataFrame, covariates: list[str]) -> list[list[str]]:
    """Return no covariates, the study's, and these with fertility, script, or both if they vary."""
    sets: list[list[str]] = [[], covariates] if covariates else [[]]
    for extra in (["tokenizer_fertility"], ["latin"], ["tokenizer_fertility", "latin"]):
        if all(name in table and name not in covariates for name in extra) and all(
            table[name].astype(float).nunique() > 1 for name in extra
        ):
            sets.append([*covariates, *extra])
    return sets


def is_latin(languages: pd.DataFrame) -> pd.Series:
    """Return 1 where a language is written in the Latin script, else 0; missing if unknown."""
    if "script" not in languages:
        return pd.Series(np.nan, index=languages.index)
    script = languages["script"]
    return (script == "Latin").astype(float).where(script.notna())


def agreement(curve: pd.DataFrame) -> pd.DataFrame:
    """Return how many specifications agree in sign and pass 5%: all, and by kind of distance.

    Passing is counted within families, where p holds; taken as independent it is descriptive.
    """
    kinds = curve["distance"].str.removeprefix("distance_").str.split("_").str[0]
    both = pd.concat([curve.assign(kind="all"), curve.assign(kind=kinds)], ignore_index=True)
    keys = ["source", "target", "kind"]
    median = both.groupby(keys, sort=False)["r"].transform("median")
    both["agrees"] = np.sign(both["r"]) == np.sign(median)
    both["passes"] = both["agrees"] & (both["p"] < 0.05)
    both["passes_within"] = both["passes"].astype(float).where(both["kinship"] == WITHIN)
    both["passes_independent"] = both["passes"].astype(float).where(both["kinship"] != WITHIN)
    found = both.groupby(keys, sort=False)
    ends = found["r"].quantile(np.array([0.05, 0.95])).unstack()
    return pd.DataFrame(
        {
            "specifications": found.size(),
            "median_r": found["r"].median(),
            "lowest_r": ends[0.05],
            "highest_r": ends[0.95],
            "share_same_sign": found["agrees"].mean(),
            "share_same_sign_and_p_below_0.05_within_families": found["passes_within"].mean(),
            "share_same_sign_and_p_below_0.05_independent": found["passes_independent"].mean(),
        }
    ).reset_index()
