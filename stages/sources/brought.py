"""The distributions that a user brings: which reader serves which, and what to say without."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from stages.sources import bucc, ccgbank, texts, treebanks
from stages.sources.origin import Origin, Rows
from stages.tasks import Task

WHAT: Mapping[str, str] = {
    "ccgbank": "CCGbank (LDC2005T13) is licensed and on no hub",
    "bucc2018": "the hub's BUCC 2018 holds the gold pairs only and cannot be mined",
    "treebanks": "the treebanks of Universal Dependencies 2.5",
}


def read(task: Task, path: Path, listed: bool) -> Iterator[tuple[str, str, Rows, list[Origin]]]:
    """Yield (language, split, rows, origins) of every file of data/<task>, read from `path`.

    listed : whether the study lists the task's languages, so that none may be missing.
    Raises UserError where a file is missing or a line does not fit.
    """
    if task.brought == "bucc2018":
        return bucc.read(task, path, listed)
    if task.brought == "text":
        return texts.read(task, path, listed)
    reader = {"ccgbank": ccgbank.read, "treebanks": treebanks.read}[task.brought or ""]
    return reader(task, path)


def missing(task: Task) -> str:
    """Say what is needed where a task cannot do without and the study names no path."""
    what = WHAT.get(task.brought or "", f"{task.base} translated by a machine is on no hub")
    return (
        f"{what}: name a folder or an archive of it in "
        f"snapshot.sources.{task.brought} of params.yaml and take the snapshot of {task.name} "
        "again. Until then the rest of the study goes on without it."
    )
