"""BUCC 2018: sentences of two languages and the pairs among them.

As in XTREME, the archives' sample part is the development set and their training part the test
set. The archives' own test part came without gold pairs and is not used. Files that were split
before (`zh-en.dev.*`, `zh-en.test.*`) are read as they are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from stages.errors import UserError
from stages.sources import archive
from stages.sources.origin import Origin, Rows
from stages.tasks import Task

FILE = re.compile(r"(?P<language>[a-z]{2})-en\.(?P<part>\w+)\.(?P<kind>[a-z]{2}|gold)")
# the first part that is there with its gold pairs is taken
PARTS = {"dev": ("sample", "dev"), "test": ("training", "test")}

Files = dict[tuple[str, str, str], tuple[str, str, bytes]]


def read(task: Task, path: Path, listed: bool) -> Iterator[tuple[str, str, Rows, list[Origin]]]:
    """Yield (language, split, rows, origins) of every file of data/<task>.

    listed : whether the study names the languages: then none may be missing. Else a language
        without files is left out with a line.
    Raises
    ------
    UserError
        The path has no files of a listed language or of any, a part of a language is missing, or
        a line does not fit.
    """
    files: Files = {}
    found = archive.members(path, lambda name: FILE.fullmatch(name) is not None)
    for name, place, content in found:
        match = FILE.fullmatch(name)
        assert match is not None
        files[match["language"], match["part"], match["kind"]] = (name, place, content)
    languages = {language for language, _, _ in files} & set(task.languages)
    missing = [language for language in task.languages if language not in languages]
    if missing and (listed or not languages):
        raise UserError(
            f"{path}: expected files {missing[0]}-en.{{sample,training}}.{{{missing[0]},en,gold}} "
            f"or {missing[0]}-en.{{dev,test}}.*, found none. Fetch the archives of BUCC 2018, or "
            f"leave {missing[0]} out: data.languages.{task.name}."
        )
    for language in missing:
        print(f"  {task.name}/{language}: no files in {path}, left out", flush=True)
    for language, split in task.files():
        if language in languages:
            yield language, split, *_split(task, path, files, language, split)


def _split(
    task: Task, path: Path, files: Files, language: str, split: str
) -> tuple[Rows, list[Origin]]:
    kinds = (language, "en", "gold")
    for part in PARTS[split]:
        if all((language, part, kind) in files for kind in kinds):
            found = [files[language, part, kind] for kind in kinds]
            break
    else:
        parts = " or ".join(f"{language}-en.{part}" for part in PARTS[split])
        there = sorted(".".join((f"{a}-en", b, c)) for a, b, c in files if a == language)
        raise UserError(
            f"{path}: expected {parts} with the endings {', '.join(kinds)} for {split}, found "
            f"{', '.join(there)}. Fetch the archive with gold pairs; a study without this part "
            f"says so: data.evaluated.{task.name} or data.languages.{task.name}."
        )
    texts = [(place, archive.text(content, place)) for _, place, content in found]
    source, english = _sentences(*texts[0]), _sentences(*texts[1])
    gold = _gold(*texts[2], source, english)
    columns: dict[str, list] = {
        "id": [*source, *english],
        "side": ["source"] * len(source) + ["english"] * len(english),
        "sentence": [*source.values(), *english.values()],
        "gold": [*(gold.get(name, []) for name in source), *([] for _ in english)],
    }
    origins = [
        Origin(name, path, hashlib.sha256(content).hexdigest()) for name, _, content in found
    ]
    return Rows(columns), origins


def _sentences(place: str, content: str) -> dict[str, str]:
    """{id: sentence} of lines `id TAB sentence`, in their order; blanks at the ends are kept."""
    sentences: dict[str, str] = {}
    for number, name, sentence in _lines(place, content):
        if name in sentences:
            raise UserError(f"{place}, line {number}: the id {name} was there before.")
        sentences[name] = sentence
    return sentences


def _gold(
    place: str, content: str, source: dict[str, str], english: dict[str, str]
) -> dict[str, list[str]]:
    """{source id: English ids} of lines `source id TAB English id`."""
    gold: dict[str, list[str]] = {}
    for number, first, second in _lines(place, content):
        if first not in source or second not in english:
            raise UserError(
                f"{place}, line {number}: expected the id of a sentence and of an English one, "
                f"found {first} and {second}. Give the files of one archive."
            )
        gold.setdefault(first, []).append(second)
    return gold


def _lines(place: str, content: str) -> Iterator[tuple[int, str, str]]:
    lines = content.split("\n")
    if lines[-1] == "":
        lines.pop()
    for number, line in enumerate(lines, start=1):
        first, tab, second = line.partition("\t")
        if not tab or not first:
            raise UserError(
                f"{place}, line {number}: expected two fields with a tab between, found "
                f"{line[:60]!r}."
            )
        yield number, first, second
