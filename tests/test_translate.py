"""The stage: a training set in another language, labels kept, noise rejected."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.seq2seq import tiny_m2m
from stages import params, snapshot, translate, validate
from stages.compose import compose
from stages.errors import UserError
from stages.tasks import find, schema
from stages.translating import translator

LABELS = ("entailment", "neutral", "contradiction")
NOUNS = ("train", "old ship", "mayor", "boy with the red hat", "girl", "doctor", "farmer")


def english(number: int) -> dict[str, str]:
    noun = NOUNS[number % 7]
    return {
        "id": f"e{number}",
        "sentence1": f"The {noun} from house {100 + number} came much too late this evening. "
        "Nobody was there.",
        "sentence2": f"The {noun} came after {500 + number} others.",
        "label": LABELS[number % 3],
    }


def write(folder: Path, task: str, rows: list[dict[str, Any]]) -> None:
    path = folder / "data" / task / "en" / "train.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema.arrow(schema.DATA[find(task).head])), path)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with params.yaml and English pairs, as the working directory."""
    (tmp_path / "params.yaml").write_text(compose("sample"))
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "mnli", [english(n) for n in range(160)])
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["translate", *arguments])
    translate.main()


GERMAN = {
    "The ": "Der ", "train": "Zug", "old ship": "alte Kahn", "mayor": "Bürgermeister",
    "boy with the red hat": "Junge mit dem roten Hut", "girl": "Lehrer", "doctor": "Arzt",
    "farmer": "Bauer", " from house ": " aus dem Haus ", " came after ": " kam nach ",
    " came much too late this evening": " kam heute Abend viel zu spät", " others": " anderen",
    "Nobody was there": "Niemand war dort",
    "Rain fell on": "Regen fiel auf", "Who saw it": "Wer hat das gesehen",
    " saw all of it from the tower": " sah das alles vom Turm aus",
    " the town for ": " die Stadt an ", " days": " Tagen",
}  # fmt: skip


def into_german(text: str) -> str:
    for ours, theirs in sorted(GERMAN.items(), key=lambda pair: -len(pair[0])):
        text = text.replace(ours, theirs)
    return text


class Honest:
    """A translator by a list of words, in place of a network."""

    cut = 0
    asked: ClassVar[list[str]] = []

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def translate(self, sentences: list[str], memory: Any, name: str) -> None:
        wanted = [s for s in dict.fromkeys(sentences) if memory.get(s) is None]
        Honest.asked += wanted
        memory.add(wanted, [into_german(text) for text in wanted])


@pytest.fixture
def honest(monkeypatch: pytest.MonkeyPatch) -> None:
    Honest.asked = []
    monkeypatch.setattr(translator, "load", lambda *_: (None, None))
    monkeypatch.setattr(translator, "identity", lambda *_, **__: "honest")
    monkeypatch.setattr(translator, "Translator", Honest)


@pytest.mark.usefixtures("honest")
def test_a_translation_becomes_a_task(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, "mnli", "de")
    folder = study / "translations" / "mnli.de"
    rows = pq.read_table(folder / "mnli.de.train.parquet").to_pylist()
    assert [row["label"] for row in rows] == [english(n)["label"] for n in range(160)]
    assert rows[1] == {
        "id": "e1",
        "sentence1": "Der alte Kahn aus dem Haus 101 kam heute Abend viel zu spät. Niemand war "
        "dort.",
        "sentence2": "Der alte Kahn kam nach 501 anderen.",
        "label": "neutral",
    }
    assert json.loads((folder / "verdict.json").read_text())["accepted"]
    task = find("mnli.de")
    snapshot.snapshot(task, study / "data", None, True, folder)
    taken = pq.read_table("data/mnli.de/de/train.parquet").to_pylist()
    assert taken == rows
    source = pq.read_table("data/mnli.de/de/train.source.parquet").to_pylist()
    assert source[1] == english(1)
    assert validate.validate(task, study / "data/mnli.de", {}, True).accepted


@pytest.mark.usefixtures("honest")
def test_what_another_task_translated_is_not_translated_again(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, "mnli", "de")
    before = len(Honest.asked)
    pairs = [{**english(n), "label": ("duplicate", "not_duplicate")[n % 2]} for n in range(161)]
    write(study, "qqp", pairs)
    run(monkeypatch, "qqp", "de")
    assert Honest.asked[before:] == [
        "The doctor from house 260 came much too late this evening.".replace("doctor", NOUNS[6]),
        f"The {NOUNS[6]} came after 660 others.",
    ]


def questions() -> list[dict[str, Any]]:
    rows = []
    for n in range(160):
        context = (
            f"Rain fell on the town for {100 + n} days. The mayor saw all of it from the tower."
        )
        rows.append({
            "id": f"q{n}", "context": context, "question": f"Who saw it {300 + n}?",
            "answers": ["mayor"], "starts": [context.index("mayor")],
        })  # fmt: skip
    return rows


