"""Score: predictions in every language -> scores.csv, by the official metrics of each target.

In    <any cell>/cell.json and <any cell>/predictions/<target>/<language>.parquet below --cells;
      cell.json holds method, intermediate, target (what was trained: `squad` for XQuAD and MLQA),
      seed, split (or splits, one a target), encoder and stand_in (true where the encoder is a
      randomly initialised stand-in); stages/scoring/items.py says what the parquet files hold.
      plan/study.json, if --plan names it: cells that the study no longer has are left out.
Out   scores.csv        method,intermediate,target,language,seed,split,metric,value,n; percent
      scores.meta.json  beside it: the encoders and whether any of them is a stand-in, what each
                        intermediate encoder was trained on, the targets whose own training data
                        that holds, English development scores by cell
      metrics.json      mean of the main metric in English, in the other languages, and the gap

Run   python -m stages.score --cells cells --out scores.csv
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from stages.errors import UserError, run
from stages.scoring.items import count, measure, read_items
from stages.statistics.outcomes import source_name
from stages.tasks import missing
from stages.tasks.table import repeats
from stages.tasks.translations import TRAIN
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
KEYS = ("method", "intermediate", "seed")
Wanted = Mapping[tuple[str, ...], Sequence[str]]


def score(
    folder: Path,
    wanted: Wanted | None = None,
    languages: Mapping[str, Sequence[str]] | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Score every cell under `folder`, or those in `wanted`.

    wanted : the targets that each (intermediate, trained target, seed) of the study must have.
    languages : those that each target must have, by target.
    Returns the table of scores (one row a cell, target, language and metric, values in percent)
    and what the scores are scores of: the encoders, and whether any is a randomly initialised
    stand-in. Raises UserError where a file is missing, empty or malformed.
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
    made: dict[str, dict[str, Any]] = {}
    repeated: dict[str, set[str]] = {}
    development: list[dict[str, Any]] = []
    scored: dict[tuple[str, ...], Path] = {}
    there: set[tuple[str, ...]] = set()
    for path in cells:
        cell = read_cell(path)
        if wanted is not None and identity(cell) not in wanted:
            print(f"  {path.parent} is not a cell of this study; left out")
            continue
        there.add(identity(cell))
        for target in targets_of(path.parent, cell, (wanted or {}).get(identity(cell), ())):
            key = (*(str(cell[name]) for name in KEYS), target, split_of(cell, target))
            if key in scored:
                raise UserError(
                    f"{path} and {scored[key]} are the same cell ({', '.join(key)}): keep one of "
                    "them."
                )
            scored[key] = path
            place = path.parent / "predictions" / target
            rows += score_target(place, cell, target, (languages or {}).get(target, ()))
            if repeats(cell.get("tasks", [cell["intermediate"]]), target):
                source = source_name(str(cell["method"]), str(cell["intermediate"]))
                repeated.setdefault(source, set()).add(target)
        if TRAIN not in str(cell["method"]).split("+"):  # of the target, not of the encoder
            made[str(cell["intermediate"])] = {
                "method": cell["method"],
                "tasks": cell.get("tasks", [cell["intermediate"]]),
            }
        if cell.get("development") is not None:
            names = ("method", "intermediate", "target", "seed", "development")
            development.append({name: cell[name] for name in names})
        encoder = str(cell["encoder"])
        encoders[encoder] = encoders.get(encoder, False) or bool(cell["stand_in"])
    lost = []
    for name in sorted(set(wanted or ()) - there):
        place = folder / f"{name[0]}-{name[1]}"
        if reason := missing.why(place):
            print(f"  {place}: left out. {reason}")
        else:
            lost.append(f"{name[0]} -> {name[1]} seed {name[2]}")
    if lost:
        raise UserError(f"{folder} lacks cells of the study: {', '.join(lost)}. Run `dvc repro`.")
    # stable: the main metric of a target stays before its others
    table = pd.DataFrame(rows, columns=COLUMNS).sort_values(
        COLUMNS[:6], kind="stable", ignore_index=True
    )
    meta = {
        "encoders": dict(sorted(encoders.items())),
        "stand_in": any(encoders.values()),
        "cells": len(set(scored.values())),
        "intermediate": dict(sorted(made.items())),
        "same_data": {source: sorted(targets) for source, targets in sorted(repeated.items())},
        "development": development,
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
    names = ("method", "intermediate", "target", "seed", "encoder", "stand_in")
    absent = [name for name in names if name not in cell]
    if "split" not in cell and not isinstance(cell.get("splits"), dict):
        absent.append("split")
    if absent:
        raise UserError(f"{path} lacks {', '.join(absent)}: it must name its cell in full.")
    return cell


def targets_of(folder: Path, cell: dict[str, Any], wanted: Sequence[str]) -> list[str]:
    """Return what the cell in `folder` predicts: XQuAD and MLQA for one trained on SQuAD."""
    found = sorted(path.name for path in (folder / "predictions").glob("*") if path.is_dir())
    left_out = cell.get("left_out", {})  # data sets that the user has not brought
    lost = sorted(set(wanted) - set(found) - set(left_out))
    if lost or not found:
        raise UserError(
            f"{folder / 'predictions'} lacks {', '.join(lost) or cell['target']}/"
            "<language>.parquet: the cell did not finish; run it again or remove the folder."
        )
    return [name for name in found if name in wanted] if wanted else found


def split_of(cell: dict[str, Any], target: str) -> str:
    """Return the split that the predictions of a target are of."""
    return str(cell.get("splits", {}).get(target, cell.get("split")))


def score_target(
    place: Path, cell: dict[str, Any], target: str, languages: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return the rows of scores.csv for the predictions of one target in `place`."""
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
        items = read_items(path, target)
        try:
            measures = measure(target, path.stem, items)
        except ValueError as error:
            raise UserError(f"{path}: {error}.") from None
        rows += [
            {
                **{name: cell[name] for name in KEYS},
                "target": target,
                "split": split_of(cell, target),
                "language": path.stem,
                "metric": metric,
                "value": value,
                "n": count(target, items),
            }
            for metric, value in measures
        ]
    return rows


def summarise(scores: pd.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    """Return {source: {target: {en, others, gap}}} of the main metric, means over seeds.

    source : the intermediate task; with its method before it where that is not plain.
    """
    summary: dict[str, dict[str, dict[str, float]]] = {}
    main = scores.groupby("target")["metric"].transform("first")
    scores = scores[scores["metric"] == main]
    pairs = zip(scores["method"], scores["intermediate"], strict=True)
    scores = scores.assign(source=[source_name(str(m), str(i)) for m, i in pairs])
    for (source, target), cell in scores.groupby(["source", "target"]):
        by_language = cell.groupby("language")["value"].mean()
        english = by_language.get("en", default=float("nan"))
        others = by_language.drop("en", errors="ignore").mean()
        values = {"en": english, "others": others, "gap": english - others}
        summary.setdefault(str(source), {})[str(target)] = {
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
        wanted = {identity(cell): cell.get("evaluates", [cell["target"]]) for cell in cells}
        languages = {
            target: json.loads((arguments.plan.parent / f"{target}.json").read_text())["languages"]
            for target in {name for targets in wanted.values() for name in targets}
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
