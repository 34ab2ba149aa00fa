"""Compare: gains and distances into the runs, so that MLflow's own charts can show them.

A cell's run gets its means, gains and slopes. A charts' point is a run, so the scatter of gain
against distance has a run a language (`kind = language`): its score, drop, gain and distances.
"""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path
from typing import Any

from stages.tracking import store
from stages.tracking.gains import CellName, by_cell, by_place, rows_of
from stages.tracking.lock import Locked
from stages.tracking.study import study_run

METRICS_A_CALL = 1000


class Runs:
    """The runs of one study and version of its data, by what they are of."""

    def __init__(self, client: Any, study: str, version: str):
        self.client, self.study, self.version = client, study, version
        self.parent = study_run(client, study, version)
        self.experiment = client.get_experiment_by_name(store.EXPERIMENT).experiment_id

    def of(self, kind: str, *tags: str) -> dict[tuple[str, ...], Any]:
        """The latest run of a kind for each value of the given tags; finished ones first."""
        where = f"tags.'mlflow.parentRunId' = '{self.parent}' and tags.kind = '{kind}'"
        found: dict[tuple[str, ...], Any] = {}
        token = None
        while True:
            page = self.client.search_runs(
                [self.experiment], where, max_results=1000, page_token=token,
                order_by=["attributes.start_time ASC"],
            )  # fmt: skip
            for run in page:
                key = tuple(run.data.tags.get(tag, "") for tag in tags)
                if run.info.status == "FINISHED" or key not in found:
                    found[key] = run
            token = page.token
            if not token:
                return found

    def create(self, kind: str, name: str, tags: dict[str, str]) -> Any:
        """A run that is finished as soon as it is there, with its tags as parameters too."""
        from mlflow.entities import Param

        marks = {"mlflow.parentRunId": self.parent, "study": self.study, "kind": kind}
        marks |= {"data_version": self.version, **tags}
        run = self.client.create_run(self.experiment, run_name=name, tags=marks)
        parameters = [Param(key, value) for key, value in sorted(tags.items())]
        self.client.log_batch(run.info.run_id, params=parameters)
        self.client.set_terminated(run.info.run_id)
        return run

    def add(self, run: Any, metrics: dict[str, float], tags: dict[str, str] | None = None) -> None:
        """Log what the run does not say yet."""
        from mlflow.entities import Metric, RunTag

        now = int(time.time() * 1000)
        has, marks = run.data.metrics, run.data.tags
        new = [Metric(k, v, now, 0) for k, v in sorted(metrics.items()) if has.get(k) != v]
        tagged = [RunTag(k, v) for k, v in sorted((tags or {}).items()) if marks.get(k) != v]
        for start in range(0, len(new), METRICS_A_CALL):
            self.client.log_batch(run.info.run_id, new[start : start + METRICS_A_CALL])
        if tagged:
            self.client.log_batch(run.info.run_id, tags=tagged)


def compare(client: Any, study: str, version: str, root: Path = Path()) -> int:
    """Log what scores.csv and languages.csv say of every cell and language; return the cells.

    A cell without a run here (computed on another machine, or brought by `dvc pull`) gets one, with
    the tag `restored`.
    """
    scores, languages = root / "scores.csv", root / "languages.csv"
    if not (scores.exists() and languages.exists()):
        return 0
    table = {row["language"]: row for row in _read(languages)}
    distance = primary(root)
    rows = rows_of(_read(scores))
    distances = {code: float(row[distance]) for code, row in table.items() if row.get(distance)}
    cells = by_cell(rows, distances)
    runs, locked = Runs(client, study, version), Locked.read(root)
    there = runs.of("cell", *CellName._fields)
    method = {row.cell(): row.method for row in rows}
    for cell, metrics in cells.items():
        run = there.get(tuple(cell))
        if run is None:
            name = f"{cell.intermediate} -> {cell.target} · seed {cell.seed}"
            tags = {**cell._asdict(), "method": method[cell], "restored": "true"}
            run = runs.create("cell", name, tags)
        runs.add(run, metrics, locked.tags(f"cells/{cell.intermediate}-{cell.target}"))
    _languages(runs, rows, cells, table, distance)
    return len(cells)


def _languages(
    runs: Runs, rows: Any, cells: Any, table: dict[str, dict[str, str]], distance: str
) -> None:
    """A run a language, target and encoder."""
    there = runs.of("language", "intermediate", "target", "language")
    for place, metrics in by_place(rows, cells).items():
        row = table.get(place.language, {})
        far = {
            name: float(value)
            for name, value in row.items()
            if value and name.startswith(("distance_", "log10_", "tokenizer_"))
        }
        if distance in far:
            far["distance"] = far[distance]
        run = there.get(tuple(place))
        if run is None:
            known = {name: row[name] for name in ("name", "family", "script") if row.get(name)}
            title = f"{place.intermediate} -> {place.target} · {place.language}"
            run = runs.create("language", title, {**place._asdict(), **known})
        runs.add(run, metrics | far)


def primary(root: Path) -> str:
    """The distance that the study asks about."""
    try:
        found = json.loads((root / "statistics" / "analysis.json").read_text())
        return str(found["distance"])
    except (FileNotFoundError, KeyError, ValueError):
        return "distance_syntactic_knn_angular"


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))
