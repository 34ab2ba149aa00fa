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

from conftest import ROOT
from stages import tracking
from stages.tracking import sender, spool, store

__all__ = ["place"]  # a fixture
ensure = sender.ensure


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
def sending(place: Path, monkeypatch) -> Iterator[None]:
    """The process that sends, as it is but for its times."""
    monkeypatch.setattr(sender, "ensure", ensure)
    monkeypatch.setattr(sender, "SECONDS_BETWEEN_WRITES", 0.1)
    monkeypatch.setattr(sender, "SECONDS_OF_LEISURE", 1.0)
    yield
    until(lambda: not sending_now())


def sending_now() -> bool:
    return sender.has_sender(store.identity())


@pytest.fixture
def server(place: Path, sending: None, monkeypatch) -> Iterator[Server]:
    made = Server(place)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", made.address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "4")
    yield made
    made.kill()


def test_a_server_that_stops_hangs_and_dies_costs_no_point(
    server: Server, tiny_encoder: Path, capsys
) -> None:
    def sent(step: int) -> bool:
        """Whether the store has that step: what a person sees of a run that goes on."""
        return any(step in history(run.info.run_id) for run in cells())

    server.start("mlflow.db")
    (server.folder / "model").mkdir()
    (server.folder / "model" / "config.json").write_text("{}")
    with opened() as recorder:
        recorder.point(1, {"loss": 1.0})
        until(lambda: sent(1))
        server.process.send_signal(signal.SIGSTOP)  # it takes what is sent, and answers too late
        recorder.point(2, {"loss": 2.0})
        until(sender.trouble)
        server.process.send_signal(signal.SIGCONT)
        recorder.point(3, {"loss": 3.0})
        until(lambda: sent(3) and not sender.trouble())
        server.kill()
        recorder.point(4, {"loss": 4.0})
        until(sender.trouble)
        server.start("mlflow.db")
        recorder.point(5, {"loss": 5.0})
        recorder.artifacts(server.folder / "model", "model")
    until(lambda: not spool.names())
    (run,) = cells()
    assert run.info.status == "FINISHED"
    assert history(run.info.run_id) == {step: float(step) for step in range(1, 6)}
    assert capsys.readouterr().err.count("Training goes on") == 1

    # killed for good in the middle: another server, which knows nothing, gets all of it
    with opened() as recorder:
        recorder.point(1, {"loss": 1.0})
        until(lambda: len(cells()) == 2)
        server.kill()
        recorder.point(2, {"loss": 2.0})
        recorder.artifacts(server.folder / "model", "model")
        until(sender.trouble)
    assert "The log of 1 run (1 KiB) waits" in capsys.readouterr().err
    until(lambda: not sending_now())
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
        away.setattr(sender, "ensure", lambda: None)  # as long as it lives, the log is its own
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


def test_eight_cells_that_log_at_once_on_one_file_lose_nothing(place: Path, sending: None) -> None:
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
    until(lambda: not spool.names(), 120)
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


def test_eight_machines_that_send_to_one_file_at_once_lose_nothing(place: Path) -> None:
    tracking.prepare()
    children = []
    for number in range(8):
        children.append(os.fork())
        if children[-1] == 0:
            status = 1
            try:
                folder = place / f"machine-{number}"
                folder.mkdir()
                os.chdir(folder)
                sends = sender.Sender(0.0, 0.0)
                with opened() as recorder:
                    for step in range(1, 31):
                        recorder.point(step, {"loss": float(step)})
                        sends.send()
                status = not sends.send() or bool(spool.names())
            finally:
                os._exit(status)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8
    for run in cells():
        assert history(run.info.run_id) == {step: float(step) for step in range(1, 31)}
        assert run.info.status == "FINISHED"
    assert len({run.data.tags["mlflow.parentRunId"] for run in cells()}) == 1
    assert len(cells()) == 8


def test_what_a_killed_cell_left_is_sent_by_the_next_one(
    place: Path, sending: None, monkeypatch
) -> None:
    waiting_run(place, monkeypatch, 3)
    if os.fork() == 0:
        with tracking.cell("test", "killed", {}, {}, {}) as recorder:
            recorder.point(0, {"loss": 1.0})
            os._exit(0)
    os.wait()
    with opened() as recorder:
        recorder.point(1, {"loss": 1.0})
    until(lambda: not spool.names())
    assert sorted(run.info.status for run in cells()) == ["FINISHED", "FINISHED", "KILLED"]


def test_a_cell_s_own_process_never_reads_mlflow(place: Path, sending: None) -> None:
    script = """
import sys
from stages import tracking
from stages.tracking import sender
sender.SECONDS_OF_LEISURE = 1.0
with tracking.cell("test", "a -> b", {}, {}, {}) as recorder:
    recorder.point(1, {"loss": 1.0})
loaded = sorted(name for name in sys.modules if name.split(".")[0] in ("mlflow", "sqlalchemy"))
sys.exit(f"read: {loaded}" if loaded else 0)
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    # nor does it wait for the one that does
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=60)
    tracking.deliver()
    (run,) = cells()
    assert run.info.status == "FINISHED"


def test_an_experiment_of_the_queue_logs_beside_its_folder_which_goes_away(
    place: Path, monkeypatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    queued = place / ".dvc" / "tmp" / "exps" / "tmpabc"
    queued.mkdir(parents=True)
    script = """
from stages import tracking
from stages.tracking import sender
sender.SECONDS_OF_LEISURE = 1.0
with tracking.cell("test", "a -> b", {}, {}, {}) as recorder:
    recorder.point(1, {"loss": 1.0})
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", script]
    subprocess.run(words, cwd=queued, env=environment, check=True, timeout=60)
    shutil.rmtree(queued)
    until(lambda: (place / "mlflow.db").exists() and not spool.names(), 60)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place}/mlflow.db")
    (run,) = cells()
    assert (run.info.status, history(run.info.run_id)) == ("FINISHED", {1: 1.0})
    until(lambda: not sending_now())


def test_a_sender_that_was_killed_is_replaced_and_nothing_is_sent_twice(
    place: Path, sending: None
) -> None:
    with opened() as recorder:
        recorder.point(1, {"loss": 1.0})
        until(lambda: tracking.prepare() and cells())
        started = sender.started[store.identity()]
        started.kill()
        started.wait()
        recorder.point(2, {"loss": 2.0})
    until(lambda: not spool.names())
    (run,) = cells()
    assert history(run.info.run_id) == {1: 1.0, 2: 2.0}
    assert run.info.status == "FINISHED"


def test_a_damaged_log_does_not_keep_the_sender(place: Path, sending: None) -> None:
    spool.ROOT.mkdir(parents=True)
    (spool.ROOT / "a.jsonl").write_bytes(b'\x00\x00\n{"points": [["loss", 1.0, 1, 1]]}\n')
    with opened() as recorder:
        recorder.point(1, {"loss": 1.0})
    assert sender.started[store.identity()].wait(60) == 0
    assert spool.names() == ["a"]
    assert 0 < (spool.ROOT / "sender.log").read_text().count("damaged") < 50
