"""Translations that were made before, by sentence: one line each, only ever added to.

A line is a JSON list: the digest of the sentence, the checksum of the translation, the translation.
One file a model and pair of languages serves every task. A process that was killed leaves half a
line at the end at the most: it is cut off, and its sentence translated again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from stages.errors import UserError


def key(sentence: str) -> str:
    """Return the name of a sentence: the beginning of its SHA-256."""
    return hashlib.sha256(sentence.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Memory:
    """What `open_memory` yields: look up, add."""

    def __init__(self, stream: IO[bytes], known: dict[str, str]) -> None:
        self._stream, self._known = stream, known

    def __len__(self) -> int:
        return len(self._known)

    def get(self, sentence: str) -> str | None:
        """The translation of a sentence, or None."""
        return self._known.get(key(sentence))

    def add(self, sentences: Sequence[str], translations: Sequence[str]) -> None:
        """Keep translations; they are on the disk when this returns."""
        lines = []
        for sentence, translation in zip(sentences, translations, strict=True):
            name = key(sentence)
            self._known[name] = translation
            entry = [name, zlib.crc32(translation.encode()), translation]
            lines.append(json.dumps(entry, ensure_ascii=False) + "\n")
        self._stream.write("".join(lines).encode())
        self._stream.flush()
        os.fsync(self._stream.fileno())


@contextmanager
def open_memory(path: Path) -> Iterator[Memory]:
    """Yield the memory in `path`, which no other process writes meanwhile.

    Raises
    ------
    UserError
        A line that is not the last is broken, or another process has the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{path}: another translation with this model into this language runs; wait for "
                "it, what it translates is not translated twice."
            ) from None
        yield Memory(stream, _read(path, stream))


def _read(path: Path, stream: IO[bytes]) -> dict[str, str]:
    known: dict[str, str] = {}
    stream.seek(0)
    end = 0
    for line in stream:
        entry = _entry(line)
        if entry is None:
            break
        known[entry[0]] = entry[1]
        end += len(line)
    else:
        return known
    place = f"{path}, line {len(known) + 1}"
    if stream.read(1):
        raise UserError(
            f"{place}: expected a translation and its checksum, found "
            f"{line[:60]!r}. The file was changed: take this line out, its sentence is translated "
            "again."
        )
    print(f"  {place}: half a line of a run that was killed, cut off", flush=True)
    os.truncate(path, end)
    return known


def _entry(line: bytes) -> tuple[str, str] | None:
    """(digest of the sentence, translation) of a line; None for one that is not whole."""
    if not line.endswith(b"\n"):
        return None
    try:
        name, checksum, translation = json.loads(line)
        whole = isinstance(name, str) and zlib.crc32(translation.encode()) == checksum
    except (ValueError, TypeError, AttributeError):
        return None
    return (name, translation) if whole else None
