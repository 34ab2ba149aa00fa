"""Encode: data/<task>/  ->  encoded/<task>/<language>/<split>.parquet

In   validated data, encoder/tokenizer.json; the rows that severity `repair` leaves out
     (validation/<task>/dropped.parquet, leakage/<task>.parquet).
Out  for every split the token ids of its texts, without special tokens and not truncated, and
     what the head needs beside them (stages/tasks/schema.py). Every cell reads these; nothing is
     tokenised twice. labels.json where the labels come from the data (CCG).
Run  python -m stages.encode xnli
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path

from stages import params
from stages.encoding import check_known, check_text, encode, load
from stages.errors import run
from stages.guards import repair
from stages.tasks import missing
from stages.writing import replacing_folder

LABELS = "labels.json"


def main() -> None:
    """Encode every split of one task."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--encoder", type=Path, default=Path("encoder"))
    parser.add_argument("--validation", type=Path, default=Path("validation"))
    parser.add_argument("--leakage", type=Path, default=Path("leakage"))
    parser.add_argument("--out", type=Path, default=Path("encoded"))
    arguments = parser.parse_args()
    import pyarrow.parquet as pq

    task = params.task(params.read(), arguments.task)
    data = arguments.data / task.name
    if reason := missing.why(data):
        missing.leave(arguments.out / task.name, reason)
        return
    # rows that severity `repair` leaves out
    dropped = (
        arguments.validation / task.name / repair.DROPPED,
        arguments.leakage / f"{task.name}.parquet",
    )
    tokenizer = load(arguments.encoder / "tokenizer.json")
    start, rows = time.monotonic(), 0
    with replacing_folder(arguments.out / task.name) as folder:
        labels = task.labels
        if (data / LABELS).exists():
            shutil.copy(data / LABELS, folder / LABELS)
            labels = tuple(json.loads((data / LABELS).read_text(encoding="utf-8")))
        for language, split in task.files():
            source = data / language / f"{split}.parquet"
            if task.head == "mining" and not source.exists():
                print(f"  {task.name}/{language}/{split}: not there, left out", flush=True)
                continue
            kept = repair.kept(pq.read_table(source), f"{language}/{split}.parquet", *dropped)
            table = encode(kept, task, tokenizer, labels)
            if task.head == "text":
                check_text(table, tokenizer, source)
            elif task.translated and split == "train":
                check_known(table, tokenizer, source)
            (folder / language).mkdir(exist_ok=True)
            pq.write_table(table, folder / language / f"{split}.parquet", compression="zstd")
            rows += table.num_rows
            print(f"  {task.name}/{language}/{split}: {table.num_rows} rows", flush=True)
    print(f"{task.name}: {rows} rows encoded in {time.monotonic() - start:.1f} s")


if __name__ == "__main__":
    run(main)
