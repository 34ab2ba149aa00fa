"""Report: scores, languages and statistics -> one HTML page and its figures.

In    scores.csv and scores.meta.json beside it, languages.csv, the folder of correlate
Out   <out>/report.html, one file that opens without a network; <out>/figures/*.png, *.svg and
      the data of each as *.csv

Alone: python -m stages.report --scores scores.csv --languages languages.csv \
           --statistics statistics --out report
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd

from stages.errors import UserError, replacing, run
from stages.reporting.drawing import Figure
from stages.reporting.heat_map import accuracy_maps
from stages.reporting.page import Section, drawn, render, table, text
from stages.reporting.scatter import readable, scatter

TITLE = (
    "Does linguistic distance from English explain how much zero-shot accuracy falls, and does "
    "intermediate training change that?"
)
STAND_IN = (
    "The encoder of this study is a randomly initialised stand-in: it has read no text. Every "
    "number below shows that the pipeline runs and says nothing about any language."
)


def report(
    scores: pd.DataFrame, languages: pd.DataFrame, statistics: Path, stand_in: bool
) -> tuple[str, list[Figure]]:
    """Return the page and its figures.

    scores : as scores.csv; languages : indexed by language
    """
    correlations = read(statistics / "partial_correlations.csv")
    outcomes = read(statistics / "outcomes.csv")
    scores = with_source(scores, outcomes)
    sources = list(dict.fromkeys(outcomes["source"]))
    figures = []
    distance = next(name for name in correlations["distance"])
    covariates = [c for c in str(correlations["covariates"].iloc[0]).split("+") if c != "-"]
    for target in dict.fromkeys(outcomes["target"]):
        drawing = scatter(outcomes, languages, target, sources, distance, covariates)
        figures += [drawing] if drawing else []
    figures += accuracy_maps(scores)
    shown = correlations[(correlations["outcome"] == "drop")].drop(columns=["outcome"])
    shown = shown.assign(distance=shown["distance"].map(readable), note=shown["note"].fillna(""))
    sections = [
        Section("", [text("Partial correlations between distance and drop.", "answer")]),
        Section("Drop against distance", [drawn(f) for f in figures if f.name[:4] == "drop"]),
        Section("Partial correlations", [table(shown)]),
        Section("Accuracy", [drawn(f) for f in figures if f.name[:8] == "accuracy"]),
    ]
    return render(TITLE, sections, STAND_IN if stand_in else ""), figures


def with_source(scores: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of the targets analysed, each with its source's name."""
    names = outcomes[["method", "intermediate", "source"]].drop_duplicates()
    scores = (
        scores.assign(method=scores["method"])
        if "method" in scores
        else scores.assign(method="plain")
    )
    return scores.merge(names, on=["method", "intermediate"])


def read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        raise UserError(f"{path} not found: run the correlate stage first.") from None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scores", type=Path, default=Path("scores.csv"))
    parser.add_argument("--languages", type=Path, default=Path("languages.csv"))
    parser.add_argument("--statistics", type=Path, default=Path("statistics"))
    parser.add_argument("--out", type=Path, default=Path("report"))
    arguments = parser.parse_args()
    meta = arguments.scores.with_suffix(".meta.json")
    stand_in = bool(json.loads(meta.read_text())["stand_in"]) if meta.is_file() else False
    page, figures = report(
        read(arguments.scores),
        read(arguments.languages).set_index("language"),
        arguments.statistics,
        stand_in,
    )
    for figure in figures:
        figure.write(arguments.out / "figures")
    with replacing(arguments.out / "report.html") as path:
        path.write_text(page)
    print(f"{arguments.out / 'report.html'}: open it in a browser")


if __name__ == "__main__":
    run(main)
