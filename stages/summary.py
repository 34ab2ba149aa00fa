"""Summary: statistics/, report/  ->  the terminal: what the study found, and where to look.

Run  python -m stages.summary
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

from stages.errors import UserError, run

HEADER = ("intermediate", "target", "distance", "n", "partial r", "95% interval", "p", "")


def summary(rows: list[dict[str, str]]) -> str:
    """Return a table of the Pearson partial correlations of the drop in points.

    One formula a kind of distance (the first by name); the others are in the file.
    """
    formulas: dict[str, str] = {}
    for name in sorted({row["distance"] for row in rows}):
        formulas.setdefault(name.split("_")[1], name)
    wanted = [
        row
        for row in rows
        if (row["outcome"], row["method"]) == ("drop", "pearson")
        and row["distance"] in formulas.values()
    ]
    lines = [HEADER]
    for row in wanted:
        mark = "" if row["identifiable"] == "True" else "not identifiable"
        lines.append(
            (
                row["intermediate"],
                row["target"],
                row["distance"].removeprefix("distance_"),
                row["n"],
                _number(row["r"]),
                f"{_number(row['ci_low'])} to {_number(row['ci_high'])}",
                _p(row["p_permutation"]),
                mark,
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([text[0], "-" * len(text[0]), *text[1:]])


def _number(text: str) -> str:
    return f"{float(text):+.2f}".replace("+0.", " .").replace("-0.", "-.") if text else "-"


def _p(text: str) -> str:
    if not text:
        return "-"
    return "<.001" if float(text) < 0.001 else f"{float(text):.3f}".removeprefix("0")


def main() -> None:
    """Print the table, the path of the report and how to open the MLflow UI."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--statistics", type=Path, default=Path("statistics"))
    parser.add_argument("--scores", type=Path, default=Path("scores.csv"))
    parser.add_argument("--report", type=Path, default=Path("report/report.html"))
    arguments = parser.parse_args()
    table = arguments.statistics / "partial_correlations.csv"
    if not table.exists():
        raise UserError(f"{table} not found: run `dvc repro` first.")
    with table.open(newline="") as stream:
        print("\nDegradation (English minus language) against distance from English\n")
        print(summary(list(csv.DictReader(stream))))
    meta = json.loads(arguments.scores.with_suffix(".meta.json").read_text())
    if meta["stand_in"]:
        print("\nThe encoder is a randomly initialised stand-in: these figures mean nothing.")
    print(f"\nreport     {arguments.report}\nruns       make ui   (then http://127.0.0.1:5000)")


if __name__ == "__main__":
    run(main)
