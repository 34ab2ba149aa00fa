"""The table of tasks. Adding a task is adding a record to the room of its head.

Row counts: XTREME (arXiv 2003.11080), Phang et al. 2020 (arXiv 2005.13013) and the data cards.
"""

from __future__ import annotations

from stages.errors import UserError
from stages.tasks import choices, pairs, retrievals, spans, taggings
from stages.tasks.record import Task

TASKS: dict[str, Task] = {
    record.name: record
    for room in (pairs, choices, taggings, spans, retrievals)
    for record in room.RECORDS
}


def find(name: str) -> Task:
    """Return the record of task `name`.

    Raises
    ------
    UserError
        The name is not in the table.
    """
    try:
        return TASKS[name]
    except KeyError:
        raise UserError(
            f"unknown task {name!r}; known tasks: {', '.join(sorted(TASKS))}."
        ) from None
