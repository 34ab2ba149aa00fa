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
RULES = (RECORDED, PINNED, SOURCE)


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
        and all(isinstance(entry.get(key), int) for key in ("rows", "expected"))
        for entry in files.values()
    ):
        return {}, "no table `files` with `rows` and `expected` for each"
    return record, None


def origin(
    task: Task, record: dict[str, Any], problem: str | None, severities: dict[str, str]
) -> list[Outcome]:
    """Judge the record of a snapshot against the task table."""
    outcomes = [_outcome(RECORDED, problem is None, problem or "", severities)]
    if problem is None and task.sources:
        pinned = task.source
        repository, revision = record.get("repository"), record.get("revision")
        same = repository == pinned.repository
        outcomes.append(_outcome(SOURCE, same, str(repository), severities, pinned.repository))
        if same:
            outcomes.append(
                _outcome(
                    PINNED, revision == pinned.revision, str(revision), severities, pinned.revision
                )
            )
    return outcomes


def _outcome(
    rule: Rule, holds: bool, found: str, severities: dict[str, str], expected: str = ""
) -> Outcome:
    if holds:
        return Outcome(RECORD, rule)
    example = Example(None, None, short(found))
    return Outcome(RECORD, rule, severity_of(rule, severities), expected, 1, (example,))
