"""A cell depends on what it is evaluated on, and on nothing of other tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stages.evaluated import evaluated
from stages.tasks import missing

SETTINGS: dict[str, Any] = {
    "data": {
        "tasks": ["squad", "xquad", "mlqa", "xnli", "tatoeba", "bucc2018"],
        "languages": {"xquad": ["en", "de"], "mlqa": ["en"], "xnli": ["en"], "tatoeba": ["af"]},
        "evaluated": {"mlqa": "validation"},
    },
    "target": {"tasks": ["squad", "xnli"]},
    "retrieve": {"tasks": ["tatoeba", "bucc2018"]},
}


@pytest.fixture
def encoded(tmp_path: Path) -> Path:
    for name in (
        "squad/en/train", "squad/en/validation", "xquad/en/validation", "xquad/de/validation",
        "mlqa/en/validation", "xnli/en/train", "xnli/en/validation", "xnli/en/test",
        "tatoeba/af/validation",
    ):  # fmt: skip
        path = tmp_path / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    missing.leave(tmp_path / "bucc2018", "bring it")
    return tmp_path


def test_groups_are_training_tasks_and_retrieval(encoded: Path) -> None:
    groups = evaluated(SETTINGS, encoded)
    assert {name: list(targets) for name, targets in groups.items()} == {
        "squad": ["xquad", "mlqa"],
        "xnli": ["xnli"],
        "retrieval": ["tatoeba", "bucc2018"],
    }
    assert set(groups["squad"]["xquad"]["files"]) == {
        "en/validation.parquet", "de/validation.parquet",
    }  # fmt: skip
    assert groups["retrieval"]["bucc2018"] == {"missing": "bring it"}
    without = {**SETTINGS, "retrieve": {"tasks": []}}
    assert "retrieval" not in evaluated(without, encoded)


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("xquad/de/validation", {"squad"}),
        ("mlqa/en/validation", {"squad"}),
        ("xnli/en/test", {"xnli"}),
        ("tatoeba/af/validation", {"retrieval"}),
        ("squad/en/train", set()),  # the cell depends on its training set itself
    ],
)
def test_a_change_of_data_changes_its_own_group_only(
    encoded: Path, file: str, changed: set[str]
) -> None:
    before = evaluated(SETTINGS, encoded)
    (encoded / f"{file}.parquet").write_bytes(b"other rows")
    after = evaluated(SETTINGS, encoded)
    assert {name for name in after if after[name] != before[name]} == changed
