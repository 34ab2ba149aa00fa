"""Span extraction: every answer stands in its context at the offset that the data says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stages.guards.choice import visible
from stages.guards.rule import Check, Rule, short
from stages.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

_SOURCE = "Mend the row at its source: offsets count code points, not bytes or UTF-16 units."
OFFSETS = Rule("answer_offsets", "stop", "one offset an answer", _SOURCE)
BLANK = Rule("blank_answers", "stop", "answers that are not blank", _SOURCE)
INSIDE = Rule("answer_in_context", "stop", "every answer in its context at its offset", _SOURCE)
ANSWERED = Rule(
    "answered",
    "stop",
    "an answer for every question",
    "Only SQuAD v2.0 asks what its context does not answer: mend the row at its source.",
)
UNANSWERED = Rule(
    "unanswerable",
    "stop",
    "questions with and without an answer",
    "SQuAD v2.0 has both in every split: take the snapshot again.",
)
FOREIGN = Rule(
    "id_language",
    "stop",
    "ids of the folder's own language",
    "The source holds several languages in one file: keep the rows of this one.",
)
LOST = Rule(
    "lost_answers",
    "warn",
    "answers that the translation still holds",
    "The translated answer is not in the translated context: train without these answers.",
    stop_above=0.5,
)
RULES = (OFFSETS, BLANK, INSIDE, ANSWERED, UNANSWERED, FOREIGN, LOST)


def misplaced(context: str, answers: list[str], starts: list[int]) -> str | None:
    """The first answer that does not stand at its offset, with what stands there; or None."""
    for answer, start in zip(answers, starts, strict=False):
        if not isinstance(answer, str) or start is None:
            return f"{answer!r} at {start}"
        there = context[start : start + len(answer)] if start >= 0 else ""
        if there != answer:
            place = context.find(answer)
            hint = f"; it stands at {place}" if place >= 0 and answer else ""
            return f"{short(answer, 50)!r} at {start}, where {short(there, 50)!r} stands{hint}"
    return None


def span(
    task: Task, frame: pd.DataFrame, unanswered: frozenset[str] = frozenset()
) -> tuple[pd.DataFrame, list[Check]]:
    """Return `frame` (with a column `file`) with a column of evidence a rule, and the checks.

    In the files `unanswered` the source holds no answers, to be predicted and not scored.
    """
    import pandas as pd

    optional = task.name == "squad2"
    found: dict[str, list[str | None]] = {rule.name: [] for rule in RULES[:4]}
    for context, answers, starts in zip(
        frame["context"], frame["answers"], frame["starts"], strict=True
    ):
        answers, starts = answers or [], starts or []
        uneven = len(answers) != len(starts)
        blank = [answer for answer in answers if not visible(answer)]
        context = context if isinstance(context, str) else ""
        found[OFFSETS.name].append(f"{len(answers)} and {len(starts)}" if uneven else None)
        found[BLANK.name].append(repr(blank[0]) if blank else None)
        found[INSIDE.name].append(misplaced(context, answers, starts))
        found[ANSWERED.name].append(None if answers or optional else "no answer")
    columns = {name: pd.Series(cells, frame.index, dtype="str") for name, cells in found.items()}
    columns[UNANSWERED.name] = pd.Series(None, frame.index, dtype="str")
    if optional:
        without = frame["answers"].map(len) == 0
        for _, rows in frame.groupby("file", sort=False).groups.items():
            share = without[rows].mean()
            if share in (0, 1):
                columns[UNANSWERED.name][rows] = f"{share:.0%} of the questions without an answer"
    columns[FOREIGN.name] = _foreign(task, frame)
    checks = [
        Check(
            rule,
            "ExpectColumnValuesToBeNull",
            {"column": rule.name},
            notes_in=unanswered if rule is ANSWERED else frozenset(),
        )
        for rule in RULES
        if rule is not LOST
    ]
    return frame.assign(**columns), checks


def translated(task: Task, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Check]]:
    """The same for a translated set, in which answers may be lost: blank, or at no offset."""
    import pandas as pd

    lost: list[str | None] = []
    inside: list[str | None] = []
    for context, answers, starts in zip(
        frame["context"], frame["answers"], frame["starts"], strict=True
    ):
        answers, starts = answers or [], starts or []
        kept = [
            (answer, start)
            for answer, start in zip(answers, starts, strict=False)
            if visible(answer) and start is not None and start >= 0
        ]
        missing = len(answers) - len(kept)
        lost.append(f"{missing} of {len(answers)} answers" if missing or not answers else None)
        context = context if isinstance(context, str) else ""
        inside.append(misplaced(context, [one for one, _ in kept], [place for _, place in kept]))
    columns = {
        LOST.name: pd.Series(lost, frame.index, dtype="str"),
        INSIDE.name: pd.Series(inside, frame.index, dtype="str"),
    }
    checks = [
        Check(rule, "ExpectColumnValuesToBeNull", {"column": rule.name}) for rule in (LOST, INSIDE)
    ]
    return frame.assign(**columns), checks


def _foreign(task: Task, frame: pd.DataFrame) -> pd.Series:
    """The ids that begin as those of another language do, where one source file holds several."""
    import pandas as pd

    prefixes = task.sources[0].id_prefixes if task.sources else {}
    evidence = pd.Series(None, frame.index, dtype="str")
    languages = frame["file"].str.partition("/")[0]
    for code, prefix in prefixes.items():
        foreign = frame["id"].str.startswith(prefix).eq(True) & (languages != code)
        evidence = evidence.mask(foreign, frame["id"])
    return evidence.astype("str")
