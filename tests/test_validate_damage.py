"""Every kind of damage to a file or its rows is found, and named with file, row and rule."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from small_xnli import LABELS, ROWS, Damage, Study, put, study

from stages import validate as stage
from stages.validate import Verdict

__all__ = ["study"]  # a fixture


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
