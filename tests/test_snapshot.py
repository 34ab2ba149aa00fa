"""The snapshot writes named labels in our schema, whole or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import MIRROR, ROOT, needs_mirror
from stages.errors import UserError
from stages.snapshot import snapshot
from stages.tasks import find


def hub_file(folder: Path, split: str, rows: list[tuple[str, str, int]], names=None) -> Path:
    """One parquet file as the hub keeps it, with its own order of label names."""
    table = pa.table(
        {
            "premise": [row[0] for row in rows],
            "hypothesis": [row[1] for row in rows],
            "label": [row[2] for row in rows],
        }
    )
    names = names or ["entailment", "neutral", "contradiction"]
    info = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
    path = folder / f"{split}-00000-of-00001.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(info)}), path)
    return path


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    mirror = tmp_path / "mirror"
    folder = mirror / "nyu-mll" / "glue"
    hub_file(folder / "mnli", "train", [("a cat", "an animal", 0), ("a cat", "a dog", 2)])
    hub_file(folder / "mnli", "validation_matched", [("it rains", "she sings", 1)])
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: mnli\n  data_files:\n  - split: train\n"
        "    path: mnli/train-*\n  - split: validation_matched\n"
        "    path: mnli/validation_matched-*\n---\n"
    )
    return mirror


def read(path: Path) -> list[dict[str, str]]:
    return pq.read_table(path).to_pylist()


def test_rows_get_ids_and_named_labels(mirror: Path, tmp_path: Path) -> None:
    snapshot(find("mnli"), tmp_path / "data", mirror, accept_stand_ins=True)
    assert read(tmp_path / "data/mnli/en/train.parquet") == [
        {"id": "0", "sentence1": "a cat", "sentence2": "an animal", "label": "entailment"},
        {"id": "1", "sentence1": "a cat", "sentence2": "a dog", "label": "contradiction"},
    ]
    record = json.loads((tmp_path / "data/mnli/snapshot.json").read_text())
    assert record["revision"] == find("mnli").source.revision
    assert record["files"]["en/train.parquet"]["expected"] == 392_702
    assert record["files"]["en/train.parquet"]["stand_in"] is True


def test_labels_are_mapped_by_name_not_by_index(mirror: Path, tmp_path: Path) -> None:
    xtreme = ["contradiction", "entailment", "neutral"]
    hub_file(mirror / "nyu-mll/glue/mnli", "train", [("a", "b", 0), ("c", "d", 1)], xtreme)
    snapshot(find("mnli"), tmp_path / "data", mirror, accept_stand_ins=True)
    labels = [row["label"] for row in read(tmp_path / "data/mnli/en/train.parquet")]
    assert labels == ["contradiction", "entailment"]


def test_stand_ins_are_refused_unless_the_study_says_so(mirror: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"expected 392702 rows.*found 2"):
        snapshot(find("mnli"), tmp_path / "data", mirror, accept_stand_ins=False)
    assert not list((tmp_path / "data").rglob("*.parquet"))


def test_a_second_snapshot_keeps_what_is_there_and_a_changed_source_does_not(
    mirror: Path, tmp_path: Path
) -> None:
    out = tmp_path / "data"
    snapshot(find("mnli"), out, mirror, accept_stand_ins=True)
    train = out / "mnli/en/train.parquet"
    before = train.stat().st_mtime_ns
    snapshot(find("mnli"), out, mirror, accept_stand_ins=True)
    assert train.stat().st_mtime_ns == before
    hub_file(mirror / "nyu-mll/glue/mnli", "train", [("new", "rows", 1)])
    snapshot(find("mnli"), out, mirror, accept_stand_ins=True)
    assert len(read(train)) == 1


def test_an_unreadable_record_costs_nothing_but_time(
    mirror: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "data"
    snapshot(find("mnli"), out, mirror, accept_stand_ins=True)
    record = out / "mnli/snapshot.json"
    whole = record.read_text()
    record.write_text(whole[:50])
    snapshot(find("mnli"), out, mirror, accept_stand_ins=True)
    assert "is not readable" in capsys.readouterr().out
    assert record.read_text() == whole


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:-20]), "not a readable parquet file"),
        (lambda p: p.write_bytes(b"\x89PNG\r\n"), "not a readable parquet file"),
        (
            lambda p: pq.write_table(pa.table({"text": ["a"], "label": [0]}), p),
            r"premise, hypothesis is missing",
        ),
        (
            lambda p: hub_file(p.parent, "train", [("a", "b", 0), ("c", "d", 7)]),
            r"row 2: unknown label 7",
        ),
        (
            lambda p: hub_file(p.parent, "train", [("a", "b", 0)], ["yes", "no", "maybe"]),
            r"expected the labels entailment, neutral, contradiction, found yes, no, maybe",
        ),
    ],
)
def test_a_broken_source_is_named_and_what_was_there_stays(
    mirror: Path, tmp_path: Path, damage, says: str
) -> None:
    out = tmp_path / "data"
    snapshot(find("mnli"), out, mirror, accept_stand_ins=True)
    good = (out / "mnli/en/train.parquet").read_bytes()
    damage(mirror / "nyu-mll/glue/mnli/train-00000-of-00001.parquet")
    with pytest.raises(UserError, match=says):
        snapshot(find("mnli"), out, mirror, accept_stand_ins=True)
    assert (out / "mnli/en/train.parquet").read_bytes() == good
    assert not list(out.rglob("*.tmp"))


def test_a_mirror_without_the_set_is_named(tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    with pytest.raises(UserError, match=r"lacks facebook/xnli"):
        snapshot(find("xnli"), tmp_path / "data", tmp_path / "mirror", accept_stand_ins=True)


def test_no_network_is_one_message(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stages.snapshot", "--tasks", "xnli", "--out", str(tmp_path / "d")],
        cwd=ROOT,
        env={"PATH": "", "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "could not fetch facebook/xnli" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_is_one_message_and_the_old_file_stays(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from stages import errors

    out = tmp_path / "data"
    snapshot(find("mnli"), out, mirror, accept_stand_ins=True)
    good = (out / "mnli/en/train.parquet").read_bytes()
    hub_file(mirror / "nyu-mll/glue/mnli", "train", [("new", "rows", 1)])

    def full(table: pa.Table, where: Path, **_: object) -> None:
        where.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(where))

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(SystemExit) as stop:
        errors.run(lambda: snapshot(find("mnli"), out, mirror, accept_stand_ins=True))
    assert "No space left on device" in str(stop.value)
    assert (out / "mnli/en/train.parquet").read_bytes() == good
    assert not list(out.rglob("*.tmp"))


@needs_mirror
def test_the_real_files_of_xnli_and_pawsx(tmp_path: Path) -> None:
    xnli = snapshot(find("xnli"), tmp_path, MIRROR, accept_stand_ins=True)
    assert {xnli[f"{code}/test.parquet"]["rows"] for code in find("xnli").languages} == {5010}
    assert not any(xnli[f"{code}/test.parquet"]["stand_in"] for code in find("xnli").languages)
    german = read(tmp_path / "xnli/de/test.parquet")
    assert [row["label"] for row in german[:3]] == ["contradiction", "entailment", "neutral"]
    snapshot(find("pawsx"), tmp_path, MIRROR, accept_stand_ins=True)
    first = read(tmp_path / "pawsx/de/test.parquet")[0]
    assert (first["id"], first["label"]) == ("10", "1")
