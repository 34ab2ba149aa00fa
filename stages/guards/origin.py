"""What data/<task>/snapshot.json says about where the files come from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from stages.guards.rule import Example, Outcome, Rule, severity_of, short
from stages.tasks import Task

RECORD = "snapshot.json"

RECORDED = Rule(
    "snapshot_record",
    "warn",
    "a readable snapshot.json beside the files",
    "Without it rows are counted against the task table only: take the snapshot again.",
    by_row=False,
)
PINNED = Rule(
    "pinned_revision",
    "stop",
    "the revision that the task table pins",
    "The table moved on or the data is older: take the snapshot again.",
    by_row=False,
)
SOURCE = Rule(
    "pinned_source",
    "note",
    "the repository that the task table names",
    "Right for a study on its own data (the sample); scores are not comparable with published.",
    by_row=False,
)
UNLABELLED = Rule(
    "unlabelled_rows",
    "note",
    "a label in every row of the source",
    "The snapshot dropped the rows on which the annotators did not agree.",
    by_row=False,
)
MOVED = Rule(
    "moved_answers",
    "note",
    "answers at the offset that the source says",
    "The snapshot corrected them: the source lost blanks after its offsets were counted.",
    by_row=False,
)
OTHERS = Rule(
    "other_languages",
    "warn",
    "a training file of one language",
    "The snapshot left the other languages out: training on them would not be zero-shot.",
    by_row=False,
)
RULES = (RECORDED, PINNED, SOURCE, UNLABELLED, MOVED, OTHERS)


def read_record(folder: Path) -> tuple[dict[str, Any], str | None]:
    """Return the record ({} if there is none) and what is wrong with it, if anything."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, "no such file"
    except (OSError, ValueError, RecursionError) as error:
        return {}, short(str(error))
    files = record.get("files") if isinstance(record, dict) else None
    if not isinstance(files, dict) or not all(
        isinstance(entry, dict)
        and isinstance(entry.get("rows"), int)
        and isinstance(entry.get("expected"), int | None)
        and "expected" in entry
        for entry in files.values()
    ):
        return {}, "no table `files` with `rows` and `expected` for each"
    return record, None


def origin(
    task: Task, record: dict[str, Any], problem: str | None, severities: dict[str, str]
) -> list[Outcome]:
    """Judge the record of a snapshot against the task table."""
    outcomes = [_outcome(RECORDED, problem is None, problem or "", severities)]
    if problem is not None:
        return outcomes
    brought = f"snapshot.sources.{task.brought}"
    if task.sources and record.get("repository") != brought:
        pinned = {source.repository: source.revision for source in task.sources}
        listed = record.get("sources")
        found = {
            str(source.get("repository")): str(source.get("revision"))
            for source in (listed if isinstance(listed, list) and listed else [record])
            if isinstance(source, dict)
        }
        same = set(found) == set(pinned)
        outcomes.append(_outcome(SOURCE, same, ", ".join(found), severities, ", ".join(pinned)))
        for repository in sorted(set(found) & set(pinned)) if same else ():
            here, there = found[repository], pinned[repository]
            outcomes.append(_outcome(PINNED, here == there, here, severities, there))
    outcomes += _remarks(record["files"], severities)
    return outcomes


def _remarks(files: dict[str, Any], severities: dict[str, str]) -> list[Outcome]:
    """What the snapshot did to the rows of a file."""
    outcomes = []
    for rule, key in ((UNLABELLED, "dropped"), (MOVED, "moved")):
        for name, entry in files.items():
            if isinstance(count := entry.get(key), int) and count:
                example = Example(None, None, f"{count} rows")
                severity = severity_of(rule, severities)
                outcomes.append(Outcome(name, rule, severity, "", count, (example,)))
    for name, entry in files.items():
        others = entry.get("others")
        if name.endswith("/train.parquet") and isinstance(others, dict) and others:
            counts = [count for count in others.values() if isinstance(count, int)]
            found = ", ".join(f"{code} {count}" for code, count in others.items())
            example = Example(None, None, short(f"rows of other languages: {found}"))
            severity = severity_of(OTHERS, severities)
            outcomes.append(Outcome(name, OTHERS, severity, "", sum(counts), (example,)))
    return outcomes


def _outcome(
    rule: Rule, holds: bool, found: str, severities: dict[str, str], expected: str = ""
) -> Outcome:
    if holds:
        return Outcome(RECORD, rule)
    example = Example(None, None, short(found))
    return Outcome(RECORD, rule, severity_of(rule, severities), expected, 1, (example,))
