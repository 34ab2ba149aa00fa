"""Encode: data/<task>/  ->  encoded/<task>/<language>/<split>.parquet

In   validated data, encoder/tokenizer.json.
Out  for every split: id, sentence1_ids and sentence2_ids (lists of int32, without special tokens
     and not truncated), label (index into the task's labels). Every cell reads these; nothing is
     tokenised twice.
Run  python -m stages.encode xnli
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from stages.errors import UserError, run
from stages.tasks import Task, find
from stages.writing import replacing_folder

if TYPE_CHECKING:
    import pyarrow as pa
    from tokenizers import Tokenizer

ROWS_AT_A_TIME = 20_000


def encode(table: pa.Table, task: Task, tokenizer: Tokenizer) -> pa.Table:
    """Return the token ids of one split."""
    import pyarrow as pa

    columns = {"id": table["id"]}
    for name in ("sentence1", "sentence2"):
        lists = []
        for start in range(0, table.num_rows, ROWS_AT_A_TIME):
            texts = table[name].slice(start, ROWS_AT_A_TIME).to_pylist()
            encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
            lists.append(pa.array([e.ids for e in encodings], pa.list_(pa.int32())))
        columns[f"{name}_ids"] = pa.chunked_array(lists, pa.list_(pa.int32()))
    numbers = {label: number for number, label in enumerate(task.labels)}
    columns["label"] = pa.array([numbers[label] for label in table["label"].to_pylist()], pa.int8())
    return pa.table(columns)


def main() -> None:
    """Encode every split of one task."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--encoder", type=Path, default=Path("encoder"))
    parser.add_argument("--out", type=Path, default=Path("encoded"))
    arguments = parser.parse_args()
    import pyarrow.parquet as pq
    from tokenizers import Tokenizer

    task = find(arguments.task)
    vocabulary = arguments.encoder / "tokenizer.json"
    if not vocabulary.exists():
        raise UserError(f"{vocabulary} not found: expected an encoder; `dvc pull` brings it.")
    tokenizer = Tokenizer.from_file(str(vocabulary))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    start, rows = time.monotonic(), 0
    with replacing_folder(arguments.out / task.name) as folder:
        for language, split in task.files():
            source = arguments.data / task.name / language / f"{split}.parquet"
            table = encode(pq.read_table(source), task, tokenizer)
            (folder / language).mkdir(exist_ok=True)
            pq.write_table(table, folder / language / f"{split}.parquet", compression="zstd")
            rows += table.num_rows
            print(f"  {task.name}/{language}/{split}: {table.num_rows} rows", flush=True)
    print(f"{task.name}: {rows} rows encoded in {time.monotonic() - start:.1f} s")


if __name__ == "__main__":
    run(main)
