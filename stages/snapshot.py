"""Snapshot: the hub, or a mirror in the hub's layout  ->  data/<task>/<language>/<split>.parquet

In   the pinned repositories of the task table, and what the user brings (`snapshot.sources`:
     CCGbank, BUCC 2018, UD treebanks); `data` and `snapshot` of params.yaml.
Out  one parquet a split in the schema of the task's head (stages/tasks/schema.py), labels by
     name, and data/<task>/snapshot.json: where each file came from, its rows, and whether it
     stands in for the full set. `data.dvc` then pins the folder.
     With snapshot.encoder, encoder/ as well: any XLM-R of the hub, pinned by encoder.dvc; with
     snapshot.translator, translator/: M2M-100 or NLLB-200.
Run  python -m stages.snapshot [--mirror DIR] [--tasks xnli pawsx] [--out data]

This is the only module that reads the network. A file that is already there from the same source
is kept, so an interrupted snapshot goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from stages import params
from stages.errors import UserError, run
from stages.sources import brought, ccgbank, hub, parquet, translated
from stages.sources.origin import Origin, Rows, join
from stages.tasks import Task, missing, schema
from stages.tasks.translations import is_translated
from stages.writing import replacing

NOTES = ("dropped", "moved", "answered", "others")  # what Rows.notes may say


def snapshot(
    task: Task,
    out: Path,
    mirror: Path | None,
    accept_stand_ins: bool,
    path: Path | None = None,
    listed: bool = False,
) -> dict:
    """Write every split that a study of `task` reads; return what data/<task>/snapshot.json holds.

    path : the distribution that the user brings, or None; `listed` says that the study lists
        the languages of the task, so that none may be missing in it.

    Raises
    ------
    UserError
        The hub cannot be reached, the source lacks the set, a column or label is unknown, a row
        does not fit, or the rows are not those of the pinned revision and stand-ins are not
        accepted.
    """
    folder = out / task.name
    if path is None and not task.sources:
        if not any(folder.rglob("*.parquet")):
            missing.leave(folder, brought.missing(task))
        return {}
    record = _Record(task, folder, path)
    if path is None:
        _from_hub(task, record, mirror, accept_stand_ins)
    elif task.translated:
        _translated(task, record, path, out)
    else:
        _brought(task, record, path, listed, accept_stand_ins)
    record.save(done=True)
    (folder / missing.NOTE).unlink(missing_ok=True)
    return record.files


def _from_hub(task: Task, record: _Record, mirror: Path | None, accept_stand_ins: bool) -> None:
    for language, split in task.files():
        # a validation split that is held out comes from the training part
        part = "train" if task.held_out and split == "validation" else split
        sources = [source for source in task.sources if language in source.configurations]
        if not sources:
            raise UserError(
                f"{task.name} has no source on the hub in {language}: bring it "
                f"(snapshot.sources.{task.brought} of params.yaml), or name the languages that "
                f"the study takes in data.languages.{task.name}."
            )
        origins = [hub.locate(task.name, source, language, part, mirror) for source in sources]
        entry: dict[str, Any] = {
            "source": [origin.entry() for found in origins for origin in found],
            "version": task.version,
        }
        if task.held_out and part == "train":
            entry["held_out"] = task.held_out
        known = record.known(language, split, entry)
        rows = None
        if known is None:
            rows = join(
                [
                    parquet.read(task, source, language, found)
                    for source, found in zip(sources, origins, strict=True)
                ]
            )
            if "held_out" in entry:
                rows = _hold_out(task, language, split, rows, origins[0])
        record.add(language, split, entry, rows, known, origins[0][0].name, accept_stand_ins)


def _hold_out(task: Task, language: str, split: str, rows: Rows, origins: list[Origin]) -> Rows:
    """The rows held out of a training part, evenly spaced, or what remains of it.

    What remains has no context in common with what is held out.
    """
    total, count = len(rows), min(task.held_out, len(rows))
    if language == "en" and count == total:
        raise UserError(
            f"{origins[0].path}: data.held_out.{task.name} is {task.held_out}, expected less than "
            f"the {total} training rows."
        )
    held = [number * total // count for number in range(count)]
    if split == "validation":
        return rows.take(held)
    contexts = rows.columns.get("context", rows.columns["id"])
    apart = {contexts[row] for row in held}
    return rows.take([row for row in range(total) if contexts[row] not in apart])


def _translated(task: Task, record: _Record, path: Path, out: Path) -> None:
    # all is read before anything is written: a file that does not fit leaves what was there
    for language, split, rows, source, origins in list(translated.read(task, path, out)):
        entry = {"source": [origin.entry() for origin in origins], "version": task.version}
        record.add(language, split, entry, rows, None, origins[0].name, True)
        beside = record.folder / language / f"{split}.source.parquet"
        if source is None:
            beside.unlink(missing_ok=True)
        else:
            _write(task, source, beside)


def _brought(task: Task, record: _Record, path: Path, listed: bool, accept_stand_ins: bool) -> None:
    splits: dict[str, Rows] = {}
    for language, split, rows, origins in brought.read(task, path, listed):
        entry = {"source": [origin.entry() for origin in origins], "version": task.version}
        # the hub's row counts are not those of the treebanks
        record.add(language, split, entry, rows, None, origins[0].name, accept_stand_ins)
        splits[split] = rows
    if task.head == "tagging" and not task.labels:
        names = ccgbank.labels(splits["train"], splits["validation"])
        with replacing(record.folder / "labels.json") as temporary:
            temporary.write_text(json.dumps(names, ensure_ascii=False, indent=0) + "\n")


class _Record:
    """data/<task>/snapshot.json, written after every file."""

    def __init__(self, task: Task, folder: Path, path: Path | None) -> None:
        self.task, self.folder, self.path = task, folder, path
        self._file = folder / "snapshot.json"
        self._before: dict[str, dict] = {}
        if self._file.exists():
            try:
                self._before = json.loads(self._file.read_text())["files"]
            except (ValueError, KeyError, TypeError):
                print(f"  {self._file} is not readable: every file is taken anew", flush=True)
        self.files: dict[str, dict] = {}

    def known(self, language: str, split: str, entry: dict) -> dict | None:
        """What the record says of a file that is there from the same source."""
        name = f"{language}/{split}.parquet"
        known = self._before.get(name, {})
        same = all(known.get(key) == value for key, value in entry.items())
        same = same and known.get("held_out") == entry.get("held_out")
        return known if same and (self.folder / name).exists() else None

    def add(
        self,
        language: str,
        split: str,
        entry: dict,
        rows: Rows | None,
        known: dict | None,
        origin: str,
        accept_stand_ins: bool,
    ) -> None:
        """Count a file's rows, write it if it is new, and say so."""
        task, name = self.task, f"{language}/{split}.parquet"
        target = self.folder / name
        expected = task.expected(language, split) if self.path is None else None
        if rows is not None:
            found, notes = len(rows), rows.notes()
        else:
            assert known is not None
            found = known["rows"]
            notes = {key: known[key] for key in NOTES if key in known}
        stand_in = expected is not None and found != expected
        if stand_in and not accept_stand_ins:
            source = task.source
            raise UserError(
                f"{target}: expected {expected} rows ({source.repository} at "
                f"{source.revision[:8]}), found {found} in {origin}. If this mirror "
                "holds stand-ins on purpose, set snapshot.accept_stand_ins: true for the study."
            )
        if rows is not None:
            _write(task, rows, target)
        self.files[name] = {
            **entry, **notes, "rows": found, "expected": expected, "stand_in": stand_in,
        }  # fmt: skip
        print(f"  {target}  {found} rows{_remarks(self.files[name])}", flush=True)
        self.save()

    def save(self, done: bool = False) -> None:
        if self.path is None:
            sources = [
                {"repository": source.repository, "revision": source.revision}
                for source in self.task.sources
            ]
        else:
            brought_as = f"snapshot.sources.{self.task.brought}"
            sources = [{"repository": brought_as, "revision": ""}]
        files = self.files if done else {**self._before, **self.files}
        content = {**sources[0], "sources": sources, "files": files}
        with replacing(self._file) as temporary:
            temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def _remarks(entry: dict) -> str:
    remarks = []
    if entry["stand_in"]:
        remarks.append("stand-in")
    if held_out := entry.get("held_out"):
        remarks.append(f"of a training part, {held_out} rows of which are held out")
    if dropped := entry.get("dropped"):
        remarks.append(f"{dropped} without a label (or an answer) dropped")
    if moved := entry.get("moved"):
        remarks.append(f"{moved} answers moved to where they are")
    if others := entry.get("others"):
        languages = ", ".join(f"{code} {count}" for code, count in others.items())
        remarks.append(f"{sum(others.values())} of other languages left out: {languages}")
    if entry.get("answered") is False:
        remarks.append("without answers: to be predicted, not to be scored")
    return f"  ({'; '.join(remarks)})" if remarks else ""


def _write(task: Task, rows: Rows, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(rows.columns, schema=schema.arrow(schema.DATA[task.head]))
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
    paths = settings["snapshot"].get("sources") or {}
    # a translated set needs the English of its base
    for name in sorted(arguments.tasks or settings["data"]["tasks"], key=is_translated):
        task = params.task(settings, name)
        path = params.at(paths, task.brought) if task.brought else None
        print(f"{name} from {path or mirror or 'the hub'}", flush=True)
        snapshot(
            task,
            arguments.out,
            Path(mirror).resolve() if mirror else None,
            settings["snapshot"]["accept_stand_ins"],
            Path(path) if path else None,
            listed=name in (settings["data"].get("languages") or {}),
        )
    models = {"encoder": hub.ENCODER_FILES, "translator": hub.TRANSLATOR_FILES}
    encoder = settings["snapshot"]["encoder"]
    for key, files in models.items():
        if model := settings["snapshot"].get(key):
            hub.snapshot_encoder(
                model["repository"],
                model["revision"],
                Path(key),
                Path(mirror).resolve() if mirror else None,
                files,
            )
    if arguments.out == Path("data"):
        print(f"done; pin it with: dvc add data{' encoder' if encoder else ''}")


if __name__ == "__main__":
    run(main)
