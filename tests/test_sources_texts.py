"""Unlabelled text: brought files or the hub's, an empty text and an unknown language located."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import MIRROR, needs_mirror
from stages.encoding import check_text, encode
from stages.errors import UserError
from stages.snapshot import snapshot
from stages.tasks import find
from stages.validate import validate


def taken(path: Path, *languages: str, listed: bool = True) -> dict:
    task = replace(find("text"), languages=languages or ("sw", "th"))
    return snapshot(task, path.parent / "data", None, False, path, listed)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "text"
    path.mkdir()
    (path / "sw.txt").write_text("Mvua inanyesha.\n\n Alikuja. \nMvua inanyesha.\n")
    pq.write_table(pa.table({"text": ["ฝนตก", "เขามา"]}), path / "th.parquet")
    return path


def test_lines_and_parquet_become_rows_and_a_text_counts_once(folder: Path) -> None:
    files = taken(folder)
    data = folder.parent / "data" / "text"
    assert {name: entry["rows"] for name, entry in files.items()} == {
        "sw/train.parquet": 2,
        "th/train.parquet": 2,
    }
    assert pq.read_table(data / "sw/train.parquet").to_pydict() == {
        "id": ["1", "3"],
        "text": ["Mvua inanyesha.", "Alikuja."],
    }
    assert files["th/train.parquet"]["source"][0]["name"] == "th.parquet"
    task = replace(find("text"), languages=("sw", "th"))
    assert validate(task, data, {}, False).accepted


def test_what_is_wrong_with_brought_text_is_located(folder: Path) -> None:
    with pytest.raises(UserError, match=r"no yo\.txt or yo\.parquet \(1 of 2 .*data\.languages"):
        taken(folder, "sw", "yo")
    (folder / "sw.txt").write_text("\n \n")
    with pytest.raises(UserError, match=r"sw\.txt: no text in it; .* take sw out"):
        taken(folder)
    (folder / "sw.txt").write_bytes(b"Mvua \xff")
    with pytest.raises(UserError, match=r"sw\.txt: not UTF-8 at byte 5"):
        taken(folder)
    (folder / "sw.txt").write_text("Mvua.\n")
    pq.write_table(pa.table({"text": ["ฝนตก", " "]}), folder / "th.parquet")
    with pytest.raises(UserError, match=r"th\.parquet, row 2: the text is empty"):
        taken(folder)
    pq.write_table(pa.table({"line": ["ฝนตก"]}), folder / "th.parquet")
    with pytest.raises(UserError, match=r"th\.parquet: expected a column text, found line"):
        taken(folder)


def test_an_empty_text_in_the_data_is_rejected_with_its_row(folder: Path) -> None:
    taken(folder)
    path = folder.parent / "data/text/sw/train.parquet"
    table = pq.read_table(path)
    columns = {"id": table["id"], "text": pa.array(["Mvua inanyesha.", "  "])}
    pq.write_table(pa.table(columns), path)
    task = replace(find("text"), languages=("sw", "th"))
    verdict = validate(task, folder.parent / "data/text", {}, False)
    assert not verdict.accepted
    lines = [finding.as_line("data/text") for finding in verdict.findings("stop")]
    assert len(lines) == 1
    assert lines[0].startswith("data/text/sw/train.parquet, row 2 (id 3): no_empty_sides"), lines


def test_a_language_that_the_tokenizer_cannot_write_is_refused(tiny_encoder: Path) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tiny_encoder / "tokenizer.json"))
    task, place = find("text"), Path("data/text/th/train.parquet")

    def of(*texts: str) -> pa.Table:
        ids = [str(number) for number in range(len(texts))]
        return encode(pa.table({"id": ids, "text": list(texts)}), task, tokenizer)

    check_text(of("a cat sat.", "it did."), tokenizer, place)
    with pytest.raises(UserError, match=r"text/th/train\.parquet: 100% of the tokens .* write th"):
        check_text(of("ฝนตก", "เขามา"), tokenizer, place)
    with pytest.raises(UserError, match=r"train\.parquet, row 1 \(id 1\): a text without tokens"):
        check_text(of("a cat sat.", ""), tokenizer, place)


@needs_mirror
def test_the_hubs_text_is_that_of_validation_sets_in_17_languages(tmp_path: Path) -> None:
    task = replace(find("text"), languages=("sw", "ko", "de"))
    files = snapshot(task, tmp_path, MIRROR, True)
    assert {len(entry["source"]) for entry in files.values()} == {1, 2}  # German has both
    table = pq.read_table(tmp_path / "text/ko/train.parquet").to_pydict()
    assert len(set(table["id"])) == len(table["id"])
    assert "NS" not in table["text"] and "" not in table["text"]
    with pytest.raises(UserError, match=r"text has no source on the hub in yo: bring it"):
        snapshot(replace(task, languages=("yo",)), tmp_path, MIRROR, True)
