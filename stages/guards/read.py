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
    import pyarrow.parquet as pq

MAX_CELLS = 50_000_000
MAX_BYTES = 2**30  # of texts; the 1,104,934 training rows of ANLI+ have 220 MB
BATCH_BYTES = 2**27  # of one batch of lists, at the most

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
    """All rows, in the types that the file declares; refused where they do not fit into memory.

    A dictionary of one long text makes a small file that becomes any size. So columns of texts are
    read as dictionaries and written out only where they fit, and lists in small batches.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        meta, schema = file.metadata, file.schema_arrow
        # of columns nothing is asked: pyarrow ends the process at a broken description of one
        sizes = [meta.row_group(number).total_byte_size for number in range(meta.num_row_groups)]
        if meta.num_rows * meta.num_columns > MAX_CELLS or sum(sizes) > MAX_BYTES:
            raise Unreadable(
                READABLE,
                f"{meta.num_rows} rows of {meta.num_columns} columns, {sum(sizes)} bytes unpacked",
            )
        if len(set(schema.names)) < len(schema.names):
            raise Unreadable(READABLE, f"two columns of one name: {', '.join(schema.names)}")
        nested = [field.name for field in schema if pa.types.is_nested(field.type)]
        # no value is longer than its row group
        batch = max(16, min(65_536, BATCH_BYTES // max([*sizes, 1])))
        lists = _batches(file, nested, batch) if nested else None
    flat = [name for name in schema.names if name not in nested]
    texts = [name for name in flat if _is_text(schema.field(name).type)]
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        table = file.read(columns=flat)
    left = MAX_BYTES
    columns = []
    for name in schema.names:
        column = lists[name] if lists is not None and name in nested else table[name]
        if name in texts:
            left -= sum(map(_length, column.chunks))
            if left < 0:
                raise Unreadable(READABLE, f"more than {MAX_BYTES} bytes of text unpacked")
            column = column.cast(schema.field(name).type)
        columns.append(column)
    return pa.table(columns, schema=schema)


def _batches(file: pq.ParquetFile, names: list[str], rows: int) -> pa.Table:
    """Columns of lists, `rows` at a time."""
    import pyarrow as pa

    batches, held = [], 0
    for batch in file.iter_batches(rows, columns=names):
        held += batch.nbytes
        if held > MAX_BYTES:
            raise Unreadable(READABLE, f"more than {MAX_BYTES} bytes of lists unpacked")
        batches.append(batch)
    fields = [file.schema_arrow.field(name) for name in names]
    return pa.Table.from_batches(batches, pa.schema(fields))


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _length(words: pa.DictionaryArray) -> int:
    """The bytes of the texts, written out."""
    import pyarrow.compute as pc

    return pc.sum(pc.binary_length(words.dictionary).take(words.indices)).as_py() or 0
