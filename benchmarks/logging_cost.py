"""What logging a cell to MLflow costs: CPU seconds, and their share of a cell.

    python -m benchmarks.logging_cost                     (SQLite, 2,000 steps)
    python -m benchmarks.logging_cost --steps 20000 --uri http://127.0.0.1:5000

Logs a run that computes nothing, in a folder of its own, in a fresh process each: one of a single
step, for what any cell pays once (git's words on the commit, starting the process that sends), and
one of `--steps` steps of three metrics and the scores of 15 languages. CPU seconds, which hold on a
busy machine as well: of the cell's process, what it waits for included, and of the process beside
it that reads MLflow and serves the cells after it too, at low priority.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHARE = 0.02


def measure(steps: int, pause: float) -> dict[str, float]:
    """Log a run in this process; return CPU seconds of it, of its loop, and of the sender."""
    from stages import tracking
    from stages.tracking import sender, store

    sender.SECONDS_OF_LEISURE = 0.0
    before, begun = time.thread_time(), spent()
    with tracking.cell("cost", "cost", {"seed": "1"}, {"x": 1}, {}) as recorder:
        for step in range(1, steps + 1):
            recorder.point(step, {"loss": 1.0 / step, "learning_rate": 1e-5, "rate": float(step)})
            if pause:
                time.sleep(pause)
        for number in range(15):
            recorder.point(0, {f"xnli/{number}/accuracy": 50.0})
        loop = time.thread_time() - before
    cell = spent() - begun
    _, status, used = os.wait4(sender.started[store.identity()].pid, 0)
    return {"loop": loop, "cell": cell, "sender": used.ru_utime + used.ru_stime, "status": status}


def spent() -> float:
    """CPU seconds of this process and of those that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def in_a_process(steps: int, pause: float, uri: str | None) -> dict[str, float]:
    """The same in a fresh process and folder; a local store has its tables already."""
    with tempfile.TemporaryDirectory() as place:
        free = {"PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_URI": uri or f"sqlite:///{place}/ml.db"}
        run = {"cwd": place, "env": os.environ | free, "capture_output": True, "text": True}
        make = "from stages import tracking; tracking.prepare()"
        subprocess.run([sys.executable, "-c", make], check=True, **run)
        words = ["--inside", "--steps", str(steps), "--pause", str(pause)]
        done = subprocess.run([sys.executable, "-m", "benchmarks.logging_cost", *words], **run)
        if done.returncode or not (Path(place) / ".state").is_dir():
            sys.exit(done.stderr)
        return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--pause", type=float, default=0.002, help="seconds between two steps")
    parser.add_argument("--uri", help="the store; a new SQLite file if left out")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        print(json.dumps(measure(arguments.steps, arguments.pause)))
        return
    once = in_a_process(1, 0.0, arguments.uri)
    many = in_a_process(arguments.steps, arguments.pause, arguments.uri)
    more = arguments.steps - 1
    loop = (many["loop"] - once["loop"]) / more
    each = (many["cell"] - once["cell"]) / more
    print(
        f"a cell's process   {once['cell']:.3f} s of CPU, and {each * 1e6:.0f} us a step, "
        f"{loop * 1e6:.0f} us of which in the loop"
    )
    print(
        f"the one beside it  {once['sender']:.2f} s, and "
        f"{(many['sender'] - once['sender']) / more * 1e6:.0f} us a step"
    )
    print(
        f"under {SHARE:.0%} of a cell of more than {once['cell'] / SHARE:.1f} CPU seconds and "
        f"{each / SHARE * 1e3:.1f} ms a step"
    )


if __name__ == "__main__":
    main()
