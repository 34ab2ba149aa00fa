"""Leakage: test and development items of the study that stand in one of its training sets.

In   data/<task>/ of every task of params.yaml; `validate.severity` of params.yaml.
Out  leakage/<task>.parquet, the rows of a task that severity `repair` leaves out: a task depends on
     its own file alone, and encode honours it; leakage/pairs.parquet, every leaked row and the row
     that it stands in; leakage/verdict.json and leakage/index.html, the counts. Severity `stop`
     ends with exit status 1.
Run  python -m stages.leakage [--data data] [--out leakage]

Items of one shape are compared: pairs with pairs, paragraphs with paragraphs, sentences with
sentences. Tests in all languages are compared with the (English) training sets, and where rows of
equal id are one item, an English item that leaks does so in every language.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from stages import params
from stages.errors import UserError, run
from stages.guards import read, repair
from stages.guards.leakage_page import page
from stages.guards.overlap import SIDES, Overlap, Part, overlaps
from stages.guards.rule import severity_of
from stages.guards.rules import severities_of
from stages.tasks import Task, schema
from stages.writing import replacing_folder

LINES = 40
PAIRS = {
    "rule": "string", "known": "string", "known_file": "string", "known_row": "int64",
    "known_id": "string", "task": "string", "file": "string", "row": "int64", "id": "string",
    "similarity": "double", "through": "string",
}  # fmt: skip


def leakage(parts: Iterable[Part]) -> list[Overlap]:
    """What the training and development files have in common with the tests of their shape."""
    parts = list(parts)
    found = []
    for known in parts:
        if known.role in ("train", "dev"):
            asked = [part for part in parts if part.head == known.head and part is not known]
            found += overlaps(known, asked)
    return found


def parts_of(task: Task, folder: Path, trained: bool) -> Iterable[Part]:
    """The files of a task that can be compared; a broken one is for `validate` to judge.

    trained : whether the study trains on the task.
    """
    if task.head not in SIDES:
        return
    wanted = list(schema.DATA[task.head].items())
    for language, split in task.files():
        role = "test" if split == task.evaluated else "dev" if split == "validation" else split
        if role != "test" and not trained:
            continue
        try:
            table = read.read(folder / language / f"{split}.parquet")
        except read.Unreadable as error:
            print(f"{folder}/{language}/{split}.parquet: not compared ({error})")
            continue
        if table.types() != wanted:
            print(f"{folder}/{language}/{split}.parquet: not compared (other columns)")
            continue
        rows = table.frame()
        # a row number is no name of an item, except where the rows are parallel
        named = task.parallel or not rows["id"].str.isdigit().all()
        yield Part(task.name, task.head, f"{language}/{split}.parquet", rows, role, by_id=named)


def severity(overlap: Overlap, settings: dict[str, Any]) -> str:
    """By the rule and the share of exact copies; the section of the training task may set it."""
    return severity_of(overlap.rule, severities_of(settings, overlap.known.task), overlap.exact)


def as_finding(overlap: Overlap, level: str) -> dict[str, Any]:
    """The entry of verdict.json."""
    first = overlap.leaked[0]
    return {
        "rule": overlap.rule.name,
        "severity": level,
        "known": overlap.known.task,
        "known_file": overlap.known.file,
        "known_rows": len(overlap.known_rows),
        "task": overlap.asked.task,
        "file": overlap.asked.file,
        "rows": len(overlap.leaked),
        "of": len(overlap.asked.rows),
        "items": overlap.texts,
        "exact": round(overlap.exact * len(overlap.asked.rows)),
        "through_id": sum(found.through == "id" for found in overlap.leaked),
        "example": vars(first),
        "what_to_do": overlap.rule.remedy,
    }


def lines(findings: Sequence[dict[str, Any]]) -> list[str]:
    """One line a rule and pair of tasks, for the terminal; English where it leaks."""
    groups: dict[tuple[str, str, str, str], list[dict[str, Any]]] = {}
    for found in findings:
        key = (found["rule"], found["known"], found["known_file"], found["task"])
        groups.setdefault(key, []).append(found)
    result = []
    for (rule, known, file, task), group in groups.items():
        worst = max(group, key=lambda found: (found["file"].startswith("en/"), found["rows"]))
        first = worst["example"]
        others = f", and {len(group) - 1} other languages" if len(group) > 1 else ""
        result.append(
            f"data/{task}/{worst['file']}, row {first['row']} (id {first['id']}): {rule} "
            f"[{worst['severity']}] ({worst['rows']} of {worst['of']} rows, {worst['items']} items"
            f"{others}): similarity {first['similarity']:.2f} with data/{known}/{file}, row "
            f"{first['known_row']} (id {first['known_id']}). {worst['what_to_do']}"
        )
    return result


def write(
    out: Path, tasks: Sequence[str], found: Sequence[Overlap], levels: Sequence[str]
) -> list[dict[str, Any]]:
    """Write the folder; return the findings of verdict.json."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    findings = [as_finding(one, level) for one, level in zip(found, levels, strict=True)]
    dropped: dict[str, dict[tuple[str, int], repair.Row]] = {name: {} for name in tasks}
    for one, level in zip(found, levels, strict=True):
        if level == "repair":
            ids = one.known.rows["id"].tolist()
            for row in one.known_rows:
                entry = (one.known.file, row, ids[row - 1], one.rule.name)
                dropped[one.known.task].setdefault((one.known.file, row), entry)
    rows = [
        (one.rule.name, one.known.task, one.known.file, leaked.known_row, leaked.known_id,
         one.asked.task, one.asked.file, leaked.row, leaked.id, leaked.similarity, leaked.through)
        for one in found
        for leaked in one.leaked
    ]  # fmt: skip
    columns: list[Any] = list(zip(*rows, strict=True)) or [[] for _ in PAIRS]
    table = pa.table(
        [
            pa.array(cells, pa.type_for_alias(kind))
            for cells, kind in zip(columns, PAIRS.values(), strict=True)
        ],
        names=list(PAIRS),
    )
    counts = {name: len(entries) for name, entries in dropped.items() if entries}
    with replacing_folder(out) as folder:
        for name, entries in dropped.items():
            repair.write([entries[key] for key in sorted(entries)], folder / f"{name}.parquet")
        pq.write_table(table, folder / "pairs.parquet", compression="zstd")
        content = {"accepted": "stop" not in levels, "dropped": counts, "findings": findings}
        text = json.dumps(content, ensure_ascii=False, indent=1)
        (folder / "verdict.json").write_text(text + "\n", encoding="utf-8")
        (folder / "index.html").write_text(page(findings, counts), encoding="utf-8")
    return findings


