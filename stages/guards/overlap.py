"""Overlap: which rows of a training set stand in a test or development set, and the other way.

Items of one shape are compared: both sides of a pair, the context (SQuAD: one paragraph has many
questions), the words of a tagged sentence, a multiple-choice item with its options.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from stages.guards.leakage import Texts, matches
from stages.guards.rule import Rule

if TYPE_CHECKING:
    import pandas as pd

_REPAIR = "Severity repair leaves the training rows out; with warn, say it beside the scores."
TEST = Rule(
    "test_in_train",
    "warn",
    "no test item in a training set of the study",
    _REPAIR,
    stop_above=0.1,  # of exact copies; at most 6% (UD-POS) in published sets, of short sentences
)
SELECTED = Rule(
    "test_in_dev",
    "warn",
    "no test item in a development set of the study",
    "Selection on test items: severity repair leaves the development rows out.",
    stop_above=0.1,
)
DEVELOPMENT = Rule(
    "dev_in_train",
    "warn",
    "no development item in a training set of the study",
    "Selection sees what it trained on: severity repair leaves the training rows out.",
)
RULES = (TEST, SELECTED, DEVELOPMENT)

SIDES: Mapping[str, Callable[[pd.DataFrame], Iterator[Sequence[str]]]] = {
    "pair": lambda rows: zip(rows["sentence1"], rows["sentence2"], strict=True),
    "span": lambda rows: ((context,) for context in rows["context"]),
    "tagging": lambda rows: ((" ".join(words),) for words in rows["tokens"]),
    "choice": lambda rows: (
        (f"{context} {question}", " ".join(options))
        for context, question, options in zip(
            rows["context"], rows["question"], rows["options"], strict=True
        )
    ),
}


@dataclass(frozen=True)
class Part:
    """One file: rows as `Table.frame` gives them, and its role: train, dev or test.

    `by_id` says that rows of equal id are the same item in every language.
    """

    task: str
    head: str
    file: str
    rows: pd.DataFrame
    role: str
    by_id: bool = False

    @property
    def language(self) -> str:
        """The language folder of the file."""
        return self.file.partition("/")[0]

    @cached_property
    def texts(self) -> Texts:
        """The different items of the file."""
        return Texts(
            tuple(side if isinstance(side, str) else "" for side in sides)
            for sides in SIDES[self.head](self.rows)
        )


@dataclass(frozen=True)
class Leaked:
    """A row of a file that stands in another one: rows from 1; through "text" or "id"."""

    row: int
    id: str
    known_row: int
    known_id: str
    similarity: float
    through: str


@dataclass
class Overlap:
    """What a training (or development) file `known` and a test (or development) file share.

    `known_rows` are all rows of `known` that are copies, from 1; `texts` counts different items.
    """

    rule: Rule
    known: Part
    asked: Part
    leaked: list[Leaked] = field(default_factory=list)
    known_rows: list[int] = field(default_factory=list)
    texts: int = 0

    @property
    def exact(self) -> float:
        """The share of the rows of `asked` that stand in `known` letter by letter."""
        same = sum(found.similarity == 1 for found in self.leaked)
        return same / max(len(self.asked.rows), 1)


def overlaps(known: Part, asked: Sequence[Part]) -> list[Overlap]:
    """Compare a file with others of its head, and follow what leaks through the ids.

    A training file is compared with tests and development files, a development file with tests.
    """
    trained = {"test": TEST, "dev": DEVELOPMENT}
    rules = trained if known.role == "train" else {"test": SELECTED}
    found = [_overlap(rules[part.role], known, part) for part in asked if part.role in rules]
    for overlap in found:
        english = next((one for one in found if _english(one.asked, overlap.asked)), None)
        if english is not None and overlap.asked.by_id and english is not overlap:
            _follow(overlap, english)
    return [overlap for overlap in found if overlap.leaked]


def _english(part: Part, other: Part) -> bool:
    """Whether `part` is the English file of `other`."""
    return part.task == other.task and part.file == f"en/{other.file.partition('/')[2]}"


def _overlap(rule: Rule, known: Part, asked: Part) -> Overlap:
    best: dict[int, tuple[float, int]] = {}
    rows: set[int] = set()
    texts = set()
    for match in matches(known.texts, asked.texts):
        rows.update(match.train)
        texts.add(match.test[0])
        found = (match.similarity, -match.train[0])
        for row in match.test:
            best[row] = max(best.get(row, found), found)
    names, ids = known.rows["id"].tolist(), asked.rows["id"].tolist()
    leaked = [
        Leaked(row + 1, ids[row], 1 - place, names[-place], similarity, "text")
        for row, (similarity, place) in sorted(best.items())
    ]
    return Overlap(rule, known, asked, leaked, sorted(row + 1 for row in rows), len(texts))


def _follow(overlap: Overlap, english: Overlap) -> None:
    """Add the rows of a language whose English item leaks."""
    sources = {found.id: found for found in english.leaked}
    have = {found.row for found in overlap.leaked}
    more = [
        Leaked(row, name, found.known_row, found.known_id, found.similarity, "id")
        for row, name in enumerate(overlap.asked.rows["id"], 1)
        if row not in have and (found := sources.get(name)) is not None
    ]
    if more:
        overlap.leaked = sorted([*overlap.leaked, *more], key=lambda found: found.row)
        overlap.known_rows = sorted({*overlap.known_rows, *english.known_rows})
        overlap.texts = max(overlap.texts, english.texts)
