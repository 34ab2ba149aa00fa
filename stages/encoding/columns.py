"""The columns of a split in token ids, head by head (stages/tasks/schema.py)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from stages.encoding.tokens import ROWS_AT_A_TIME, UNKNOWN, ids, nested, offsets

if TYPE_CHECKING:
    import pyarrow as pa
    from tokenizers import Tokenizer

    from stages.tasks import Task

# A word of more subwords (an address, a line of code) counts as unknown, as does one of none.
# XTREME draws the line at the length of an input, where one word takes the room of a sentence.
WORD_SUBWORDS = 16


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
        columns[f"{name}_ids"] = ids(table[name], tokenizer)
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
            "context_ids": ids(pa.chunked_array([contexts], pa.string()), tokenizer),
            "options_ids": nested(options, ids(pa.chunked_array([options.flatten()]), tokenizer)),
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
        found if 0 < len(found) <= WORD_SUBWORDS else unknown
        for found in ids(pa.chunked_array([words.dictionary]), tokenizer).to_pylist()
    ]
    by_word = pa.array(subwords, pa.list_(pa.int32()))
    numbers = {label: number for number, label in enumerate(labels)}
    named = tags.flatten().dictionary_encode()
    by_tag = pa.array([numbers[tag] for tag in named.dictionary.to_pylist()], pa.int16())
    return pa.table(
        {
            "id": table["id"],
            "words": nested(tokens, by_word.take(words.indices)),
            "tags": nested(tags, by_tag.take(named.indices)),
        }
    )


def _span(table: pa.Table, labels: Sequence[str], tokenizer: Tokenizer) -> pa.Table:
    import pyarrow as pa

    # several questions share a context
    contexts = table["context"].combine_chunks().dictionary_encode()
    tokens, begins, ends = [], [], []
    texts = contexts.dictionary.to_pylist()
    for start in range(0, len(texts), ROWS_AT_A_TIME // 20):
        part = texts[start : start + ROWS_AT_A_TIME // 20]
        encodings = tokenizer.encode_batch(part, add_special_tokens=False)
        for text, encoding in zip(part, encodings, strict=True):
            spans = offsets(text, encoding.offsets)
            tokens.append(encoding.ids)
            begins.append([begin for begin, _ in spans])
            ends.append([end for _, end in spans])
    kind = pa.list_(pa.int32())
    return pa.table(
        {
            "id": table["id"],
            "question_ids": ids(table["question"], tokenizer),
            "context_ids": pa.array(tokens, kind).take(contexts.indices),
            "begins": pa.array(begins, kind).take(contexts.indices),
            "ends": pa.array(ends, kind).take(contexts.indices),
            "context": table["context"],
            "answers": table["answers"],
            "starts": table["starts"],
        }
    )


def _retrieval(table: pa.Table, labels: Sequence[str], tokenizer: Tokenizer) -> pa.Table:
    import pyarrow as pa

    return pa.table(
        {
            "id": table["id"],
            "sentence_ids": ids(table["sentence"], tokenizer),
            "english_ids": ids(table["english"], tokenizer),
            "english": table["english"],
        }
    )


def _mining(table: pa.Table, labels: Sequence[str], tokenizer: Tokenizer) -> pa.Table:
    import pyarrow as pa

    columns = {name: table[name] for name in ("id", "side", "sentence")}
    columns["sentence_ids"] = ids(table["sentence"], tokenizer)
    columns["gold"] = table["gold"]
    return pa.table(columns)


def _text(table: pa.Table, labels: Sequence[str], tokenizer: Tokenizer) -> pa.Table:
    import pyarrow as pa

    return pa.table({"id": table["id"], "ids": ids(table["text"], tokenizer)})


ENCODERS: Mapping[str, Callable[[pa.Table, Sequence[str], Tokenizer], pa.Table]] = {
    "pair": _pair,
    "choice": _choice,
    "tagging": _tagging,
    "span": _span,
    "retrieval": _retrieval,
    "mining": _mining,
    "text": _text,
}


def _label(table: pa.Table, labels: Sequence[str]) -> pa.Array:
    import pyarrow as pa

    numbers = {label: number for number, label in enumerate(labels)}
    return pa.array([numbers[label] for label in table["label"].to_pylist()], pa.int8())
