"""What a worker does with one stage: git for the code, DVC's remote for everything else.

Ray sends this module to the workers as it is, with its neighbour checks: the code that a
stage runs is that of the study's commit, in a clone of the worker's own.

A worker is a clone that somebody prepared (environment, credentials of the remote). Stages run in
slots, clones of that clone in `.dispatch/`, one stage at a time each, so that several can run side
by side on one machine; they share the clone's DVC cache and `.state/`, so a cell that was killed
goes on in whichever slot is free. What cannot be done raises RuntimeError, a type that Ray brings
to the dispatcher whatever is installed there.
"""

from __future__ import annotations

import configparser
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stages.dispatching.checks import check, git

CLONE = "STUDY_CLONE"  # the worker's clone, set where the worker joins
ROOM = ".dispatch"
HISTORY = "history.csv"  # start, stage, commit, whether it was computed, seconds
TAIL = 30  # lines of a failed stage's output in the message
GRACE_SECONDS = 60  # a cell saves its state when it is told to stop

# ends the command with its group when the one who started it is gone, however that happened
GUARD = """
import os, signal, subprocess, sys, threading
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, start_new_session=True)
def watch():
    while os.read(0, 4096):
        pass
    for number, seconds in ((signal.SIGTERM, float(sys.argv[1])), (signal.SIGKILL, 5)):
        try:
            os.killpg(child.pid, number)
            child.wait(seconds)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
threading.Thread(target=watch, daemon=True).start()
sys.exit(child.wait() and 1)
"""
# several commands in one process: a start of DVC costs more than most of them
DVC = """
import json, sys
from dvc.cli import main
for words in json.loads(sys.argv[1]):
    if status := main(words):
        print(f"`dvc {' '.join(words)}` failed")
        sys.exit(status)
"""


@dataclass(frozen=True)
class Job:
    """One stage for a worker.

    name : as DVC addresses it, `target@mnli-xnli`
    after : stages of the same run that have to be done before
    needs : stages and .dvc files whose outputs it reads
    lock : entries of dvc.lock that are known already, by stage, its own among them if it has one
    commit : the study's, which every worker checks out
    remote : name and options of DVC's remote, without secrets
    places : folders that stages write, emptied before: `cells` is read whole, old ones must go
    environment : variables for the stage, such as MLFLOW_TRACKING_URI
    """

    name: str
    after: tuple[str, ...]
    needs: tuple[str, ...]
    lock: dict[str, Any]
    commit: str
    remote: tuple[str, dict[str, str]]
    places: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Done:
    """What came of a job.

    entry : of dvc.lock
    tracked : outputs that git keeps (metrics.json), by path
    host : machine and clone
    computed : or else found in the run cache
    """

    name: str
    entry: dict[str, Any]
    tracked: dict[str, str]
    host: str
    computed: bool
    seconds: float


def work(job: Job, before: list[Done]) -> Done:
    """Run one stage in a free slot of this worker's clone and push what it wrote.

    before : what came of the stages of `job.after`

    Raises
    ------
    RuntimeError
        This worker cannot run the study (another version, uncommitted changes), or the stage
        failed; the message says where and what to do.
    """
    started = time.time()
    host = f"{socket.gethostname()}:{clone()}"
    try:
        check(clone(), job.commit)
        with slot(clone(), job.commit) as folder:
            configure(folder, clone(), job.remote)
            for place in job.places:
                shutil.rmtree(folder / place, ignore_errors=True)
            entries = job.lock | {done.name: done.entry for done in before}
            write_lock(folder, entries)
            environment = job.environment | {"PYTHONUNBUFFERED": "1"}
            commands = [
                ["pull", "--force", *job.needs],
                ["repro", "--single-item", "--pull", job.name],
                ["push", "--run-cache", job.name],
            ]
            log = clone() / ROOM / f"{job.name}.log"
            said = dvc(folder, environment, commands, log)
            entry = read_lock(folder)[job.name]
            tracked = push_tracked(folder, environment, entry)
    except RuntimeError as error:
        raise RuntimeError(f"{job.name} on {host}: {error}") from None
    computed = f"Running stage '{job.name}'" in said
    seconds = time.time() - started
    with (clone() / ROOM / HISTORY).open("a") as stream:
        stream.write(f"{started:.0f},{job.name},{job.commit[:12]},{int(computed)},{seconds:.1f}\n")
    return Done(job.name, entry, tracked, host, computed, seconds)


def clone() -> Path:
    """The clone that this worker was started from."""
    return Path(os.environ.get(CLONE) or os.getcwd())


