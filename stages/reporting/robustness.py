"""What a result hangs on: the specification curve, and one language or family at a time."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stages.reporting.drawing import COLOURS, Figure, canvas, finish
from stages.statistics.interaction_table import SHORT
from stages.statistics.multiverse import INDEPENDENT, WITHIN

CHOICES = ("distance", "covariates", "kinship", "outcome", "languages", "method")


def specification_curve(
    specifications: pd.DataFrame, source: str, target: str, primary: dict[str, object]
) -> Figure | None:
    """Draw every specification's r in order, and below it which choices made it."""
    chosen = (specifications["source"] == source) & (specifications["target"] == target)
    curve = specifications[chosen].sort_values("r", ignore_index=True)
    if len(curve) < 10:
        return None
    curve["kind"] = curve["distance"].str.removeprefix("distance_").str.split("_").str[0]
    curve["covariates"] = [
        "+".join(SHORT.get(name, name) for name in str(value).split("+"))
        for value in curve["covariates"]
    ]
    rows = []
    for choice in ("kind", *CHOICES[1:]):
        rows += [(choice, value) for value in sorted(curve[choice].unique())]
    with canvas(9.4, 3.0 + 0.17 * len(rows)) as figure:
        top, bottom = figure.subplots(
            2, 1, sharex=True, gridspec_kw={"height_ratios": [2.2, 0.17 * len(rows)]}
        )
        within = curve["kinship"] == WITHIN
        passes = within & (curve["p"] < 0.05)
        shades = np.select([passes, within], [COLOURS[0], "#777777"], "#CCCCCC")
        top.axhline(0, color="#999999", lw=0.8)
        for label, some, colour, size in (
            ("languages as independent: no p", ~within, "#CCCCCC", 5),
            ("within families, p ≥ .05", within & ~passes, "#777777", 5),
            ("within families, p < .05", passes, COLOURS[0], 9),
        ):
            top.scatter(
                curve.index[some],
                curve["r"][some],
                s=size,
                color=colour,
                rasterized=True,
                label=label,
            )
        at = main_specification(curve, primary)
        if at is not None:
            top.scatter([at], [curve["r"][at]], s=60, marker="D", color=COLOURS[1], zorder=4)
            top.annotate(
                "primary contrast",
                (at, float(curve["r"][at])),
                xytext=(-6, 9),
                textcoords="offset points",
                fontsize=8,
                ha="right",
            )
        top.set_ylabel("(partial) correlation")
        top.legend(loc="lower right", fontsize=8, markerscale=2)
        for y, (choice, value) in enumerate(rows):
            where = np.flatnonzero(curve[choice] == value)
            colours = shades[where]
            bottom.scatter(
                where, np.full(len(where), y), s=14, marker="|", lw=0.4, c=colours, rasterized=True
            )
        bottom.set_yticks(range(len(rows)), [f"{c}: {v}".replace("_", " ") for c, v in rows])
        bottom.tick_params(axis="y", labelsize=7, length=0)
        bottom.set_ylim(len(rows) - 0.5, -0.5)
        bottom.set_xlabel("specification, in order of its correlation")
        agrees = (np.sign(curve["r"]) == np.sign(curve["r"].median())).mean()
        agreed = np.sign(curve["r"]) == np.sign(curve["r"].median())
        strong = f"{(agreed & passes)[within].mean():.0%}" if within.any() else "none"
        return finish(
            figure,
            f"specifications_{target}",
            f"{target}, {source}: every defensible specification",
            f"{len(curve)} specifications of one question for {source}; the median is "
            f"{curve['r'].median():.2f}. {agrees:.0%} agree with it in sign. Of the {within.sum()} "
            f"that compare within families, {strong} agree and pass p < .05, each taken alone.",
            curve.drop(columns="kind"),
        )


def main_specification(curve: pd.DataFrame, primary: dict[str, object]) -> int | None:
    """Return the row of the primary contrast among the specifications."""
    names = primary.get("covariates")
    covariates = [SHORT.get(str(n), str(n)) for n in names] if isinstance(names, list) else []
    match = (
        (curve["distance"] == primary.get("distance"))
        & (curve["covariates"] == ("+".join(covariates) or "-"))
        & (curve["outcome"] == primary.get("outcome"))
        & (curve["method"] == primary.get("method"))
        & (curve["languages"] == "all")
        & (curve["kinship"] == (WITHIN if (curve["kinship"] == WITHIN).any() else INDEPENDENT))
    )
    return int(curve.index[match][0]) if match.any() else None


def influence_plot(influence: pd.DataFrame, source: str, target: str) -> Figure | None:
    """Draw the partial correlation without each language and each family of more than one."""
    rows = influence[(influence["source"] == source) & (influence["target"] == target)]
    if len(rows) < 4:
        return None
    whole = float(rows.loc[rows["kind"] == "nothing", "r"].iloc[0])
    rows = rows[rows["kind"] != "nothing"].sort_values("r", ignore_index=True)
    with canvas(7.2, 0.8 + 0.2 * len(rows)) as figure:
        axes = figure.add_subplot()
        axes.axvline(whole, color="#555555", lw=1, ls="--")
        axes.axvline(0, color="#999999", lw=0.8)
        language = (rows["kind"] == "language").to_numpy()
        for kind, marker, colour, label in (
            (language, "o", COLOURS[0], "without one language"),
            (~language, "s", COLOURS[1], "without one family"),
        ):
            axes.hlines(rows.index[kind], whole, rows["r"][kind], color=colour, lw=1)
            axes.scatter(
                rows["r"][kind], rows.index[kind], color=colour, marker=marker, s=26, label=label
            )
        axes.set_yticks(rows.index, list(rows["left_out"]))
        axes.set_xlabel(f"partial correlation without it (dashed: with all, {whole:.2f})")
        axes.legend(loc="lower right", fontsize=8)
        return finish(
            figure,
            f"influence_{target}",
            f"{target}, {source}: what the result hangs on",
            "The partial correlation of drop and primary distance when one language, or one "
            "family, is left out.",
            rows,
        )
