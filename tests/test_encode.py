"""Token ids: what was encoded reads back as what was written, and nothing is cut off."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from conftest import MIRROR, needs_mirror
from stages.encode import encode
from stages.learning.batches import evenly
from stages.learning.heads import head_of
from stages.tasks import find


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
    import stages.encode as module

    table = pq.read_table(pair_task / "xnli/en/train.parquet")
    whole = encode(table, find("xnli"), tokenizer)
    monkeypatch.setattr(module, "ROWS_AT_A_TIME", 7)
    assert encode(table, find("xnli"), tokenizer).to_pydict() == whole.to_pydict()


def test_a_sample_is_spread_over_a_sorted_file(pair_task: Path, tokenizer, tmp_path: Path) -> None:
    table = pq.read_table(pair_task / "xnli/en/train.parquet").sort_by("label")
    pq.write_table(encode(table, find("xnli"), tokenizer), tmp_path / "t.parquet")
    every = head_of(find("xnli"), {}).read(tmp_path / "t.parquet")
    pairs = every.take(evenly(len(every), 9))
    assert len(pairs) == 9
    assert set(pairs.labels.tolist()) == {0, 1, 2}
    assert pairs.first[8].tolist() == every.first[63].tolist()


@needs_mirror
@pytest.mark.parametrize("name", ["xnli", "pawsx"])
def test_every_language_of_the_real_files(name: str, tokenizer, tmp_path: Path) -> None:
    from stages.snapshot import snapshot

    task = find(name)
    snapshot(task, tmp_path, MIRROR, accept_stand_ins=True)
    for language in task.languages:
        table = pq.read_table(tmp_path / name / language / "test.parquet")
        encoded = encode(table, task, tokenizer)
        assert encoded["id"].to_pylist() == table["id"].to_pylist()
        assert encoded.num_rows == table.num_rows
