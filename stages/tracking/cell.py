"""The run of one cell: written to a spool, sent by another process."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stages.tracking import origin, sender
from stages.tracking.delivery import left
from stages.tracking.spool import Spool, warn
from stages.tracking.store import clean, identity

SECONDS_BETWEEN_LOOKS = 15.0

# tags that are parameters as well
COMPARED = ("intermediate", "target", "seed", "method")


class Cell:
    """The MLflow run of one cell.

    Everything is written to the spool at once; a process beside this one sends it, since importing
    MLflow takes seconds and a store may be slow. It is started after the first step of training. A
    store that does not answer costs a warning and nothing else: what could not be sent is sent by
    the next cell, the summary, or `python -m stages.deliver`.
    """

    def __init__(self, spool: Spool, data: dict[str, Path]):
        self.spool, self.data = spool, data
        self.known = spool.known()
        self.facts: threading.Thread | None = None
        self.looked = float("-inf")
        self.warned = False

    def point(self, step: int, metrics: dict[str, float]) -> None:
        """Log metrics of one step; one that the run has of that step already is left out."""
        now = int(time.time() * 1000)
        new = [name for name in metrics if step > self.known.get(name, -1)]
        if new:
            self.spool.append(points=[[name, float(metrics[name]), now, step] for name in new])
            self.known |= dict.fromkeys(new, step)
        if step > 0 and time.monotonic() > self.looked + SECONDS_BETWEEN_LOOKS:
            self._look()

    def artifacts(self, folder: Path, name: str) -> None:
        """Keep a folder with the run, without its weights: those are DVC's."""
        self.spool.keep(folder, name)
        self.spool.append(artifacts=name)

    def close(self, status: str) -> None:
        """End the run; the other process sends what is left."""
        self._look()
        assert self.facts
        self.facts.join()
        self.spool.append(end=[status, int(time.time() * 1000)])
        self.spool.close()
        self._look()
        if sender.trouble():
            warn(f"the MLflow store did not take everything. {left()}")

    def _look(self) -> None:
        """See to it that somebody sends, and say once what is wrong with the store."""
        self.looked = time.monotonic()
        if self.facts is None:
            self.facts = threading.Thread(target=self._facts)
            self.facts.start()
        sender.ensure()
        if not self.warned and (trouble := sender.trouble()):
            self.warned = True
            warn(
                f"{trouble} Training goes on: what it logs is kept in {self.spool.path.parent} and "
                "sent when the store answers, or by `python -m stages.deliver`."
            )

    def _facts(self) -> None:
        """What takes a moment to find out: where the run comes from, what it reads."""
        inputs = [[name, origin.digest(path), str(path)] for name, path in self.data.items()]
        self.spool.append(origin={"tags": origin.provenance(), "inputs": inputs})


@contextmanager
def cell(
    study: str,
    name: str,
    tags: dict[str, str],
    parameters: dict[str, Any],
    data: dict[str, Path],
    remember: Path | None = None,
) -> Iterator[Cell]:
    """Open the nested run of one cell; it ends as FINISHED, or FAILED if the block raises.

    `data` names the folders that the cell learns from: they become the run's logged inputs.
    `remember` : a file that keeps what names the run, so that a cell that goes on after a kill goes
    on in its own run; the folder that it is in is named by the hash of all that the result depends
    on. Steps that the run has already are not logged again.
    """
    recorder = Cell(_spool(remember), data)
    if next(recorder.spool.lines(), None):
        recorder.spool.append(again={"time": int(time.time() * 1000), "store": identity()})
    else:
        tags = {key: clean(value) for key, value in tags.items()}
        if remember is not None:
            tags["stage_hash"] = remember.parent.name
        # charts compare parameters and metrics, not tags
        shown = {key: tags[key] for key in COMPARED if key in tags} | parameters
        header = {
            "store": identity(),
            "study": study,
            "name": name,
            "time": int(time.time() * 1000),
            "data_version": origin.data_version(),
            "tags": tags,
            "parameters": {key: clean(str(value)) for key, value in shown.items()},
        }
        recorder.spool.append(open=header)
    try:
        yield recorder
    except BaseException:
        recorder.close("FAILED")
        raise
    recorder.close("FINISHED")


def _spool(remember: Path | None) -> Spool:
    """The spool of the run that `remember` names, or of a new one."""
    if remember is not None and remember.exists():
        try:
            return Spool(remember.read_text())
        except BlockingIOError:
            pass  # another process has the same cell at work: each has its run
    spool = Spool(uuid.uuid4().hex)
    if remember is not None:
        remember.parent.mkdir(parents=True, exist_ok=True)
        remember.write_text(spool.name)
    return spool
