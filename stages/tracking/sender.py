"""The process that sends what runs log, beside them: importing MLflow costs seconds of CPU.

A run starts it with its first step, without waiting for it (`ensure`). There is one a folder and
store; it sends every 15 seconds, outlives the run, serves the next one, and ends when there was
nothing to do for half a minute. What it has to say is in .state/mlflow/sender.log; `trouble` is
what a run says of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from stages.errors import UserError
from stages.tracking.delivery import Delivery, has_sender, send_all
from stages.tracking.spool import ROOT, Log, alone, names, warn
from stages.tracking.store import FOLDER, identity, prepare
from stages.writing import replacing

SECONDS_BETWEEN_WRITES = 15.0
SECONDS_OF_LEISURE = 30.0
SECONDS_BETWEEN_LOOKS = 0.5
TRIES = 10

# what this process started, by the store's identity
started: dict[str, subprocess.Popen[bytes]] = {}


class Sender:
    """Sends what waits in this folder, again and again."""

    def __init__(self, seconds: float, leisure: float):
        self.seconds, self.leisure = seconds, leisure
        self.client: Any = None
        self.known: dict[str, Delivery] = {}

    def send(self) -> bool:
        """Send once; return whether the store took everything."""
        try:
            if names():
                self.client = self.client or prepare()
                send_all(self.client, self.known)
            _trouble().unlink(missing_ok=True)
            return True
        except UserError as error:
            self.client = None
            if ROOT.is_dir() and trouble() != str(error):
                warn(str(error))
                with replacing(_trouble()) as path:
                    path.write_text(str(error))
            return False

    def run(self) -> set[str]:
        """Send until nobody writes and there was nothing to do for a while; return what is left."""
        idle = time.monotonic()
        while ROOT.is_dir():
            well = self.send()
            left = {name for name in names() if not Log(name).written()}
            if set(names()) > left:
                idle = time.monotonic()
            elif time.monotonic() > idle + self.leisure:
                return left
            self._wait(left if well else None)
        return set()

    def _wait(self, left: set[str] | None) -> None:
        """Wait for the next time; what a run leaves that ends meanwhile is sent at once.

        left : by runs that ended before; None if the store is in trouble
        """
        end = time.monotonic() + self.seconds
        while (seconds := end - time.monotonic()) > 0:
            time.sleep(min(seconds, SECONDS_BETWEEN_LOOKS))
            if left is not None and any(not Log(n).written() for n in set(names()) - left):
                return


def ensure() -> None:
    """Start the process if there is none."""
    mine = started.get(identity())
    if (mine and mine.poll() is None) or has_sender(identity()):
        return
    ROOT.mkdir(parents=True, exist_ok=True)
    _trouble().unlink(missing_ok=True)
    seconds = [str(SECONDS_BETWEEN_WRITES), str(SECONDS_OF_LEISURE)]
    code = str(Path(__file__).parents[2])
    paths = [code, *filter(None, [os.environ.get("PYTHONPATH")])]
    with (ROOT / "sender.log").open("ab") as log:
        started[identity()] = subprocess.Popen(
            [sys.executable, "-c", "from stages.tracking.sender import main; main()", *seconds],
            cwd=FOLDER,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def trouble() -> str:
    """What is wrong with the store, by the word of who sends to it; nothing if all is well."""
    try:
        return _trouble().read_text()
    except FileNotFoundError:
        return ""


def _trouble() -> Path:
    return ROOT / f"trouble-{identity()}"


def main() -> None:
    """Be the one that sends; another one that is there already is enough.

    Arguments: seconds between writes, seconds without work until it ends.
    """
    os.nice(10)
    for _ in range(TRIES):
        try:
            with alone(f"sender-{identity()}", wait=False):
                left = Sender(*map(float, sys.argv[1:])).run()
        except BlockingIOError:  # it is there, or somebody looks whether it is
            time.sleep(SECONDS_BETWEEN_LOOKS / TRIES)
            continue
        # a run may have seen the lock just before it was let go
        if set(names()) <= left:
            return
