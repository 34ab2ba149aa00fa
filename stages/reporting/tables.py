"""The report's tables, from the tables of correlate."""

from __future__ import annotations

import pandas as pd

from stages.reporting.calibrated import COVERAGE, POSITIVES, WORLDS, Calibration
from stages.reporting.page import Block, table
from stages.reporting.scatter import readable
from stages.statistics.slope_change import ALL

NO_BREAK = "\u00a0"
# More rows than this are not read; the CSV beside the report has them.
MOST_ROWS = 120
REST = "all rows are in partial_correlations.csv and robustness.csv."


def interval(low: pd.Series, high: pd.Series, decimals: int = 2) -> list[str]:
    """Return "low to high" a row, a dash where there is none."""
    return [
        "–"
        if pd.isna(a) or pd.isna(b)
        else f"{a:.{decimals}f} to {b:.{decimals}f}".replace("-", "−").replace(" ", NO_BREAK)
        for a, b in zip(low, high, strict=True)
    ]


def correlation_blocks(
    correlations: pd.DataFrame,
    robustness: pd.DataFrame,
    calibration: Calibration,
    target: str,
    source: str,
    distance: str,
) -> list[Block]:
    """Return the partial correlations of the drop, with what stands beside each.

    The primary source and target are shown with every distance. Folded: each target, its first
    source with every distance and the others with the primary one; what holds only for
    independent languages; what is not identifiable, with the reason and without p.
    """
    repeated = [name for name in robustness if name in correlations]
    both = pd.concat([correlations, robustness.drop(columns=repeated)], axis=1)
    both = both[(both["outcome"] == "drop") & (both["method"] == "pearson")]
    sound = both[both["identifiable"].astype(bool)]
    first = (sound["target"] == target) & (sound["intermediate"] == source)
    blocks = []
    if first.any():
        blocks.append(
            table(
                beside(sound[first]).drop(columns="intermediate"),
                f"{target}, {source}. Pearson, given the covariates; the first row is the contrast "
                "fixed before any result, all others are exploratory. r: partial correlation, by "
                "pingouin. Within families: the same with family blocks given and relatives "
                "weighted by the language tree; its interval, its p by permutation within the "
                "blocks (Freedman–Lane), and that p corrected by max-T over all exploratory rows. "
                "Without one: the range of r when one language, or one family, is left out. "
                "Coverage: mean share of observed features. Detectable: the |r| found with 80% "
                "power. Spearman and the other outcomes: partial_correlations.csv, robustness.csv.",
            )
        )
    chosen = sound[(sound["distance"] == distance) | (sound["intermediate"] == source)]
    for name, rows in chosen[~first.reindex(chosen.index)].groupby("target", sort=False):
        summary = f"{name}: every intermediate task, every distance"
        words = f"Every distance with {source}, {readable(distance)} with all others; " + REST
        blocks.append(table(beside(rows.head(MOST_ROWS)), words, 3, summary))
    blocks += independent_block(chosen, calibration)
    lost = both[~both["identifiable"].astype(bool)]
    if len(lost):
        summary = f"Not identifiable: {len(lost)} more rows, and why"
        words = "r describes these languages and says nothing beyond. One row a target and distance"
        blocks.append(table(reasons(lost), f"{words}; {REST}", 3, summary))
    return blocks


def reasons(lost: pd.DataFrame) -> pd.DataFrame:
    """Return what is not identifiable and why, the sources of a target and distance together."""
    keys = ["target", "distance", "n", "note"]
    found = lost.groupby(keys, sort=False)["r"].agg(["size", "min", "max"]).reset_index()
    return pd.DataFrame(
        {
            "target": found["target"],
            "distance": found["distance"].map(readable).str.replace(" distance", ""),
            "n": found["n"].astype(int),
            "sources": found["size"],
            "r": interval(found["min"], found["max"]),
            "note": found["note"],
        }
    )


