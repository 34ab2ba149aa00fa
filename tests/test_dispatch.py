"""Stages on workers: DVC's remote and git are all that clones exchange."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from conftest import ROOT
from stages import dispatch
from stages.dispatching import checks, graph, work
from stages.errors import UserError

PIPELINE = {
    "stages": {
        "first": {
            "cmd": "mkdir -p plan && cat data/numbers > plan/numbers",
            "deps": ["data"],
            "outs": ["plan"],
        },
        "each": {
            "matrix": {"by": [2, 3]},
            "cmd": "mkdir -p cells && expr $(cat plan/numbers) '*' ${item.by} > cells/${item.by}",
            "deps": ["plan"],
            "outs": ["cells/${item.by}"],
        },
        "last": {
            "cmd": "cat cells/2 cells/3 > all && wc -l < all > metrics.json",
            "deps": ["cells"],
            "outs": ["all"],
            "metrics": [{"metrics.json": {"cache": False}}],
        },
    }
}


def run(folder: Path, *words: str) -> str:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        **{f"GIT_{who}_NAME": "t" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "t@localhost" for who in ("AUTHOR", "COMMITTER")},
    }
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a pipeline of four stages, and a folder as DVC's remote."""
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    folder = tmp_path / "study"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "numbers").write_text("7\n")
    (folder / "dvc.yaml").write_text(yaml.safe_dump(PIPELINE))
    (folder / "requirements.lock").write_text("# nothing\n")
    (folder / "metrics.json").write_text("0\n")
    run(folder, "git", "init", "--quiet")
    dvc = (sys.executable, "-m", "dvc")
    run(folder, *dvc, "init", "--quiet")
    run(folder, *dvc, "remote", "add", "--default", "team", str(tmp_path / "remote"))
    run(folder, *dvc, "add", "--quiet", "data")
    with (folder / ".gitignore").open("a") as stream:
        stream.write("/plan\n/cells\n/all\n/.dispatch/\n/.state\n")
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "--message", "A study")
    run(folder, *dvc, "push", "--quiet")
    monkeypatch.chdir(folder)  # DVC names stages relative to it
    return folder


def clone(study: Path, name: str) -> Path:
    place = study.parent / name
    run(study.parent, "git", "clone", "--quiet", str(study), str(place))
    return place


def test_stages_are_asked_of_dvc_in_the_order_of_its_graph(study: Path) -> None:
    jobs, present = graph.jobs(study, [], {})
    after = {job.name: job.after for job in jobs}
    assert after == {
        "first": (),
        "each@2": ("first",),
        "each@3": ("first",),
        "last": ("each@2", "each@3"),
    }
    assert list(after)[0] == "first" and list(after)[-1] == "last"
    assert present == {"data.dvc"}
    assert [job.name for job in graph.jobs(study, ["each@3"], {})[0]] == ["first", "each@3"]
    with pytest.raises(UserError, match="each@4"):
        graph.jobs(study, ["each@4"], {})