@pytest.mark.usefixtures("honest")
def test_answers_are_found_again_or_dropped_and_counted(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = questions()
    # over the end of a sentence: no mark can hold it
    rows[7] |= {"answers": ["days. The"], "starts": [rows[7]["context"].index("days")]}
    write(study, "squad", rows)
    run(monkeypatch, "squad", "de")
    assert "159 rows, 1 dropped with all of their answers, 1 of 160" in capsys.readouterr().out
    found = pq.read_table("translations/squad.de/squad.de.train.parquet").to_pylist()
    assert len(found) == 159 and "q7" not in {row["id"] for row in found}
    assert found[0]["answers"] == ["Bürgermeister"]
    for row in found:
        assert row["context"].startswith(row["answers"][0], row["starts"][0])
    record = json.loads(Path("translations/squad.de/record.json").read_text())
    assert (record["rows_dropped"], record["answers"], record["answers_dropped"]) == (1, 159, 1)


def test_noise_is_rejected_and_kept_apart(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_m2m(study / "translator", [english(n)["sentence1"] for n in range(160)])
    with pytest.raises(UserError, match=r"the translation mnli\.id is rejected, nothing trains"):
        run(monkeypatch, "mnli", "id")
    assert not (study / "translations" / "mnli.id").exists()
    verdict = json.loads((study / "translations/rejected/mnli.id/verdict.json").read_text())
    assert not verdict["accepted"]
    lines = next((study / ".state/translations").rglob("*.jsonl")).read_bytes()
    assert lines.count(b"\n") == 321  # 160 first sentences, one that all share, 160 others


def test_questions_through_a_model_lose_their_answers_and_are_counted(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = questions()
    for row in rows[:40]:  # SQuAD v2's kind, which has none to lose
        row |= {"answers": [], "starts": []}
    write(study, "squad2", rows)
    tiny_m2m(study / "translator", [f"{row['context']} {row['question']}" for row in rows])
    with pytest.raises(UserError, match=r"the translation squad2\.id is rejected"):
        run(monkeypatch, "squad2", "id")
    assert "40 rows, 120 dropped with all of their answers, 120 of 120" in capsys.readouterr().out
    folder = study / "translations/rejected/squad2.id"
    record = json.loads((folder / "record.json").read_text())
    assert (record["rows"], record["rows_dropped"]) == (40, 120)
    assert (record["answers"], record["answers_dropped"]) == (0, 120)
    found = pq.read_table(folder / "squad2.id.train.parquet").to_pylist()
    assert [row["id"] for row in found] == [row["id"] for row in rows[:40]]


def test_questions_that_all_lose_their_answers_leave_nothing(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(study, "squad", questions())
    tiny_m2m(study / "translator", [f"{row['context']} {row['question']}" for row in questions()])
    with pytest.raises(UserError, match=r"squad\.id: none of the 160 questions kept an answer"):
        run(monkeypatch, "squad", "id")
    assert not (study / "translations").exists()


def test_a_killed_translation_goes_on_from_half_a_line(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_m2m(study / "translator", [english(n)["sentence1"] for n in range(160)])

    def again() -> tuple[bytes, bytes, str]:
        with pytest.raises(UserError, match="is rejected"):
            run(monkeypatch, "mnli", "id")
        kept = next((study / ".state/translations").rglob("*.jsonl"))
        table = study / "translations/rejected/mnli.id/mnli.id.train.parquet"
        return kept.read_bytes(), table.read_bytes(), capsys.readouterr().out

    lines, table, _ = again()
    kept = next((study / ".state/translations").rglob("*.jsonl"))
    kept.write_bytes(b"".join(lines.splitlines(keepends=True)[:200]) + lines[-31:-9])
    resumed, same, said = again()
    assert sorted(resumed.splitlines()) == sorted(lines.splitlines())
    assert same == table
    assert "line 201: half a line of a run that was killed" in said
    assert "121 sentences, 200 more are known" in said


def test_what_cannot_be_translated_is_refused(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="panx cannot be translated"):
        run(monkeypatch, "panx", "de")
    with pytest.raises(UserError, match=r"language 'xx': expected one of XTREME's"):
        run(monkeypatch, "mnli", "xx")
    with pytest.raises(UserError, match=r"Take the snapshot of squad first"):
        run(monkeypatch, "squad", "de")
    with pytest.raises(UserError, match=r"translator: expected a translation model"):
        run(monkeypatch, "mnli", "de")
    tiny_m2m(study / "translator", [english(n)["sentence1"] for n in range(160)])
    with pytest.raises(UserError, match="no token for eu"):
        run(monkeypatch, "mnli", "eu")
    assert not (study / ".state").exists()
    assert params.read()["translate"]["tasks"] == []
