"""The tokenizer of an encoder, and token ids in Arrow columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa
    from tokenizers import Tokenizer

ROWS_AT_A_TIME = 20_000
UNKNOWN = "<unk>"


def load(vocabulary: Path) -> Tokenizer:
    """Return the tokenizer of an encoder, without padding and truncation."""
    from tokenizers import Tokenizer

    if not vocabulary.exists():
        raise UserError(f"{vocabulary} not found: expected an encoder; `dvc pull` brings it.")
    tokenizer = Tokenizer.from_file(str(vocabulary))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def ids(texts: pa.ChunkedArray, tokenizer: Tokenizer) -> pa.ChunkedArray:
    """The token ids of a column of texts, a list of int32 each."""
    import pyarrow as pa

    lists = []
    for start in range(0, len(texts), ROWS_AT_A_TIME):
        batch = texts.slice(start, ROWS_AT_A_TIME).to_pylist()
        encodings = tokenizer.encode_batch_fast(batch, add_special_tokens=False)
        lists.append(pa.array([e.ids for e in encodings], pa.list_(pa.int32())))
    return pa.chunked_array(lists, pa.list_(pa.int32()))


def nested(lists: pa.ListArray, values: Any) -> pa.ListArray:
    """The lists of a column with other values in the same order."""
    import pyarrow as pa

    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    bounds = lists.offsets.to_numpy()  # of a slice they do not begin at 0
    return pa.ListArray.from_arrays(pa.array(bounds - bounds[0], pa.int32()), values)


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
