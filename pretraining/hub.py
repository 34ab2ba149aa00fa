"""Read sentences of hub data sets: the ones whose licences allow it, no evaluated split.

Each reader yields rows (source, meaning, language, text). Rows of one meaning are translations
of each other; a meaning without an English row is monolingual.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from stages.errors import UserError

Row = tuple[str, str, str, str]

XNLI = ("ar", "bg", "de", "el", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")
PAWSX = ("de", "es", "fr", "ja", "ko", "zh")
# English training sets: repository, configuration, split, columns of text.
# SQuAD stays out: some of its paragraphs are XQuAD's test set, in English.
ENGLISH = (
    ("nyu-mll/glue", "mnli", "train", ("premise", "hypothesis")),
    ("stanfordnlp/snli", None, "train", ("premise", "hypothesis")),
    ("nyu-mll/glue", "qqp", "train", ("question1", "question2")),
    ("tau/commonsense_qa", None, "train", ("question",)),
    ("allenai/cosmos_qa", None, "train", ("context", "question")),
)
TYDIQA = {"english": "en", "korean": "ko", "swahili": "sw"}
_END = re.compile(r"(?<=[.!?।。؟])\s+")


def load(hub: str, repository: str, configuration: str | None, split: str) -> Any:
    """Load one split of a hub data set, from the hub or from the mirror folder `hub`."""
    from datasets import load_dataset

    path = repository if hub == "hub" else os.path.join(hub, repository)
    if hub != "hub" and not os.path.isdir(path):
        raise UserError(
            f"expected the data set {repository} in the mirror, found no folder {path}; "
            "set sources.hub in pretraining/params.yaml (or PRETRAINING_HUB) to a mirror or 'hub'"
        )
    return load_dataset(path, configuration, split=split)


def read_xnli(hub: str) -> Iterator[Row]:
    """Yield XNLI's validation sentences in 15 languages, unlabelled; English texts are meanings."""
    english = load(hub, "facebook/xnli", "en", "validation")
    for column in ("premise", "hypothesis"):
        keys = [f"xnli:{text.strip()}" for text in english[column]]
        for text, key in zip(english[column], keys, strict=True):
            yield "xnli", key, "en", text
        for language in XNLI:
            foreign = load(hub, "facebook/xnli", language, "validation")
            for text, key in zip(foreign[column], keys, strict=True):
                yield "xnli", key, language, text


def read_pawsx(hub: str) -> Iterator[Row]:
    """Yield PAWS-X's validation sentences in 7 languages, unlabelled, aligned by their ids.

    A mirror may hold a part of the English validation set as `train`; on the hub the English
    validation set is complete and `train` is not read.
    """
    repository = "google-research-datasets/paws-x"
    columns = ("sentence1", "sentence2")
    english = list(load(hub, repository, "en", "validation"))
    foreign = {language: list(load(hub, repository, language, "validation")) for language in PAWSX}
    if len(english) < len(foreign["de"]):
        english += list(load(hub, repository, "en", "train"))
    ids = {row["id"] for row in english}
    for language, rows in {"en": english, **foreign}.items():
        for row in rows:
            if row["id"] not in ids:
                continue
            for column in columns:
                if row[column].strip() not in ("", "NS"):
                    yield "pawsx", f"pawsx:{row['id']}:{column}", language, row[column]


def read_english(hub: str, limit: int) -> Iterator[Row]:
    """Yield at most `limit` sentences of each English training set."""
    for repository, configuration, split, columns in ENGLISH:
        name = configuration or repository.split("/")[1]
        texts = dict.fromkeys(
            text
            for column in columns
            for whole in load(hub, repository, configuration, split)[column]
            for text in _END.split(whole or "")
        )
        for number, text in enumerate(list(texts)[:limit]):
            yield name, f"{name}:{number}", "en", text


def read_tydiqa(hub: str) -> Iterator[Row]:
    """Yield the sentences of TyDiQA's training passages and questions, monolingual."""
    seen: set[str] = set()
    for row in load(hub, "google/xtreme", "tydiqa", "train"):
        language = TYDIQA.get(row["id"].split("-")[0])
        if language is None:
            continue
        for text in [*_END.split(row["context"]), row["question"]]:
            if text not in seen:
                seen.add(text)
                yield "tydiqa", f"tydiqa:{len(seen)}", language, text
