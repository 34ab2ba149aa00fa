"""How long the guards take: all rules on every file of a mirror, and near copies at full size.

In   a folder in the hub's layout, and BUCC's files if they are there.
Out  seconds of each task and of all on two processes; then, with --near, the time, the memory and
     what was found of planted copies for 400,000 training pairs against 15 x 5,010 test pairs.
Run  python -m benchmarks.guards --mirror DIR [--bucc DIR] [--data KEPT] [--near]
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import os
import random
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from stages.guards.leakage import NEAR, Texts, _similarity, matches, normalise
from stages.guards.read import read
from stages.snapshot import snapshot
from stages.tasks import TASKS, Task, find
from stages.validate import validate

AGAIN = ("xnli", "pawsx")  # their validation sets in all languages are files of the mirror too


def tasks_of(mirror: Path, bucc: Path | None, data: Path) -> list[tuple[Task, Path]]:
    """Write data/ from the mirror; return each task as it is there, and its folder."""
    found = []
    for name, task in TASKS.items():
        part, brought = here(task, mirror), None
        if task.brought == "bucc2018" and bucc is not None:
            brought = bucc
            part = dataclasses.replace(task, evaluated="dev", languages=("zh",))
        if part is not None:
            found.append((part, data / name, brought))
    for name in AGAIN:
        part = dataclasses.replace(find(name), evaluated="validation")
        found.append((part, data / "again" / name, None))
    for part, folder, brought in found:
        with contextlib.redirect_stdout(io.StringIO()):
            snapshot(part, folder.parent, mirror, True, brought)
    return [(part, folder) for part, folder, _ in found]


def here(task: Task, mirror: Path) -> Task | None:
    """The task with the split and the languages that the mirror has, None where it has none."""
    if not task.sources:
        return None
    source = task.source

    def has(code: str, split: str) -> bool:
        folder = mirror / source.repository / source.configurations[code]
        return any(folder.glob(f"{source.splits.get(split, split)}-*"))

    if task.evaluated is None:
        return task if has("en", "train") else None
    for split in dict.fromkeys((task.evaluated, "validation")):
        languages = tuple(code for code in task.languages if has(code, split))
        if len(languages) > 1:
            return dataclasses.replace(task, evaluated=split, languages=languages)
    return None


def judged(task: Task, folder: Path) -> tuple[str, int, int, float, int]:
    """Task, files, rows, CPU seconds, stops."""
    start = time.process_time()
    verdict = validate(task, folder, {}, accept_stand_ins=True)
    rows = sum(entry["rows"] for entry in verdict.data.values())
    name = f"{task.name} ({task.evaluated or 'en'})"
    return name, len(verdict.data), rows, time.process_time() - start, len(verdict.findings("stop"))


def everything(mirror: Path, bucc: Path | None, data: Path) -> None:
    """Validate all tasks on two processes, the largest first."""
    tasks = tasks_of(mirror, bucc, data)
    tasks.sort(key=lambda one: -sum(path.stat().st_size for path in one[1].rglob("*.parquet")))
    start = time.monotonic()
    with ProcessPoolExecutor(2) as pool:
        results = list(pool.map(judged, *zip(*tasks, strict=True)))
    wall = time.monotonic() - start
    for name, files, rows, seconds, stops in results:
        print(f"{name:24} {files:4} files {rows:8,} rows {seconds:6.1f} s of CPU, {stops} stops")
    files, rows, seconds = (sum(one[place] for one in results) for place in (1, 2, 3))
    print(
        f"all: {files} files, {rows:,} rows, {wall:.1f} s on two processes, {seconds:.1f} s of CPU"
    )


def near(mirror: Path, rows: int) -> None:
    """Near copies of training pairs, made of real words, in 15 real test sets."""
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        task = find("xnli")
        snapshot(task, Path(folder), mirror, True)
        train = read(Path(folder) / "xnli/en/train.parquet").frame()
        tests = [
            list(zip(frame["sentence1"], frame["sentence2"], strict=True))
            for code in task.languages
            for frame in [read(Path(folder) / f"xnli/{code}/test.parquet").frame()]
        ]
    pairs = list(zip(train["sentence1"], train["sentence2"], strict=True))
    words = sorted({word for pair in pairs[:4_000] for side in pair for word in side.split()})
    made = list(pairs)
    while len(made) < rows:  # a third of the words of a real pair replaced: no near copy of it
        made.append(tuple(
            " ".join(rng.choice(words) if rng.random() < 0.35 else word for word in side.split())
            for side in rng.choice(pairs)
        ))  # fmt: skip
    items = [pair for test in tests for pair in test]
    planted = {}
    for row in rng.sample(range(len(items)), 1_000):
        source = rng.randrange(len(made))
        sides = [side.split() for side in made[source]]
        if min(map(len, sides)) < 8:
            continue
        sides[0][rng.randrange(len(sides[0]))] = "other"
        copy = tuple(" ".join(side) for side in sides)
        if _similarity(normalise(made[source]), normalise(copy), NEAR) >= NEAR:
            items[row], planted[row] = copy, source
    start = time.process_time(), time.monotonic()
    found: dict[int, set[int]] = {}
    for match in matches(Texts(made), Texts(items)):
        for row in match.test:
            found.setdefault(row, set()).update(match.train)
    seconds, wall = time.process_time() - start[0], time.monotonic() - start[1]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    hit = sum(source in found.get(row, ()) for row, source in planted.items())
    print(
        f"near copies (similarity {NEAR}): {len(made):,} training pairs, {len(items):,} test "
        f"pairs: {wall:.1f} s, {seconds:.1f} s of CPU, {memory:.2f} GiB; {hit} of "
        f"{len(planted)} planted copies found, {len(found)} test pairs in all"
    )


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", type=lambda text: Path(text).resolve(), required=True)
    parser.add_argument("--bucc", type=Path)
    parser.add_argument("--data", type=Path, help="keep data/ here for the next time")
    parser.add_argument("--near", action="store_true", help="near copies only")
    parser.add_argument("--rows", type=int, default=400_000)
    arguments = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    if arguments.near:
        return near(arguments.mirror, arguments.rows)
    with tempfile.TemporaryDirectory() as folder:
        everything(arguments.mirror, arguments.bucc, arguments.data or Path(folder))
    return None


if __name__ == "__main__":
    main()
