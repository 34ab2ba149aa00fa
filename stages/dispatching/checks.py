"""Whether a clone can run the study: its code, its packages, its clock.

Sent to the workers with stages.dispatching.work: the standard library only.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# stages write them: they differ from the commit while a study runs
WRITTEN = ("dvc.lock", "metrics.json")
TOOLS = ("pip", "setuptools", "wheel")  # they install, nothing runs on them
CLOCK_MINUTES = 5  # S3 refuses requests from a clock that is 15 minutes off


def check_clock(now: float, here: float) -> None:
    """Refuse a clock that is off: object stores refuse its requests, runs get a wrong date."""
    minutes = (here - now) / 60
    if abs(minutes) > CLOCK_MINUTES:
        raise RuntimeError(
            f"this worker's clock is {abs(minutes):.0f} minutes "
            f"{'ahead of' if minutes > 0 else 'behind'} the dispatcher's: set it (chrony, "
            "systemd-timesyncd), then start the worker again."
        )


def check(folder: Path, commit: str | None = None) -> None:
    """Refuse a clone whose code or packages are not those of the commit.

    commit : the study's; fetched from the clone's origin where it lacks it, None for its own

    Raises
    ------
    RuntimeError
        No clone, uncommitted changes, an unknown commit, or packages of other versions.
    """
    if not (folder / ".git").exists():
        raise RuntimeError(
            f"{folder} is no clone of the study: start the worker in one (`python -m "
            "stages.dispatch --join HOST:PORT`)."
        )
    changed = changes(folder)
    if changed:
        raise RuntimeError(
            f"{folder} has uncommitted changes in {', '.join(changed[:5])}: commit and push them "
            "and start the study from that commit, or undo them (`git stash`)."
        )
    if commit and not has(folder, commit):
        subprocess.run(["git", "fetch", "--quiet"], cwd=folder, capture_output=True, check=False)
        if not has(folder, commit):
            raise RuntimeError(
                f"{folder} is another version of the code: it knows no commit {commit[:12]}, nor "
                "does its origin. `git push` it from where the study is dispatched."
            )
    lines = git(folder, "show", f"{commit or 'HEAD'}:requirements.lock")
    differ = [text for name, wanted in pinned(lines) if (text := other(name, wanted))]
    if differ:
        raise RuntimeError(
            f"the environment {sys.prefix} is not that of requirements.lock: "
            f"{'; '.join(differ[:5])}. Run `make install` there."
        )


def changes(folder: Path) -> list[str]:
    """Files of a clone that differ from its commit, but for those that stages write."""
    lines = git(folder, "status", "--porcelain", "--untracked-files=no").splitlines()
    return [line[3:] for line in lines if line[3:] not in WRITTEN]


def has(folder: Path, commit: str) -> bool:
    """Whether a clone knows a commit."""
    words = ["git", "cat-file", "-e", f"{commit}^{{commit}}"]
    return subprocess.run(words, cwd=folder, capture_output=True, check=False).returncode == 0


def pinned(lock: str) -> Iterator[tuple[str, str]]:
    """Names and versions of requirements.lock, those for every platform."""
    for name, number in re.findall(r"(?m)^([\w.-]+)==([^\s;\\]+) *\\?$", lock):
        if name not in TOOLS:
            yield name, number


def other(name: str, wanted: str) -> str | None:
    """What is there instead of a package's wanted version, None where it is right."""
    try:
        found = version(name)
    except PackageNotFoundError:
        return f"{name} is missing"
    return None if found == wanted else f"{name} is {found}, not {wanted}"


def git(folder: Path, *words: str) -> str:
    """Return what git prints."""
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"`git {' '.join(words[:2])}` in {folder}: {done.stderr.strip()}")
    return done.stdout
