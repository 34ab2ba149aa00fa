"""Translated files become tasks: labels by name, rows as the source's, every damage located."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import MIRROR, needs_mirror
from stages import params, validate
from stages.errors import UserError
from stages.plan import plan
from stages.snapshot import snapshot
from stages.sources import hub
from stages.sources.translated import words
from stages.tasks import Task, find, schema
from stages.tasks.translations import LANGUAGES

MT = MIRROR.parent / "corpora" / "mt"
needs_mt = pytest.mark.skipif(not MT.is_dir(), reason="needs the machine-translated sets")
NLI = ("entailment", "neutral", "contradiction")
ROWS = 60


def english(number: int) -> list[str]:
    return [f"The train {100 + number} came late.", f"Train {100 + number} was not on time."]


def swahili(number: int) -> list[str]:
    return [f"Treni {100 + number} ilichelewa.", f"Treni {100 + number} haikufika kwa wakati."]


def five(kind: str = "train", count: int = ROWS) -> list[list[str]]:
    """XTREME's five columns; translate-test has the translation, English, behind its source."""
    sides = (english, swahili) if kind != "test" else (swahili, english)
    rows = [[*sides[0](n), *sides[1](n), NLI[n % 3]] for n in range(count)]
    if kind == "train":
        rows = [[*row[:4], row[4].replace("contradiction", "contradictory")] for row in rows]
    return rows


