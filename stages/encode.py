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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages import params
from stages.errors import UserError, run
from stages.guards import repair
from stages.tasks import Task, missing
from stages.writing import replacing_folder

if TYPE_CHECKING:
    import pyarrow as pa
    from tokenizers import Tokenizer

ROWS_AT_A_TIME = 20_000
# A word of more subwords (an address, a line of code) counts as unknown, as does one of none.
# XTREME draws the line at the length of an input, where one word takes the room of a sentence.
WORD_SUBWORDS = 16
UNKNOWN = "<unk>"
MOST_UNKNOWN = 0.5  # of the tokens of unlabelled text: a language that is mostly unknown
LABELS = "labels.json"


def encode(
    table: pa.Table, task: Task, tokenizer: Tokenizer, labels: Sequence[str] = ()
) -> pa.Table:
    """Return the token ids of one split, in the columns of schema.ENCODED.

    labels : the task's, where its record does not hold them.
    """
    return ENCODERS[task.head](table, labels or task.labels, tokenizer)


def _pair(table: pa.Table, labels: Sequence[str], tokenizer: Tokenizer) -> pa.Table:
    import pyarrow as pa

    columns = {"id": table["id"]}
    for name in ("sentence1", "sentence2"):
        columns[f"{name}_ids"] = _ids(table[name], tokenizer)
    columns["label"] = _label(table, labels)
    return pa.table(columns)


def _choice(table: pa.Table, labels: Sequence[str], tokenizer: Tokenizer) -> pa.Table:
    import pyarrow as pa

    contexts = [
        f"{context} {question}".strip()
        for context, question in zip(
            table["context"].to_pylist(), table["question"].to_pylist(), strict=True
        )
    ]
    options = table["options"].combine_chunks()
    return pa.table(
        {
            "id": table["id"],
            "context_ids": _ids(pa.chunked_array([contexts], pa.string()), tokenizer),
            "options_ids": _nested(options, _ids(pa.chunked_array([options.flatten()]), tokenizer)),
            "label": _label(table, labels),
        }
    )


def _tagging(table: pa.Table, labels: Sequence[str], tokenizer: Tokenizer) -> pa.Table:
    import pyarrow as pa

    tokens, tags = table["tokens"].combine_chunks(), table["tags"].combine_chunks()
    # every different word once
    words = tokens.flatten().dictionary_encode()
    unknown = [tokenizer.token_to_id(UNKNOWN)]
    subwords = [
        ids if 0 < len(ids) <= WORD_SUBWORDS else unknown
        for ids in _ids(pa.chunked_array([words.dictionary]), tokenizer).to_pylist()
    ]
    by_word = pa.array(subwords, pa.list_(pa.int32()))
    numbers = {label: number for number, label in enumerate(labels)}
    named = tags.flatten().dictionary_encode()
    by_tag = pa.array([numbers[tag] for tag in named.dictionary.to_pylist()], pa.int16())
    return pa.table(
        {
            "id": table["id"],
            "words": _nested(tokens, by_word.take(words.indices)),
            "tags": _nested(tags, by_tag.take(named.indices)),
        }
    )


