"""Leakage between the sets of a study: found, followed by id, repaired, never invented."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import MIRROR, needs_mirror
from stages import leakage as stage
from stages.errors import UserError
from stages.guards import repair
from stages.guards.overlap import Part, overlaps
from stages.guards.read import read
from stages.tasks import find
from stages.tasks.schema import DATA, arrow

WORDS = (
    "the a train house night very late red old man went saw bought seven letters to from".split()
)


def pairs(count: int, seed: int, prefix: str = "") -> dict[str, list]:
    rng = random.Random(seed)
    return {
        "id": [f"{prefix}{n}" for n in range(count)],
        "sentence1": [" ".join(rng.choices(WORDS, k=14)) for _ in range(count)],
        "sentence2": [" ".join(rng.choices(WORDS, k=9)) for _ in range(count)],
        "label": [("entailment", "neutral", "contradiction")[n % 3] for n in range(count)],
    }


def save(path: Path, rows: dict[str, list], head: str = "pair") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(rows, schema=arrow(DATA[head])), path)


class Study:
    """MNLI and XNLI in three languages, on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[str, dict[str, list]] = {}
        xnli = find("xnli")
        for number, name in enumerate(
            ("mnli/en/train", "mnli/en/validation", "xnli/en/train", "xnli/en/validation")
        ):
            self.files[name] = pairs(200, number)
        english = pairs(100, 9)
        for language in xnli.languages:
            rows = dict(english)
            if language != "en":
                rows = pairs(100, 50 + xnli.languages.index(language)) | {"id": english["id"]}
            self.files[f"xnli/{language}/test"] = rows
        self.severity = "{}"

    def copy(self, source: tuple[str, int], target: tuple[str, int], change: str = "") -> None:
        for column in ("sentence1", "sentence2"):
            text = self.files[source[0]][column][source[1]]
            self.files[target[0]][column][target[1]] = text + change

    def run(self) -> dict:
        for name, rows in self.files.items():
            save(self.root / "data" / f"{name}.parquet", rows)
        (self.root / "params.yaml").write_text(
            "data: {tasks: [mnli, xnli]}\nintermediate: {tasks: [mnli]}\ntarget: {tasks: [xnli]}\n"
            f"validate: {{severity: {self.severity}}}\n"
        )
        stage.main()
        return self.verdict()

    def verdict(self) -> dict:
        return json.loads((self.root / "leakage" / "verdict.json").read_text())

    def dropped(self, task: str) -> list[repair.Row]:
        return repair.read(self.root / "leakage" / f"{task}.parquet")


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["leakage"])
    return Study(tmp_path)


def test_unrelated_sets_share_nothing(study: Study) -> None:
    verdict = study.run()
    assert verdict == {"accepted": True, "dropped": {}, "findings": []}
    assert study.dropped("mnli") == study.dropped("xnli") == []


def test_a_test_item_in_an_intermediate_training_set(study: Study) -> None:
    study.copy(("xnli/en/test", 7), ("mnli/en/train", 30))
    findings = study.run()["findings"]
    english = next(one for one in findings if one["file"] == "en/test.parquet")
    assert (english["rule"], english["severity"]) == ("test_in_train", "warn")
    assert (english["known"], english["task"]) == ("mnli", "xnli")
    assert (english["rows"], english["of"], english["exact"]) == (1, 100, 1)
    assert (english["example"]["row"], english["example"]["known_row"]) == (8, 31)
    # every other language holds the same item under the same id
    others = [one for one in findings if one is not english]
    assert {one["file"].partition("/")[0] for one in others} == set(find("xnli").languages) - {"en"}
    assert {(one["rows"], one["through_id"]) for one in others} == {(1, 1)}
    table = pq.read_table("leakage/pairs.parquet").to_pylist()
    assert len(table) == 15 and {row["id"] for row in table} == {"7"}
    assert sorted({row["through"] for row in table}) == ["id", "text"]


def test_a_near_copy_and_swapped_sides(study: Study) -> None:
    study.copy(("xnli/en/test", 7), ("mnli/en/train", 30), " again")
    mnli, xnli = study.files["mnli/en/train"], study.files["xnli/en/test"]
    mnli["sentence1"][40], mnli["sentence2"][40] = xnli["sentence2"][9], xnli["sentence1"][9]
    findings = study.run()["findings"]
    (english,) = [one for one in findings if one["file"] == "en/test.parquet"]
    assert (english["rows"], english["exact"], english["known_rows"]) == (2, 1, 2)


def test_an_untranslated_copy_in_another_language(study: Study) -> None:
    study.copy(("mnli/en/train", 30), ("xnli/de/test", 11))
    (found,) = study.run()["findings"]
    assert (found["file"], found["rows"], found["through_id"]) == ("de/test.parquet", 1, 0)


