"""Open a tracking store; say in one message what is wrong with one that does not answer."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from stages.errors import UserError
from stages.tracking.views import VIEWS
from stages.writing import replacing

EXPERIMENT = "xtreme-distance"
# MLflow's UI opens the experiment as one of training, not of prompts
KIND = {"mlflow.experimentKind": "custom_model_development"}
LOCAL = "sqlite:///mlflow.db"
LOCK = ".mlflow.lock"


def study_folder() -> Path:
    """Where runs are logged: here, but beside the folder of a queued experiment, which goes."""
    here = Path.cwd()
    for place in (here, *here.parents):
        if place.parts[-3:] == (".dvc", "tmp", "exps"):
            return place.parents[2]
    return Path()


FOLDER = study_folder()
# what MLflow answers to an entry that it will never take, however often it is sent
REFUSALS = ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")


class Refused(UserError):
    """The store is there and does not take this entry."""


def uri() -> str:
    """The store's address, with its credentials: to connect, not to print."""
    return os.environ.setdefault("MLFLOW_TRACKING_URI", LOCAL)


def identity() -> str:
    """What tells the store from others, without what is secret in its address."""
    address = uri()
    if address.startswith("sqlite:///"):
        address = str((FOLDER / address.removeprefix("sqlite:///")).resolve())
    return hashlib.sha256(address.encode()).hexdigest()[:16]


def clean(text: str) -> str:
    """`text` without the credentials of any address in it."""
    text = re.sub(r"(?<=://)[^/\s'\"]*@", "***@", text)
    return re.sub(r"(?i)([?&](?:password|token|secret|key)=)[^&\s'\"]+", r"\1***", text)


def prepare() -> Any:
    """Create the store and the experiment once, before anything writes; return a client.

    Raises
    ------
    UserError
        The tracking store does not answer.
    """
    address = uri()
    # one short try instead of minutes of silence when a server is down
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    for name in ("alembic", "mlflow", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with answering(), locked():
        database = Path(address.removeprefix("sqlite:///"))
        if address.startswith("sqlite:///") and not database.exists():
            # one that is killed meanwhile leaves a database that MLflow refuses
            with replacing(database) as temporary:
                made = MlflowClient(tracking_uri=f"sqlite:///{temporary}")
                made.create_experiment(EXPERIMENT, tags=KIND)
        client = MlflowClient(tracking_uri=address)
        if client.get_experiment_by_name(EXPERIMENT) is None:
            # a server may be given it by two machines at once
            with suppress(MlflowException):
                client.create_experiment(EXPERIMENT, tags=KIND)
        experiment = client.get_experiment_by_name(EXPERIMENT)
        assert experiment
        for name in VIEWS.keys() - experiment.tags.keys():
            # a server that refuses them shows its own columns
            with suppress(MlflowException):
                client.set_experiment_tag(experiment.experiment_id, name, VIEWS[name])
    return client


def reason(error: Exception) -> str:
    """What is wrong, in a few words."""
    text = str(error)
    if found := re.search(r"too many (\d{3}) error responses", text):
        # MLflow's server answers 503 as long as its database is away
        database = ": its database is down, or it is busy" if found[1] == "503" else ""
        return f"it says {found[1]}{database}"
    for words, short in (("Connection refused", "connection refused"), ("timed out", "timed out")):
        if words in text:
            return short
    return clean((text.splitlines() or [""])[0][:300]).rstrip(".")


@contextmanager
def locked() -> Iterator[None]:
    """Hold the store's lock on this machine.

    Two processes that create one database at the same time break its migration, and two that look
    for a study's run at the same time create two.
    """
    address = uri()
    place = Path(LOCK)
    if address.startswith("sqlite:///"):
        place = Path(address.removeprefix("sqlite:///")).parent / LOCK
    with place.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def answering() -> Iterator[None]:
    """Turn what MLflow raises when its store does not answer into a UserError.

    Raises
    ------
    Refused
        The store answers, and says that it will never take this.
    UserError
        Anything else that is wrong with it.
    """
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, RequestException, SQLAlchemyError, OSError) as error:
        text = reason(error)
        if getattr(error, "error_code", None) in REFUSALS:
            raise Refused(f"the MLflow store {clean(uri())} refuses this: {text}.") from error
        raise UserError(
            f"the MLflow store {clean(uri())} does not answer: {text}. Start it, or unset "
            "MLFLOW_TRACKING_URI to use mlflow.db in this folder."
        ) from error
