"""Resume: the state of a training run, outside DVC's outputs, so that a killed run goes on.

State lies in .state/<cell>/<key>/. The key is a hash of the parameters that the result depends on,
the data, the encoder and the code: whatever differs begins anew, and never meets another run's
state. How the work is done (ranks, ZeRO stage, offload, passes) is not part of it: a run goes on
with fewer ranks, or with a higher ZeRO stage after it ran out of memory.

A generation is one file, `step-<steps done>.<checksum>.pt`: written under another name, flushed to
the disk, then renamed. The last two are kept. One that does not agree with its checksum is
reported and left for the one before it. Of the runs of one cell with another key, only the latest
keeps its state: an unfinished cell holds four generations at most (and a fifth while it is
written), of 16 bytes a trained parameter each. A finished cell keeps 4 bytes a parameter, until
another begins.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from stages.errors import UserError
from stages.learning import whole
from stages.learning.engine import from_first_rank

ROOT = Path(".state")
STAGES = Path(__file__).parents[1]
# the code that a trained cell depends on: what is learnt, from what, and by which metric selected
CODE = ("learning", "tasks", "scoring")
KEPT = 2
MARK = "in-place"
# parameters that say how the work is done, when it is saved, or what is written afterwards
WITHOUT_EFFECT = (
    "zero_stage",
    "offload",
    "accumulation",
    "activation_checkpointing",
    "training_tokens",
    "save_minutes",
    "keep_models",
    "checkpoint_precision",
    "evaluation_examples",
    "seeds",
    "tasks",
    "encoders",
)


def key(facts: dict[str, Any], settings: dict[str, Any], inputs: Iterable[Path]) -> str:
    """Hash what a run is made of: facts, parameters that matter, input files, code, versions."""
    matters = {name: v for name, v in settings.items() if name not in WITHOUT_EFFECT}
    versions = {"torch": torch.__version__, "deepspeed": version("deepspeed")}
    text = json.dumps([facts, matters, versions], sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode())
    code = [path for room in CODE for path in (STAGES / room).rglob("*.py")]
    for path in [*sorted(inputs), *sorted(code)]:
        digest.update(path.name.encode())
        digest.update(_digest(path.resolve(), path.stat().st_mtime_ns, path.stat().st_size))
    return digest.hexdigest()[:24]


@functools.cache
def _digest(path: Path, *_: int) -> bytes:
    """The hash of a file; an encoder of 2 GB that several seeds start from is read once."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


