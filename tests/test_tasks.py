"""The table of tasks holds together, and a study may say where its data deviates."""

from __future__ import annotations

import re
from typing import Any

import pytest

from stages import params
from stages.errors import UserError
from stages.tasks import TASKS, find, schema
from stages.tasks.table import repeats


def settings(**data: Any) -> dict[str, Any]:
    return {"data": {"tasks": list(TASKS), **data}}


def test_nine_intermediate_tasks_and_nine_targets() -> None:
    intermediate = "anli mnli qqp squad2 squad hellaswag ccg cosmosqa csqa".split()
    targets = "xnli pawsx udpos panx xquad mlqa tydiqa bucc2018 tatoeba".split()
    assert set(TASKS) == {*intermediate, *targets, "text"}
    assert [name for name in TASKS if find(name).is_target] == [t for t in TASKS if t in targets]
    assert all(find(name).is_trained for name in intermediate)
    languages = {name: len(find(name).languages) for name in targets}
    assert languages == {
        "xnli": 15, "pawsx": 7, "udpos": 33, "panx": 40, "xquad": 11, "mlqa": 7, "tydiqa": 9,
        "bucc2018": 4, "tatoeba": 36,
    }  # fmt: skip


@pytest.mark.parametrize("name", list(TASKS))
def test_a_record_is_whole(name: str) -> None:
    task = find(name)
    assert task.head in schema.DATA
    assert task.sources or task.brought
    for source in task.sources:
        assert re.fullmatch(r"[0-9a-f]{40}", source.revision)
        # text of other languages is brought
        assert name == "text" or set(task.languages) <= set(source.configurations)
        needed = set(schema.DATA[task.head]) - {"id", "context", "question"}
        assert needed <= set(source.columns)
        assert not source.label_names or set(source.label_names) == set(task.labels)
    for other in task.tests:
        assert find(other).trained_on == name
    if task.trained_on:
        assert name in find(task.trained_on).tests
    for other in task.same_data:
        assert name in find(other).same_data or find(other).is_target
    assert task.evaluated is None or task.evaluated in task.splits
    assert len(set(task.files())) == len(task.files())


def test_squad_is_evaluated_on_xquad_and_mlqa_and_the_others_on_themselves() -> None:
    evaluates = {name: find(name).evaluates() for name in TASKS}
    assert evaluates.pop("squad") == ("xquad", "mlqa")
    trained = "xnli pawsx udpos panx tydiqa".split()
    assert {name: tests for name, tests in evaluates.items() if tests} == {
        name: (name,) for name in trained
    }


def test_same_data_is_marked_where_phase_two_repeats_phase_one() -> None:
    assert find("xnli").same_data == {"mnli", "anli"}
    assert find("xquad").same_data == find("mlqa").same_data == {"squad"}
    assert not find("tydiqa").same_data


@pytest.mark.parametrize(
    ("learnt", "target", "expected"),
    [
        (["none"], "xnli", False),
        (["mnli"], "xnli", True),
        (["qqp", "csqa", "mnli"], "xnli", True),
        (["mnli.id"], "xnli", True),
        (["mnli"], "xnli.pseudo", True),
        (["qqp", "squad"], "mlqa", True),
        (["squad.es"], "xquad.pseudo", True),
        (["squad2"], "xquad", False),
        (["squad"], "tydiqa", False),
        (["qqp", "pawsx"], "pawsx", True),
        (["mnli", "squad"], "tatoeba", False),
        (["mnli"], "a target of others", False),
    ],
)
def test_what_repeats_a_targets_own_training_data(learnt, target, expected) -> None:
    assert repeats(learnt, target) is expected


