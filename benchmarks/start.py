"""Time from starting a cell to the end of its first optimizer step.

    python -m benchmarks.start

Runs `python -m stages.intermediate mnli` on the sample's data and the small encoder (`dvc pull
data.dvc encoder.dvc`) in a folder of its own, a few times, and reads the clock when the line of the
first step is printed. Prints every run and the median. The first run may have to read its files
from the disk.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.drill import environment, prepare


def first_step(folder: Path) -> float:
    """Start the cell, wait for its first step, stop it; return the seconds."""
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.intermediate", "mnli"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    seen = []
    for line in process.stderr:
        seen.append(line)
        if " step 1/" in line:
            seconds = time.monotonic() - begun
            process.kill()
            process.wait()
            return seconds
    sys.exit("".join(seen) or "the cell ended without a step")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    found = []
    for _ in range(arguments.runs):
        with tempfile.TemporaryDirectory() as place:
            prepare(Path(place), steps=20, batch=32)
            found.append(first_step(Path(place)))
        print(f"first step after {found[-1]:.1f} s", flush=True)
    print(f"median {median(found):.1f} s")


if __name__ == "__main__":
    main()
