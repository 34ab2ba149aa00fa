"""The verdict: clean data passes, reports name what stopped, severities come from params."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from small_xnli import HUB, ROWS, Study, put, study

from stages import validate as stage
from stages.errors import UserError
from stages.tasks import find

__all__ = ["study"]  # a fixture


def test_clean_data_is_accepted(study: Study) -> None:
    verdict = study.run()
    assert verdict["accepted"] and verdict["findings"] == []
    assert verdict["rows"] == 4 * ROWS
    assert set(verdict["data"]) == {
        f"{name}.parquet" for name in ("en/train", "en/test", "de/test", "fr/test")
    }
    assert all(re.fullmatch("[0-9a-f]{64}", entry["sha256"]) for entry in verdict["data"].values())
    results = json.loads(Path("validation/xnli/expectations.json").read_text())
    assert all(result["success"] for suite in results.values() for result in suite)
    assert {"files", "rows of all files", "pairs with English"} == set(results)
    kinds = {result["expectation_config"]["type"] for result in results["rows of all files"]}
    assert "expect_compound_columns_to_be_unique" in kinds


def test_equal_data_gives_equal_bytes(study: Study) -> None:
    study.run()

    def written() -> dict[str, bytes]:
        files = [path for path in Path("validation/xnli").rglob("*") if path.is_file()]
        return {path.name: path.read_bytes() for path in files}

    first = written()
    study.run()
    assert first == written()
    assert set(first) == {
        "index.html", "expectations.json", "verdict.json", "dropped.parquet",
        "files.html", "rows-of-all-files.html", "pairs-with-English.html",
    }  # fmt: skip


def test_rejected_report_replaces_the_accepted_one(study: Study) -> None:
    study.run()
    whole = study.path("de/test").read_bytes()
    study.damage("de/test", put("label", 3, "<script>"))
    message = study.rejection()
    page = Path("validation/rejected/xnli/index.html")
    assert f"report: {page}" in message
    html = page.read_text()
    assert "rejected" in html and "row 3 (id 2)" in html and "label_set" in html
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert not re.search(r"https?://|<link|<img|src=", html)  # opens without a network
    assert not Path("validation/xnli").exists()
    study.path("de/test").write_bytes(whole)
    assert study.run()["accepted"]
    assert not page.exists()


def test_one_line_a_problem(study: Study) -> None:
    study.damage("en/train", put("label", 3, "maybe"))
    study.damage("fr/test", put("sentence1", 4, ""))
    problems = [line for line in study.rejection().splitlines() if "[stop]" in line]
    assert len(problems) == 2


def test_page_marks_every_language(study: Study) -> None:
    study.damage("fr/test", put("label", 9, "maybe"))
    study.rejection()
    html = Path("validation/rejected/xnli/index.html").read_text()
    for language, kind in (("en", "pass"), ("de", "pass"), ("fr", "stop")):
        assert f'class="{kind}" title="{language}, label_set: {kind}"' in html


def test_severity_comes_from_params(study: Study) -> None:
    study.damage("de/test", put("sentence1", 3, ""))
    study.params("validate:\n  severity:\n    xnli:\n      no_empty_sides: warn\n")
    verdict = study.run()
    assert verdict["accepted"] and verdict["counts"]["warn"] == 1
    study.params("validate:\n  severity:\n    no_empty_sides: stop\n")
    assert "no_empty_sides [stop]" in study.rejection()


@pytest.mark.parametrize(
    ("line", "says"),
    [("empty_sides: warn", "unknown rule 'empty_sides'"), ("no_nulls: ignore", "is 'ignore'")],
)
def test_unknown_severity_or_rule(study: Study, line: str, says: str) -> None:
    study.params(f"validate:\n  severity:\n    {line}\n")
    assert says in study.rejection()


def test_unknown_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("{}")
    monkeypatch.setattr(sys, "argv", ["validate", "xnil"])
    with pytest.raises(UserError, match="unknown task 'xnil'"):
        stage.main()


@pytest.mark.skipif(not HUB.is_dir(), reason=f"needs the mirror {HUB.name} beside the repository")
@pytest.mark.parametrize(
    ("name", "warned"),
    [
        (
            "xnli",
            "control_characters lost_characters composed_unicode markup script untranslated "
            "length_ratio language cut_short",
        ),
        ("pawsx", "placeholders script untranslated length_ratio cut_short"),
    ],
)
def test_published_sets_raise_no_stop(
    name: str, warned: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stages.snapshot import snapshot

    task = find(name)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    snapshot(task, tmp_path / "data", HUB, accept_stand_ins=True)
    verdict = stage.validate(task, tmp_path / "data" / name, {}, accept_stand_ins=True)
    assert verdict.accepted
    rules = {outcome.rule.name for outcome in verdict.findings("warn")}
    assert rules == set(warned.split())
    if name == "xnli":  # romanised hypotheses
        script = {
            row.file: row.count for row in verdict.findings("warn") if row.rule.name == "script"
        }
        assert (script["hi/test.parquet"], script["ur/test.parquet"]) == (318, 516)
    assert set(verdict.data) == {f"{language}/{split}.parquet" for language, split in task.files()}


def test_repair_leaves_rows_out_and_says_which(
    study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    from stages.guards import repair

    study.fill(200)
    study.damage("de/test", put("sentence1", 3, ""))
    study.damage("de/test", put("label", 9, "maybe"))
    study.params("validate:\n  severity: {no_empty_sides: repair, label_set: repair}\n")
    verdict = study.run()
    assert verdict["accepted"] and verdict["dropped"] == 2
    assert [finding["severity"] for finding in verdict["findings"]] == ["repair", "repair"]
    rows = repair.read(Path("validation/xnli/dropped.parquet"))
    assert rows == [
        ("de/test.parquet", 3, "2", "no_empty_sides"),
        ("de/test.parquet", 9, "8", "label_set"),
    ]
    out = capsys.readouterr().out
    assert "no_empty_sides [repair]" in out and "2 rows left out" in out


def test_a_rule_on_a_whole_file_cannot_be_repaired(study: Study) -> None:
    for rule in ("row_count", "parallel_ids"):
        study.params(f"validate:\n  severity: {{{rule}: repair}}\n")
        assert "judges a file as a whole" in study.rejection()


def test_page_of_all_tasks_shows_what_was_rejected(study: Study) -> None:
    study.damage("fr/test", put("label", 9, "maybe"))
    study.rejection()
    html = Path("validation/index.html").read_text()
    assert 'class="stop" title="xnli, fr: stop"><a href="rejected/xnli/index.html#f0">' in html


def test_a_task_that_the_user_has_not_brought_is_left_out(study: Study) -> None:
    from stages.tasks import missing

    missing.leave(study.folder, "CCGbank is licensed.")
    stage.main()
    assert missing.why(Path("validation/xnli")) == "CCGbank is licensed."
