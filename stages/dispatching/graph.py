"""What is to be done, asked of DVC: the stages that changed, in the order of its graph."""

from __future__ import annotations

import logging
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

    logging.getLogger("dvc").setLevel(logging.ERROR)  # what is lost is asked for, not a warning
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
    changed = pending(repo, graph)
    order = [stage for stage in networkx.dfs_postorder_nodes(graph) if stage.cmd]
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


def pending(repo: Any, graph: Any) -> set[Any]:
    """The stages that changed, those after them, and those whose outputs are lost but needed.

    Raises
    ------
    UserError
        Files that a .dvc file names are neither in this clone's cache nor in the remote.
    """
    import networkx

    order = list(networkx.dfs_postorder_nodes(graph))
    changed: set[Any] = set()
    lost: set[Any] = set()
    kept: set[Any] = set()
    while True:
        with repo.lock:
            for stage in order:
                upstream = list(graph.successors(stage))
                if (
                    stage in lost
                    or changed.intersection(upstream)
                    or (stage.cmd and stage.changed(allow_missing=True, upstream=upstream))
                ):
                    changed.add(stage)
        read = {found for stage in changed for found in needs(graph, stage)} - changed - kept
        gone = {stage for stage in read if is_lost(repo, stage)}
        if not gone:
            return changed
        for stage in gone:
            if not stage.cmd:
                raise UserError(
                    f"the files of {stage.addressing} are neither in this clone's cache nor in the "
                    f"remote: bring them from where they are (`dvc pull --remote NAME "
                    f"{stage.addressing}`)."
                )
        kept |= read - gone
        lost |= gone


def is_lost(repo: Any, stage: Any) -> bool:
    """Whether outputs of a stage are neither in the cache nor in the remote."""
    from dvc.exceptions import CollectCacheError, DvcException

    try:
        found = stage.get_used_objs().values()
        return any(repo.cloud.status(objects).missing for objects in found)
    except CollectCacheError:  # not even the list of a folder's files is there
        return True
    except DvcException as error:
        raise UserError(f"DVC's remote: {error}") from error


def needs(graph: Any, stage: Any) -> set[Any]:
    """The stages whose outputs a stage reads."""
    found = set(graph.successors(stage))
    for upstream in list(found):
        if upstream.addressing == DIGESTS:
            found |= set(graph.successors(upstream))
    # `plan` reads nothing of another stage, and looks whether the inputs are there
    return found or {other for other in graph if not other.cmd}


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
