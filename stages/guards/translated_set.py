"""A translated set against all guards that fit it, with its source where that is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from stages.guards import (
    alignment,
    characters,
    choice,
    language,
    parallel,
    script,
    span,
    structure,
    texts,
    translated,
    translation,
    whole,
)
from stages.guards.rule import Outcome, severity_of
from stages.guards.verdict import Verdict
from stages.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

NLI = ("entailment", "neutral", "contradiction")
BINARY = ("0", "1")
FOUR = ("0", "1", "2", "3")
FIVE = (*FOUR, "4")


def judge(
    name: str,
    found: translated.Translated,
    code: str,
    severities: Mapping[str, str],
    source: pd.DataFrame | None = None,
    source_code: str = "en",
    labels: tuple[str, ...] = (),
) -> Verdict:
    """Judge a translated set of language `code`, against its source where there is one."""
    task = Task(
        name=name,
        head=found.head,
        labels=labels or _labels(found),
        languages=tuple(dict.fromkeys((code, source_code, *language.XTREME))),
        parallel=True,
    )
    verdict = Verdict(task, dict(severities))
    file = f"{code}/{name}"
    verdict.outcomes.append(Outcome(file, translated.READABLE))
    severity = severity_of(translated.LINES, severities) if found.count_broken else None
    verdict.outcomes.append(
        Outcome(file, translated.LINES, severity, "", found.count_broken, tuple(found.broken))
    )
    rows = texts.readable(found.head, found.rows.assign(file=file, row=found.rows.index))
    checks = structure.content(task)
    own = {"span": span.translated, "choice": choice.choice}.get(found.head)
    for guard in (own, characters.characters, script.script, language.language, whole.whole):
        if guard is not None:
            rows, more = guard(task, rows)
            checks += more
    rows = texts.plain(found.head, rows).reset_index(drop=True)
    verdict.judge("rows", rows, checks)
    source = found.source if source is None else source
    if source is not None:
        _pairs(verdict, file, found, source)
    return verdict


def _pairs(verdict: Verdict, file: str, found: translated.Translated, source: pd.DataFrame) -> None:
    """Judge every row against its source."""
    task = verdict.task
    ours, theirs = (texts.readable(task.head, frame) for frame in (found.rows, source))
    apart = not set(ours["id"]) & set(theirs["id"])
    if len(ours) == len(theirs) and (apart or (numbered(ours["id"]) and numbered(theirs["id"]))):
        theirs = theirs.assign(id=ours["id"].to_numpy())  # by place, from whichever row they count
    pairs = parallel.pair(task, ours, theirs)
    checks = parallel.parallel(frozenset())
    for guard in (alignment.alignment, translation.translation):
        pairs, more = guard(task, pairs)
        checks += more
    pairs = pairs.assign(file=file, row=pairs.index).reset_index(drop=True)
    verdict.judge("pairs with the source", pairs, checks)


def numbered(ids: pd.Series) -> bool:
    """Whether ids are the numbers of rows, from whatever row on."""
    import pandas as pd

    numbers = pd.to_numeric(ids, errors="coerce")
    return bool(numbers.notna().all() and numbers.diff().iloc[1:].eq(1).all())


def _labels(found: translated.Translated) -> tuple[str, ...]:
    """The set of labels that the file's own labels belong to."""
    if found.head == "choice":
        return FIVE if found.rows["options"].map(len).median() == 5 else FOUR
    if found.head != "pair":
        return ()
    seen = set(found.rows["label"])
    return max((NLI, BINARY), key=lambda names: len(seen & set(names)))
