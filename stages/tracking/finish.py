"""Finish: what is told to MLflow when a study's results are there, and what still waits."""

from __future__ import annotations

from pathlib import Path

from stages.errors import UserError
from stages.tracking import store
from stages.tracking.delivery import deliver
from stages.tracking.origin import data_version


def finish(study: str, root: Path = Path()) -> list[str]:
    """Send what waits, log gains and distances, register the models; say what was done.

    Calling it again does what has not been done yet, and nothing twice.

    Raises
    ------
    UserError
        The store does not answer; whatever is left is done by the next call.
    """
    from stages.tracking.compare import compare
    from stages.tracking.registry import register

    said = [deliver()]
    client, version = store.prepare(), data_version()
    try:
        with store.answering():
            compare(client, study, version, root)
            registered = register(client, study, version, root)
    except store.Refused as error:
        raise UserError(f"{error} The results themselves are untouched.") from error
    if registered:
        said.append(f"{registered} model version{'s' * (registered != 1)} registered")
    return [line for line in said if line]
