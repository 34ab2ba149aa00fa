"""A file or folder is there whole, old or new, whenever the writer is killed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stages.writing import replacing, replacing_folder

GONE = 2**22 + 1  # no process has this number: the kernel's limit is 2**22


def old_and_new(path: Path) -> None:
    path.mkdir()
    (path / "a").write_text("old")


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "out"
    old_and_new(path)
    with replacing_folder(path) as folder:
        (folder / "b").write_text("new")
        assert (path / "a").read_text() == "old"
    assert [p.name for p in path.iterdir()] == ["b"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_failure_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "out"
    old_and_new(path)
    with pytest.raises(ZeroDivisionError), replacing_folder(path) as folder:
        (folder / "b").write_text("half")
        raise ZeroDivisionError
    assert (path / "a").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_no_kill_between_renames_loses_the_old_folder(tmp_path: Path, monkeypatch, renames) -> None:
    path = tmp_path / "out"
    old_and_new(path)
    child = os.fork()
    if child == 0:
        done = [0]
        rename = Path.rename

        def dying(self: Path, target: Path) -> Path:
            if done[0] == renames:
                os._exit(0)
            done[0] += 1
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", dying)
        with replacing_folder(path) as folder:
            (folder / "b").write_text("new")
            if renames == 2:
                monkeypatch.setattr(os, "rmdir", lambda *_, **__: os._exit(0))
        os._exit(1)
    os.waitpid(child, 0)
    seen = []
    with pytest.raises(ZeroDivisionError), replacing_folder(path):
        seen = [p.name for p in path.iterdir()]
        raise ZeroDivisionError
    assert seen == (["b"] if renames == 2 else ["a"])
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_what_a_killed_process_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / f".out.{GONE}.tmp").mkdir()
    (tmp_path / f".other.{GONE}.tmp").mkdir()
    (tmp_path / f".out.{os.getppid()}.tmp").mkdir()
    with replacing_folder(tmp_path / "out"):
        pass
    left = {f".other.{GONE}.tmp", f".out.{os.getppid()}.tmp", "out"}
    assert {p.name for p in tmp_path.iterdir()} == left

    (tmp_path / f".file.{GONE}.tmp").write_text("half")
    with replacing(tmp_path / "file") as temporary:
        temporary.write_text("whole")
    assert {p.name for p in tmp_path.iterdir()} == left | {"file"}
