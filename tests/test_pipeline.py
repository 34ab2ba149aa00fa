"""dvc.yaml and params.yaml say what the code does."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from conftest import ROOT
from stages import params
from stages.errors import UserError
from stages.tasks import TASKS

# a stage for each of a list of its own is written under `do`
PIPELINE = {
    name: stage.get("do", stage)
    for name, stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].items()
}

# they shape messages, files and logs, but no number; plan/<task>.json stands for stages/tasks
WITHOUT_EFFECT = {
    "stages/admission.py", "stages/errors.py", "stages/tasks", "stages/tracking",
    "stages/writing.py",
}  # fmt: skip


def commands(stage: str) -> list[str]:
    found = PIPELINE[stage]["cmd"]
    return found if isinstance(found, list) else [found]


def imported(path: Path, seen: set[Path] | None = None) -> set[Path]:
    """Every file of stages/ that `path` imports, at the top or inside a function."""
    seen = set() if seen is None else seen
    if path in seen:
        return seen
    seen.add(path)
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            place = ROOT / Path(*name.split("."))
            for found in (place.with_suffix(".py"), place / "__init__.py"):
                if name.startswith("stages.") and found.exists():
                    imported(found, seen)
    return seen


@pytest.mark.parametrize("stage", list(PIPELINE))
def test_a_stage_depends_on_the_modules_it_imports(stage: str) -> None:
    module = commands(stage)[-1].split("-m ")[1].split()[0].replace(".", "/") + ".py"
    deps = {dep for dep in PIPELINE[stage].get("deps", []) if dep.startswith("stages/")}
    if stage == "baseline":  # copies a folder
        return
    covered = deps | WITHOUT_EFFECT | {"stages/__init__.py"}
    needed = {str(path.relative_to(ROOT)) for path in imported(ROOT / module)}
    missing = {
        name for name in needed if not any(name == c or name.startswith(f"{c}/") for c in covered)
    }
    if stage == "plan":
        assert "stages/tasks" in deps
    assert not missing, f"{stage} imports {sorted(missing)}: add them to its deps"
    unused = {dep for dep in deps if not any(n == dep or n.startswith(f"{dep}/") for n in needed)}
    assert not unused, f"{stage} lists {sorted(unused)} and imports none of it"


@pytest.mark.parametrize("stage", list(PIPELINE))
def test_what_params_yaml_adds_to_a_command_is_admitted_first(stage: str) -> None:
    first, *rest = commands(stage)
    assert "${" not in first
    assert not rest or first == "python -m stages.admission"
    assert not rest or any("${" in command for command in rest)


@pytest.mark.parametrize("path", sorted((ROOT / "stages").glob("*.py")), ids=lambda p: p.stem)
def test_no_stage_imports_another(path: Path) -> None:
    shared = {"admission", "errors", "params", "writing", "__init__"}
    others = {
        found.stem for found in imported(path) if found.parent == ROOT / "stages" and found != path
    }
    assert others <= shared


@pytest.mark.parametrize("stage", ["intermediate", "variant", "target"])
def test_every_training_parameter_is_tracked(stage: str) -> None:
    section = "intermediate" if stage == "variant" else stage
    settings = yaml.safe_load((ROOT / "params.yaml").read_text())[section]
    shared = {key for key, value in settings.items() if not isinstance(value, dict)}
    tracked = {name.removeprefix(f"{section}.") for name in PIPELINE[stage]["params"]}
    assert shared - {"tasks", "encoders"} <= tracked


def test_params_yaml_is_the_sample_study() -> None:
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        composed = OmegaConf.to_container(compose("config"))
    assert composed == yaml.safe_load((ROOT / "params.yaml").read_text())


@pytest.mark.parametrize("study", sorted(p.stem for p in (ROOT / "conf/study").glob("*.yaml")))
def test_every_study_has_a_plan_and_the_same_keys(study: str) -> None:
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    from stages.plan import plan

    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        settings = OmegaConf.to_container(compose("config", overrides=[f"study={study}"]))
        sample = OmegaConf.to_container(compose("config"))
    assert settings.keys() == sample.keys()
    for section in ("data", "engine", "snapshot", "retrieve", "span", "validate"):
        assert settings[section].keys() == sample[section].keys()
    for section in ("intermediate", "target"):  # beside the parameters of their own tasks
        shared = [{key for key in s[section] if key not in TASKS} for s in (settings, sample)]
        assert shared[0] == shared[1]
    plan(settings)


def test_the_paper_names_every_task_and_its_hyper_parameters() -> None:
    from stages.compose import compose

    settings = yaml.safe_load(compose("paper", ROOT / "conf"))
    assert set(settings["data"]["tasks"]) == set(TASKS)
    target = {
        name: tuple(
            params.of_task(settings["target"], name)[key]
            for key in ("max_length", "batch_size", "epochs", "learning_rate")
        )
        for name in settings["target"]["tasks"]
    }
    assert target == {
        "xnli": (256, 32, 2, 1e-5),
        "pawsx": (256, 32, 5, 1e-5),
        "udpos": (256, 32, 10, 1e-5),
        "panx": (256, 32, 10, 1e-5),
        "squad": (384, 16, 2, 1e-5),
        "tydiqa": (384, 16, 2, 1e-5),
    }
    assert settings["retrieve"]["layer"] == 14
    assert settings["span"] == {
        "doc_stride": 128, "query_length": 64, "n_best": 20, "answer_length": 30,
    }  # fmt: skip
    assert len(settings["target"]["encoders"]) == 1 + 9 + 2


def test_a_study_is_composed_with_changes_and_a_wrong_one_is_named() -> None:
    from stages.compose import compose

    settings = yaml.safe_load(compose("grid", ROOT / "conf", ["snapshot.mirror=/mirror"]))
    assert settings["snapshot"]["mirror"] == "/mirror"
    with pytest.raises(UserError, match=r"Could not override 'snapshot\.mirrr'"):
        compose("grid", ROOT / "conf", ["snapshot.mirrr=/mirror"])


def test_what_python_compiles_beside_the_code_is_no_dependency() -> None:
    folders = {path.parent for path in (ROOT / "stages").rglob("*.py")}
    compiled = [str(folder / "__pycache__" / "a.cpython-311.pyc") for folder in sorted(folders)]
    dvc = Path(sys.executable).with_name("dvc")
    done = subprocess.run(
        [str(dvc), "check-ignore", *compiled], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.split() == compiled, done.stderr
