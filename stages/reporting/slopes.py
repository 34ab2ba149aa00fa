"""Tables of the slopes: under every model of kinship, their change, what they are uncertain by."""

from __future__ import annotations

import pandas as pd

from stages.reporting.page import Block, table
from stages.reporting.tables import MOST_ROWS, interval
from stages.statistics.slope_change import ALL


def slope_block(slopes: pd.DataFrame, target: str) -> list[Block]:
    """Return the slopes under every model of kinship, folded, the given target first."""
    if "model" not in slopes:
        return []
    rows = slopes.dropna(subset=["estimate"])
    first = rows.groupby("target")["source"].transform("first")
    rows = rows[(rows["model"] == "within families") | (rows["source"] == first)]
    rows = rows.assign(other=rows["target"] != target).sort_values("other", kind="stable")
    sound = rows["identifiable"].astype(bool)
    shown = pd.DataFrame(
        {
            "target": rows["target"],
            "source": rows["source"],
            "n": rows["n"].astype(int),
            "model": rows["model"],
            "points per 0.1": rows["estimate"],
            "95% interval": interval(rows["ci_low"].where(sound), rows["ci_high"].where(sound)),
            "lambda": rows["lambda"],
            "detectable": rows["detectable"].where(sound),
            "note": rows["note"].fillna(""),
        }
    )
    more = f" The first {MOST_ROWS} of {len(shown)} rows." if len(shown) > MOST_ROWS else ""
    return [
        table(
            shown.head(MOST_ROWS),
            "The drop's slope on the primary distance given the covariates, under five ideas of "
            "how related languages depend on one another. lambda: share of the variance that "
            "relatedness explains (REML). A model that failed the simulation has no interval. All "
            "models of all sources are in slopes.csv." + more,
            decimals=2,
            summary="Every slope, under five models of kinship",
        )
    ]


def interaction_blocks(interactions: pd.DataFrame, target: str) -> list[Block]:
    """Return the changes of slope by mixed model, the primary target's shown, others folded."""
    if "model" not in interactions:
        return []
    mixed = interactions["model"].str.startswith("mixed model")
    rows = interactions[mixed | ~interactions["target"].isin(interactions.loc[mixed, "target"])]
    rows = rows.assign(first=rows["intermediate"] != ALL).sort_values("first", kind="stable")
    caption = (
        "Change of the slope by intermediate training, points of drop (or log odds of error) per "
        "0.1 of distance; below zero is flatter. Model: drop ~ distance × trained + covariates, "
        "with random effects of language without and with training, of language by task, of task, "
        "of run (seed) and of the slopes of task and run. Intervals are for one row at a time; "
        "Holm's correction over tasks is in interactions.csv. A row without an interval has one "
        "run a task, or a method that failed the simulation."
    )
    blocks = []
    for name in sorted(dict.fromkeys(rows["target"]), key=lambda other: other != target):
        part = rows[rows["target"] == name]
        sound = part["identifiable"].astype(bool)
        shown = pd.DataFrame(
            {
                "intermediate": part["intermediate"],
                "model": part["model"].str.removeprefix("mixed model").str.lstrip(":, "),
                "change per 0.1": part["estimate"],
                "95% interval": interval(part["ci_low"].where(sound), part["ci_high"].where(sound)),
                "detectable": part["detectable"].where(sound),
                "note": part["note"].fillna(""),
            }
        )
        if name == target:
            blocks.append(table(shown, f"{name}. {caption}", decimals=2))
        else:
            blocks.append(table(shown, "", 2, f"{name}: change of the slope"))
    return blocks


def uncertainty_block(uncertainty: pd.DataFrame) -> list[Block]:
    """Return what seeds and items add to each slope, folded."""
    if uncertainty.empty:
        return []
    shown = pd.DataFrame(
        {
            "source": uncertainty["source"],
            "target": uncertainty["target"],
            "points per 0.1": uncertainty["slope"],
            "seeds": uncertainty["seeds"].astype(int),
            "lowest seed": uncertainty["slope_lowest_seed"],
            "highest seed": uncertainty["slope_highest_seed"],
            "s.e. languages": uncertainty["se_languages"],
            "s.e. seeds": uncertainty["se_seeds"],
            "s.e. items": uncertainty["se_items"],
            "95%, languages and seeds": interval(uncertainty["ci_low"], uncertainty["ci_high"]),
        }
    )
    return [
        table(
            shown.head(MOST_ROWS),
            "The slope within families, and what its uncertainty is made of. Items: each "
            "language's answers drawn anew (an upper bound, since languages share items), part of "
            "that of languages. Seeds: a run may tilt all languages at once, which no residual "
            "over languages shows; the last column is the interval for a new run.",
            decimals=2,
            summary="What seeds and items add",
        )
    ]