def put(path: Path, rows: list[list[str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """data/ with XNLI's test in English and Swahili, and MNLI's English training set."""
    for name, sides in (("xnli/en/test", english), ("xnli/sw/test", swahili),
                        ("xnli/en/train", english)):  # fmt: skip
        path = tmp_path / f"data/{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [
            {"id": f"x{n}", "sentence1": a, "sentence2": b, "label": NLI[n % 3]}
            for n, (a, b) in enumerate(map(sides, range(ROWS)))
        ]
        pq.write_table(pa.Table.from_pylist(rows, schema.arrow(schema.DATA["pair"])), path)
    return tmp_path / "data"


def of(name: str, *languages: str) -> Task:
    return dataclasses.replace(find(name), languages=languages)


def rows_of(data: Path, name: str) -> list[dict[str, Any]]:
    return pq.read_table(data / f"{name}.parquet").to_pylist()


def test_translate_train_is_read_by_name_and_keeps_its_source(data: Path, tmp_path: Path) -> None:
    put(tmp_path / "mt/en-sw-translated.tsv", five())
    snapshot(of("xnli.translate-train", "en", "sw"), data, None, True, tmp_path / "mt")
    rows = rows_of(data, "xnli.translate-train/sw/train")
    one, two = swahili(2)
    assert rows[2] == {"id": "x2", "sentence1": one, "sentence2": two, "label": "contradiction"}
    assert [row["label"] for row in rows] == [NLI[n % 3] for n in range(ROWS)]
    source = rows_of(data, "xnli.translate-train/sw/train.source")
    assert [source[2]["sentence1"], source[2]["sentence2"]] == english(2)
    assert not (data / "xnli.translate-train/en").exists()  # English is the base's own


def test_translate_test_is_english_under_the_language_it_comes_from(
    data: Path, tmp_path: Path
) -> None:
    put(tmp_path / "mt/test-sw-en-translated.tsv", five("test"))
    task = of("xnli.translate-test", "en", "sw")
    snapshot(task, data, None, True, tmp_path / "mt")
    row = rows_of(data, "xnli.translate-test/sw/test")[1]
    assert [row["id"], row["sentence1"], row["sentence2"], row["label"]] == [
        "x1", *english(1), "neutral",
    ]  # fmt: skip
    assert rows_of(data, "xnli.translate-test/sw/test.source") == rows_of(data, "xnli/sw/test")
    assert rows_of(data, "xnli.translate-test/en/test") == rows_of(data, "xnli/en/test")
    found = validate.validate(task, data / task.name, {}, True)
    assert not {"language", "script"} & {one.rule.name for one in found.findings("warn")}


def test_a_pseudo_test_is_judged_as_text_of_its_language(data: Path, tmp_path: Path) -> None:
    put(tmp_path / "mt/xnli.pseudo-test.en-sw.tsv", five("pseudo"))
    task = of("xnli.pseudo", "en", "sw")
    snapshot(task, data, None, True, tmp_path / "mt")
    assert rows_of(data, "xnli.pseudo/sw/test")[0]["sentence1"] == swahili(0)[0]
    assert rows_of(data, "xnli.pseudo/sw/test.source") == rows_of(data, "xnli/en/test")


def test_a_header_is_no_row(data: Path, tmp_path: Path) -> None:
    header = ["label", "sentence1_en", "sentence2_en", "sentence1_sw", "sentence2_sw"]
    rows = [[row[4], *row[2:4], *row[:2]] for row in five("test")]
    put(tmp_path / "xnli.translate-test.sw.tsv", [header, *rows])
    snapshot(of("xnli.translate-test", "en", "sw"), data, None, True, tmp_path)
    assert len(rows_of(data, "xnli.translate-test/sw/test")) == ROWS


def added(rows: list[list[str]]) -> list[list[str]]:
    return [*rows[:30], ["Treni nyingine.", "Ndiyo.", "Another train.", "Yes.", "neutral"],
            *rows[30:]]  # fmt: skip


def half(rows: list[list[str]]) -> list[list[str]]:
    return [*rows[:-1], rows[-1][:3]]


def half_label(rows: list[list[str]]) -> list[list[str]]:
    return [*rows[:-1], [*rows[-1][:4], "contrad"]]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (added, "61 rows, expected the 60 of .*xnli/sw/test.parquet; line 31 is the first"),
        (lambda rows: rows[:20] + rows[21:], "59 rows, expected the 60 .*; line 21 is the first"),
        (half, "line 60: lines of the file's own shape expected, found 3 cells, not 5"),
        (half_label, "line 60: the label is 'contrad'; .*half a line"),
        (lambda rows: [[*row[2:4], *row[:2], row[4]] for row in rows],
         "line 1: the source side is not row 1 .*Columns are swapped"),
        (lambda rows: [[row[4], *row[:4]] for row in rows], "line 1: .*Columns are swapped"),
        (lambda rows: [[row[1], row[0], row[3], row[2], row[4]] for row in rows],
         "line 1: the source side is not row 1"),
    ],
)  # fmt: skip
def test_damage_is_located_and_nothing_is_lost(
    damage: Callable[[list[list[str]]], list[list[str]]], words: str, data: Path, tmp_path: Path
) -> None:
    task, folder = of("xnli.translate-test", "en", "sw"), tmp_path / "mt"
    path = put(folder / "test-sw-en-translated.tsv", five("test"))
    snapshot(task, data, None, True, folder)
    before = {file: file.read_bytes() for file in (data / task.name).rglob("*") if file.is_file()}
    put(path, damage(five("test")))
    with pytest.raises(UserError, match=rf"(?s)test-sw-en-translated\.tsv.*{words}"):
        snapshot(task, data, None, True, folder)
    after = {file: file.read_bytes() for file in (data / task.name).rglob("*") if file.is_file()}
    assert after == before


def test_odd_rows_of_a_training_set_are_dropped_and_counted(data: Path, tmp_path: Path) -> None:
    rows = [[f"a {n}", f"b {n}", f"eine {n}", f"zwei {n}", str(n % 2)] for n in range(400)]
    rows[3][4], rows[7][2] = "NS", " "  # as in PAWS-X's translations
    put(tmp_path / "mt/en-de-translated.tsv", rows)
    task = of("pawsx.translate-train", "de")
    record = snapshot(task, data, None, True, tmp_path / "mt")
    assert record["de/train.parquet"]["dropped"] == 2
    found = rows_of(data, "pawsx.translate-train/de/train")
    assert len(found) == 398 and found[3]["id"] == "4"
    source = rows_of(data, "pawsx.translate-train/de/train.source")
    assert [row["id"] for row in source] == [row["id"] for row in found]
    assert find("pawsx").labels == ("0", "1")


