"""Snapshot: the hub, or a mirror in the hub's layout  ->  data/<task>/<language>/<split>.parquet

In   the pinned repositories of the task table; `data.tasks` and `snapshot.*` of params.yaml.
Out  one parquet a split with named labels, and data/<task>/snapshot.json: where each file came
     from, its rows, and whether it stands in for the full set. `data.dvc` then pins the folder.
     With snapshot.encoder, encoder/ as well: any XLM-R of the hub, pinned by encoder.dvc.
Run  python -m stages.snapshot [--mirror DIR] [--tasks xnli pawsx] [--out data]

This is the only module that reads the network. A file that is already there from the same source
is kept, so an interrupted snapshot goes on where it stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stages import params
from stages.errors import UserError, run
from stages.tasks import Task, find
from stages.writing import replacing, replacing_folder

if TYPE_CHECKING:
    import pyarrow as pa

ENCODER_FILES = ["config.json", "*.safetensors", "*.safetensors.index.json", "tokenizer*"]
HUB_PREFIX = "hf://datasets/"


@dataclass(frozen=True)
class Origin:
    """One parquet shard of a split: its name, the local file, and the file's SHA-256."""

    name: str
    path: Path
    sha256: str


def snapshot(task: Task, out: Path, mirror: Path | None, accept_stand_ins: bool) -> dict:
    """Write every split that a study of `task` reads; return what data/<task>/snapshot.json holds.

    Raises
    ------
    UserError
        The hub cannot be reached, the mirror lacks the set, a column or label is unknown, or the
        rows are not those of the pinned revision and stand-ins are not accepted.
    """
    folder = out / task.name
    record = folder / "snapshot.json"
    before = json.loads(record.read_text())["files"] if record.exists() else {}
    files: dict[str, dict] = {}
    for language, split in task.files():
        name = f"{language}/{split}.parquet"
        origins = _locate(task, language, split, mirror)
        entry = {
            "source": [{"name": origin.name, "sha256": origin.sha256} for origin in origins],
            "version": task.version,
        }
        target = folder / name
        known = before.get(name, {})
        kept = target.exists() and all(known.get(key) == value for key, value in entry.items())
        table = None if kept else _read(task, origins)
        rows = known["rows"] if table is None else table.num_rows
        expected = task.rows[split]
        if rows != expected and not accept_stand_ins:
            raise UserError(
                f"{target}: expected {expected} rows ({task.source.repository} at "
                f"{task.source.revision[:8]}), found {rows} in {origins[0].name}. If this mirror "
                "holds stand-ins on purpose, set snapshot.accept_stand_ins: true for the study."
            )
        if table is not None:
            _write(table, target)
        files[name] = {**entry, "rows": rows, "expected": expected, "stand_in": rows != expected}
        print(f"  {target}  {rows} rows{'  (stand-in)' if rows != expected else ''}", flush=True)
        _save(record, task, {**before, **files})
    _save(record, task, files)
    return files


def _save(record: Path, task: Task, files: dict) -> None:
    source = task.source
    content = {"repository": source.repository, "revision": source.revision, "files": files}
    with replacing(record) as temporary:
        temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def _locate(task: Task, language: str, split: str, mirror: Path | None) -> list[Origin]:
    """The shards of one split, downloaded if they come from the hub."""
    from datasets import load_dataset_builder

    source = task.source
    configuration = source.configurations[language]
    place = f"{source.repository} ({configuration}, {source.splits[split]})"
    if mirror is not None and not (mirror / source.repository).is_dir():
        raise UserError(
            f"the mirror {mirror} lacks {source.repository}, which {task.name} needs: expected the "
            f"folder {mirror / source.repository}. Add it, or leave {task.name} out of params.yaml."
        )
    try:
        if mirror is None:
            builder = load_dataset_builder(
                source.repository, configuration, revision=source.revision
            )
        else:
            builder = load_dataset_builder(str(mirror / source.repository), configuration)
        shards = (builder.config.data_files or {}).get(source.splits[split])
    except ConnectionError as error:
        raise _unreachable(place, error) from error
    except (ValueError, FileNotFoundError) as error:
        where = mirror / source.repository if mirror else source.repository
        raise UserError(f"{where} has no {configuration}: {error}") from error
    if not shards:
        raise UserError(f"{mirror or 'the hub'}: no file for {place}.")
    return [_fetch(str(shard), place, mirror) for shard in shards]


def _fetch(shard: str, place: str, mirror: Path | None) -> Origin:
    if not shard.startswith(HUB_PREFIX):
        path = Path(shard)
        name = str(path.relative_to(mirror)) if mirror else path.name
        with path.open("rb") as stream:
            return Origin(name, path, hashlib.file_digest(stream, "sha256").hexdigest())
    from huggingface_hub import hf_hub_download

    # hf://datasets/OWNER/NAME@REVISION/PATH
    owner, rest, filename = shard.removeprefix(HUB_PREFIX).split("/", 2)
    repository, revision = rest.split("@")
    try:
        local = hf_hub_download(
            f"{owner}/{repository}", filename, revision=revision, repo_type="dataset"
        )
    except (ConnectionError, OSError) as error:
        raise _unreachable(place, error) from error
    # the cache resolves to a file named by its SHA-256
    return Origin(f"{owner}/{repository}/{filename}", Path(local), Path(local).resolve().name)


