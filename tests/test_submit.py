"""The submission folder: names, lines and refusals, for the nine targets of XTREME."""

import json
import shutil
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.errors import UserError
from stages.submit import LANGUAGES, submit

STUDY = {"method": "stilts", "intermediate": "mnli", "seed": 1}
QA = ("xquad", "mlqa", "tydiqa")
ROWS = {
    "xnli": (["a", "b", "c"], ["neutral", "entailment", "contradiction"]),
    "pawsx": (["a", "b"], ["1", "0"]),
    "udpos": (["a", "b"], [["NOUN", "VERB"], ["X"]]),
    "panx": (["a", "b"], [["B-PER", "O"], ["O"]]),
    "xquad": (["q2", "q1"], ["Köln", ""]),
    "mlqa": (["q2", "q1"], ["北京", None]),
    "tydiqa": (["finnish-1-0"], ["x\ny"]),
    "bucc2018": (["de-1\ten-2", "de-3\ten-4", "de-5\ten-6"], [True, False, True]),
    "tatoeba": (["0", "1", "2"], ["2", "0", "1"]),
}
TEXT = {
    "xnli": "neutral\nentailment\ncontradiction\n",
    "pawsx": "1\n0\n",
    "udpos": "NOUN\nVERB\n\nX\n",
    "panx": "B-PER\nO\n\nO\n",
    "bucc2018": "de-1\ten-2\nde-5\ten-6\n",
    "tatoeba": "2\n0\n1\n",
}


def put(path, ids, predictions, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"id": ids, "prediction": predictions, **columns}), path)


def cell(root, target, languages=None, split="test", **study):
    """A cell of `target` with the rows above; returns its folder."""
    study = STUDY | study
    folder = root / f"{study['intermediate']}-{target}" / f"seed-{study['seed']}"
    for language in LANGUAGES[target] if languages is None else languages:
        put(folder / "predictions" / target / f"{language}.parquet", *ROWS[target])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cell.json").write_text(json.dumps({**study, "target": target, "split": split}))
    return folder


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    root = tmp_path_factory.mktemp("complete")
    for target in LANGUAGES:
        cell(root, target)
    return root


@pytest.fixture
def cells(complete, tmp_path):
    return shutil.copytree(complete, tmp_path / "cells")


def test_the_evaluator_finds_every_file(cells, tmp_path):
    out = tmp_path / "out"
    notes = submit(cells, out, {}, partial=False)
    assert sorted(path.name for path in out.iterdir()) == sorted(LANGUAGES)
    assert {target: len(names) for target, names in LANGUAGES.items()} == {
        "xnli": 15,
        "pawsx": 7,
        "udpos": 33,
        "panx": 40,
        "xquad": 11,
        "mlqa": 7,
        "tydiqa": 9,
        "bucc2018": 4,
        "tatoeba": 36,
    }
    for target, languages in LANGUAGES.items():
        suffix = "json" if target in QA else "tsv"
        names = {path.name for path in (out / target).iterdir()}
        assert names == {f"test-{language}.{suffix}" for language in languages}
    assert notes[0].startswith("tatoeba: no column 'sentence' to sort by in af, ar, bg")
    # every file of the fixture is a part of its test set
    short = {note.partition(": ")[0] for note in notes[1:]}
    assert short == {"xnli", "pawsx", "udpos", "panx", "mlqa"}
    assert "xnli: 3 of 5,010 rows in ar, too few in 14 more; XTREME scores all." in notes


def test_lines(cells, tmp_path):
    submit(cells, tmp_path / "out", {}, partial=False)
    found = {target: (tmp_path / "out" / target / "test-zh.tsv").read_text() for target in TEXT}
    assert found == TEXT


