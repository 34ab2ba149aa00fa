"""The page of all tasks, the counts, and the Data Docs: complete, offline, the same every time."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from stages import inspection as stage
from stages.errors import UserError
from stages.guards.docs import docs
from stages.guards.judge import judge
from stages.guards.rule import Check, Rule


def verdict(accepted: bool, *findings: tuple[str, str]) -> dict:
    return {
        "accepted": accepted,
        "rows": 60,
        "dropped": 2,
        "counts": {"stop": 0 if accepted else 1, "repair": 1, "warn": len(findings), "note": 0},
        "findings": [{"file": file, "severity": severity} for file, severity in findings],
        "data": {"en/test.parquet": {}, "th/test.parquet": {}},
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["inspection", "--no-mlflow"])
    (tmp_path / "params.yaml").write_text("data: {tasks: [xnli, panx, udpos]}\n")
    for place, content in (
        ("xnli", verdict(True, ("snapshot.json", "note"), ("th/test.parquet", "warn"))),
        ("panx", verdict(True)),
        (
            "rejected/udpos",
            verdict(False, ("en/test.parquet", "warn"), ("en/test.parquet", "stop")),
        ),
    ):
        (tmp_path / "validation" / place).mkdir(parents=True)
        (tmp_path / "validation" / place / "verdict.json").write_text(json.dumps(content))
    return tmp_path


def test_every_cell_leads_to_its_worst_finding(folder: Path) -> None:
    stage.main()
    html = Path("inspection/index.html").read_text()
    for cell in (
        'class="warn" title="xnli, th: warn"><a href="../validation/xnli/index.html#f1">',
        'class="pass" title="xnli, en: pass"><a href="../validation/xnli/index.html">',
        'class="note" title="xnli, (all): note"><a href="../validation/xnli/index.html#f0">',
        'title="udpos, en: stop"><a href="../validation/rejected/udpos/index.html#f1">',
    ):
        assert cell in html, cell
    assert not re.search(r"https?://|<link|<img|<script|src=", html)


def test_what_an_earlier_study_left_is_not_of_this_one(folder: Path) -> None:
    Path("params.yaml").write_text("data: {tasks: [xnli]}\n")
    stage.main()
    assert list(json.loads(Path("inspection/summary.json").read_text())["tasks"]) == ["xnli"]
    assert "udpos" not in Path("inspection/index.html").read_text()


def test_counts_for_the_report_and_for_mlflow(folder: Path) -> None:
    (folder / "leakage").mkdir()
    overlap = {
        "rule": "test_in_train", "severity": "repair", "known": "squad", "known_file": "x",
        "task": "xquad", "file": "en/test.parquet", "rows": 7, "of": 20, "items": 2,
    }  # fmt: skip
    content = {"accepted": True, "dropped": {"squad": 5}, "findings": [overlap, overlap]}
    (folder / "leakage" / "verdict.json").write_text(json.dumps(content))
    stage.main()
    summary = json.loads(Path("inspection/summary.json").read_text())
    assert summary["tasks"]["xnli"]["warn"] == 2 and summary["tasks"]["udpos"]["stop"] == 1
    assert summary["leakage_dropped"] == {"squad": 5}
    named = stage.metrics(summary)
    assert named["guards.stop"] == 1 and named["guards.dropped"] == 6
    assert named["guards.test_in_train_rows"] == 14 and named["guards.leakage_dropped"] == 5
    assert "squad" in Path("inspection/index.html").read_text()


def test_no_verdicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["inspection", "--no-mlflow"])
    (tmp_path / "params.yaml").write_text("data: {tasks: [xnli]}\n")
    with pytest.raises(UserError, match="run the stage validate first"):
        stage.main()


def test_data_docs_open_without_a_network_and_are_the_same_every_time() -> None:
    import pandas as pd

    frame = pd.DataFrame({"id": list("abcd"), "odd": [None, "<b>bold</b>", None, None]})
    rule = Rule("odd", "warn", "nothing odd", "Mend it.")
    pages = []
    for _ in range(2):
        check = Check(rule, "ExpectColumnValuesToBeNull", {"column": "odd"})
        _, results = judge("rows", frame, [check], {})
        pages.append(docs("rows", results))
    assert pages[0] == pages[1]
    assert "odd" in pages[0] and "Unsuccessful Expectations" in pages[0]
    assert not re.search(r"https?://|<link|<img|<script|src=", pages[0])
    assert "<b>bold</b>" not in pages[0]
