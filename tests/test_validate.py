"""Every kind of damage is found, named with file, row and rule, and stops; clean data passes."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from stages import validate as stage
from stages.errors import UserError
from stages.tasks import Task, find
from stages.validate import Verdict

LABELS = ("entailment", "neutral", "contradiction")
ROWS = 30
HUB = Path(__file__).parents[2] / "shared" / "hub"

GERMAN = ("Der Zug mit der Nummer {} kam heute spät.", "Zug {} war pünktlich am Ort.")
FRENCH = ("Le train numéro {} est arrivé en retard.", "Le train {} est arrivé à l'heure.")

Damage = Callable[[pd.DataFrame], pd.DataFrame]


def english(rows: int, split: str) -> pd.DataFrame:
    numbers = range(rows)
    return pd.DataFrame(
        {
            "id": [str(number) for number in numbers],
            "sentence1": [f"The {split} train number {number} was late." for number in numbers],
            "sentence2": [f"Train {number} arrived on time." for number in numbers],
            "label": [LABELS[number * 7 % 5 % 3] for number in numbers],
        }
    )


class Study:
    """A small copy of XNLI's shape in three languages, with the stage pointed at it."""

    task: Task

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "data" / "xnli"
        self.fill(ROWS)
        self.params("")

    def fill(self, rows: int, languages: tuple[str, ...] = ("en", "de", "fr")) -> None:
        xnli = find("xnli")
        splits = {"train": "train", "test": "test"}
        self.task = task = replace(
            xnli,
            languages=languages,
            rows=dict.fromkeys(splits, rows),
            sources=(replace(xnli.source, splits=splits),),
        )
        files = {}
        for language, split in task.files():
            frame = english(rows, split)
            if language != "en":
                first, second = FRENCH if language == "fr" else GERMAN
                frame["sentence1"] = [first.format(number) for number in range(rows)]
                frame["sentence2"] = [second.format(number) for number in range(rows)]
            self.save(f"{language}/{split}", frame)
            files[f"{language}/{split}.parquet"] = {"rows": rows, "expected": rows}
        self.record = {
            "repository": task.source.repository,
            "revision": task.source.revision,
            "files": files,
        }
        self.save_record()

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"

    def save(self, name: str, frame: pd.DataFrame) -> None:
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(self.path(name), index=False)

    def damage(self, name: str, change: Damage) -> None:
        frame = pd.read_parquet(self.path(name))
        changed = change(frame)
        self.save(name, frame if changed is None else changed)

    def save_record(self) -> None:
        (self.folder / "snapshot.json").write_text(json.dumps(self.record))

    def params(self, validate: str, accept: bool = False) -> None:
        text = f"snapshot:\n  accept_stand_ins: {str(accept).lower()}\n{validate}"
        (self.root / "params.yaml").write_text(text)

    def run(self) -> dict:
        """Run the stage; return the verdict, whichever way it went."""
        stage.main()
        return self.verdict()

    def verdict(self, rejected: bool = False) -> dict:
        folder = self.root / "validation" / ("rejected" if rejected else "")
        return json.loads((folder / self.task.name / "verdict.json").read_text())

    def rejection(self) -> str:
        with pytest.raises(UserError) as caught:
            stage.main()
        return str(caught.value)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    made = Study(tmp_path)
    monkeypatch.setattr(stage.params, "task", lambda settings, name: made.task)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["validate", "xnli"])
    return made


