"""The drop against distance, languages labelled, with the partial fit."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stages.reporting.drawing import COLOURS, MARKERS, Figure, canvas, finish
from stages.statistics.families import OTHERS, Comparison, comparison
from stages.statistics.slope import slopes
from stages.statistics.slope_table import told


def scatter(
    outcomes: pd.DataFrame,
    languages: pd.DataFrame,
    target: str,
    sources: list[str],
    distance: str,
    covariates: list[str],
    name: str = "drop",
) -> Figure | None:
    """Draw the drop of each source on one target against a distance; None where nothing is.

    The line has the slope that is printed: within families where these are known, given the
    covariates; it passes through the means. The largest block of relatives is filled.
    """
    panels = []
    for source in sources:
        rows = outcomes[(outcomes["target"] == target) & (outcomes["source"] == source)]
        known = [name for name in ("family", "classification") if name in languages]
        needed = [distance, *covariates, *(name for name in known if name not in covariates)]
        rows = rows.set_index("language")[["drop"]].join(languages[needed])
        rows = rows.dropna(subset=["drop", distance, *covariates])
        if len(rows) > len(covariates) + 2:
            panels.append((source, rows))
    if not panels:
        return None
    columns = min(len(panels), 3)
    lines = -(-len(panels) // columns)
    with canvas(3.4 * columns + 0.4, 3.0 * lines + 0.3) as figure:
        grid = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
        for spare in grid.flat[len(panels) :]:
            spare.set_visible(False)
        for i, (source, rows) in enumerate(panels):
            axes = grid.flat[i]
            x, y = rows[distance].to_numpy(float), rows["drop"].to_numpy(float)
            z = rows[covariates].to_numpy(float)
            held = told(x, z, comparison(rows))
            found = (
                slopes(y[:, None], x, z)
                if held is None
                else slopes(y[:, None], x, np.column_stack([z, held.block]), held.weight)
            )
            if found is not None:
                ends = np.array([x.min(), x.max()])
                line = y.mean() + float(found.estimate[0]) * (ends - x.mean())
                axes.plot(ends, line, color="#555555", lw=1.2, zorder=1)
            largest = relatives(held, len(x))
            colour = COLOURS[i % 7]
            for some, fill in ((largest, colour), (~largest, "white")):
                style = {"s": 24, "marker": MARKERS[i % 7], "zorder": 2, "linewidth": 1.1}
                axes.scatter(x[some], y[some], facecolor=fill, edgecolor=colour, **style)
            spread(axes, x, y, list(rows.index))
            axes.set_title(source)
            axes.margins(0.12)
        for axes in grid[:, 0]:
            axes.set_ylabel("drop from English, points")
        for axes in grid[-1, :]:
            axes.set_xlabel(readable(distance))
        data = pd.concat([rows.assign(source=source) for source, rows in panels]).reset_index()
        data = data.rename(columns={distance: "distance"}).assign(kind=distance)
        return finish(
            figure,
            name if name == "answer" else f"{name}_{target}",
            f"{target}: drop against {readable(distance)}",
            f"Each point is a language{legend(panels)}. The line is the drop's slope given "
            f"{', '.join(map(readable, covariates)) or 'nothing'}, within language families where "
            "they are known, through the means.",
            data,
        )


def relatives(held: Comparison | None, n: int) -> np.ndarray:
    """Tell which of n languages are of the largest family; all where families are unknown."""
    if held is None:
        return np.ones(n, dtype=bool)
    named = [name for name in held.names if name != OTHERS]
    largest = max(set(named), key=named.count) if named else ""
    return np.array([name == largest for name in held.names])


def legend(panels: list[tuple[str, pd.DataFrame]]) -> str:
    """Say what filled and hollow points are, and how many languages lack a distance."""
    rows = panels[0][1]
    held = comparison(rows)
    if held is None or not held.block.shape[1]:
        return ""
    named = [name for name in held.names if name != OTHERS]
    return f", filled if {max(sorted(set(named)), key=named.count)}"


def spread(axes, x: np.ndarray, y: np.ndarray, labels: list[str]) -> None:  # type: ignore
    """Label the points, each on the side where its neighbours are fewest."""
    width, height = np.ptp(x) or 1.0, np.ptp(y) or 1.0
    offsets = {(5, 3): (0.06, 0.05), (5, -9): (0.06, -0.07), (-13, 3): (-0.06, 0.05)}
    offsets |= {(-13, -9): (-0.06, -0.07)}
    taken: list[tuple[float, float]] = []
    points = list(zip(x / width, y / height, strict=True))
    for (u, v), label, a, b in zip(points, labels, x, y, strict=True):

        def crowding(offset: tuple[int, int], u: float = u, v: float = v) -> float:
            du, dv = offsets[offset]
            near = [*((p, q) for p, q in points if (p, q) != (u, v)), *taken]
            return sum(1 / (0.002 + (u + du - p) ** 2 + (v + dv - q) ** 2) for p, q in near)

        best = min(offsets, key=crowding)
        taken.append((u + offsets[best][0], v + offsets[best][1]))
        axes.annotate(
            label, (a, b), xytext=best, textcoords="offset points", fontsize=8, in_layout=False
        )


def readable(column: str) -> str:
    """Return a column's name in words."""
    known = {"log10_pretraining_gib": "log10 pretraining size (GiB)"}
    if column in known:
        return known[column]
    if column.startswith("distance_"):
        kind, _, formula = column.removeprefix("distance_").partition("_")
        return f"{kind} distance ({formula.replace('_', ' ').replace('knn', 'kNN')})"
    return column.replace("_", " ")
