"""Read one parquet of data/, whatever its bytes are."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from stages.guards.rule import Example, Rule, short

if TYPE_CHECKING:
    import pandas as pd

MAX_CELLS = 50_000_000
MAX_BYTES = 4 * 2**30  # uncompressed; XNLI's 392,702 training rows are 90 MB

PRESENT = Rule(
    "file_present",
    "stop",
    "a file for every language and split of the task",
    "Take the snapshot again (python -m stages.snapshot), or pull the data (dvc pull).",
)
READABLE = Rule(
    "readable",
    "stop",
    "a complete parquet file with valid UTF-8",
    "The file is cut off or is not parquet: delete it and take the snapshot again.",
)
RULES = (PRESENT, READABLE)


class Unreadable(Exception):
    """A file that breaks a rule before it has rows."""

    def __init__(self, rule: Rule, found: str) -> None:
        super().__init__(found)
        self.rule = rule
        self.examples = (Example(None, None, found),)


def read(path: Path) -> tuple[pd.DataFrame, str]:
    """Return the rows of `path`, indexed by row number from 1, and the SHA-256 of its bytes.

    Raises
    ------
    Unreadable
        There is no such file, it is not parquet, is cut off, or would not fit into memory.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise Unreadable(PRESENT, "no such file")
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        with pq.ParquetFile(path) as file:
            meta = file.metadata
            size = sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))
            if meta.num_rows * meta.num_columns > MAX_CELLS or size > MAX_BYTES:
                raise Unreadable(
                    READABLE,
                    f"{meta.num_rows} rows of {meta.num_columns} columns, {size} bytes unpacked",
                )
            table = file.read()
        table.validate(full=True)
        frame = table.to_pandas()
    except Unreadable:
        raise
    except (pa.ArrowException, OSError, ValueError, TypeError, MemoryError) as error:
        raise Unreadable(READABLE, short(str(error) or type(error).__name__)) from error
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return frame, digest
