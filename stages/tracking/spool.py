"""A spool: what one run logs, in a file on this disk, until the store has taken it.

    .state/mlflow/<id>.jsonl   an entry a line, in the order in which it happened
    .state/mlflow/<id>.sent    how far a store has taken it, and as which run
    .state/mlflow/<id>/        small files that wait as well

An entry is written before anything is sent, so neither a store that is down nor a kill costs a
point. One process at a time holds a spool, by a lock that ends with the process. The file goes when
everything in it was delivered and the run has ended.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from stages.tracking.store import clean
from stages.writing import replacing

ROOT = Path(".state") / "mlflow"
# an artifact of a run is what a person reads; what is large of a model is DVC's to keep
LARGE = ("*.safetensors", "tokenizer*", "*.model")


class Line(NamedTuple):
    """One entry and where the line after it begins."""

    kind: str
    content: Any
    end: int


class Spool:
    """The file of one run, held by this process.

    Raises
    ------
    BlockingIOError
        Another process holds it.
    """

    def __init__(self, name: str):
        ROOT.mkdir(parents=True, exist_ok=True)
        self.name, self.path = name, ROOT / f"{name}.jsonl"
        self.folder, self.sent = ROOT / name, ROOT / f"{name}.sent"
        self.file = _lock(self.path)
        self.unwritten = bytearray()
        self.warned = False
        self.appending = threading.Lock()
        whole = self.path.read_bytes()
        if torn := len(whole) - (whole.rfind(b"\n") + 1):
            # the last words of a process that was killed in the middle of one
            self.file.truncate(len(whole) - torn)

    def append(self, **entry: Any) -> None:
        """Add an entry, `kind=content`; a full disk costs a warning and is tried again."""
        text = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
        with self.appending:
            self.unwritten += text.encode() + b"\n"
            self._write()

    def _write(self) -> None:
        try:
            while self.unwritten:
                del self.unwritten[: self.file.write(self.unwritten) or 0]
        except OSError as error:
            if not self.warned:
                warn(f"{self.path} cannot be written: {error.strerror}. It is tried again.")
            self.warned = True

    def lines(self, begin: int = 0) -> Iterator[Line]:
        """The complete entries from a place in the file on."""
        with self.path.open("rb") as stream:
            stream.seek(begin)
            for line in stream:
                if not line.endswith(b"\n"):
                    return
                begin += len(line)
                try:
                    ((kind, content),) = json.loads(line).items()
                except (ValueError, AttributeError):
                    warn(f"{self.path}: an entry is damaged and left out.")
                    continue
                yield Line(kind, content, begin)

    def known(self) -> dict[str, int]:
        """The last step of every metric in the file."""
        last: dict[str, int] = {}
        for kind, content, _ in self.lines():
            if kind == "points":
                for name, _, _, step in content:
                    last[name] = max(step, last.get(name, step))
        return last

    def keep(self, source: Path, name: str) -> None:
        """Copy `source` without what is large, so that it can be sent when it is gone."""
        for path in sorted(source.rglob("*")):
            if path.is_file() and not any(path.match(pattern) for pattern in LARGE):
                place = self.folder / name / path.relative_to(source)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)

    def note(self, store: str, run_id: str, sent: int) -> None:
        """Remember how far a store has taken it."""
        with replacing(self.sent) as path:
            path.write_text(json.dumps([_short(store), run_id, sent]))

    def noted(self, store: str) -> tuple[str, int] | None:
        """(run, place in the file) of what this store has taken."""
        try:
            of, run_id, sent = json.loads(self.sent.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return (run_id, sent) if of == _short(store) else None

    def waiting(self, begin: int) -> int:
        """The number of entries from a place in the file on."""
        return sum(1 for _ in self.lines(begin))

    def close(self) -> None:
        """Let another process have it."""
        with self.appending:
            if not self.file.closed:
                self._write()
                if self.unwritten:
                    warn(f"{self.path}: {len(self.unwritten)} bytes of the log are lost.")
                os.fsync(self.file.fileno())
                self.file.close()

    def clear(self) -> None:
        """Begin anew: what waits is of no use any more."""
        self.file.truncate(0)
        self.sent.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def discard(self) -> None:
        """Everything was delivered: forget it."""
        self.path.unlink(missing_ok=True)
        self.sent.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.file.close()


def names() -> list[str]:
    """The spools there are, oldest first."""
    found = []
    for path in ROOT.glob("*.jsonl"):
        try:
            found.append((path.stat().st_mtime, path.stem))
        except FileNotFoundError:  # delivered by another process just now
            continue
    return [name for _, name in sorted(found)]


def warn(text: str) -> None:
    print(f"  {clean(text)}", file=sys.stderr, flush=True)


def _lock(path: Path) -> Any:
    """Open a file for appending and lock it; begin again where its holder has just removed it."""
    while True:
        file = path.open("ab", buffering=0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.fstat(file.fileno()).st_ino == path.stat().st_ino:
                return file
        except FileNotFoundError:
            pass
        except BlockingIOError:
            file.close()
            raise
        file.close()


def _short(store: str) -> str:
    """A store's address without what is secret in it."""
    return hashlib.sha256(store.encode()).hexdigest()[:16]
