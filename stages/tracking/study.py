"""The runs of a study: its parent, the nested run of a cell."""

from __future__ import annotations

from typing import Any

from stages.tracking import store
from stages.tracking.origin import data_version, provenance


def study_run(client: Any, study: str, version: str | None = None) -> str:
    """Return the id of the study's parent run: one for each study and version of its data."""
    experiment = client.get_experiment_by_name(store.EXPERIMENT).experiment_id
    version = version or data_version()

    def found() -> list[str]:
        where = (
            f"tags.study = '{study}' and tags.kind = 'study' and tags.data_version = '{version}'"
        )
        order = ["attributes.start_time ASC"]
        return [run.info.run_id for run in client.search_runs([experiment], where, order_by=order)]

    with store.locked():
        if runs := found():
            return runs[0]
        tags = {"study": study, "kind": "study", "data_version": version, **provenance()}
        run_id: str = client.create_run(experiment, run_name=study, tags=tags).info.run_id
        client.set_terminated(run_id)
        # another machine may have had the same thought: the first one's is the study's
        if (first := found()[0]) != run_id:
            client.delete_run(run_id)
        return first


def create_cell(client: Any, header: dict[str, Any], name: str) -> str:
    """Create the nested run of a cell as its spool's first entry says; return its id.

    name : of the spool, by which the run is found again.
    """
    parent = study_run(client, header["study"], header["data_version"])
    experiment = client.get_experiment_by_name(store.EXPERIMENT).experiment_id
    tags = {
        "mlflow.parentRunId": parent,
        "study": header["study"],
        "kind": "cell",
        "data_version": header["data_version"],
        "log_id": name,
        **header["tags"],
    }
    run = client.create_run(
        experiment, start_time=header["time"], run_name=header["name"], tags=tags
    )
    return str(run.info.run_id)
