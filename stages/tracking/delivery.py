"""Delivery: from a spool to the store, once, in order, whenever the store answers.

One process at a time sends what waits in a folder; several may take turns.
What may have been sent already (the store took it and the answer was lost, or the process died
before it noted it) is not sent twice: a run is found by its tag `log_id`, and a metric's points
are compared with the last step that the run has of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from stages.errors import UserError
from stages.tracking import store
from stages.tracking.spool import ROOT, Line, Log, alone, names, warn
from stages.tracking.study import create_cell, study_run

METRICS_A_CALL = 1000  # MLflow's limit


class Delivery:
    """The way of one spool to the store; `sent` is the place in the file that it has come to."""

    def __init__(self, log: Log):
        self.log = log
        self.run_id: str | None = None
        self.sent = 0
        # the last step that the run has of a metric; None for a run that is new
        self.last: dict[str, int] | None = {}

    def send(self, client: Any) -> None:
        """Send what waits.

        Raises
        ------
        UserError
            The store stopped answering; everything that it did not take waits.
        """
        if self.run_id and self.log.noted() != (self.run_id, self.sent):
            self.run_id = None  # another process has sent some of it meanwhile
        if not next(self.log.lines(self.sent if self.run_id else 0), None):
            return
        try:
            with store.answering():
                if self.run_id is None:
                    self._find(client)
                for batch in batches(self.log.lines(self.sent)):
                    self._take(client, batch)
                    self.sent = batch[-1].end
                    self.log.note(str(self.run_id), self.sent)
        except BaseException:
            # it may have taken the last batch all the same, or be another store the next time
            self.run_id = None
            raise

    def end(self, client: Any) -> None:
        """Forget it; the run of a process that is gone and did not say how it ended ends here."""
        told = [line.kind for line in self.log.lines(kinds=("open", "again", "end"))]
        if self.run_id and told and told[-1] != "end" and not self.log.written():
            self._whether(lambda: client.set_terminated(self.run_id, "KILLED"))
        self.log.discard(self.sent)

    def _find(self, client: Any) -> None:
        """The run of this spool: as noted, as tagged, or a new one."""
        kind, content, _ = next(self.log.lines())
        if kind not in ("open", "study"):
            raise store.Refused("its first entry is damaged: nobody knows whose run it is.")
        noted = self.log.noted()
        self.sent, self.last = 0, {}
        if kind == "study":
            run_id = study_run(client, content["study"], content["data_version"])
        elif found := find(client, self.log.name, noted and noted[0]):
            run_id = found
            if not noted:  # a run that goes on after all that it had logged was delivered
                client.update_run(run_id, status="RUNNING")
        else:
            run_id, self.last = create_cell(client, content, self.log.name), None
        if noted and noted[0] == run_id:
            self.sent = noted[1]
        self.run_id = run_id

    def _take(self, client: Any, batch: list[Line]) -> None:
        from mlflow.entities import Metric, Param, RunTag

        kind, content = batch[0].kind, batch[0].content
        if kind == "points":
            points = [Metric(*point) for line in batch for point in line.content]
            self._whether(lambda: client.log_batch(self.run_id, self._new(client, points)))
        elif kind == "findings":
            has = client.get_run(self.run_id).data.metrics
            new = [Metric(*point) for point in content if has.get(point[0]) != point[1]]
            for start in range(0, len(new), METRICS_A_CALL):
                client.log_batch(self.run_id, new[start : start + METRICS_A_CALL])
        elif kind == "open":
            parameters = [
                Param(k, store.clean(v)) for k, v in sorted(content["parameters"].items())
            ]
            self._whether(lambda: client.log_batch(self.run_id, params=parameters))
        elif kind == "origin":
            tags = [RunTag(*pair) for pair in sorted(content["tags"].items())]
            self._whether(lambda: client.log_batch(self.run_id, tags=tags))
            inputs = _inputs(content["inputs"])
            self._whether(lambda: client.log_inputs(self.run_id, inputs))
        elif kind == "artifacts":
            folder = self.log.folder / content
            if folder.is_dir():
                self._whether(lambda: client.log_artifacts(self.run_id, str(folder), content))
        elif kind == "again":
            self._whether(lambda: client.update_run(self.run_id, status="RUNNING"))
        elif kind == "end":
            self._whether(lambda: client.set_terminated(self.run_id, *content))

    def _new(self, client: Any, points: list[Any]) -> list[Any]:
        """Those of `points` that the run does not have."""
        if self.last is None:
            return points
        for key in {point.key for point in points} - set(self.last):
            steps = [point.step for point in client.get_metric_history(self.run_id, key)]
            self.last[key] = max(steps, default=-1)
        return [point for point in points if point.step > self.last[point.key]]

    def _whether(self, call: Callable[[], None]) -> None:
        """Call; an entry that the store will never take must not keep the others waiting."""
        try:
            with store.answering():
                call()
        except store.Refused as error:
            warn(f"{error} It is left out.")


def batches(lines: Iterator[Line]) -> Iterator[list[Line]]:
    """Entries by calls: points together up to MLflow's limit, anything else alone."""
    some: list[Line] = []
    count = 0
    for line in lines:
        size = len(line.content) if line.kind == "points" else METRICS_A_CALL
        if some and count + size > METRICS_A_CALL:
            yield some
            some, count = [], 0
        some, count = [*some, line], count + size
    if some:
        yield some


