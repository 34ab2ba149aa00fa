"""Tables of the partial correlations."""

from __future__ import annotations

import pandas as pd

from stages.reporting.calibrated import COVERAGE, POSITIVES, Calibration
from stages.reporting.page import Block, table
from stages.reporting.scatter import readable
from stages.reporting.tables import MOST_ROWS, interval, rounded

REST = "all rows are in partial_correlations.csv and robustness.csv."


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
