"""A mistake in params.yaml is named before anything runs."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT
from stages.errors import UserError
from stages.plan import check_inputs, files, plan


@pytest.fixture
def sample() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "params.yaml").read_text())


def test_cells_are_encoders_by_targets_by_seeds(sample: dict[str, Any]) -> None:
    sample["target"] |= {"encoders": ["none", "mnli"], "tasks": ["xnli", "pawsx"], "seeds": [1, 7]}
    _, cells = plan(sample)
    assert len(cells) == 2 * 2 * 2
    same = [(c["intermediate"], c["target"], c["same_data"]) for c in cells if c["same_data"]]
    assert same == [("mnli", "xnli", ["xnli"])] * 2  # MNLI is XNLI's own training set


@pytest.fixture
def grid(sample: dict[str, Any]) -> dict[str, Any]:
    """A study of a training task for two targets, and of retrieval."""
    sample["data"]["tasks"] = ["squad", "mnli", "xquad", "mlqa", "tatoeba", "ccg"]
    sample["intermediate"] |= {"tasks": ["squad", "mnli"], "squad": {}}
    sample["target"] |= {"encoders": ["none", "squad"], "tasks": ["squad"], "seeds": [3]}
    sample["target"]["squad"] = {"max_length": 256}
    sample["intermediate"]["squad"] = {"max_length": 256}
    sample["retrieve"] |= {"encoders": ["none", "squad"], "tasks": ["tatoeba"]}
    return sample


def test_a_cell_of_squad_evaluates_its_tests_and_retrieval_is_a_cell(grid: dict[str, Any]) -> None:
    tasks, cells = plan(grid)
    assert cells == [
        {"intermediate": "none", "target": "squad", "seed": 3, "same_data": [],
         "evaluates": ["xquad", "mlqa"]},
        {"intermediate": "squad", "target": "squad", "seed": 3, "same_data": ["xquad", "mlqa"],
         "evaluates": ["xquad", "mlqa"]},
        {"intermediate": "none", "target": "retrieval", "seed": 0, "same_data": [],
         "evaluates": ["tatoeba"]},
        {"intermediate": "squad", "target": "retrieval", "seed": 0, "same_data": [],
         "evaluates": ["tatoeba"]},
    ]  # fmt: skip
    assert tasks["squad"].evaluates() == ("xquad", "mlqa")
    grid["data"]["tasks"].remove("mlqa")
    assert plan(grid)[1][1]["same_data"] == ["xquad"]


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("target", "tasks"), ["xquad"], "xquad is evaluated by the cell of squad. Name squad in"),
        (("target", "tasks"), ["tatoeba"], "no training set of its own: name it in retrieve.tasks"),
        (("intermediate", "tasks"), ["mlqa"], "mlqa is evaluated by the cell of squad"),
        (("intermediate", "tasks"), ["squad", "ccg"], "add its own parameters, `ccg: {}`"),
        (("data", "tasks"), ["squad", "mnli", "tatoeba"], "squad, which is evaluated on xquad and"),
        (("data", "evaluated"), {"panx": "test"}, "data.evaluated names panx, which data.tasks"),
        (("data", "languages"), {"xquaad": ["de"]}, "unknown task 'xquaad'"),
        (("data", "languages"), {"xquad": ["xx"]}, "data.languages.xquad names xx"),
        (("retrieve", "tasks"), ["squad"], "retrieve.tasks names squad, which is not retrieved"),
        (("retrieve", "tasks"), [], "go together"),
        (("retrieve", "encoders"), ["qqp"], "retrieve.encoders names qqp"),
        (("retrieve", "encoders"), ["none", "none"], "expected a list, without repeats"),
        (("retrieve", "layer"), -1, "retrieve.layer is -1"),
        (("retrieve", "pooling"), "max", "retrieve.pooling is 'max'"),
        (("span", "n_best"), 0, "span.n_best is 0"),
        (("span", "doc_stride"), 189, "span.doc_stride is 189; expected at most 188"),
        (("target", "evaluation_examples"), 0, "target.evaluation_examples is 0; expected null or"),
    ],
)
def test_mistakes_of_the_whole_grid_are_named(
    grid: dict[str, Any], path: tuple[str, str], value: object, says: str
) -> None:
    grid[path[0]][path[1]] = value
    with pytest.raises(UserError, match=says):
        plan(grid)


def test_windows_may_touch_but_not_leave_a_gap(grid: dict[str, Any]) -> None:
    grid["span"]["doc_stride"] = 188  # 256 - 64 - 4
    plan(grid)


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
        (("target", "keep_models"), True, "target.keep_models is True; expected one of"),
        (("target", "seeds"), [1, 1], "expected a list, not empty, without repeats"),
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


@pytest.fixture
def variants(grid: dict[str, Any]) -> dict[str, Any]:
    """Two variants: two tasks with a head each, and one with unlabelled text."""
    grid["data"]["tasks"] += ["text", "xnli"]
    grid["data"]["languages"] = {"text": ["en", "sw"]}
    grid["intermediate"]["variants"] = {
        "both": {"tasks": ["squad", "mnli"], "sampling": {"by": "temperature", "temperature": 5}},
        "mnli-mlm": {"tasks": ["mnli"], "mlm": {"share": 0.5}, "max_steps": 7},
    }
    grid["target"] |= {"encoders": ["none", "both", "mnli-mlm"], "tasks": ["squad", "xnli"]}
    return grid


def test_variants_are_encoders_and_share_the_data_of_any_of_their_tasks(variants) -> None:
    _, cells = plan(variants)
    same = {(c["intermediate"], c["target"]): c["same_data"] for c in cells}
    assert same["both", "squad"] == ["xquad", "mlqa"]
    assert same["both", "xnli"] == same["mnli-mlm", "xnli"] == ["xnli"]
    assert same["mnli-mlm", "squad"] == []


def test_a_variant_that_trains_on_the_target_itself_shares_its_data(variants) -> None:
    variants["data"]["tasks"] += ["qqp", "pawsx", "mnli.id"]
    variants["intermediate"]["variants"] |= {
        "pairs": {"tasks": ["qqp", "pawsx"]}, "en-id": {"tasks": ["mnli", "mnli.id"]},
    }  # fmt: skip
    variants["target"] |= {"encoders": ["pairs", "en-id"], "tasks": ["pawsx", "xnli"], "pawsx": {}}
    _, cells = plan(variants)
    same = {(c["intermediate"], c["target"]): c["same_data"] for c in cells if c["seed"] == 3}
    assert same == {
        ("pairs", "pawsx"): ["pawsx"], ("pairs", "xnli"): [],
        ("en-id", "pawsx"): [], ("en-id", "xnli"): ["xnli"],
        **{(i, "retrieval"): c for (i, t), c in same.items() if t == "retrieval"},
    }  # fmt: skip


def test_the_study_of_variants_has_each_method_on_each_kind_of_target() -> None:
    from stages.compose import compose

    _, cells = plan(yaml.safe_load(compose("variants", ROOT / "conf")))
    found = {(c["intermediate"], c["target"]): (c["evaluates"], c["same_data"]) for c in cells}
    encoders = ("none", "mnli", "all", "mnli-mlm", "mnli-en-id")
    targets = ("xnli", "pawsx", "udpos", "panx", "squad", "tydiqa", "retrieval")
    assert set(found) == {(encoder, target) for encoder in encoders for target in targets}
    both = ["xnli", "xnli.translate-test"]
    assert found["none", "xnli"] == (both, [])
    assert all(found[encoder, "xnli"] == (both, both) for encoder in encoders[1:])
    assert found["all", "squad"] == (["xquad", "mlqa"], ["xquad", "mlqa"])
    assert found["mnli-en-id", "squad"][1] == found["all", "retrieval"][1] == []


def test_a_variants_own_parameters_go_before_the_tasks(variants) -> None:
    from stages import params

    variants["intermediate"] |= {"max_steps": 40, "squad": {"max_length": 256, "batch_size": 4}}
    of = params.of_variant(variants, "mnli-mlm", "mnli")
    assert (of["max_steps"], of["max_length"]) == (7, 128)
    assert "mlm" not in of and "variants" not in of
    assert params.of_variant(variants, "both", "squad")["batch_size"] == 4
    assert params.of_variant(variants, "both")["batch_size"] == 32


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("both", {"tasks": []}, r"variants\.both is .*expected `tasks"),
        ("both", {"tasks": ["squad", "hellaswag"]}, r"both\.tasks names hellaswag, which data"),
        ("both", {"tasks": ["xquad"]}, r"names xquad, .* no training set of its own"),
        ("both", {"sampling": {"by": "chance"}}, r"by is 'chance'; expected one of uniform"),
        ("both", {"sampling": {"by": "temperature", "cap": 0}}, r"cap is 0; expected .* above 0"),
        ("both", {"sampling": {"temprature": 2}}, r"sampling: unknown temprature; expected some"),
        ("both", {"mlm": {"share": 1.0}}, r"mlm\.share is 1\.0; .* from 0 to below 1"),
        ("both", {"mlm": {}, "steps": 3}, r"both: unknown steps; expected some of tasks"),
        (
            "both",
            {"mlm": {"share": 0.1, "rate": 1.5}},
            r"mlm\.rate is 1\.5; .* above 0 and below 1",
        ),
        ("both", {"mlm": {"share": 0.1, "languages": ["yo"]}}, r"names yo; expected .*en, sw"),
        ("mnli", {"tasks": ["squad"]}, r"variants\.mnli: the name is taken"),
        ("a/b", {"tasks": ["squad"]}, r"variants\.a/b: the name .* small letters"),
    ],
)
def test_mistakes_in_variants_are_named(variants, name, changes, says) -> None:
    variants["intermediate"]["variants"].setdefault(name, {})
    variants["intermediate"]["variants"][name] |= changes
    with pytest.raises(UserError, match=says):
        plan(variants)


def test_what_a_cell_reads_of_the_parameters_of_others_is_in_the_plan(variants) -> None:
    variants["data"]["tasks"] += ["mnli.id", "xnli.translate-train"]
    variants["intermediate"]["tasks"] += ["mnli.id"]
    variants["intermediate"]["mnli"] = {"id": {}}

    def changed(*path: str) -> set[str]:
        """The files of the plan that a parameter changes."""
        settings = copy.deepcopy(variants)
        settings[path[0]][path[1]] = {**settings[path[0]].get(path[1], {}), path[2]: 7}
        before, after = (files(s, *plan(s)) for s in (variants, settings))
        return {name for name in before if before[name] != after[name]}

    assert changed("intermediate", "squad", "epochs") == {"variants/both.json"}
    assert changed("intermediate", "mnli", "epochs") == {
        "mnli.id.json", "variants/both.json", "variants/mnli-mlm.json",
    }  # fmt: skip
    assert changed("target", "xnli", "epochs") == {"xnli.translate-train.json"}


def test_a_translated_set_needs_its_base(sample: dict[str, Any]) -> None:
    sample["data"]["tasks"] = ["mnli.id", "xnli"]
    sample["intermediate"]["tasks"] = ["mnli.id"]
    sample["target"] |= {"encoders": ["none"], "tasks": ["xnli"]}
    with pytest.raises(UserError, match=r"names mnli\.id, whose development set is mnli's"):
        plan(sample)


def test_masked_language_modelling_needs_text_among_the_data(variants) -> None:
    variants["data"]["tasks"].remove("text")
    variants["data"]["languages"] = {}
    with pytest.raises(UserError, match=r"mnli-mlm\.mlm: .* add text to data\.tasks"):
        plan(variants)


def test_text_is_no_target_and_is_not_retrieved(variants) -> None:
    variants["retrieve"] |= {"encoders": ["none"], "tasks": ["text"]}
    with pytest.raises(UserError, match=r"retrieve\.tasks names text"):
        plan(variants)
    variants["retrieve"] |= {"encoders": [], "tasks": []}
    variants["target"]["tasks"] = ["text"]
    with pytest.raises(UserError, match=r"target\.tasks names text"):
        plan(variants)
