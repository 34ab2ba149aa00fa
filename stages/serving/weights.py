"""Find the weights that a registered version points at: this folder, or DVC's cache or remote."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stages.errors import UserError


@contextmanager
def folder(record: dict[str, Any], root: Path = Path()) -> Iterator[Path]:
    """Yield a folder that holds exactly the files of `record` (weights.json of a version).

    Raises
    ------
    UserError
        Neither this folder nor DVC has them.
    """
    here = root / record["path"]
    if is_that(here, record["files"]):
        yield here
        return
    with tempfile.TemporaryDirectory() as place:
        fetched = Path(place) / "model"
        for revision in revisions(record["dvc_output_md5"], root):
            _fetch(root, revision, record["path"], fetched)
            if is_that(fetched, record["files"]):
                yield fetched
                return
        raise UserError(
            f"{here} is not the model of this version (its files differ or are not there), and no "
            f"commit here names {record['dvc_output']} with the hash {record['dvc_output_md5']} "
            "and has it in DVC's cache or remote: fetch that commit (`git fetch --all`), or its "
            "remote (`dvc remote list`)."
        )


def is_that(place: Path, files: dict[str, str]) -> bool:
    """Whether every file is there with its hash."""
    for name, md5 in files.items():
        path = place / name
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            if hashlib.file_digest(stream, "md5").hexdigest() != md5:
                return False
    return True


def revisions(md5: str, root: Path) -> list[str | None]:
    """Where dvc.lock has this hash: here (None), then the commits that wrote it."""
    lock = root / "dvc.lock"
    here: list[str | None] = [None] if lock.exists() and md5 in lock.read_text() else []
    done = subprocess.run(
        ["git", "log", "--all", "--format=%H", f"-S{md5}", "--", "dvc.lock"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    return here + list(done.stdout.split())


def _fetch(root: Path, revision: str | None, path: str, place: Path) -> None:
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException

    try:
        DVCFileSystem(str(root.resolve()), rev=revision).get(path, str(place), recursive=True)
    except (DvcException, OSError):
        return
