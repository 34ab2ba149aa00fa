"""Time the way of full-size sets from the hub's parquet to cached token ids.

In   a mirror of the hub and an encoder's tokenizer.
Out  stdout: seconds for 392,702 XNLI pairs on all cores (wanted: at most 60 on two), and questions
     a second on one core (wanted: at least 500).
Run  python -m benchmarks.encoding --mirror DIR [--encoder encoder] [--pairs 392702]

The sets are real rows of the mirror, repeated. A repeated pair is cheaper for a tokenizer that
remembers words, so the rate of the first pass, in which no row was seen before, is printed too. A
repeated context gets a number of its own, so that no context is tokenised for another's questions.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stages.encoding import encode, load
from stages.sources import parquet
from stages.sources.origin import Origin
from stages.tasks import find, schema


def pairs(mirror: Path, encoder: Path, count: int) -> None:
    """Read, tokenise and cache `count` pairs of XNLI's training set."""
    task = find("xnli")
    first = pq.read_table(next((mirror / "facebook/xnli/en").glob("train-*")))
    copies = -(-count // first.num_rows)
    with tempfile.TemporaryDirectory() as folder:
        for name, table in (
            ("first", first),
            ("whole", pa.concat_tables([first] * copies).slice(0, count)),
        ):
            path = Path(folder) / f"{name}.parquet"
            pq.write_table(table, path)
            tokenizer = load(encoder / "tokenizer.json")
            start = time.perf_counter()
            rows = parquet.read(task, task.source, "en", [Origin(path.name, path, "")])
            data = pa.table(rows.columns, schema=schema.arrow(schema.DATA["pair"]))
            pq.write_table(data, path.with_suffix(".data"), compression="zstd")
            read = time.perf_counter()
            encoded = encode(pq.read_table(path.with_suffix(".data")), task, tokenizer)
            pq.write_table(encoded, path.with_suffix(".encoded"), compression="zstd")
            end = time.perf_counter()
            tokens = sum(
                len(encoded[column].combine_chunks().flatten())
                for column in ("sentence1_ids", "sentence2_ids")
            )
            print(
                f"{name}: {table.num_rows} pairs, {tokens} tokens: read {read - start:.1f} s, "
                f"tokenised and cached {end - read:.1f} s, together {end - start:.1f} s "
                f"({table.num_rows / (end - start):.0f} pairs a second)",
                flush=True,
            )


def questions(mirror: Path, encoder: Path, copies: int = 4) -> None:
    """Read, tokenise with offsets and cache the questions of SQuAD, `copies` times."""
    task = find("squad2")
    first = pq.read_table(next((mirror / "rajpurkar/squad_v2/squad_v2").glob("train-*")))
    contexts = first["context"].to_pylist()
    at = first.column_names.index("context")
    tables = [
        first.set_column(at, "context", pa.array([f"{text} ({copy})" for text in contexts]))
        for copy in range(copies)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "questions.parquet"
        pq.write_table(pa.concat_tables(tables), path)
        tokenizer = load(encoder / "tokenizer.json")
        start = time.perf_counter()
        rows = parquet.read(task, task.source, "en", [Origin(path.name, path, "")])
        data = pa.table(rows.columns, schema=schema.arrow(schema.DATA["span"]))
        encoded = encode(data, task, tokenizer)
        pq.write_table(encoded, path.with_suffix(".encoded"), compression="zstd")
        seconds = time.perf_counter() - start
        print(
            f"questions: {data.num_rows} of {len(set(data['context'].to_pylist()))} contexts in "
            f"{seconds:.1f} s ({data.num_rows / seconds:.0f} a second a core)",
            flush=True,
        )


def main() -> None:
    """Time both, each in a process with its own number of threads."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, default=Path("encoder"))
    parser.add_argument("--pairs", type=int, default=392_702)
    parser.add_argument("--only", choices=("pairs", "questions"))
    arguments = parser.parse_args()
    if arguments.only == "pairs":
        pairs(arguments.mirror, arguments.encoder, arguments.pairs)
    elif arguments.only == "questions":
        questions(arguments.mirror, arguments.encoder)
    else:
        for only, threads in (("pairs", os.cpu_count() or 1), ("questions", 1)):
            environment = os.environ | {
                "RAYON_NUM_THREADS": str(threads),
                "OMP_NUM_THREADS": str(threads),
                "TOKENIZERS_PARALLELISM": "true" if threads > 1 else "false",
            }
            subprocess.run(
                [sys.executable, "-m", "benchmarks.encoding", *sys.argv[1:], "--only", only],
                env=environment,
                check=True,
            )


if __name__ == "__main__":
    main()