def test_answers_are_ascii_json_and_a_missing_one_is_left_out(cells, tmp_path):
    submit(cells, tmp_path / "out", {}, partial=False)
    texts = {target: (tmp_path / f"out/{target}/test-en.json").read_text() for target in QA}
    assert all(text.isascii() for text in texts.values())
    found = {target: json.loads(text) for target, text in texts.items()}
    assert found == {
        "xquad": {"q2": "Köln", "q1": ""},
        "mlqa": {"q2": "北京"},
        "tydiqa": {"finnish-1-0": "x\ny"},
    }
    assert list(found["xquad"]) == ["q2", "q1"]


def test_tatoeba_follows_the_sorted_english_side(cells, tmp_path):
    path = cells / "mnli-tatoeba/seed-1/predictions/tatoeba/de.parquet"
    english = ["b", " a", "Z"]  # white space at the ends does not count; capitals come first
    put(path, ["0", "1", "2"], ["0", "1", "2"], sentence=english)
    submit(cells, tmp_path / "out", {}, partial=False)
    assert (tmp_path / "out/tatoeba/test-de.tsv").read_text() == "2\n1\n0\n"


def test_equal_english_sentences_keep_their_order(cells, tmp_path):
    path = cells / "mnli-tatoeba/seed-1/predictions/tatoeba/de.parquet"
    put(path, ["0", "1", "2"], [2, 1, 0], sentence=["b", "a", "a"])
    submit(cells, tmp_path / "out", {}, partial=False)
    assert (tmp_path / "out/tatoeba/test-de.tsv").read_text() == "1\n0\n2\n"


def test_missing_cells_are_named_and_refused(cells, tmp_path):
    (cells / "mnli-xnli/seed-1/cell.json").unlink()
    (cells / "mnli-panx/seed-1/predictions/panx/ms.parquet").unlink()
    (cells / "mnli-panx/seed-1/predictions/panx/yo.parquet").unlink()
    with pytest.raises(UserError) as error:
        submit(cells, tmp_path / "out", {}, partial=False)
    assert "xnli: no cell" in str(error.value)
    assert "panx: no ms, yo in" in str(error.value)
    assert not (tmp_path / "out").exists()
    notes = submit(cells, tmp_path / "out", {}, partial=True)
    assert notes[0] == "left out: xnli: no cell"
    assert not (tmp_path / "out/xnli").exists()
    assert len(list((tmp_path / "out/panx").iterdir())) == 38


def test_one_study_at_a_time(cells, tmp_path):
    cell(cells, "xnli", intermediate="none")
    with pytest.raises(UserError, match=r"2 studies.*intermediate=mnli.*intermediate=none"):
        submit(cells, tmp_path / "out", {}, partial=False)
    submit(cells, tmp_path / "out", {"intermediate": "mnli", "seed": "1"}, partial=False)
    with pytest.raises(UserError, match=r"no studies that fit.*seed=1"):
        submit(cells, tmp_path / "out", {"seed": "7"}, partial=False)


def test_two_cells_of_one_target(cells, tmp_path):
    cell(cells / "copy", "xnli")
    with pytest.raises(UserError, match="both cells of xnli"):
        submit(cells, tmp_path / "out", {}, partial=False)


def test_another_split_is_said(cells, tmp_path):
    cell(cells, "panx", split="validation")
    cell(cells, "xquad", split="validation")
    notes = submit(cells, tmp_path / "out", {}, partial=False)
    assert notes[0] == "panx: predictions of the validation split; XTREME scores test."


