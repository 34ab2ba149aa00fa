"""Archives are read where they are: no member leads out of them, none fills the memory."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from stages.errors import UserError
from stages.sources import archive


def texts(path: Path) -> dict[str, bytes]:
    return {name: content for name, _, content in archive.members(path, lambda n: n != "skip")}


def tar(path: Path, members: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as opened:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            opened.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_tars_of_every_kind(tmp_path: Path, ending: str) -> None:
    mode = "w:" + ending.removeprefix("tar").removeprefix(".")
    path = tar(tmp_path / f"a.{ending}", {"x/one": b"1", "x/y/two": b"2", "skip": b"3"}, mode)
    assert texts(path) == {"one": b"1", "two": b"2"}


def test_folders_hold_files_and_archives(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "plain").write_bytes(b"0")
    tar(tmp_path / "a.tgz", {"x/one": b"1"})
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as opened:
        opened.writestr("deep/two", b"2")
    assert texts(tmp_path) == {"plain": b"0", "one": b"1", "two": b"2"}


@pytest.mark.parametrize("name", ["../out", "x/../../out", "/etc/out", "..\\out"])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="leads out of the archive"):
        texts(tar(tmp_path / "a.tar.gz", {name: b"1"}))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as opened:
        opened.writestr(name, b"2")
    with pytest.raises(UserError, match="leads out of the archive"):
        texts(tmp_path / "b.zip")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tar.gz", "b.zip"]


def test_a_link_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as opened:
        info = tarfile.TarInfo("one")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        opened.addfile(info)
    with pytest.raises(UserError, match="a link, not a file"):
        texts(tmp_path / "a.tar")


def test_a_member_larger_than_the_bound_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tar(tmp_path / "a.tar.gz", {"zeros": bytes(3 << 20)})
    assert path.stat().st_size < 10_000
    monkeypatch.setattr(archive, "MEMBER_BYTES", 2 << 20)
    with pytest.raises(UserError, match=r"zeros: larger than 2 MiB"):
        texts(path)
    monkeypatch.setattr(archive, "MEMBER_BYTES", 4 << 20)
    monkeypatch.setattr(archive, "TOTAL_BYTES", 5 << 20)
    two = tar(tmp_path / "b.tar.gz", {"one": bytes(3 << 20), "two": bytes(3 << 20)})
    with pytest.raises(UserError, match=r"two: larger than 2 MiB"):
        texts(two)


def test_a_broken_archive_is_named(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar.gz", {"one": bytes(range(256)) * 400})
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError, match="not a readable zip or tar archive"):
        texts(path)
    (tmp_path / "b.zip").write_bytes(b"no archive at all")
    with pytest.raises(UserError, match="not a readable zip or tar archive"):
        texts(tmp_path / "b.zip")


def test_a_small_member_takes_little_memory(tmp_path: Path) -> None:
    """A reader that is asked for the largest size at once would take all of it."""
    import tracemalloc

    path = tar(tmp_path / "a.tar", {"one": b"1" * 1_000}, "w")
    tracemalloc.start()
    try:
        assert texts(path) == {"one": b"1" * 1_000}
        assert tracemalloc.get_traced_memory()[1] < 20 * archive.PIECE_BYTES
    finally:
        tracemalloc.stop()
