"""The items of one language: a file of predictions, checked, and measured by official metrics.

What a file holds depends on the kind of its target, one row an item, in the data's order:
  classes   id, label, prediction: names (or row numbers, for Tatoeba)
  tags      id, label, prediction: lists of as many tags as the sentence has words
  answers   id, label: list of gold answers; prediction: text, null for a question left out
  pairs     id `<source id>TAB<target id>`, label: gold pair or not, prediction: mined or not
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from stages.errors import UserError
from stages.scoring.accuracy import accuracy
from stages.scoring.bucc import bucc_f1
from stages.scoring.mlqa import mlqa_em_f1
from stages.scoring.squad import squad_em_f1
from stages.scoring.tagging import chunk_f1, token_accuracy
from stages.tasks.translations import base_of

Measures = list[tuple[str, float]]

KINDS = {
    "udpos": "tags",
    "panx": "tags",
    "xquad": "answers",
    "mlqa": "answers",
    "squad": "answers",
    "tydiqa": "answers",
    "bucc2018": "pairs",
}  # every other target is scored by classes


def kind_of(target: str) -> str:
    """What the files of a target hold; those of a translated test hold what its base's do."""
    return KINDS.get(base_of(target), "classes")


def read_items(path: Path, target: str) -> pd.DataFrame:
    """Return the items of one language.

    Raises
    ------
    UserError
        Names the file and the column or row (from 0) that is wrong.
    """
    try:
        items = pd.read_parquet(path)
    except Exception as error:
        raise UserError(f"{path} is not a readable parquet file ({error}).") from None
    kind = kind_of(target)
    for column in ("id", "label", "prediction"):
        if column not in items:
            raise UserError(
                f"{path} has no column '{column}': found {', '.join(map(str, items.columns))}; "
                "expected id, label, prediction."
            )
        may_be_empty = kind == "answers" and column == "prediction"
        if items[column].isna().any() and not may_be_empty:
            row = int(items[column].isna().to_numpy().argmax())
            raise UserError(f"{path}, row {row}: '{column}' is empty; every item needs one.")
    if not len(items):
        raise UserError(f"{path} holds no items.")
    if items["id"].duplicated().any():
        row = int(items["id"].duplicated().to_numpy().argmax())
        raise UserError(f"{path}, row {row}: id {items['id'].iloc[row]} occurs twice.")
    _CHECKS[kind](items, path)
    return items


def measure(target: str, language: str, items: pd.DataFrame) -> Measures:
    """Return (metric, value in percent) of one language, the target's main metric first.

    target : a task of XTREME, or any other that is scored by accuracy.
    items : as `read_items` returns them.
    """
    label, prediction = items["label"].tolist(), items["prediction"].tolist()
    kind = kind_of(target)
    if kind == "tags":
        return [
            ("f1", chunk_f1(label, prediction)),
            ("token_accuracy", token_accuracy(label, prediction)),
        ]
    if kind == "answers":
        texts = [None if pd.isna(text) else text for text in prediction]
        if base_of(target) == "mlqa":
            exact, f1 = mlqa_em_f1(label, texts, language)
        else:
            exact, f1 = squad_em_f1(label, texts)
        return [("f1", f1), ("em", exact)]
    if kind == "pairs":
        pairs = [tuple(str(name).split("\t")) for name in items["id"]]
        gold = [pair for pair, right in zip(pairs, label, strict=True) if right]
        mined = [pair for pair, found in zip(pairs, prediction, strict=True) if found]
        return [("f1", bucc_f1(gold, mined))]  # type: ignore[arg-type]
    return [("accuracy", accuracy(label, prediction))]


def count(target: str, items: pd.DataFrame) -> int:
    """Return the items that the score is over: rows, or gold pairs for BUCC."""
    return int(items["label"].sum()) if kind_of(target) == "pairs" else len(items)


def _classes(items: pd.DataFrame, path: Path) -> None:
    if items["prediction"].map(type).ne(items["label"].map(type)).any():
        raise UserError(f"{path}: label and prediction differ in type; both are label names.")
    if not items["prediction"].isin(set(items["label"])).any():
        raise UserError(
            f"{path}: no prediction is among the gold labels {sorted(set(items['label']))[:5]}; "
            f"found {sorted(set(items['prediction']))[:5]}. Map labels by name."
        )


def _tags(items: pd.DataFrame, path: Path) -> None:
    for row, (gold, found) in enumerate(zip(items["label"], items["prediction"], strict=True)):
        for name, value in (("label", gold), ("prediction", found)):
            if not _is_list_of_text(value) or not len(value):
                raise UserError(
                    f"{path}, row {row}: '{name}' is {value!r}; expected the tags of a sentence."
                )
        if len(gold) != len(found):
            raise UserError(
                f"{path}, row {row}: {len(found)} predicted tags for {len(gold)} words; expected "
                "one tag a word."
            )


def _answers(items: pd.DataFrame, path: Path) -> None:
    for row, (gold, found) in enumerate(zip(items["label"], items["prediction"], strict=True)):
        if not _is_list_of_text(gold) or not len(gold):
            raise UserError(f"{path}, row {row}: expected a list of gold answers, found {gold!r}.")
        if not isinstance(found, str) and not pd.isna(found):
            raise UserError(f"{path}, row {row}: expected an answer as text, found {found!r}.")


def _pairs(items: pd.DataFrame, path: Path) -> None:
    for row, name in enumerate(items["id"]):
        if str(name).count("\t") != 1:
            raise UserError(f"{path}, row {row}: id {name!r} is not <source id>TAB<target id>.")
    for column in ("label", "prediction"):
        if not pd.api.types.is_bool_dtype(items[column]):
            raise UserError(f"{path}: '{column}' is {items[column].dtype}; expected true or false.")
    if not items["label"].any():
        raise UserError(f"{path}: no gold pair; those that were not mined belong here as well.")


def _is_list_of_text(value: Any) -> bool:
    return (
        not isinstance(value, str)
        and hasattr(value, "__len__")
        and all(isinstance(element, str) for element in value)
    )


_CHECKS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    "classes": _classes,
    "tags": _tags,
    "answers": _answers,
    "pairs": _pairs,
}
