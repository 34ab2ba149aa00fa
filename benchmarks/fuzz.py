"""Feed broken bytes to every reader of data: nothing may crash, hang or fill the memory.

In   nothing: small valid files of every kind are made here, then damaged.
Out  a line a reader: inputs, how many were refused with a clear message and how many were read;
     then every finding: an exception that is no clear message, an input that took more than
     10 seconds of CPU, a process that died. Exit status 1 with any finding.
Run  python -m benchmarks.fuzz [--minutes 5] [--seed 1] [--keep FOLDER]

Readers run in a process of their own, 4 GiB of address space beyond what its libraries take.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks.fuzzing import mutated

SECONDS = 10  # an input may take
MEMORY = 4 * 2**30  # bytes beyond what is mapped at the start
BATCH = 2_000  # inputs a process; then a fresh one, so that nothing adds up


class Hang(Exception):
    """An input took too long."""


def readers() -> dict[str, tuple[tuple[str, ...], Callable[[Path], object]]]:
    """Reader -> (endings of the files it is given, the call)."""
    from stages.guards import origin, read, structure, translated
    from stages.sources import archive, bucc, ccgbank, parquet, treebanks
    from stages.sources.origin import Origin
    from stages.tasks import find

    def guarded(path: Path) -> object:
        table = read.read(path)
        for name in ("xnli", "squad", "panx", "hellaswag", "bucc2018"):
            name_ = f"en/{path.name}"
            structure.files(find(name), {name_: table}, {}, {name_: 3}, True)
        return table.frame()

    def whole(path: Path) -> object:
        from stages.validate import validate

        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "en" / "train.parquet"
            place.parent.mkdir()
            place.write_bytes(path.read_bytes())
            return validate(find("squad"), Path(folder), {}, accept_stand_ins=True)

    def hub(name: str) -> Callable[[Path], object]:
        task = find(name)

        def call(path: Path) -> object:
            return parquet.read(task, task.sources[0], "en", [Origin("x", path, "0")])

        return call

    def brought(module: object, name: str) -> Callable[[Path], object]:
        def call(path: Path) -> object:
            read_ = module.read  # type: ignore[attr-defined]
            arguments = (find(name), path, False) if name == "bucc2018" else (find(name), path)
            return list(read_(*arguments))

        return call

    def record(path: Path) -> object:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / origin.RECORD).write_bytes(path.read_bytes())
            found, problem = origin.read_record(Path(folder))
            return origin.origin(find("xnli"), found, problem, {})

    def members(path: Path) -> object:
        found = archive.members(path, lambda name: True)
        return [archive.text(content, place) for _, place, content in found]

    return {
        "guards: parquet of data/": ((".parquet",), guarded),
        "guards: a whole task": ((".parquet",), whole),
        "guards: snapshot.json": ((".record",), record),
        "translations: TSV": ((".tsv",), lambda path: translated.load(path, "de")),
        "translations: JSONL": ((".jsonl",), lambda path: translated.load(path, "de")),
        "translations: SQuAD JSON": ((".json",), lambda path: translated.load(path, "de")),
        "translations: parquet": ((".parquet",), lambda path: translated.load(path, "de")),
        "snapshot: hub pairs": ((".parquet",), hub("xnli")),
        "snapshot: hub questions": ((".parquet",), hub("squad")),
        "snapshot: hub choices": ((".parquet",), hub("hellaswag")),
        "snapshot: hub tags": ((".parquet",), hub("panx")),
        "snapshot: archives": ((".zip", ".tar.gz", ".tar"), members),
        "snapshot: BUCC 2018": ((".zip", ".tar.gz"), brought(bucc, "bucc2018")),
        "snapshot: CCGbank": ((".zip", ".tar.gz"), brought(ccgbank, "ccg")),
        "snapshot: treebanks": ((".zip", ".tar.gz"), brought(treebanks, "udpos")),
    }


def work(seed: int, count: int, current: Path, until: float) -> None:
    """Run inputs until the time is up; a line of JSON for each reader and finding."""
    from stages.errors import UserError
    from stages.guards import judge
    from stages.guards.read import Unreadable

    def stop(number: int, frame: object) -> None:
        raise Hang

    table = readers()
    judge._batches()  # what the libraries map and take to start is not the input's doing
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, mapped + MEMORY))
    signal.signal(signal.SIGALRM, stop)
    signal.signal(signal.SIGPROF, stop)
    rng = random.Random(seed)
    names = list(table)
    counts: Counter[str] = Counter()
    for number in range(count):
        if time.time() > until:
            break
        # a whole run of Great Expectations costs a hundred other inputs
        name = rng.choice(names)
        if name == "guards: a whole task" and rng.random() > 0.1:
            name = "guards: parquet of data/"
        endings, call = table[name]
        ending = rng.choice(endings)
        content, how = mutated(ending, rng)
        path = current / f"input{ending if ending != '.record' else '.json'}"
        path.write_bytes(content)
        (current / "what").write_text(json.dumps([name, how, seed, number, path.name]))
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of CPU: others may use the machine
        signal.alarm(12 * SECONDS)
        try:
            call(path)
            counts[f"{name}\tread"] += 1
        except (UserError, Unreadable):
            counts[f"{name}\trefused"] += 1
        except Hang:
            print(json.dumps({"finding": "hang", "reader": name, "how": how, "at": [seed, number]}))
        except BaseException as error:  # whatever is no clear message is a finding
            where = traceback.extract_tb(error.__traceback__)[-1]
            kind = f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}"
            print(
                json.dumps(
                    {
                        "finding": kind,
                        "reader": name,
                        "how": how,
                        "at": [seed, number],
                        "says": str(error)[:200],
                    }
                ),
                flush=True,
            )
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.alarm(0)
    print(json.dumps({"counts": counts}), flush=True)


def main() -> None:
    """Run workers until the time is up, add up, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="copy the inputs of findings here")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--until", type=float, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        return work(arguments.seed, BATCH, arguments.worker, arguments.until)
    until = time.time() + 60 * arguments.minutes
    counts: Counter[str] = Counter()
    findings: list[dict] = []
    seed = arguments.seed
    while time.time() < until:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "benchmarks.fuzz", "--worker", folder]
            command += ["--seed", str(seed), "--until", str(until)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            for line in done.stdout.splitlines():
                if not line.startswith("{"):
                    continue
                entry = json.loads(line)
                counts.update(entry.get("counts", {}))
                findings += [entry] if "finding" in entry else []
            if done.returncode:
                what = json.loads((Path(folder) / "what").read_text())
                findings.append(
                    {
                        "finding": f"process died with {done.returncode}",
                        "reader": what[0],
                        "how": what[1],
                        "at": what[2:4],
                        "says": done.stderr.strip().splitlines()[-1:],
                    }
                )
                if arguments.keep:
                    arguments.keep.mkdir(parents=True, exist_ok=True)
                    content = (Path(folder) / what[4]).read_bytes()
                    (arguments.keep / f"{seed}-{what[4]}").write_bytes(content)
        seed += 1
    total = sum(counts.values())
    for name in sorted({key.partition("\t")[0] for key in counts}):
        print(f"{name:28} refused {counts[name + chr(9) + 'refused']:7,}  "
              f"read {counts[name + chr(9) + 'read']:7,}")  # fmt: skip
    print(f"{total:,} inputs in {arguments.minutes:g} minutes; {len(findings)} findings")
    kinds = Counter((one["reader"], one["finding"], one["how"]) for one in findings)
    for (reader, kind, how), times in kinds.most_common():
        first = next(one for one in findings if (one["reader"], one["finding"]) == (reader, kind))
        print(f"  {times:5} x {reader}: {kind} ({how}), seed and number {first['at']}: "
              f"{first.get('says', '')}")  # fmt: skip
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
