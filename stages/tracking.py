"""MLflow, the one door to it: a parent run a study, a nested run a cell.

The store is `sqlite:///mlflow.db` beside params.yaml unless MLFLOW_TRACKING_URI says otherwise.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from stages.errors import UserError
from stages.writing import replacing

EXPERIMENT = "xtreme-distance"
LOCAL = "sqlite:///mlflow.db"
SECONDS_BETWEEN_WRITES = 15.0
METRICS_A_CALL = 1000  # MLflow's limit


def prepare() -> Any:
    """Create the store and the experiment once, before anything writes; return a client.

    Raises
    ------
    UserError
        The tracking store does not answer.
    """
    os.environ.setdefault("MLFLOW_TRACKING_URI", LOCAL)
    # one short try instead of minutes of silence when a server is down
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    import logging

    from mlflow.tracking import MlflowClient

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    uri = os.environ["MLFLOW_TRACKING_URI"]
    with answering(), Path(".mlflow.lock").open("w") as lock:
        # two processes that create one database at the same time break its migration
        fcntl.flock(lock, fcntl.LOCK_EX)
        database = Path(uri.removeprefix("sqlite:///"))
        if uri.startswith("sqlite:///") and not database.exists():
            # and one that is killed meanwhile leaves a database that MLflow refuses
            with replacing(database) as temporary:
                MlflowClient(tracking_uri=f"sqlite:///{temporary}").create_experiment(EXPERIMENT)
        client = MlflowClient(tracking_uri=uri)
        if client.get_experiment_by_name(EXPERIMENT) is None:
            client.create_experiment(EXPERIMENT)
    return client


def study_run(client: Any, study: str) -> str:
    """Return the id of the study's parent run: one for each study and version of its data."""
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    version = data_version()
    with Path(".mlflow.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = client.search_runs(
            [experiment],
            f"tags.study = '{study}' and tags.kind = 'study' and tags.data_version = '{version}'",
            max_results=1,
        )
        if found:
            return found[0].info.run_id
        tags = {"study": study, "kind": "study", "data_version": version, **_provenance()}
        run = client.create_run(experiment, run_name=study, tags=tags)
        client.set_terminated(run.info.run_id)
        return run.info.run_id


class Opened(NamedTuple):
    """A client, the run, and the last step of training that the run has already."""

    client: Any
    run_id: str
    known: int


class Cell:
    """The MLflow run of one cell.

    Everything goes through a thread of its own: importing MLflow takes seconds, and a store may be
    slow. The run is opened after the first step of training, so that a store that does not answer
    stops a cell early; one that falls silent later costs a warning, and what could not be sent is
    kept until the end.
    """

    def __init__(self, opening: Callable[[], Opened]):
        self.opening = opening
        self.worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mlflow")
        self.opened: Future[Opened] | None = None
        self.sending: Future[None] | None = None
        self.waiting: list[tuple[str, float, int, int]] = []
        self.tried = time.monotonic()
        self.warned = False

    def point(self, step: int, metrics: dict[str, float]) -> None:
        """Keep metrics of one step and send what waits from time to time."""
        now = int(time.time() * 1000)
        self.waiting += [(name, value, now, step) for name, value in metrics.items()]
        if step > 0:
            self._open()
        if self.opened and self.opened.done():
            self.opened.result()  # raises what opening raised
            if time.monotonic() - self.tried > SECONDS_BETWEEN_WRITES and (
                self.sending is None or self.sending.done()
            ):
                self.tried = time.monotonic()
                self.sending = self.worker.submit(self._try)

    def artifacts(self, folder: Path, name: str) -> None:
        """Store a folder with the run."""
        client, run_id, _ = self._open().result()

        def store() -> None:
            with answering():
                client.log_artifacts(run_id, str(folder), name)

        self.worker.submit(store).result()

    def close(self, status: str) -> None:
        """Send what waits and end the run; raises UserError if the store does not take it."""

        def end() -> None:
            self._send()
            with answering():
                client.set_terminated(run_id, status)

        try:
            client, run_id, _ = self._open().result()
            self.worker.submit(end).result()
        finally:
            self.worker.shutdown()

    def abandon(self) -> None:
        """End the run as FAILED if it was opened and the store answers."""
        with suppress(Exception):
            if self.opened:
                client, run_id, _ = self.opened.result()
                self.worker.submit(self._send)
                self.worker.submit(client.set_terminated, run_id, "FAILED").result()
        self.worker.shutdown(cancel_futures=True)

    def _open(self) -> Future[Opened]:
        if self.opened is None:
            self.opened = self.worker.submit(self.opening)
        return self.opened

    def _try(self) -> None:
        try:
            self._send()
        except UserError as error:
            if not self.warned:
                print(f"  {error} Going on without; it is tried again.", file=sys.stderr)
            self.warned = True

    def _send(self) -> None:
        from mlflow.entities import Metric

        assert self.opened
        client, run_id, known = self.opened.result()
        while self.waiting:
            some = self.waiting[:METRICS_A_CALL]
            new = [Metric(*entry) for entry in some if not 0 < entry[3] <= known]
            with answering():
                client.log_batch(run_id, new)
            del self.waiting[: len(some)]


