"""The verdict on one task: what every rule found in every file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stages.guards.judge import judge
from stages.guards.rule import SEVERITIES, Check, Outcome
from stages.tasks import Task

if TYPE_CHECKING:
    import pandas as pd


def _without(frame: pd.DataFrame, rows: set[tuple[str, int]]) -> pd.DataFrame:
    """`frame` without rows, named by file and row."""
    if not rows or "file" not in frame or "row" not in frame:
        return frame
    keys = zip(frame["file"], frame["row"], strict=True)
    return frame[[key not in rows for key in keys]]


@dataclass
class Verdict:
    """An outcome a rule and file, the files that were read, and Great Expectations' results.

    `severities` are the study's own, by rule.
    """

    task: Task
    severities: dict[str, str] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    data: dict[str, dict[str, Any]] = field(default_factory=dict)
    results: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def judge(self, name: str, frame: pd.DataFrame, checks: list[Check]) -> list[Outcome]:
        """Run checks, keep what comes out, and return the outcomes.

        Rows that one rule leaves out are no business of the others: these judge what remains.
        """
        known = {(file, row) for file, row, _, _ in self.dropped()}
        frame = _without(frame, known)
        outcomes, results = judge(name, frame, checks, self.severities)
        left_out = {(found.file, row) for found in outcomes for row, _ in found.dropped}
        if left_out:
            repaired = [found for found in outcomes if found.dropped]
            outcomes, results = judge(name, _without(frame, left_out), checks, self.severities)
            rules = {(found.file, found.rule.name) for found in repaired}
            others = [one for one in outcomes if (one.file, one.rule.name) not in rules]
            outcomes = [*repaired, *others]
        self.outcomes += outcomes
        self.results.setdefault(name, []).extend(results)
        return outcomes

    def dropped(self) -> list[tuple[str, int, str, str]]:
        """(file, row, id, rule) of every row that severity `repair` leaves out, in order."""
        found = {
            (outcome.file, row): (outcome.file, row, name, outcome.rule.name)
            for outcome in reversed(self.outcomes)
            for row, name in outcome.dropped
        }
        return [found[key] for key in sorted(found)]

    def findings(self, severity: str) -> list[Outcome]:
        """The findings of one severity."""
        return [outcome for outcome in self.outcomes if outcome.severity == severity]

    @property
    def accepted(self) -> bool:
        """Whether no finding stops the study."""
        return not self.findings("stop")

    def as_json(self) -> dict[str, Any]:
        """The content of verdict.json."""
        findings = [outcome for severity in SEVERITIES for outcome in self.findings(severity)]
        return {
            "task": self.task.name,
            "accepted": self.accepted,
            "rows": sum(entry["rows"] for entry in self.data.values()),
            "dropped": len(self.dropped()),
            "counts": {severity: len(self.findings(severity)) for severity in SEVERITIES},
            "findings": [outcome.as_finding() for outcome in findings],
            "data": self.data,
        }