@contextmanager
def slot(origin: Path, commit: str) -> Iterator[Path]:
    """Lock a slot of a clone that nobody uses, and check a commit out in it."""
    room = origin / ROOM
    room.mkdir(exist_ok=True)
    (room / ".gitignore").write_text("*\n")
    number = 0
    while True:
        with (room / f"slot-{number}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                number += 1
                continue
            folder = room / f"slot-{number}"
            if not (folder / ".git" / "HEAD").exists():
                shutil.rmtree(folder, ignore_errors=True)
                # --shared: commits that the clone fetches later are here as well
                git(room, "clone", "--quiet", "--shared", "--no-checkout", str(origin), str(folder))
            git(folder, "checkout", "--quiet", "--force", "--detach", commit)
            state = folder / ".state"
            if not state.is_symlink():
                (origin / ".state").mkdir(exist_ok=True)
                state.symlink_to(origin / ".state")
            yield folder
            return


def configure(folder: Path, origin: Path, remote: tuple[str, dict[str, str]]) -> None:
    """Give a slot the clone's cache and credentials, and the study's remote as its default."""
    from dvc.repo import Repo

    local = origin / ".dvc" / "config.local"
    place = folder / ".dvc" / "config.local"
    cache = Repo(str(origin)).cache.legacy.path
    found = configparser.ConfigParser(interpolation=None)
    found.read(local)
    name, options = remote
    section = f"'remote \"{name}\"'"
    for part, values in (
        ("core", {"remote": name}),
        ("cache", {"dir": cache}),
        (section, options),
    ):
        if not found.has_section(part):
            found.add_section(part)
        for key, value in values.items():
            found.set(part, key, value)
    place.touch(mode=0o600)
    with place.open("w") as stream:
        found.write(stream)


def dvc(
    folder: Path,
    environment: dict[str, str],
    commands: list[list[str]],
    log: Path | None = None,
) -> str:
    """Run DVC's commands in a clone until one fails or this process is gone; return their output.

    log : where it is written as it comes
    """
    return run([sys.executable, "-c", DVC, json.dumps(commands)], folder, environment, log)


def run(
    command: list[str], folder: Path, environment: dict[str, str], log: Path | None = None
) -> str:
    """Return what a command prints; raises RuntimeError with the last lines if it fails."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    process = subprocess.Popen(
        [sys.executable, "-c", GUARD, str(GRACE_SECONDS), *command],
        cwd=folder,
        env=os.environ | {"PATH": path, "DVC_NO_ANALYTICS": "1"} | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout
    lines = []
    with (log or Path(os.devnull)).open("a") as stream:
        for line in process.stdout:
            lines.append(line.rstrip())
            stream.write(line)
            stream.flush()
    if process.wait():
        end = "\n  ".join(lines[-TAIL:])
        raise RuntimeError(f"in {folder}:\n  {end}")
    return "\n".join(lines)


def read_lock(folder: Path) -> dict[str, Any]:
    """The entries of a dvc.lock."""
    from ruamel.yaml import YAML

    path = folder / "dvc.lock"
    if not path.exists():
        return {}
    found = YAML(typ="safe").load(path.read_text()) or {}
    entries: dict[str, Any] = found.get("stages") or {}
    return entries


def write_lock(folder: Path, entries: dict[str, Any]) -> None:
    """Put entries into a dvc.lock, beside those that are there."""
    from dvc.utils.serialize import dump_yaml

    path = folder / "dvc.lock"
    temporary = folder / f".dvc.lock.{os.getpid()}"
    dump_yaml(str(temporary), {"schema": "2.0", "stages": read_lock(folder) | entries})
    temporary.replace(path)


def push_tracked(
    folder: Path, environment: dict[str, str], entry: dict[str, Any]
) -> dict[str, str]:
    """Push outputs that git keeps as well, which `dvc push` leaves out, and return them."""
    digests = {out["path"]: out["md5"] for out in entry.get("outs", []) if "md5" in out}
    tracked = git(folder, "ls-files", "--", *digests).split() if digests else []
    if tracked:
        script = (
            "import sys\n"
            "from dvc.repo import Repo\n"
            "from dvc_data.hashfile.hash_info import HashInfo\n"
            "Repo().cloud.push([HashInfo('md5', value) for value in sys.argv[1:]])\n"
        )
        values = (digests[name] for name in tracked)
        run([sys.executable, "-c", script, *values], folder, environment)
    return {name: (folder / name).read_text() for name in tracked}
