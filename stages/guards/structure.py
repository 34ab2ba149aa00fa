"""Structure: columns, types, row counts, ids, labels by name, no empty sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stages.guards.read import Table
from stages.guards.rule import PLACEHOLDER, Check, Rule
from stages.guards.texts import TEXTS
from stages.tasks import Task
from stages.tasks.schema import DATA

if TYPE_CHECKING:
    import pandas as pd

# Zero-width characters alone are as empty as blanks.
VISIBLE = r"[^\s\u200b-\u200f\u2060\ufeff]"
LABELLED = ("pair", "choice")  # heads with a label a row, by name
EITHER = {"choice": ("context", "question")}  # one of these may be empty

_AGAIN = "Take the snapshot again."
_SOURCE = "Mend the row at its source, then take the snapshot again."
COLUMNS = Rule("columns", "stop", "the task's columns in their order", _AGAIN, by_row=False)
TYPES = Rule("types", "stop", "the types of the task's columns", _AGAIN, by_row=False)
ROWS = Rule(
    "row_count",
    "stop",
    "the rows of the pinned revision",
    "The file is cut off, grown or a stand-in: take the snapshot again, or set "
    "snapshot.accept_stand_ins: true for a study on stand-ins.",
    by_row=False,
)
STAND_IN = Rule(
    "stand_in",
    "note",
    "the rows of the pinned revision",
    "Accepted by snapshot.accept_stand_ins; scores are not comparable with published ones.",
    by_row=False,
)
NULLS = Rule("no_nulls", "stop", "a value in every cell", _SOURCE)
EMPTY = Rule("no_empty_sides", "stop", "texts that are not blank", _SOURCE)
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
    by_row=False,
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


def files(
    task: Task,
    tables: Mapping[str, Table],
    entries: Mapping[str, Mapping[str, Any]],
    expected: Mapping[str, int | None],
    accept_stand_ins: bool,
) -> tuple[pd.DataFrame, list[Check]]:
    """Return one row a file, and the checks on it.

    `entries` is what the snapshot recorded for each file, `expected` the rows that the task table
    knows. Without the rules SHAPE no other rule makes sense for a file.
    """
    import pandas as pd

    schema = DATA[task.head]
    rows = []
    for name, table in tables.items():
        entry = entries.get(name, {})
        pinned = entry.get("expected", expected.get(name))
        recorded = entry.get("rows", pinned)
        if pinned is None:  # nobody has verified it: what the snapshot recorded
            pinned = recorded
        stand_in = accept_stand_ins and recorded != pinned
        wanted = recorded if stand_in else pinned
        found = dict(table.types())
        odd = [c for c in schema if c in found and found[c] != schema[c]]
        rows.append(
            {
                "file": name,
                "columns": ", ".join(table.rows.column_names),
                TYPES.name: ", ".join(f"{found[c]} in {c}" for c in odd) or None,
                "types_held": ", ".join(f"{_named(schema[c])} in column {c}" for c in odd),
                "rows": table.rows.num_rows,
                "rows_wanted": wanted,
                "rows_held": f"the {wanted} rows that the snapshot recorded"
                if stand_in
                else f"{wanted} rows",
                "rows_pinned": pinned if stand_in else None,
                "stand_in_held": f"{pinned} rows",
                ALL_LABELS.name: None if odd else _constant(task, table),
            }
        )
    frame = pd.DataFrame(rows).astype({"rows_wanted": "Int64", "rows_pinned": "Int64"})
    for column in (TYPES.name, ALL_LABELS.name):
        frame[column] = frame[column].astype("str")
    either = {"ignore_row_if": "either_value_is_missing"}
    columns = ", ".join(schema)
    checks = [
        Check(COLUMNS, "ExpectColumnValuesToBeInSet",
              {"column": "columns", "value_set": [columns]}, f"the columns {columns}"),
        Check(TYPES, "ExpectColumnValuesToBeNull", {"column": TYPES.name}, holds_in="types_held"),
        Check(ROWS, "ExpectColumnPairValuesToBeEqual",
              {"column_A": "rows", "column_B": "rows_wanted", **either},
              holds_in="rows_held", show=("rows",)),
        Check(ALL_LABELS, "ExpectColumnValuesToBeNull", {"column": ALL_LABELS.name},
              holds=_label_holds(task)),
    ]  # fmt: skip
    if frame["rows_pinned"].notna().any():
        arguments = {"column_A": "rows", "column_B": "rows_pinned", **either}
        checks.append(
            Check(STAND_IN, "ExpectColumnPairValuesToBeEqual", arguments,
                  holds_in="stand_in_held", show=("rows",))
        )  # fmt: skip
    return frame, checks


def _named(kind: str) -> str:
    return {"string": "strings", "list<string>": "lists of strings"}.get(kind, kind)


def _label_holds(task: Task) -> str:
    if task.head == "tagging":
        return "more than one tag"
    if task.head == "mining":
        return "both sides and gold pairs"
    return f"each of the labels {', '.join(task.labels)} at least once"


def _constant(task: Task, table: Table) -> str | None:
    """What the file's labels lack, or None."""
    import pyarrow.compute as pc

    def distinct(column: str) -> set[Any]:
        values = table.rows[column]
        while str(values.type).startswith(("list", "large_list")):
            values = pc.list_flatten(values)
        return set(pc.unique(values).to_pylist())

    names = table.rows.column_names
    if task.head in LABELLED and "label" in names and set(task.labels):
        missing = [label for label in task.labels if label not in distinct("label")]
        return f"no {', '.join(missing)}" if missing else None
    if task.head == "tagging" and "tags" in names:
        found = distinct("tags")
        return None if len(found) > 1 else f"only {', '.join(map(str, found)) or 'no tags'}"
    if task.head == "mining" and {"side", "gold"} <= set(names):
        missing = [side for side in ("source", "english") if side not in distinct("side")]
        missing += [] if distinct("gold") else ["gold pairs"]
        return f"no {', '.join(missing)}" if missing else None
    return None


def content(task: Task) -> list[Check]:
    """The checks on the cells of all files, marked by a column `file`."""
    texts = TEXTS[task.head]
    checks = [
        Check(NULLS, "ExpectColumnValuesToNotBeNull", {"column": column},
              holds=f"a value in every cell of {column}")
        for column in DATA[task.head]
    ]  # fmt: skip
    unique = {"column_list": ["file", "id"]}
    checks.append(Check(IDS, "ExpectCompoundColumnsToBeUnique", unique, show=("id",)))
    if task.head in LABELLED:
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
        if column not in EITHER.get(task.head, ()):
            checks.append(
                Check(EMPTY, "ExpectColumnValuesToMatchRegex", matches,
                      holds=f"a {column.removesuffix('_text')} that is not blank")
            )  # fmt: skip
        unlike = {"column": column, "regex": PLACEHOLDER}
        checks.append(Check(PLACEHOLDERS, "ExpectColumnValuesToNotMatchRegex", unlike))
    return checks