def _span(table: pa.Table, labels: Sequence[str], tokenizer: Tokenizer) -> pa.Table:
    import pyarrow as pa

    # several questions share a context
    contexts = table["context"].combine_chunks().dictionary_encode()
    ids, begins, ends = [], [], []
    texts = contexts.dictionary.to_pylist()
    for start in range(0, len(texts), ROWS_AT_A_TIME // 20):
        part = texts[start : start + ROWS_AT_A_TIME // 20]
        encodings = tokenizer.encode_batch(part, add_special_tokens=False)
        for text, encoding in zip(part, encodings, strict=True):
            spans = offsets(text, encoding.offsets)
            ids.append(encoding.ids)
            begins.append([begin for begin, _ in spans])
            ends.append([end for _, end in spans])
    kind = pa.list_(pa.int32())
    return pa.table(
        {
            "id": table["id"],
            "question_ids": _ids(table["question"], tokenizer),
            "context_ids": pa.array(ids, kind).take(contexts.indices),
            "begins": pa.array(begins, kind).take(contexts.indices),
            "ends": pa.array(ends, kind).take(contexts.indices),
            "context": table["context"],
            "answers": table["answers"],
            "starts": table["starts"],
        }
    )


def offsets(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return where each token is in `text`, [begin, end) in code points, without blanks around it.

    A tokenizer may count the blank before a word as its first character; an answer that begins
    with the word does not.
    """
    result = []
    for begin, end in spans:
        while begin < end and text[begin].isspace():
            begin += 1
        while begin < end and text[end - 1].isspace():
            end -= 1
        result.append((begin, end))
    return result


def _retrieval(table: pa.Table, labels: Sequence[str], tokenizer: Tokenizer) -> pa.Table:
    import pyarrow as pa

    return pa.table(
        {
            "id": table["id"],
            "sentence_ids": _ids(table["sentence"], tokenizer),
            "english_ids": _ids(table["english"], tokenizer),
            "english": table["english"],
        }
    )


def _mining(table: pa.Table, labels: Sequence[str], tokenizer: Tokenizer) -> pa.Table:
    import pyarrow as pa

    columns = {name: table[name] for name in ("id", "side", "sentence")}
    columns["sentence_ids"] = _ids(table["sentence"], tokenizer)
    columns["gold"] = table["gold"]
    return pa.table(columns)


def _text(table: pa.Table, labels: Sequence[str], tokenizer: Tokenizer) -> pa.Table:
    import pyarrow as pa

    return pa.table({"id": table["id"], "ids": _ids(table["text"], tokenizer)})


def check_text(table: pa.Table, tokenizer: Tokenizer, place: Path) -> None:
    """Refuse unlabelled text that the tokenizer does not know, or that has no tokens.

    Raises
    ------
    UserError
        Names the file, the row or the share of unknown tokens, and what to do.
    """
    import pyarrow.compute as pc

    lengths = pc.list_value_length(table["ids"]).to_numpy()
    if not lengths.all():
        row = int((lengths == 0).argmax())
        raise UserError(
            f"{place}, row {row} (id {table['id'][row]}): a text without tokens; take it out at "
            "its source and take the snapshot again."
        )
    values = pc.list_flatten(table["ids"])
    unknown = tokenizer.token_to_id(UNKNOWN)
    share = pc.sum(pc.equal(values, unknown)).as_py() / max(1, len(values)) if len(values) else 1
    if share > MOST_UNKNOWN:
        raise UserError(
            f"{place}: {share:.0%} of the tokens are {UNKNOWN}: the tokenizer of this encoder "
            f"cannot write {place.parent.name}. Take the language out of data.languages of "
            "params.yaml, or train another encoder."
        )


ENCODERS: Mapping[str, Callable[[pa.Table, Sequence[str], Tokenizer], pa.Table]] = {
    "pair": _pair,
    "choice": _choice,
    "tagging": _tagging,
    "span": _span,
    "retrieval": _retrieval,
    "mining": _mining,
    "text": _text,
}


def _ids(texts: pa.ChunkedArray, tokenizer: Tokenizer) -> pa.ChunkedArray:
    """The token ids of a column of texts, a list of int32 each."""
    import pyarrow as pa

    lists = []
    for start in range(0, len(texts), ROWS_AT_A_TIME):
        batch = texts.slice(start, ROWS_AT_A_TIME).to_pylist()
        encodings = tokenizer.encode_batch_fast(batch, add_special_tokens=False)
        lists.append(pa.array([e.ids for e in encodings], pa.list_(pa.int32())))
    return pa.chunked_array(lists, pa.list_(pa.int32()))


def _nested(lists: pa.ListArray, values: Any) -> pa.ListArray:
    """The lists of a column with other values in the same order."""
    import pyarrow as pa

    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    bounds = lists.offsets.to_numpy()  # of a slice they do not begin at 0
    return pa.ListArray.from_arrays(pa.array(bounds - bounds[0], pa.int32()), values)


def _label(table: pa.Table, labels: Sequence[str]) -> pa.Array:
    import pyarrow as pa

    numbers = {label: number for number, label in enumerate(labels)}
    return pa.array([numbers[label] for label in table["label"].to_pylist()], pa.int8())


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
            (folder / language).mkdir(exist_ok=True)
            pq.write_table(table, folder / language / f"{split}.parquet", compression="zstd")
            rows += table.num_rows
            print(f"  {task.name}/{language}/{split}: {table.num_rows} rows", flush=True)
    print(f"{task.name}: {rows} rows encoded in {time.monotonic() - start:.1f} s")


def load(vocabulary: Path) -> Tokenizer:
    """Return the tokenizer of an encoder, without padding and truncation."""
    from tokenizers import Tokenizer

    if not vocabulary.exists():
        raise UserError(f"{vocabulary} not found: expected an encoder; `dvc pull` brings it.")
    tokenizer = Tokenizer.from_file(str(vocabulary))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


if __name__ == "__main__":
    run(main)
