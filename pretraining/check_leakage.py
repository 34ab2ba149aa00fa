"""Take every sentence out of the training text that an evaluated data set holds, in any language.

In:  build/sentences.parquet; the evaluated splits of the hub or the mirror
Out: build/clean.parquet, the text to learn from; leakage.csv, what was taken out and why

A sentence is held when its letters and digits, case folded, equal those of an evaluated text or
of one of its sentences. Its whole meaning goes: all its translations. Frequent single words are
vocabulary, not sentences, and stay.

Alone: python -m pretraining.check_leakage
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from pretraining.hub import load
from stages.errors import UserError, run
from stages.writing import replacing

HERE = Path(__file__).parent
BUILD = HERE / "build"
_END = re.compile(r"(?<=[.!?।。؟])\s+|(?<=。)")
_OTHER = re.compile(r"[\W_]+")


def fingerprint(text: str) -> str:
    """Return the letters and digits of `text`, case folded: equal for equal sentences."""
    return _OTHER.sub("", text.casefold())


def parts(text: str) -> Iterator[str]:
    """Yield the text and, where it has several, its sentences."""
    yield text
    yield from _END.split(text)


def read_evaluated(where: str) -> Iterator[tuple[str, str]]:
    """Yield (data set, text) for everything that XTREME evaluates, as the study evaluates it."""
    from datasets import get_dataset_config_names

    for name, repository in (
        ("xnli", "facebook/xnli"),
        ("pawsx", "google-research-datasets/paws-x"),
    ):
        path = repository if where == "hub" else os.path.join(where, repository)
        for configuration in get_dataset_config_names(path):
            if configuration == "all_languages":
                continue
            test = load(where, repository, configuration, "test")
            for column in ("premise", "hypothesis", "sentence1", "sentence2"):
                if column in test.column_names:
                    yield from ((name, text) for text in test[column])
    path = "google/xtreme" if where == "hub" else os.path.join(where, "google/xtreme")
    for configuration in sorted(get_dataset_config_names(path)):
        task = configuration.split(".")[0]
        if task not in ("XQuAD", "MLQA", "tydiqa", "tatoeba", "PAN-X", "udpos", "bucc18"):
            continue
        for split in evaluated_splits(task):
            try:
                rows = load(where, "google/xtreme", configuration, split)
            except ValueError:  # a split that this configuration does not have
                continue
            for column in ("context", "question", "source_sentence", "target_sentence"):
                if column in rows.column_names:
                    yield from ((task, text) for text in set(rows[column]))
            if "tokens" in rows.column_names:
                yield from ((task, " ".join(words)) for words in rows["tokens"])


def evaluated_splits(task: str) -> tuple[str, ...]:
    """Return the splits of a task of google/xtreme that are evaluated, here or in the paper."""
    return {
        "PAN-X": ("validation", "test"),
        "udpos": ("test",),
        "MLQA": ("validation", "test"),
    }.get(task, ("validation",))


def clean(table: Any, evaluated: Iterable[tuple[str, str]]) -> tuple[Any, Any]:
    """Split the rows into those to learn from and those that an evaluated text holds.

    Returns (kept, taken): `taken` has the column `found_in` and every row of a held meaning.
    """
    held: dict[str, str] = {}
    for name, text in evaluated:
        for part in parts(text):
            held.setdefault(fingerprint(part), name)
    held.pop("", None)
    sentences = table.source != "words"
    found = table.text.where(sentences, "").map(
        lambda text: next((held[f] for f in map(fingerprint, parts(text)) if f in held), "")
    )
    reasons = found[found != ""].groupby(table.meaning[found != ""]).first()
    taken = table.meaning.isin(reasons.index)
    return table[~taken], table[taken].assign(found_in=table.meaning[taken].map(reasons))


def main() -> None:
    import pandas as pd

    params = yaml.safe_load((HERE / "params.yaml").read_text())
    where = os.environ.get("PRETRAINING_HUB", params["sources"]["hub"])
    table = pd.read_parquet(BUILD / "sentences.parquet")
    kept, taken = clean(table, read_evaluated(where))
    if kept.empty:
        raise UserError("expected sentences to learn from, found that every one is evaluated text")
    counts = taken.groupby(["source", "language", "found_in"]).size().rename("rows").reset_index()
    with replacing(HERE / "leakage.csv") as temporary:
        counts.to_csv(temporary, index=False)
    with replacing(BUILD / "clean.parquet") as temporary:
        kept.to_parquet(temporary, index=False)
    print(taken.groupby(["source", "found_in"]).size().to_string())
    print(f"{len(kept):,} rows to learn from, {len(taken):,} taken out")


if __name__ == "__main__":
    run(main)
