"""Scoring: accuracies worked out by hand, and every malformed cell refused by name."""

import json
from pathlib import Path

import pandas as pd
import pytest

from stages.errors import UserError
from stages.score import COLUMNS, score, summarise
from stages.scoring.accuracy import accuracy

CELL = {
    "method": "plain",
    "intermediate": "none",
    "target": "xnli",
    "seed": 1,
    "split": "test",
    "encoder": "encoder",
    "stand_in": False,
}


def write(folder: Path, language: str, gold: list[str], predicted: list[str]) -> Path:
    path = folder / "predictions" / "xnli" / f"{language}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    items = {"id": range(len(gold)), "label": gold, "prediction": predicted}
    pd.DataFrame(items).to_parquet(path)
    return path


@pytest.fixture
def cell(tmp_path: Path) -> Path:
    folder = tmp_path / "none-xnli" / "seed-1"
    write(folder, "en", ["a", "b", "c", "a"], ["a", "b", "c", "b"])
    write(folder, "sw", ["a", "b", "c", "a"], ["b", "b", "a", "b"])
    (folder / "cell.json").write_text(json.dumps(CELL))
    return folder


def test_accuracy_by_hand() -> None:
    assert accuracy(["a", "b", "c", "a"], ["a", "b", "c", "b"]) == 75.0


def test_accuracy_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no items"):
        accuracy([], [])


def test_scores_table(cell: Path, tmp_path: Path) -> None:
    table, meta = score(tmp_path)
    assert list(table.columns) == COLUMNS
    assert dict(zip(table["language"], table["value"], strict=True)) == {"en": 75.0, "sw": 25.0}
    assert set(table["n"]) == {4}
    assert meta == {"encoders": {"encoder": False}, "stand_in": False, "cells": 1}
    assert summarise(table) == {"none": {"xnli": {"en": 75.0, "others": 25.0, "gap": 50.0}}}


def test_keys_come_from_the_cell_not_the_folder(cell: Path, tmp_path: Path) -> None:
    (cell / "cell.json").write_text(json.dumps({**CELL, "intermediate": "mnli", "seed": 7}))
    table, _ = score(tmp_path)
    assert set(table["intermediate"]) == {"mnli"} and set(table["seed"]) == {7}


def test_a_stand_in_marks_the_study(cell: Path, tmp_path: Path) -> None:
    (cell / "cell.json").write_text(json.dumps({**CELL, "stand_in": True}))
    assert score(tmp_path)[1]["stand_in"] is True


def test_the_same_cell_twice_is_refused(cell: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    write(copy, "en", ["a"], ["a"])
    (copy / "cell.json").write_text(json.dumps(CELL))
    with pytest.raises(UserError, match="same cell"):
        score(tmp_path)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ({"id": [1, 2], "label": ["a", "b"]}, "no column 'prediction'"),
        ({"id": [1, 1], "label": ["a", "b"], "prediction": ["a", "b"]}, "row 1: id 1 occurs twice"),
        ({"id": [1, 2], "label": ["a", None], "prediction": ["a", "b"]}, "row 1: 'label' is empty"),
        ({"id": [], "label": [], "prediction": []}, "no items"),
        ({"id": [1], "label": ["a"], "prediction": [0]}, "differ in type"),
        ({"id": [1], "label": ["a"], "prediction": ["z"]}, "Map labels by name"),
    ],
)
def test_malformed_predictions(cell: Path, tmp_path: Path, items: dict, message: str) -> None:
    pd.DataFrame(items).to_parquet(cell / "predictions" / "xnli" / "sw.parquet")
    with pytest.raises(UserError, match=message):
        score(tmp_path)


def test_missing_folder_and_missing_keys(cell: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no folder of cells"):
        score(tmp_path / "nowhere")
    (cell / "cell.json").write_text(json.dumps({"method": "plain"}))
    with pytest.raises(UserError, match=r"lacks intermediate, target"):
        score(tmp_path)
    (cell / "cell.json").unlink()
    with pytest.raises(UserError, match=r"no cell\.json"):
        score(tmp_path)
