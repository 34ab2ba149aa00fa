"""The sample's files, schema and splits: shape, balance, parallel rows, no leaks, same bytes."""

from __future__ import annotations

import re
import subprocess
import sys
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sampled import COLUMNS, PAWSX_LANGUAGES, XNLI_LANGUAGES, built, sentences, sets

from conftest import MIRROR, ROOT, needs_mirror
from sample.write import FEATURES, Repository, write

__all__ = ["built", "sets"]  # fixtures


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    write(folder)
    return folder


def key(row: dict[str, Any]) -> frozenset[str]:
    """A pair whatever its order, capitals, spaces and punctuation."""
    return frozenset(
        "".join(char for char in row[side].casefold() if unicodedata.category(char)[0] in "LMN")
        for side in ("one", "two")
    )


# ---------------------------------------------------------------------------- shape on disk


def test_files_and_rows_are_the_hubs(mirror: Path) -> None:
    found = {
        str(path.relative_to(mirror)).removesuffix("-00000-of-00001.parquet"): pq.read_metadata(
            path
        ).num_rows
        for path in mirror.rglob("*.parquet")
    }
    wanted = {f"facebook/xnli/{code}/test": 300 for code in XNLI_LANGUAGES}
    wanted |= {f"facebook/xnli/{code}/validation": 150 for code in XNLI_LANGUAGES}
    pawsx = "google-research-datasets/paws-x"
    wanted |= {f"{pawsx}/{code}/test": 300 for code in PAWSX_LANGUAGES}
    wanted |= {f"{pawsx}/{code}/validation": 150 for code in PAWSX_LANGUAGES}
    wanted |= {"facebook/xnli/en/train": 1500, f"{pawsx}/en/train": 1500}
    wanted |= {"nyu-mll/glue/mnli/train": 1500, "nyu-mll/glue/mnli/validation_matched": 150}
    wanted |= {"nyu-mll/glue/qqp/train": 1500, "nyu-mll/glue/qqp/validation": 150}
    assert found == wanted
    assert sum(path.stat().st_size for path in mirror.rglob("*.parquet")) < 1_000_000


@needs_mirror
@pytest.mark.parametrize(
    "file",
    [
        "facebook/xnli/sw/test",
        "facebook/xnli/en/train",
        "google-research-datasets/paws-x/ko/validation",
        "nyu-mll/glue/mnli/validation_matched",
        "nyu-mll/glue/qqp/train",
    ],
)
def test_schema_is_the_hubs(mirror: Path, file: str) -> None:
    ours, theirs = (
        pq.read_schema(folder / f"{file}-00000-of-00001.parquet") for folder in (mirror, MIRROR)
    )
    assert ours.equals(theirs, check_metadata=True)


def test_datasets_loads_it(mirror: Path, tmp_path: Path) -> None:
    import datasets

    def loaded(repository: str, config: str, split: str) -> Any:
        return datasets.load_dataset(
            str(mirror / repository), config, split=split, cache_dir=str(tmp_path)
        )

    thai = loaded("facebook/xnli", "th", "test")
    assert thai.features["label"].names == ["entailment", "neutral", "contradiction"]
    assert thai.num_rows == 300
    assert loaded("google-research-datasets/paws-x", "en", "train").column_names == [
        "id",
        "sentence1",
        "sentence2",
        "label",
    ]
    qqp = loaded("nyu-mll/glue", "qqp", "validation")
    assert qqp.features["label"].names == ["not_duplicate", "duplicate"]
    with pytest.raises(ValueError, match="train"):
        loaded("facebook/xnli", "th", "train")


def test_same_seed_same_bytes_and_another_seed_other_sentences(
    mirror: Path, tmp_path: Path
) -> None:
    write(tmp_path / "again")
    write(tmp_path / "other", seed=2)
    files = [path.relative_to(mirror) for path in mirror.rglob("*") if path.is_file()]
    for file in files:
        assert (tmp_path / "again" / file).read_bytes() == (mirror / file).read_bytes(), file
    for file in files:
        if file.suffix == ".parquet":
            assert (tmp_path / "other" / file).read_bytes() != (mirror / file).read_bytes(), file


