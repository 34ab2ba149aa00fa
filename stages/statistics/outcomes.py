"""Degradation from English, in points, relative and on the logit scale, and its paired change."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stages.tasks.table import TASKS

BASELINE = "none"
PLAIN = "plain"
OUTCOMES = ("drop", "relative_drop", "logit_drop", "change")
UNITS = {
    "drop": "percentage points",
    "relative_drop": "percent of the English score",
    "logit_drop": "log odds",
    "change": "percentage points of drop that intermediate training takes away",
}


# English is what is searched with or for: there is no English score, and all of it is the most.
RETRIEVED = {name for name, task in TASKS.items() if task.head in ("retrieval", "mining")}


def source_name(method: str, intermediate: str) -> str:
    """Return how a row of scores is called in every table: its intermediate task or method."""
    if method == PLAIN:
        return intermediate
    return method if intermediate == BASELINE else f"{method}+{intermediate}"


def degradation(scores: pd.DataFrame, reference: str = "en") -> pd.DataFrame:
    """Return one row a source, target and language other than English, means over seeds.

    scores : method, intermediate, target, language, seed, value (percent), n
    Columns: source, target, language, value, english, n, seeds and
      drop           percentage points, English minus language; 100 minus language where English
                     is the other side (Tatoeba, BUCC), and missing for languages whose pool of
                     candidates is not the usual one: hits among fewer are easier
      relative_drop  the same in percent of English
      logit_drop     difference of log odds; 0 and 100% count as half an item
      change         drop without intermediate training minus drop with it, of the same method
                     where that has a baseline of its own, else of plain training; missing for the
                     baseline itself and where no baseline was run
    """
    table = scores.assign(
        source=[
            source_name(str(m), str(i))
            for m, i in zip(scores["method"], scores["intermediate"], strict=True)
        ]
    )
    keys = ["source", "method", "intermediate", "target", "language"]
    means = table.groupby(keys, sort=False, as_index=False).agg(
        value=("value", "mean"), n=("n", "mean"), seeds=("seed", "nunique")
    )
    english = means[means["language"] == reference].set_index(["source", "target"])
    rows = means[means["language"] != reference].reset_index(drop=True)
    index = pd.MultiIndex.from_frame(rows[["source", "target"]])
    rows["english"] = english["value"].reindex(index).to_numpy()
    english_n = english["n"].reindex(index).to_numpy(dtype=float)
    retrieved = rows["target"].isin(RETRIEVED).to_numpy() & rows["english"].isna().to_numpy()
    rows.loc[retrieved, "english"] = 100.0
    rows.loc[retrieved & other_pool(rows), "value"] = np.nan
    rows["drop"] = rows["english"] - rows["value"]
    with np.errstate(divide="ignore", invalid="ignore"):
        rows["relative_drop"] = np.where(
            rows["english"] > 0, 100 * rows["drop"] / rows["english"], np.nan
        )
    of_english = log_odds(rows["english"].to_numpy(), english_n)
    rows["logit_drop"] = np.where(retrieved, 0.0, of_english) - log_odds(
        rows["value"].to_numpy(), rows["n"].to_numpy(dtype=float)
    )
    baseline = rows[rows["intermediate"] == BASELINE].set_index(["method", "target", "language"])
    index = pd.MultiIndex.from_frame(rows[["method", "target", "language"]])
    plain = pd.MultiIndex.from_frame(rows.assign(method=PLAIN)[["method", "target", "language"]])
    own, shared = (baseline["drop"].reindex(keys).to_numpy() for keys in (index, plain))
    before = np.where(np.isnan(own), shared, own)
    rows["change"] = before - rows["drop"]
    rows.loc[rows["intermediate"] == BASELINE, "change"] = np.nan
    return rows


def other_pool(rows: pd.DataFrame) -> np.ndarray:
    """Tell which rows search another number of candidates than most languages of their target."""
    usual = rows.groupby("target")["n"].transform(
        lambda n: n.mode().iloc[0] if n.notna().any() else np.nan
    )
    searched = rows["target"].map(lambda name: TASKS[name].head if name in TASKS else "")
    return ((searched == "retrieval") & rows["n"].notna() & (rows["n"] != usual)).to_numpy()


def log_odds(percent: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the log odds of percentages of n items; an unknown n counts as 1,000."""
    half = 50.0 / np.where(np.isfinite(n), n, 1000.0)
    clipped = np.clip(percent, half, 100 - half)
    return np.asarray(np.log(clipped / (100 - clipped)))
