"""MLflow: one run a cell, whatever happens to the process or to the store."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from stages import tracking
from stages.errors import UserError


@pytest.fixture
def store(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    return tmp_path


def opened(remember: Path | None = None) -> Any:
    return tracking.cell("test", "a -> b", {"seed": "1"}, {"x": 1}, {}, remember)


def history(run_id: str) -> dict[int, float]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    points = client.get_metric_history(run_id, "loss")
    assert len({point.step for point in points}) == len(points)
    return {point.step: point.value for point in points}


def cells() -> list[Any]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    return list(client.search_runs(["1"], "tags.kind = 'cell'"))


def test_a_cell_that_goes_on_goes_on_in_its_own_run(store: Path) -> None:
    remember = store / "state" / "mlflow-run"
    with pytest.raises(ZeroDivisionError), opened(remember) as recorder:
        for step in (1, 2, 3):
            recorder.point(step, {"loss": float(step)})
        raise ZeroDivisionError
    (run,) = cells()
    assert (run.info.status, remember.read_text()) == ("FAILED", run.info.run_id)
    with opened(remember) as recorder:
        # the state was saved after step 1; step 2 and 3 are logged already
        for step in (1, 2, 3, 4):
            recorder.point(step, {"loss": float(step)})
    (run,) = cells()
    assert run.info.status == "FINISHED"
    assert history(run.info.run_id) == {1: 1.0, 2: 2.0, 3: 3.0, 4: 4.0}


def test_a_run_that_the_store_does_not_know_is_opened_anew(store: Path) -> None:
    tracking.prepare()
    (store / "mlflow-run").write_text("0" * 32)
    with opened(store / "mlflow-run") as recorder:
        recorder.point(1, {"loss": 1.0})
    (run,) = cells()
    assert (store / "mlflow-run").read_text() == run.info.run_id


def test_a_store_that_does_not_answer_stops_a_cell_at_its_first_steps(store, monkeypatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with (
        pytest.raises(
            UserError, match=r"store http://127.0.0.1:9 does not answer.*a trained state"
        ),
        opened() as recorder,
    ):
        for step in range(1, 1200):
            recorder.point(step, {"loss": 1.0})
            time.sleep(0.05)
        pytest.fail("it went on for a minute")


def test_a_store_that_falls_silent_costs_a_warning_and_no_points(
    store, monkeypatch, capsys
) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    monkeypatch.setattr(tracking, "SECONDS_BETWEEN_WRITES", 0.0)
    send, silent = MlflowClient.log_batch, [False]

    def log_batch(self: Any, *arguments: Any, **named: Any) -> None:
        if silent[0]:
            raise MlflowException("gone\nand a traceback")
        send(self, *arguments, **named)

    monkeypatch.setattr(MlflowClient, "log_batch", log_batch)
    with opened() as recorder:
        recorder.point(1, {"loss": 1.0})
        recorder.opened.result()
        silent[0] = True
        for step in (2, 3):
            recorder.point(step, {"loss": float(step)})
            recorder.sending.result()
        silent[0] = False
    (run,) = cells()
    assert history(run.info.run_id) == {1: 1.0, 2: 2.0, 3: 3.0}
    assert capsys.readouterr().err.count("does not answer: gone Start it") == 1


def test_one_that_stays_silent_is_an_error_in_the_end(store, monkeypatch) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    def fail(*_: Any, **__: Any) -> None:
        raise MlflowException("gone")

    with (
        pytest.raises(UserError, match=r"does not answer: gone .* run the same command again"),
        opened() as recorder,
    ):
        recorder.point(1, {"loss": 1.0})
        recorder.opened.result()
        monkeypatch.setattr(MlflowClient, "log_batch", fail)


def test_a_kill_while_the_database_is_made_leaves_none(store: Path) -> None:
    child = os.fork()
    if child == 0:
        from mlflow.tracking import MlflowClient

        create = MlflowClient.create_experiment

        def dying(self: Any, name: str) -> str:
            create(self, name)
            os._exit(0)

        MlflowClient.create_experiment = dying
        tracking.prepare()
        os._exit(1)
    os.waitpid(child, 0)
    assert not (store / "mlflow.db").exists()
    with opened() as recorder:
        recorder.point(1, {"loss": 1.0})
    assert len(cells()) == 1
