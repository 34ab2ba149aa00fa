"""Every defensible choice as one specification curve (Simonsohn, Simmons and Nelson 2020)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from stages.statistics.moments import ranks, residuals
from stages.statistics.outcomes import OUTCOMES

COLUMNS = ["source", "target", "distance", "covariates", "outcome", "languages", "method"]
COLUMNS += ["n", "r", "p"]


def specifications(
    outcomes: pd.DataFrame, languages: pd.DataFrame, covariates: list[str]
) -> pd.DataFrame:
    """Return the partial correlation of every specification for every source and target.

    The choices: distance (kind and formula), covariates (none, those of the study, those and
    tokenizer fertility, those and script), outcome, languages (all, without the largest family,
    that family only, without the two with the least pretraining text), method.
    p is Student's and descriptive; what leaves n <= k + 4 or no variance is left out.
    """
    distances = [str(name) for name in languages if str(name).startswith("distance_")]
    frames = [pd.DataFrame(columns=COLUMNS)]
    for target, rows in outcomes.groupby("target", sort=False):
        wide = rows.pivot(index="language", columns="source", values=list(OUTCOMES[:3]))
        table = languages.loc[wide.index].assign(latin=is_latin(languages.loc[wide.index]))
        for label, chosen in language_sets(table):
            for names in covariate_sets(table.loc[chosen], covariates):
                for distance in distances:
                    used = table.loc[chosen, [distance, *names]].astype(float).dropna()
                    y = wide.loc[used.index].dropna(axis=1)
                    frames.append(correlate_one(used, y, distance, names, label, str(target)))
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True)[COLUMNS] if filled else frames[0]


def correlate_one(
    used: pd.DataFrame, y: pd.DataFrame, distance: str, names: list[str], label: str, target: str
) -> pd.DataFrame:
    """Return the rows of one distance, covariate set and language set, for all outcomes."""
    from scipy.stats import t

    n, k = len(used), len(names)
    if n <= k + 4 or used[distance].nunique() < 3 or not y.shape[1]:
        return pd.DataFrame()
    frames = []
    for method in ("pearson", "spearman"):
        shape = ranks if method == "spearman" else np.asarray
        x = shape(used[[distance]].to_numpy(float))
        z = shape(used[names].to_numpy(float)) if names else np.zeros((n, 0))
        e_x, e_y = residuals(x, z), residuals(shape(y.to_numpy(float)), z)
        norms = np.linalg.norm(e_x) * np.linalg.norm(e_y, axis=0)
        if np.linalg.norm(e_x) < 1e-9 * max(1.0, float(np.linalg.norm(x))):
            continue
        r = np.clip((e_x.T @ e_y)[0] / np.where(norms > 0, norms, np.nan), -1, 1)
        freedom = n - k - 2
        p = 2 * t.sf(np.abs(r) * np.sqrt(freedom / np.clip(1 - r**2, 1e-15, None)), freedom)
        frames.append(
            pd.DataFrame(
                {
                    "source": [str(column[1]) for column in y.columns],
                    "target": target,
                    "distance": distance,
                    "covariates": "+".join(names) or "-",
                    "outcome": [str(column[0]) for column in y.columns],
                    "languages": label,
                    "method": method,
                    "n": n,
                    "r": r,
                    "p": p,
                }
            )
        )
    return pd.concat(frames).dropna(subset=["r"]) if frames else pd.DataFrame()


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
    """Return how many specifications agree in sign and pass 5%: all, and by kind of distance."""
    kinds = curve["distance"].str.removeprefix("distance_").str.split("_").str[0]
    both = pd.concat([curve.assign(kind="all"), curve.assign(kind=kinds)])
    rows = []
    for (source, target, kind), found in both.groupby(["source", "target", "kind"], sort=False):
        sign = np.sign(found["r"].median())
        agrees = np.sign(found["r"]) == sign
        rows.append(
            {
                "source": source,
                "target": target,
                "kind": kind,
                "specifications": len(found),
                "median_r": found["r"].median(),
                "lowest_r": found["r"].quantile(0.05),
                "highest_r": found["r"].quantile(0.95),
                "share_same_sign": agrees.mean(),
                "share_same_sign_and_p_below_0.05": (agrees & (found["p"] < 0.05)).mean(),
            }
        )
    return pd.DataFrame(rows)