def test_cli_writes_and_refuses_a_file(tmp_path: Path) -> None:
    def call(out: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "sample.write", "--out", str(out)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert call(tmp_path / "mirror").returncode == 0
    assert (tmp_path / "mirror" / "facebook" / "xnli" / "README.md").is_file()
    (tmp_path / "file").write_text("")
    refused = call(tmp_path / "file")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: expected a folder as --out")


def test_features_name_every_written_set(built: dict[str, Repository]) -> None:
    names = {f"nyu-mll/glue/{config}" for config in built["nyu-mll/glue"]}
    assert set(FEATURES) == names | (built.keys() - {"nyu-mll/glue"})


# ---------------------------------------------------------------------------- labels and rows


def test_labels_are_balanced_in_every_file_and_every_prefix_of_groups(sets: Any) -> None:
    for task, language, split, rows in sets:
        kinds = 3 if "nli" in task else 2
        assert set(Counter(row["label"] for row in rows).values()) == {len(rows) // kinds}
        for start in range(0, len(rows), kinds):
            group = {row["label"] for row in rows[start : start + kinds]}
            assert group == set(range(kinds)), (task, language, split, start)


def test_ids_count_up(built: dict[str, Repository]) -> None:
    for splits in built["google-research-datasets/paws-x"].values():
        for rows in splits.values():
            assert [row["id"] for row in rows] == list(range(1, len(rows) + 1))
    for splits in built["nyu-mll/glue"].values():
        for rows in splits.values():
            assert [row["idx"] for row in rows] == list(range(len(rows)))


@pytest.mark.parametrize("repository", ["facebook/xnli", "google-research-datasets/paws-x"])
@pytest.mark.parametrize("split", ["test", "validation"])
def test_rows_are_parallel(built: dict[str, Repository], repository: str, split: str) -> None:
    """Same labels and digits in a row; one sentence is always rendered by the same one."""
    one, two = COLUMNS[repository]
    english = built[repository]["en"][split]
    for code, splits in built[repository].items():
        rows = splits[split]
        assert [row["label"] for row in rows] == [row["label"] for row in english], code
        there: dict[str, str] = {}
        back: dict[str, str] = {}
        for row, original in zip(rows, english, strict=True):
            for side in (one, two):
                years = [re.findall(r"\d{4}", text[side]) for text in (row, original)]
                assert sorted(years[0]) == sorted(years[1])
                assert there.setdefault(original[side], row[side]) == row[side]
                assert back.setdefault(row[side], original[side]) == original[side], code


def test_names_stand_on_the_same_sides(built: dict[str, Repository]) -> None:
    """An independent look at parallel rows: who is named in a sentence is named in all."""
    one, two = COLUMNS["facebook/xnli"]
    marks = {
        "ar": ["ماريا", "ديفيد", "جدتي"],
        "de": ["Maria", "David", "Großmutter"],
        "el": ["Μαρία", "Ντέιβιντ", "γιαγιά"],
        "en": ["Maria", "David", "grandmother"],
        "hi": ["मारिया", "डेविड", "दादी"],
        "ru": ["Мари", "Давид", "бабушка"],
        "th": ["มาเรีย", "เดวิด", "ยาย"],
        "zh": ["玛丽亚", "大卫", "奶奶"],
    }

    def named(code: str) -> list[list[bool]]:
        rows = built["facebook/xnli"][code]["test"]
        return [
            [
                unicodedata.normalize("NFC", mark).lower() in row[side].lower()
                for mark in marks[code]
            ]
            for row in rows
            for side in (one, two)
        ]

    assert any(any(row) for row in named("en"))
    for code in marks:
        assert named(code) == named("en"), code


def test_no_pair_comes_twice(sets: Any) -> None:
    for task, language, split, rows in sets:
        keys = [key(row) for row in rows]
        assert len(set(keys)) == len(keys), (task, language, split)
        assert all(len(pair) == 2 for pair in keys), "both sides are the same"


def test_no_pair_and_no_premise_of_an_evaluation_split_is_trained_on(sets: Any) -> None:
    english = [entry for entry in sets if entry[1] == "en"]
    trained = [row for _, _, split, rows in english if split == "train" for row in rows]
    pairs, premises = {key(row) for row in trained}, {row["one"] for row in trained}
    for task, _, split, rows in english:
        if split != "train":
            assert not pairs & {key(row) for row in rows}, (task, split)
            if "nli" in task:
                assert not premises & {row["one"] for row in rows}, (task, split)


def test_no_pair_or_premise_is_in_both_test_and_validation(sets: Any) -> None:
    files = {(task, language, split): rows for task, language, split, rows in sets}
    for (task, language, split), rows in files.items():
        if split == "test":
            others = files[task, language, "validation"]
            assert not {key(row) for row in rows} & {key(row) for row in others}
            assert not {row["one"] for row in rows} & {row["one"] for row in others}


@pytest.mark.parametrize("task", ["qqp", "google-research-datasets/paws-x"])
def test_no_single_sentence_is_in_two_splits(sets: Any, task: str) -> None:
    files = [set(sentences(rows)) for t, language, _, rows in sets if (t, language) == (task, "en")]
    for place, file in enumerate(files):
        assert not any(file & other for other in files[place + 1 :])


def test_mnli_has_mostly_words_that_xnli_has_not(sets: Any) -> None:
    words: dict[str, set[str]] = defaultdict(set)
    for task, language, _, rows in sets:
        if language == "en":
            words[task] |= {word for text in sentences(rows) for word in re.findall(r"\w+", text)}
    new = words["mnli"] - words["facebook/xnli"]
    assert len(new) / len(words["mnli"]) > 0.6
