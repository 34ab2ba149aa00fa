"""A small mirror in the hub's layout, written for a test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def classes(names: list[str], inside_a_list: bool = False) -> dict[str, Any]:
    """How the hub describes a column of classes in a file's metadata."""
    label = {"names": names, "_type": "ClassLabel"}
    return {"feature": label, "_type": "List"} if inside_a_list else label


def hub_set(
    mirror: Path,
    repository: str,
    files: dict[tuple[str, str], list[dict[str, Any]]],
    features: dict[str, Any] | None = None,
) -> Path:
    """Write the rows of {(configuration, split): rows} and the card that lists them."""
    folder = mirror / repository
    card: dict[str, list[str]] = {}
    for (configuration, split), rows in files.items():
        path = folder / configuration / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        table = pa.Table.from_pylist(rows)
        if features:
            info = {"info": {"features": features}}
            table = table.replace_schema_metadata({"huggingface": json.dumps(info)})
        pq.write_table(table, path)
        card.setdefault(configuration, []).append(split)
    lines = ["---", "configs:"]
    for configuration, splits in card.items():
        lines += [f"- config_name: {configuration}", "  data_files:"]
        for split in splits:
            lines += [f"  - split: {split}", f"    path: {configuration}/{split}-*"]
    (folder / "README.md").write_text("\n".join([*lines, "---", ""]))
    return folder


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a parquet file."""
    return pq.read_table(path).to_pylist()
