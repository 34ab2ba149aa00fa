"""What lies beside the data: the snapshot's record, its stand-ins and sources, and the labels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from small_xnli import HUB, Study, study

from stages import validate as stage
from stages.tasks import find

__all__ = ["study"]  # a fixture


def shrink(study: Study, name: str, rows: int) -> None:
    study.damage(name, lambda frame: frame.head(rows))
    study.record["files"][f"{name}.parquet"]["rows"] = rows
    study.save_record()


def test_stand_in_needs_consent(study: Study) -> None:
    shrink(study, "en/train", 20)
    message = study.rejection()
    assert "en/train.parquet: row_count [stop]" in message
    assert "expected 30 rows; found 20" in message and "accept_stand_ins: true" in message


def test_accepted_stand_in_is_a_note(study: Study) -> None:
    shrink(study, "en/train", 20)
    study.params("", accept=True)
    (finding,) = study.run()["findings"]
    assert (finding["rule"], finding["severity"]) == ("stand_in", "note")
    assert finding["expected"] == "30 rows" and finding["example"] == "20"


def test_stand_in_must_have_the_rows_of_its_snapshot(study: Study) -> None:
    shrink(study, "en/train", 20)
    study.damage("en/train", lambda frame: frame.head(19))
    study.params("", accept=True)
    assert "expected the 20 rows that the snapshot recorded; found 19" in study.rejection()


def test_few_missing_parallel_ids_of_a_stand_in_are_a_note(study: Study) -> None:
    study.fill(200)
    study.damage("en/test", lambda frame: frame.drop(index=[3, 50]))
    study.record["files"]["en/test.parquet"]["rows"] = 198
    study.save_record()
    study.params("", accept=True)
    verdict = study.run()
    found = [finding for finding in verdict["findings"] if finding["rule"] == "parallel_ids"]
    assert [finding["severity"] for finding in found] == ["note", "note"]
    assert found[0]["file"] == "de/test.parquet"
    assert (found[0]["row"], found[0]["id"], found[0]["count"]) == (4, "3", 2)


def test_many_missing_parallel_ids_of_a_stand_in_stop(study: Study) -> None:
    shrink(study, "de/test", 20)
    study.params("", accept=True)
    message = study.rejection()
    assert "de/test.parquet, row 21 (id 20): parallel_ids [stop] (10 rows)" in message


@pytest.mark.parametrize(
    ("content", "says"),
    [("{", "snapshot_record"), ("[]", "no table `files`"), ('{"files": {"a": 1}}', "no table")],
)
def test_unreadable_record_is_a_warning(
    study: Study, content: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (study.folder / "snapshot.json").write_text(content)
    assert study.run()["counts"] == {"stop": 0, "repair": 0, "warn": 1, "note": 0}
    assert says in capsys.readouterr().out


def test_old_revision_stops(study: Study) -> None:
    study.record["revision"] = "0" * 40
    study.save_record()
    assert "snapshot.json: pinned_revision [stop]" in study.rejection()


def test_other_source_is_a_note(study: Study) -> None:
    study.record["repository"] = "our/sample"
    study.save_record()
    (finding,) = study.run()["findings"]
    assert (finding["rule"], finding["severity"]) == ("pinned_source", "note")
    assert finding["example"] == "our/sample"


def test_a_training_file_of_several_languages_is_a_warning(study: Study) -> None:
    study.record["files"]["en/train.parquet"]["others"] = {"ko": 2, "sw": 3}
    study.record["files"]["de/test.parquet"]["others"] = {"ko": 2}  # evaluation files share one
    study.save_record()
    (finding,) = study.run()["findings"]
    assert (finding["rule"], finding["severity"]) == ("other_languages", "warn")
    assert (finding["file"], finding["count"]) == ("en/train.parquet", 5)
    assert finding["example"] == "rows of other languages: ko 2, sw 3"


@pytest.mark.skipif(not HUB.is_dir(), reason=f"needs the mirror {HUB.name} beside the repository")
def test_the_training_file_of_tydiqa_is_found_as_it_is(tmp_path: Path) -> None:
    from stages.snapshot import snapshot

    task = replace(find("tydiqa"), languages=("en", "ko", "sw"), held_out=400)
    record = snapshot(task, tmp_path / "data", HUB, accept_stand_ins=True)
    assert record["en/train.parquet"]["others"] == {"sw": 2_755, "ko": 1_625}
    verdict = stage.validate(task, tmp_path / "data" / "tydiqa", {}, accept_stand_ins=True)
    (found,) = [row for row in verdict.findings("warn") if row.rule.name == "other_languages"]
    assert (found.file, found.count) == ("en/train.parquet", 4_380)


@pytest.mark.parametrize("content", ["{", "3", '["a", 1]'])
def test_broken_labels_beside_the_data(study: Study, content: str) -> None:
    study.task = replace(study.task, labels=())
    (study.folder / "labels.json").write_text(content)
    assert "labels.json" in study.rejection()


@pytest.mark.parametrize("sources", ["3", '"x"', "[null]", "{}", '[{"repository": null}]'])
def test_odd_sources_in_the_record(study: Study, sources: str) -> None:
    text = json.dumps(study.record)
    (study.folder / "snapshot.json").write_text(f'{text[:-1]}, "sources": {sources}}}')
    assert study.run()["accepted"]
