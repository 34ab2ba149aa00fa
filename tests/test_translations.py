"""Translated files: every layout is read, what is wrong is found, honest translations pass."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from conftest import MIRROR
from stages import translations as stage
from stages.errors import UserError
from stages.guards import read, translated
from stages.guards.translated import load
from stages.guards.translated_set import numbered

MT = MIRROR.parent / "corpora" / "mt"
needs_mt = pytest.mark.skipif(not MT.is_dir(), reason="needs the machine-translated sets")
LABELS = ("entailment", "neutral", "contradiction")


def german(number: int) -> tuple[str, str]:
    return (
        f"Der Zug mit der Nummer {100 + number} kam heute Abend viel zu spät an.",
        f"Der Zug {100 + number} war heute Abend nicht pünktlich.",
    )


def english(number: int) -> tuple[str, str]:
    return (
        f"The train with the number {100 + number} arrived much too late this evening.",
        f"Train {100 + number} was not on time this evening.",
    )


def train_lines(count: int = 150) -> list[list[str]]:
    """XTREME's translate-train: source pair, translated pair, label."""
    return [[*english(n), *german(n), LABELS[n % 3]] for n in range(count)]


def write_tsv(path: Path, rows: list[list[str]]) -> Path:
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return path


def rules(path: Path, code: str = "de", source: Path | None = None) -> dict[str, tuple[str, int]]:
    found = load(path, code)
    other = load(source, "en").rows if source else None
    verdict = stage.judge(path.name, found, code, {}, other)
    return {one.rule.name: (one.severity, one.count) for one in verdict.outcomes if one.severity}


def test_five_columns_without_a_header(tmp_path: Path) -> None:
    path = write_tsv(tmp_path / "en-de.tsv", train_lines())
    found = load(path, "de")
    assert found.head == "pair" and len(found.rows) == 150
    assert found.rows.loc[1].tolist() == ["1", *german(0), "entailment"]
    assert found.source is not None
    assert found.source.loc[2].tolist() == ["2", *english(1), "neutral"]
    assert rules(path) == {}


def test_a_header_names_the_columns(tmp_path: Path) -> None:
    rows = [["label", "sentence1_en", "sentence2_en", "sentence1_de", "sentence2_de"]]
    rows += [[LABELS[n % 3], *english(n), *german(n)] for n in range(150)]
    path = write_tsv(tmp_path / "test.tsv", rows)
    assert load(path, "de").rows["sentence1"][1] == german(0)[0]
    back = load(path, "en")  # translate-test: the English columns are the translation
    assert back.rows["sentence1"][1] == english(0)[0]
    assert back.source is not None and back.source["sentence2"][1] == german(0)[1]
    assert rules(path) == {}


def test_the_label_of_translated_xnli_is_mapped_by_name(tmp_path: Path) -> None:
    rows = [[*row[:4], "contradictory" if row[4] == "contradiction" else row[4]]
            for row in train_lines()]  # fmt: skip
    assert set(load(write_tsv(tmp_path / "x.tsv", rows), "de").rows["label"]) == set(LABELS)


def test_half_a_source_is_none(tmp_path: Path) -> None:
    rows = [["label", "sentence1_en", "xentence2_en", "sentence1_de", "sentence2_de"]]
    rows += [["neutral", *english(n), *german(n)] for n in range(9)]
    found = load(write_tsv(tmp_path / "x.tsv", rows), "de")
    assert found.source is None and len(found.rows) == 9


def set_cell(row: int, column: int, text: str):  # type: ignore[no-untyped-def]
    def change(rows: list[list[str]]) -> None:
        rows[row - 1][column] = text

    return change


def copies(rows: list[list[str]]) -> None:
    for row in rows[:5]:
        row[2:4] = row[0:2]


def shifted(rows: list[list[str]]) -> None:
    targets = [row[2:4] for row in rows]
    for row, target in zip(rows, targets[1:] + targets[:1], strict=True):
        row[2:4] = target


