"""One file that rows were read from, as snapshot.json names it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path


@dataclass(frozen=True)
class Origin:
    """A file's name in its source, the local file, and its SHA-256."""

    name: str
    path: Path
    sha256: str

    def entry(self) -> dict[str, str]:
        """Return what snapshot.json says of it."""
        return {"name": self.name, "sha256": self.sha256}


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass(frozen=True)
class Rows:
    """The rows of one file of data/, by column, and what happened on the way.

    `dropped` rows had no label (of a translated set: no label, no text or no answer). `moved`
    answers were not at the offset the file gave, but within a few characters of it. `answered` is
    False where a file of questions has no answer at all. `others` : rows of other languages that
    the same file held, by language.
    """

    columns: dict[str, list]
    dropped: int = 0
    moved: int = 0
    answered: bool = True
    others: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.columns["id"])

    def take(self, rows: Sequence[int], dropped: int = 0) -> Rows:
        """Return the rows of the given numbers, `dropped` others having no label."""
        columns = {name: [values[row] for row in rows] for name, values in self.columns.items()}
        return replace(self, columns=columns, dropped=self.dropped + dropped)

    def notes(self) -> dict[str, int | bool | dict[str, int]]:
        """Return what snapshot.json should say of them, if anything."""
        notes: dict[str, int | bool | dict[str, int]] = {}
        if self.dropped:
            notes["dropped"] = self.dropped
        if self.moved:
            notes["moved"] = self.moved
        if not self.answered:
            notes["answered"] = False
        if self.others:
            notes["others"] = dict(self.others)
        return notes


def join(parts: list[Rows]) -> Rows:
    """Return the rows of several sources as one set."""
    columns = {
        name: [value for part in parts for value in part.columns[name]] for name in parts[0].columns
    }
    return Rows(
        columns,
        sum(part.dropped for part in parts),
        sum(part.moved for part in parts),
        any(part.answered for part in parts),
        sum((Counter(part.others) for part in parts), Counter()),
    )
