"""Evaluated: encoded/  ->  evaluated/<training task>.json, what its cells are evaluated on

In   encoded/, `data`, `target.tasks` and `retrieve.tasks` of params.yaml.
Out  a file for every task of target.tasks, and retrieval.json where retrieve.tasks has any: the
     targets that its cells are evaluated on, and the digest of every file of theirs; for a
     translated training set those of its base that it reads.
Run  python -m stages.evaluated

A cell of SQuAD is evaluated on XQuAD and MLQA. It depends on this file, so that it runs again
when their data change and not when another task's do.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

from stages import params
from stages.errors import run
from stages.tasks import missing
from stages.writing import replacing_folder


def evaluated(settings: dict[str, Any], encoded: Path) -> dict[str, dict[str, Any]]:
    """Return {training task: {target: its version and {file: SHA-256}}}."""
    groups = {name: params.task(settings, name).evaluates() for name in settings["target"]["tasks"]}
    if settings["retrieve"]["tasks"]:
        groups["retrieval"] = tuple(settings["retrieve"]["tasks"])
    found = {
        group: {target: _target(settings, target, encoded) for target in targets}
        for group, targets in groups.items()
    }
    for group in settings["target"]["tasks"]:
        task = params.task(settings, group)
        if task.translated:
            read = {*task.training, task.development}
            others = sorted(path for path in read if not path.startswith(f"{task.name}/"))
            found[group]["base"] = {path: _digest(encoded / path) for path in others}
    return found


def _target(settings: dict[str, Any], name: str, encoded: Path) -> dict[str, Any]:
    task, folder = params.task(settings, name), encoded / name
    if reason := missing.why(folder):
        return {"missing": reason}
    files = {}
    for language, split in task.files():
        path = folder / language / f"{split}.parquet"
        if language in task.languages and split != "train" and path.exists():
            files[f"{language}/{split}.parquet"] = _digest(path)
    return {"version": task.version, "files": files}


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def main() -> None:
    """Write a file a training task."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoded", type=Path, default=Path("encoded"))
    parser.add_argument("--out", type=Path, default=Path("evaluated"))
    arguments = parser.parse_args()
    groups = evaluated(params.read(), arguments.encoded)
    with replacing_folder(arguments.out) as folder:
        for group, targets in groups.items():
            text = json.dumps(targets, indent=1, sort_keys=True)
            (folder / f"{group}.json").write_text(text + "\n")
    print(f"{len(groups)} groups: {', '.join(groups)}")


if __name__ == "__main__":
    run(main)
