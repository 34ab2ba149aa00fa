"""Rows that are left out: a parquet of (file, row, id, rule), written by whoever finds them.

`validate` writes what its rules drop, `leakage` what stands in a test set; `encode` honours both.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

DROPPED = "dropped.parquet"
Row = tuple[str, int, str, str]  # file (<language>/<split>.parquet), row from 1, id, rule


def write(rows: Iterable[Row], path: Path) -> None:
    """Write the rows that are left out; none make an empty table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = (("file", pa.string()), ("row", pa.int64()), ("id", pa.string()), ("rule", pa.string()))
    columns: list[Any] = list(zip(*rows, strict=True)) or [[] for _ in kinds]
    table = pa.table(
        [pa.array(cells, kind) for cells, (_, kind) in zip(columns, kinds, strict=True)],
        names=[name for name, _ in kinds],
    )
    pq.write_table(table, path)


def read(path: Path) -> list[Row]:
    """The rows that `path` names; none where there is no such file."""
    import pyarrow.parquet as pq

    if not path.exists():
        return []
    table = pq.read_table(path)
    return list(zip(*(table[name].to_pylist() for name in table.column_names), strict=True))


def kept(table: pa.Table, file: str, *dropped: Path) -> pa.Table:
    """`table`, the rows of `file`, without those that any of the paths `dropped` name."""
    import numpy as np

    rows = {row for path in dropped for name, row, _, _ in read(path) if name == file}
    if not rows:
        return table
    mask = np.ones(table.num_rows, bool)
    mask[[row - 1 for row in rows if row <= table.num_rows]] = False
    return table.filter(mask)
