"""The record that describes a task: where its rows come from, what they hold, how it is scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

METRICS: Mapping[str, tuple[str, ...]] = {
    "pair": ("accuracy",),
    "choice": ("accuracy",),
    "tagging": ("f1", "token_accuracy"),
    "span": ("f1", "em"),
    "retrieval": ("accuracy",),
    "mining": ("f1",),
    "text": (),
}
RETRIEVED = ("retrieval", "mining")  # heads of targets without training
WITHOUT_TRAINING = (*RETRIEVED, "text")  # unlabelled text is no task of its own


@dataclass(frozen=True)
class Source:
    """A data set on the hub: `repository` at `revision`, one configuration per language.

    `columns` maps our column to the hub's: a name, a path into a struct (`answers.text`), or
    several columns that make up a list. A task without an `id` column is numbered by row.
    `splits` maps our split to the hub's. `label_names` is the hub's order, used only where a
    file does not carry its own names: labels are always mapped by name, never by index.
    `unlabelled` is the hub's mark of a row without a label: such rows are dropped and counted.
    `id_prefixes` are the beginnings of the ids of each language, where one file holds them all.
    `name` goes before the ids where a task has several sources.
    """

    repository: str
    revision: str
    columns: Mapping[str, str | tuple[str, ...]]
    splits: Mapping[str, str]
    configurations: Mapping[str, str]
    licence: str
    label_names: tuple[str, ...] = ()
    unlabelled: int | None = None
    id_prefixes: Mapping[str, str] = field(default_factory=dict)
    name: str = ""


@dataclass(frozen=True)
class Task:
    """One intermediate or target task.

    `labels` is empty for heads without classes, and for CCG, whose labels are the tags of its
    training set (`labels.json` beside the data). A task has one source, or several that are one
    training set; or none, and then `brought` is the key of `snapshot.sources` (params.yaml) under
    which the user names the original distribution. A task with both prefers what is brought.
    `rows` are the rows at the pinned revision, by `split` or `language/split`; what nobody has
    verified is left out. `languages` are those in which `evaluated` (a split) exists; training
    and selection happen in English. `parallel` says that row i is the same item in every language.
    `trained_on` names another task whose training set serves this one, and `tests` are the tasks
    that it serves. `same_data` names tasks trained on the same rows: an intermediate among them
    means more epochs, not transfer. `held_out` rows of a language's training part, evenly spaced,
    serve as its validation split where that has no answers. `main_metric` is the first of the
    metrics where that is not the head's own. `version` is raised whenever reading or scoring
    changes. `base` is set for a machine-translated set (stages/tasks/translations.py): the task
    that it translates, whose English files serve as its own. `written_in` is the language of its
    texts where that is not its folder's: tests translated to English are kept by the language
    that they were translated from.
    """

    name: str
    head: str
    labels: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    languages: tuple[str, ...] = ("en",)
    evaluated: str | None = None
    parallel: bool = False
    trained_on: str | None = None
    tests: tuple[str, ...] = ()
    same_data: frozenset[str] = field(default_factory=frozenset)
    brought: str | None = None
    held_out: int = 0
    main_metric: str = ""
    version: int = 1
    base: str | None = None
    written_in: str | None = None

    def as_data(self) -> dict[str, Any]:
        """The record as JSON holds it; what only translated sets have is left out of the others."""
        record = asdict(self)
        return {k: v for k, v in record.items() if k not in ("base", "written_in") or v}

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics as scores.csv names them, the main one first."""
        return tuple(sorted(METRICS[self.head], key=lambda name: name != self.main_metric))

    @property
    def source(self) -> Source:
        """The first source, the only one of most tasks."""
        return self.sources[0]

    @property
    def translated(self) -> bool:
        """Whether a machine translated it: never averaged with what people translated."""
        return self.base is not None

    @property
    def is_target(self) -> bool:
        """Whether the task is evaluated zero-shot in other languages."""
        return self.evaluated is not None

    @property
    def is_trained(self) -> bool:
        """Whether the task has a training set of its own."""
        return self.trained_on is None and self.head not in WITHOUT_TRAINING

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that exist in English, training first."""
        named = dict.fromkeys(split for source in self.sources for split in source.splits)
        if named:
            return tuple(named)
        return ("dev", "test") if self.head == "mining" else ("train", "validation")

    def evaluates(self) -> tuple[str, ...]:
        """The targets that a model trained on this task is evaluated on."""
        own = (self.name,) if self.is_target and self.is_trained else ()
        return own + self.tests

    @property
    def training(self) -> tuple[str, ...]:
        """The files under encoded/ that are its training set; English is always the base's own."""
        if not self.translated:
            return (f"{self.name}/en/train.parquet",)
        return tuple(
            f"{self.base if code == 'en' else self.name}/{code}/train.parquet"
            for code in self.languages
        )

    @property
    def development(self) -> str:
        """The file under encoded/ that models are selected on: English, whatever is trained on."""
        return f"{self.base or self.name}/en/validation.parquet"

    def expected(self, language: str, split: str) -> int | None:
        """The rows of a file at the pinned revision; None where nobody has verified them."""
        return self.rows.get(f"{language}/{split}", self.rows.get(split))

    def files(self) -> list[tuple[str, str]]:
        """(language, split) of every file that a study reads, English first."""
        if self.head == "mining":
            splits = dict.fromkeys(("dev", self.evaluated or "dev"))
            return [(language, split) for language in self.languages for split in splits]
        if self.head == "text":
            return [(language, "train") for language in self.languages]
        if self.translated and self.is_trained:
            return [(language, "train") for language in self.languages if language != "en"]
        tested = [(language, self.evaluated) for language in self.languages if self.evaluated]
        if not self.is_trained:
            return tested
        english = [
            ("en", split)
            for split in self.splits
            if split in ("train", "validation") or ("en", split) in tested
        ]
        return english + [file for file in tested if file[0] != "en"]
