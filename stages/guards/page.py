"""The verdict as one HTML page that opens without a network: languages by rules, then findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from stages.guards.rule import SEVERITIES, Example, Outcome, Rule

MARKS = {"stop": "✕", "repair": "−", "warn": "!", "note": "i", "pass": "✓"}
STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;
color:#1b1f24}
h1{margin-bottom:.2rem}table{border-collapse:collapse;margin:1rem 0}
th,td{border:1px solid #d5dae0;padding:.25rem .55rem;text-align:left;vertical-align:top}
.grid td{text-align:center;padding:0;width:2.4rem;height:1.8rem}
.grid td a{display:block;color:inherit;text-decoration:none;line-height:1.8rem;font-weight:700}
.pass{background:#cdeccd;color:#14532d}.note{background:#dbe7fb;color:#1e3a8a}
.repair{background:#ead6f7;color:#581c87}.warn{background:#ffe3a3;color:#713f12}.stop{background:#f7b4b0;color:#7f1d1d}
.accepted{color:#14532d}.rejected{color:#7f1d1d}code{overflow-wrap:anywhere}
.found{max-width:34rem;overflow-wrap:anywhere}.data code{font-size:12px}.scroll{overflow-x:auto}
"""


def page(
    task: str,
    languages: Sequence[str],
    outcomes: Sequence[Outcome],
    data: Mapping[str, Mapping[str, Any]],
    docs: Sequence[str] = (),
) -> str:
    """Return the page: every rule in every language, then each finding, then the files.

    docs : Great Expectations' own pages, by their paths from here.
    """
    findings = [outcome for outcome in outcomes if outcome.severity]
    findings.sort(key=lambda outcome: SEVERITIES.index(outcome.severity or "note"))
    stops = sum(outcome.severity == "stop" for outcome in findings)
    verdict = "rejected" if stops else "accepted"
    counts = ", ".join(
        f"{sum(outcome.severity == severity for outcome in findings)} {severity}"
        for severity in SEVERITIES
    )
    rows = sum(entry["rows"] for entry in data.values())
    legend = " ".join(
        f'<span class="{kind}">&nbsp;{mark}&nbsp;</span> {kind}' for kind, mark in MARKS.items()
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(task)}: {verdict}</title><style>{STYLE}</style></head><body>
<h1>{escape(task)}: <span class="{verdict}">{verdict}</span></h1>
<p>{len(data)} files, {rows:,} rows; findings: {counts}. Rows are counted from 1.</p>
<p>{legend}; an empty cell: the rule does not apply, or the file could not be judged.</p>
{_grid(languages, outcomes, findings)}
<h2>Findings</h2>
{_findings(task, findings)}
<h2>Files</h2>
{_files(data)}
{_links(docs)}
</body></html>
"""


def _grid(
    languages: Sequence[str], outcomes: Sequence[Outcome], findings: Sequence[Outcome]
) -> str:
    columns = ["(all)", *languages]
    worst: dict[tuple[Rule, str], int] = {}
    order = [*SEVERITIES, "pass"]
    for outcome in outcomes:
        column = outcome.language if outcome.language in languages else columns[0]
        level = order.index(outcome.severity or "pass")
        cell = (outcome.rule, column)
        worst[cell] = min(worst.get(cell, level), level)
    first: dict[tuple[Rule, str], int] = {}
    for number, finding in enumerate(findings):
        column = finding.language if finding.language in languages else columns[0]
        first.setdefault((finding.rule, column), number)
    lines = ["".join(f"<th>{escape(column)}</th>" for column in ["rule", *columns])]
    for rule in dict.fromkeys(outcome.rule for outcome in outcomes):
        cells = [f'<th title="{escape(rule.holds)}">{escape(rule.name)}</th>']
        for column in columns:
            if (rule, column) not in worst:
                cells.append("<td></td>")
                continue
            kind = order[worst[rule, column]]
            title = escape(f"{column}, {rule.name}: {kind}")
            target = first.get((rule, column))
            link = "" if target is None else f' href="#f{target}"'
            cells.append(f'<td class="{kind}" title="{title}"><a{link}>{MARKS[kind]}</a></td>')
        lines.append("".join(cells))
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="scroll"><table class="grid">{body}</table></div>'


def _findings(task: str, findings: Sequence[Outcome]) -> str:
    if not findings:
        return "<p>None.</p>"
    head = ("severity", "rule", "file", "rows", "expected", "found", "what to do")
    lines = ["".join(f"<th>{name}</th>" for name in head)]
    for number, finding in enumerate(findings):
        examples = "<br>".join(_example(example) for example in finding.examples)
        lines.append(
            f'<td class="{finding.severity}" id="f{number}">{finding.severity}</td>'
            f"<td>{escape(finding.rule.name)}</td><td>{escape(task)}/{escape(finding.file)}</td>"
            f"<td>{finding.count}</td><td>{escape(finding.holds or finding.rule.holds)}</td>"
            f'<td class="found">{examples}</td><td>{escape(finding.rule.remedy)}</td>'
        )
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _example(example: Example) -> str:
    where = "" if example.row is None else f"row {example.row} (id {escape(str(example.id))}): "
    return f"{where}<bdi>{escape(example.found)}</bdi>"


def _files(data: Mapping[str, Mapping[str, Any]]) -> str:
    lines = ["<th>file</th><th>rows</th><th>SHA-256</th>"]
    lines += [
        f"<td>{escape(name)}</td><td>{entry['rows']:,}</td><td><code>{entry['sha256']}</code></td>"
        for name, entry in data.items()
    ]
    return f'<table class="data">{"".join(f"<tr>{line}</tr>" for line in lines)}</table>'


def _links(docs: Sequence[str]) -> str:
    links = ", ".join(f'<a href="{escape(path)}">{escape(path)}</a>' for path in docs)
    return f"<p>Great Expectations: {links}, expectations.json</p>" if docs else ""