def squad(answer: str, start: int, context: str = "Der König schlief in Rom.") -> dict[str, Any]:
    return {
        "data": [{"paragraphs": [{"context": context, "qas": [
            {"id": "q1", "question": "Wer schlief?",
             "answers": [{"text": answer, "answer_start": start}]},
            {"id": "q2", "question": "Wo?", "answers": [{"text": "Rom", "answer_start": 21}]},
        ]}]}]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "start", "expected"),
    [("König", 4, 4), ("König", 7, 4), ("König", 900, 4), ("Kaiser", 4, None), ("i", 900, None)],
)
def test_answers_stand_where_they_are_or_are_dropped(
    answer: str, start: int, expected: int | None, data: Path, tmp_path: Path
) -> None:
    file = tmp_path / "mt/squad.translate.train.en-de.json"
    file.parent.mkdir()
    file.write_text(json.dumps(squad(answer, start)))
    record = snapshot(of("squad.translate-train", "en", "de"), data, None, True, tmp_path / "mt")
    rows = {row["id"]: row for row in rows_of(data, "squad.translate-train/de/train")}
    assert rows["q2"]["starts"] == [21]
    assert record["de/train.parquet"].get("dropped", 0) == (0 if expected else 1)
    assert ("q1" in rows) == (expected is not None)
    if expected is not None:
        assert (rows["q1"]["answers"], rows["q1"]["starts"]) == ([answer], [expected])


def test_two_files_of_a_language_and_none_are_named(data: Path, tmp_path: Path) -> None:
    task = of("xnli.translate-train", "sw")
    with pytest.raises(UserError, match=r"no file of xnli.translate-train in sw: expected a name"):
        snapshot(task, data, None, True, tmp_path / "data")
    put(tmp_path / "mt/en-sw-translated.tsv", five())
    put(tmp_path / "mt/en-sw.tsv", five())
    with pytest.raises(UserError, match=r"en-sw-translated.tsv and en-sw.tsv are both sw"):
        snapshot(task, data, None, True, tmp_path / "mt")


def test_files_of_other_kinds_and_tasks_are_passed_over(data: Path, tmp_path: Path) -> None:
    put(tmp_path / "mt/xnli.translate-train.en-sw.tsv", five())
    put(tmp_path / "mt/xnli.translate-test.sw.tsv", five("test"))
    put(tmp_path / "mt/pawsx.en-sw.tsv", [["a"] * 5])
    for name in ("xnli.translate-train", "xnli.translate-test"):
        snapshot(of(name, "en", "sw"), data, None, True, tmp_path / "mt")
    assert words(Path("hellaswag.ru.val500.jsonl")) == ["hellaswag", "ru", "val"]


def test_what_nobody_brought_leaves_a_note(data: Path) -> None:
    snapshot(find("mnli.id"), data, None, True)
    note = (data / "mnli.id/missing.txt").read_text()
    assert "mnli translated by a machine is on no hub: name a folder" in note
    assert "snapshot.sources.mnli.id" in note


def test_records_on_demand() -> None:
    task = find("mnli.id")
    assert (task.head, task.labels, task.base, task.languages) == ("pair", NLI, "mnli", ("id",))
    assert task.translated and task.is_trained and not task.is_target
    assert task.training == ("mnli.id/id/train.parquet",)
    assert task.development == find("mnli").development == "mnli/en/validation.parquet"
    every = find("xnli.translate-train")
    assert every.training[:2] == ("xnli/en/train.parquet", "xnli.translate-train/ar/train.parquet")
    assert len(every.training) == 15
    pseudo = find("xnli.pseudo")
    assert len(pseudo.languages) - 1 == 39 and pseudo.evaluated == "test" and pseudo.parallel
    assert (pseudo.trained_on, find("xquad.pseudo").trained_on) == ("xnli", "squad")
    assert find("xnli.translate-test").written_in == "en"
    assert find("hellaswag.translated").evaluated == "validation"
    assert len(LANGUAGES) == 40 and LANGUAGES[0] == "en"
    for name in ("mnli.en", "mnli.xx", "mnli.pseudo", "xquad.translate-train", "tatoeba.pseudo"):
        with pytest.raises(UserError, match="unknown translated set"):
            find(name)


def settings(*tasks: str) -> dict[str, Any]:
    return {"data": {"tasks": list(tasks)}}


