"""Submit: prediction folders -> the folder that XTREME's evaluator reads.

In    <any cell>/cell.json and <any cell>/predictions/<target>/<language>.parquet below --cells
      (or <any cell>/<target>/<language>.parquet), columns id and prediction (others are not
      read), one row an item, in the data's order:
        xnli, pawsx        prediction is the label name
        udpos, panx        prediction is the list of tags of the sentence
        xquad, mlqa, tydiqa  prediction is the answer; empty (null) for a question left out
        tatoeba            one row an English sentence; prediction is the row, from 0, of the
                           sentence retrieved. XTREME sorts its English side: with a column
                           `sentence` (English) rows are sorted by it, otherwise left in order
        bucc2018           one row a pair; id is `<source id>TAB<target id>`, prediction is true
                           or 1 where the pair was mined, false or 0 for a gold pair not found
Out   submission/<target>/test-<language>.tsv (.json for question answering), for the nine
      targets and every language of the evaluator; all of it or nothing

Alone: python -m stages.submit --intermediate mnli --seed 1 --out submission
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.errors import UserError, run
from stages.submission.formats import WRITERS, Row, suffix
from stages.tasks import find
from stages.writing import replacing_folder

# What the evaluator asks for: XTREME_TASK2LANGS of google-research/xtreme at 838c13b.
LANGUAGES: dict[str, tuple[str, ...]] = {
    target: tuple(languages.split())
    for target, languages in {
        "xnli": "ar bg de el en es fr hi ru sw th tr ur vi zh",
        "pawsx": "de en es fr ja ko zh",
        "udpos": "af ar bg de el en es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te "
        "th tl tr ur vi yo zh",
        "panx": "af ar bg bn de el en es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr ms my "
        "nl pt ru sw ta te th tl tr ur vi yo zh",
        "xquad": "ar de el en es hi ru th tr vi zh",
        "mlqa": "ar de en es hi vi zh",
        "tydiqa": "ar bn en fi id ko ru sw te",
        "bucc2018": "de fr ru zh",
        "tatoeba": "af ar bg bn de el es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr nl pt "
        "ru sw ta te th tl tr ur vi zh",
    }.items()
}
KEYS = ("method", "intermediate", "seed")
# Sets whose test part has another name on the hub: they have no other part that is scored.
OTHER_SPLIT = ("xquad", "tydiqa", "tatoeba")


def submit(cells_folder: Path, out: Path, wanted: Mapping[str, str], partial: bool) -> list[str]:
    """Write the submission of one study to `out`; return what a reader should be told.

    wanted : values that cell.json must have, among method, intermediate and seed.
    partial : write what there is instead of refusing an incomplete submission.
    Raises UserError where cells are missing (all are named), where more than one study fits, or
    where a file is malformed. `out` is then as it was.
    """
    if not cells_folder.is_dir():
        raise UserError(
            f"no folder of cells at {cells_folder}: run the target stage first, or pass --cells "
            "with the folder that holds them."
        )
    cells = find_cells(cells_folder, wanted)
    missing, notes = [], []
    for target, languages in LANGUAGES.items():
        if target not in cells:
            missing.append(f"{target}: no cell")
            continue
        place, split = cells[target]
        absent = [name for name in languages if not (place / f"{name}.parquet").is_file()]
        if absent:
            missing.append(f"{target}: no {', '.join(absent)} in {place}")
        if split != "test" and target not in OTHER_SPLIT:
            notes.append(f"{target}: predictions of the {split} split; XTREME scores test.")
    if missing and not partial:
        raise UserError(
            "the submission is incomplete: run these cells, or pass --partial to write what "
            "there is.\n  " + "\n  ".join(missing)
        )
    _check_replaceable(out)
    unsorted: list[str] = []
    short: dict[str, list[str]] = {}
    with replacing_folder(out) as folder:
        for target, (place, split) in cells.items():
            task = find(target)
            for language in LANGUAGES[target]:
                path = place / f"{language}.parquet"
                if path.is_file():
                    rows = read_rows(path)
                    write(target, language, rows, path, folder)
                    # of BUCC, pairs are predicted and sentences counted
                    whole = None if task.head == "mining" else task.expected(language, split)
                    if whole and len(rows) < whole:
                        said = f"{len(rows):,} of {whole:,} rows in {language}"
                        short.setdefault(target, []).append(said)
                    if target == "tatoeba" and "sentence" not in rows[0]:
                        unsorted.append(language)
    if unsorted:
        names = ", ".join(unsorted)
        notes.append(f"tatoeba: no column 'sentence' to sort by in {names}: rows left in order.")
    for target, parts in short.items():
        more = f", too few in {len(parts) - 1} more" if len(parts) > 1 else ""
        notes.append(f"{target}: {parts[0]}{more}; XTREME scores all.")
    return [*(f"left out: {name}" for name in missing), *notes]


def find_cells(cells_folder: Path, wanted: Mapping[str, str]) -> dict[str, tuple[Path, str]]:
    """Return {target: (folder of its languages, split)} of the one study that fits `wanted`.

    Raises UserError where none or several fit, or a target has two cells.
    """
    cells: dict[str, tuple[Path, str]] = {}
    studies: set[tuple[str, ...]] = set()
    seen: set[tuple[str, ...]] = set()
    untrained: dict[tuple[str, ...], dict[str, tuple[Path, str]]] = {}
    for path in sorted(cells_folder.rglob("cell.json")):
        cell = _read_cell(path)
        study = tuple(str(cell[key]) for key in KEYS)
        if cell["target"] == "retrieval":  # no target training, so its seed is no study's
            found = {
                target: (place, _split(cell, target))
                for target, place in places(path.parent, cell).items()
            }
            untrained.setdefault(study[:2], {}).update(found)
            continue
        seen.add(study)
        if any(str(cell[key]) != wanted[key] for key in wanted):
            continue
        for target, place in places(path.parent, cell).items():
            if target in cells and study in studies:
                raise UserError(
                    f"{path.parent} and {cells[target][0]} are both cells of {target} for "
                    f"{_name(study)}: keep one of them."
                )
            studies.add(study)
            cells[target] = (place, _split(cell, target))
    if len(studies) == 1:
        return cells | untrained.get(next(iter(studies))[:2], {})
    choice = "; ".join(map(_name, sorted(studies or seen))) or "no cell at all"
    raise UserError(
        f"{cells_folder} holds {len(studies) or 'no'} studies that fit; a submission is of one. "
        f"Name it with --method, --intermediate and --seed. Found: {choice}."
    )


def places(folder: Path, cell: dict[str, Any]) -> dict[str, Path]:
    """Return {target: folder of its languages} of what the cell in `folder` predicts.

    A cell trained on SQuAD predicts XQuAD and MLQA.
    """
    named = folder / str(cell["target"])
    below = [*(folder / "predictions").glob("*"), *([named] if named.is_dir() else [])]
    return {place.name: place for place in sorted(below) if place.name in LANGUAGES}


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of one language; UserError where a column or an id is wrong."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(path).names
        columns = [name for name in ("id", "prediction", "sentence") if name in names]
        rows: list[dict[str, Any]] = pq.read_table(path, columns=columns).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path} is not a readable parquet file ({error}).") from None
    for column in ("id", "prediction"):
        if column not in names:
            raise UserError(f"{path} has no column '{column}'; found {', '.join(names)}.")
    if not rows:
        raise UserError(f"{path} holds no items.")
    first: dict[Any, int] = {}
    for number, row in enumerate(rows):
        if first.setdefault(row["id"], number) != number:
            raise UserError(
                f"{path}, row {number}: id {row['id']!r} is that of row {first[row['id']]} too."
            )
    return rows


def write(target: str, language: str, rows: Sequence[Row], path: Path, folder: Path) -> None:
    """Write the rows read from `path` as the evaluator reads them, into a folder of `target`."""
    try:
        text = WRITERS[target](target, rows)
    except ValueError as error:
        raise UserError(f"{path}, {error}") from None
    (folder / target).mkdir(exist_ok=True)
    (folder / target / f"test-{language}.{suffix(target)}").write_text(text, encoding="utf-8")


def _name(study: Sequence[str]) -> str:
    return " ".join(f"{key}={value}" for key, value in zip(KEYS, study, strict=True))


def _split(cell: Mapping[str, Any], target: str) -> str:
    return str(cell.get("splits", {}).get(target, cell.get("split")))


def _read_cell(path: Path) -> dict[str, Any]:
    try:
        cell: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}): run its cell again.") from None
    absent = [key for key in (*KEYS, "target") if key not in cell]
    if "split" not in cell and not isinstance(cell.get("splits"), dict):
        absent.append("split")
    if absent:
        raise UserError(f"{path} lacks {', '.join(absent)}: it must name its cell in full.")
    return cell


def _check_replaceable(out: Path) -> None:
    """Refuse to replace a folder that holds anything but a submission."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is not a folder: choose another --out.")
    others = [entry.name for entry in sorted(out.glob("*")) if entry.name not in LANGUAGES]
    if others:
        found = ", ".join(others[:5])
        raise UserError(f"{out} holds {found}, no part of a submission: choose another --out.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=Path, default=Path("cells"))
    parser.add_argument("--out", type=Path, default=Path("submission"))
    parser.add_argument("--intermediate", help="the intermediate task; none is the baseline")
    parser.add_argument("--method")
    parser.add_argument("--seed")
    parser.add_argument(
        "--partial",
        action="store_true",
        help="write what there is and name the rest; the evaluator skips a target that is absent "
        "and stops at one that lacks a language",
    )
    arguments = parser.parse_args()
    wanted = {key: value for key in KEYS if (value := getattr(arguments, key)) is not None}
    for note in submit(arguments.cells, arguments.out, wanted, arguments.partial):
        print(note, file=sys.stderr)
    print(f"{arguments.out}: written")


if __name__ == "__main__":
    run(main)
