"""What is published once, what waits, and what of a store is never said."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_tracking import cells, client, place, send

from stages import tracking
from stages.tracking import store

__all__ = ["place"]  # a fixture


def test_the_same_findings_are_published_once(place: Path) -> None:
    (place / "report").mkdir()
    (place / "report" / "report.html").write_text("first")
    for value in (0.5, 0.5, 0.7):
        tracking.publish("test", {"partial_r/x": value, "other": 1.0}, place / "report")
        assert send()
    (run,) = client().search_runs(["1"], "tags.kind = 'study'")
    points = client().get_metric_history(run.info.run_id, "partial_r/x")
    assert [point.value for point in points] == [0.5, 0.7]
    assert len(client().get_metric_history(run.info.run_id, "other")) == 1
    assert [a.path for a in client().list_artifacts(run.info.run_id, "report")] == [
        "report/report.html"
    ]


def test_a_report_waits_too_and_the_latest_one_is_sent(place, monkeypatch, capsys) -> None:
    (place / "report").mkdir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    for text in ("first", "second"):
        (place / "report" / "report.html").write_text(text)
        tracking.publish("test", {"r": 0.5}, place / "report")
        assert not send()
    # the second says what the sender found out of the first
    assert capsys.readouterr().err.count("The log of 1 run") == 1
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place}/mlflow.db")
    tracking.deliver()
    (run,) = client().search_runs(["1"], "tags.kind = 'study'")
    path = client().download_artifacts(run.info.run_id, "report/report.html")
    assert Path(path).read_text() == "second"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://me:secret@host:5000/x", "http://***@host:5000/x"),
        ("postgresql://me:p@ss:word@db/mlflow is down", "postgresql://***@db/mlflow is down"),
        ("https://token@host", "https://***@host"),
        ("s3://bucket/a?key=abc&x=1", "s3://bucket/a?key=***&x=1"),
        ("sqlite:///mlflow.db", "sqlite:///mlflow.db"),
        ("mail me@host, see http://host/a@b", "mail me@host, see http://host/a@b"),
    ],
)
def test_credentials_are_never_said(text: str, expected: str) -> None:
    assert store.clean(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("HTTPConnectionPool(host='x', port=1): Max retries exceeded with url: /api (Caused by "
         "ResponseError('too many 503 error responses'))", "it says 503: its database is down"),
        ("Max retries exceeded (Caused by NewConnectionError('[Errno 111] Connection refused'))",
         "connection refused"),
        ("HTTPConnectionPool(host='x', port=1): Read timed out. (read timeout=20)", "timed out"),
        ("no such table: runs\n[SQL: SELECT]", "no such table: runs"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_few_words(text: str, expected: str) -> None:
    assert store.reason(OSError(text)).startswith(expected)


def test_nor_logged(place: Path) -> None:
    with tracking.cell("t", "n", {"from": "http://a:b@c"}, {"p": "http://a:b@c"}, {}) as recorder:
        recorder.point(1, {"loss": 1.0})
        text = recorder.spool.path.read_text()
    assert send()
    (run,) = cells()
    assert "a:b" not in text + str(run.data.tags) + str(run.data.params)
    assert run.data.params["p"] == run.data.tags["from"] == "http://***@c"
