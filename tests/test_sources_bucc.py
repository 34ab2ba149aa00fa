"""BUCC 2018: the original archives and files that were split before give the same rows."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from hub_files import rows_of
from stages.errors import UserError
from stages.snapshot import snapshot
from stages.tasks import Task, find

SOURCE = 'de-1\tEs regnet.\nde-2\t Es "schneit". \nde-3\tEr kam.\n'
ENGLISH = "en-1\tHe came.\nen-2\tIt rains.\nen-3\tIt is raining.\n"
GOLD = "de-1\ten-2\nde-1\ten-3\nde-3\ten-1\n"


def write(folder: Path, part: str, language: str = "de", **changes: str) -> None:
    texts = {language: SOURCE, "en": ENGLISH, "gold": GOLD} | changes
    folder.mkdir(parents=True, exist_ok=True)
    for kind, text in texts.items():
        path = folder / f"{language}-en.{part}.{kind}"
        path.write_text(text, encoding="utf-8", newline="")


def german(**changes: object) -> Task:
    return replace(find("bucc2018"), languages=("de",), **changes)  # type: ignore[arg-type]


def taken(path: Path, task: Task | None = None, listed: bool = True) -> dict:
    return snapshot(task or german(), path.parent / "data", None, False, path, listed)


def test_rows_are_both_sides_with_the_gold_pairs_on_the_source_side(tmp_path: Path) -> None:
    path = tmp_path / "bucc"
    write(path, "dev")
    write(path, "test")
    taken(path)
    rows = rows_of(tmp_path / "data/bucc2018/de/dev.parquet")
    assert [(row["id"], row["side"], row["gold"]) for row in rows] == [
        ("de-1", "source", ["en-2", "en-3"]),
        ("de-2", "source", []),
        ("de-3", "source", ["en-1"]),
        ("en-1", "english", []),
        ("en-2", "english", []),
        ("en-3", "english", []),
    ]
    # read without quoting, and not stripped
    assert rows[1]["sentence"] == ' Es "schneit". '


def test_the_archives_sample_is_dev_and_their_training_part_is_test(tmp_path: Path) -> None:
    path = tmp_path / "bucc"
    for part, archive in (("sample", "sample-gold"), ("training", "training-gold")):
        folder = tmp_path / part / "bucc2018" / "de-en"
        write(folder, part, en=ENGLISH.replace("came", f"came by {part}"))
        path.mkdir(exist_ok=True)
        with tarfile.open(path / f"bucc2018-de-en.{archive}.tar.bz2", "w:bz2") as tar:
            tar.add(folder.parent, "bucc2018")
    # the shared task's own test part has no gold pairs
    (path / "de-en.test.de").write_text(SOURCE)
    (path / "de-en.test.en").write_text(ENGLISH)
    taken(path)
    for split, part in (("dev", "sample"), ("test", "training")):
        rows = rows_of(tmp_path / f"data/bucc2018/de/{split}.parquet")
        assert rows[3]["sentence"] == f"He came by {part}."


def test_a_test_part_without_gold_pairs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bucc"
    write(path, "sample")
    (path / "de-en.test.de").write_text(SOURCE)
    (path / "de-en.test.en").write_text(ENGLISH)
    with pytest.raises(
        UserError, match=r"expected de-en\.training or de-en\.test with the endings"
    ):
        taken(path)
    # a study may be scored on the development part
    assert set(taken(path, german(evaluated="dev"))) == {"de/dev.parquet"}


def test_a_language_without_files_is_left_out_or_refused_where_it_is_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bucc"
    write(path, "dev")
    write(path, "test")
    task = replace(find("bucc2018"), languages=("de", "zh"))
    assert set(taken(path, task, listed=False)) == {"de/dev.parquet", "de/test.parquet"}
    assert "bucc2018/zh: no files" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"expected files zh-en\.\{sample,training\}"):
        taken(path, task, listed=True)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match="expected files de-en"):
        taken(empty, task, listed=False)


def test_byte_order_marks_and_dos_breaks_are_read(tmp_path: Path) -> None:
    path = tmp_path / "bucc"
    for part in ("dev", "test"):
        dos = {"de": SOURCE, "en": ENGLISH, "gold": GOLD}
        write(path, part, **{k: "\ufeff" + t.replace("\n", "\r\n") for k, t in dos.items()})
    taken(path)
    rows = rows_of(tmp_path / "data/bucc2018/de/dev.parquet")
    assert (rows[0]["id"], rows[0]["sentence"], rows[0]["gold"][0]) == (
        "de-1", "Es regnet.", "en-2",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"de": "de-1 Es regnet.\n"}, r"de-en\.dev\.de, line 1: expected two fields"),
        ({"de": SOURCE + "de-1\tDoppelt.\n"}, r"de-en\.dev\.de, line 4: the id de-1 was there"),
        ({"gold": "en-2\tde-1\n"}, r"de-en\.dev\.gold, line 1: expected the id of a sentence"),
        ({"gold": "de-1\ten-9\n"}, "found de-1 and en-9"),
        ({"en": "en-1\tHe came.\n\nen-2\tIt rains.\n"}, r"de-en\.dev\.en, line 2"),
    ],
)
def test_a_line_that_does_not_fit_is_named(
    tmp_path: Path, changes: dict[str, str], says: str
) -> None:
    write(tmp_path / "bucc", "dev", **changes)
    with pytest.raises(UserError, match=says):
        taken(tmp_path / "bucc", german(evaluated="dev"))


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    path = tmp_path / "bucc"
    write(path, "dev")
    (path / "de-en.dev.en").write_bytes("en-1\tHe came.\nen-2\tcafé\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"de-en\.dev\.en, line 2: expected UTF-8.*0xe9"):
        taken(path, german(evaluated="dev"))
