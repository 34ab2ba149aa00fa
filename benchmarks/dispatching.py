"""Part of the sample study, by `dvc repro` and by two Ray workers that share no folder.

    pip install --requirement requirements-ray.txt
    python -m benchmarks.dispatching                       same scores, byte for byte?
    python -m benchmarks.dispatching --dispatchers 2       is anything computed twice?
    python -m benchmarks.dispatching --kill                is a finished cell lost with its worker?

Makes a study of its own in a temporary folder: a git repository, a folder as DVC's remote, two
clones as workers, a Ray cluster on loopback, one clone a dispatcher. Afterwards a clone that has
seen nothing of it runs `dvc repro --pull`, which has to compute nothing.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
TARGET = "score"
TOKEN = secrets.token_hex(32)


def environment() -> dict[str, str]:
    return os.environ | {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        "DVC_NO_ANALYTICS": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": TOKEN,
        "GIT_AUTHOR_NAME": "drill",
        "GIT_AUTHOR_EMAIL": "drill@localhost",
        "GIT_COMMITTER_NAME": "drill",
        "GIT_COMMITTER_EMAIL": "drill@localhost",
    }


def run(folder: Path, *words: str) -> str:
    """Return what a command prints; end with it if it fails."""
    done = subprocess.run(
        words, cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(words)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def make(folder: Path, steps: int) -> Path:
    """Make the study: a clone of this repository's commit, cut down, with a remote of its own."""
    study = folder / "study"
    run(folder, "git", "clone", "--quiet", str(ROOT), str(study))
    conf = study / "conf" / "study" / "sample.yaml"
    # one intermediate task, two encoders, four cells: every kind of stage, in minutes on one core
    text = conf.read_text().replace(", qqp", "")
    text = re.sub(r"max_steps: .*", f"max_steps: {steps}", text)
    conf.write_text(re.sub(r"seeds: .*", "seeds: [1]", text))
    run(study, sys.executable, "-m", "stages.compose", "sample")
    run(study, "dvc", "pull", "--quiet", "data.dvc", "encoder.dvc")
    run(study, "dvc", "remote", "add", "--default", "team", str(folder / "remote"))
    run(study, "git", "commit", "--quiet", "--all", "--message", "A small study")
    return study


def serial(folder: Path, study: Path) -> bytes:
    """The scores of `dvc repro`."""
    place = folder / "serial"
    run(folder, "git", "clone", "--quiet", str(study), str(place))
    run(place, "dvc", "pull", "--quiet", "--remote", "embedded", "data.dvc", "encoder.dvc")
    run(place, "dvc", "repro", TARGET)
    return (place / "scores.csv").read_bytes()


class Cluster:
    """Ray on loopback: a head that takes no stage, and a clone a worker."""

    def __init__(self, folder: Path, study: Path, workers: int, code: Path | None = None):
        """code : where stages.dispatch lies, if not in the study"""
        self.path = {"PYTHONPATH": str(code)} if code else {}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.room = Path(tempfile.mkdtemp(prefix="ray-"))  # a socket's path has to be short
        port = self.address.split(":")[1]
        words = ["--head", f"--port={port}", "--node-ip-address=127.0.0.1", "--num-cpus=0"]
        words += ["--include-dashboard=false", f"--temp-dir={self.room}"]
        self.processes = [self.start(folder, str(BIN / "ray"), "start", "--block", *words)]
        self.folders = [folder / f"worker-{number}" for number in range(workers)]
        time.sleep(10)
        for place in self.folders:
            run(folder, "git", "clone", "--quiet", str(study), str(place))
            join = ["--join", self.address, "--cells", "1", "--num-cpus=1"]
            self.processes.append(self.start(place, sys.executable, "-m", "stages.dispatch", *join))

        self.wait(workers)

    def wait(self, workers: int) -> None:
        """Return when all workers have joined."""
        script = "import ray, sys, time\nray.init(sys.argv[1], log_to_driver=False)\n"
        script += f"while ray.cluster_resources().get('cells', 0) < {workers}: time.sleep(1)"
        words = [sys.executable, "-c", script, self.address]
        subprocess.run(words, env=environment(), check=True, timeout=120)

    def start(self, folder: Path, *words: str) -> subprocess.Popen:
        with (folder / "cluster.log").open("a") as log:
            return subprocess.Popen(
                words, cwd=folder, env=environment() | self.path, stdout=log, stderr=log
            )

    def kill(self, number: int) -> None:
        """Kill all that belongs to a process and its children, as a machine that loses power."""
        process = psutil.Process(self.processes[number].pid)
        for one in [process, *process.children(recursive=True)]:
            try:
                one.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        self.processes[number].wait()

    def history(self) -> list[dict[str, str]]:
        """What the workers finished."""
        names = ["start", "stage", "commit", "computed", "seconds"]
        found = []
        for place in self.folders:
            path = place / ".dispatch" / "history.csv"
            if path.exists():
                with path.open() as stream:
                    found += list(csv.DictReader(stream, names))
        return found

    def close(self) -> None:
        for number, process in enumerate(self.processes):
            if process.poll() is None:
                self.kill(number)
        shutil.rmtree(self.room, ignore_errors=True)


