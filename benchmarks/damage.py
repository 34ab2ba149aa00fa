"""Damage real files in every known way at random places, and print what the guards find.

In   data/ as the snapshot left it, clean: any of the tasks below.
Out  a table on stdout: kind of damage, its size, file, found by which rule at which row.
Run  python -m benchmarks.damage [--data data] [--seed 1] [--tasks xnli udpos ...]

A kind counts as found where the damaged file gets a finding that the clean one has not: another
rule, a higher severity, or more rows, and at least a warning. Exit status 1 if a kind is missed or
a clean file stops.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.damages.heads import (
    CHOICE,
    ENTITIES,
    MINING,
    PARTS_OF_SPEECH,
    RETRIEVAL,
    SPAN,
)
from benchmarks.damages.kind import Damage
from benchmarks.damages.pairs import DAMAGES as PAIRS
from stages.guards.read import read
from stages.guards.rule import SEVERITIES, Outcome
from stages.tasks import Task, find
from stages.tasks.schema import DATA, arrow
from stages.validate import validate

KINDS: dict[str, tuple[Damage, ...]] = {
    "xnli": PAIRS, "hellaswag": CHOICE, "csqa": CHOICE, "xquad": SPAN, "udpos": PARTS_OF_SPEECH,
    "panx": ENTITIES, "tatoeba": RETRIEVAL, "bucc2018": MINING,
}  # fmt: skip
MOST_LANGUAGES = 16  # of a task; more say nothing new
FOUND = ("stop", "repair", "warn")


def present(name: str, folder: Path, most: int = MOST_LANGUAGES) -> Task:
    """The task with the languages, and the evaluated split, that the folder holds."""
    task = find(name)
    splits = Counter(path.stem for path in folder.glob("*/*.parquet"))
    evaluated = task.evaluated
    if evaluated is not None and not splits[evaluated]:
        evaluated = max(splits, key=lambda split: splits[split])
    languages = tuple(
        code
        for code in task.languages
        if evaluated is None or (folder / code / f"{evaluated}.parquet").exists()
    )
    return dataclasses.replace(task, evaluated=evaluated, languages=languages[:most])


def damaged_files(task: Task) -> list[str]:
    """The files that damage is done to: one a language, not the one that others are compared to."""
    files = task.files()
    tested = [file for file in files if file[1] == task.evaluated] or files
    others = [file for file in tested if file[0] != "en"]
    return [f"{code}/{split}.parquet" for code, split in (others or tested)]


def by_rule(outcomes: list[Outcome], file: str) -> dict[str, tuple[int, int, Outcome]]:
    """The findings on one file: rule to (severity, rows, outcome)."""
    found = {}
    for outcome in outcomes:
        if outcome.file == file and outcome.severity:
            level = -SEVERITIES.index(outcome.severity)
            found[outcome.rule.name] = (level, outcome.count, outcome)
    return found


def rounds(
    kinds: tuple[Damage, ...], files: list[str], rng: np.random.Generator
) -> list[dict[str, Damage]]:
    """Spread the kinds over runs, one kind a file and run."""
    runs: list[dict[str, Damage]] = []
    for damage in kinds:
        choice = [
            name
            for name in files
            if not damage.languages or name.partition("/")[0] in damage.languages
        ]
        rng.shuffle(choice)
        if not choice:
            print(f"{damage.kind:38} not tried: no file in {', '.join(damage.languages)}")
            continue
        for run in runs:
            free = [name for name in choice if name not in run]
            if free:
                run[free[0]] = damage
                break
        else:
            runs.append({choice[0]: damage})
    return runs


def save(frame: pd.DataFrame, path: Path, head: str) -> None:
    """Write a frame in the schema of the head where it still fits, and as it is where not."""
    frame = frame.reset_index(drop=True)
    if list(frame.columns) == list(DATA[head]):
        try:
            columns = {name: frame[name].tolist() for name in frame}
            table = pa.Table.from_pydict(columns, arrow(DATA[head]))
            return pq.write_table(table, path)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            pass  # of another type: that is the damage
    frame.to_parquet(path, index=False)
    return None


def run(
    task: Task, folder: Path, kinds: tuple[Damage, ...], rng: np.random.Generator
) -> tuple[list[tuple[str, str]], list[str], int]:
    """(kind, severity) of what was found, the kinds that were missed, and stops on clean files."""
    before = validate(task, folder, {}, accept_stand_ins=True)
    stops = before.findings("stop")
    print(f"\n{task.name}: clean, {len(before.data)} files, {len(stops)} stops")
    clean = {name: read(folder / name).frame() for name in before.data}
    for name, frame in clean.items():
        frame.attrs["language"] = name.partition("/")[0]
    by_language = {
        name.partition("/")[0]: frame for name, frame in clean.items() if "train" not in name
    }
    found, missed = [], []
    for plan in rounds(kinds, damaged_files(task), rng):
        sys.stdout.flush()
        with tempfile.TemporaryDirectory() as temporary:
            copy = Path(temporary) / task.name
            shutil.copytree(folder, copy)
            for name, damage in plan.items():
                path = copy / name
                if damage.change:
                    frame = clean[name].reset_index(drop=True)
                    frame.attrs = clean[name].attrs
                    rows = {
                        code: other.reset_index(drop=True) for code, other in by_language.items()
                    }
                    changed = damage.change(frame.copy(), rng, rows)
                    save(changed, path, task.head)
                elif damage.bytes:
                    content = damage.bytes(path.read_bytes())
                    path.unlink()
                    if content is not None:
                        path.write_bytes(content)
            after = validate(task, copy, {}, accept_stand_ins=True)
        for name, damage in plan.items():
            old = by_rule(before.outcomes, name)
            new = {
                rule: one
                for rule, one in by_rule(after.outcomes, name).items()
                if rule not in old or one[:2] > old[rule][:2]
            }
            line = f"{damage.kind:38} {damage.size:12} {name:22} "
            best = max(new.items(), key=lambda item: item[1][:2], default=None)
            if best is None or best[1][2].severity not in FOUND:
                missed.append(f"{task.name}: {damage.kind}")
                print(f"{line}NOT FOUND{'' if best is None else ' (a note: ' + best[0] + ')'}")
                continue
            rule, (_, _, outcome) = best
            found.append((damage.kind, outcome.severity or ""))
            row = outcome.examples[0].row
            others = f" (+{len(new) - 1} rules)" if len(new) > 1 else ""
            print(f"{line}{outcome.severity:8} {rule:22} {row or '-'}{others}")
    return found, missed, len(stops)


def main() -> None:
    """Damage, judge, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tasks", nargs="+", default=list(KINDS))
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    start = time.process_time()
    print(f"{'kind':38} {'size':12} {'file':22} {'severity':8} {'rule':22} row")
    found: list[tuple[str, str]] = []
    missed: list[str] = []
    stops = 0
    for name in arguments.tasks:
        folder = arguments.data / name
        if not any(folder.glob("*/*.parquet")):
            print(f"\n{name}: not in {arguments.data}, left out")
            continue
        more, lost, alarms = run(present(name, folder), folder, KINDS[name], rng)
        found += more
        missed += lost
        stops += alarms
    severities = Counter(severity for _, severity in found)
    total = len(found) + len(missed)
    print(
        f"\n{len(found)} of {total} found ({severities['stop']} stop, {severities['warn']} warn); "
        f"{len({kind for kind, _ in found})} different kinds; missed: {missed or 'none'}; "
        f"{stops} stops on clean files; {time.process_time() - start:.0f} s of CPU"
    )
    sys.exit(1 if missed or stops else 0)


if __name__ == "__main__":
    main()