def _inputs(data: list[list[str]]) -> list[Any]:
    """What a run reads, as MLflow's logged inputs: (name, digest, folder) each."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    return [
        DatasetInput(
            Dataset(name, digest, "local", folder),
            [InputTag("mlflow.data.context", "training" if "train" in name else "evaluation")],
        )
        for name, digest, folder in data
    ]


def find(client: Any, name: str, noted: str | None) -> str | None:
    """The run that a spool has in the store: as noted, or by its tag."""
    from mlflow.exceptions import MlflowException

    if noted:
        try:
            return str(client.get_run(noted).info.run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
    experiment = client.get_experiment_by_name(store.EXPERIMENT).experiment_id
    found = client.search_runs([experiment], f"tags.log_id = '{name}'", max_results=1)
    return found[0].info.run_id if found else None


def send_all(client: Any, known: dict[str, Delivery] | None = None) -> int:
    """Send what waits in this folder; return the number of runs that nobody writes any more.

    What is logged for another store is left to the process that sends to that one, as long as
    there is one.
    known : by name, from the call before, which spares a look at what the store has already

    Raises
    ------
    UserError
        The store stopped answering.
    """
    runs = 0
    known = {} if known is None else known
    with alone("sending"):
        there = names()
        for name in known.keys() - set(there):
            del known[name]
        for name in there:
            log = Log(name)
            written = log.written()
            if log.store() not in (None, store.identity()) and (written or has_sender(log.store())):
                continue
            delivery = known.setdefault(name, Delivery(log))
            try:
                delivery.send(client)
                if not written:
                    delivery.end(client)
                    runs += delivery.sent > 0
            except store.Refused as error:
                warn(f"{log.path}: {error}")
    return runs


def has_sender(of: str | None) -> bool:
    """Whether a process of this folder sends to the store of that identity."""
    try:
        with alone(f"sender-{of}", wait=False):
            return False
    except BlockingIOError:
        return True


def waiting() -> tuple[int, int]:
    """(runs, bytes) that wait on this disk."""
    sizes = [path.stat().st_size for path in ROOT.glob("*.jsonl") if path.exists()]
    return len(sizes), sum(sizes)


def left() -> str:
    """What waits and how to send it, as the end of a message."""
    runs, size = waiting()
    return (
        f"The log of {runs} run{'s' * (runs != 1)} ({max(1, size >> 10)} KiB) waits in {ROOT}: the "
        "next cell or `python -m stages.deliver` sends it."
    )


def deliver() -> str:
    """Send what waits; say in one line what was sent, or nothing where nothing waited.

    Raises
    ------
    UserError
        The store does not answer.
    """
    if not names():
        return ""
    try:
        runs = send_all(store.prepare())
    except UserError as error:
        raise UserError(f"{error} {left()}") from error
    return f"{runs} run{'s' * (runs != 1)} sent to {store.clean(store.uri())}" if runs else ""
