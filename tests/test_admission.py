"""Nothing of params.yaml, of make or of mlflow run reaches a shell as more than a word."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT
from stages.admission import check_encoder, check_names
from stages.errors import UserError

HARM = [
    "x; touch y",
    "$(touch y)",
    "`touch y`",
    "x y",
    "x'",
    'x"',
    "x\ny",
    "../x",
    "-x",
    "",
    3,
    None,
]


@pytest.fixture
def sample() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "params.yaml").read_text())


@pytest.mark.parametrize("study", sorted(p.stem for p in (ROOT / "conf/study").glob("*.yaml")))
def test_the_studies_are_admitted(study: str) -> None:
    from stages.compose import compose

    check_names(yaml.safe_load(compose(study, ROOT / "conf")))


@pytest.mark.parametrize("harm", HARM)
def test_a_name_is_one_word(sample: dict[str, Any], harm: Any) -> None:
    with pytest.raises(UserError, match="study holds"):
        check_names(sample | {"study": harm})
    for section, key in [
        ("data", "tasks"), ("intermediate", "tasks"), ("target", "tasks"), ("target", "encoders"),
        ("retrieve", "encoders"), ("intermediate", "variants"),
    ]:  # fmt: skip
        settings = copy.deepcopy(sample)
        settings[section][key] = {harm: {}} if key == "variants" else ["mnli", harm]
        with pytest.raises(UserError, match=rf"{section}\.{key} holds "):
            check_names(settings)


@pytest.mark.parametrize("harm", [h for h in HARM if h not in ("x y", "../x")] + ["a | b", "a > b"])
def test_a_launcher_is_words(sample: dict[str, Any], harm: Any) -> None:
    with pytest.raises(UserError, match="launcher is"):
        check_names(sample | {"launcher": harm})
    check_names(sample | {"launcher": "torchrun --standalone --nproc-per-node 8"})
    check_names(sample | {"launcher": "deepspeed --hostfile=conf/hosts --module"})


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "tf_model.h5"])
def test_a_pickled_encoder_is_refused(tmp_path: Path, tiny_encoder: Path, name: str) -> None:
    from stages.learning import encoder as encoders

    shutil.copy(tiny_encoder / "config.json", tmp_path)
    (tmp_path / name).write_bytes(b"\x80\x04 anything")
    with pytest.raises(UserError, match=rf"{name} and no \*\.safetensors: a pickle can run code"):
        check_encoder(tmp_path)
    with pytest.raises(UserError, match="a pickle can run code"):
        encoders.read(tmp_path, {"dropout": 0.0, "activation_checkpointing": False})
    shutil.copy(tiny_encoder / "model.safetensors", tmp_path)
    check_encoder(tmp_path)  # the pickle beside it is never looked at


def environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return os.environ | {"PATH": path, "DVC_NO_ANALYTICS": "1"}


@pytest.mark.parametrize("section", ["data", "study"])
def test_dvc_repro_runs_nothing_of_a_harmful_name(tmp_path: Path, sample, section: str) -> None:
    if section == "data":
        sample["data"]["tasks"].append("x; touch harm #")
    else:
        sample["study"] = "x; touch harm"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(sample))
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    for name in ("stages", "published", "languages", "benchmarks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("data", "encoder"):
        (tmp_path / name).mkdir()
    for task in sample["data"]["tasks"]:
        (tmp_path / "data" / task).mkdir()
    (tmp_path / "encoder" / "tokenizer.json").touch()
    run = {"cwd": tmp_path, "env": environment(), "capture_output": True, "text": True}
    dvc = [sys.executable, "-m", "dvc"]
    assert subprocess.run([*dvc, "init", "--no-scm", "--quiet"], **run).returncode == 0
    done = subprocess.run([*dvc, "repro", "--keep-going"], **run)
    assert done.returncode != 0
    assert "expected a name of letters" in done.stderr + done.stdout, done.stderr + done.stdout
    assert not list(tmp_path.rglob("harm"))


@pytest.mark.parametrize("place", ["launcher", "encoders", "study"])
def test_a_single_stage_runs_nothing_of_a_harmful_name(tmp_path: Path, sample, place: str) -> None:
    """`dvc repro --single-item` runs no plan before the stage; its inputs may all be there."""
    harm = "x; touch harm #"
    if place == "encoders":
        sample["target"]["encoders"] = [harm]
    else:
        sample[place] = "touch harm; python" if place == "launcher" else harm
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(sample))
    pipeline = (ROOT / "dvc.yaml").read_text()
    (tmp_path / "dvc.yaml").write_text(pipeline)
    (tmp_path / "stages").symlink_to(ROOT / "stages")
    encoder = harm if place == "encoders" else "none"
    stage = "report" if place == "study" else f"target@{encoder}-xnli"
    found = yaml.safe_load(pipeline)["stages"][stage.partition("@")[0]]["deps"]
    for dep in found:
        names = {"${item.encoder}": encoder, "${item.task}": "xnli"}
        for name, value in names.items():
            dep = dep.replace(name, value)
        if not dep.startswith("stages"):
            (tmp_path / dep).mkdir(parents=True)
    run = {"cwd": tmp_path, "env": environment(), "capture_output": True, "text": True}
    dvc = [sys.executable, "-m", "dvc"]
    assert subprocess.run([*dvc, "init", "--no-scm", "--quiet"], **run).returncode == 0
    done = subprocess.run([*dvc, "repro", "--single-item", stage], **run)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "expected a name of" in said or "expected a command of plain words" in said, said
    assert not list(tmp_path.glob("harm"))


@pytest.mark.parametrize("harm", ["x; touch harm", '"; touch harm; "', "$$(touch harm)", "--help"])
def test_make_params_takes_a_study_as_one_word(tmp_path: Path, harm: str) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    (tmp_path / "stages").symlink_to(ROOT / "stages")
    (tmp_path / "venv").mkdir()
    (tmp_path / "requirements.lock").touch()
    (tmp_path / "venv" / ".installed").touch()
    done = subprocess.run(
        ["make", "params", "VENV=venv", f"STUDY={harm}"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert f"unknown study {harm.replace('$$', '$')!r}" in done.stderr
    assert not (tmp_path / "harm").exists()


def test_mlflow_run_takes_a_study_as_one_word(tmp_path: Path) -> None:
    for name in ("MLproject", "python_env.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "stages").symlink_to(ROOT / "stages")
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    done = subprocess.run(
        [sys.executable, "-m", "mlflow", "run", str(tmp_path), "-e", "compose",
         "-P", "study=x; touch harm", "--env-manager", "local"],
        cwd=tmp_path,
        env=environment() | {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"},
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert "unknown study 'x; touch harm'" in done.stderr, done.stderr
    assert done.returncode != 0
    assert not list(tmp_path.glob("harm"))


def test_every_stage_has_one_entry_point_with_types() -> None:
    text = (ROOT / "MLproject").read_text()
    points = yaml.safe_load(text)["entry_points"]
    for name in points:
        assert text.count(f"\n  {name}:\n") == 1
    stages = {
        path.stem for path in (ROOT / "stages").glob("*.py") if "if __name__ ==" in path.read_text()
    }
    assert stages == set(points) - {"main"}
    for name, point in points.items():
        assert f"stages.{name}" in point["command"] or name == "main"
        for parameter, kind in point.get("parameters", {}).items():
            assert kind["type"] in ("string", "path", "float", "uri")
            assert f"{{{parameter}}}" in point["command"]
