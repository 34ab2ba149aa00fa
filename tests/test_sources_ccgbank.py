"""CCGbank's AUTO files, on derivations written for the test in its own format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hub_files import rows_of
from stages.errors import UserError
from stages.snapshot import snapshot
from stages.sources.ccgbank import parse
from stages.tasks import find, missing

BIRDS = (
    "(<T S[dcl] 1 2> (<L NP NNS NNS Birds NP>) (<T S[dcl]\\NP 0 2> "
    "(<L (S[dcl]\\NP)/NP VBP VBP see (S[dcl]\\NP_7)/NP_8>) (<L NP NNS NNS boats NP>) ) ) "
)
RAIN = "(<T S[dcl] 1 2> (<L NP NN NN Rain NP>) (<L S[dcl]\\NP VBZ VBZ falls S[dcl]\\NP_7>) ) "
NOVEL = "(<T NP 1 2> (<L NP[nb]/N DT DT A NP[nb]_3/N_3>) (<L N NN NN boat N>) ) "


def auto(*trees: str, stem: str) -> str:
    lines = []
    for number, tree in enumerate(trees, start=1):
        lines += [f"ID={stem}.{number} PARSER=GOLD NUMPARSE=1", tree]
    return "\n".join(lines) + "\n"


@pytest.fixture
def ccgbank(tmp_path: Path) -> Path:
    folder = tmp_path / "ccgbank_1_1" / "data" / "AUTO"
    files = {
        "00/wsj_0001.auto": auto(NOVEL, stem="wsj_0001"),
        "02/wsj_0201.auto": auto(BIRDS, RAIN, stem="wsj_0201"),
        "21/wsj_2172.auto": auto(RAIN, stem="wsj_2172").replace("\n", "\r\n"),
        "01/wsj_0101.auto": "section 01 is not read",
        "23/wsj_2301.auto": "nor is the test section",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, newline="")
    return tmp_path / "ccgbank_1_1"


def test_words_and_supertags_come_from_the_leaves() -> None:
    assert list(parse(auto(BIRDS, stem="wsj_0201"), "x")) == [
        ("wsj_0201.1", ["Birds", "see", "boats"], ["NP", "(S[dcl]\\NP)/NP", "NP"])
    ]


def test_sections_and_the_labels_of_the_training_set(ccgbank: Path, tmp_path: Path) -> None:
    snapshot(find("ccg"), tmp_path / "data", None, False, ccgbank)
    data = tmp_path / "data" / "ccg"
    train = rows_of(data / "en/train.parquet")
    assert [row["id"] for row in train] == ["wsj_0201.1", "wsj_0201.2", "wsj_2172.1"]
    assert rows_of(data / "en/validation.parquet")[0]["tokens"] == ["A", "boat"]
    # learned ones in order, then those that only the development section has
    assert json.loads((data / "labels.json").read_text()) == [
        "(S[dcl]\\NP)/NP", "NP", "S[dcl]\\NP", "N", "NP[nb]/N",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BIRDS, "line 1: expected a line of ID= and then a derivation"),
        ("ID=wsj_0201.1 PARSER=GOLD\n(<T S 0 1> (<L NP NN NN Rain>) )", "line 2"),
        ("ID=wsj_0201.1 PARSER=GOLD\nRain falls .", "line 2"),
        (auto(BIRDS, stem="w") + RAIN, "line 3"),
    ],
)
def test_a_line_of_another_format_is_named(text: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        list(parse(text, "wsj_0201.auto"))


def test_without_ccgbank_there_is_a_note_and_no_error(
    ccgbank: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    assert snapshot(find("ccg"), data, None, False) == {}
    reason = missing.why(data / "ccg")
    assert reason is not None and "snapshot.sources.ccgbank" in reason
    assert capsys.readouterr().out.count("CCGbank (LDC2005T13)") == 1
    # with it, the note goes; without it again, what is there stays
    snapshot(find("ccg"), data, None, False, ccgbank)
    assert missing.why(data / "ccg") is None
    snapshot(find("ccg"), data, None, False)
    assert (data / "ccg/en/train.parquet").exists() and missing.why(data / "ccg") is None


def test_a_folder_without_the_sections_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"expected AUTO files.*02 to 21, found none"):
        snapshot(find("ccg"), tmp_path / "data", None, False, tmp_path / "empty")
    with pytest.raises(UserError, match="nowhere: no such file or folder"):
        snapshot(find("ccg"), tmp_path / "data", None, False, tmp_path / "nowhere")
