"""Read members of a folder, a zip or a tar (plain, gz, bz2, xz) by name.

Nothing is ever unpacked to the disk, so no member can land outside a folder; what is read is
bounded, so a small archive cannot fill the memory.
"""

from __future__ import annotations

import functools
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from stages.errors import UserError

PIECE_BYTES = 1 << 20
MEMBER_BYTES = 1 << 30
TOTAL_BYTES = 4 << 30
BROKEN = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError,
    RuntimeError, NotImplementedError, LookupError, TypeError, ValueError, struct.error,
    MemoryError,
)  # fmt: skip
SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


def members(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, str, bytes]]:
    """Yield every wanted file in `path`, and in the archives inside a folder.

    Yields (name, place, content): the last part of its name, and where it is, for messages.

    path : a folder, read with its sub-folders in sorted order, or one archive.
    wanted : called with the last part of a file's name.
    Raises UserError where there is no such path, an archive is broken, holds a link or a name
    that leads out of it, or is larger than the bounds above.
    """
    if path.is_file():
        yield from _archive(path, wanted)
        return
    if not path.is_dir():
        raise UserError(f"{path}: no such file or folder.")
    for file in sorted(path.rglob("*")):
        if not file.is_file():
            continue
        if file.name.endswith(SUFFIXES):
            yield from _archive(file, wanted)
        elif wanted(file.name):
            with file.open("rb") as stream:
                yield file.name, str(file), _bounded(stream, str(file), MEMBER_BYTES)


def _archive(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, str, bytes]]:
    left = TOTAL_BYTES
    try:
        opened = _zip(path) if zipfile.is_zipfile(path) else _tar(path)
        for name, stream in opened:
            parts = PurePosixPath(name.replace("\\", "/"))
            if not wanted(parts.name):
                continue
            place = f"{path}, {name}"
            if parts.is_absolute() or ".." in parts.parts:
                raise UserError(f"{place}: a name that leads out of the archive. Do not use it.")
            content = _bounded(stream(), place, min(MEMBER_BYTES, left))
            left -= len(content)
            yield parts.name, place, content
    except BROKEN as error:
        raise UserError(
            f"{path}: not a readable zip or tar archive ({error}). Fetch it again."
        ) from error


def _zip(path: Path) -> Iterator[tuple[str, Callable[[], IO[bytes] | None]]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                yield info.filename, functools.partial(archive.open, info)


def _tar(path: Path) -> Iterator[tuple[str, Callable[[], IO[bytes] | None]]]:
    with tarfile.open(path, "r|*") as archive:
        for info in archive:
            if info.isfile():
                yield info.name, functools.partial(archive.extractfile, info)
            elif info.islnk() or info.issym():
                yield info.name, lambda: None


def _bounded(stream: IO[bytes] | None, place: str, limit: int) -> bytes:
    if stream is None:
        raise UserError(f"{place}: a link, not a file. Give the original archive.")
    content = bytearray()
    with stream:
        # piece by piece: a buffered reader takes the memory of all it is asked for at once
        while piece := stream.read(PIECE_BYTES):
            content += piece
            if len(content) > limit:
                raise UserError(
                    f"{place}: larger than {limit >> 20} MiB; this is no file of the data set."
                )
    return bytes(content)


def text(content: bytes, place: str) -> str:
    """Return a file's text, without byte order mark and with line feeds only.

    Raises UserError where it is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(
            f"{place}, line {line}: expected UTF-8, found the byte "
            f"0x{content[error.start]:02x}. Give the original file."
        ) from error
