"""The sample's rows, made once for the tests of a file, and the names of its columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sample.write import Repository, build

Rows = list[dict[str, Any]]

XNLI_LANGUAGES = "ar bg de el en es fr hi ru sw th tr ur vi zh".split()
PAWSX_LANGUAGES = "de en es fr ja ko zh".split()
COLUMNS = {
    "facebook/xnli": ("premise", "hypothesis"),
    "google-research-datasets/paws-x": ("sentence1", "sentence2"),
    "mnli": ("premise", "hypothesis"),
    "qqp": ("question1", "question2"),
}


@pytest.fixture(scope="module")
def built() -> dict[str, Repository]:
    return build()


@pytest.fixture(scope="module")
def sets(built: dict[str, Repository]) -> list[tuple[str, str, str, Rows]]:
    """(task, language, split, rows) of every file, pairs under the names `one` and `two`."""
    found = []
    for repository, configs in built.items():
        for config, splits in configs.items():
            task = config if repository == "nyu-mll/glue" else repository
            one, two = COLUMNS[task]
            for split, rows in splits.items():
                named = [{**row, "one": row[one], "two": row[two]} for row in rows]
                language = "en" if repository == "nyu-mll/glue" else config
                found.append((task, language, split, named))
    return found


def sentences(rows: Rows) -> Iterator[str]:
    for row in rows:
        yield row["one"]
        yield row["two"]