def trained_on(settings: dict[str, Any]) -> set[str]:
    """The tasks whose training sets some cell or encoder of the study reads."""
    intermediate = settings["intermediate"]
    variants = (intermediate.get("variants") or {}).values()
    found = {*intermediate["tasks"], *settings["target"]["tasks"]}
    return found.union(*(variant["tasks"] for variant in variants))


def main() -> None:
    """Read params.yaml, compare, write, say what leaks, stop or go on."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--out", type=Path, default=Path("leakage"))
    arguments = parser.parse_args()
    settings = params.read()
    names = settings["data"]["tasks"]
    trained = trained_on(settings)
    parts: list[Part] = []
    for name in names:
        task = params.task(settings, name)
        folder = arguments.data / name
        if not folder.is_dir():
            raise UserError(f"{folder} not found: pull the data (dvc pull) or take a snapshot.")
        parts += parts_of(task, folder, name in trained)
    found = leakage(parts)
    levels = [severity(one, settings) for one in found]
    findings = write(arguments.out, names, found, levels)
    report = arguments.out / "index.html"
    shown = lines([one for one in findings if one["severity"] in ("repair", "warn")])
    for line in shown[:LINES]:
        print(line)
    stops = lines([one for one in findings if one["severity"] == "stop"])
    if stops:
        head = "a training set holds what the study is tested on, nothing is trained:"
        raise UserError("\n  ".join([head, *stops[:LINES]]) + f"\nreport: {report}")
    total = sum(one.known.role == "train" for one in found)
    print(f"{len(names)} tasks compared, {total} overlaps with training sets; report: {report}")


if __name__ == "__main__":
    run(main)
