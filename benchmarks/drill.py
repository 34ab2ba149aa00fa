"""Kill a cell at random instants, start it again until it is done, compare it with one left alone.

    python -m benchmarks.drill --kills 20                  (target none -> xnli of the sample)
    python -m benchmarks.drill --kills 20 --stage intermediate

Runs the stage's own command in a folder of its own, on data/ and encoder/ (`dvc pull data.dvc
encoder.dvc`), with few steps and a state saved after every one of them. Each process gets SIGKILL
at an instant drawn uniformly from the time that the last complete one took, most of them after its
first step; what it was doing is read from its stack a moment before. Prints a line a kill, and
whether all files that the cell wrote (weights and predictions) are the same byte for byte.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
# the innermost function that is found in the stack says what the process was doing
PHASES = {
    "save": "saving",
    "restore": "restoring",
    "select": "evaluating",
    "predict": "predicting",
    "write": "exporting",
    "artifacts": "logging",
    "close": "logging",
    "copytree": "exporting",
    "loop": "training",
}
# the stage's module as `python -m` runs it, with a stack on demand
START = """
import faulthandler, runpy, signal, sys
faulthandler.register(signal.SIGUSR1, open(sys.argv.pop(1), "w"), all_threads=False)
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""


def settings(steps: int, batch: int) -> dict:
    """params.yaml of this repository, cut down to a cell of seconds."""
    found = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
    run = {"max_steps": steps, "batch_size": batch, "epochs": 100}
    found["engine"] |= {"save_minutes": 0, "selection_every": 4, "selection_examples": 200}
    found["data"]["languages"] = {"xnli": ["en", "de", "sw", "zh"]}
    found["intermediate"] |= run
    found["target"] |= run | {"seeds": [1], "keep_models": "all"}
    return found


def prepare(folder: Path, steps: int, batch: int) -> None:
    """Make a workplace with params.yaml, data, encoder and encoded data."""
    for name in ("data", "encoder"):
        if not (ROOT / name).exists():
            sys.exit(f"{name}/ not found: dvc pull data.dvc encoder.dvc")
        (folder / name).symlink_to(ROOT / name)
    YAML().dump(settings(steps, batch), folder / "params.yaml")
    (folder / "encoders").mkdir()
    (folder / "encoders" / "none").symlink_to(ROOT / "encoder")
    for task in ("mnli", "xnli"):
        subprocess.run(
            [sys.executable, "-m", "stages.encode", task],
            cwd=folder,
            env=environment(),
            check=True,
            stdout=subprocess.DEVNULL,
        )


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}


class Cell:
    """The stage's command in one workplace."""

    def __init__(self, folder: Path, stage: str):
        self.folder = folder
        words = ["none", "xnli"] if stage == "target" else ["mnli"]
        out = "cells/none-xnli" if stage == "target" else "encoders/mnli"
        self.out, self.stack = folder / out, folder / "stack"
        self.command = [sys.executable, "-c", START, str(self.stack), f"stages.{stage}", *words]

    def start(self) -> subprocess.Popen:
        self.stack.write_text("")
        return subprocess.Popen(
            self.command,
            cwd=self.folder,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def kill_after(self, process: subprocess.Popen, seconds: float) -> str | None:
        """Kill the process then; return what it was doing, None where it was done before."""
        try:
            if process.wait(seconds):
                sys.exit(process.stderr.read())
            return None
        except subprocess.TimeoutExpired:
            pass
        if self.stack.exists():
            process.send_signal(signal.SIGUSR1)
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        names = [line.split(" in ")[-1] for line in self.stack.read_text().splitlines()]
        return next((PHASES[name] for name in names if name in PHASES), "starting")

    def digest(self) -> dict[str, str]:
        """The checksum of every file that the cell wrote."""
        return {
            str(path.relative_to(self.out)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.out.rglob("*"))
            if path.is_file()
        }

    def runs(self) -> tuple[int, int]:
        """MLflow's runs of the cell, and the steps whose loss they hold."""
        from mlflow.tracking import MlflowClient

        words = [sys.executable, "-c", "from stages import tracking; tracking.deliver()"]
        subprocess.run(words, cwd=self.folder, env=environment(), check=True)
        client = MlflowClient(f"sqlite:///{self.folder}/mlflow.db")
        found = client.search_runs(["1"], "tags.kind = 'cell'")
        return len(found), sum(
            len({point.step for point in client.get_metric_history(run.info.run_id, "loss")})
            for run in found
        )


def undisturbed(cell: Cell) -> tuple[float, float]:
    """Run the cell; return the seconds until its first step, and in all."""
    begun, first = time.monotonic(), 0.0
    process = cell.start()
    for line in process.stderr:
        if " step 1/" in line:
            first = time.monotonic() - begun
    if process.wait():
        sys.exit("the undisturbed run failed")
    return first, time.monotonic() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stage", choices=["target", "intermediate"], default="target")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "undisturbed"
        folder.mkdir()
        prepare(folder, arguments.steps, arguments.batch)
        cell = Cell(folder, arguments.stage)
        first, whole = undisturbed(cell)
        expected, steps = cell.digest(), cell.runs()[1]
        print(f"undisturbed: first step after {first:.1f} s, done after {whole:.1f} s", flush=True)
        kills, rounds, phases, same = 0, 0, Counter[str](), 0
        while kills < arguments.kills:
            rounds += 1
            folder = Path(place) / f"round-{rounds}"
            folder.mkdir()
            prepare(folder, arguments.steps, arguments.batch)
            cell = Cell(folder, arguments.stage)
            while True:
                process = cell.start()
                if kills == arguments.kills:
                    if process.wait():
                        sys.exit(process.stderr.read())
                    break
                early = draw.random() < 0.1
                instant = draw.uniform(0, first) if early else draw.uniform(first, whole)
                phase = cell.kill_after(process, instant)
                if phase is None:
                    break
                kills += 1
                phases[phase] += 1
                print(f"kill {kills:2}  after {instant:5.1f} s  while {phase}", flush=True)
            found, (runs, logged) = cell.digest(), cell.runs()
            differ = [name for name in expected | found if found.get(name) != expected.get(name)]
            same += not differ
            verdict = f"{', '.join(differ)} differ" if differ else "every byte is the same"
            print(
                f"round {rounds}: {len(found)} files, {verdict}; {runs} MLflow run, {logged} of "
                f"{steps} steps in it",
                flush=True,
            )
    print(f"{kills} kills: " + ", ".join(f"{n} {phase}" for phase, n in phases.most_common()))
    print(f"{same} of {rounds} runs end with the bytes of the undisturbed one")
    sys.exit(same != rounds)


if __name__ == "__main__":
    main()
