"""Heat maps of scores: language by intermediate task, intermediate task by target."""

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
    with canvas(max(3.6, 0.62 * columns + 2.2), max(1.9, 0.25 * rows + 1.2)) as figure:
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
                    drawn = axes.text(j, i, text, ha="center", va="center", fontsize=7.5)
                    drawn.set(color=shade, in_layout=False)
        bar = figure.colorbar(image, ax=axes, shrink=0.9, pad=0.02)
        bar.set_label(label)
        bar.outline.set_visible(False)
        data = table.rename_axis(index="row").reset_index()
        data = data.melt(id_vars="row", var_name="column", value_name="value")
        return finish(figure, name, title, caption, data)


def score_map(headlines: pd.DataFrame, target: str) -> Figure:
    """Return the language by source map of one target."""
    rows = headlines[headlines["target"] == target]
    metric = str(rows["metric"].iloc[0])
    table = rows.pivot_table(index="language", columns="source", values="value", sort=False)
    table = table[list(dict.fromkeys(rows["source"]))]
    means = table.drop(index="en", errors="ignore").mean(axis=1).sort_values(ascending=False)
    order = [*(["en"] if "en" in table.index else []), *means.index]
    return heat_map(
        table.loc[order],
        f"scores_{target}",
        f"{target}: {metric} by language and intermediate task",
        "Percent, mean over seeds; English first, then by mean.",
        "percent",
    )


def means_map(scores: pd.DataFrame) -> Figure:
    """Return the source by target map; scores : source x target, as `task_scores` returns them."""
    return heat_map(
        scores.rename_axis(index="source"),
        "scores_by_target",
        "Scores by intermediate task and target",
        "Percent, mean over all languages and seeds; question answering: mean of EM and F1.",
        "percent",
    )