def test_workers_exchange_nothing_but_the_remote(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs, _ = graph.jobs(study, [], {})
    places = [clone(study, name) for name in ("one", "two")]
    done: dict[str, work.Done] = {}
    for number, job in enumerate(jobs):
        monkeypatch.setenv(work.CLONE, str(places[number % 2]))
        done[job.name] = work.work(job, [done[name] for name in job.after])
    assert all(one.computed for one in done.values())
    assert done["last"].tracked == {"metrics.json": "2\n"}
    # the same again, in a clone that has nothing: all is found
    monkeypatch.setenv(work.CLONE, str(clone(study, "three")))
    again = [work.work(job, [done[name] for name in job.after]) for job in jobs]
    assert [one.computed for one in again] == [False] * 4
    assert [one.entry for one in again] == [done[one.name].entry for one in again]
    fresh = clone(study, "fresh")
    said = run(fresh, sys.executable, "-m", "dvc", "repro", "--pull")
    assert "Running stage" not in said
    assert (fresh / "all").read_text() == "14\n21\n"
    # what the dispatcher keeps is enough for DVC as well
    from stages.dispatch import keep

    for one in done.values():
        keep(study, one)
    assert graph.jobs(study, [], {})[0] == []


def test_a_failed_stage_says_where_and_why(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (study / "dvc.yaml").read_text().replace("cat data/numbers", "cat data/none")
    (study / "dvc.yaml").write_text(text)
    run(study, "git", "commit", "--quiet", "--all", "--message", "Broken")
    place = clone(study, "one")
    monkeypatch.setenv(work.CLONE, str(place))
    with pytest.raises(RuntimeError, match=r"first on .*one: (?s:.*)data/none: No such file"):
        work.work(graph.jobs(study, ["first"], {})[0][0], [])


def test_another_version_of_the_code_is_refused(study: Path) -> None:
    place = clone(study, "one")
    checks.check(place)
    (study / "params.yaml").write_text("seed: 1\n")
    run(study, "git", "add", "--all")
    run(study, "git", "commit", "--quiet", "--message", "Another")
    commit = run(study, "git", "rev-parse", "HEAD").strip()
    checks.check(place, commit)  # fetched
    run(place, "git", "remote", "set-url", "origin", str(place))
    with pytest.raises(RuntimeError, match=r"another version of the code.*git push"):
        checks.check(place, "0" * 40)
    (place / "metrics.json").write_text("1\n")  # stages write it
    checks.check(place)
    (place / "dvc.yaml").write_text("stages: {}\n")
    with pytest.raises(RuntimeError, match=r"uncommitted changes in dvc\.yaml"):
        checks.check(place)
    with pytest.raises(RuntimeError, match="no clone of the study"):
        checks.check(study.parent)


def test_other_packages_are_refused(study: Path) -> None:
    lock = "numpy==0.0.1 \\\n    --hash=sha256:0\nno-such-package==1.0\npip==0.1\n"
    (study / "requirements.lock").write_text(lock)
    run(study, "git", "commit", "--quiet", "--all", "--message", "Other packages")
    with pytest.raises(RuntimeError, match=r"numpy is .*, not 0\.0\.1; no-such-package is missing"):
        checks.check(study)
    assert "pip" not in dict(checks.pinned(lock))


@pytest.mark.parametrize(("minutes", "says"), [(6, "ahead of"), (-90, "90 minutes behind")])
def test_a_clock_that_is_off_is_refused(minutes: int, says: str) -> None:
    now = time.time()
    checks.check_clock(now, now + 60)
    with pytest.raises(RuntimeError, match=says):
        checks.check_clock(now, now + 60 * minutes)


def test_a_study_that_workers_cannot_get_is_refused(study: Path) -> None:
    dvc = (sys.executable, "-m", "dvc")
    run(study, *dvc, "remote", "add", "--local", "--default", "inside", str(study / "store"))
    with pytest.raises(UserError, match="inside this clone, which no worker"):
        graph.jobs(study, [], {})
    run(study, *dvc, "config", "--local", "--unset", "core.remote")
    (study / "dvc.yaml").write_text("stages: {}\n")
    with pytest.raises(UserError, match=r"uncommitted changes in dvc\.yaml"):
        graph.jobs(study, [], {})


def test_credentials_stay_where_they_are(study: Path) -> None:
    dvc = (sys.executable, "-m", "dvc")
    run(study, *dvc, "remote", "add", "--local", "--default", "s3", "s3://bucket/study")
    for key, value in (("endpointurl", "http://127.0.0.1:1"), ("secret_access_key", "hidden")):
        run(study, *dvc, "remote", "modify", "--local", "s3", key, value)
    from dvc.repo import Repo

    name, options = graph.reachable(Repo(str(study)), study)
    assert name == "s3"
    assert options["url"] == "s3://bucket/study"
    assert options["endpointurl"] == "http://127.0.0.1:1"
    assert "hidden" not in str(options)


def test_a_stage_ends_with_the_worker_that_runs_it(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    stage = f"trap 'echo saved > {mark}; exit 1' TERM; echo started; sleep 60 & wait"
    process = subprocess.Popen(
        [sys.executable, "-c", work.GUARD, "5", "sh", "-c", stage],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin and process.stdout
    assert process.stdout.readline() == b"started\n"
    process.stdin.close()  # as the kernel does when the worker is killed
    process.wait(30)
    assert mark.read_text() == "saved\n"


@pytest.mark.skipif(
    importlib.util.find_spec("ray") is None,
    reason="Ray is an extra: pip install --requirement requirements-ray.txt",
)
def test_a_ray_cluster_runs_the_graph(study: Path) -> None:
    from benchmarks.dispatching import Cluster, environment

    cluster = Cluster(study.parent, study, workers=1, code=ROOT)
    try:
        command = [sys.executable, "-m", "stages.dispatch", "--address", cluster.address]
        outputs = []
        for name in ("one", "two"):  # the second finds what the first had done
            place = clone(study, f"dispatcher-{name}")
            done = subprocess.run(
                command,
                cwd=place,
                env=environment() | {"PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                timeout=300,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            outputs.append(done.stdout)
            assert (place / "metrics.json").read_text() == "2\n"
        rows = [(row["stage"], row["computed"]) for row in cluster.history()]
    finally:
        cluster.close()
    assert sorted(rows) == [("each@2", "1"), ("each@3", "1"), ("first", "1"), ("last", "1")]
    assert "4 stages: 4 computed" in outputs[0]


def test_an_option_for_ray_that_is_taken_for_a_stage_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["dispatch", "--join", "head:6379", "--num-gpus", "4"])
    with pytest.raises(SystemExit):
        dispatch.main()
    assert "--join takes no stages, found 4: write an option" in capsys.readouterr().err
