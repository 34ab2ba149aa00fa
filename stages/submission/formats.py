"""What a file of each target looks like: predictions of one language as text.

Every writer raises ValueError, with the row from 0, where a prediction does not fit its target.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

LABELS = {"xnli": ("contradiction", "entailment", "neutral"), "pawsx": ("0", "1")}

Row = Mapping[str, Any]


def labels(target: str, rows: Sequence[Row]) -> str:
    """One label name a line."""
    names = LABELS[target]
    for number, row in enumerate(rows):
        if str(row["prediction"]) not in names:
            expected = ", ".join(names)
            raise ValueError(f"row {number}: {row['prediction']!r} is not one of {expected}.")
    return "".join(f"{row['prediction']}\n" for row in rows)


def tags(target: str, rows: Sequence[Row]) -> str:
    """One tag a line, an empty line between sentences."""
    for number, row in enumerate(rows):
        found = row["prediction"]
        if not isinstance(found, list) or not found:
            raise ValueError(f"row {number}: expected a list of tags, found {found!r}.")
        for tag in found:
            if not isinstance(tag, str) or tag.split() != [tag]:
                raise ValueError(f"row {number}: {tag!r} is not a tag.")
    return "\n".join("".join(f"{tag}\n" for tag in row["prediction"]) for row in rows)


def answers(target: str, rows: Sequence[Row]) -> str:
    """One JSON object of answers by id; a question without a prediction is left out."""
    found = {str(row["id"]): row["prediction"] for row in rows if row["prediction"] is not None}
    for number, row in enumerate(rows):
        if not isinstance(row["prediction"], str | None):
            raise ValueError(f"row {number}: expected a text, found {row['prediction']!r}.")
    # ASCII, because the evaluator opens the file in the encoding of its machine.
    return json.dumps(found, indent=1) + "\n"


def retrieved(target: str, rows: Sequence[Row]) -> str:
    """One row number of the other language a line, in the order of the English sentences."""
    for number, row in enumerate(rows):
        value = str(row["prediction"])
        if not (value.isascii() and value.isdigit() and int(value) < len(rows)):
            raise ValueError(
                f"row {number}: {row['prediction']!r} is not a row of the other language; "
                f"expected 0 to {len(rows) - 1}."
            )
        if not isinstance(row.get("sentence", ""), str):
            raise ValueError(f"row {number}: 'sentence' is empty; it orders the rows.")
    if "sentence" in rows[0]:
        rows = sorted(rows, key=lambda row: row["sentence"].strip())
    return "".join(f"{int(row['prediction'])}\n" for row in rows)


def pairs(target: str, rows: Sequence[Row]) -> str:
    """One mined pair a line: source id, tab, target id."""
    lines = []
    for number, row in enumerate(rows):
        source, tab, other = str(row["id"]).partition("\t")
        if not (source and tab and other) or "\t" in other:
            raise ValueError(f"row {number}: id {row['id']!r} is not <source id>TAB<target id>.")
        if row["prediction"] not in (True, False, "0", "1"):
            raise ValueError(
                f"row {number}: prediction {row['prediction']!r}; expected true or 1 for a mined "
                "pair, false or 0 for any other."
            )
        if row["prediction"] in (True, "1"):
            lines.append(f"{source}\t{other}\n")
    return "".join(lines)


WRITERS: dict[str, Callable[[str, Sequence[Row]], str]] = {
    "xnli": labels,
    "pawsx": labels,
    "udpos": tags,
    "panx": tags,
    "xquad": answers,
    "mlqa": answers,
    "tydiqa": answers,
    "bucc2018": pairs,
    "tatoeba": retrieved,
}


def suffix(target: str) -> str:
    """Return the ending of a file's name."""
    return "json" if WRITERS[target] is answers else "tsv"
