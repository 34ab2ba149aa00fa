"""The report's tables, from the tables of correlate."""

from __future__ import annotations

import pandas as pd

from stages.reporting.page import Block, table
from stages.reporting.scatter import readable

NO_BREAK = "\u00a0"


def interval(low: pd.Series, high: pd.Series, decimals: int = 2) -> list[str]:
    """Return "low to high" a row, a dash where there is none."""
    return [
        "–"
        if pd.isna(a) or pd.isna(b)
        else f"{a:.{decimals}f} to {b:.{decimals}f}".replace("-", "−").replace(" ", NO_BREAK)
        for a, b in zip(low, high, strict=True)
    ]


def correlation_blocks(correlations: pd.DataFrame, robustness: pd.DataFrame) -> list[Block]:
    """Return the partial correlations of the drop, by pingouin, with what stands beside each.

    What is not identifiable is a table of its own, folded away, with the reason and no p.
    """
    both = pd.concat([correlations, robustness.drop(columns=list(robustness.columns[:6]))], axis=1)
    both = both[(both["outcome"] == "drop") & (both["method"] == "pearson")]
    identifiable = both["identifiable"].astype(bool)
    shown = pd.DataFrame(
        {
            "intermediate": both["intermediate"],
            "target": both["target"],
            "distance": both["distance"].map(readable).str.replace(" distance", ""),
            "n": both["n"].astype(int),
            "r": both["r"],
            "95% (Fisher)": interval(both["ci_low"], both["ci_high"]),
            "95% (BCa)": interval(both["bca_low"], both["bca_high"]),
            "p permuted": both["p_permutation"].where(identifiable),
            "p within families": both["p_within_families"].where(identifiable),
            "corrected": both["p_within_families_adjusted"].where(identifiable),
            "without one language": interval(
                both["without_language_low"], both["without_language_high"]
            ),
            "without one family": interval(both["without_family_low"], both["without_family_high"]),
            "VIF": both["vif"].round(1),
            "coverage": both["coverage"],
            "detectable |r|": both["detectable_r"],
            "note": [
                "primary contrast" + ("; " + note if note else "") if first else note
                for first, note in zip(both["primary"], both["note"].fillna(""), strict=True)
            ],
        }
    )
    sound = table(
        shown[identifiable],
        "Pearson, given the covariates; the first row is the contrast fixed before any result, all "
        "others are exploratory. p permuted: Freedman–Lane over languages, right where languages "
        "are independent. p within families: the same within blocks of related languages, right "
        "also where families have effects of their own. corrected: max-T over the family of "
        "exploratory rows, within families. coverage: mean share of observed features. detectable: "
        "found with 80% power. Spearman and the other outcomes are in partial_correlations.csv and "
        "robustness.csv.",
        decimals=3,
    )
    lost = shown.loc[~identifiable, ["intermediate", "target", "distance", "n", "r", "note"]]
    if lost.empty:
        return [sound]
    reason = f"Not identifiable: {len(lost)} more rows, and why"
    folded = table(lost, "r describes these languages and says nothing beyond.", summary=reason)
    return [sound, folded] if identifiable.any() else [folded]


def slope_block(slopes: pd.DataFrame) -> Block:
    """Return the slopes under every model of kinship; what is not identifiable has no interval."""
    rows = slopes.dropna(subset=["estimate"])
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
    return table(
        shown,
        "The drop's slope on the primary distance given pretraining size, under four ideas of how "
        "related languages depend on one another. lambda: share of the variance that relatedness "
        "explains (REML). The random effect of family has no interval: it failed the simulation.",
        decimals=2,
        summary="Every slope, under four models of kinship",
    )


def interaction_block(interactions: pd.DataFrame, target: str) -> Block:
    """Return the changes of slope, the primary target and the mixed model first."""
    rows = interactions.assign(
        first=(interactions["target"] != target) * 2 + (interactions["model"] == "paired change")
    ).sort_values("first", kind="stable")
    sound = rows["identifiable"].astype(bool)
    paired = rows["model"] == "paired change"
    within = (
        paired & rows["estimate_within"].notna() if "estimate_within" in rows else paired & False
    )
    # A paired change knows nothing of the spread between runs and failed the simulation: its
    # interval is for the runs at hand, and no p is printed.
    chosen = rows[["estimate", "ci_low", "ci_high", "p"]].copy()
    chosen["p"] = chosen["p"].where(~paired)
    for name, other in (
        ("estimate", "estimate_within"),
        ("ci_low", "ci_low_within"),
        ("ci_high", "ci_high_within"),
    ):
        if within.any():
            chosen[name] = chosen[name].where(~within, rows[other])
    model = rows["model"].where(~within, "paired change, within families")
    shown = pd.DataFrame(
        {
            "target": rows["target"],
            "intermediate": rows["intermediate"],
            "model": model,
            "change per 0.1": chosen["estimate"],
            "95% interval": interval(chosen["ci_low"].where(sound), chosen["ci_high"].where(sound)),
            "p": chosen["p"].where(sound),
            "detectable": rows["detectable"].where(sound),
            "note": rows["note"].fillna(""),
        }
    )
    return table(
        shown,
        "Change of the slope by intermediate training, points of drop (or log odds of error) per "
        "0.1 of distance; below zero is flatter. The mixed model has random effects of language, "
        "of its response to training, of run and of the run's slope. A paired change is for the "
        "runs at hand: it knows nothing of the spread between runs, so its interval is narrower "
        "than a new run would find it, and it has no p.",
        decimals=2,
    )


def uncertainty_block(uncertainty: pd.DataFrame) -> Block:
    shown = uncertainty.rename(
        columns={
            "slope": "points per 0.1",
            "slope_lowest_seed": "lowest seed",
            "slope_highest_seed": "highest seed",
            "se_seeds": "s.e. from seeds",
            "se_items": "s.e. from items",
        }
    )
    return table(
        shown.astype({"seeds": int}),
        "What seeds and items add to each slope. Items: each language's answers drawn anew, an "
        "upper bound, since languages share items. Both are contained in the intervals above.",
        decimals=2,
        summary="What seeds and items add",
    )


def calibration_block(calibration: pd.DataFrame) -> Block:
    wide = calibration.pivot_table(
        index=["quantity", "what"], columns="world", values="value", sort=False
    )
    judged = calibration.groupby(["quantity", "what"], sort=False)["verdict"].agg(
        lambda verdicts: "fails" if "fails" in set(verdicts) else "holds"
    )
    shown = wide.reset_index().assign(verdict=judged.to_numpy())
    draws = int(calibration["draws"].max())
    return table(
        shown,
        f"{draws:,} draws with the real 14 languages, families, distances and sizes. False "
        "positives should be 0.04 to 0.06 (fewer is caution, more fails), coverage 0.93 to 0.97, "
        "bias nil. Worlds: languages independent; families with effects of their own (half of the "
        "variance); a language tree (half of the variance).",
        decimals=3,
    )