@pytest.mark.parametrize(
    ("target", "ids", "found", "message"),
    [
        ("xnli", ["a"], ["neutrality"], "row 0: 'neutrality' is not one of contradiction, ent"),
        ("pawsx", ["a", "a"], ["0", "1"], "row 1: id 'a' is that of row 0 too"),
        ("udpos", ["a", "b"], [["X"], []], r"row 1: expected a list of tags, found \[\]"),
        ("udpos", ["a"], ["NOUN"], "row 0: expected a list of tags"),
        ("panx", ["a"], [["O", "B PER"]], "row 0: 'B PER' is not a tag"),
        ("mlqa", ["a"], [3], "row 0: expected a text, found 3"),
        ("tatoeba", ["a", "b"], ["1", "2"], "row 1: '2' is not a row.*expected 0 to 1"),
        ("bucc2018", ["de-1 en-1"], [True], "is not <source id>TAB<target id>"),
        ("bucc2018", ["de-1\ten-1"], ["yes"], "row 0: prediction 'yes'"),
        ("xnli", [], pa.array([], pa.string()), "holds no items"),
    ],
)
def test_malformed_predictions(tmp_path, target, ids, found, message):
    cells = tmp_path / "cells"
    put(cell(cells, target, ["de"]) / f"predictions/{target}/zh.parquet", ids, found)
    out = tmp_path / "out"
    (out / "xnli").mkdir(parents=True)
    with pytest.raises(UserError, match=message) as error:
        submit(cells, out, {}, partial=True)
    assert f"{target}/zh.parquet" in str(error.value)
    assert [path.name for path in out.rglob("*")] == ["xnli"]  # as it was
    assert not list(tmp_path.glob(".out*"))


def test_unreadable_files(cells, tmp_path):
    path = cells / "mnli-xnli/seed-1/predictions/xnli/ar.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match=r"ar\.parquet is not a readable parquet file"):
        submit(cells, tmp_path / "out", {}, partial=False)
    pq.write_table(pa.table({"id": ["a"]}), path)
    with pytest.raises(UserError, match="no column 'prediction'; found id"):
        submit(cells, tmp_path / "out", {}, partial=False)
    (cells / "mnli-xnli/seed-1/cell.json").write_text('{"target": "xnli"}')
    with pytest.raises(UserError, match="lacks method, intermediate, seed, split"):
        submit(cells, tmp_path / "out", {}, partial=False)


def test_a_submission_is_replaced_and_nothing_else(cells, tmp_path):
    out = tmp_path / "out"
    submit(cells, out, {}, partial=False)
    submit(cells, out, {}, partial=False)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"holds notes\.txt"):
        submit(cells, out, {}, partial=False)
    assert (out / "notes.txt").read_text() == "mine"


def test_a_cell_without_a_folder_of_predictions(cells, tmp_path):
    cell_folder = cells / "mnli-xnli/seed-1"
    (cell_folder / "predictions/xnli").rename(cell_folder / "xnli")
    (cell_folder / "predictions").rmdir()
    submit(cells, tmp_path / "out", {}, partial=False)
    assert len(list((tmp_path / "out/xnli").iterdir())) == 15


def test_the_command(cells, tmp_path):
    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "stages.submit", "--cells", str(cells), *arguments],
            capture_output=True,
            text=True,
            check=False,
        )

    done = run("--out", str(tmp_path / "out"), "--intermediate", "mnli", "--seed", "1")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'out'}: written\n")
    refused = run("--out", str(tmp_path / "other"), "--intermediate", "qqp")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: ")
    assert "Traceback" not in refused.stderr


def test_a_cell_trained_on_squad_submits_both_targets_and_retrieval_joins_any_seed(tmp_path):
    both = cell(tmp_path / "cells", "xquad")
    shutil.copytree(both / "predictions" / "xquad", both / "predictions" / "mlqa")
    splits = {"xquad": "validation", "mlqa": "validation"}
    (both / "cell.json").write_text(json.dumps({**STUDY, "target": "squad", "splits": splits}))
    found = cell(tmp_path / "cells", "tatoeba", seed=0)
    (found / "cell.json").write_text(
        json.dumps({**STUDY, "seed": 0, "target": "retrieval", "splits": {"tatoeba": "validation"}})
    )
    notes = submit(tmp_path / "cells", tmp_path / "out", {"seed": "1"}, partial=True)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"xquad", "mlqa", "tatoeba"}
    assert any(note.startswith("mlqa: predictions of the validation split") for note in notes)
