"""Dispatch: what `dvc repro` would run, on the workers of a Ray cluster.

In   a commit of the study, DVC's default remote, a Ray cluster whose workers have clones.
Out  the outputs and the run cache in the remote, and dvc.lock and metrics.json in this clone:
     `dvc repro` then finds everything done, here and in any other clone.
Run  ray start --head --port 6379                              on one machine
     python -m stages.dispatch --join HOST:6379 --cells 2      in a clone on every worker
     python -m stages.dispatch [--gpus 0.5] [target@none-xnli ...]

docs/scaling.md says more.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from stages.dispatching import cluster, graph
from stages.dispatching.work import Done, Job, dvc, write_lock
from stages.errors import UserError, run

# these learn or predict: they take a GPU's share
TRAINING = ("intermediate", "target", "retrieve", "variant")


def dispatch(jobs: list[Job], root: Path, gpus: float, cpus: float, retries: int) -> None:
    """Have all jobs done and put what came of them into `root`, as they end.

    Raises
    ------
    UserError
        Stages failed; the others that could be done are done.
    """
    trains = {job.name for job in jobs if job.name.split("@")[0] in TRAINING}
    references = cluster.submit(jobs, gpus, cpus, retries, trains)
    after = {job.name: job.after for job in jobs}
    failures: dict[str, str] = {}
    computed = 0
    for name, found in cluster.results(references):
        if isinstance(found, str):
            failures[name] = found
            if not any(before in failures for before in after[name]):
                print(f"  {name} failed\n{found}", file=sys.stderr, flush=True)
            continue
        keep(root, found)
        computed += found.computed
        how = f"{found.seconds:.0f} s" if found.computed else "found in the run cache"
        print(f"  {name}  {how}  {found.host}", flush=True)
    print(f"{len(jobs)} stages: {computed} computed, {len(jobs) - computed - len(failures)} found")
    if failures:
        raise UserError(
            f"{len(failures)} stages were not done: {', '.join(sorted(failures)[:5])}; see above. "
            "Mend the cause and run the same command again: what is done is not done again."
        )


def keep(root: Path, done: Done) -> None:
    """Put a stage's entry into dvc.lock, and beside it what it wrote for git."""
    write_lock(root, {done.name: done.entry})
    for path, text in done.tracked.items():
        (root / path).write_text(text)


def main() -> None:
    """Join a cluster, or dispatch what has changed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", help="stages, with those before them; all if none")
    parser.add_argument("--address", default="auto", help="of Ray's head, HOST:PORT")
    parser.add_argument("--gpus", type=float, help="a cell's share; 1 if the cluster has any")
    parser.add_argument("--cpus", type=float, default=1, help="a cell's cores")
    parser.add_argument("--retries", type=int, default=3, help="of a stage that loses its worker")
    parser.add_argument("--stop", action="store_true", help="end what this commit has running")
    parser.add_argument("--join", metavar="HOST:PORT", help="become a worker, in this clone")
    parser.add_argument("--cells", type=int, default=1, help="with --join: stages side by side")
    arguments, more = parser.parse_known_args()
    if more and not arguments.join:
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    if arguments.join and arguments.targets:
        parser.error(
            f"--join takes no stages, found {' '.join(arguments.targets)}: write an option for "
            "`ray start` as --name=value"
        )
    if arguments.join:
        cluster.join(arguments.join, arguments.cells, more)
    root = Path.cwd()
    if arguments.stop:
        cluster.connect(arguments.address)
        stopped = cluster.stop(graph.committed(root))
        print("stopped" if stopped else "nothing of this commit runs")
        return
    server = os.environ.get("MLFLOW_TRACKING_URI", "")
    environment = {"MLFLOW_TRACKING_URI": server} if server.startswith("http") else {}
    jobs, present = graph.jobs(root, arguments.targets, environment)
    if not jobs:
        print("nothing has changed: nothing to dispatch")
        return
    ray = cluster.connect(arguments.address)
    try:
        dvc(root, {}, [["push", "--run-cache", *sorted(present)]])
    except RuntimeError as error:
        raise UserError(str(error)) from error
    has_gpus = ray.cluster_resources().get("GPU", 0) > 0
    gpus = float(has_gpus) if arguments.gpus is None else arguments.gpus
    print(f"{len(jobs)} stages of commit {jobs[0].commit[:12]}", flush=True)
    dispatch(jobs, root, gpus, arguments.cpus, arguments.retries)
    print(
        "dvc.lock is written: commit and push it. Then in any clone: dvc pull report, or all of "
        "it with dvc pull."
    )


if __name__ == "__main__":
    run(main)