def put(column: str, row: int, value: object) -> Damage:
    """Damage that puts `value` into `row` (from 1) of `column`."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame[column] = frame[column].astype(object)
        frame.loc[row - 1, column] = value
        return frame

    return change


def test_clean_data_is_accepted(study: Study) -> None:
    verdict = study.run()
    assert verdict["accepted"] and verdict["findings"] == []
    assert verdict["rows"] == 4 * ROWS
    assert set(verdict["data"]) == {
        f"{name}.parquet" for name in ("en/train", "en/test", "de/test", "fr/test")
    }
    assert all(re.fullmatch("[0-9a-f]{64}", entry["sha256"]) for entry in verdict["data"].values())
    results = json.loads(Path("validation/xnli/expectations.json").read_text())
    assert all(result["success"] for suite in results.values() for result in suite)
    assert {"files", "rows of all files", "pairs with English"} == set(results)
    kinds = {result["expectation_config"]["type"] for result in results["rows of all files"]}
    assert "expect_compound_columns_to_be_unique" in kinds


def test_equal_data_gives_equal_bytes(study: Study) -> None:
    study.run()

    def written() -> dict[str, bytes]:
        files = [path for path in Path("validation/xnli").rglob("*") if path.is_file()]
        return {path.name: path.read_bytes() for path in files}

    first = written()
    study.run()
    assert first == written()
    assert set(first) == {
        "index.html", "expectations.json", "verdict.json", "dropped.parquet",
        "files.html", "rows-of-all-files.html", "pairs-with-English.html",
    }  # fmt: skip


def blank_label(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(label="neutral")


def swapped(frame: pd.DataFrame) -> pd.DataFrame:
    order = list(range(len(frame)))
    order[10], order[11] = order[11], order[10]
    return frame.iloc[order]


def renumbered_shift(frame: pd.DataFrame) -> pd.DataFrame:
    """One row dropped, the last repeated, ids given anew: only the labels tell."""
    moved = frame.drop(index=4).reset_index(drop=True)
    moved = pd.concat([moved, moved.tail(1)], ignore_index=True)
    return moved.assign(id=frame["id"])


# kind of damage, change, and what the message must say: row, rule, what was found
DAMAGES: list[tuple[str, Damage, str]] = [
    ("null", put("sentence2", 7, None), "row 7 (id 6): no_nulls"),
    ("null label", put("label", 7, None), "row 7 (id 6): no_nulls"),
    ("null id", put("id", 7, None), "row 7"),
    ("empty side", put("sentence1", 3, ""), "row 3 (id 2): no_empty_sides"),
    ("blank side", put("sentence1", 3, " \u00a0\t"), "row 3 (id 2): no_empty_sides"),
    ("zero width", put("sentence2", 3, "\u200b\ufeff"), "row 3 (id 2): no_empty_sides"),
    ("unknown label", put("label", 9, "contradictory"), "label 'contradictory'"),
    ("label index", put("label", 9, "2"), "label '2'"),
    ("other case", put("label", 9, "Neutral"), "label 'Neutral'"),
    ("constant label", blank_label, "every_label [stop]: expected each of"),
    ("repeated id", put("id", 5, "20"), "row 5 (id 20): unique_ids"),
    ("foreign id", put("id", 5, "x5"), "row 5 (id x5): parallel_ids"),
    ("row missing", lambda frame: frame.drop(index=4), "expected 30 rows; found 29"),
    ("row added", lambda frame: pd.concat([frame, frame.tail(1)]), "found 31"),
    ("no rows", lambda frame: frame.head(0), "expected 30 rows; found 0"),
    ("order", swapped, "row 11 (id 11): parallel_order"),
    ("shift", renumbered_shift, "parallel_labels"),
    ("wrong label", put("label", 2, LABELS[0]), "label_en 'contradiction'"),
    ("renamed column", lambda frame: frame.rename(columns={"sentence1": "premise"}),
     "found id, premise, sentence2, label"),
    ("column order", lambda frame: frame[["label", *frame.columns[:3]]],
     "expected the columns id, sentence1, sentence2, label; found label, id"),
    ("extra column", lambda frame: frame.assign(genre="x"), "label, genre"),
    ("integer labels", lambda frame: frame.assign(label=1),
     "expected strings in column label; found int64"),
    ("nested lists",
     lambda frame: frame.assign(sentence1=[[text] for text in frame["sentence1"]]),
     "types [stop]"),
    ("bytes",
     lambda frame: frame.assign(sentence1=[text.encode() for text in frame["sentence1"]]),
     "types [stop]"),
]  # fmt: skip


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Verdict, list[str]]:
    """A study in which each file of another language is damaged in one way, judged once."""
    study = Study(tmp_path_factory.mktemp("damaged"))
    study.fill(ROWS, ("en", "de", *(f"d{number}" for number in range(len(DAMAGES)))))
    for number, (_, change, _) in enumerate(DAMAGES):
        study.damage(f"d{number}/test", change)
    verdict = stage.validate(study.task, study.folder, {}, accept_stand_ins=False)
    return verdict, [outcome.as_line("data/xnli") for outcome in verdict.findings("stop")]


@pytest.mark.parametrize("number", range(len(DAMAGES)), ids=[row[0] for row in DAMAGES])
def test_damage_is_found_and_named(damaged: tuple[Verdict, list[str]], number: int) -> None:
    lines = [line for line in damaged[1] if line.startswith(f"data/xnli/d{number}/test.parquet")]
    assert any(DAMAGES[number][2] in line for line in lines), lines
    assert not any("Traceback" in line or "\n" in line for line in lines)


def test_damage_is_found_nowhere_else(damaged: tuple[Verdict, list[str]]) -> None:
    verdict, lines = damaged
    assert not verdict.accepted
    assert not [line for line in lines if not line.startswith("data/xnli/d")]
    assert not [line for line in lines if line.startswith("data/xnli/de/")]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "readable [stop]"),
        (b"\x89PNG\r\n\x1a\n" * 20, "readable [stop]"),
        (b"PAR1" + b"\xff" * 60 + b"PAR1", "readable [stop]"),
    ],
    ids=["empty", "png", "garbage"],
)
def test_bytes_that_are_not_parquet(study: Study, content: bytes, says: str) -> None:
    study.path("de/test").write_bytes(content)
    message = study.rejection()
    assert "data/xnli/de/test.parquet: readable" in message and says in message
    assert "take the snapshot again" in message


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_truncated_parquet(study: Study, share: float) -> None:
    whole = study.path("fr/test").read_bytes()
    study.path("fr/test").write_bytes(whole[: int(len(whole) * share)])
    assert "data/xnli/fr/test.parquet: readable [stop]" in study.rejection()


def test_invalid_utf8(study: Study) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(study.path("de/test"))
    broken = pa.array([b"\xff\xfe"] * table.num_rows).view(pa.string())
    pq.write_table(table.set_column(1, "sentence1", broken), study.path("de/test"))
    message = study.rejection()
    assert "data/xnli/de/test.parquet: readable [stop]" in message and "UTF8" in message


def test_language_without_data(study: Study) -> None:
    study.path("fr/test").unlink()
    message = study.rejection()
    assert "data/xnli/fr/test.parquet: file_present [stop]" in message
    assert "no such file" in message and "dvc pull" in message


def test_task_without_data(study: Study) -> None:
    study.folder.rename(study.root / "elsewhere")
    assert "data/xnli not found" in study.rejection()
    assert not Path("validation").exists()


def test_english_broken_still_judges_the_others(study: Study) -> None:
    study.path("en/test").write_bytes(b"no")
    study.damage("de/test", put("label", 9, "maybe"))
    message = study.rejection()
    assert "en/test.parquet: readable" in message and "label 'maybe'" in message


def test_rejected_report_replaces_the_accepted_one(study: Study) -> None:
    study.run()
    whole = study.path("de/test").read_bytes()
    study.damage("de/test", put("label", 3, "<script>"))
    message = study.rejection()
    page = Path("validation/rejected/xnli/index.html")
    assert f"report: {page}" in message
    html = page.read_text()
    assert "rejected" in html and "row 3 (id 2)" in html and "label_set" in html
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert not re.search(r"https?://|<link|<img|src=", html)  # opens without a network
    assert not Path("validation/xnli").exists()
    study.path("de/test").write_bytes(whole)
    assert study.run()["accepted"]
    assert not page.exists()


def test_one_line_a_problem(study: Study) -> None:
    study.damage("en/train", put("label", 3, "maybe"))
    study.damage("fr/test", put("sentence1", 4, ""))
    problems = [line for line in study.rejection().splitlines() if "[stop]" in line]
    assert len(problems) == 2


def test_page_marks_every_language(study: Study) -> None:
    study.damage("fr/test", put("label", 9, "maybe"))
    study.rejection()
    html = Path("validation/rejected/xnli/index.html").read_text()
    for language, kind in (("en", "pass"), ("de", "pass"), ("fr", "stop")):
        assert f'class="{kind}" title="{language}, label_set: {kind}"' in html


def shrink(study: Study, name: str, rows: int) -> None:
    study.damage(name, lambda frame: frame.head(rows))
    study.record["files"][f"{name}.parquet"]["rows"] = rows
    study.save_record()


def test_stand_in_needs_consent(study: Study) -> None:
    shrink(study, "en/train", 20)
    message = study.rejection()
    assert "en/train.parquet: row_count [stop]" in message
    assert "expected 30 rows; found 20" in message and "accept_stand_ins: true" in message


def test_accepted_stand_in_is_a_note(study: Study) -> None:
    shrink(study, "en/train", 20)
    study.params("", accept=True)
    (finding,) = study.run()["findings"]
    assert (finding["rule"], finding["severity"]) == ("stand_in", "note")
    assert finding["expected"] == "30 rows" and finding["example"] == "20"


def test_stand_in_must_have_the_rows_of_its_snapshot(study: Study) -> None:
    shrink(study, "en/train", 20)
    study.damage("en/train", lambda frame: frame.head(19))
    study.params("", accept=True)
    assert "expected the 20 rows that the snapshot recorded; found 19" in study.rejection()


def test_few_missing_parallel_ids_of_a_stand_in_are_a_note(study: Study) -> None:
    study.fill(200)
    study.damage("en/test", lambda frame: frame.drop(index=[3, 50]))
    study.record["files"]["en/test.parquet"]["rows"] = 198
    study.save_record()
    study.params("", accept=True)
    verdict = study.run()
    found = [finding for finding in verdict["findings"] if finding["rule"] == "parallel_ids"]
    assert [finding["severity"] for finding in found] == ["note", "note"]
    assert found[0]["file"] == "de/test.parquet"
    assert (found[0]["row"], found[0]["id"], found[0]["count"]) == (4, "3", 2)


def test_many_missing_parallel_ids_of_a_stand_in_stop(study: Study) -> None:
    shrink(study, "de/test", 20)
    study.params("", accept=True)
    message = study.rejection()
    assert "de/test.parquet, row 21 (id 20): parallel_ids [stop] (10 rows)" in message


def test_placeholders_warn_and_excuse_their_label(study: Study) -> None:
    def untranslated(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[4, ["sentence1", "label"]] = ["NS", LABELS[2]]
        return frame

    study.damage("de/test", untranslated)
    (finding,) = study.run()["findings"]
    assert (finding["rule"], finding["severity"]) == ("placeholders", "warn")
    assert (finding["row"], finding["id"], finding["example"]) == (5, "4", "sentence1 'NS'")


def test_many_placeholders_stop(study: Study) -> None:
    study.damage("de/test", lambda frame: frame.assign(sentence2=["NS"] * 2 + ["fine"] * 28))
    assert "placeholders [stop] (2 rows)" in study.rejection()


@pytest.mark.parametrize(
    ("content", "says"),
    [("{", "snapshot_record"), ("[]", "no table `files`"), ('{"files": {"a": 1}}', "no table")],
)
def test_unreadable_record_is_a_warning(
    study: Study, content: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (study.folder / "snapshot.json").write_text(content)
    assert study.run()["counts"] == {"stop": 0, "repair": 0, "warn": 1, "note": 0}
    assert says in capsys.readouterr().out


def test_old_revision_stops(study: Study) -> None:
    study.record["revision"] = "0" * 40
    study.save_record()
    assert "snapshot.json: pinned_revision [stop]" in study.rejection()


def test_other_source_is_a_note(study: Study) -> None:
    study.record["repository"] = "our/sample"
    study.save_record()
    (finding,) = study.run()["findings"]
    assert (finding["rule"], finding["severity"]) == ("pinned_source", "note")
    assert finding["example"] == "our/sample"


def test_a_training_file_of_several_languages_is_a_warning(study: Study) -> None:
    study.record["files"]["en/train.parquet"]["others"] = {"ko": 2, "sw": 3}
    study.record["files"]["de/test.parquet"]["others"] = {"ko": 2}  # evaluation files share one
    study.save_record()
    (finding,) = study.run()["findings"]
    assert (finding["rule"], finding["severity"]) == ("other_languages", "warn")
    assert (finding["file"], finding["count"]) == ("en/train.parquet", 5)
    assert finding["example"] == "rows of other languages: ko 2, sw 3"


@pytest.mark.skipif(not HUB.is_dir(), reason=f"needs the mirror {HUB.name} beside the repository")
def test_the_training_file_of_tydiqa_is_found_as_it_is(tmp_path: Path) -> None:
    from stages.snapshot import snapshot

    task = replace(find("tydiqa"), languages=("en", "ko", "sw"), held_out=400)
    record = snapshot(task, tmp_path / "data", HUB, accept_stand_ins=True)
    assert record["en/train.parquet"]["others"] == {"sw": 2_755, "ko": 1_625}
    verdict = stage.validate(task, tmp_path / "data" / "tydiqa", {}, accept_stand_ins=True)
    (found,) = [row for row in verdict.findings("warn") if row.rule.name == "other_languages"]
    assert (found.file, found.count) == ("en/train.parquet", 4_380)


def test_severity_comes_from_params(study: Study) -> None:
    study.damage("de/test", put("sentence1", 3, ""))
    study.params("validate:\n  severity:\n    xnli:\n      no_empty_sides: warn\n")
    verdict = study.run()
    assert verdict["accepted"] and verdict["counts"]["warn"] == 1
    study.params("validate:\n  severity:\n    no_empty_sides: stop\n")
    assert "no_empty_sides [stop]" in study.rejection()


@pytest.mark.parametrize(
    ("line", "says"),
    [("empty_sides: warn", "unknown rule 'empty_sides'"), ("no_nulls: ignore", "is 'ignore'")],
)
def test_unknown_severity_or_rule(study: Study, line: str, says: str) -> None:
    study.params(f"validate:\n  severity:\n    {line}\n")
    assert says in study.rejection()


def test_unknown_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("{}")
    monkeypatch.setattr(sys, "argv", ["validate", "xnil"])
    with pytest.raises(UserError, match="unknown task 'xnil'"):
        stage.main()


@pytest.mark.skipif(not HUB.is_dir(), reason=f"needs the mirror {HUB.name} beside the repository")
@pytest.mark.parametrize(
    ("name", "warned"),
    [
        (
            "xnli",
            "control_characters lost_characters composed_unicode markup script untranslated "
            "length_ratio language cut_short",
        ),
        ("pawsx", "placeholders script untranslated length_ratio cut_short"),
    ],
)
def test_published_sets_raise_no_stop(
    name: str, warned: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stages.snapshot import snapshot

    task = find(name)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    snapshot(task, tmp_path / "data", HUB, accept_stand_ins=True)
    verdict = stage.validate(task, tmp_path / "data" / name, {}, accept_stand_ins=True)
    assert verdict.accepted
    rules = {outcome.rule.name for outcome in verdict.findings("warn")}
    assert rules == set(warned.split())
    if name == "xnli":  # romanised hypotheses
        script = {
            row.file: row.count for row in verdict.findings("warn") if row.rule.name == "script"
        }
        assert (script["hi/test.parquet"], script["ur/test.parquet"]) == (318, 516)
    assert set(verdict.data) == {f"{language}/{split}.parquet" for language, split in task.files()}


def test_repair_leaves_rows_out_and_says_which(
    study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    from stages.guards import repair

    study.fill(200)
    study.damage("de/test", put("sentence1", 3, ""))
    study.damage("de/test", put("label", 9, "maybe"))
    study.params("validate:\n  severity: {no_empty_sides: repair, label_set: repair}\n")
    verdict = study.run()
    assert verdict["accepted"] and verdict["dropped"] == 2
    assert [finding["severity"] for finding in verdict["findings"]] == ["repair", "repair"]
    rows = repair.read(Path("validation/xnli/dropped.parquet"))
    assert rows == [
        ("de/test.parquet", 3, "2", "no_empty_sides"),
        ("de/test.parquet", 9, "8", "label_set"),
    ]
    out = capsys.readouterr().out
    assert "no_empty_sides [repair]" in out and "2 rows left out" in out


def test_a_rule_on_a_whole_file_cannot_be_repaired(study: Study) -> None:
    study.params("validate:\n  severity: {row_count: repair}\n")
    assert "judges a file as a whole" in study.rejection()


def test_a_dictionary_that_repeats_a_long_text_is_refused(study: Study) -> None:
    """A small file that would become 20 GB in memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = 20_000
    text = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), ["x" * 1_000_000])
    table = pa.table({"id": ["a"] * rows, "sentence1": text})
    pq.write_table(table, study.path("de/test"), store_schema=False)
    assert study.path("de/test").stat().st_size < 100_000
    assert "more than 1073741824 bytes of text unpacked" in study.rejection()