def repeated(rows: list[list[str]]) -> None:
    for row in rows[10:16]:
        row[3] = "Das ist immer wieder derselbe Satz."


@pytest.mark.parametrize(
    ("change", "rule", "count"),
    [
        (set_cell(7, 2, ""), "no_empty_sides", 1),
        (set_cell(7, 2, "NS"), "placeholders", 1),
        (set_cell(7, 4, "neutrall"), "label_set", 1),
        (set_cell(7, 2, "Der Zug."), "length_ratio", 1),
        (set_cell(7, 2, "Der Zug kam heute " * 30), "length_ratio", 1),
        (set_cell(7, 2, german(6)[0].replace("106", "")), "numbers_kept", 1),
        (set_cell(7, 2, "Ð¡Ð¿Ð°Ñ\x81Ð¸Ð±Ð¾"), "mojibake", 1),
        (copies, "untranslated", 5),
        (shifted, "numbers_follow", 150),
        (repeated, "repeated_output", 6),
    ],
)
def test_damage_is_found(tmp_path: Path, change, rule: str, count: int) -> None:  # type: ignore[no-untyped-def]
    rows = train_lines()
    change(rows)
    found = rules(write_tsv(tmp_path / "en-de.tsv", rows))
    assert rule in found and found[rule][1] == count


def test_a_line_broken_in_two_is_found_with_its_number(tmp_path: Path) -> None:
    rows = train_lines()
    rows[6][2] = "Der Zug mit\nder Nummer 106 kam."
    found = load(write_tsv(tmp_path / "en-de.tsv", rows), "de")
    assert found.count_broken == 2 and [one.row for one in found.broken] == [7, 8]
    assert rules(tmp_path / "en-de.tsv")["well_formed_lines"] == ("stop", 2)


def test_quotes_and_blanks_are_text(tmp_path: Path) -> None:
    rows = train_lines()
    rows[3][2] = '" Der Zug kam.'
    rows[4][2] = "Der Zug kam "
    table = load(write_tsv(tmp_path / "x.tsv", rows), "de").rows
    assert (table["sentence1"][4], table["sentence1"][5]) == ('" Der Zug kam.', "Der Zug kam ")


def squad(lost: int = 0) -> dict:
    questions = [
        {
            "id": f"q{n}",
            "question": f"Wann brannte die Mühle Nummer {n}?",
            "answers": [{"text": "", "answer_start": -1}]
            if n < lost
            else [{"text": "1903", "answer_start": 8}],
        }
        for n in range(20)
    ]
    paragraph = {"context": "Im Jahr 1903 brannte die Mühle in Ulm ab.", "qas": questions}
    return {"version": "1.1", "data": [{"title": "Ulm", "paragraphs": [paragraph]}]}


@pytest.mark.parametrize(("lost", "severity"), [(0, None), (3, "warn"), (15, "stop")])
def test_answers_lost_in_translation(tmp_path: Path, lost: int, severity: str | None) -> None:
    path = tmp_path / "squad.de.json"
    path.write_text(json.dumps(squad(lost)))
    found = rules(path)
    assert found.get("lost_answers", (None,))[0] == severity
    assert "answer_in_context" not in found


def test_a_moved_answer_stops(tmp_path: Path) -> None:
    content = squad()
    content["data"][0]["paragraphs"][0]["qas"][4]["answers"][0]["answer_start"] = 9
    path = tmp_path / "squad.de.json"
    path.write_text(json.dumps(content))
    assert rules(path)["answer_in_context"] == ("stop", 1)


