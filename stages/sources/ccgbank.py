"""CCGbank's AUTO files: words and supertags, read from the leaves of the derivations.

Sections 02 to 21 are the training set and 00 is the development set, as everywhere in the field.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.errors import UserError
from stages.sources import archive
from stages.sources.origin import Origin, Rows
from stages.tasks import Task

FILE = re.compile(r"wsj_(?P<section>\d\d)\d\d\.auto")
SECTIONS = {"train": range(2, 22), "validation": range(1)}
# (<L category POS-tag original-POS-tag word predicate-argument-category>)
LEAF = re.compile(r"\(<L (\S+) \S+ \S+ (\S+) \S+>\)")


def parse(content: str, place: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield (id, words, supertags) of every derivation: a line of `ID=...`, then its tree.

    Raises
    ------
    UserError
        A tree has no id before it, or a leaf is not of the AUTO format.
    """
    name = ""
    for number, line in enumerate(content.split("\n"), start=1):
        if line.startswith("ID="):
            name = line.split()[0].removeprefix("ID=")
        elif line.strip():
            leaves = LEAF.findall(line)
            if not name or not leaves or len(leaves) != line.count("(<L "):
                raise UserError(
                    f"{place}, line {number}: expected a line of ID= and then a derivation with "
                    f"leaves (<L category tag tag word category>), found {line[:60]!r}. Give "
                    "CCGbank's AUTO files as released."
                )
            yield name, [word for _, word in leaves], [tag for tag, _ in leaves]
            name = ""


def read(task: Task, path: Path) -> Iterator[tuple[str, str, Rows, list[Origin]]]:
    """Yield ("en", split, rows, origins) of the training and the development set.

    Raises
    ------
    UserError
        The path has no AUTO file of the sections, or a line does not fit.
    """
    columns: dict[str, dict[str, list]] = {}
    files: dict[str, list[str]] = {}
    digests: dict[str, Any] = {}
    found = archive.members(path, lambda name: FILE.fullmatch(name) is not None)
    for file, place, content in found:
        match = FILE.fullmatch(file)
        assert match is not None
        split = next((s for s, wanted in SECTIONS.items() if int(match["section"]) in wanted), None)
        if split is None:
            continue
        into = columns.setdefault(split, {"id": [], "tokens": [], "tags": []})
        files.setdefault(split, []).append(file)
        digests.setdefault(split, hashlib.sha256()).update(content)
        for name, words, tags in parse(archive.text(content, place), place):
            into["id"].append(name)
            into["tokens"].append(words)
            into["tags"].append(tags)
    for language, split in task.files():
        if split not in columns:
            raise UserError(
                f"{path}: expected AUTO files (wsj_SSNN.auto) of the sections "
                f"{SECTIONS[split][0]:02} to {SECTIONS[split][-1]:02}, found none. Name the folder "
                f"of CCGbank (LDC2005T13) in snapshot.sources.{task.brought}."
            )
        # some 2,000 files: one entry for all of them
        name = f"{files[split][0]} and {len(files[split]) - 1} more"
        yield (
            language,
            split,
            Rows(columns[split]),
            [Origin(name, path, digests[split].hexdigest())],
        )


def labels(train: Rows, validation: Rows) -> list[str]:
    """Return the supertags: those of the training set in order, then those only validation has.

    The latter are never learned; they are there so that every gold tag has a number.
    """
    known = {tag for tags in train.columns["tags"] for tag in tags}
    unseen = {tag for tags in validation.columns["tags"] for tag in tags} - known
    return [*sorted(known), *sorted(unseen)]
