"""A data set that the user has to bring and has not: a note that every stage passes on.

The snapshot leaves `missing.txt` where the data would be; a stage that finds the note in its
input leaves it in its output and ends well. So the rest of the study goes on, DVC has every
output it expects, and the scores lack just these cells.
"""

from __future__ import annotations

from pathlib import Path

from stages.writing import replacing_folder

NOTE = "missing.txt"


def why(folder: Path) -> str | None:
    """Return why there is nothing in `folder`, or None where there is no such note."""
    note = folder / NOTE
    return note.read_text(encoding="utf-8").strip() if note.is_file() else None


def leave(folder: Path, reason: str) -> None:
    """Make `folder` hold the note and nothing else."""
    with replacing_folder(folder) as place:
        (place / NOTE).write_text(reason + "\n", encoding="utf-8")
    print(f"{folder}: left out. {reason}", flush=True)
