"""SQuAD and TyDiQA in the hub's layout: offsets, languages, and rows held out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_sources_hub import question, taken

from hub_files import hub_set, rows_of
from stages.errors import UserError
from stages.snapshot import snapshot
from stages.sources.parquet import place
from stages.tasks import find


def squad(tmp_path: Path, rows: list[dict[str, Any]]) -> dict[str, Any]:
    files = {("plain_text", split): rows for split in ("train", "validation")}
    hub_set(tmp_path / "mirror", "rajpurkar/squad", files)
    return taken(find("squad"), tmp_path)


def test_offsets_are_code_points_and_unanswerable_is_empty(tmp_path: Path) -> None:
    context = "𝒜 café in Köln, 北京。"
    rows = [question("a", context, [("Köln", 10), ("北京", 16)]), question("b", context, [])]
    squad(tmp_path, rows)
    first, second = rows_of(tmp_path / "data/squad/en/train.parquet")
    assert (first["answers"], first["starts"]) == (["Köln", "北京"], [10, 16])
    assert [context[s : s + len(a)] for a, s in zip(first["answers"], first["starts"])] == [
        "Köln", "北京",
    ]  # fmt: skip
    assert (second["answers"], second["starts"]) == ([], [])


def test_an_answer_beside_its_offset_is_moved_and_counted(tmp_path: Path) -> None:
    # the context lost a blank at its beginning, the offset was not moved
    files = squad(tmp_path, [question("a", "In Rome it is warm.", [("Rome", 4)])])
    (row,) = rows_of(tmp_path / "data/squad/en/train.parquet")
    assert row["starts"] == [3]
    assert files["en/train.parquet"]["moved"] == 1
    assert place("aaaa Rome", "Rome", 2) == 5
    assert place("Rome" + 30 * " ", "Rome", 25) == 25  # too far: left for the validation
    assert place("Rome Rome", "Rome", 3) == 5  # the nearest, not the first


def tydiqa(tmp_path: Path, train: list[dict], validation: list[dict]) -> None:
    files = {("tydiqa", "train"): train, ("tydiqa", "validation"): validation}
    hub_set(tmp_path / "mirror", "google/xtreme", files)


def test_tydiqa_trains_on_english_rows_only_and_languages_are_told_by_id(tmp_path: Path) -> None:
    train = [
        question("finnish-7-0", "Se on Oulu.", [("Oulu", 6)]),
        question("english-3-0", "It is Oulu.", [("Oulu", 6)]),
        question("english-0", "It is Turku.", [("Turku", 6)]),
        question("english-0", "It is Espoo.", [("Espoo", 6)]),
    ]
    validation = [
        question("finnish--9-1", "Se on Vaasa.", [("", 0)]),
        question("english-9-1", "It is Vaasa.", [("", 0)]),
    ]
    tydiqa(tmp_path, train, validation)
    files = taken(replace(find("tydiqa"), languages=("en", "fi")), tmp_path)
    english = rows_of(tmp_path / "data/tydiqa/en/train.parquet")
    assert [row["id"] for row in english] == ["english-3-0", "english-0", "english-0~2"]
    assert files["en/train.parquet"]["expected"] == 3_696
    assert files["en/train.parquet"]["stand_in"] is True
    (finnish,) = rows_of(tmp_path / "data/tydiqa/fi/validation.parquet")
    assert (finnish["id"], finnish["answers"], finnish["starts"]) == ("finnish--9-1", [], [])
    assert files["fi/validation.parquet"]["answered"] is False  # the text was taken out
    assert "answered" not in files["en/train.parquet"]
    # the training file of several languages is filtered, and says so
    assert files["en/train.parquet"]["others"] == {"fi": 1}
    assert files["fi/validation.parquet"]["others"] == {"en": 1}
    with pytest.raises(UserError, match=r"begins with korean-, found english, finnish"):
        taken(replace(find("tydiqa"), languages=("en", "ko")), tmp_path)


def test_a_count_of_english_rows_other_than_3696_is_refused(tmp_path: Path) -> None:
    rows = [question(f"english-{n}-0", "It is Oulu.", [("Oulu", 6)]) for n in range(5)]
    tydiqa(tmp_path, rows, rows)
    with pytest.raises(UserError, match="expected 3696 rows"):
        snapshot(find("tydiqa"), tmp_path / "d", tmp_path / "mirror", accept_stand_ins=False)


def test_rows_held_out_are_evenly_spaced_and_share_no_context(tmp_path: Path) -> None:
    names = ["Oulu", "Oulu", "Turku", "Espoo", "Vaasa", "Kemi", "Rauma", "Pori"]
    rows = [
        question(f"{language}-{number}-0", f"It is {name}.", [(name, 6)])
        for language in ("english", "korean")
        for number, name in enumerate(names)
    ]
    tydiqa(tmp_path, rows, [question("english-0-0", "It is so.", [("", 0)])])
    task = replace(find("tydiqa"), languages=("en", "ko"), held_out=4)
    files = taken(task, tmp_path)
    data = tmp_path / "data/tydiqa"
    held = [row["id"] for row in rows_of(data / "en/validation.parquet")]
    assert held == ["english-0-0", "english-2-0", "english-4-0", "english-6-0"]
    # english-1-0 asks about the context of english-0-0
    kept = [row["id"] for row in rows_of(data / "en/train.parquet")]
    assert kept == ["english-3-0", "english-5-0", "english-7-0"]
    assert [row["id"] for row in rows_of(data / "ko/validation.parquet")] == [
        "korean-0-0", "korean-2-0", "korean-4-0", "korean-6-0",
    ]  # fmt: skip
    assert files["en/train.parquet"]["stand_in"] and files["ko/validation.parquet"]["stand_in"]
    # another number takes the rows anew
    taken(replace(task, held_out=2), tmp_path)
    assert len(rows_of(data / "en/validation.parquet")) == 2
    with pytest.raises(UserError, match=r"held_out\.tydiqa is 8, expected less than the 8"):
        taken(replace(task, held_out=8), tmp_path)
