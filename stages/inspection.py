"""Inspection: what all guards found, in one place.

In   validation/<task>/verdict.json of `data.tasks`, leakage/verdict.json.
Out  inspection/index.html, a grid of tasks by languages that opens without a network and leads to
     the findings; inspection/summary.json, the counts, for the report. MLflow gets them as metrics
     of the study.
Run  python -m stages.inspection
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages import params, tracking
from stages.errors import UserError, run
from stages.guards import grid
from stages.guards.rule import SEVERITIES
from stages.writing import replacing_folder


def summary(found: grid.Verdicts, leakage: Mapping[str, Any] | None) -> dict[str, Any]:
    """Counts by task, and what leaks and is left out for it."""
    tasks = {
        task: {
            "accepted": verdict["accepted"],
            "files": len(verdict["data"]),
            "rows": verdict["rows"],
            "dropped": verdict.get("dropped", 0),
            **{severity: verdict["counts"].get(severity, 0) for severity in SEVERITIES},
        }
        for task, (_, verdict) in found.items()
    }
    overlaps = [
        {
            key: one[key]
            for key in ("rule", "severity", "known", "task", "file", "rows", "of", "items")
        }
        for one in (leakage or {}).get("findings", [])
    ]
    return {
        "tasks": tasks,
        "leakage": overlaps,
        "leakage_dropped": (leakage or {}).get("dropped", {}),
    }


def metrics(content: Mapping[str, Any]) -> dict[str, float]:
    """The counts as MLflow metrics: guards.<severity>, guards.<task>.<severity>, ..."""
    named: dict[str, float] = {}
    for key in (*SEVERITIES, "dropped"):
        for task, counts in content["tasks"].items():
            named[f"guards.{task}.{key}"] = counts[key]
        named[f"guards.{key}"] = sum(counts[key] for counts in content["tasks"].values())
    for rule in ("test_in_train", "test_in_dev", "dev_in_train"):
        rows = [one["rows"] for one in content["leakage"] if one["rule"] == rule]
        named[f"guards.{rule}_rows"] = sum(rows)
    named["guards.leakage_dropped"] = sum(content["leakage_dropped"].values())
    return named


def main() -> None:
    """Read the verdicts, write the page and the counts, tell MLflow."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--validation", type=Path, default=Path("validation"))
    parser.add_argument("--leakage", type=Path, default=Path("leakage"))
    parser.add_argument("--out", type=Path, default=Path("inspection"))
    parser.add_argument("--no-mlflow", action="store_true", help="write the files only")
    arguments = parser.parse_args()
    tasks = params.read()["data"]["tasks"]  # an earlier study may have left others there
    found = {t: one for t, one in grid.verdicts(arguments.validation).items() if t in tasks}
    if not found:
        raise UserError(f"{arguments.validation} holds no verdict: run the stage validate first.")
    record = arguments.leakage / "verdict.json"
    leakage = json.loads(record.read_text(encoding="utf-8")) if record.exists() else None
    content = summary(found, leakage)
    with replacing_folder(arguments.out) as folder:
        html = grid.page(found, leakage, up="../validation/")
        (folder / "index.html").write_text(html, encoding="utf-8")
        text = json.dumps(content, indent=1, sort_keys=True)
        (folder / "summary.json").write_text(text + "\n", encoding="utf-8")
    if not arguments.no_mlflow:
        study = params.read()["study"]
        tracking.publish(study, metrics(content), arguments.out, "inspection")
    print(f"{len(found)} tasks inspected; {arguments.out / 'index.html'}")


if __name__ == "__main__":
    run(main)
