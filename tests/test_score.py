"""Scoring: accuracies worked out by hand, and every malformed cell refused by name."""

import json
from pathlib import Path

import pandas as pd
import pytest

from stages.errors import UserError
from stages.score import COLUMNS, score, summarise
from stages.scoring.accuracy import accuracy
from stages.scoring.items import read_items

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
    assert meta == {
        "encoders": {"encoder": False},
        "stand_in": False,
        "cells": 1,
        "intermediate": {"none": {"method": "plain", "tasks": ["none"]}},
        "same_data": {},
        "development": [],
    }
    assert summarise(table) == {"none": {"xnli": {"en": 75.0, "others": 25.0, "gap": 50.0}}}


def test_keys_come_from_the_cell_not_the_folder(cell: Path, tmp_path: Path) -> None:
    (cell / "cell.json").write_text(json.dumps({**CELL, "intermediate": "mnli", "seed": 7}))
    table, _ = score(tmp_path)
    assert set(table["intermediate"]) == {"mnli"} and set(table["seed"]) == {7}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"intermediate": "mnli"}, {"mnli": ["xnli"]}),
        ({"intermediate": "qqp"}, {}),
        ({"intermediate": "all", "method": "multitask", "tasks": ["qqp", "mnli"]},
         {"multitask+all": ["xnli"]}),
        ({"intermediate": "all", "method": "multitask", "tasks": ["qqp", "csqa"]}, {}),
        ({"intermediate": "mnli-en-id", "method": "translated", "tasks": ["mnli", "mnli.id"]},
         {"translated+mnli-en-id": ["xnli"]}),
        ({"intermediate": "mnli", "method": "translate-train", "tasks": ["mnli"]},
         {"translate-train+mnli": ["xnli"]}),
    ],
)  # fmt: skip
def test_a_source_that_saw_the_targets_own_data_is_named(
    changes: dict, expected: dict, cell: Path, tmp_path: Path
) -> None:
    (cell / "cell.json").write_text(json.dumps({**CELL, **changes}))
    assert score(tmp_path)[1]["same_data"] == expected


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


def put(folder: Path, target: str, language: str, **columns: list) -> Path:
    path = folder / "predictions" / target / f"{language}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_parquet(path)
    return path


def test_each_kind_of_target_has_its_own_metrics(tmp_path: Path) -> None:
    names = {**CELL, "splits": {"xquad": "validation"}}
    for target in ("panx", "squad", "retrieval"):
        (tmp_path / target).mkdir()
        (tmp_path / target / "cell.json").write_text(json.dumps({**names, "target": target}))
    # two chunks of three right, five tags of six
    tags = [["B-PER", "I-PER", "O"], ["B-LOC", "O", "O"]]
    guesses = [["B-PER", "I-PER", "O"], ["B-LOC", "O", "B-ORG"]]
    put(tmp_path / "panx", "panx", "en", id=["0", "1"], label=tags, prediction=guesses)
    # one answer right, one half of the words, one left out
    answers = [["the Rhine"], ["Karl Marx"], ["Bonn"]]
    texts = ["Rhine", "Karl", None]
    for target in ("xquad", "mlqa"):
        put(tmp_path / "squad", target, "de", id=["a", "b", "c"], label=answers, prediction=texts)
    # two gold pairs, one of them mined, and one pair that is none
    pairs = ["de-1\ten-1", "de-2\ten-2", "de-3\ten-9"]
    put(
        *(tmp_path / "retrieval", "bucc2018", "de"),
        id=pairs,
        label=[True, True, False],
        prediction=[True, False, True],
    )
    put(tmp_path / "retrieval", "tatoeba", "de", id=["0", "1"], label=[0, 1], prediction=[0, 0])
    table, meta = score(tmp_path)
    found = {(r.target, r.metric): (r.split, round(r.value, 4), r.n) for r in table.itertuples()}
    assert found == {
        ("panx", "f1"): ("test", 80.0, 2),
        ("panx", "token_accuracy"): ("test", 83.3333, 2),
        ("xquad", "f1"): ("validation", 55.5556, 3),
        ("xquad", "em"): ("validation", 33.3333, 3),
        ("mlqa", "f1"): ("test", 44.4444, 3),  # "the" is no German article
        ("mlqa", "em"): ("test", 0.0, 3),
        ("bucc2018", "f1"): ("test", 50.0, 2),
        ("tatoeba", "accuracy"): ("test", 50.0, 2),
    }
    assert meta["cells"] == 3
    assert summarise(table)["none"]["panx"] == {"en": 80.0}


@pytest.mark.parametrize(
    ("target", "columns", "message"),
    [
        ("udpos", {"label": [["X"]], "prediction": [["X", "X"]]}, "row 0: 2 predicted tags for 1"),
        ("udpos", {"label": ["X"], "prediction": ["X"]}, "row 0: 'label' is 'X'"),
        ("xquad", {"label": [[]], "prediction": ["x"]}, "row 0: expected a list of gold answers"),
        ("bucc2018", {"label": [True], "prediction": [True]}, "row 0: id 'q' is not <source id>"),
    ],
)
def test_malformed_items_of_other_kinds(
    tmp_path: Path, target: str, columns: dict, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        read_items(put(tmp_path, target, "de", id=["q"], **columns), target)


def test_a_language_that_mlqa_lacks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cell.json").write_text(json.dumps({**CELL, "target": "mlqa"}))
    put(tmp_path, "mlqa", "fr", id=["q"], label=[["x"]], prediction=["x"])
    with pytest.raises(UserError, match=r"fr\.parquet: MLQA has no language 'fr'"):
        score(tmp_path)


def test_a_planned_target_that_the_cell_lacks_is_named(cell: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lacks pawsx"):
        score(tmp_path, {("none", "xnli", "1"): ["xnli", "pawsx"]})


def test_what_the_user_has_not_brought_is_left_out_and_said(
    cell: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = {("none", "xnli", "1"): ["xnli", "bucc2018"], ("ccg", "xnli", "1"): ["xnli"]}
    with pytest.raises(UserError, match="lacks bucc2018"):
        score(tmp_path, wanted)
    (cell / "cell.json").write_text(json.dumps({**CELL, "left_out": {"bucc2018": "no archive"}}))
    with pytest.raises(UserError, match="lacks cells of the study: ccg -> xnli seed 1"):
        score(tmp_path, wanted)
    (tmp_path / "ccg-xnli").mkdir()
    (tmp_path / "ccg-xnli" / "missing.txt").write_text("CCGbank is licensed\n")
    table, _ = score(tmp_path, wanted)
    assert set(table["target"]) == {"xnli"}
    assert "ccg-xnli: left out. CCGbank is licensed" in capsys.readouterr().out
