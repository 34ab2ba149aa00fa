"""All verdicts as one HTML page that opens without a network: tasks by languages, and counts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from stages.guards.page import MARKS, STYLE
from stages.guards.rule import SEVERITIES

ORDER = (*SEVERITIES, "pass")
Verdicts = Mapping[str, tuple[str, dict[str, Any]]]  # task -> (folder of its page, verdict.json)


def verdicts(validation: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    """The verdict of every task, a rejection before what was accepted earlier."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for folder in (validation, validation / "rejected"):
        for path in sorted(folder.glob("*/verdict.json")):
            place = str(path.parent.relative_to(validation))
            found[path.parent.name] = place, json.loads(path.read_text(encoding="utf-8"))
    return found


def worst(verdict: Mapping[str, Any]) -> dict[str, tuple[str, int | None]]:
    """By language ("(all)": findings on no file of one): severity, number of the first finding."""
    cells: dict[str, tuple[str, int | None]] = {"(all)": ("pass", None)}
    cells |= {name.partition("/")[0]: ("pass", None) for name in verdict["data"]}
    for number, finding in enumerate(verdict["findings"]):
        language, slash, _ = finding["file"].partition("/")
        column = language if slash else "(all)"
        known = cells.get(column, ("pass", None))[0]
        if ORDER.index(finding["severity"]) < ORDER.index(known):
            cells[column] = finding["severity"], number
    return cells


def page(found: Verdicts, leakage: Mapping[str, Any] | None, up: str = "") -> str:
    """Return the page; `up` leads from it to the folder of the verdicts (`../validation/`)."""
    cells = {task: worst(verdict) for task, (_, verdict) in found.items()}
    every = {language for row in cells.values() for language in row} - {"(all)", "en"}
    columns = ["(all)", "en", *sorted(every)]
    head = "".join(f"<th>{escape(name)}</th>" for name in ["task", *columns])
    lines = [head]
    for task, (place, _) in found.items():
        link = f"{up}{place}/index.html"
        line = f'<th><a href="{escape(link)}">{escape(task)}</a></th>'
        for column in columns:
            if column not in cells[task]:
                line += "<td></td>"
                continue
            kind, number = cells[task][column]
            anchor = "" if number is None else f"#f{number}"
            title = escape(f"{task}, {column}: {kind}")
            line += (
                f'<td class="{kind}" title="{title}"><a href="{escape(link + anchor)}">'
                f"{MARKS[kind]}</a></td>"
            )
        lines.append(line)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    legend = " ".join(
        f'<span class="{kind}">&nbsp;{mark}&nbsp;</span> {kind}' for kind, mark in MARKS.items()
    )
    rejected = [task for task, (_, verdict) in found.items() if not verdict["accepted"]]
    state = "rejected" if rejected else "accepted"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Guards: {state}</title><style>{STYLE}</style></head><body>
<h1>Guards: <span class="{state}">{escape(", ".join(rejected) or "all tasks accepted")}</span></h1>
<p>The worst finding of each task in each language; a cell leads to it, with its rule, examples,
counts and what to do. (all): findings on the snapshot as a whole.</p>
<p>{legend}</p>
<div class="scroll"><table class="grid">{body}</table></div>
<h2>Counts</h2>
{_counts(found)}
{_leakage(leakage)}
</body></html>
"""


def _counts(found: Verdicts) -> str:
    lines = ["".join(f"<th>{n}</th>" for n in ("task", "files", "rows", *SEVERITIES, "left out"))]
    for task, (_, verdict) in found.items():
        counts = verdict["counts"]
        numbers = [len(verdict["data"]), verdict["rows"]]
        numbers += [counts.get(severity, 0) for severity in SEVERITIES]
        numbers.append(verdict.get("dropped", 0))
        cells = "".join(f"<td>{number:,}</td>" for number in numbers)
        lines.append(f"<td>{escape(task)}</td>{cells}")
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _leakage(leakage: Mapping[str, Any] | None) -> str:
    if leakage is None:
        return ""
    lines = [
        "".join(f"<th>{n}</th>" for n in ("rule", "stands in", "items of", "items", "severity"))
    ]
    seen = set()
    for one in leakage["findings"]:
        key = (one["rule"], one["known"], one["known_file"], one["task"])
        if key in seen:
            continue
        seen.add(key)
        lines.append(
            f"<td>{escape(one['rule'])}</td><td>{escape(one['known'])}/{escape(one['known_file'])}"
            f"</td><td>{escape(one['task'])}</td><td>{one['items']}</td>"
            f'<td class="{one["severity"]}">{one["severity"]}</td>'
        )
    table = f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"
    link = '<p><a href="../leakage/index.html">All overlaps</a></p>'
    return f"<h2>Leakage</h2>{table if seen else '<p>Nothing leaks.</p>'}{link}"
