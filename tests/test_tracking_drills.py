"""Drills: a real server that stops, hangs and dies; a delivery that is killed; eight at once."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow.tracking import MlflowClient
from test_tracking import cells, history, opened, place, until
from test_tracking_models import write_study

from stages import tracking
from stages.tracking import spool

__all__ = ["place"]  # a fixture
cell_room = sys.modules["stages.tracking.cell"]


class Server:
    """MLflow's server on loopback over SQLite."""

    def __init__(self, folder: Path):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.address = folder, f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self.tables = folder / "tables.db"
        MlflowClient(f"sqlite:///{self.tables}").search_experiments()

    def start(self, database: str) -> None:
        if not (self.folder / database).exists():
            # two first requests at once would make the tables twice
            shutil.copy(self.tables, self.folder / database)
        # the application that `mlflow server` starts, without the two processes around it
        settings = {
            "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{self.folder}/{database}",
            "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(self.folder / "artifacts"),
            "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
            "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "mlflow.server.fastapi_app:app",
             "--host", "127.0.0.1", "--port", str(self.port)],
            cwd=self.folder,
            env=os.environ | settings,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until(self.answers, 120)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def server(place: Path, monkeypatch) -> Iterator[Server]:
    made = Server(place)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", made.address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "4")
    monkeypatch.setattr(cell_room, "SECONDS_BETWEEN_WRITES", 0.1)
    yield made
    made.kill()


def test_a_server_that_stops_hangs_and_dies_costs_no_point(
    server: Server, tiny_encoder: Path, capsys
) -> None:
    def tries(more: int) -> None:
        before = recorder.sender.tries if recorder.sender else 0
        until(lambda: recorder.sender and recorder.sender.tries >= before + more)

    server.start("mlflow.db")
    (server.folder / "model").mkdir()
    (server.folder / "model" / "config.json").write_text("{}")
    with opened() as recorder:
        recorder.point(1, {"loss": 1.0})
        tries(2)
        server.process.send_signal(signal.SIGSTOP)  # it takes what is sent, and answers too late
        recorder.point(2, {"loss": 2.0})
        tries(1)
        server.process.send_signal(signal.SIGCONT)
        recorder.point(3, {"loss": 3.0})
        tries(2)
        server.kill()
        recorder.point(4, {"loss": 4.0})
        tries(2)
        server.start("mlflow.db")
        recorder.point(5, {"loss": 5.0})
        recorder.artifacts(server.folder / "model", "model")
    (run,) = cells()
    assert run.info.status == "FINISHED"
    assert history(run.info.run_id) == {step: float(step) for step in range(1, 6)}
    assert spool.names() == []

    # killed for good in the middle: another server, which knows nothing, gets all of it
    with opened() as recorder:
        recorder.point(1, {"loss": 1.0})
        tries(2)
        server.kill()
        recorder.point(2, {"loss": 2.0})
        recorder.artifacts(server.folder / "model", "model")
    assert "The log of 1 run (1 KiB) waits" in capsys.readouterr().err
    server.start("another.db")
    assert tracking.deliver() == f"1 run sent to {server.address}"
    (run,) = cells()
    assert (run.info.status, history(run.info.run_id)) == ("FINISHED", {1: 1.0, 2: 2.0})
    found = MlflowClient(server.address).list_artifacts(run.info.run_id, "model")
    assert [artifact.path for artifact in found] == ["model/config.json"]

    # models are registered with a server as with a file
    write_study(server.folder, tiny_encoder)
    assert tracking.finish("s") == ["2 model versions registered"]
    mlflow.set_tracking_uri(server.address)
    vectors = mlflow.pyfunc.load_model("models:/s-encoder@best").predict(["a cat sat."])
    assert vectors.shape == (1, 32)


def waiting_run(place: Path, monkeypatch, points: int) -> None:
    """A finished run that no store has seen."""
    with monkeypatch.context() as away:
        away.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        with opened() as recorder:
            for step in range(1, points + 1):
                recorder.point(step, {"loss": float(step)})


def test_a_delivery_that_is_killed_sends_nothing_twice(place: Path, monkeypatch, capsys) -> None:
    tracking.prepare()
    waiting_run(place, monkeypatch, 2500)
    # at once after the store took it, before that is noted: at every kind of call in turn
    for call, number in [
        ("create_run", 1), ("create_run", 2), ("log_batch", 1), ("log_batch", 2), ("log_batch", 3),
        ("log_batch", 2), ("set_terminated", 1),
    ]:  # fmt: skip
        if os.fork() == 0:
            take, count = getattr(MlflowClient, call), [0]

            def dying(*arguments: Any, **named: Any) -> Any:
                done = take(*arguments, **named)  # noqa: B023
                count[0] += 1  # noqa: B023
                if count[0] == number:  # noqa: B023
                    os._exit(0)
                return done

            setattr(MlflowClient, call, dying)
            try:
                tracking.deliver()
            finally:
                os._exit(1)
        os.wait()
    tracking.deliver()
    (run,) = cells()
    assert run.info.status == "FINISHED"
    assert run.data.params == {"seed": "1", "x": "1"}
    points = MlflowClient(os.environ["MLFLOW_TRACKING_URI"]).get_metric_history(
        run.info.run_id, "loss"
    )
    assert [point.step for point in points] == list(range(1, 2501))
    assert spool.names() == []


def test_eight_cells_that_log_at_once_on_one_file_lose_nothing(place: Path, monkeypatch) -> None:
    monkeypatch.setattr(cell_room, "SECONDS_BETWEEN_WRITES", 0.05)
    children = []
    for _ in range(8):
        children.append(os.fork())
        if children[-1] == 0:
            status = 1
            try:
                with opened() as recorder:
                    for step in range(1, 151):
                        recorder.point(step, {"loss": float(step), "rate": 1.0 / step})
                        time.sleep(0.005)
                status = 0
            finally:
                os._exit(status)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8
    tracking.deliver()  # where the file was locked for longer than a cell waits
    runs = cells()
    assert [run.info.status for run in runs] == ["FINISHED"] * 8
    assert len({run.data.tags["mlflow.parentRunId"] for run in runs}) == 1
    for run in runs:
        assert history(run.info.run_id) == {step: float(step) for step in range(1, 151)}
        assert len(history(run.info.run_id, "rate")) == 150
    parents = MlflowClient(os.environ["MLFLOW_TRACKING_URI"]).search_runs(
        ["1"], "tags.kind = 'study'"
    )
    assert len(parents) == 1


def test_what_a_dead_cell_left_is_sent_by_the_next_one(place: Path, monkeypatch) -> None:
    waiting_run(place, monkeypatch, 3)
    if os.fork() == 0:
        with tracking.cell("test", "killed", {}, {}, {}) as recorder:
            recorder.point(0, {"loss": 1.0})
            os._exit(0)
    os.wait()
    with opened() as recorder:
        recorder.point(1, {"loss": 1.0})
    assert sorted(run.info.status for run in cells()) == ["FINISHED", "FINISHED", "KILLED"]
    assert spool.names() == []
