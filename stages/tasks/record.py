"""The record that describes a task: where its rows come from, what they hold, how it is scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Source:
    """A data set on the hub: `repository` at `revision`, one configuration per language.

    `columns` maps our column to the hub's; a task without an `id` column is numbered by row.
    `splits` maps our split to the hub's. `label_names` is the hub's order, used only where a
    file does not carry its own names: labels are always mapped by name, never by index.
    """

    repository: str
    revision: str
    columns: Mapping[str, str]
    splits: Mapping[str, str]
    label_names: tuple[str, ...]
    configurations: Mapping[str, str]
    licence: str


@dataclass(frozen=True)
class Task:
    """One intermediate or target task.

    `rows` are the rows of each split at the pinned revision, the same in every language.
    `languages` are the languages in which `evaluated` (a split) exists; training and selection
    happen in English. `parallel` says that row i is the same item in every language.
    `same_data` names tasks trained on the same rows: an intermediate among them means more
    epochs, not transfer. `version` is raised whenever reading or scoring changes.
    """

    name: str
    head: str
    labels: tuple[str, ...]
    metric: str
    source: Source
    rows: Mapping[str, int]
    languages: tuple[str, ...] = ("en",)
    evaluated: str | None = None
    parallel: bool = False
    same_data: frozenset[str] = field(default_factory=frozenset)
    version: int = 1

    @property
    def is_target(self) -> bool:
        """Whether the task is evaluated zero-shot in other languages."""
        return self.evaluated is not None

    def files(self) -> list[tuple[str, str]]:
        """(language, split) of every file that a study reads, English first."""
        english = [("en", split) for split in self.source.splits]
        others = [
            (language, self.evaluated)
            for language in self.languages
            if self.evaluated and language != "en"
        ]
        return english + others