def beside(both: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of the main table."""
    return pd.DataFrame(
        {
            "intermediate": both["intermediate"],
            "distance": both["distance"].map(readable).str.replace(" distance", ""),
            "n": both["n"].astype(int),
            "r": both["r"],
            "r within families": both["r_within_families"],
            "95% interval": interval(both["within_low"], both["within_high"]),
            "p": both["p_within_families"],
            "corrected p": both["p_within_families_adjusted"],
            "without one language": interval(
                both["without_language_low"], both["without_language_high"]
            ),
            "without one family": interval(both["without_family_low"], both["without_family_high"]),
            "VIF": rounded(both["vif"], 1),
            "coverage": rounded(both["coverage"], 2),
            "detectable |r|": rounded(both["detectable_r"], 2),
            "note": [
                "primary contrast" + ("; " + note if note else "") if first else note
                for first, note in zip(both["primary"], both["note"].fillna(""), strict=True)
            ],
        }
    )


def rounded(values: pd.Series, decimals: int) -> list[str]:
    return ["–" if pd.isna(value) else f"{value:.{decimals}f}" for value in values]


def independent_block(sound: pd.DataFrame, calibration: Calibration) -> list[Block]:
    """Return what would hold if languages were independent draws, under that heading; folded.

    A column that fails even in that world, or was not tried in it, is left out.
    """
    alone = ("independent",)
    columns = {
        "intermediate": sound["intermediate"],
        "target": sound["target"],
        "distance": sound["distance"].map(readable).str.replace(" distance", ""),
        "n": sound["n"].astype(int),
        "r": sound["r"],
    }
    known = {
        ("Fisher interval (pearson)", COVERAGE): (
            "95% (Fisher)",
            interval(sound["ci_low"], sound["ci_high"]),
        ),
        ("BCa interval (pearson)", COVERAGE): (
            "95% (BCa)",
            interval(sound["bca_low"], sound["bca_high"]),
        ),
        ("p_permutation (pearson)", POSITIVES): ("p (Freedman–Lane)", sound["p_permutation"]),
        ("p_adjusted (max-T)", POSITIVES): ("corrected p (max-T)", sound["p_adjusted"]),
    }
    shown = {
        name: values
        for (quantity, what), (name, values) in known.items()
        if calibration.holds(quantity, what, alone)
    }
    if not shown or sound.empty:
        return []
    failing = [
        f"{name} in the world with {', '.join(sorted(calibration.failed[key]))}"
        for key, (name, _) in known.items()
        if calibration.failed.get(key)
    ]
    words = (
        "Not inference about these languages: they are related, and with relations these columns "
        "miss their level in simulation (" + "; ".join(failing) + "). "
        if failing
        else ""
    )
    summary = "Only if languages were independent draws: bootstrap and permutation over languages"
    rows = pd.DataFrame({**columns, **shown}).head(MOST_ROWS)
    return [table(rows, words + REST.capitalize(), 3, summary)]


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


def calibration_block(calibration: Calibration) -> list[Block]:
    """Return how every method did on data whose truth is known, and where it is printed."""
    found = calibration.table
    if found is None:
        return []
    wide = found.pivot_table(
        index=["quantity", "what"], columns="world", values="value", sort=False
    )
    wide = wide[[name for name in WORLDS if name in wide]]
    verdicts = []
    for quantity, what in wide.index:
        failed = calibration.failed.get((quantity, what), set())
        verdicts.append(
            "holds"
            if calibration.holds(quantity, what)
            else f"fails: {', '.join(sorted(failed))}"
            if failed
            else "not tried in every world"
        )
    shown = wide.reset_index().assign(verdict=verdicts)
    draws = int(found["draws"].max())
    return [
        table(
            shown,
            f"{draws:,} draws with the real 14 languages of XNLI, their families, tree, distances, "
            "sizes and scripts. False positives should be .04 to .06 (fewer is caution, more "
            "fails), coverage .93 to .97 (more is caution), bias below a tenth of the planted "
            "effect. Worlds: languages independent; families with effects of their own (half of "
            "the variance); a language tree (half of the variance).",
            decimals=3,
            summary="Every method, in three worlds",
        )
    ]