def test_published_sizes() -> None:
    snli, mnli, rounds = 549_367, 392_702, 16_946 + 45_460 + 100_459
    assert find("anli").expected("en", "train") == snli + mnli + rounds == 1_104_934
    assert find("tydiqa").expected("en", "train") == 3_696
    assert find("tydiqa").expected("ko", "train") is None
    assert find("udpos").expected("en", "train") == 21_253
    assert find("mlqa").expected("en", "test") == 11_590
    assert find("tatoeba").expected("jv", "validation") == 205
    assert find("ccg").expected("en", "train") is None
    assert find("ccg").metrics == ("token_accuracy", "f1")  # supertags form no chunks
    assert find("udpos").metrics == ("f1", "token_accuracy")


def test_configurations_are_the_hubs_own_names() -> None:
    assert find("mlqa").source.configurations["de"] == "MLQA.de.de"  # context and question
    assert find("udpos").source.configurations["af"] == "udpos.Afrikaans"
    assert find("tatoeba").source.configurations["fa"] == "tatoeba.pes"
    assert set(find("tydiqa").source.configurations.values()) == {"tydiqa"}
    assert find("mnli").source.splits["validation"] == "validation_matched"


def test_files_are_english_training_and_every_language_of_the_evaluated_split() -> None:
    assert find("csqa").files() == [("en", "train"), ("en", "validation")]
    assert find("pawsx").files()[:4] == [
        ("en", "train"), ("en", "validation"), ("en", "test"), ("de", "test"),
    ]  # fmt: skip
    assert find("mlqa").files()[:2] == [("en", "test"), ("ar", "test")]
    assert find("tydiqa").files()[:3] == [
        ("en", "train"), ("en", "validation"), ("ar", "validation"),
    ]  # fmt: skip
    assert find("bucc2018").files()[:2] == [("de", "dev"), ("de", "test")]
    assert ("en", "validation") not in find("tatoeba").files()


def test_a_study_says_where_its_data_deviates() -> None:
    panx = params.task(settings(evaluated={"panx": "validation"}), "panx")
    assert ("en", "test") not in panx.files() and ("de", "validation") in panx.files()
    udpos = params.task(settings(languages={"udpos": ["yo", "en", "de"]}), "udpos")
    assert udpos.languages == ("en", "de", "yo")  # the table's order
    bucc = params.task(settings(evaluated={"bucc2018": "dev"}), "bucc2018")
    assert bucc.files()[:2] == [("de", "dev"), ("fr", "dev")]
    squad = params.task({"data": {"tasks": ["squad", "mlqa"]}}, "squad")
    assert squad.evaluates() == ("mlqa",)
    assert params.task(settings(held_out={"tydiqa": 50}), "tydiqa").held_out == 50


def test_english_is_evaluated_only_where_the_study_has_it() -> None:
    xnli = params.task(settings(languages={"xnli": ["de"]}), "xnli")
    assert xnli.files() == [("en", "train"), ("en", "validation"), ("de", "test")]


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("panx", {"evaluated": {"panx": "dev"}}, "expected one of train, validation, test"),
        ("mnli", {"evaluated": {"mnli": "train"}}, "mnli itself is not evaluated"),
        ("xnli", {"languages": {"xnli": ["de", "xx"]}}, "names xx"),
        ("tatoeba", {"languages": {"tatoeba": [False]}}, "names False.*quote it"),
        ("xnli", {"languages": {"xnli": []}}, "neither empty nor with repeats"),
        ("xnli", {"languages": {"xnli": "de"}}, "expected a list"),
        ("xquad", {"held_out": {"xquad": 5}}, "a training set of its own"),
        ("tydiqa", {"held_out": {"tydiqa": 0}}, "is 0; expected a whole number above 0"),
        ("xnli", {"languages": ["de"]}, r"data.languages is \['de'\]"),
    ],
)
def test_a_wrong_deviation_is_named(name: str, data: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        params.task(settings(**data), name)


def test_schemas_name_types_that_arrow_knows() -> None:
    import pyarrow as pa

    for columns in (*schema.DATA.values(), *schema.ENCODED.values()):
        assert schema.arrow(columns).names == list(columns)
    kinds = schema.arrow(schema.ENCODED["choice"])
    assert kinds.field("options_ids").type == pa.list_(pa.list_(pa.int32()))
