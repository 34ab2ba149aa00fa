"""Drift: what changed between two snapshots, in numbers; the exit status follows the severity."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from stages import drift as stage
from stages.errors import UserError
from stages.guards.drift import compare

Change = Callable[[pd.DataFrame], pd.DataFrame]


def frame(rows: int = 20) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [f"i{n}" for n in range(rows)],
            "sentence1": [f"One sentence, number {n}." for n in range(rows)],
            "sentence2": [f"Another, number {n}." for n in range(rows)],
            "label": ["entailment" if n % 2 else "neutral" for n in range(rows)],
        }
    )


def changed(column: str, rows: list[int], value: str) -> Change:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[rows, column] = value
        return table

    return change


@pytest.mark.parametrize(
    ("change", "numbers"),
    [
        (lambda table: table, {}),
        (lambda table: table.drop(index=[3, 4]), {"removed": 2}),
        (lambda table: pd.concat([table, frame(23).tail(3)]), {"added": 3}),
        (changed("label", [1, 3, 5], "contradiction"), {"labels": 3}),
        (changed("sentence2", [2], "new"), {"texts": 1, "new_texts": 1}),
        (changed("sentence2", [2], "Another, number 2."), {}),
        (lambda table: table.iloc[[1, 0, *range(2, 20)]], {"moved": 2}),
        (lambda table: table.assign(id=[f"i{n + 1}" for n in range(20)]),
         {"removed": 1, "added": 1, "texts": 19, "labels": 19}),
    ],
)  # fmt: skip
def test_numbers(change: Change, numbers: dict[str, int]) -> None:
    found = compare("en/train.parquet", frame(), change(frame()), "pair")
    keys = ("removed", "added", "texts", "new_texts", "labels", "moved")
    assert {key: getattr(found, key) for key in keys if getattr(found, key)} == numbers
    assert found.state == ("changed" if numbers else "same")


def test_repeated_ids_are_matched_in_their_order() -> None:
    table = frame(4).assign(id="x")
    found = compare("f", table, table.head(3), "pair")
    assert (found.removed, found.texts, found.moved) == (1, 0, 0)


def test_lists_are_compared() -> None:
    table = pd.DataFrame({"id": ["1"], "tokens": [["a", "b"]], "tags": [["X", "Y"]]})
    other = table.assign(tags=[["X", "X"]])
    found = compare("f", table, other, "tagging")
    assert (found.labels, found.texts) == (1, 0)


def test_other_columns() -> None:
    found = compare("f", frame(), frame().rename(columns={"label": "gold"}), "pair")
    assert "gold" in found.columns


class Study:
    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("before", "data"):
            for name in ("en/train", "en/validation"):
                self.save(folder, name, frame())
            self.record(folder, "r1")
        self.params("{}")

    def save(self, folder: str, name: str, table: pd.DataFrame) -> None:
        path = self.root / folder / "mnli" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_parquet(path, index=False)

    def record(self, folder: str, revision: str, part_of: str | None = None) -> None:
        """part_of : hash of the file that a stand-in is a part of."""
        train = {"stand_in": bool(part_of), "source": [{"name": "t", "sha256": part_of or "full"}]}
        files = {"en/train.parquet": train}
        record = {"repository": "nyu-mll/glue", "revision": revision, "files": files}
        (self.root / folder / "mnli" / "snapshot.json").write_text(json.dumps(record))

    def params(self, severity: str) -> None:
        (self.root / "params.yaml").write_text(
            f"data: {{tasks: [mnli]}}\nvalidate: {{severity: {severity}}}\n"
        )

    def report(self) -> dict:
        return json.loads((self.root / "validation" / "drift.json").read_text())


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["drift", "--before", "before"])
    return Study(tmp_path)


def test_nothing_changed(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    stage.main()
    assert "mnli: 0 files changed" in capsys.readouterr().out
    assert study.report() == {"mnli": {"same_revision": True, "files": []}}


def test_other_labels_at_the_same_revision_stop(study: Study) -> None:
    study.save("data", "en/train", changed("label", [4, 5], "contradiction")(frame()))
    with pytest.raises(UserError) as caught:
        stage.main()
    message = str(caught.value)
    assert "data/mnli/en/train.parquet: drift_labels [stop] (2 rows)" in message
    assert "id i4: ('contradiction',), before ('neutral',)" in message
    (file,) = study.report()["mnli"]["files"]
    assert (file["labels"], file["texts"], file["before"], file["after"]) == (2, 0, 20, 20)


def test_a_stand_in_of_another_origin_is_other_data(
    study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make snapshot` after another study's data of the same revision, the sample's say."""
    study.save("data", "en/train", frame(25))
    study.record("before", "r1", "the sample's")
    for origin in ("a mirror's", None):
        study.record("data", "r1", origin)
        stage.main()
        assert "not compared" in capsys.readouterr().out
        assert study.report() == {}


def test_a_stand_in_of_the_same_origin_is_held_to_it(study: Study) -> None:
    study.save("data", "en/train", frame(25))
    for folder in ("before", "data"):
        study.record(folder, "r1", "a mirror's")
    with pytest.raises(UserError, match=r"drift_rows \[stop\] \(5 rows\)"):
        stage.main()


def test_another_revision_warns(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    study.save("data", "en/train", frame(25))
    study.record("data", "r2")
    stage.main()
    out = capsys.readouterr().out
    assert "another source revision" in out and "drift_rows [warn] (5 rows)" in out


def test_severity_is_the_studys(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    study.save("data", "en/train", frame(25))
    study.params("{drift_rows: warn}")
    stage.main()
    assert "drift_rows [warn]" in capsys.readouterr().out


def test_a_lost_and_a_broken_file(study: Study) -> None:
    (study.root / "data/mnli/en/train.parquet").unlink()
    (study.root / "data/mnli/en/validation.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError) as caught:
        stage.main()
    assert "drift_files [stop]" in str(caught.value)
    assert "(20 rows gone)" in str(caught.value)
    assert "drift_readable [stop]" in str(caught.value)


def test_the_pinned_snapshot_comes_from_dvc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `dvc add data` pinned in the last commit is what the new files are compared with."""
    import subprocess

    def call(*words: str) -> None:
        subprocess.run(words, check=True, capture_output=True)

    monkeypatch.chdir(tmp_path)
    study = Study(tmp_path)
    call("git", "init", "-q")
    call(sys.executable, "-m", "dvc", "init", "-q")
    call(sys.executable, "-m", "dvc", "add", "-q", "data")
    call("git", "add", "data.dvc", ".dvc", ".gitignore")
    call("git", "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "pinned")
    monkeypatch.setattr(sys, "argv", ["drift"])
    stage.main()
    (tmp_path / "data/mnli/en/train.parquet").unlink()  # a link into the cache
    study.save("data", "en/train", frame().drop(index=[2]))
    with pytest.raises(UserError, match=r"1 rows removed, 0 added; id i2"):
        stage.main()


def test_no_pinned_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Study(tmp_path)
    monkeypatch.setattr(sys, "argv", ["drift"])
    with pytest.raises(UserError, match="--before FOLDER"):
        stage.main()
