"""Where a run comes from: git commit, DVC's hashes of data and encoder, the stage."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import yaml


def data_version() -> str:
    """The hash by which data.dvc pins data/, or `unpinned`."""
    return _pinned("data.dvc")


def provenance() -> dict[str, str]:
    """Tags of a run: git commit, DVC stage, DVC hash of the encoder."""
    return {
        "git_commit": _git("rev-parse", "HEAD") or "none",
        "git_dirty": str(bool(_git("status", "--porcelain", "--untracked-files=no"))).lower(),
        "dvc_stage": os.environ.get("DVC_STAGE", "none"),
        "encoder_version": _pinned("encoder.dvc"),
    }


def digest(folder: Path) -> str:
    """A short hash over the tables of a folder (MLflow allows 36 characters)."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*.parquet")):
        found.update(str(path.relative_to(folder)).encode())
        with path.open("rb") as stream:
            found.update(hashlib.file_digest(stream, "sha256").digest())
    return found.hexdigest()[:32]


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _pinned(path: str) -> str:
    try:
        return str(yaml.safe_load(Path(path).read_text())["outs"][0]["md5"])
    except (FileNotFoundError, KeyError, TypeError):
        return "unpinned"
