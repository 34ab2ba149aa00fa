"""Read one parquet of data/, whatever its bytes are."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stages.guards.rule import Example, Rule, short

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MAX_CELLS = 50_000_000
MAX_BYTES = 2**30  # of texts; the 1,104,934 training rows of ANLI+ have 220 MB

PRESENT = Rule(
    "file_present",
    "stop",
    "a file for every language and split of the task",
    "Take the snapshot again (python -m stages.snapshot), or pull the data (dvc pull).",
    by_row=False,
)
READABLE = Rule(
    "readable",
    "stop",
    "a complete parquet file with valid UTF-8",
    "The file is cut off or is not parquet: delete it and take the snapshot again.",
    by_row=False,
)
RULES = (PRESENT, READABLE)


class Unreadable(Exception):
    """A file that breaks a rule before it has rows."""

    def __init__(self, rule: Rule, found: str) -> None:
        super().__init__(found)
        self.rule = rule
        self.examples = (Example(None, None, found),)


@dataclass(frozen=True)
class Table:
    """What a parquet holds, and the SHA-256 of its bytes."""

    rows: pa.Table
    sha256: str

    def types(self) -> list[tuple[str, str]]:
        """(column, type) in order; a list of strings is `list<string>` whatever its field name."""
        return [(field.name, _type(field.type)) for field in self.rows.schema]

    def frame(self) -> pd.DataFrame:
        """The rows, indexed by row number from 1; lists are Python's."""
        import pandas as pd
        import pyarrow as pa

        columns = {}
        for name, column in zip(self.rows.column_names, self.rows.columns, strict=True):
            nested = pa.types.is_nested(column.type)
            columns[name] = (
                pd.Series(column.to_pylist(), dtype=object) if nested else column.to_pandas()
            )
        frame = pd.DataFrame(columns)
        frame.index = pd.RangeIndex(1, len(frame) + 1)
        return frame


def _type(kind: pa.DataType) -> str:
    import pyarrow as pa

    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"list<{_type(kind.value_type)}>"
    return "string" if pa.types.is_large_string(kind) else str(kind)


def read(path: Path) -> Table:
    """Return what `path` holds.

    Raises
    ------
    Unreadable
        There is no such file, it is not parquet, is cut off, or would not fit into memory.
    """
    import pyarrow as pa

    if not path.is_file():
        raise Unreadable(PRESENT, "no such file")
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        table = _rows(path)
        table.validate(full=True)
    except Unreadable:
        raise
    except (pa.ArrowException, OSError, ValueError, TypeError, MemoryError) as error:
        raise Unreadable(READABLE, short(str(error) or type(error).__name__)) from error
    return Table(table, digest)


def _rows(path: Path) -> pa.Table:
    """All rows; texts are read as dictionaries and written out only where they fit into memory.

    A dictionary of one long text makes a small file that becomes any size.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        meta, kinds = file.metadata, file.schema_arrow
        # of columns nothing is asked: pyarrow ends the process at a broken description of one
        size = sum(meta.row_group(number).total_byte_size for number in range(meta.num_row_groups))
        if meta.num_rows * meta.num_columns > MAX_CELLS or size > MAX_BYTES:
            raise Unreadable(
                READABLE,
                f"{meta.num_rows} rows of {meta.num_columns} columns, {size} bytes unpacked",
            )
        leaves = [file.schema.column(number) for number in range(len(file.schema))]
        texts = [
            leaf.path
            for leaf in leaves
            if leaf.physical_type == "BYTE_ARRAY" and _plain(kinds, leaf.path)
        ]
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        table = file.read()
    left = [MAX_BYTES]
    columns = [
        pa.chunked_array([_written_out(chunk, left) for chunk in column.chunks], field.type)
        if column.num_chunks
        else pa.chunked_array([], field.type)
        for column, field in zip(table.columns, kinds, strict=True)
    ]
    return pa.table(columns, schema=kinds)


def _plain(schema: pa.Schema, path: str) -> bool:
    """Whether a leaf is a text by itself, or in lists and structs only."""
    import pyarrow as pa

    def plain(kind: pa.DataType) -> bool:
        if pa.types.is_list(kind):
            return plain(kind.value_type)
        if pa.types.is_struct(kind):
            return all(plain(kind.field(number).type) for number in range(kind.num_fields))
        return not pa.types.is_nested(kind) and not pa.types.is_dictionary(kind)

    name = path.partition(".")[0]
    return schema.names.count(name) == 1 and plain(schema.field(name).type)


def _written_out(array: pa.Array, left: list[int]) -> pa.Array:
    """`array` with plain texts for its dictionaries; counts their bytes down in `left`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(array.type):
        words = array.dictionary
        if not (pa.types.is_string(words.type) or pa.types.is_binary(words.type)):
            return array
        left[0] -= pc.sum(pc.binary_length(words).take(array.indices)).as_py() or 0
        if left[0] < 0:
            raise Unreadable(READABLE, f"more than {MAX_BYTES} bytes of text unpacked")
        return words.take(array.indices)
    nulls = array.is_null() if array.null_count else None
    if pa.types.is_list(array.type):
        values = _written_out(array.values, left)
        return pa.ListArray.from_arrays(array.offsets, values, mask=nulls)
    if pa.types.is_struct(array.type):
        parts = [_written_out(part, left) for part in array.flatten()]
        names = [array.type.field(number).name for number in range(array.type.num_fields)]
        return pa.StructArray.from_arrays(parts, names, mask=nulls)
    return array
