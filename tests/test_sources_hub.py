"""Every head's reader, on files written as the hub keeps them: values, traps, failures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub_files import classes, hub_set, rows_of
from stages.errors import UserError
from stages.snapshot import snapshot
from stages.sources.parquet import distinct, without_prefix
from stages.tasks import Task, find

ENTITIES = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]
NLI = ["entailment", "neutral", "contradiction"]


def taken(task: Task, tmp_path: Path) -> dict[str, Any]:
    return snapshot(task, tmp_path / "data", tmp_path / "mirror", accept_stand_ins=True)


def question(name: str, context: str, answers: list[tuple[str, int]]) -> dict[str, Any]:
    return {
        "id": name,
        "context": context,
        "question": "Where?",
        "answers": {"text": [a for a, _ in answers], "answer_start": [s for _, s in answers]},
    }


def pair(label: int) -> dict[str, Any]:
    return {"premise": "It rains.", "hypothesis": "It is wet.", "label": label}


def anli(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    label = {"label": classes(NLI)}
    hub_set(
        mirror,
        "stanfordnlp/snli",
        {("plain_text", "train"): [pair(0), pair(-1), pair(2)],
         ("plain_text", "validation"): [pair(-1), pair(1)]},
        label,
    )  # fmt: skip
    hub_set(
        mirror,
        "nyu-mll/glue",
        {("mnli", "train"): [pair(1)], ("mnli", "validation_matched"): [pair(1)]},
        label,
    )
    rounds = {
        ("plain_text", f"{split}_r{number}"): [{"uid": f"{split}{number}", **pair(number - 1)}]
        for split in ("train", "dev")
        for number in (1, 2, 3)
    }
    hub_set(mirror, "facebook/anli", rounds, label)


def test_anli_is_five_sources_and_rows_without_a_label_are_dropped(tmp_path: Path) -> None:
    anli(tmp_path)
    files = taken(find("anli"), tmp_path)
    rows = rows_of(tmp_path / "data/anli/en/train.parquet")
    assert [(row["id"], row["label"]) for row in rows] == [
        ("snli-0", "entailment"),
        ("snli-2", "contradiction"),
        ("mnli-0", "neutral"),
        ("anli_r1-train1", "entailment"),
        ("anli_r2-train2", "neutral"),
        ("anli_r3-train3", "contradiction"),
    ]
    assert files["en/train.parquet"]["dropped"] == 1
    assert files["en/train.parquet"]["rows"] == 6
    assert len(files["en/train.parquet"]["source"]) == 5
    assert files["en/validation.parquet"]["dropped"] == 1
    record = json.loads((tmp_path / "data/anli/snapshot.json").read_text())
    assert [source["repository"] for source in record["sources"]] == [
        "stanfordnlp/snli", "nyu-mll/glue", *["facebook/anli"] * 3,
    ]  # fmt: skip


def test_a_row_without_a_label_is_refused_where_it_should_have_one(tmp_path: Path) -> None:
    rows = {("mnli", "train"): [pair(0), pair(-1)], ("mnli", "validation_matched"): [pair(0)]}
    hub_set(tmp_path / "mirror", "nyu-mll/glue", rows, {"label": classes(NLI)})
    with pytest.raises(UserError, match="row 2: unknown label -1"):
        taken(find("mnli"), tmp_path)


def test_the_label_of_translated_xnli_is_contradiction(tmp_path: Path) -> None:
    rows = [{**pair(0), "label": name} for name in ("contradictory", "neutral", "entailment")]
    files = {("mnli", "train"): rows, ("mnli", "validation_matched"): rows}
    hub_set(tmp_path / "mirror", "nyu-mll/glue", files)
    taken(find("mnli"), tmp_path)
    labels = [row["label"] for row in rows_of(tmp_path / "data/mnli/en/train.parquet")]
    assert labels == ["contradiction", "neutral", "entailment"]


def csqa(tmp_path: Path, **changes: Any) -> None:
    row = {
        "id": "q",
        "question": "Where is a boat?",
        "choices": {"label": list("ABCDE"), "text": ["sea", "tree", "oven", "box", "sky"]},
        "answerKey": "C",
    } | changes
    files = {("default", split): [row] for split in ("train", "validation")}
    hub_set(tmp_path / "mirror", "tau/commonsense_qa", files)


def test_the_answer_of_commonsense_is_found_by_its_name(tmp_path: Path) -> None:
    csqa(tmp_path, choices={"label": list("BACED"), "text": ["a", "b", "c", "d", "e"]})
    taken(find("csqa"), tmp_path)
    assert rows_of(tmp_path / "data/csqa/en/train.parquet") == [
        {
            "id": "q",
            "context": "",
            "question": "Where is a boat?",
            "options": ["a", "b", "c", "d", "e"],
            "label": "2",
        }
    ]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"choices": {"label": list("ABCD"), "text": list("abcd")}}, "row 1: expected 5 options"),
        ({"answerKey": ""}, "row 1: expected one of A, B, C, D, E, found ''"),
        ({"question": None}, "row 1: expected text in question, found None"),
        ({"choices": {"label": list("ABCDE"), "text": ["a", None, "c", "d", "e"]}}, "a list in"),
    ],
)
def test_a_wrong_choice_is_named(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    csqa(tmp_path, **changes)
    with pytest.raises(UserError, match=says):
        taken(find("csqa"), tmp_path)


def test_options_of_four_columns_and_labels_of_strings(tmp_path: Path) -> None:
    cosmos = {
        "id": "c", "context": "He ran.", "question": "Why?", "answer0": "late", "answer1": "old",
        "answer2": "red", "answer3": "None of these", "label": 3,
    }  # fmt: skip
    swag = {"ind": 24, "ctx": "A man", "endings": ["runs", "flies", "melts", "ends"], "label": "1"}
    for repository, row in (("allenai/cosmos_qa", cosmos), ("Rowan/hellaswag", swag)):
        files = {("default", split): [row] for split in ("train", "validation")}
        hub_set(tmp_path / "mirror", repository, files)
    taken(find("cosmosqa"), tmp_path)
    taken(find("hellaswag"), tmp_path)
    (row,) = rows_of(tmp_path / "data/cosmosqa/en/train.parquet")
    assert (row["options"], row["label"]) == (["late", "old", "red", "None of these"], "3")
    (row,) = rows_of(tmp_path / "data/hellaswag/en/train.parquet")
    assert (row["id"], row["context"], row["question"], row["label"]) == ("24", "A man", "", "1")


def panx(tmp_path: Path, tokens: list[str], tags: list[int]) -> Task:
    task = replace(find("panx"), languages=("en", "de"), evaluated="validation")
    good = {"tokens": ["Anna", "sang"], "ner_tags": [1, 0]}
    files = {
        ("PAN-X.en", "train"): [good],
        ("PAN-X.en", "validation"): [good],
        ("PAN-X.de", "validation"): [good, {"tokens": tokens, "ner_tags": tags}],
    }
    features = {"ner_tags": classes(ENTITIES, inside_a_list=True)}
    hub_set(tmp_path / "mirror", "google/xtreme", files, features)
    return task


def test_tags_are_named(tmp_path: Path) -> None:
    taken(panx(tmp_path, ["Bonn", "Rhein", ":"], [5, 6, 0]), tmp_path)
    assert rows_of(tmp_path / "data/panx/de/validation.parquet")[1] == {
        "id": "1",
        "tokens": ["Bonn", "Rhein", ":"],
        "tags": ["B-LOC", "I-LOC", "O"],
    }


@pytest.mark.parametrize(
    ("tokens", "tags", "says"),
    [
        (["Bonn", "Rhein"], [5], r"row 2: expected a tag a word \(2 words\), found \[5\]"),
        (["Bonn"], [7], r"row 2: unknown label 7; expected one of 0 \(O\)"),
        ([], [], r"row 2: expected a tag a word \(0 words\)"),
    ],
)
def test_a_wrong_tag_is_named(
    tmp_path: Path, tokens: list[str], tags: list[int], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        taken(panx(tmp_path, tokens, tags), tmp_path)


def test_the_language_prefix_ends_at_the_first_colon_and_clean_words_keep_theirs() -> None:
    raw = [["de:Bonn", "de:12:30"], ["de::", "de:de:x"]]
    assert without_prefix(raw, "de") == [["Bonn", "12:30"], [":", "de:x"]]
    clean = [["de:Bonn", "12:30"], ["http://x"]]
    assert without_prefix(clean, "de") == clean
    assert without_prefix(raw, "en") == raw


def test_repeated_ids_become_distinct() -> None:
    assert distinct(["a", "b", "a", "a"]) == ["a", "b", "a~2", "a~3"]


def test_lines_of_tatoeba_lose_their_breaks(tmp_path: Path) -> None:
    row = {"source_sentence": "Guten Tag.\n", "target_sentence": " Good day.\r\n"}
    hub_set(tmp_path / "mirror", "google/xtreme", {("tatoeba.deu", "validation"): [row]})
    taken(replace(find("tatoeba"), languages=("de",)), tmp_path)
    assert rows_of(tmp_path / "data/tatoeba/de/validation.parquet") == [
        {"id": "0", "sentence": "Guten Tag.", "english": "Good day."}
    ]


def test_a_missing_split_or_language_says_what_a_study_can_say(tmp_path: Path) -> None:
    row = {"tokens": ["Anna"], "ner_tags": [1]}
    files = {("PAN-X.en", split): [row] for split in ("train", "validation")}
    hub_set(tmp_path / "mirror", "google/xtreme", files)
    with pytest.raises(UserError, match=r"it has train, validation.*data\.evaluated\.panx"):
        taken(replace(find("panx"), languages=("en",)), tmp_path)
    with pytest.raises(UserError, match=r"has no PAN-X\.de.*data\.languages\.panx"):
        taken(replace(find("panx"), languages=("en", "de"), evaluated="validation"), tmp_path)


def test_a_wrong_row_of_a_later_shard_is_named_by_its_own_file(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    good = {("mnli", "train"): [pair(0), pair(1)], ("mnli", "validation_matched"): [pair(0)]}
    folder = hub_set(tmp_path / "mirror", "nyu-mll/glue", good, {"label": classes(NLI)})
    first = folder / "mnli/train-00000-of-00001.parquet"
    table = pq.read_table(first)
    broken = table.set_column(2, "label", [[0, 9]])
    pq.write_table(broken, folder / "mnli/train-00001-of-00002.parquet")
    with pytest.raises(UserError, match=r"train-00001-of-00002\.parquet, row 2: unknown label 9"):
        taken(find("mnli"), tmp_path)


@pytest.mark.parametrize("label", [[1], {"a": 1}, 1.5])
def test_a_label_of_another_kind_is_named(tmp_path: Path, label: object) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from stages.sources import parquet
    from stages.sources.origin import Origin
    from stages.tasks import find

    table = pa.table({"premise": ["a"], "hypothesis": ["b"], "label": [label]})
    pq.write_table(table, tmp_path / "x.parquet")
    task = find("xnli")
    with pytest.raises(UserError, match="row 1: unknown label"):
        parquet.read(task, task.source, "en", [Origin("x", tmp_path / "x.parquet", "0")])