class State:
    """The saved state of one run; every rank takes part in saving and restoring.

    As a context it notices SIGTERM, which clusters send before they take a machine back, until the
    block ends.
    """

    def __init__(self, cell: str, name: str, minutes: float):
        self.folder = ROOT / cell / name
        self.seconds = 60.0 * minutes
        self.saved = time.monotonic()
        self.terminated = False
        self.before: Any = None

    def __enter__(self) -> State:
        if threading.current_thread() is threading.main_thread():
            self.before = signal.signal(signal.SIGTERM, self._terminate)
        return self

    def __exit__(self, *_: object) -> None:
        if self.before is not None:
            signal.signal(signal.SIGTERM, self.before)
            self.before = None

    def _terminate(self, *_: object) -> None:
        self.terminated = True

    def due(self, device: torch.device) -> bool:
        """Whether to save now, the same on every rank: one clock, and anybody's SIGTERM."""
        late = _rank() == 0 and time.monotonic() - self.saved > self.seconds
        if torch.distributed.get_world_size() == 1:
            return self.terminated or late
        told = torch.tensor([int(self.terminated), int(late)], device=device)
        torch.distributed.all_reduce(told, torch.distributed.ReduceOp.MAX)
        terminated, late = (bool(number) for number in told.tolist())
        self.terminated = terminated
        return terminated or late

    def save(
        self,
        engine: Any,
        step: int,
        extra: dict[str, Any],
        best: dict[str, torch.Tensor],
        finished: bool = False,
    ) -> None:
        """Write weights and moments as they are after `step` optimizer steps, and what goes with
        them: `extra`, and the best weights, which the first rank has.

        finished : training is over, the best weights are all that is needed.

        Raises
        ------
        UserError
            The disk is full, or does not take the file for another reason; earlier generations
            are untouched.
        """
        tensors = {} if finished else whole.gather(engine)
        failure = None
        if _rank() == 0:
            try:
                content = {"step": step, "tensors": tensors, "best": best, "extra": extra}
                self._write(step, content)
            except OSError as error:
                failure = error
        if _any(failure is not None, engine.device):
            raise UserError(
                f"the state of step {step} could not be written to {self.folder}: "
                f"{failure.strerror if failure else 'see the first rank'}. The state before it is "
                "untouched: make room and run the same command again to go on from there."
            )
        self.saved = time.monotonic()

    def _write(self, step: int, content: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for leftover in self.folder.glob("*.tmp"):
            leftover.unlink()
        temporary = self.folder / f"step-{step:08}.tmp"
        try:
            with temporary.open("wb") as file:
                stream = _Hashing(file)
                _serialise(content, stream)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(temporary.with_suffix(f".{stream.checksum()}.pt"))
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        flush_folder(self.folder)
        for old in self.generations()[KEPT:]:
            old.unlink()

    def generations(self) -> list[Path]:
        """The complete generations, newest first."""
        return sorted(self.folder.glob("step-*.pt"), reverse=True)

    def restore(self, engine: Any) -> tuple[int, dict[str, Any], dict[str, torch.Tensor]]:
        """Return (steps done, extra, best weights) of the newest sound state, or (0, {}, {}).

        Weights and moments are put in place, except of a run that has finished training.
        """
        found = (self._read() if _rank() == 0 else None) or {}
        tensors, best = found.pop("tensors", {}), found.pop("best", {})
        found, unfinished = from_first_rank((found, bool(tensors)))
        if not found:
            return 0, {}, {}
        if unfinished:
            whole.spread(engine, tensors, found["step"])
        return found["step"], found["extra"], best

    def _read(self) -> dict[str, Any] | None:
        for path in self.generations():
            with path.open("rb") as stream:
                checksum = hashlib.file_digest(stream, "sha256").hexdigest()[:16]
            if checksum == path.name.split(".")[1]:
                content: dict[str, Any] = torch.load(path, weights_only=True, mmap=True)
                return content
            print(
                f"  {path} is damaged (its checksum differs); going on from the state before it",
                file=sys.stderr,
                flush=True,
            )
        return None

    def forget_others(self) -> None:
        """Keep the state of this key and of the latest other one of the cell."""
        if _rank() == 0:
            keep_latest(self.folder)

    def clear(self) -> None:
        """Forget all states of the cell: what came of it is in place."""
        if _rank() == 0:
            shutil.rmtree(self.folder.parent, ignore_errors=True)


def keep_latest(folder: Path) -> None:
    """Of the folders beside `folder`, remove all but the latest."""
    beside = [path for path in folder.parent.glob("*/") if path != folder]
    beside.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in beside[1:]:
        shutil.rmtree(path, ignore_errors=True)


def finish(cell: str) -> None:
    """Mark a cell whose outputs are in place.

    Its state stays until another cell begins: a pipeline that is killed before it has taken the
    outputs over runs the cell again, which then only writes them.
    """
    (ROOT / cell / MARK).touch()
    for path in (ROOT / cell).rglob("step-*.pt"):
        if path != max(path.parent.glob("step-*.pt")):
            path.unlink()


def forget_finished(cell: str) -> None:
    """Remove the states of finished cells other than this one, which begins anew."""
    (ROOT / cell / MARK).unlink(missing_ok=True)
    for mark in ROOT.glob(f"*/{MARK}"):
        if mark.parent != ROOT / cell:
            shutil.rmtree(mark.parent, ignore_errors=True)


class _Hashing:
    """A stream into a file that knows the checksum of what went through, and what failed."""

    def __init__(self, file: Any):
        self.file = file
        self.digest = hashlib.sha256()
        self.failure: OSError | None = None

    def write(self, data: Any) -> int:
        self.digest.update(data)
        try:
            self.file.write(data)
        except OSError as error:
            self.failure = error
            raise
        return len(data)

    def flush(self) -> None:
        self.file.flush()

    def checksum(self) -> str:
        """What names the file."""
        return self.digest.hexdigest()[:16]


def _serialise(content: dict[str, Any], stream: _Hashing) -> None:
    try:
        torch.save(content, stream)  # type: ignore[arg-type]
    except Exception:
        # torch reports what the disk said in its own words
        if stream.failure:
            raise stream.failure from None
        raise


def flush_folder(folder: Path) -> None:
    """Make sure that renames in `folder` outlive a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _rank() -> int:
    return torch.distributed.get_rank()


def _any(here: bool, device: torch.device) -> bool:
    if torch.distributed.get_world_size() == 1:
        return here
    told = torch.tensor(int(here), device=device)
    torch.distributed.all_reduce(told, torch.distributed.ReduceOp.MAX)
    return bool(told)
