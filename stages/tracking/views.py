"""The views that the runs table of MLflow's UI offers: columns, filter, order and charts.

MLflow has no default columns of a project's choice (its own are time, source and model), but keeps
the views that people save as tags of the experiment, since 3.15. These two are there from the
start: `.../#/experiments/1/runs?viewStateShareKey=cells`, or *Views* above the table.
"""

from __future__ import annotations

import json
from typing import Any

TAG = "mlflow.sharedViewState."
PARAMETERS, METRICS = "params", "metrics"


def view(name: str, kind: str, order: str, columns: dict[str, list[str]], charts: list[Any]) -> str:
    """A saved view as MLflow's UI writes it.

    kind : of the runs that it shows. order : the metric that it is sorted by, largest first.
    columns : parameters and metrics, in their order
    """
    ids = [f"{group}.`{column}`" for group, some in columns.items() for column in some]
    section = f"{kind}-charts"
    state = {
        "searchFilter": f"tags.kind = '{kind}'",
        "orderByKey": f"metrics.`{order}`",
        "orderByAsc": False,
        "selectedColumns": ids,
        "columnOrder": ids,
        "runsHiddenMode": "SHOW_ALL",
        "compareRunCharts": [
            {
                "uuid": f"{kind}-{number}",
                "metricSectionId": section,
                "deleted": False,
                "isGenerated": False,
                "runsCountToCompare": 1000,
                **chart,
            }
            for number, chart in enumerate(charts)
        ],
        "compareRunSections": [
            {
                "uuid": section,
                "name": name,
                "display": True,
                "isReordered": False,
                "deleted": False,
                "isGenerated": False,
            }
        ],
    }
    return json.dumps({"name": name, "createdAt": 0, "updatedAt": 0, "state": json.dumps(state)})


def parallel(columns: dict[str, list[str]]) -> dict[str, Any]:
    """Parallel coordinates of parameters and metrics."""
    return {
        "type": "PARALLEL",
        "selectedParams": columns[PARAMETERS],
        "selectedMetrics": columns[METRICS],
        "showAllRuns": True,
    }


def scatter(x: str, y: str) -> dict[str, Any]:
    """A point a run: one metric against another."""
    axes = {"xaxis": {"key": x, "type": "METRIC"}, "yaxis": {"key": y, "type": "METRIC"}}
    return {"type": "SCATTER", **axes}


CELL = {
    PARAMETERS: ["intermediate", "target", "seed"],
    METRICS: ["english", "zero_shot", "drop", "gain", "drop_slope"],
}
LANGUAGE = {
    PARAMETERS: ["intermediate", "target", "language"],
    METRICS: ["score", "drop", "gain", "distance"],
}
VIEWS = {
    f"{TAG}cells": view(
        "Cells", "cell", "zero_shot", CELL, [parallel(CELL), scatter("drop_slope", "gain")]
    ),
    f"{TAG}languages": view(
        "Languages", "language", "gain", LANGUAGE,
        [scatter("distance", "gain"), scatter("distance", "drop"), parallel(LANGUAGE)],
    ),
}  # fmt: skip
