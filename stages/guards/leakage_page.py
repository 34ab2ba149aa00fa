"""What leaks, as one HTML page that opens without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from stages.guards.page import STYLE
from stages.guards.rule import SEVERITIES


def page(findings: Sequence[Mapping[str, Any]], dropped: Mapping[str, int]) -> str:
    """Return the page of the findings of leakage/verdict.json; `dropped` counts rows by task."""
    verdict = "rejected" if any(one["severity"] == "stop" for one in findings) else "accepted"
    rows = sorted(findings, key=lambda one: (SEVERITIES.index(one["severity"]), -one["rows"]))
    head = (
        "severity", "rule", "stands in", "test or development file", "rows", "different items",
        "exact", "through the id", "first", "what to do",
    )  # fmt: skip
    lines = ["".join(f"<th>{name}</th>" for name in head), *map(_line, rows)]
    table = "".join(f"<tr>{line}</tr>" for line in lines) if rows else ""
    left_out = ", ".join(f"{count} of {escape(name)}" for name, count in dropped.items())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Leakage: {verdict}</title><style>{STYLE}</style></head><body>
<h1>Leakage: <span class="{verdict}">{verdict}</span></h1>
<p>Test and development items of the study that stand in one of its training sets, exactly or nearly
(Jaccard similarity of character 5-grams at least .7); rows are counted from 1. Every pair is in
pairs.parquet. Training rows left out: {left_out or "none"}.</p>
{f"<table>{table}</table>" if rows else "<p>Nothing leaks.</p>"}
</body></html>
"""


def _line(one: Mapping[str, Any]) -> str:
    first = one["example"]
    place = (
        f"row {first['row']} (id {escape(str(first['id']))}) in row {first['known_row']} "
        f"(id {escape(str(first['known_id']))}), similarity {first['similarity']:.2f}"
    )
    cells = (
        escape(one["rule"]), f"{escape(one['known'])}/{escape(one['known_file'])}",
        f"{escape(one['task'])}/{escape(one['file'])}", f"{one['rows']} of {one['of']}",
        str(one["items"]), str(one["exact"]), str(one["through_id"]), place,
        escape(one["what_to_do"]),
    )  # fmt: skip
    body = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<td class="{one["severity"]}">{one["severity"]}</td>{body}'
