"""Unlabelled text that a user brings: a folder of `<language>.txt`, a text a line, or `.parquet`.

A parquet file has a column `text`. The same text counts once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from stages.errors import UserError
from stages.guards.read import Unreadable
from stages.guards.read import read as read_parquet
from stages.sources.origin import Origin, Rows
from stages.tasks import Task


def read(task: Task, path: Path, listed: bool) -> Iterator[tuple[str, str, Rows, list[Origin]]]:
    """Yield (language, "train", rows, origins) of every language.

    listed : whether the study names the languages (`data.languages.text`); without, all of
        XTREME's have to be there.
    Raises
    ------
    UserError
        A language has no file, a file is no UTF-8 or no parquet with a column `text`, a text of it
        is empty, or all are.
    """
    files = {
        code: found
        for code in task.languages
        for found in (path / f"{code}.txt", path / f"{code}.parquet")
        if found.is_file()
    }
    if lost := [code for code in task.languages if code not in files]:
        raise UserError(
            f"{path}: no {lost[0]}.txt or {lost[0]}.parquet ({len(lost)} of {len(task.languages)} "
            f"languages are missing: {', '.join(lost)}). Add them, or name the languages that "
            f"there are in data.languages.{task.name} of params.yaml."
        )
    for code, file in files.items():
        texts = _lines(file) if file.suffix == ".txt" else _column(file)
        distinct: dict[str, str] = {}
        for number, text in texts:
            distinct.setdefault(text, str(number))
        if not distinct:
            raise UserError(
                f"{file}: no text in it; write a text a line, or take {code} out of "
                f"data.languages.{task.name} of params.yaml."
            )
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        rows = Rows({"id": list(distinct.values()), "text": list(distinct)})
        yield code, "train", rows, [Origin(file.name, file, digest)]


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Number and text of every line that is not blank."""
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: not UTF-8 at byte {error.start}; save it as UTF-8.") from error
    return ((number, line.strip()) for number, line in enumerate(lines, start=1) if line.strip())


def _column(file: Path) -> Iterator[tuple[int, str]]:
    try:
        rows = read_parquet(file).rows
    except Unreadable as error:
        raise UserError(f"{file}: not a readable parquet file ({error}).") from error
    if "text" not in rows.column_names:
        names: Sequence[str] = rows.column_names
        raise UserError(f"{file}: expected a column text, found {', '.join(names)}.")
    for number, text in enumerate(rows["text"].to_pylist(), start=1):
        if not isinstance(text, str) or not text.strip():
            raise UserError(f"{file}, row {number}: the text is empty; take the row out.")
        yield number, text.strip()