def test_many_exact_copies_stop(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    for row in range(11):
        study.copy(("xnli/en/test", row), ("xnli/en/train", row + 50))
    with pytest.raises(UserError) as caught:
        study.run()
    message = str(caught.value)
    assert (
        "data/xnli/en/test.parquet, row 1 (id 0): test_in_train [stop] (11 of 100 rows" in message
    )
    assert "14 other languages" in message and message.count("\n") == 2
    assert not study.verdict()["accepted"]


def test_repair_leaves_out_every_training_copy(study: Study) -> None:
    study.severity = "{test_in_train: repair, dev_in_train: repair}"
    for row in (50, 60):
        study.copy(("xnli/en/test", 3), ("xnli/en/train", row))
    study.copy(("xnli/en/validation", 5), ("xnli/en/train", 70), " too")
    verdict = study.run()
    assert verdict["dropped"] == {"xnli": 3}
    assert study.dropped("xnli") == [
        ("en/train.parquet", 51, "50", "test_in_train"),
        ("en/train.parquet", 61, "60", "test_in_train"),
        ("en/train.parquet", 71, "70", "dev_in_train"),
    ]
    assert study.dropped("mnli") == []


def test_a_task_may_have_its_own_severity(study: Study) -> None:
    study.severity = "{mnli: {test_in_train: repair}}"
    for task in ("mnli", "xnli"):
        study.copy(("xnli/en/test", 3), (f"{task}/en/train", 50))
    assert study.run()["dropped"] == {"mnli": 1}


def test_selection_on_test_items(study: Study) -> None:
    study.copy(("xnli/en/test", 3), ("xnli/en/validation", 8))
    found = {one["rule"] for one in study.run()["findings"]}
    assert found == {"test_in_dev"}


def test_another_task_changes_nothing_for_the_first(study: Study) -> None:
    """encode@mnli depends on leakage/mnli.parquet: its bytes must not change with xnli."""
    study.severity = "{test_in_train: repair}"
    study.copy(("xnli/en/test", 3), ("mnli/en/train", 50))
    study.run()
    first = Path("leakage/mnli.parquet").read_bytes()
    study.copy(("xnli/en/test", 4), ("xnli/en/train", 51))
    study.run()
    assert Path("leakage/mnli.parquet").read_bytes() == first


def test_a_broken_file_is_left_to_validate(
    study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    study.run()
    (study.root / "data/xnli/fr/test.parquet").write_bytes(b"PAR1 no")
    stage.main()
    assert "data/xnli/fr/test.parquet: not compared" in capsys.readouterr().out


def test_paragraphs_are_counted_once() -> None:
    rows = {
        "id": [f"q{n}" for n in range(10)],
        "context": [f"Paragraph number {n // 5} about the old mill in Ulm." for n in range(10)],
        "question": [f"Question {n}?" for n in range(10)],
    }
    import pandas as pd

    frame = pd.DataFrame(rows, index=pd.RangeIndex(1, 11))
    train = Part("squad", "span", "en/train.parquet", frame.head(5), "train")
    test = Part("xquad", "span", "en/validation.parquet", frame, "test")
    (found,) = overlaps(train, [test])
    exact = [one for one in found.leaked if one.similarity == 1]
    assert (len(exact), found.known_rows) == (5, [1, 2, 3, 4, 5])


def test_page_opens_without_a_network(study: Study) -> None:
    study.files["xnli/en/test"]["id"][7] = "<b>7"
    study.copy(("xnli/en/test", 7), ("mnli/en/train", 30))
    study.run()
    html = Path("leakage/index.html").read_text()
    assert "test_in_train" in html and "&lt;b&gt;7" in html and "<b>7" not in html
    assert "http" not in html and "<script" not in html


def test_kept_leaves_out_what_both_stages_name(tmp_path: Path) -> None:
    table = pa.table({"id": ["a", "b", "c", "d"]})
    one, other = tmp_path / "one.parquet", tmp_path / "other.parquet"
    repair.write([("en/train.parquet", 2, "b", "x"), ("en/test.parquet", 1, "a", "x")], one)
    repair.write([("en/train.parquet", 4, "d", "y"), ("en/train.parquet", 2, "b", "y")], other)
    missing = tmp_path / "none.parquet"
    assert repair.kept(table, "en/train.parquet", one, other, missing)["id"].to_pylist() == [
        "a",
        "c",
    ]
    assert repair.kept(table, "de/test.parquet", one, other).num_rows == 4


@needs_mirror
def test_xquad_paragraphs_in_the_squad_stand_in(tmp_path: Path) -> None:
    """78 of XQuAD's 240 paragraphs: 63 in its training part, the others in its development part."""
    from dataclasses import replace

    from stages.snapshot import snapshot

    xquad = replace(find("xquad"), languages=("en", "th"))
    for task in (find("squad"), xquad):
        snapshot(task, tmp_path, MIRROR, accept_stand_ins=True)
    parts = [
        *stage.parts_of(find("squad"), tmp_path / "squad", True),
        *stage.parts_of(xquad, tmp_path / "xquad", False),
    ]
    found = stage.leakage(parts)
    english = [one for one in found if one.asked.file == "en/validation.parquet"]
    assert {(one.rule.name, one.known.file): one.texts for one in english} == {
        ("test_in_train", "en/train.parquet"): 63,
        ("test_in_dev", "en/validation.parquet"): 15,
    }
    thai = [one for one in found if one.asked.file == "th/validation.parquet"]
    rows = len(read(tmp_path / "xquad/en/validation.parquet").rows)
    assert sum(len(one.leaked) for one in thai) == sum(len(one.leaked) for one in english) < rows


def test_what_a_variant_trains_on_is_a_training_set_too() -> None:
    variants = {"all": {"tasks": ["squad2", "csqa"]}, "mnli-mlm": {"tasks": ["mnli"], "mlm": {}}}
    settings = {"intermediate": {"tasks": ["qqp"], "variants": variants}, "target": {"tasks": []}}
    assert stage.trained_on(settings) == {"qqp", "squad2", "csqa", "mnli"}
    del settings["intermediate"]["variants"]
    assert stage.trained_on(settings) == {"qqp"}
