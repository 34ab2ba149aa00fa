"""MLflow: one run a cell, whatever happens to the process or to the store."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from stages import tracking
from stages.errors import UserError
from stages.tracking import delivery, sender, spool, store

cell_room = sys.modules["stages.tracking.cell"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr(cell_room, "SECONDS_BETWEEN_LOOKS", 0.0)
    return tmp_path


def send() -> bool:
    """What the sending process, which the drills have as it is, does from time to time."""
    return sender.Sender(0.0, 0.0).send()


def opened(remember: Path | None = None) -> Any:
    return tracking.cell("test", "a -> b", {"seed": "1"}, {"x": 1}, {}, remember)


def client() -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(os.environ["MLFLOW_TRACKING_URI"])


def history(run_id: str, name: str = "loss") -> dict[int, float]:
    points = client().get_metric_history(run_id, name)
    assert len({point.step for point in points}) == len(points)
    return {point.step: point.value for point in points}


def cells() -> list[Any]:
    return list(client().search_runs(["1"], "tags.kind = 'cell'"))


def until(true: Any, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_a_cell_that_goes_on_goes_on_in_its_own_run(place: Path) -> None:
    remember = place / "state" / "mlflow-run"
    with pytest.raises(ZeroDivisionError), opened(remember) as recorder:
        for step in (1, 2, 3):
            recorder.point(step, {"loss": float(step)})
        raise ZeroDivisionError
    assert send()
    (run,) = cells()
    assert (run.info.status, run.data.tags["log_id"]) == ("FAILED", remember.read_text())
    with opened(remember) as recorder:
        # the state was saved after step 1; step 2 and 3 are logged already
        for step in (1, 2, 3, 4):
            recorder.point(step, {"loss": float(step)})
        assert send()
        (run,) = cells()
        assert run.info.status == "RUNNING"
    assert send()
    (run,) = cells()
    assert run.info.status == "FINISHED"
    assert history(run.info.run_id) == {1: 1.0, 2: 2.0, 3: 3.0, 4: 4.0}
    assert spool.names() == []


def test_so_does_one_that_was_killed_before_it_sent_anything(place: Path) -> None:
    remember = place / "state" / "mlflow-run"
    if os.fork() == 0:
        with opened(remember) as recorder:
            recorder.point(0, {"loss": 9.0})
            recorder.spool.append(points=[["loss", 1.0, 1, 1], ["loss", 2.0, 2, 2]])
            os.write(recorder.spool.file.fileno(), b'{"points": [["loss", 3.')  # and no more
            os._exit(0)
    os.wait()
    assert not (place / "mlflow.db").exists()
    with opened(remember) as recorder:
        for step in (2, 3):
            recorder.point(step, {"loss": float(step)})
    assert send()
    (run,) = cells()
    assert history(run.info.run_id) == {0: 9.0, 1: 1.0, 2: 2.0, 3: 3.0}


def test_a_run_that_the_store_does_not_know_is_opened_anew(place: Path) -> None:
    tracking.prepare()
    (place / "mlflow-run").write_text("0" * 32)
    with opened(place / "mlflow-run") as recorder:
        recorder.point(1, {"loss": 1.0})
    send()
    (run,) = cells()
    assert run.data.tags["log_id"] == "0" * 32


def test_a_store_that_does_not_answer_is_said_at_once_and_costs_nothing(
    place, monkeypatch, capsys
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:geheim@127.0.0.1:9")
    with opened() as recorder:
        recorder.point(1, {"loss": 1.0})
        assert not send()
        capsys.readouterr()  # the sender's own words, for its log
        recorder.point(2, {"loss": 2.0})
        early = capsys.readouterr().err
    late = capsys.readouterr().err
    assert "store http://***@127.0.0.1:9 does not answer" in early
    assert "Start it, or unset MLFLOW_TRACKING_URI" in early and "Training goes on" in early
    assert late.count("\n") == 1 and "The log of 1 run (1 KiB) waits in .state/mlflow" in late
    assert "python -m stages.deliver" in late
    assert "geheim" not in early + late
    with pytest.raises(UserError, match=r"does not answer.*The log of 1 run .* waits") as error:
        tracking.deliver()
    assert "geheim" not in str(error.value)

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place}/mlflow.db")
    assert tracking.deliver().startswith("1 run sent")
    assert tracking.deliver() == ""
    (run,) = cells()
    assert (run.info.status, history(run.info.run_id)) == ("FINISHED", {1: 1.0, 2: 2.0})


def test_a_store_that_falls_silent_costs_a_warning_and_no_points(
    place, monkeypatch, capsys
) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    take, silent = MlflowClient.log_batch, [False]

    def log_batch(self: Any, *arguments: Any, **named: Any) -> None:
        take(self, *arguments, **named)
        if silent[0]:  # the store took it, the answer is lost
            raise MlflowException("gone\nand a traceback")

    monkeypatch.setattr(MlflowClient, "log_batch", log_batch)
    sending = sender.Sender(0.0, 0.0)
    with opened() as recorder:
        recorder.point(1, {"loss": 1.0})
        assert sending.send()
        silent[0] = True
        for step in (2, 3):
            recorder.point(step, {"loss": float(step)})
            assert not sending.send() and not sending.send()
        said = capsys.readouterr().err
        silent[0] = False
        assert sending.send()
    assert sending.send() and not sender.trouble()
    (run,) = cells()
    assert history(run.info.run_id) == {1: 1.0, 2: 2.0, 3: 3.0}
    # once by the sender, once by the run
    assert said.count("does not answer: gone. Start it") == 2
    assert said.count("Training goes on") == 1


def test_two_that_take_turns_send_nothing_twice(place: Path) -> None:
    first, second = sender.Sender(0.0, 0.0), sender.Sender(0.0, 0.0)
    with opened() as recorder:
        for step in range(1, 7):
            recorder.point(step, {"loss": float(step)})
            assert (first if step % 2 else second).send()
    assert first.send() and second.send()
    (run,) = cells()
    points = client().get_metric_history(run.info.run_id, "loss")
    assert [point.step for point in points] == [1, 2, 3, 4, 5, 6]
    assert run.info.status == "FINISHED"


def test_what_is_logged_for_another_store_is_left_to_its_sender(place, monkeypatch) -> None:
    here, there = f"sqlite:///{place}/mlflow.db", f"sqlite:///{place}/team.db"
    with opened() as recorder:
        recorder.point(1, {"loss": 1.0})
        monkeypatch.setenv("MLFLOW_TRACKING_URI", there)
        assert send() and cells() == []
        monkeypatch.setenv("MLFLOW_TRACKING_URI", here)
    name = f"sender-{store.identity()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", there)
    with spool.alone(name):
        assert send() and cells() == []
    assert delivery.deliver().startswith("1 run sent")
    (run,) = cells()
    assert history(run.info.run_id) == {1: 1.0}


def test_an_entry_that_the_store_refuses_keeps_no_other_waiting(place, capsys) -> None:
    with opened() as recorder:
        recorder.point(1, {"loss": 1.0, "what? not a name!": 1.0})
        recorder.artifacts(place / "nothing", "model")
    with opened() as recorder:
        recorder.spool.append(points=[["?!", 1.0, 1, 1]])
        recorder.spool.append(artifacts="gone")
        recorder.point(2, {"loss": 2.0})
    assert send()
    assert "refuses this" in capsys.readouterr().err
    assert {run.info.status for run in cells()} == {"FINISHED"}


def test_a_full_disk_costs_a_warning_and_what_was_not_written_is_written_later(
    place, monkeypatch, capsys
) -> None:
    class Full:
        def __init__(self, file: Any):
            self.file, self.room = file, 40

        def write(self, data: Any) -> int:
            if not self.room:
                raise OSError(28, "No space left on device")
            room, self.room = self.room, 0
            return self.file.write(data[:room])

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

    with opened() as recorder:
        whole = recorder.spool.file
        recorder.spool.file = Full(whole)
        recorder.point(0, {"loss": 0.5})
        recorder.point(0, {"other": 0.5})
        recorder.spool.file = whole
        recorder.point(1, {"loss": 1.0})
    assert send()
    (run,) = cells()
    assert history(run.info.run_id) == {0: 0.5, 1: 1.0}
    assert history(run.info.run_id, "other") == {0: 0.5}
    assert capsys.readouterr().err.count("No space left on device") == 1


def test_a_damaged_or_empty_spool_keeps_no_other_waiting(place: Path, capsys) -> None:
    spool.ROOT.mkdir(parents=True)
    (spool.ROOT / "a.jsonl").write_bytes(b"\x00\x00\n" + b'{"points": [["loss", 1.0, 1, 1]]}\n')
    (spool.ROOT / "b.jsonl").touch()
    with opened() as recorder:
        recorder.point(1, {"loss": 1.0})
    assert send()
    assert [run.info.status for run in cells()] == ["FINISHED"]
    assert "a.jsonl: its first entry is damaged" in capsys.readouterr().err
    assert spool.names() == ["a"]


def test_a_kill_while_the_database_is_made_leaves_none(place: Path) -> None:
    child = os.fork()
    if child == 0:
        from mlflow.tracking import MlflowClient

        create = MlflowClient.create_experiment

        def dying(self: Any, name: str, **named: Any) -> str:
            create(self, name, **named)
            os._exit(0)

        MlflowClient.create_experiment = dying
        tracking.prepare()
        os._exit(1)
    os.waitpid(child, 0)
    assert not (place / "mlflow.db").exists()
    with opened() as recorder:
        recorder.point(1, {"loss": 1.0})
    assert send() and len(cells()) == 1
