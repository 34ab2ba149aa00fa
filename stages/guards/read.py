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
MAX_BYTES = 2**30  # uncompressed; the 1,104,934 training rows of ANLI+ are 220 MB
BATCH_BYTES = 2**27  # of one batch at the most: a dictionary may repeat one long text in every row

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
    import pyarrow.parquet as pq

    if not path.is_file():
        raise Unreadable(PRESENT, "no such file")
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        with pq.ParquetFile(path) as file:
            table = _rows(file)
        table.validate(full=True)
    except Unreadable:
        raise
    except (pa.ArrowException, OSError, ValueError, TypeError, MemoryError) as error:
        raise Unreadable(READABLE, short(str(error) or type(error).__name__)) from error
    return Table(table, digest)


def _rows(file: pq.ParquetFile) -> pa.Table:
    """All rows, read in batches that stop before they fill the memory."""
    import pyarrow as pa

    meta = file.metadata
    groups = [meta.row_group(number) for number in range(meta.num_row_groups)]
    largest = max(
        (
            group.column(i).total_uncompressed_size
            for group in groups
            for i in range(group.num_columns)
        ),
        default=0,
    )  # no value is longer than its column chunk
    size = sum(group.total_byte_size for group in groups)
    if meta.num_rows * meta.num_columns > MAX_CELLS or size > MAX_BYTES:
        raise Unreadable(
            READABLE, f"{meta.num_rows} rows of {meta.num_columns} columns, {size} bytes unpacked"
        )
    batches, held = [], 0
    for batch in file.iter_batches(max(16, min(65_536, BATCH_BYTES // max(largest, 1)))):
        held += batch.nbytes
        if held > MAX_BYTES:
            raise Unreadable(READABLE, f"more than {MAX_BYTES} bytes unpacked")
        batches.append(batch)
    return pa.Table.from_batches(batches, file.schema_arrow)
