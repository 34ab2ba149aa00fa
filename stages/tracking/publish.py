"""Publish: what a study found, with its parent run."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from stages.tracking import sender
from stages.tracking.delivery import left
from stages.tracking.origin import data_version
from stages.tracking.spool import Spool, alone, warn
from stages.tracking.store import identity


def publish(study: str, metrics: dict[str, float], report: Path, name: str = "report") -> None:
    """Log a study's findings and a folder, its report, with its parent run.

    A store that does not answer costs one line: they wait on this disk.
    """
    version = data_version()
    # a later report takes the place of one that still waits
    key = hashlib.sha256("\n".join((study, version, name)).encode()).hexdigest()[:32]
    now = int(time.time() * 1000)
    with alone("sending"):
        spool = Spool(key)
        spool.clear()
        spool.append(study={"store": identity(), "study": study, "data_version": version})
        spool.append(findings=[[metric, v, now, 0] for metric, v in sorted(metrics.items())])
        spool.keep(report, name)
        spool.append(artifacts=name)
        spool.close()
    sender.ensure()
    if trouble := sender.trouble():
        warn(f"{trouble} {left()}")