def hellaswag(path: Path, texts: str, label: int = 1) -> Path:
    rows = [
        {
            "context": f"{texts} {n}.",
            "endings": [f"{texts} {c} {n}." for c in "abcd"],
            "label": label,
        }
        for n in range(20)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_rows_that_are_numbered_from_another_start_meet_by_their_place() -> None:
    assert numbered(pd.Series(["9", "10", "11"]))
    assert not numbered(pd.Series(["9", "11"])) and not numbered(pd.Series(["7n"]))


def test_a_file_without_ids_meets_its_source_by_row(tmp_path: Path) -> None:
    head = ["sentence1", "sentence2", "label"]
    path = write_tsv(tmp_path / "de.tsv", [head, *([*german(n), LABELS[n % 3]] for n in range(60))])
    found = load(path, "de")
    assert found.rows["id"].iloc[0] == "2"  # its line
    rows = [(str(n), *english(n), LABELS[n % 3]) for n in range(60)]
    source = pd.DataFrame(rows, columns=["id", *head])
    verdict = stage.judge("de.tsv", found, "de", {}, source)
    assert [one.rule.name for one in verdict.outcomes if one.severity] == []


def test_multiple_choice_against_its_source_by_row(tmp_path: Path) -> None:
    source = hellaswag(tmp_path / "en.jsonl", "She opened the old door of the house and went in")
    target = hellaswag(tmp_path / "de.jsonl", "Sie machte die alte Tür des Hauses auf und ging")
    assert rules(target, source=source) == {}
    hellaswag(target, "Sie machte die alte Tür des Hauses auf und ging", label=2)
    assert rules(target, source=source)["parallel_labels"] == ("stop", 20)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.tsv", b"\x89PNG\r\n\x1a\n" * 9, "utf-8"),
        ("a.tsv", b"", "no line"),
        ("a.tsv", b"one cell\n", "1 cells in the first line"),
        ("a.tsv", b"label\tsentence1_fr\n", "no column sentence1_de"),
        ("a.jsonl", b"not json\n", "not json"),
        ("a.jsonl", b'{"sentence1": 3}\n', "sentence1 is no text"),
        ("a.json", b"[1, 2]", "not SQuAD's layout"),
        ("a.json", b'{"data": []}', "no question"),
        ("a.json", b"[" * 100_000, ""),
        ("a.parquet", b"PAR1", "readable"),
        ("a.csv", b"a,b", "the ending .csv"),
    ],
)
def test_files_that_are_nothing_of_the_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["translations", name, "--language", "de"])
    with pytest.raises(UserError) as caught:
        stage.main()
    assert name in str(caught.value) and says.casefold() in str(caught.value).casefold()


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translated, "MAX_LINE", 1_000)
    (tmp_path / "a.tsv").write_bytes(b"x" * 5_000)
    with pytest.raises(read.Unreadable, match="longer than 1000 bytes"):
        load(tmp_path / "a.tsv", "de")


def test_the_command_writes_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = train_lines()
    rows[6][2] = "NS"
    write_tsv(tmp_path / "en-de.tsv", rows)
    monkeypatch.setattr(sys, "argv", ["translations", "en-de.tsv", "--language", "de"])
    stage.main()
    assert "en-de.tsv, row 7 (id 7): placeholders [warn]" in capsys.readouterr().out
    folder = Path("validation/translations/en-de.tsv")
    assert json.loads((folder / "verdict.json").read_text())["accepted"]
    assert "http" not in (folder / "index.html").read_text()


@needs_mt
def test_real_translations() -> None:
    """What the published sets hold: checked by hand once."""
    found = rules(MT / "mnli.id.dev.jsonl", "id")
    assert found["label_set"] == ("stop", 40)  # gold_label "-"
    found = rules(MT / "xnli.translate-test.ur.tsv", "en")
    assert found["untranslated"] == ("stop", 232)  # Urdu in Latin letters, copied
    found = rules(MT / "squad.es.dev.json", "es")
    assert found["lost_answers"] == ("warn", 2355) and "answer_in_context" not in found
    found = rules(MT / "hellaswag.ru.val500.jsonl", "ru", MT / "hellaswag.en.val500.jsonl")
    assert not [rule for rule, (severity, _) in found.items() if severity != "note"]
