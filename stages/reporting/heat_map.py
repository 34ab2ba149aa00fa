"""Heat maps of accuracy: language by intermediate task, intermediate task by target."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stages.reporting.drawing import Figure, canvas, finish


def heat_map(
    table: pd.DataFrame, name: str, title: str, caption: str, label: str, decimals: int = 1
) -> Figure:
    """Draw a table of numbers, rows and columns labelled, each cell with its value.

    Lightness carries the value, so the map reads in grey.
    """
    values = table.to_numpy(dtype=float)
    rows, columns = values.shape
    with canvas(max(3.6, 0.62 * columns + 2.2), max(1.9, 0.27 * rows + 1.2)) as figure:
        axes = figure.add_subplot()
        image = axes.imshow(np.ma.masked_invalid(values), cmap="cividis", aspect="auto")
        axes.set_xticks(range(columns), [str(c) for c in table.columns], rotation=35, ha="right")
        axes.set_yticks(range(rows), [str(r) for r in table.index])
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        middle = np.nanmean([np.nanmin(values), np.nanmax(values)])
        for i in range(rows):
            for j in range(columns):
                if np.isfinite(values[i, j]):
                    shade = "black" if values[i, j] > middle else "white"
                    text = f"{values[i, j]:.{decimals}f}"
                    axes.text(j, i, text, ha="center", va="center", fontsize=7.5, color=shade)
        bar = figure.colorbar(image, ax=axes, shrink=0.9, pad=0.02)
        bar.set_label(label)
        bar.outline.set_visible(False)
        data = table.rename_axis(index="row").reset_index()
        data = data.melt(id_vars="row", var_name="column", value_name="value")
        return finish(figure, name, title, caption, data)


def accuracy_maps(scores: pd.DataFrame) -> list[Figure]:
    """Return the language by source map of each target, and the source by target map."""
    figures = []
    for target, rows in scores.groupby("target", sort=False):
        table = rows.pivot_table(index="language", columns="source", values="value", sort=False)
        order = ["en", *table.drop(index="en").mean(axis=1).sort_values(ascending=False).index]
        figures.append(
            heat_map(
                table.loc[order],
                f"accuracy_{target}",
                f"{target}: accuracy by language",
                "Percent correct, mean over seeds; English first, then by mean accuracy.",
                "accuracy, %",
            )
        )
    others = scores[scores["language"] != "en"]
    table = others.pivot_table(index="source", columns="target", values="value", sort=False)
    figures.append(
        heat_map(
            table,
            "accuracy_mean",
            "Zero-shot accuracy by intermediate task and target",
            "Percent correct, mean over the languages other than English and over seeds.",
            "accuracy, %",
        )
    )
    return figures
