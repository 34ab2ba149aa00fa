"""Choice, tagging, span, retrieval and mining: each kind of damage is found, clean rows pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.tasks import Task, find
from stages.tasks.schema import DATA, arrow
from stages.validate import validate

Rows = dict[str, list]
Damage = Callable[[Rows], None]


def save(path: Path, head: str, rows: Rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(rows, schema=arrow(DATA[head])), path)


def judged(task: Task, folder: Path, files: dict[str, Rows]) -> dict[str, dict[str, tuple]]:
    """By file and rule: severity, count, and the first example."""
    for name, rows in files.items():
        save(folder / f"{name}.parquet", task.head, rows)
    found: dict[str, dict[str, tuple]] = {name: {} for name in files}
    for outcome in validate(task, folder, {}, accept_stand_ins=False).outcomes:
        name = outcome.file.removesuffix(".parquet")
        if outcome.severity and name in found:
            first = outcome.examples[0]
            found[name][outcome.rule.name] = (outcome.severity, outcome.count, first)
    return found


def bare(name: str, **changes: object) -> Task:
    """A task of the table in English only, whose rows nobody has verified."""
    return replace(find(name), languages=("en",), rows={}, **changes)  # type: ignore[arg-type]


def put(column: str, row: int, value: object) -> Damage:
    return lambda rows: rows[column].__setitem__(row - 1, value)


# ---- multiple choice


def choices(count: int = 12) -> Rows:
    return {
        "id": [f"item-{n}" for n in range(count)],
        "context": [f"She opened the door of house number {n}." for n in range(count)],
        "question": ["What did she do next?"] * count,
        "options": [[f"She went in to see {c} {n}." for c in "abcd"] for n in range(count)],
        "label": [str(n % 4) for n in range(count)],
    }


CHOICES: list[tuple[str, Damage, str, str]] = [
    ("missing", put("options", 3, ["a", "b", "c"]), "option_count", "3 options"),
    ("too many", put("options", 3, ["a", "b", "c", "d", "e"]), "option_count", "5 options"),
    ("blank", put("options", 3, ["a", "b", " ", "d"]), "blank_options", "option 2"),
    ("null inside", put("options", 3, ["a", None, "c", "d"]), "blank_options", "option 1"),
    ("twice", put("options", 3, ["a", "b", "a", "d"]), "distinct_options", "'a'"),
    ("nothing asked", lambda rows: [put(c, 3, "")(rows) for c in ("context", "question")],
     "something_asked", "'' and ''"),
    ("label", put("label", 3, "4"), "label_set", "label '4'"),
    ("letter", put("label", 3, "A"), "label_set", "label 'A'"),
    ("id", put("id", 3, "item-3"), "unique_ids", "id 'item-3'"),
    ("null", put("question", 3, None), "no_nulls", "question"),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "rule", "shows"), [row[1:] for row in CHOICES],
                         ids=[row[0] for row in CHOICES])  # fmt: skip
def test_damaged_choices(tmp_path: Path, damage: Damage, rule: str, shows: str) -> None:
    rows = choices()
    damage(rows)
    files = {"en/train": rows, "en/validation": choices()}
    found = judged(bare("hellaswag"), tmp_path, files)
    assert found["en/validation"] == {}
    severity, _, example = found["en/train"][rule]
    assert severity == "stop"  # one of twelve rows is more than any rule warns of
    assert example.row == 3 and shows in example.found


def test_a_context_may_be_empty_where_a_question_asks(tmp_path: Path) -> None:
    rows = choices()
    rows["context"] = [""] * 12
    assert judged(bare("hellaswag"), tmp_path, {"en/train": rows, "en/validation": rows})[
        "en/train"
    ] == {}  # fmt: skip


# ---- spans


def spans(count: int = 12) -> Rows:
    contexts = [f"In the year {1900 + n} the old mill burned down in Ulm." for n in range(count)]
    answers = [[str(1900 + n)] for n in range(count)]
    return {
        "id": [f"q{n}" for n in range(count)],
        "context": contexts,
        "question": ["When did the mill burn down?"] * count,
        "answers": answers,
        "starts": [[12]] * count,
    }


SPANS: list[tuple[str, Damage, str, str]] = [
    ("offset", put("starts", 4, [11]), "answer_in_context", "it stands at 12"),
    ("negative", put("starts", 4, [-1]), "answer_in_context", "at -1"),
    ("beyond", put("starts", 4, [4_000]), "answer_in_context", "at 4000"),
    ("other answer", put("answers", 4, ["1066"]), "answer_in_context", "'1066' at 12"),
    ("context cut", lambda rows: rows["context"].__setitem__(3, "In the year"),
     "answer_in_context", "'1903'"),
    ("no offset", put("starts", 4, []), "answer_offsets", "1 and 0"),
    ("blank", lambda rows: [put("answers", 4, [""])(rows)], "blank_answers", "''"),
    ("none", lambda rows: [put("answers", 4, [])(rows), put("starts", 4, [])(rows)],
     "answered", "no answer"),
    ("question", put("question", 4, " "), "no_empty_sides", "question ' '"),
    ("id", put("id", 4, "q4"), "unique_ids", "q4"),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "rule", "shows"), [row[1:] for row in SPANS],
                         ids=[row[0] for row in SPANS])  # fmt: skip
def test_damaged_spans(tmp_path: Path, damage: Damage, rule: str, shows: str) -> None:
    rows = spans()
    damage(rows)
    found = judged(bare("squad"), tmp_path, {"en/train": rows, "en/validation": spans()})
    assert found["en/validation"] == {}
    severity, count, example = found["en/train"][rule]
    assert (severity, example.row) == ("stop", 4)
    assert count in (1, 2) and shows in example.found


def test_squad2_may_ask_without_an_answer_but_not_always(tmp_path: Path) -> None:
    rows, all_answered = spans(), spans()
    put("answers", 4, [])(rows)
    put("starts", 4, [])(rows)
    found = judged(bare("squad2"), tmp_path, {"en/train": rows, "en/validation": all_answered})
    assert found["en/train"] == {}
    assert found["en/validation"]["unanswerable"][:2] == ("stop", 12)


def test_offsets_count_code_points(tmp_path: Path) -> None:
    rows = spans()
    put("context", 4, "𝔘𝔩𝔪 burned in 1903.")(rows)
    put("starts", 4, [14])(rows)
    assert judged(bare("squad"), tmp_path, {"en/train": rows, "en/validation": rows})[
        "en/train"
    ] == {}  # fmt: skip
    put("starts", 4, [17])(rows)  # UTF-16 units
    found = judged(bare("squad"), tmp_path, {"en/train": rows, "en/validation": rows})
    assert "answer_in_context" in found["en/train"]


def test_ids_of_another_language_are_found(tmp_path: Path) -> None:
    task = replace(find("tydiqa"), languages=("en", "fi"), rows={})
    rows, other = spans(), spans()
    rows["id"] = [f"{'finnish' if n == 5 else 'english'}-{n}" for n in range(12)]
    other["id"] = [f"finnish-{n}" for n in range(12)]
    files = {"en/train": rows, "en/validation": rows, "fi/validation": other}
    found = judged(task, tmp_path, files)
    assert found["en/train"]["id_language"][:2] == ("stop", 1)
    assert found["en/train"]["id_language"][2].row == 6
    assert "id_language" not in found["fi/validation"]


def test_parallel_questions_are_compared_with_english(tmp_path: Path) -> None:
    task = replace(find("xquad"), languages=("en", "de"), rows={})
    german = spans()
    german["answers"][3], german["starts"][3] = ["1903", "1903"], [12, 12]
    german["id"][6], german["id"][7] = german["id"][7], german["id"][6]
    found = judged(task, tmp_path, {"en/validation": spans(), "de/validation": german})
    assert found["de/validation"]["parallel_labels"][2].row == 4
    assert found["de/validation"]["parallel_order"][:2] == ("stop", 2)


# ---- tagging


# ---- retrieval and mining


# ---- all heads


@pytest.mark.parametrize("name", ["hellaswag", "squad", "udpos", "tatoeba", "bucc2018"])
def test_another_head_is_the_wrong_file(tmp_path: Path, name: str) -> None:
    task = bare(name)
    rows = choices() if task.head != "choice" else spans()
    head = "choice" if task.head != "choice" else "span"
    for language, split in task.files():
        save(tmp_path / language / f"{split}.parquet", head, rows)
    found = validate(task, tmp_path, {}, accept_stand_ins=False).findings("stop")
    assert {outcome.rule.name for outcome in found} >= {"columns"}
    assert len(found) == len(task.files())


def test_repair_names_the_rows_to_leave_out(tmp_path: Path) -> None:
    rows = choices(200)
    put("options", 3, ["a", "b", "c"])(rows)
    put("label", 9, "7")(rows)
    for split in ("train", "validation"):
        save(
            tmp_path / "en" / f"{split}.parquet", "choice", rows if split == "train" else choices()
        )
    severities = {"option_count": "repair", "label_set": "repair"}
    verdict = validate(bare("hellaswag"), tmp_path, severities, accept_stand_ins=False)
    assert verdict.accepted
    assert verdict.dropped() == [
        ("en/train.parquet", 3, "item-2", "option_count"),
        ("en/train.parquet", 9, "item-8", "label_set"),
    ]
    assert pd.Series([one[1] for one in verdict.dropped()]).is_monotonic_increasing
