"""A spool: what one run logs, in a file on this disk, until the store has taken it.

    .state/mlflow/<id>.jsonl   an entry a line, in the order in which it happened
    .state/mlflow/<id>.sent    how far a store has taken it, and as which run
    .state/mlflow/<id>/        small files that wait as well

An entry is written before anything is sent, so neither a store that is down nor a kill costs a
point. One process at a time writes a spool, by a lock that ends with the process; another reads and
sends it meanwhile (sender.py). The file goes when everything in it was delivered and nobody writes.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from stages.tracking.store import FOLDER, clean, identity
from stages.writing import replacing

ROOT = FOLDER / ".state" / "mlflow"
# an artifact of a run is what a person reads; what is large of a model is DVC's to keep
LARGE = ("*.safetensors", "tokenizer*", "*.model")
# seconds that a writer waits for one that looks whether it is alone, or is just gone
PATIENCE = 2.0


class Line(NamedTuple):
    """One entry and where the line after it begins."""

    kind: str
    content: Any
    end: int


class Log:
    """The file of one run, to read: by the process that sends it, while another may write it."""

    def __init__(self, name: str):
        self.name, self.path = name, ROOT / f"{name}.jsonl"
        self.folder, self.sent = ROOT / name, ROOT / f"{name}.sent"

    def lines(self, begin: int = 0, kinds: tuple[str, ...] = ()) -> Iterator[Line]:
        """The complete entries from a place in the file on; of some kinds, or all."""
        starts = tuple(f'{{"{kind}"'.encode() for kind in kinds) or b""
        with self.path.open("rb") as stream:
            stream.seek(begin)
            for line in stream:
                if not line.endswith(b"\n"):
                    return
                begin += len(line)
                if not line.startswith(starts):
                    continue
                try:
                    ((kind, content),) = json.loads(line).items()
                except (ValueError, AttributeError):
                    warn(f"{self.path}: an entry is damaged and left out.")
                    continue
                yield Line(kind, content, begin)

    def store(self) -> str | None:
        """Whose entries these are by the word of who wrote them last: a store's identity."""
        told = [line.content.get("store") for line in self.lines(kinds=("open", "study", "again"))]
        return told[-1] if told else None

    def note(self, run_id: str, sent: int) -> None:
        """Remember how far the store of now has taken it."""
        with replacing(self.sent) as path:
            path.write_text(json.dumps([identity(), run_id, sent]))

    def noted(self) -> tuple[str, int] | None:
        """(run, place in the file) of what the store of now has taken."""
        try:
            of, run_id, sent = json.loads(self.sent.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return (run_id, sent) if of == identity() else None

    def written(self) -> bool:
        """Whether a process has it open to write."""
        try:
            _lock(self.path, 0.0, "rb").close()
        except BlockingIOError:
            return True
        except FileNotFoundError:
            pass
        return False

    def discard(self, sent: int) -> None:
        """Forget it if everything was delivered and nobody writes it."""
        try:
            file = _lock(self.path, 0.0, "rb")
        except (BlockingIOError, FileNotFoundError):
            return
        with file:
            if not next(self.lines(sent), None):
                self.sent.unlink(missing_ok=True)
                shutil.rmtree(self.folder, ignore_errors=True)
                self.path.unlink(missing_ok=True)


class Spool(Log):
    """The file of one run, to write.

    Raises
    ------
    BlockingIOError
        Another process writes it.
    """

    def __init__(self, name: str):
        super().__init__(name)
        ROOT.mkdir(parents=True, exist_ok=True)
        self.file = _lock(self.path, PATIENCE)
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

    def clear(self) -> None:
        """Begin anew: what waits is of no use any more."""
        self.file.truncate(0)
        self.sent.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """Let another process have it."""
        with self.appending:
            if not self.file.closed:
                self._write()
                if self.unwritten:
                    warn(f"{self.path}: {len(self.unwritten)} bytes of the log are lost.")
                os.fsync(self.file.fileno())
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


@contextmanager
def alone(name: str, wait: bool = True) -> Iterator[None]:
    """Hold the lock `name` of this folder.

    Raises
    ------
    BlockingIOError
        Another process holds it, and `wait` is false.
    """
    ROOT.mkdir(parents=True, exist_ok=True)
    with (ROOT / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield


def _lock(path: Path, seconds: float, mode: str = "ab") -> Any:
    """Open a file and lock it; begin again where its holder has just removed it."""
    end = time.monotonic() + seconds
    while True:
        file = path.open(mode, buffering=0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.fstat(file.fileno()).st_ino == path.stat().st_ino:
                return file
        except FileNotFoundError:
            pass
        except BlockingIOError:
            if time.monotonic() >= end:
                file.close()
                raise
            time.sleep(0.01)
        file.close()