def test_page_of_all_tasks_shows_what_was_rejected(study: Study) -> None:
    study.damage("fr/test", put("label", 9, "maybe"))
    study.rejection()
    html = Path("validation/index.html").read_text()
    assert 'class="stop" title="xnli, fr: stop"><a href="rejected/xnli/index.html#f0">' in html


def test_a_task_that_the_user_has_not_brought_is_left_out(study: Study) -> None:
    from stages.tasks import missing

    missing.leave(study.folder, "CCGbank is licensed.")
    stage.main()
    assert missing.why(Path("validation/xnli")) == "CCGbank is licensed."


@pytest.mark.parametrize("content", ["{", "3", '["a", 1]'])
def test_broken_labels_beside_the_data(study: Study, content: str) -> None:
    study.task = replace(study.task, labels=())
    (study.folder / "labels.json").write_text(content)
    assert "labels.json" in study.rejection()


@pytest.mark.parametrize("sources", ["3", '"x"', "[null]", "{}", '[{"repository": null}]'])
def test_odd_sources_in_the_record(study: Study, sources: str) -> None:
    text = json.dumps(study.record)
    (study.folder / "snapshot.json").write_text(f'{text[:-1]}, "sources": {sources}}}')
    assert study.run()["accepted"]


def test_rows_are_read_as_arrow_reads_them(tmp_path: Path) -> None:
    """Whatever the types, nulls and row groups: only texts go another way."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from stages.guards.read import read

    texts = ["a", None, "", "\u00e4\u4e2d", "a"] * 40
    lists = [["x", None], None, [], ["y"], ["x", "x"]] * 40
    table = pa.table(
        {
            "string": pa.array(texts),
            "large": pa.array(texts, pa.large_string()),
            "lists": pa.array(lists, pa.list_(pa.string())),
            "nested": pa.array([[cell] for cell in lists]),
            "structs": pa.array(
                [None if cell is None else {"text": cell, "start": [1]} for cell in lists]
            ),
            "numbers": pa.array([1, None, 3, 4, 5] * 40, pa.int32()),
            "bytes": pa.array([b"\xff", None, b"", b"a", b"b"] * 40),
            "words": pa.array(texts).dictionary_encode(),
        },
        metadata={"key": "value"},
    )
    for size in (7, 1_000):
        pq.write_table(table, tmp_path / "t.parquet", row_group_size=size)
        found, wanted = read(tmp_path / "t.parquet").rows, pq.read_table(tmp_path / "t.parquet")
        assert found.equals(wanted, check_metadata=True)
    pq.write_table(table.slice(0, 0), tmp_path / "none.parquet")
    assert read(tmp_path / "none.parquet").rows.num_rows == 0
