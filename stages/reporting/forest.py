"""Forest plots: partial correlations over distances, slopes with and without training."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stages.reporting.drawing import COLOURS, MARKERS, Figure, canvas, finish
from stages.reporting.scatter import readable
from stages.statistics.slope_change import ALL


def forest(
    rows: pd.DataFrame, name: str, title: str, caption: str, axis: str, per: str = "source"
) -> Figure | None:
    """Draw estimates with intervals: label, `per` (one colour and marker each), estimate, ends.

    rows : label, `per`, estimate, ci_low, ci_high, sound (False draws hollow)
    """
    rows = rows.dropna(subset=["estimate"])
    if rows.empty:
        return None
    labels = list(dict.fromkeys(rows["label"]))
    groups = list(dict.fromkeys(rows[per]))
    step = 0.8 / max(1, len(groups))
    height = max(2.0, 0.9 + len(labels) * max(0.26, 0.15 * len(groups)))
    with canvas(8.2, height) as figure:
        axes = figure.add_subplot()
        axes.axvline(0, color="#999999", lw=0.8, zorder=0)
        for g, group in enumerate(groups):
            part = rows[rows[per] == group]
            at = np.array([labels.index(label) for label in part["label"]], dtype=float)
            at += (g - (len(groups) - 1) / 2) * step
            colour = COLOURS[g % len(COLOURS)]
            estimate = part["estimate"].to_numpy(float)
            low, high = part["ci_low"].to_numpy(float), part["ci_high"].to_numpy(float)
            axes.hlines(at, low, high, color=colour, lw=1.3)
            solid = part["sound"].to_numpy(bool)
            for kind, fill in ((solid, colour), (~solid, "white")):
                axes.scatter(
                    *(estimate[kind], at[kind]),
                    s=26,
                    marker=MARKERS[g % len(MARKERS)],
                    facecolor=fill,
                    edgecolor=colour,
                    label=str(group) if kind is solid or not solid.any() else None,
                    zorder=3,
                )
        axes.set_yticks(range(len(labels)), labels)
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.set_xlabel(axis)
        if len(groups) > 1:
            handles, names = axes.get_legend_handles_labels()
            unique = dict(zip(names, handles, strict=True))
            axes.legend(
                unique.values(),
                unique.keys(),
                loc="lower left",
                bbox_to_anchor=(0, 1.0),
                ncol=min(3, len(unique)),
                fontsize=8,
            )
        return finish(figure, name, title, caption, rows)


def over_distances(
    correlations: pd.DataFrame,
    robustness: pd.DataFrame,
    target: str,
    sources: list[str],
    prefix: str = "",
) -> Figure | None:
    """Draw the partial correlation of the drop with every distance, by intermediate task.

    Within families where these are known, else without an interval.
    """
    within = robustness["r_within_families"]
    chosen = correlations.assign(
        r=within.where(within.notna(), correlations["r"]),
        ci_low=robustness["within_low"],
        ci_high=robustness["within_high"],
    )
    chosen = chosen[
        (chosen["target"] == target)
        & (chosen["outcome"] == "drop")
        & (chosen["method"] == "pearson")
        & chosen["intermediate"].isin(sources)
    ]
    rows = pd.DataFrame(
        {
            "label": chosen["distance"].map(readable),
            "source": chosen["intermediate"],
            "estimate": chosen["r"],
            "ci_low": chosen["ci_low"],
            "ci_high": chosen["ci_high"],
            "sound": chosen["identifiable"].astype(bool),
            "n": chosen["n"],
        }
    )
    return forest(
        rows.sort_values(
            ["label", "source"],
            key=lambda c: c.map(sources.index) if c.name == "source" else c,
        ),
        f"{prefix}forest_{target}",
        f"{target}: partial correlation of drop with each distance",
        "Partial correlation given the covariates, within language families, with its 95% "
        "interval. Hollow: not identifiable.",
        "partial correlation",
    )


def slope_forest(slopes: pd.DataFrame, interactions: pd.DataFrame, target: str) -> Figure | None:
    """Draw the slope of each intermediate task, and below it how training changes the slope."""
    if "model" not in slopes:
        return None
    own = slopes[(slopes["target"] == target) & (slopes["model"] == "within families")]
    own = own.sort_values("source", key=lambda c: c != "none", kind="stable")
    parts = [
        pd.DataFrame(
            {
                "label": "slope: " + own["source"].astype(str),
                "source": "slope of the drop",
                "estimate": own["estimate"],
                "ci_low": own["ci_low"],
                "ci_high": own["ci_high"],
                "sound": own["identifiable"].astype(bool),
            }
        )
    ]
    if len(interactions):
        mixed = interactions[
            (interactions["target"] == target)
            & (interactions["model"] == "mixed model, within families: points")
        ]
        mixed = mixed.sort_values("intermediate", key=lambda c: c != ALL, kind="stable")
        parts.append(
            pd.DataFrame(
                {
                    "label": "change: " + mixed["intermediate"].astype(str),
                    "source": "change by training",
                    "estimate": mixed["estimate"],
                    "ci_low": mixed["ci_low"],
                    "ci_high": mixed["ci_high"],
                    "sound": mixed["identifiable"].astype(bool),
                }
            )
        )
    return forest(
        pd.concat(parts),
        f"slopes_{target}",
        f"{target}: the slope with and without intermediate training",
        "Points of drop per 0.1 of distance, within language families, given the covariates; 95% "
        "intervals, for each task alone. Changes by mixed model: below zero is a flatter slope. No "
        "interval: one run, whose spread is unknown. Hollow: not identifiable.",
        "points per 0.1 of distance",
    )
