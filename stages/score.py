"""Score: predictions in every language -> scores.csv, by the official metric of each task.

In    <any cell>/cell.json and <any cell>/predictions/<target>/<language>.parquet below --cells;
      cell.json holds method, intermediate, target, seed, split, encoder and stand_in (true where
      the encoder is a randomly initialised stand-in); the parquet files hold id, label (gold
      name) and prediction (predicted name), one row an item, in the data's order.
      plan/study.json, if --plan names it: cells that the study no longer has are left out.
Out   scores.csv        method,intermediate,target,language,seed,split,metric,value,n; percent
      scores.meta.json  beside it: the encoders and whether any of them is a stand-in
      metrics.json      mean accuracy in English, in the other languages, and the gap

Run   python -m stages.score --cells cells --out scores.csv
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from stages.errors import UserError, run
from stages.scoring.accuracy import accuracy
from stages.writing import replacing

COLUMNS = [
    "method",
    "intermediate",
    "target",
    "language",
    "seed",
    "split",
    "metric",
    "value",
    "n",
]
KEYS = ("method", "intermediate", "target", "seed", "split")


def score(
    folder: Path,
    wanted: set[tuple[str, ...]] | None = None,
    languages: dict[str, list[str]] | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Score every cell under `folder`, or those of (intermediate, target, seed) in `wanted`.

    Returns the table of scores (one row a cell and language, values in percent) and what the
    scores are scores of: the encoders, and whether any is a randomly initialised stand-in.
    Raises UserError where a file is missing, empty or malformed.
    """
    if not folder.is_dir():
        raise UserError(
            f"no folder of cells at {folder}: run the target stage first, or name it with --cells."
        )
    # a name that begins with a dot is a folder that was never finished
    cells = sorted(p for p in folder.rglob("cell.json") if "/." not in f"/{p.relative_to(folder)}")
    if not cells:
        raise UserError(
            f"{folder} holds no cell.json: expected <cell>/cell.json beside "
            "<cell>/predictions/<target>/<language>.parquet."
        )
    rows: list[dict[str, Any]] = []
    encoders: dict[str, bool] = {}
    seen: dict[tuple[str, ...], Path] = {}
    for path in cells:
        cell = read_cell(path)
        if wanted is not None and identity(cell) not in wanted:
            print(f"  {path.parent} is not a cell of this study; left out")
            continue
        key = tuple(str(cell[name]) for name in KEYS)
        if key in seen:
            raise UserError(
                f"{path} and {seen[key]} are the same cell ({', '.join(key)}): keep one of them."
            )
        seen[key] = path
        encoder = str(cell["encoder"])
        encoders[encoder] = encoders.get(encoder, False) or bool(cell["stand_in"])
        rows += score_cell(path.parent, cell, (languages or {}).get(str(cell["target"]), ()))
    if wanted is not None and len(seen) < len(wanted):
        there = {(key[1], key[2], key[3]) for key in seen}
        lost = sorted(" -> ".join(name[:2]) + f" seed {name[2]}" for name in wanted - there)
        raise UserError(f"{folder} lacks cells of the study: {', '.join(lost)}. Run `dvc repro`.")
    table = pd.DataFrame(rows, columns=COLUMNS).sort_values(COLUMNS[:7], ignore_index=True)
    meta = {
        "encoders": dict(sorted(encoders.items())),
        "stand_in": any(encoders.values()),
        "cells": len(seen),
    }
    return table, meta


def identity(cell: dict[str, Any]) -> tuple[str, ...]:
    """(intermediate, target, seed) of a cell, as text."""
    return (str(cell["intermediate"]), str(cell["target"]), str(cell["seed"]))


def read_cell(path: Path) -> dict[str, Any]:
    """Return the keys of one cell; UserError where one is missing."""
    try:
        cell: dict[str, Any] = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise UserError(f"{path} is not JSON ({error}): run its cell again.") from None
    missing = [name for name in (*KEYS, "encoder", "stand_in") if name not in cell]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)}: it must name its cell in full.")
    return cell


