"""Multiple choice: as many options as the task has, none blank, none twice, something to ask."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stages.guards.rule import Check, Rule
from stages.guards.structure import VISIBLE
from stages.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

COUNT = Rule(
    "option_count",
    "stop",
    "as many options as the task has",
    "A candidate is missing or one too many: mend the row at its source.",
)
BLANK = Rule("blank_options", "stop", "no blank option", "Mend the row at its source.")
TWICE = Rule(
    "distinct_options",
    "warn",
    "options that differ",
    "Two candidates are the same text, so that one of them is wrong by its place only.",
    stop_above=0.02,
)
ASKED = Rule(
    "something_asked",
    "stop",
    "a context or a question that is not blank",
    "Mend the row at its source.",
)
RULES = (COUNT, BLANK, TWICE, ASKED)

_VISIBLE = re.compile(VISIBLE)


def visible(text: object) -> bool:
    """Whether `text` is a string that shows."""
    if not isinstance(text, str):
        return False
    return text[:1].isalnum() or _VISIBLE.search(text) is not None


def choice(task: Task, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Check]]:
    """Return `frame` with a column of evidence a rule, and the checks that it is empty."""
    import pandas as pd

    wanted = len(task.labels)
    found: dict[str, list[str | None]] = {rule.name: [] for rule in RULES}
    for context, question, options in zip(
        frame["context"], frame["question"], frame["options"], strict=True
    ):
        options = [] if options is None else options
        blank = [number for number, option in enumerate(options) if not visible(option)]
        shown = [option.strip() for option in options if isinstance(option, str)]
        twice = next((option for option in shown if shown.count(option) > 1), None)
        asked = visible(context) or visible(question)
        count = len(options)
        found[COUNT.name].append(None if count == wanted else f"{count} options")
        found[BLANK.name].append(f"option {blank[0]}" if blank else None)
        found[TWICE.name].append(twice)
        found[ASKED.name].append(None if asked else f"{context!r} and {question!r}")
    columns = {name: pd.Series(cells, frame.index, dtype="str") for name, cells in found.items()}
    holds = {COUNT.name: f"{wanted} options"}
    checks = [
        Check(rule, "ExpectColumnValuesToBeNull", {"column": rule.name}, holds.get(rule.name, ""))
        for rule in RULES
    ]
    return frame.assign(**columns), checks