def dispatch(folder: Path, study: Path, cluster: Cluster, count: int, kill: bool) -> list[Path]:
    """Run dispatchers, each in a clone of its own; kill a worker in its second trained cell."""
    places = [folder / f"dispatcher-{number}" for number in range(count)]
    for place in places:
        run(folder, "git", "clone", "--quiet", str(study), str(place))
        run(place, "dvc", "pull", "--quiet", "--remote", "embedded", "data.dvc", "encoder.dvc")
    words = [sys.executable, "-m", "stages.dispatch", "--address", cluster.address, TARGET]
    running = [subprocess.Popen(words, cwd=place, env=environment()) for place in places]
    while kill and all(process.poll() is None for process in running):
        trained = [row for row in cluster.history() if row["stage"].startswith("target@")]
        if trained:
            time.sleep(5)
            print("killing worker 1", flush=True)
            cluster.kill(2)
            break
        time.sleep(0.5)
    if any(process.wait() for process in running):
        sys.exit("a dispatcher failed")
    return places


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--dispatchers", type=int, default=1)
    parser.add_argument("--kill", action="store_true", help="kill a worker in the middle")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="dispatching-"))
    study = make(folder, options.steps)
    begun = time.monotonic()
    wanted = serial(folder, study)
    print(f"dvc repro: {time.monotonic() - begun:.0f} s", flush=True)
    cluster = Cluster(folder, study, workers=2)
    try:
        begun = time.monotonic()
        places = dispatch(folder, study, cluster, options.dispatchers, options.kill)
        print(f"dispatched: {time.monotonic() - begun:.0f} s", flush=True)
        counts = Counter(row["stage"] for row in cluster.history() if row["computed"] == "1")
    finally:
        cluster.close()
    twice = {name: count for name, count in counts.items() if count > 1}
    print(f"{len(counts)} stages computed, twice: {twice or 'none'}")
    again = folder / "again"
    run(folder, "git", "clone", "--quiet", str(study), str(again))
    said = run(again, "dvc", "repro", "--pull", TARGET)
    computed = re.findall(r"Running stage '([^']+)'", said)
    print(f"computed by dvc repro in a fresh clone: {computed or 'none'}")
    same = {place: (place / "scores.csv") for place in [again]}
    right = all(path.read_bytes() == wanted for path in same.values())
    print(f"scores.csv the same, byte for byte: {right}")
    for place in places:
        said = run(place, "dvc", "repro", "--dry", "--allow-missing", TARGET)
        print(f"{place.name}: {said.splitlines()[-1]}")
    shutil.rmtree(folder, ignore_errors=True)
    sys.exit(not right or bool(twice or computed))


if __name__ == "__main__":
    main()
