"""What a rule, a check and a finding are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SEVERITIES = ("stop", "repair", "warn", "note")
PLACEHOLDER = r"^\s*(?:NS|N/?A|#N/A|nan|NaN|NAN|NULL|null|None|<unk>|#(?:NAME|VALUE|REF)[?!])\s*$"


@dataclass(frozen=True)
class Rule:
    """One thing that must hold: `holds` says it, `remedy` says what to do where it does not.

    `severity` is the default, raised to stop where more than the share `stop_above` of the rows
    break the rule; `validate.severity` of params.yaml overrides both. `repair` leaves out the rows
    that break the rule and records them; a rule on a whole file (not `by_row`) has none.
    """

    name: str
    severity: str
    holds: str
    remedy: str
    stop_above: float = 1.0
    by_row: bool = True


@dataclass(frozen=True)
class Check:
    """A rule applied to one file: the Great Expectations class by name, and its arguments.

    `holds` makes the rule's sentence concrete, or `holds_in` names the column that does so row by
    row. `show` names the columns that make up an example (the checked ones if empty), and in the
    files `notes_in` a finding is a note, whatever the severity of the rule: they are accepted
    stand-ins.
    """

    rule: Rule
    expectation: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    holds: str = ""
    holds_in: str = ""
    show: tuple[str, ...] = ()
    notes_in: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Example:
    """Where a rule does not hold: row counted from 1, the row's id, and what stands there."""

    row: int | None
    id: str | None
    found: str


@dataclass(frozen=True)
class Outcome:
    """One rule on one file. No `severity` means that it holds.

    `dropped` are the (row, id) that severity `repair` leaves out.
    """

    file: str
    rule: Rule
    severity: str | None = None
    holds: str = ""
    count: int = 0
    examples: tuple[Example, ...] = ()
    dropped: tuple[tuple[int, str], ...] = ()

    @property
    def language(self) -> str:
        """The language folder of the file."""
        return self.file.partition("/")[0]

    def as_finding(self) -> dict[str, Any]:
        """The entry of verdict.json."""
        first = self.examples[0] if self.examples else Example(None, None, "")
        return {
            "file": self.file,
            "row": first.row,
            "id": first.id,
            "rule": self.rule.name,
            "severity": self.severity,
            "count": self.count,
            "expected": self.holds or self.rule.holds,
            "example": first.found,
            "examples": [vars(example) for example in self.examples],
            "what_to_do": self.rule.remedy,
        }

    def as_line(self, folder: str) -> str:
        """One line for the terminal."""
        first = self.examples[0] if self.examples else Example(None, None, "")
        where = "" if first.row is None else f", row {first.row}"
        where += "" if first.id is None or first.row is None else f" (id {first.id})"
        times = f" ({self.count} rows)" if self.count > 1 else ""
        found = first.found.rstrip(". ")
        return (
            f"{folder}/{self.file}{where}: {self.rule.name} [{self.severity}]{times}: "
            f"expected {self.holds or self.rule.holds}; found {found}. {self.rule.remedy}"
        )


def severity_of(rule: Rule, overrides: Mapping[str, str], share: float = 0.0) -> str:
    """The severity of a finding in `share` of the rows."""
    return overrides.get(rule.name, "stop" if share > rule.stop_above else rule.severity)


def quoted(value: object) -> str:
    """A cell as it is shown in a message: strings in quotes, which shows blanks and controls."""
    return short(repr(value) if isinstance(value, str) else str(value), 90)


def short(text: str, limit: int = 200) -> str:
    """`text` on one line, cut at `limit` characters."""
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
