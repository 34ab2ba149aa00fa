"""The parquet shards of one split, by our column names, as Python values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from stages.errors import UserError
from stages.guards.read import Unreadable, read
from stages.sources.origin import Origin
from stages.tasks import Source

# XNLI's translated training sets
ALIASES = {"contradictory": "contradiction"}


class Shards:
    """The rows of all shards, one after the other; a wrong row is named with its own file."""

    def __init__(self, source: Source, origins: Sequence[Origin]) -> None:
        import pyarrow as pa

        self.source, self.origins = source, list(origins)
        tables = []
        for origin in self.origins:
            try:
                table = read(origin.path).rows
            except Unreadable as error:
                raise UserError(
                    f"{origin.path}: not a readable parquet file ({error}). Fetch it again."
                ) from error
            wanted = [name for path in source.columns.values() for name in _names(path)]
            missing = [name for name in wanted if not _has(table, name)]
            if missing:
                raise UserError(
                    f"{origin.path}: expected the columns {', '.join(wanted)}, "
                    f"found {', '.join(table.column_names)}; {', '.join(missing)} is missing."
                )
            tables.append(table.select(list(dict.fromkeys(n.split(".")[0] for n in wanted))))
        self._rows = [table.num_rows for table in tables]
        try:
            self._table = pa.concat_tables(tables)
        except pa.ArrowInvalid as error:
            raise UserError(
                f"{self.origins[0].path} and the shards after it: not of one schema ({error}). "
                "Fetch them again."
            ) from error

    def column(self, ours: str) -> list:
        """The values of a column; of several columns, a list a row."""
        path = self.source.columns[ours]
        if isinstance(path, str):
            return self._column(path)
        return [list(row) for row in zip(*map(self._column, path), strict=True)]

    def _column(self, path: str) -> list:
        import pyarrow.compute as pc

        column, _, part = path.partition(".")
        values = self._table[column]
        return (pc.struct_field(values, part) if part else values).to_pylist()

    def ids(self) -> list[str]:
        """The ids; the numbers of the rows where the file has none."""
        if "id" not in self.source.columns:
            return [str(row) for row in range(self._table.num_rows)]
        return [str(value) for value in self.column("id")]

    def texts(self, ours: str) -> list[str]:
        """The values of a column of text, "" where the source has no such column."""
        if ours not in self.source.columns:
            return [""] * self._table.num_rows
        values = self.column(ours)
        for row, value in enumerate(values):
            if not isinstance(value, str):
                raise self.wrong(row, f"expected text in {self.source.columns[ours]}", value)
        return values

    def lists(self, ours: str, kinds: type | tuple[type, ...]) -> list[list]:
        """The values of a column of lists; no list may be missing, nor anything in it."""
        values = self.column(ours)
        for row, value in enumerate(values):
            if not isinstance(value, list) or not all(isinstance(item, kinds) for item in value):
                raise self.wrong(row, f"expected a list in {self.source.columns[ours]}", value)
        return values

    def names(self, ours: str, labels: tuple[str, ...]) -> tuple[str, ...]:
        """The names of a column of classes in the file's order; they must be the task's."""
        column = str(self.source.columns[ours])
        try:
            content = json.loads((self._table.schema.metadata or {}).get(b"huggingface", b"{}"))
            feature = content.get("info", {}).get("features", {}).get(column, {})
            # the classes of a list are described inside it
            while isinstance(feature, list) or "feature" in feature:
                feature = feature[0] if isinstance(feature, list) else feature["feature"]
            names = tuple(map(str, feature.get("names", self.source.label_names)))
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
            raise UserError(
                f"{self.origins[0].path}: its description of the columns cannot be read "
                f"({error}). Fetch it again."
            ) from error
        if set(names) != set(labels):
            raise UserError(
                f"{self.origins[0].path}: expected the labels {', '.join(labels)}, "
                f"found {', '.join(names)} in column {column}."
            )
        return names

    def name(self, row: int, value: Any, names: tuple[str, ...]) -> str:
        """One label by name; the file gives it as a number or as a name."""
        if type(value) is int and 0 <= value < len(names):
            return names[value]
        if value in names:
            return value
        if isinstance(value, str) and ALIASES.get(value) in names:
            return ALIASES[value]
        file, number = self._where(row)
        raise UserError(
            f"{file}, row {number}: unknown label {value!r}; expected one of "
            f"{', '.join(f'{number} ({name})' for number, name in enumerate(names))}."
        )

    def wrong(self, row: int, expected: str, found: Any) -> UserError:
        """The error of a row that does not fit."""
        file, number = self._where(row)
        text = repr(found)
        return UserError(
            f"{file}, row {number}: {expected}, found "
            f"{text if len(text) <= 100 else f'{text[:100]} ...'}. "
            "Mend the row at its source, or fetch the file again."
        )

    def _where(self, row: int) -> tuple[str, int]:
        for origin, rows in zip(self.origins, self._rows, strict=True):
            if row < rows:
                return str(origin.path), row + 1
            row -= rows
        raise IndexError(row)


def _names(path: str | tuple[str, ...]) -> tuple[str, ...]:
    return (path,) if isinstance(path, str) else path


def _has(table: Any, path: str) -> bool:
    import pyarrow as pa

    column, _, part = path.partition(".")
    if column not in table.column_names:
        return False
    kind = table.schema.field(column).type
    return not part or (pa.types.is_struct(kind) and kind.get_field_index(part) >= 0)
