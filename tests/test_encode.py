"""Token ids: what was encoded reads back as what was written, and nothing is cut off."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from conftest import MIRROR, ROOT, needs_mirror
from stages import params
from stages.encode import main as encode_main
from stages.encoding import encode, offsets
from stages.errors import UserError
from stages.learning.batches import evenly
from stages.learning.heads import head_of
from stages.tasks import find, missing, schema

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@pytest.fixture
def tokenizer(tiny_encoder: Path):
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(tiny_encoder / "tokenizer.json"))


def test_ids_labels_and_order(pair_task: Path, tokenizer, tmp_path: Path) -> None:
    table = pq.read_table(pair_task / "xnli/de/test.parquet")
    out = tmp_path / "test.parquet"
    pq.write_table(encode(table, find("xnli"), tokenizer), out)
    pairs = head_of(find("xnli"), {}).read(out)
    assert pairs.ids.tolist() == table["id"].to_pylist()
    names = [find("xnli").labels[number] for number in pairs.labels]
    assert names == table["label"].to_pylist()
    for row in (0, 13, 29):
        text = table["sentence2"][row].as_py()
        assert pairs.second[row].tolist() == tokenizer.encode(text, add_special_tokens=False).ids


def test_a_slice_of_chunks_reads_the_same(pair_task: Path, tokenizer, monkeypatch) -> None:
    from stages.encoding import tokens

    table = pq.read_table(pair_task / "xnli/en/train.parquet")
    whole = encode(table, find("xnli"), tokenizer)
    monkeypatch.setattr(tokens, "ROWS_AT_A_TIME", 7)
    assert encode(table, find("xnli"), tokenizer).to_pydict() == whole.to_pydict()


def test_a_sample_is_spread_over_a_sorted_file(pair_task: Path, tokenizer, tmp_path: Path) -> None:
    table = pq.read_table(pair_task / "xnli/en/train.parquet").sort_by("label")
    pq.write_table(encode(table, find("xnli"), tokenizer), tmp_path / "t.parquet")
    every = head_of(find("xnli"), {}).read(tmp_path / "t.parquet")
    pairs = every.take(evenly(len(every), 9))
    assert len(pairs) == 9
    assert set(pairs.labels.tolist()) == {0, 1, 2}
    assert pairs.first[8].tolist() == every.first[63].tolist()


def table(head: str, rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=schema.arrow(schema.DATA[head]))


def ids(tokenizer: Tokenizer, text: str) -> list[int]:
    return tokenizer.encode(text, add_special_tokens=False).ids


def test_options_keep_their_place_and_the_question_follows_the_context(tokenizer) -> None:
    rows = [
        {"id": "a", "context": "he sat.", "question": "why", "options": list("abcd"), "label": "3"},
        {"id": "b", "context": "", "question": "who", "options": ["a b", "", "c", "d"],
         "label": "0"},
        {"id": "c", "context": "he", "question": "", "options": list("dcba"), "label": "1"},
    ]  # fmt: skip
    out = encode(table("choice", rows), find("hellaswag"), tokenizer)
    assert out.schema == schema.arrow(schema.ENCODED["choice"])
    first, second, third = out.to_pylist()
    assert first["context_ids"] == ids(tokenizer, "he sat. why")
    assert second["context_ids"] == ids(tokenizer, "who")
    assert third["context_ids"] == ids(tokenizer, "he")
    assert second["options_ids"] == [ids(tokenizer, text) for text in ("a b", "", "c", "d")]
    assert [row["label"] for row in (first, second, third)] == [3, 0, 1]


def test_a_word_of_no_or_too_many_subwords_is_unknown_and_keeps_its_tag(tokenizer) -> None:
    long = "abcdefghijklmnopq"  # 17 letters, a piece each
    words = ["he", "", long, long[:-1], "he"]
    rows = [
        {"id": "a", "tokens": words, "tags": ["PRON", "X", "NOUN", "VERB", "PRON"]},
        {"id": "b", "tokens": ["he"], "tags": ["ADJ"]},
    ]
    out = encode(table("tagging", rows), find("udpos"), tokenizer)
    assert out.schema == schema.arrow(schema.ENCODED["tagging"])
    first, second = out.to_pylist()
    unknown = tokenizer.token_to_id("<unk>")
    assert first["words"][:3] == [ids(tokenizer, "he"), [unknown], [unknown]]
    assert len(first["words"][3]) == 16 and first["words"][4] == first["words"][0]
    assert first["tags"] == [find("udpos").labels.index(tag) for tag in rows[0]["tags"]]
    assert (second["words"], second["tags"]) == ([ids(tokenizer, "he")], [0])
    # a part of a table gives the same rows
    part = encode(table("tagging", rows).slice(1), find("udpos"), tokenizer)
    assert part.to_pylist() == [second]


def test_labels_may_come_from_the_data(tokenizer) -> None:
    rows = [{"id": "a", "tokens": ["he", "sat"], "tags": ["NP", "S\\NP"]}]
    out = encode(table("tagging", rows), find("ccg"), tokenizer, ["N", "S\\NP", "NP"])
    assert out["tags"].to_pylist() == [[2, 1]]


def test_offsets_are_code_points_of_the_context_without_its_blanks(tokenizer) -> None:
    context = " he  sat. 𝒜 é 北京 in"
    rows = [
        {"id": "a", "context": context, "question": "who", "answers": ["he"], "starts": [1]},
        {"id": "b", "context": "she", "question": "who", "answers": [], "starts": []},
        {"id": "c", "context": context, "question": "where", "answers": ["in"], "starts": [17]},
    ]
    out = encode(table("span", rows), find("squad"), tokenizer)
    assert out.schema == schema.arrow(schema.ENCODED["span"])
    first, second, third = out.to_pylist()
    pieces = [context[b:e] for b, e in zip(first["begins"], first["ends"])]
    assert "".join(pieces) == context.replace(" ", "")
    assert not any(piece != piece.strip() for piece in pieces)
    for row in (first, third):
        (answer,), (start,) = row["answers"], row["starts"]
        assert context[start : start + len(answer)] == answer
        assert start in row["begins"] and start + len(answer) in row["ends"]
    assert first["context_ids"] == third["context_ids"] == ids(tokenizer, context)
    assert third["question_ids"] == ids(tokenizer, "where")
    assert (second["answers"], second["context"]) == ([], "she")


def test_blanks_around_a_token_are_not_part_of_it() -> None:
    assert offsets("a  b ", [(0, 1), (1, 4), (1, 3), (3, 5)]) == [(0, 1), (3, 4), (3, 3), (3, 4)]


def test_both_sides_of_retrieval(tokenizer) -> None:
    rows = [{"id": "0", "sentence": "er sa", "english": "he sat"}]
    (row,) = encode(table("retrieval", rows), find("tatoeba"), tokenizer).to_pylist()
    assert row == {
        "id": "0", "sentence_ids": ids(tokenizer, "er sa"), "english_ids": ids(tokenizer, "he sat"),
        "english": "he sat",
    }  # fmt: skip
    rows = [{"id": "de-1", "side": "source", "sentence": "er sa", "gold": ["en-1"]}]
    out = encode(table("mining", rows), find("bucc2018"), tokenizer)
    assert out.schema == schema.arrow(schema.ENCODED["mining"])
    (row,) = out.to_pylist()
    assert row == {**rows[0], "sentence_ids": ids(tokenizer, "er sa")}


def run(task: str, root: Path, monkeypatch: pytest.MonkeyPatch, **data: Any) -> None:
    import stages.encode as module

    settings = {"data": {"tasks": [task], **data}}
    (root / "params.yaml").write_text(json.dumps(settings))
    monkeypatch.chdir(root)
    monkeypatch.setattr("sys.argv", ["encode", task])
    module.main()


def test_the_stage_writes_every_file_of_the_study_and_the_labels_of_the_data(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "encoder").symlink_to(tiny_encoder)
    for split, tags in (("train", ["N"]), ("validation", ["NP"])):
        path = tmp_path / f"data/ccg/en/{split}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table("tagging", [{"id": "a", "tokens": ["he"], "tags": tags}]), path)
    (tmp_path / "data/ccg/labels.json").write_text('["N", "NP"]')
    run("ccg", tmp_path, monkeypatch)
    encoded = tmp_path / "encoded/ccg"
    assert json.loads((encoded / "labels.json").read_text()) == ["N", "NP"]
    assert pq.read_table(encoded / "en/validation.parquet")["tags"].to_pylist() == [[1]]


@pytest.mark.parametrize(
    ("base", "head", "row"),
    [
        ("mnli", "pair", {"sentence1": "{}", "sentence2": "{}", "label": "neutral"}),
        ("csqa", "choice", {"context": "", "question": "{}", "options": ["{}"] * 5, "label": "0"}),
        ("squad2", "span", {"question": "{}", "context": "{}", "answers": [], "starts": []}),
    ],
)
def test_a_translation_that_the_tokenizer_cannot_write_trains_nothing(
    base: str, head: str, row: dict, tiny_encoder: Path, tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "encoder").symlink_to(tiny_encoder)
    for code, text in (("id", "dia datang."), ("th", "เขามา")):
        filled = {
            name: [v.format(text) for v in value] if isinstance(value, list) else value.format(text)
            for name, value in row.items()
        }
        path = tmp_path / f"data/{base}.{code}/{code}/train.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(table(head, [{"id": "a", **filled}]), path)
    run(f"{base}.id", tmp_path, monkeypatch)
    assert (tmp_path / f"encoded/{base}.id/id/train.parquet").exists()
    words = rf"{base}\.th/th/train\.parquet: .*% of the tokens are <unk>: .* cannot write th"
    with pytest.raises(UserError, match=words):
        run(f"{base}.th", tmp_path, monkeypatch)
    assert not (tmp_path / f"encoded/{base}.th").exists()


def test_what_the_user_has_not_brought_is_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing.leave(tmp_path / "data/ccg", "bring it")
    run("ccg", tmp_path, monkeypatch)
    assert missing.why(tmp_path / "encoded/ccg") == "bring it"


def test_a_language_of_mining_without_files_is_left_out(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "encoder").symlink_to(tiny_encoder)
    path = tmp_path / "data/bucc2018/zh/dev.parquet"
    path.parent.mkdir(parents=True)
    rows = [{"id": "zh-1", "side": "source", "sentence": "he", "gold": []}]
    pq.write_table(table("mining", rows), path)
    run("bucc2018", tmp_path, monkeypatch, evaluated={"bucc2018": "dev"})
    encoded = tmp_path / "encoded/bucc2018"
    assert [str(p.relative_to(encoded)) for p in encoded.rglob("*.parquet")] == ["zh/dev.parquet"]


@needs_mirror
def test_every_task_of_the_mirror_goes_through_snapshot_and_encode(
    tokenizer, tmp_path: Path
) -> None:
    from stages.compose import compose
    from stages.snapshot import snapshot

    settings = YAML(typ="safe").load(compose("grid", ROOT / "conf"))
    bucc = MIRROR.parent / "corpora" / "bucc2018"
    for name in settings["data"]["tasks"]:
        task = params.task(settings, name)
        path = bucc if name == "bucc2018" else None
        files = snapshot(task, tmp_path, MIRROR, True, path, listed=True)
        assert set(files) == {f"{language}/{split}.parquet" for language, split in task.files()}
        for language, split in task.files():
            whole = pq.read_table(tmp_path / name / language / f"{split}.parquet")
            assert whole.schema == schema.arrow(schema.DATA[task.head])
            some = whole.take(list(range(0, whole.num_rows, whole.num_rows // 40 + 1)))
            encoded = encode(some, task, tokenizer)
            assert encoded.schema == schema.arrow(schema.ENCODED[task.head])
            assert encoded["id"].to_pylist() == some["id"].to_pylist()
    assert not (tmp_path / "ccg").exists()


def test_rows_that_the_guards_repair_are_left_out(
    pair_task: Path, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stages.guards import repair

    monkeypatch.chdir(tmp_path)
    settings = "data: {tasks: [mnli]}\n"
    (tmp_path / "params.yaml").write_text(settings)
    (tmp_path / "validation" / "mnli").mkdir(parents=True)
    (tmp_path / "leakage").mkdir()
    row = ("en/train.parquet", 3, "2", "no_empty_sides")
    repair.write([row], tmp_path / "validation" / "mnli" / repair.DROPPED)
    leaked = [("en/train.parquet", 5, "4", "test_in_train"), row]
    repair.write(leaked, tmp_path / "leakage" / "mnli.parquet")
    monkeypatch.setattr(
        sys, "argv", ["encode", "mnli", "--encoder", str(tiny_encoder), "--data", str(pair_task)]
    )
    encode_main()
    ids = pq.read_table("encoded/mnli/en/train.parquet")["id"].to_pylist()
    assert ids == [str(number) for number in range(64) if number not in (2, 4)]
    assert pq.read_table("encoded/mnli/en/validation.parquet").num_rows == 30
