"""Drift: the data in data/ against the snapshot that is pinned, in numbers, before anything trains.

In   data/ as the snapshot left it; the pinned one, by data.dvc of a git revision (its files come
     from DVC's cache or remote), or another folder; `validate.severity` of params.yaml.
Out  one line a file that changed; validation/drift.json. Exit status 1 where a finding stops:
     by default where the contents changed although the snapshots name the same source revision.
     Where the revision moved, changes are what one expects, and warn. Stand-ins (the sample's, a
     mirror's parts of a set) of different origin are different data and are not compared.
Run  python -m stages.drift [--revision HEAD | --before FOLDER] [--data data]
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages import params
from stages.errors import UserError, run
from stages.guards import drift, read
from stages.guards.rule import Example, Outcome
from stages.guards.rules import severities_of
from stages.tasks import find
from stages.writing import replacing

RECORD = "snapshot.json"


class Pinned:
    """The files of a snapshot: (relative path) -> MD5, and a local copy of any of them.

    Raises UserError where the revision pins no data or its files are nowhere.
    """

    def __init__(self, revision: str, data: str, copies: Path) -> None:
        from dvc.api import DVCFileSystem
        from dvc.exceptions import DvcException

        self._copies, self._root = copies, data
        try:
            self._files = DVCFileSystem(url=".", rev=revision)
            found = self._files.find(data, detail=True) if self._files.exists(data) else {}
        except (DvcException, OSError, ValueError) as error:
            raise UserError(
                f"{revision} could not be read: {str(error).splitlines()[0]} Name a git revision "
                "whose data.dvc pins a snapshot, or compare two folders with --before FOLDER."
            ) from error
        self.files = {
            name.removeprefix(f"{data}/"): info.get("md5") for name, info in found.items()
        }
        if not self.files:
            raise UserError(
                f"{revision} pins no {data}: there is nothing to compare with. Name another git "
                "revision, or compare two folders with --before FOLDER."
            )

    def path(self, name: str) -> Path:
        """A local copy of the file `name`."""
        target = self._copies / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._files.get_file(f"{self._root}/{name}", str(target))
        except Exception as error:  # each remote fails in its own way
            raise UserError(
                f"the pinned {name} is neither in DVC's cache nor in its remote ({error}): "
                "dvc fetch data.dvc brings it."
            ) from error
        return target


class Folder:
    """The same for a folder."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise UserError(f"{root} is not a folder.")
        self._root = root
        self.files = {
            str(path.relative_to(root)): _md5(path)
            for path in sorted(root.rglob("*"))
            if path.is_file() and path.suffix in (".parquet", ".json")
        }

    def path(self, name: str) -> Path:
        """The file `name`."""
        return self._root / name


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()


def changes(task: str, before: Pinned | Folder, after: Folder) -> list[drift.Change]:
    """What changed in the files of a task, equal files left out."""
    names = [
        name
        for name in dict.fromkeys([*before.files, *after.files])
        if name.startswith(f"{task}/") and name.endswith(".parquet")
    ]
    found = []
    for name in names:
        file = name.removeprefix(f"{task}/")
        if name not in after.files:
            rows = _table(before.path(name))
            count = 0 if rows is None else rows.rows.num_rows
            found.append(drift.Change(file, "removed", before=count))
        elif name not in before.files:
            rows = _table(after.path(name))
            count = 0 if rows is None else rows.rows.num_rows
            found.append(drift.Change(file, "added", after=count))
        elif before.files[name] != after.files[name]:
            old, new = _table(before.path(name)), _table(after.path(name))
            if old is None or new is None:
                found.append(drift.Change(file, "unreadable"))
                continue
            change = drift.compare(file, old.frame(), new.frame(), find(task).head)
            found += [] if change.state == "same" else [change]
    return found


def _table(path: Path) -> read.Table | None:
    try:
        return read.read(path)
    except read.Unreadable:
        return None


def sources(files: Pinned | Folder, task: str) -> tuple[set[tuple[str, str]], set[str]]:
    """What snapshot.json of a task names: its (repository, revision), and the origin of stand-ins.

    A stand-in is a part of the set that the revision names, so what it was taken from says where
    it is from: the hashes of those files.
    """
    name = f"{task}/{RECORD}"
    if name not in files.files:
        return set(), set()
    try:
        record = json.loads(files.path(name).read_text(encoding="utf-8"))
        named = record.get("sources") or [record]
        parts = [file for file in record.get("files", {}).values() if file.get("stand_in")]
        return (
            {(str(one.get("repository")), str(one.get("revision"))) for one in named},
            {str(one.get("sha256")) for part in parts for one in part.get("source", [])},
        )
    except (OSError, ValueError, AttributeError, RecursionError):
        return set(), set()


def outcomes(
    found: list[drift.Change], same_revision: bool, severities: Mapping[str, str]
) -> list[Outcome]:
    """The findings, by default a stop at the same revision and a warning where it moved."""
    result = []
    for change in found:
        for rule, count, what in change.findings():
            default = rule.severity if same_revision else "warn"
            shown = change.examples.get(rule.name, [])
            example = f"{what}; id {shown[0].id}: {shown[0].found}" if shown else what
            examples = (Example(None, None, example), *shown)
            severity = severities.get(rule.name, default)
            result.append(Outcome(change.file, rule, severity, rule.holds, count, examples))
    return result


def main() -> None:
    """Compare every task of the study, print what changed, stop where a severity says so."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--revision", default="HEAD", help="a git revision with a data.dvc")
    parser.add_argument("--before", type=Path, help="a folder to compare with instead")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--out", type=Path, default=Path("validation/drift.json"))
    arguments = parser.parse_args()
    settings = params.read()
    after = Folder(arguments.data)
    import tempfile

    with tempfile.TemporaryDirectory() as copies:
        before = (
            Folder(arguments.before)
            if arguments.before
            else Pinned(arguments.revision, str(arguments.data), Path(copies))
        )
        report: dict[str, Any] = {}
        stops, lines = [], []
        for task in settings["data"]["tasks"]:
            if not any(name.startswith(f"{task}/") for name in before.files):
                print(f"{task}: not in the pinned snapshot")
                continue
            (source, parts), (now, parts_now) = sources(before, task), sources(after, task)
            if parts != parts_now:
                print(f"{task}: a part of the set, not the part that is pinned; not compared")
                continue
            found = changes(task, before, after)
            same = source == now
            judged = outcomes(found, same, severities_of(settings, task))
            stops += [one.as_line(f"data/{task}") for one in judged if one.severity == "stop"]
            lines += [one.as_line(f"data/{task}") for one in judged if one.severity == "warn"]
            added = [change.file for change in found if change.state == "added"]
            moved = "same source revision" if same else "another source revision"
            print(f"{task}: {len(found)} files changed ({len(added)} added), {moved}")
            report[task] = {
                "same_revision": same,
                "files": [
                    {**vars(change), "examples": {
                        rule: [vars(example) for example in shown]
                        for rule, shown in change.examples.items()
                    }}
                    for change in found
                ],
            }  # fmt: skip
    with replacing(arguments.out) as temporary:
        text = json.dumps(report, ensure_ascii=False, indent=1)
        temporary.write_text(text + "\n", encoding="utf-8")
    for line in lines:
        print(line)
    if stops:
        head = f"{arguments.data} is not what is pinned, although its source revision is the same:"
        raise UserError("\n  ".join([head, *stops]) + f"\nnumbers: {arguments.out}")


if __name__ == "__main__":
    run(main)
