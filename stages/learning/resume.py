"""Resume: the state of a training run, outside DVC's outputs, so that a killed run goes on.

State lives in .state/<key>/. The key is a hash of the parameters, the data, the encoder, the code
and the number of ranks: whatever differs begins anew, and never meets another run's state.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

ROOT = Path(".state")
CODE = Path(__file__).parent


def key(facts: dict[str, Any], inputs: Iterable[Path]) -> str:
    """Hash what a run is made of: its facts, its input files, this package."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode())
    for path in [*sorted(inputs), *sorted(CODE.rglob("*.py"))]:
        digest.update(path.name.encode())
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:24]


class State:
    """The saved state of one run; every rank takes part in saving and restoring."""

    def __init__(self, name: str, minutes: float):
        self.folder = ROOT / name
        self.seconds = 60.0 * minutes
        self.saved = time.monotonic()
        self.terminated = False
        # clusters send SIGTERM before they take a machine back
        signal.signal(signal.SIGTERM, self._terminate)

    def _terminate(self, *_: object) -> None:
        self.terminated = True

    @property
    def due(self) -> bool:
        """Whether to save now."""
        return self.terminated or time.monotonic() - self.saved > self.seconds

    def save(self, engine: Any, step: int, extra: dict[str, Any]) -> None:
        """Write weights, optimizer, schedule, random numbers and `extra`; then name it current."""
        first = torch.distributed.get_rank() == 0
        rank = torch.distributed.get_rank()
        tag = f"step-{step}"
        engine.save_checkpoint(
            str(self.folder), tag=tag, save_latest=False, exclude_frozen_parameters=True
        )
        torch.save(
            {"random": _random_state(), "extra": extra}, self.folder / tag / f"rank-{rank}.pt"
        )
        torch.distributed.barrier()
        if first:
            temporary = self.folder / "current.tmp"
            temporary.write_text(json.dumps({"step": step, "tag": tag}))
            temporary.replace(self.folder / "current")
            for old in self.folder.glob("step-*"):
                if old.name != tag:
                    shutil.rmtree(old)
        torch.distributed.barrier()
        self.saved = time.monotonic()

    def restore(self, engine: Any) -> tuple[int, dict[str, Any]]:
        """Return (steps done, extra) of the saved state, or (0, {}) where there is none."""
        current = self.folder / "current"
        if not current.exists():
            return 0, {}
        found = json.loads(current.read_text())
        engine.load_checkpoint(str(self.folder), tag=found["tag"], load_module_strict=False)
        rank = torch.distributed.get_rank()
        # our own file, keyed to this very code: nothing foreign is unpickled
        state = torch.load(self.folder / found["tag"] / f"rank-{rank}.pt", weights_only=False)
        _set_random_state(state["random"])
        return int(found["step"]), state["extra"]

    def clear(self) -> None:
        """Forget the state: the run is complete."""
        if torch.distributed.get_rank() == 0:
            shutil.rmtree(self.folder, ignore_errors=True)


def _random_state() -> dict[str, Any]:
    cuda = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def _set_random_state(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["cpu"])
    if state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"])
