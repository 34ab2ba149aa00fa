"""Universal Dependencies 2.5 as XTREME converts it: one word and one tag a written token.

XTREME runs a tree conversion over every file and then filters sentences; these are its rules,
written anew:
- files of a language are those named `<language>_...-ud-<split>.conllu`, in the order of their
  names; treebanks of Ancient Greek (grc) or Swiss German (gsw) are other languages;
- an empty node (id 8.1) is no word;
- a multiword token (id 3-4) is one word, in its written form. Its tag is that of the word inside
  it with the fewest ancestors in the graph of basic and enhanced dependencies, and, where several
  have as few, that of the first in the language's order of tags;
- a sentence that is all but entirely `_` (the treebanks without text) is left out;
- zero-width non-joiners and blanks inside a word are removed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from stages.errors import UserError
from stages.sources import archive
from stages.sources.origin import Origin, Rows
from stages.tasks import Task

FILE = re.compile(r"(?P<language>[a-z]+)_(?P<treebank>\w+)-ud-(?P<split>train|dev|test)\.conllu")
SPLITS = {"train": "train", "validation": "dev", "test": "test"}
PRECEDENCE = {
    "es": "VERB AUX PRON ADP DET",
    "fr": "VERB AUX PRON NOUN ADJ ADV ADP DET PART SCONJ CONJ",
    "it": "VERB AUX ADV PRON ADP DET INTJ",
}
DEFAULT = "VERB NOUN PROPN PRON ADJ NUM ADV INTJ AUX ADP DET PART CCONJ SCONJ X PUNCT"
COLUMNS = 10


@dataclass
class Sentence:
    """The words of one sentence by id: form, tag, heads; and its multiword tokens."""

    forms: dict[int, str] = field(default_factory=dict)
    tags: dict[int, str] = field(default_factory=dict)
    heads: dict[int, set[int]] = field(default_factory=dict)
    fused: list[tuple[int, int, str]] = field(default_factory=list)

    def ancestors(self, word: int) -> int:
        """How many nodes lead to `word`, the root among them."""
        seen: set[int] = set()
        waiting = [word]
        while waiting:
            for head in self.heads.get(waiting.pop(), ()):
                if head not in seen:
                    seen.add(head)
                    waiting.append(head)
        return len(seen - {word})

    def converted(self, precedence: list[str]) -> tuple[list[str], list[str]]:
        """Return its words and tags with every multiword token as one word."""
        forms, tags = dict(self.forms), dict(self.tags)
        for first, last, form in self.fused:
            span = range(first, last + 1)
            depths = {word: self.ancestors(word) for word in span}
            highest = [word for word in span if depths[word] == min(depths.values())]
            head = min(highest, key=lambda word: _rank(self.tags[word], precedence))
            for word in span:
                if word != head:
                    del forms[word], tags[word]
            forms[head] = form
        order = sorted(forms)
        return [forms[word].strip() for word in order], [tags[word].strip() for word in order]


def _rank(tag: str, precedence: list[str]) -> int:
    return precedence.index(tag) if tag in precedence else len(precedence)


def parse(content: str, place: str) -> Iterator[Sentence]:
    """Yield the sentences of a conllu file.

    Raises
    ------
    UserError
        A line has not ten columns, an id or head is no number, a token spans words that are not
        there.
    """
    sentence, start = Sentence(), 1
    for number, line in enumerate([*content.split("\n"), ""], start=1):
        if not line.strip():
            if sentence.forms:
                for first, last, _ in sentence.fused:
                    if not all(word in sentence.forms for word in range(first, last + 1)):
                        raise _wrong(place, start, f"the words {first} to {last}", "not all")
                yield sentence
            sentence, start = Sentence(), number + 1
        elif not line.startswith("#"):
            _add(sentence, line.split("\t"), place, number)


def _add(sentence: Sentence, cells: list[str], place: str, number: int) -> None:
    if len(cells) != COLUMNS:
        raise _wrong(place, number, f"{COLUMNS} columns", str(len(cells)))
    name, form, tag, head, enhanced = cells[0], cells[1], cells[3], cells[6], cells[8]
    if re.fullmatch(r"\d+\.\d+", name):
        return
    if match := re.fullmatch(r"(\d+)-(\d+)", name):
        sentence.fused.append((int(match[1]), int(match[2]), form))
        return
    if not name.isdigit() or not (head.isdigit() or head == "_"):
        raise _wrong(place, number, "an id and a head that are numbers", f"{name} and {head}")
    word = int(name)
    if word != len(sentence.forms) + 1:
        raise _wrong(place, number, f"the word {len(sentence.forms) + 1}", name)
    sentence.forms[word], sentence.tags[word] = form, tag
    others = [] if enhanced == "_" else [pair.split(":")[0] for pair in enhanced.split("|")]
    # an enhanced head may be an empty node (5.1), which is no word here
    sentence.heads[word] = {int(other) for other in (head, *others) if other.isdigit()}


def _wrong(place: str, line: int, expected: str, found: str) -> UserError:
    return UserError(
        f"{place}, line {line}: expected {expected}, found {found}. Give the treebank as released."
    )


def convert(content: str, place: str, language: str) -> Iterator[tuple[list[str], list[str]]]:
    """Yield (words, tags) of every sentence of a file that XTREME keeps."""
    precedence = PRECEDENCE.get(language, DEFAULT).split()
    for sentence in parse(content, place):
        words, tags = sentence.converted(precedence)
        hidden = words.count("_")
        if hidden and hidden >= len(words) - 1:
            continue
        yield [word.replace("\u200c", "").replace(" ", "") or word for word in words], tags


def read(task: Task, path: Path) -> Iterator[tuple[str, str, Rows, list[Origin]]]:
    """Yield (language, split, rows, origins) of every file of data/<task>.

    Raises
    ------
    UserError
        The path has no treebank of a language or split, or a line does not fit.
    """
    needed = {(language, SPLITS[split]): (language, split) for language, split in task.files()}
    found: dict[tuple[str, str], list[tuple[str, str, bytes]]] = {}

    def wanted(name: str) -> bool:
        match = FILE.fullmatch(name)
        return match is not None and (match["language"], match["split"]) in needed

    for name, place, content in archive.members(path, wanted):
        match = FILE.fullmatch(name)
        assert match is not None
        key = needed[match["language"], match["split"]]
        found.setdefault(key, []).append((name, place, content))
    for language, split in task.files():
        files = sorted(found.get((language, split), []))
        if not files:
            raise UserError(
                f"{path}: expected files {language}_*-ud-{SPLITS[split]}.conllu of UD 2.5, found "
                f"none. Name the folder of the treebanks in snapshot.sources.{task.brought}, or "
                f"leave {language} out: data.languages.{task.name}."
            )
        columns: dict[str, list] = {"id": [], "tokens": [], "tags": []}
        origins = []
        for name, place, content in files:
            origins.append(Origin(name, path, hashlib.sha256(content).hexdigest()))
            stem = name.partition("-ud-")[0]
            sentences = convert(archive.text(content, place), place, language)
            for number, (words, tags) in enumerate(sentences):
                unknown = next((tag for tag in tags if tag not in task.labels), None)
                if unknown is not None:
                    raise UserError(
                        f"{place}, sentence {number + 1}: unknown tag {unknown!r}; expected one of "
                        f"{', '.join(task.labels)}."
                    )
                columns["id"].append(f"{stem}-{number}")
                columns["tokens"].append(words)
                columns["tags"].append(tags)
        yield language, split, Rows(columns), origins
