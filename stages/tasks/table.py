"""The table of tasks. Adding a task is adding a record to the room of its head.

Row counts: XTREME (arXiv 2003.11080), Phang et al. 2020 (arXiv 2005.13013) and the data cards.
"""

from __future__ import annotations

from collections.abc import Iterable

from stages.errors import UserError
from stages.tasks import choices, pairs, retrievals, spans, taggings, texts, translations
from stages.tasks.record import Task

TASKS: dict[str, Task] = {
    record.name: record
    for room in (pairs, choices, taggings, spans, retrievals, texts)
    for record in room.RECORDS
}


def find(name: str) -> Task:
    """Return the record of task `name`, or of a translated set of a task (`mnli.id`).

    Raises
    ------
    UserError
        The name is not in the table.
    """
    base, dot, kind = str(name).partition(".")
    if base not in TASKS:
        raise UserError(f"unknown task {name!r}; known tasks: {', '.join(sorted(TASKS))}.")
    record = translations.derive(TASKS[base], kind) if dot else TASKS[base]
    if record is None:
        raise UserError(
            f"unknown translated set {name!r}: expected {base}. and a language of XTREME or one of "
            f"{', '.join(translations.KINDS)}, as far as {base} is trained or evaluated."
        )
    return record


def repeats(learnt: Iterable[str], target: str) -> bool:
    """Whether tasks hold the training data of a target: more epochs on it, not transfer.

    learnt : what an encoder was trained on; a translation counts as what it translates.
    """
    base = translations.base_of(target)
    record = TASKS.get(base)
    own = {base} | ({record.trained_on, *record.same_data} if record else set())
    return not own.isdisjoint(map(translations.base_of, learnt))
