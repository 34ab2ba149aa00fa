"""What is to be done, asked of DVC: the stages that changed, in the order of its graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stages.dispatching.checks import changes, git, has
from stages.dispatching.work import Job, read_lock
from stages.errors import UserError

# its outputs are digests of its inputs: who depends on it reads those
DIGESTS = "evaluated"
# what a worker needs to know of a remote; credentials are the worker's own
OPTIONS = ("url", "endpointurl", "region", "port", "use_ssl", "type")


def jobs(root: Path, targets: list[str], environment: dict[str, str]) -> tuple[list[Job], set[str]]:
    """Return the stages that have to run, upstream first, and what they read that is there.

    targets : stages as DVC addresses them; empty is all of dvc.yaml

    Raises
    ------
    UserError
        Uncommitted changes, a commit that nobody else can fetch, or a remote that is out of reach.
    """
    import networkx
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    repo = Repo(str(root))
    commit = committed(root)
    remote = reachable(repo, root)
    try:
        graph = repo.index.graph  # from a stage to those that it depends on
        wanted = [stage for name in targets for stage in repo.stage.collect(name)]
    except DvcException as error:
        raise UserError(f"{error}") from error
    if wanted:
        keep = set(wanted).union(*(networkx.descendants(graph, stage) for stage in wanted))
        graph = graph.subgraph(keep)
    changed: set[Any] = set()
    order = [stage for stage in networkx.dfs_postorder_nodes(graph) if stage.cmd]
    with repo.lock:
        for stage in order:
            upstream = list(graph.successors(stage))
            if changed.intersection(upstream) or stage.changed(
                allow_missing=True, upstream=upstream
            ):
                changed.add(stage)
    lock = read_lock(root)
    places = tuple(
        sorted({Path(out.def_path).parts[0] for stage in order for out in stage.outs} - {"."})
    )
    found = []
    for stage in order:
        if stage not in changed:
            continue
        reads = needs(graph, stage)
        names = {s.addressing for s in reads}
        found.append(
            Job(
                name=stage.addressing,
                after=tuple(sorted(s.addressing for s in reads & changed)),
                needs=tuple(sorted(names)),
                lock={n: lock[n] for n in (*sorted(names), stage.addressing) if n in lock},
                commit=commit,
                remote=remote,
                places=tuple(place for place in places if (root / place).suffix == ""),
                environment=environment,
            )
        )
    todo = {job.name for job in found}
    return found, {name for job in found for name in job.needs} - todo


def needs(graph: Any, stage: Any) -> set[Any]:
    """The stages whose outputs a stage reads."""
    found = set(graph.successors(stage))
    for upstream in list(found):
        if upstream.addressing == DIGESTS:
            found |= set(graph.successors(upstream))
    return found


def committed(root: Path) -> str:
    """The commit of a clone that is the study: workers get nothing else."""
    try:
        changed = changes(root)
        if changed:
            raise UserError(
                f"uncommitted changes in {', '.join(changed[:5])}: workers get the study by git; "
                "commit (and push) it first."
            )
        commit = git(root, "rev-parse", "HEAD").strip()
    except RuntimeError as error:
        raise UserError(str(error)) from error
    assert has(root, commit)
    return commit


def reachable(repo: Any, root: Path) -> tuple[str, dict[str, str]]:
    """Name and options of DVC's default remote, if another machine can reach it."""
    from dvc.config import NoRemoteError, RemoteNotFoundError

    try:
        name = repo.config["core"].get("remote")
        remote = repo.cloud.get_remote(name)
    except (NoRemoteError, RemoteNotFoundError) as error:
        raise UserError(f"{error}") from error
    options = {key: str(v) for key, v in repo.config["remote"][name].items() if key in OPTIONS}
    if remote.fs.protocol == "local":
        options["url"] = remote.path
        if Path(remote.path).resolve().is_relative_to(root.resolve()):
            raise UserError(
                f"DVC's default remote, {name}, is a folder inside this clone, which no worker "
                "sees: `dvc remote add --default team s3://bucket/path` (or ssh://host/path, or a "
                "folder that all machines mount), then `dvc push`."
            )
    return name, options
