"""Translated sets as they circulate: XTREME's and others' files, and those of stages/translate.py.

A file is found by its name: a language code, `train` or not, and the task where it is named
(`en-sw-translated.tsv`, `squad.translate.train.en-es.json`, `mnli.id.train.jsonl`). Rows keep the
ids of the base's rows where the file is a translation of these, row by row or by id; the source
side goes beside the translation, for the guards.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from stages.errors import UserError
from stages.guards import read as guarded
from stages.guards import translated
from stages.sources.origin import Origin, Rows, digest
from stages.sources.translated_rows import fitting
from stages.tasks import TASKS, Task, schema
from stages.tasks.translations import LANGUAGES, PSEUDO, TEST

SUFFIXES = (".tsv", ".jsonl", ".json", ".parquet")
SOURCE = ".source.parquet"  # beside a translation of ours
SPLITS = {
    "train": "train", "dev": "validation", "val": "validation", "valid": "validation",
    "validation": "validation", "test": "test",
}  # fmt: skip

Part = tuple[str, str, Rows, Rows | None, list[Origin]]


def read(task: Task, path: Path, data: Path) -> Iterator[Part]:
    """Yield (language, split, rows, their source side, origins) of every file of data/<task>.

    data : the folder with data/<base>, whose English is that of a translated test.
    Raises
    ------
    UserError
        A language has no file or two, a file is broken or is no translation of the base.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file or folder (snapshot.sources.{task.name}).")
    english: Rows | None = None  # a part of the base's, where the files bring it
    for language, split in task.files():
        file = _find(task, path, language, split)
        if file is None:  # English, which nobody translates
            rows, origin = _base(task, data, "en", split)
            if rows is None:
                raise UserError(
                    f"{origin.path} not found: the English of {task.name} is that of {task.base}. "
                    f"Take the snapshot of {task.base} first."
                )
            yield language, split, rows, None, [origin]
            continue
        spoken = task.written_in or language
        found = _load(task, file, spoken)
        own = file.with_name(file.stem + SOURCE)
        if own.exists():
            found.source = _load(task, own, "en").rows
        original = "en" if task.written_in is None else language
        base, origin = _base(task, data, original, split)
        rows, source = fitting(task, file, found, english or base, origin.path)
        if language == "en":
            english = rows
        yield language, split, rows, source if language != "en" else None, [_origin(file)]


def _find(task: Task, path: Path, language: str, split: str) -> Path | None:
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    files = [
        file
        for file in files
        if file.suffix in SUFFIXES and not file.name.endswith(SOURCE) and file.is_file()
    ]
    found = [file for file in files if _fits(task, words(file), language, split, file == path)]
    exact = [file for file in found if split in _splits(words(file))]
    found = exact or found
    if len(found) > 1:
        raise UserError(
            f"{path}: {found[0].name} and {found[1].name} are both {language} of {task.name}: name "
            f"a folder that holds one of them in snapshot.sources.{task.name}."
        )
    if not found and language != "en":
        raise UserError(
            f"{path}: no file of {task.name} in {language}: expected a name such as "
            f"{task.name}.{language}.tsv, en-{language}-translated.tsv (.jsonl, .json, .parquet). "
            f"List the languages that there are in data.languages.{task.name}."
        )
    return found[0] if found else None


def words(file: Path) -> list[str]:
    """The words of a file's name, without numbers at their ends: `val500` is val."""
    return [re.sub(r"\d+$", "", word) for word in re.split(r"[._\-]+", file.stem.lower())]


def _splits(found: Sequence[str]) -> set[str]:
    return {SPLITS[word] for word in found if word in SPLITS}


def _fits(task: Task, found: Sequence[str], language: str, split: str, alone: bool) -> bool:
    """Whether a file of these words is the task's; `alone`, the user named this very file."""
    named = {word for word in found if word in TASKS}
    if named and task.base not in named:
        return False
    codes = {word for word in found if word in LANGUAGES}
    if codes != {"en"}:
        codes -= {"en"}
    if codes != {language} and (codes or not alone):
        return False
    kind = task.name.partition(".")[2]
    if ("pseudo" in found) > (kind == PSEUDO):
        return False
    together = "-".join(found)
    if (TEST in together) > (kind == TEST):
        return False
    splits = _splits(found)
    return not splits or ("train" in splits) == (split == "train")


def _load(task: Task, file: Path, spoken: str) -> translated.Translated:
    try:
        found = translated.load(file, spoken)
    except guarded.Unreadable as error:
        raise UserError(f"{file}: expected {error.rule.holds}; found {error}.") from None
    if found.head != task.head:
        raise UserError(
            f"{file}: expected the columns {', '.join(schema.DATA[task.head])} for {task.name}, "
            f"found those of another kind of task ({found.head})."
        )
    if found.count_broken:
        first = found.broken[0]
        raise UserError(
            f"{file}, line {first.row}: {translated.LINES.holds} expected, found {first.found} "
            f"({found.count_broken} such lines). A line was cut or holds a tab: fetch the file "
            "again, or mend it. Nothing was written."
        )
    return found


def _base(task: Task, data: Path, language: str, split: str) -> tuple[Rows | None, Origin]:
    """The rows of the base in a language, where there are any."""
    path = data / str(task.base) / language / f"{split}.parquet"
    if not path.exists():
        return None, Origin(path.name, path, "")
    try:
        table = guarded.read(path)
    except guarded.Unreadable as error:
        raise UserError(f"{path}: {error}. Take the snapshot of {task.base} again.") from None
    return Rows(table.rows.to_pydict()), Origin(
        f"data/{task.base}/{language}/{split}.parquet", path, table.sha256
    )


def _origin(file: Path) -> Origin:
    return Origin(file.name, file, digest(file))