def snapshot_encoder(repository: str, revision: str, out: Path, mirror: Path | None) -> None:
    """Put an XLM-R encoder of the hub, or of the mirror, into `out`.

    Raises
    ------
    UserError
        The hub cannot be reached, or the repository holds no safetensors.
    """
    from huggingface_hub import snapshot_download

    if mirror is not None:
        source = mirror / repository
    else:
        try:
            source = Path(
                snapshot_download(repository, revision=revision, allow_patterns=ENCODER_FILES)
            )
        except (ConnectionError, OSError) as error:
            raise _unreachable(repository, error) from error
    found = [path for pattern in ENCODER_FILES for path in sorted(source.glob(pattern))]
    if not any(path.suffix == ".safetensors" for path in found):
        raise UserError(
            f"{source}: expected an encoder with *.safetensors weights, found "
            f"{', '.join(path.name for path in found) or 'nothing'}."
        )
    with replacing_folder(out) as folder:
        for path in found:
            shutil.copy(path, folder / path.name)
    print(f"{out} from {repository} at {revision[:8]}", flush=True)


def _unreachable(place: str, error: Exception) -> UserError:
    return UserError(
        f"could not fetch {place} from the hub: {str(error).splitlines()[0]} Check the network "
        "(several retries were made; what was fetched is kept) or give a local copy with "
        "--mirror DIR."
    )


def _read(task: Task, origins: list[Origin]) -> pa.Table:
    """Read the shards of one split into our schema: id, the text columns, label by name."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = []
    for origin in origins:
        try:
            part = pq.read_table(origin.path)
        except pa.ArrowInvalid as error:
            raise UserError(
                f"{origin.path}: not a readable parquet file ({error}). Fetch it again."
            ) from error
        missing = [hub for hub in task.source.columns.values() if hub not in part.column_names]
        if missing:
            raise UserError(
                f"{origin.path}: expected the columns {', '.join(task.source.columns.values())}, "
                f"found {', '.join(part.column_names)}; {', '.join(missing)} is missing."
            )
        parts.append(part)
    table = pa.concat_tables(parts)
    columns = task.source.columns
    ids = (
        table[columns["id"]].cast(pa.string())
        if "id" in columns
        else pa.array([str(row) for row in range(table.num_rows)], pa.string())
    )
    arrays = {"id": ids}
    for ours, hub in columns.items():
        if ours == "label":
            arrays["label"] = _labels_by_name(task, table, origins[0])
        elif ours != "id":
            arrays[ours] = table[hub].cast(pa.string())
    return pa.table(arrays)


def _labels_by_name(task: Task, table: pa.Table, origin: Origin) -> pa.Array:
    """Labels as names, by the file's own list of names where it carries one."""
    import pyarrow as pa

    column = task.source.columns["label"]
    features = json.loads((table.schema.metadata or {}).get(b"huggingface", b"{}"))
    feature = features.get("info", {}).get("features", {}).get(column, {})
    names = tuple(feature.get("names", task.source.label_names))
    if set(names) != set(task.labels):
        raise UserError(
            f"{origin.path}: expected the labels {', '.join(task.labels)}, "
            f"found {', '.join(names)} in column {column}."
        )
    values = table[column].to_pylist()
    labels = []
    for row, value in enumerate(values):
        if isinstance(value, int) and 0 <= value < len(names):
            labels.append(names[value])
        elif value in names:
            labels.append(value)
        else:
            raise UserError(
                f"{origin.path}, row {row + 1}: unknown label {value!r}; expected one of "
                f"{', '.join(f'{number} ({name})' for number, name in enumerate(names))}."
            )
    return pa.array(labels, pa.string())


def _write(table: pa.Table, path: Path) -> None:
    import pyarrow.parquet as pq

    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def main() -> None:
    """Read params.yaml, take the snapshot, say what to do next."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", help="a folder in the hub's layout")
    parser.add_argument("--tasks", nargs="+", help="data.tasks of params.yaml if left out")
    parser.add_argument("--out", type=Path, default=Path("data"))
    arguments = parser.parse_args()
    settings = params.read()
    mirror = arguments.mirror or settings["snapshot"]["mirror"]
    if mirror is not None and not Path(mirror).is_dir():
        raise UserError(f"the mirror {mirror} is not a folder.")
    for name in arguments.tasks or settings["data"]["tasks"]:
        print(f"{name} from {mirror or 'the hub'}", flush=True)
        snapshot(
            find(name),
            arguments.out,
            Path(mirror).resolve() if mirror else None,
            settings["snapshot"]["accept_stand_ins"],
        )
    if encoder := settings["snapshot"]["encoder"]:
        snapshot_encoder(
            encoder["repository"],
            encoder["revision"],
            Path("encoder"),
            Path(mirror).resolve() if mirror else None,
        )
    if arguments.out == Path("data"):
        print(f"done; pin it with: dvc add data{' encoder' if encoder else ''}")


if __name__ == "__main__":
    run(main)