@contextmanager
def answering() -> Iterator[None]:
    """Turn what MLflow raises when its store does not answer into a UserError."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, RequestException, SQLAlchemyError) as error:
        raise UserError(
            f"the MLflow store {os.environ['MLFLOW_TRACKING_URI']} does not answer: "
            f"{str(error).splitlines()[0][:300]} Start it, or unset MLFLOW_TRACKING_URI to use "
            "mlflow.db in this folder, and run the same command again: a trained state is kept."
        ) from error


@contextmanager
def cell(
    study: str,
    name: str,
    tags: dict[str, str],
    parameters: dict[str, Any],
    data: dict[str, Path],
    remember: Path | None = None,
) -> Iterator[Cell]:
    """Open the nested run of one cell; it ends as FINISHED, or FAILED if the block raises.

    `data` names the folders that the cell learns from: they become the run's logged inputs.
    `remember` : a file that keeps the run's id, so that a cell that goes on after a kill goes on in
    its own run. Steps that the run has already are not logged again.
    """

    def opening() -> Opened:
        client = prepare()
        with answering():
            found = _remembered(client, remember)
            if found is None:
                found = Opened(client, _create(client, study, name, tags, parameters, data), 0)
                if remember is not None:
                    remember.parent.mkdir(parents=True, exist_ok=True)
                    remember.write_text(found.run_id)
        return found

    recorder = Cell(opening)
    try:
        yield recorder
    except BaseException:
        recorder.abandon()
        raise
    recorder.close("FINISHED")


def _remembered(client: Any, remember: Path | None) -> Opened | None:
    from mlflow.exceptions import MlflowException

    if remember is None or not remember.exists():
        return None
    run_id = remember.read_text()
    try:
        client.update_run(run_id, status="RUNNING")
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise
    steps = [point.step for point in client.get_metric_history(run_id, "loss")]
    return Opened(client, run_id, max(steps, default=0))


def _create(
    client: Any,
    study: str,
    name: str,
    tags: dict[str, str],
    parameters: dict[str, Any],
    data: dict[str, Path],
) -> str:
    from mlflow.entities import Param

    parent = study_run(client, study)
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    run = client.create_run(
        experiment,
        run_name=name,
        tags={
            "mlflow.parentRunId": parent,
            "study": study,
            "kind": "cell",
            "data_version": data_version(),
            **_provenance(),
            **tags,
        },
    )
    run_id: str = run.info.run_id
    client.log_batch(run_id, params=[Param(k, str(v)) for k, v in sorted(parameters.items())])
    _log_inputs(client, run_id, data)
    return run_id


def publish(study: str, metrics: dict[str, float], report: Path, name: str = "report") -> None:
    """Log a study's findings and a folder, its report, with its parent run."""
    from mlflow.entities import Metric

    client = prepare()
    run_id = study_run(client, study)
    now = int(time.time() * 1000)
    entries = [Metric(name, value, now, 0) for name, value in sorted(metrics.items())]
    with answering():
        for start in range(0, len(entries), METRICS_A_CALL):
            client.log_batch(run_id, entries[start : start + METRICS_A_CALL])
        client.log_artifacts(run_id, str(report), name)


def data_version() -> str:
    """The hash by which data.dvc pins data/, or `unpinned`."""
    return _pinned("data.dvc")


def _pinned(path: str) -> str:
    try:
        return yaml.safe_load(Path(path).read_text())["outs"][0]["md5"]
    except (FileNotFoundError, KeyError, TypeError):
        return "unpinned"


def _provenance() -> dict[str, str]:
    """Where a run comes from: git commit, DVC stage, DVC hash of the encoder."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
        return done.stdout.strip()

    return {
        "git_commit": git("rev-parse", "HEAD") or "none",
        "git_dirty": str(bool(git("status", "--porcelain", "--untracked-files=no"))).lower(),
        "dvc_stage": os.environ.get("DVC_STAGE", "none"),
        "encoder_version": _pinned("encoder.dvc"),
    }


def _log_inputs(client: Any, run_id: str, data: dict[str, Path]) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    client.log_inputs(
        run_id,
        [
            DatasetInput(
                Dataset(name, _digest(folder), "local", str(folder)),
                [InputTag("mlflow.data.context", "training" if "train" in name else "evaluation")],
            )
            for name, folder in data.items()
        ],
    )


def _digest(folder: Path) -> str:
    """A short hash over the files of a folder (MLflow allows 36 characters)."""
    import hashlib

    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.parquet")):
        digest.update(str(path.relative_to(folder)).encode())
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:32]