def score_cell(
    folder: Path, cell: dict[str, Any], languages: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return one row a language for the cell in `folder`."""
    place = folder / "predictions" / str(cell["target"])
    files = sorted(place.glob("*.parquet"))
    if not files:
        raise UserError(
            f"{place} holds no <language>.parquet: the cell did not "
            "finish; run it again or remove the folder."
        )
    if lost := sorted(set(languages) - {path.stem for path in files}):
        raise UserError(
            f"{place} lacks {', '.join(f'{code}.parquet' for code in lost)}: the plan names "
            f"{len(languages)} languages. Run its cell again."
        )
    rows = []
    for path in files:
        items = read_items(path)
        rows.append(
            {
                **{name: cell[name] for name in KEYS},
                "language": path.stem,
                "metric": "accuracy",
                "value": accuracy(items["label"].tolist(), items["prediction"].tolist()),
                "n": len(items),
            }
        )
    return rows


def read_items(path: Path) -> pd.DataFrame:
    """Return the items of one language; UserError names the column or row that is wrong."""
    try:
        items = pd.read_parquet(path)
    except Exception as error:
        raise UserError(f"{path} is not a readable parquet file ({error}).") from None
    for column in ("id", "label", "prediction"):
        if column not in items:
            raise UserError(
                f"{path} has no column '{column}': found {', '.join(map(str, items.columns))}; "
                "expected id, label, prediction."
            )
        if items[column].isna().any():
            row = int(items[column].isna().to_numpy().argmax())
            raise UserError(f"{path}, row {row}: '{column}' is empty; every item needs one.")
    if not len(items):
        raise UserError(f"{path} holds no items.")
    if items["id"].duplicated().any():
        row = int(items["id"].duplicated().to_numpy().argmax())
        raise UserError(f"{path}, row {row}: id {items['id'].iloc[row]} occurs twice.")
    unknown = ~items["prediction"].isin(set(items["label"]))
    if items["prediction"].map(type).ne(items["label"].map(type)).any():
        raise UserError(f"{path}: label and prediction differ in type; both are label names.")
    if unknown.all():
        raise UserError(
            f"{path}: no prediction is among the gold labels {sorted(set(items['label']))}; "
            f"found {sorted(set(items['prediction']))[:5]}. Map labels by name."
        )
    return items


def summarise(scores: pd.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    """Return {intermediate: {target: {en, others, gap}}}, means over seeds, in percent."""
    summary: dict[str, dict[str, dict[str, float]]] = {}
    for (intermediate, target), cell in scores.groupby(["intermediate", "target"]):
        by_language = cell.groupby("language")["value"].mean()
        english = by_language.get("en", default=float("nan"))
        others = by_language.drop("en", errors="ignore").mean()
        values = {"en": english, "others": others, "gap": english - others}
        summary.setdefault(str(intermediate), {})[str(target)] = {
            name: round(float(value), 3) for name, value in values.items() if value == value
        }
    return summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cells", type=Path, default=Path("cells"))
    parser.add_argument("--plan", type=Path, help="plan/study.json: score the cells it names")
    parser.add_argument("--out", type=Path, default=Path("scores.csv"))
    parser.add_argument("--metrics", type=Path, help="metrics.json beside --out if left out")
    arguments = parser.parse_args()
    wanted = languages = None
    if arguments.plan:
        cells = json.loads(arguments.plan.read_text())["cells"]
        wanted = {identity(cell) for cell in cells}
        languages = {
            target: json.loads((arguments.plan.parent / f"{target}.json").read_text())["languages"]
            for target in {cell["target"] for cell in cells}
        }
    table, meta = score(arguments.cells, wanted, languages)
    with replacing(arguments.out) as path:
        table.to_csv(path, index=False, float_format="%.6f")
    with replacing(arguments.out.with_suffix(".meta.json")) as path:
        path.write_text(json.dumps(meta, indent=2) + "\n")
    with replacing(arguments.metrics or arguments.out.with_name("metrics.json")) as path:
        path.write_text(json.dumps(summarise(table), indent=2) + "\n")
    print(f"{arguments.out}: {len(table)} scores of {meta['cells']} cells")


if __name__ == "__main__":
    run(main)
