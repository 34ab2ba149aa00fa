"""MLflow, the one door to it: a parent run a study, a nested run a cell.

The store is `sqlite:///mlflow.db` beside params.yaml unless MLFLOW_TRACKING_URI says otherwise.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from stages.errors import UserError

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

    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    uri = os.environ["MLFLOW_TRACKING_URI"]
    try:
        with Path(".mlflow.lock").open("w") as lock:
            # two processes that create one database at the same time break its migration
            fcntl.flock(lock, fcntl.LOCK_EX)
            client = MlflowClient(tracking_uri=uri)
            if client.get_experiment_by_name(EXPERIMENT) is None:
                client.create_experiment(EXPERIMENT)
    except MlflowException as error:
        raise UserError(
            f"the MLflow store {uri} does not answer: {str(error).splitlines()[0][:300]} "
            "Start it, or unset MLFLOW_TRACKING_URI to use mlflow.db in this folder."
        ) from error
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


class Cell:
    """The MLflow run of one cell; points of the curve are sent in bundles."""

    def __init__(self, client: Any, run_id: str):
        self.client = client
        self.run_id = run_id
        self.waiting: list[Any] = []
        self.sent = time.monotonic()

    def point(self, step: int, metrics: dict[str, float]) -> None:
        """Keep metrics of one step and send what waits from time to time."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self.waiting += [Metric(name, value, now, step) for name, value in metrics.items()]
        if time.monotonic() - self.sent > SECONDS_BETWEEN_WRITES:
            self.flush()

    def flush(self) -> None:
        """Send what waits."""
        for start in range(0, len(self.waiting), METRICS_A_CALL):
            self.client.log_batch(self.run_id, self.waiting[start : start + METRICS_A_CALL])
        self.waiting, self.sent = [], time.monotonic()

    def artifacts(self, folder: Path, name: str) -> None:
        """Store a folder with the run."""
        self.client.log_artifacts(self.run_id, str(folder), name)


@contextmanager
def cell(
    study: str, name: str, tags: dict[str, str], parameters: dict[str, Any], data: dict[str, Path]
) -> Iterator[Cell]:
    """Open the nested run of one cell; it ends as FINISHED, or FAILED if the block raises.

    `data` names the folders that the cell learns from: they become the run's logged inputs.
    """
    client = prepare()
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
    run_id = run.info.run_id
    from mlflow.entities import Param

    client.log_batch(run_id, params=[Param(k, str(v)) for k, v in sorted(parameters.items())])
    _log_inputs(client, run_id, data)
    recorder = Cell(client, run_id)
    try:
        yield recorder
        recorder.flush()
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id)


def publish(study: str, metrics: dict[str, float], report: Path, name: str = "report") -> None:
    """Log a study's findings and a folder, its report, with its parent run."""
    from mlflow.entities import Metric

    client = prepare()
    run_id = study_run(client, study)
    now = int(time.time() * 1000)
    entries = [Metric(name, value, now, 0) for name, value in sorted(metrics.items())]
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
