"""Ray's part: which worker runs which stage when, on what share of a GPU, and again if it is lost.

Ray starts a stage when those before it are done: references to their results are its arguments.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.dispatching import checks
from stages.dispatching import work as worker
from stages.dispatching.checks import check_clock
from stages.dispatching.work import CLONE, Done, Job, work
from stages.errors import UserError

NAMESPACE = "study"
CELLS = "cells"  # a worker's resource: how many stages run there side by side
PATIENCE_SECONDS = 60


class Study:
    """The stages of one commit on one cluster, each submitted once, whoever asks.

    A detached actor: it outlives the dispatcher that made it, and two dispatchers of one commit
    share it. It holds references only; a stage that failed is submitted again when asked for.
    """

    def __init__(self, name: str):
        self.name = name
        self.found: dict[str, Any] = {}

    def now(self) -> float:
        """The clock that workers compare theirs with."""
        return time.time()

    def submit(self, jobs: list[Job], options: list[dict[str, Any]]) -> list[list[Any]]:
        """Return a reference (in a list: Ray would wait for a bare one) to what comes of each job.

        jobs : upstream first
        options : Ray's, of each job
        """
        import ray

        for job, option in zip(jobs, options, strict=True):
            if job.name in self.found and not failed(self.found[job.name]):
                continue
            before = [self.found[name] for name in job.after]
            task = ray.remote(run).options(name=job.name, **option)
            self.found[job.name] = task.remote(self.name, job, *before)
        return [[self.found[job.name]] for job in jobs]


def run(study: str, job: Job, *before: Done) -> Done:
    """The task: one stage on one worker."""
    import ray

    check_clock(ray.get(ray.get_actor(study, NAMESPACE).now.remote()), time.time())
    return work(job, list(before))


def failed(reference: Any) -> bool:
    """Whether a task has ended without a result."""
    import ray

    if not ray.wait([reference], timeout=0)[0]:
        return False
    try:
        ray.get(reference)
    except ray.exceptions.RayError:
        return True
    return False


def connect(address: str) -> Any:
    """Return Ray, connected to a cluster that has workers.

    Raises
    ------
    UserError
        Ray is not installed, there is no cluster at the address, or no worker has joined it.
    """
    ray = installed()
    for module in (worker, checks, sys.modules[__name__]):
        ray.cloudpickle.register_pickle_by_value(module)
    try:
        ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UserError(
            f"no Ray cluster at {address}: {str(error).splitlines()[0]} Start its head with `ray "
            "start --head --port 6379`, then workers with `python -m stages.dispatch --join "
            "HOST:6379`."
        ) from error
    if not ray.cluster_resources().get(CELLS):
        raise UserError(
            f"the Ray cluster at {address} has no worker: start one in a clone of the study, on "
            "each machine, with `python -m stages.dispatch --join HOST:6379`."
        )
    return ray


def installed() -> Any:
    """Return Ray, the extra."""
    try:
        import ray
    except ModuleNotFoundError:
        raise UserError(
            "Ray is not installed: `pip install --requirement requirements-ray.txt`."
        ) from None
    return ray


def submit(
    jobs: list[Job], gpus: float, cpus: float, retries: int, trains: set[str]
) -> dict[str, Any]:
    """Hand jobs to the cluster's study of this commit; return a reference to what comes of each.

    gpus, cpus : what a stage of `trains` takes; the others take one core
    retries : of a stage whose worker is lost
    """
    import ray

    shared: dict[str, Any] = {
        "resources": {CELLS: 1},
        "max_retries": retries,
        "scheduling_strategy": "SPREAD",
    }
    options = [
        shared | ({"num_cpus": cpus, "num_gpus": gpus} if job.name in trains else {"num_cpus": 1})
        for job in jobs
    ]
    return dict(
        zip(
            [job.name for job in jobs],
            [found for (found,) in ray.get(study(jobs[0].commit).submit.remote(jobs, options))],
            strict=True,
        )
    )


def study(commit: str) -> Any:
    """The cluster's study of a commit; made on this machine if there is none."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    return (
        ray.remote(Study)
        .options(
            name=name_of(commit),
            namespace=NAMESPACE,
            lifetime="detached",
            get_if_exists=True,
            num_cpus=0,
            scheduling_strategy=here,
        )
        .remote(name_of(commit))
    )


def name_of(commit: str) -> str:
    """The name of a commit's study on a cluster."""
    return f"study-{commit[:12]}"


def results(references: dict[str, Any]) -> Iterator[tuple[str, Done | str]]:
    """Yield stages as they end, with what came of them or why nothing did."""
    import ray

    waiting = {reference: name for name, reference in references.items()}
    while waiting:
        ready, _ = ray.wait(list(waiting), timeout=PATIENCE_SECONDS)
        if not ready and not ray.cluster_resources().get(CELLS):
            print("  no worker is left; waiting for one to join", file=sys.stderr, flush=True)
        for reference in ready:
            name = waiting.pop(reference)
            try:
                yield name, ray.get(reference)
            except ray.exceptions.RayTaskError as error:
                yield name, str(error.cause)
            except ray.exceptions.RayError as error:
                yield name, f"{name}: its worker was lost: {str(error).splitlines()[0]}"


def stop(commit: str) -> bool:
    """End the stages of a commit that run; False if there are none."""
    import ray

    try:
        actor = ray.get_actor(name_of(commit), NAMESPACE)
    except ValueError:
        return False
    ray.kill(actor)  # tasks end with their owner; a cell saves its state first
    return True


def join(address: str, cells: int, more: list[str]) -> None:
    """Become a worker: `ray start` in this clone, until it is stopped.

    Raises
    ------
    UserError
        This clone has uncommitted changes, or packages other than requirements.lock's.
    """
    installed()
    try:
        checks.check(Path.cwd())
    except RuntimeError as error:
        raise UserError(str(error)) from error
    os.environ[CLONE] = str(Path.cwd())
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    program = Path(sys.executable).with_name("ray")
    resources = json.dumps({CELLS: cells})
    words = ["start", "--block", f"--address={address}", f"--resources={resources}", *more]
    os.execv(program, [str(program), *words])
