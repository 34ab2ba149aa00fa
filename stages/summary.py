"""Summary: statistics/, report/  ->  the terminal: what the study found, and where to look.

Run  python -m stages.summary
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

from stages import params, tracking
from stages.errors import UserError, run

HEADER = ("intermediate", "target", "distance", "n", "partial r", "within", "95% interval", "p", "")


def summary(rows: list[dict[str, str]], distance: str) -> str:
    """Return a table of the Pearson partial correlations of the drop in points.

    rows : partial_correlations.csv with robustness.csv beside it, the primary contrast first
    distance : the primary one, shown for every cell; of the others one formula a kind, for the
        first intermediate task and target alone
    `within` is the same within language families, with its interval and p: languages are
    relatives, and as independent draws they find distance effects where there are none.
    """
    rows = [row for row in rows if (row["outcome"], row["method"]) == ("drop", "pearson")]
    if not rows:
        return "no partial correlation was computed"
    first = (rows[0]["intermediate"], rows[0]["target"])
    formulas: dict[str, str] = {distance.split("_")[1]: distance}
    for name in sorted({row["distance"] for row in rows}):
        formulas.setdefault(name.split("_")[1], name)
    wanted = [row for row in rows if row["distance"] == distance]
    wanted += [
        row
        for row in rows
        if (row["intermediate"], row["target"]) == first
        and row["distance"] != distance
        and row["distance"] in formulas.values()
    ]
    lines = [HEADER]
    for row in wanted:
        sound = row["identifiable"] == "True"
        low, high = row["within_low"], row["within_high"]
        lines.append(
            (
                row["intermediate"],
                row["target"],
                row["distance"].removeprefix("distance_"),
                row["n"],
                _number(row["r"]),
                _number(row["r_within_families"]),
                f"{_number(low)} to {_number(high)}" if sound and low else "-",
                _p(row["p_within_families"]) if sound else "-",
                "" if sound else "not identifiable",
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


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


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
    rows = [
        row | beside
        for row, beside in zip(read(table), read(table.with_name("robustness.csv")), strict=True)
    ]
    distance = json.loads(table.with_name("analysis.json").read_text())["distance"]
    print("\nDegradation (English minus language) against distance from English\n")
    print(summary(rows, distance))
    print("\nwithin: compared within language families; interval and p are for that column")
    meta = json.loads(arguments.scores.with_suffix(".meta.json").read_text())
    if meta["stand_in"]:
        print("\nThe encoder is a randomly initialised stand-in: these figures mean nothing.")
    try:
        for line in tracking.finish(params.read()["study"]):
            print(f"\nMLflow: {line}")
    except UserError as error:
        print(f"\n{error} The results are complete without it.")
    print(f"\nreport     {arguments.report}\nruns       make ui   (then http://127.0.0.1:5000)")


if __name__ == "__main__":
    run(main)
