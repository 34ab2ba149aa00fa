"""Translated data through a cell, the scores, the statistics and the report, always apart."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import encoded
import numpy as np
import pandas as pd
import pytest

from conftest import ENGINE, ROOT
from stages.evaluated import evaluated
from stages.learning.heads import head_of
from stages.reporting.benchmark import headline, paper_table
from stages.reporting.marks import same_data
from stages.reporting.translated import human, in_the_same_languages
from stages.score import score, summarise
from stages.statistics.checking import read_languages, read_scores
from stages.statistics.correlation_table import correlation_tables
from stages.statistics.outcomes import degradation
from stages.statistics.settings import Settings
from stages.target import train_target
from stages.tasks import Task, find
from stages.tracking.gains import CellName, Row, by_cell, by_place

DISTANCE = "distance_geographic_great_circle"
SYNTACTIC = "distance_syntactic_knn_angular"  # lang2vec has none for jv, kk and ms


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with encoded XNLI, its translated training set (sw) and translated test (sw)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    for name in (
        "xnli/en/train", "xnli/en/validation", "xnli/en/test", "xnli/sw/test",
        "xnli.translate-train/sw/train", "xnli.translate-test/en/test",
        "xnli.translate-test/sw/test",
    ):  # fmt: skip
        columns = encoded.pair_columns(40, len(name))
        encoded.write(tmp_path / f"encoded/{name}.parquet", "pair", columns)
    return tmp_path


def of(name: str, *languages: str) -> Task:
    return dataclasses.replace(find(name), languages=languages)


def test_a_union_of_languages_is_read_as_one_set(place: Path) -> None:
    head = head_of(find("xnli"), ENGINE)
    task = of("xnli.translate-train", "en", "sw")
    files = [place / "encoded" / path for path in task.training]
    both, english = head.read(files), head.read(files[0])
    assert (len(english), len(both)) == (40, 80)
    swahili = head.read(files[1])
    rows = np.arange(40, 80)
    assert (head.batch(both, rows).tokens == head.batch(swahili, rows - 40).tokens).all()


def test_translate_train_and_test_have_their_own_place_in_the_scores(
    place: Path, tiny_encoder: Path
) -> None:
    settings = ENGINE | {"keep_models": False}
    targets = [of("xnli", "en", "sw"), of("xnli.translate-test", "en", "sw")]
    arms = {
        "none-xnli": (targets[0], targets, {}),
        "none-xnli.translate-train": (
            of("xnli.translate-train", "en", "sw"), targets[:1], {"xnli.pseudo": "bring it"},
        ),
    }  # fmt: skip
    for name, (task, evaluates, left_out) in arms.items():
        folder = place / "cells" / name / "seed-1"
        train_target(
            "none", task, evaluates, 1, tiny_encoder, place / "encoded", folder, "test", settings,
            left_out,
        )  # fmt: skip
    cells = {n: json.loads((place / f"cells/{n}/seed-1/cell.json").read_text()) for n in arms}
    assert {n: cell["method"] for n, cell in cells.items()} == {
        "none-xnli": "plain", "none-xnli.translate-train": "translate-train",
    }  # fmt: skip
    assert cells["none-xnli.translate-train"]["left_out"] == {"xnli.pseudo": "bring it"}
    wanted = {
        ("none", "xnli", "1"): ("xnli", "xnli.translate-test"),
        ("none", "xnli.translate-train", "1"): ("xnli", "xnli.pseudo"),
    }
    table, _ = score(place / "cells", wanted)
    found = set(zip(table["method"], table["target"], table["language"], strict=True))
    assert found == {
        ("plain", "xnli", "en"), ("plain", "xnli", "sw"),
        ("plain", "xnli.translate-test", "en"), ("plain", "xnli.translate-test", "sw"),
        ("translate-train", "xnli", "en"), ("translate-train", "xnli", "sw"),
    }  # fmt: skip
    assert set(summarise(table)) == {"none", "translate-train"}


def test_a_translated_training_set_depends_on_the_files_of_its_base(place: Path) -> None:
    def digests() -> dict[str, Any]:
        settings: dict[str, Any] = {
            "data": {
                "tasks": ["xnli", "xnli.translate-train"],
                "languages": {"xnli": ["en", "sw"], "xnli.translate-train": ["en", "sw"]},
            },
            "target": {"tasks": ["xnli", "xnli.translate-train"]},
            "retrieve": {"tasks": []},
        }
        return evaluated(settings, place / "encoded")

    before = digests()
    assert set(before["xnli.translate-train"]["base"]) == {
        "xnli/en/train.parquet", "xnli/en/validation.parquet",
    }  # fmt: skip
    columns = encoded.pair_columns(41, 7)
    encoded.write(place / "encoded/xnli/en/train.parquet", "pair", columns)
    after = digests()
    assert after["xnli"] == before["xnli"]
    assert after["xnli.translate-train"] != before["xnli.translate-train"]


def table_of(tmp_path: Path, **tests: list[str]) -> Path:
    """Scores without and with MNLI: human tests fall by 10 a unit of distance, machine's by 40."""
    languages = pd.read_csv(ROOT / "languages/languages.csv").set_index("language")
    noise = np.random.default_rng(1)
    rows = []
    for target, codes in tests.items():
        steep = 40 if "_" in target else 10
        for source in ("none", "mnli"):
            for code in codes:
                drop = steep * languages.loc[code, DISTANCE] + noise.normal(0, 0.3) * (code != "en")
                rows.append({
                    "method": "plain", "intermediate": source, "target": target.replace("_", "."),
                    "language": code, "seed": 1, "split": "test", "metric": "accuracy",
                    "value": 80 - drop, "n": 5010,
                })  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "scores.csv", index=False)
    return tmp_path / "scores.csv"


