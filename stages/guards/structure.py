"""Structure: columns, types, row counts, ids, labels by name, no empty sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stages.guards.rule import PLACEHOLDER, Check, Rule
from stages.tasks import Task

TEXTS: Mapping[str, tuple[str, ...]] = {"pair": ("sentence1", "sentence2")}
# Zero-width characters alone are as empty as blanks.
VISIBLE = r"[^\s\u200b-\u200f\u2060\ufeff]"

_AGAIN = "Take the snapshot again."
_SOURCE = "Mend the row at its source, then take the snapshot again."
COLUMNS = Rule("columns", "stop", "the task's columns in their order", _AGAIN)
TYPES = Rule("types", "stop", "strings in every column", _AGAIN)
ROWS = Rule(
    "row_count",
    "stop",
    "the rows of the pinned revision",
    "The file is cut off, grown or a stand-in: take the snapshot again, or set "
    "snapshot.accept_stand_ins: true for a study on stand-ins.",
)
STAND_IN = Rule(
    "stand_in",
    "note",
    "the rows of the pinned revision",
    "Accepted by snapshot.accept_stand_ins; scores are not comparable with published ones.",
)
NULLS = Rule("no_nulls", "stop", "a value in every cell", _SOURCE)
EMPTY = Rule("no_empty_sides", "stop", "two sentences that are not blank", _SOURCE)
IDS = Rule(
    "unique_ids", "stop", "ids that occur once", "Rows were repeated: take the snapshot again."
)
LABELS = Rule(
    "label_set",
    "stop",
    "labels of the task, by name",
    "Map the label by name at the source, never by index, then take the snapshot again.",
)
ALL_LABELS = Rule(
    "every_label",
    "stop",
    "every label of the task at least once",
    "A constant label column is a failed join or a wrong column: take the snapshot again.",
)
PLACEHOLDERS = Rule(
    "placeholders",
    "warn",
    "sentences, not placeholders of a translation system",
    "Kept for comparability with published scores; report the score without these rows too.",
    stop_above=0.05,  # published PAWS-X has up to 2% a side (Japanese)
)
SHAPE = (COLUMNS, TYPES)
RULES = (
    *SHAPE, ROWS, STAND_IN, NULLS, EMPTY, IDS, LABELS, ALL_LABELS, PLACEHOLDERS,
)  # fmt: skip


def columns_of(task: Task) -> tuple[str, ...]:
    """The columns of data/<task>, in order."""
    return ("id", *TEXTS[task.head], "label")


def shape(task: Task) -> list[Check]:
    """The checks on a file as a whole; without the rules SHAPE no other makes sense."""
    columns = columns_of(task)
    ordered = Check(
        COLUMNS,
        "ExpectTableColumnsToMatchOrderedList",
        {"column_list": list(columns)},
        holds=f"the columns {', '.join(columns)}",
    )
    typed = [
        Check(TYPES, "ExpectColumnValuesToBeOfType", {"column": column, "type_": "str"},
              holds=f"strings in column {column}")
        for column in columns
    ]  # fmt: skip
    named = Check(
        ALL_LABELS,
        "ExpectColumnDistinctValuesToContainSet",
        {"column": "label", "value_set": list(task.labels)},
        holds=f"each of the labels {', '.join(task.labels)} at least once",
    )
    return [ordered, *typed, named]


def rows(task: Task, split: str, entry: Mapping[str, Any], accept_stand_ins: bool) -> list[Check]:
    """The row count, against the pinned revision or, for an accepted stand-in, the snapshot."""
    expected = entry.get("expected", task.rows[split])
    found = entry.get("rows", expected)
    if accept_stand_ins and found != expected:
        return [
            _count(ROWS, found, f"the {found} rows that the snapshot recorded"),
            _count(STAND_IN, expected, f"{expected} rows"),
        ]
    return [_count(ROWS, expected, f"{expected} rows")]


def _count(rule: Rule, number: int, holds: str) -> Check:
    return Check(rule, "ExpectTableRowCountToEqual", {"value": number}, holds)


def content(task: Task) -> list[Check]:
    """The checks on the cells of all files, marked by a column `file`."""
    texts = TEXTS[task.head]
    checks = [
        Check(NULLS, "ExpectColumnValuesToNotBeNull", {"column": column},
              holds=f"a value in every cell of {column}")
        for column in columns_of(task)
    ]  # fmt: skip
    unique = {"column_list": ["file", "id"]}
    checks.append(Check(IDS, "ExpectCompoundColumnsToBeUnique", unique, show=("id",)))
    checks.append(
        Check(
            LABELS,
            "ExpectColumnValuesToBeInSet",
            {"column": "label", "value_set": list(task.labels)},
            holds=f"one of the labels {', '.join(task.labels)}",
        )
    )
    for column in texts:
        matches = {"column": column, "regex": VISIBLE}
        checks.append(
            Check(EMPTY, "ExpectColumnValuesToMatchRegex", matches,
                  holds=f"a {column} that is not blank")
        )  # fmt: skip
        unlike = {"column": column, "regex": PLACEHOLDER}
        checks.append(Check(PLACEHOLDERS, "ExpectColumnValuesToNotMatchRegex", unlike))
    return checks