def test_the_cell_of_the_base_evaluates_what_was_translated() -> None:
    names = ("mnli", "xnli", "xnli.translate-test", "xnli.pseudo", "squad", "xquad",
             "xquad.pseudo", "xnli.translate-train")  # fmt: skip
    study = settings(*names)
    evaluates = {name: params.task(study, name).evaluates() for name in names}
    assert evaluates["xnli"] == ("xnli", "xnli.translate-test", "xnli.pseudo")
    assert evaluates["squad"] == ("xquad", "xquad.pseudo")
    assert evaluates["xnli.translate-train"] == ("xnli", "xnli.pseudo")
    assert evaluates["mnli"] == evaluates["xnli.pseudo"] == ()
    assert params.task(settings("xnli"), "xnli").evaluates() == ("xnli",)


def test_parameters_of_a_translated_set_stand_inside_its_bases() -> None:
    section = {"epochs": 2, "xnli": {"epochs": 3, "translate-train": {"batch_size": 8}}}
    assert params.of_task(section, "xnli") == {"epochs": 3}
    assert params.of_task(section, "xnli.translate-train") == {"epochs": 3, "batch_size": 8}
    assert params.of_task(section, "mnli.id") == {"epochs": 2}
    assert params.at(section, "xnli.translate-train") == {"batch_size": 8}
    assert params.at(section, "mnli.id") is None


def test_a_plan_holds_translated_sets() -> None:
    from ruamel.yaml import YAML

    from stages.compose import compose

    study = YAML(typ="safe").load(compose("translated"))
    tasks, cells = plan(study)
    assert tasks["xnli"].evaluates() == ("xnli", "xnli.translate-test")
    assert {cell["intermediate"] for cell in cells} == {"none", "mnli", "mnli-en-id"}
    marked = {cell["intermediate"]: cell["same_data"] for cell in cells}
    assert marked["none"] == []
    assert marked["mnli"] == marked["mnli-en-id"] == ["xnli", "xnli.translate-test"]


@needs_mirror
@needs_mt
def test_real_translations_are_accepted_but_for_what_they_lack(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name, languages in (("xnli", ("en", "sw", "ur")), ("squad", ("en",)), ("mnli", ("en",)),
                            ("hellaswag", ("en",))):  # fmt: skip
        snapshot(of(name, *languages), data, MIRROR, True)
    expected = {
        "mnli.id": ({"id/train.parquet": 10_330}, True),
        "mnli.translated": ({"en/validation.parquet": 1_500, "id/validation.parquet": 2_158}, True),
        "squad.translated": ({"en/validation.parquet": 616, "es/validation.parquet": 6_583}, True),
        "hellaswag.translated": (
            {f"{code}/validation.parquet": 500 for code in ("en", "fa", "ru")}, True,
        ),
        # 232 rows of the Urdu set are the Urdu itself, in Latin letters
        "xnli.translate-test": ({f"{c}/test.parquet": 5_010 for c in ("en", "sw", "ur")}, False),
    }  # fmt: skip
    for name, (counts, accepted) in expected.items():
        languages = tuple(dict.fromkeys(file.partition("/")[0] for file in counts))
        task = of(name, *languages)
        record = snapshot(task, data, None, True, MT)
        assert {file: entry["rows"] for file, entry in record.items()} == counts
        verdict = validate.validate(task, data / name, {}, True)
        assert verdict.accepted is accepted, name
    assert [(one.file, one.rule.name, one.count) for one in verdict.findings("stop")] == [
        ("ur/test.parquet", "untranslated", 232)
    ]


def test_a_translator_comes_with_its_sentencepiece_files(tmp_path: Path) -> None:
    kept = {"config.json", "pytorch_model.bin", "sentencepiece.bpe.model", "vocab.json"}
    source = tmp_path / "mirror/owner/m2m"
    source.mkdir(parents=True)
    for name in (*kept, "README.md", "rust_model.ot"):
        (source / name).write_text(name)
    out = tmp_path / "translator"
    hub.snapshot_encoder("owner/m2m", "0" * 40, out, tmp_path / "mirror", hub.TRANSLATOR_FILES)
    assert {path.name for path in out.iterdir()} == kept
    with pytest.raises(UserError, match=r"expected a model with \*.safetensors weights"):
        hub.snapshot_encoder("owner/m2m", "0" * 40, tmp_path / "encoder", tmp_path / "mirror")