def test_n_14_and_n_39_stand_apart(tmp_path: Path) -> None:
    human_codes, all_codes = list(find("xnli").languages), list(find("xnli.pseudo").languages)
    path = table_of(tmp_path, xnli=human_codes, xnli_pseudo=all_codes)
    scores = read_scores(path)
    languages = read_languages(ROOT / "languages/languages.csv", set(scores["language"]), [])
    outcomes = degradation(scores)
    primary = {"target": "xnli", "distance": DISTANCE, "covariates": [], "intermediate": "none",
               "outcome": "drop", "method": "pearson"}  # fmt: skip
    settings = Settings(primary=primary, permutations=19, bootstrap=20, seed=1)
    found, _ = correlation_tables(outcomes, languages, [], settings)
    found = found[(found["outcome"] == "drop") & (found["method"] == "pearson")]
    found = found[found["intermediate"] == "none"]
    syntactic = found[found["distance"] == SYNTACTIC]
    assert dict(zip(syntactic["target"], syntactic["n"], strict=True)) == {
        "xnli": 14, "xnli.pseudo": 36,
    }  # fmt: skip
    found = found[found["distance"] == DISTANCE]
    assert dict(zip(found["target"], found["n"], strict=True)) == {"xnli": 14, "xnli.pseudo": 39}
    # each fits its own slope: mixed, neither would
    assert (found["r"] > 0.95).all()


def test_the_benchmark_leaves_out_what_a_machine_translated(tmp_path: Path) -> None:
    codes = ["en", "sw", "ur"]
    scores = headline(pd.read_csv(table_of(tmp_path, xnli=codes, pawsx=codes, xnli_pseudo=codes)))
    assert set(scores["target"]) == {"xnli", "pawsx", "xnli.pseudo"}
    found = paper_table(human(scores), same_data())
    assert found is not None and list(found[0]) == ["intermediate", "xnli", "pawsx", "mean"]
    assert ("mnli", "xnli.pseudo") in same_data() and ("mnli", "pawsx.pseudo") not in same_data()


def test_a_translated_test_stands_beside_peoples_in_the_languages_of_both(tmp_path: Path) -> None:
    path = table_of(tmp_path, xnli=["en", "sw", "ur"], xnli_pseudo=["en", "fi", "sw"])
    table = pd.read_csv(path)
    found = in_the_same_languages(headline(table), same_data()).set_index("intermediate")
    assert list(found.index) == ["none", "mnli*"] and set(found["test"]) == {"xnli.pseudo"}
    at = table[table["intermediate"] == "none"].set_index(["target", "language"])["value"]
    row = found.loc["none"]
    machine, people = at["xnli.pseudo", "sw"], at["xnli", "sw"]
    assert (row["languages"], row["languages "]) == (1, 2)
    assert row["in all of the test"] == pytest.approx((machine + at["xnli.pseudo", "fi"]) / 2)
    assert row["difference"] == pytest.approx(machine - people) and machine < people
    alone = table[table["target"] == "xnli.pseudo"]
    found = in_the_same_languages(headline(alone), same_data())
    assert set(found["languages"]) == {0} and found["difference"].isna().all()


def test_a_run_holds_translated_tests_and_averages_none() -> None:
    def rows(method: str, source: str, target: str, english: float, swahili: float) -> list[Row]:
        values = {"en": english, "sw": swahili}
        return [Row(method, source, target, code, "1", v) for code, v in values.items()]

    found = [
        *rows("plain", "none", "xnli", 80, 60), *rows("plain", "none", "xnli.pseudo", 80, 20),
        *rows("plain", "mnli", "xnli", 81, 65), *rows("plain", "mnli", "xnli.pseudo", 81, 21),
        *rows("translate-train", "none", "xnli", 82, 72),
    ]  # fmt: skip
    cells = by_cell(found, {"sw": 0.5})
    assert set(cells) == {
        CellName("none", "xnli", "1"), CellName("mnli", "xnli", "1"),
        CellName("none", "xnli.translate-train", "1"),
    }  # fmt: skip
    mnli = cells[CellName("mnli", "xnli", "1")]
    assert (mnli["zero_shot"], mnli["drop"], mnli["gain"]) == (65, 16, 3)
    assert (mnli["gain/xnli/sw"], mnli["gain/xnli.pseudo/sw"]) == (5, 1)
    assert cells[CellName("none", "xnli.translate-train", "1")]["zero_shot"] == 72
    places = by_place(found, cells)
    swahili = {place[:2]: values["score"] for place, values in places.items() if place[2] == "sw"}
    assert swahili == {
        ("none", "xnli"): 60, ("none", "xnli.pseudo"): 20, ("mnli", "xnli"): 65,
        ("mnli", "xnli.pseudo"): 21,
    }  # fmt: skip
