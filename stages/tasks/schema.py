"""The columns of data/ and encoded/, one schema a head.

data/<task>/<language>/<split>.parquet holds what people wrote, all text as strings;
encoded/<task>/<language>/<split>.parquet holds token ids without special tokens, not truncated.
Offsets (`starts`, `begins`, `ends`) count code points of the context.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

Columns = Mapping[str, str]

DATA: Mapping[str, Columns] = {
    "pair": {"id": "string", "sentence1": "string", "sentence2": "string", "label": "string"},
    "choice": {
        "id": "string",
        "context": "string",
        "question": "string",
        "options": "list<string>",
        "label": "string",
    },
    "tagging": {"id": "string", "tokens": "list<string>", "tags": "list<string>"},
    # no answers at all: unanswerable
    "span": {
        "id": "string",
        "context": "string",
        "question": "string",
        "answers": "list<string>",
        "starts": "list<int32>",
    },
    "retrieval": {"id": "string", "sentence": "string", "english": "string"},
    # side is "source" or "english"; gold are the English ids of a source sentence's pairs
    "mining": {"id": "string", "side": "string", "sentence": "string", "gold": "list<string>"},
    "text": {"id": "string", "text": "string"},
}

ENCODED: Mapping[str, Columns] = {
    "pair": {
        "id": "string",
        "sentence1_ids": "list<int32>",
        "sentence2_ids": "list<int32>",
        "label": "int8",
    },
    "choice": {
        "id": "string",
        "context_ids": "list<int32>",
        "options_ids": "list<list<int32>>",
        "label": "int8",
    },
    "tagging": {"id": "string", "words": "list<list<int32>>", "tags": "list<int16>"},
    "span": {
        "id": "string",
        "question_ids": "list<int32>",
        "context_ids": "list<int32>",
        "begins": "list<int32>",
        "ends": "list<int32>",
        "context": "string",
        "answers": "list<string>",
        "starts": "list<int32>",
    },
    "retrieval": {
        "id": "string",
        "sentence_ids": "list<int32>",
        "english_ids": "list<int32>",
        "english": "string",
    },
    "mining": {
        "id": "string",
        "side": "string",
        "sentence": "string",
        "sentence_ids": "list<int32>",
        "gold": "list<string>",
    },
    "text": {"id": "string", "ids": "list<int32>"},
}


def arrow(columns: Columns) -> pa.Schema:
    """Return the schema as pyarrow's."""
    import pyarrow as pa

    def named(kind: str) -> pa.DataType:
        if kind.startswith("list<"):
            return pa.list_(named(kind.removeprefix("list<").removesuffix(">")))
        return pa.type_for_alias(kind)

    return pa.schema([(name, named(kind)) for name, kind in columns.items()])
