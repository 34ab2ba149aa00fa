"""MLflow, the one room that talks to it: a parent run a study, a nested run a cell.

    store.py     opening a tracking store, and what is said when it does not answer
    views.py     columns and charts that MLflow's UI offers from the start
    origin.py    where a run comes from: commit, data version, stage
    spool.py     the file on disk that a run logs to
    delivery.py  from that file to the store: once, in order, whenever the store answers
    sender.py    the process that does so beside the runs
    cell.py      the run of a cell
    study.py     the parent run of a study, the nested run of a cell
    publish.py   what a report found, with the study's run
    gains.py     scores and distances to gains, drops and slopes
    compare.py   those into the runs, once the scores are there
    registry.py  encoders and target models as registered versions
    lock.py      DVC's hashes of what a stage wrote
    finish.py    all of that at the end of a study

The store is `sqlite:///mlflow.db` beside params.yaml unless MLFLOW_TRACKING_URI says otherwise.
"""

from stages.tracking.cell import Cell, cell
from stages.tracking.delivery import deliver
from stages.tracking.finish import finish
from stages.tracking.origin import data_version
from stages.tracking.publish import publish
from stages.tracking.store import prepare

__all__ = ["Cell", "cell", "data_version", "deliver", "finish", "prepare", "publish"]
