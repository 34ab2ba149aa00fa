"""A mistake in params.yaml is named before anything runs."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT
from stages.errors import UserError
from stages.plan import check_inputs, plan


@pytest.fixture
def sample() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "params.yaml").read_text())


def test_cells_are_encoders_by_targets_by_seeds(sample: dict[str, Any]) -> None:
    sample["target"] |= {"encoders": ["none", "mnli"], "tasks": ["xnli", "pawsx"], "seeds": [1, 7]}
    _, cells = plan(sample)
    assert len(cells) == 2 * 2 * 2
    same = [(c["intermediate"], c["target"]) for c in cells if c["same_data"]]
    assert same == [("mnli", "xnli")] * 2  # MNLI is XNLI's own training set


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("data", "tasks"), ["mnli", "qqp", "xnlii", "pawsx"], "unknown task 'xnlii'"),
        (("target", "tasks"), ["udposs"], "unknown task 'udposs'"),
        (("target", "tasks"), ["mnli"], "an intermediate task only"),
        (("target", "encoders"), ["none", "squad"], "target.encoders names squad"),
        (("data", "tasks"), ["mnli", "qqp", "xnli"], "data.tasks lacks"),
        (("engine", "pooling"), "last", "engine.pooling is 'last'"),
        (("engine", "zero_stage"), 4, "engine.zero_stage is 4"),
        (("target", "xnli"), {"learning_rate": -1}, "target.xnli.learning_rate is -1"),
        (("target", "seeds"), [1, 1], "expected a list, neither empty nor with repeats"),
        (("target", "seeds"), [-1], "the seed -1 is no whole number"),
        (("target", "tasks"), "xnli", "target.tasks is 'xnli'; expected a list"),
        (("target", "max_steps"), -5, "target.xnli.max_steps is -5"),
        (("engine", "accumulation"), 0, "engine.accumulation is 0"),
        (("engine", "selection_every"), 2.5, "engine.selection_every is 2.5"),
        (("intermediate", "learning_rate"), "3e-4", "intermediate.mnli.learning_rate is '3e-4'"),
        (("intermediate", "batch_size"), 0, "intermediate.mnli.batch_size is 0"),
    ],
)
def test_mistakes_are_named(
    sample: dict[str, Any], path: tuple[str, str], value: object, says: str
) -> None:
    settings = copy.deepcopy(sample)
    settings[path[0]][path[1]] = value
    with pytest.raises(UserError, match=says):
        plan(settings)


def test_missing_inputs_are_named_with_the_way_to_get_them(
    sample: dict[str, Any], tmp_path: Path
) -> None:
    tasks, _ = plan(sample)
    (tmp_path / "data" / "mnli").mkdir(parents=True)
    with pytest.raises(UserError, match=r"xnli.*encoder.*dvc pull"):
        check_inputs(tasks, tmp_path / "data", tmp_path / "encoder")


def test_a_missing_section_is_named(sample: dict[str, Any]) -> None:
    del sample["engine"]
    with pytest.raises(UserError, match="the section engine is missing"):
        plan(sample)


def test_numbers_are_read_as_dvc_reads_them(tmp_path: Path) -> None:
    from stages import params

    path = tmp_path / "params.yaml"
    path.write_text("learning_rate: 3e-4\n")
    assert params.read(path) == {"learning_rate": 3e-4}
    path.write_text("a: [1\n")
    with pytest.raises(UserError, match="not valid YAML"):
        params.read(path)
    path.write_text("text\n")
    with pytest.raises(UserError, match="expected sections"):
        params.read(path)
