"""Treebanks by XTREME's rules, worked out by hand from its conversion code."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from hub_files import rows_of
from stages.errors import UserError
from stages.snapshot import snapshot
from stages.sources.treebanks import convert
from stages.tasks import find


def conllu(*words: str) -> str:
    """A sentence of words written `id form tag head [enhanced]`; ~ is a blank inside a form."""
    lines = ["# text = ..."]
    for word in words:
        name, form, tag, head, *enhanced = word.split(" ")
        form = form.replace("~", " ")
        cells = [name, form, "_", tag, "_", "_", head, "_", enhanced[0] if enhanced else "_", "_"]
        lines.append("\t".join(cells))
    return "\n".join(lines) + "\n\n"


def converted(content: str, language: str = "en") -> list[list[tuple[str, str]]]:
    return [list(zip(*sentence)) for sentence in convert(content, "x.conllu", language)]


# "al" is "a" + "el", both under "mar"
SPANISH = conllu("1 Vamos VERB 0", "2-3 al _ _", "2 a ADP 4", "3 el DET 4", "4 mar NOUN 1")


def test_a_multiword_token_is_one_word_tagged_by_precedence() -> None:
    assert converted(SPANISH, "es") == [[("Vamos", "VERB"), ("al", "ADP"), ("mar", "NOUN")]]


def test_the_word_nearest_to_the_root_gives_the_tag_before_any_precedence() -> None:
    # "ihn" is under "Sieh", one step further from the root: AUX would come after PRON in es
    verb = conllu("1-2 Siehihn _ _", "1 Sieh X 0", "2 ihn VERB 1", "3 ! PUNCT 1")
    assert converted(verb) == [[("Siehihn", "X"), ("!", "PUNCT")]]


def test_precedence_is_the_languages_own() -> None:
    tie = conllu("1-2 lequel _ _", "1 le PRON 3", "2 quel NOUN 3", "3 vient VERB 0")
    assert converted(tie, "fr")[0][0] == ("lequel", "PRON")
    assert converted(tie, "pt")[0][0] == ("lequel", "NOUN")
    # a tag that the language's list lacks comes last
    unlisted = conllu("1-2 xy _ _", "1 x PROPN 3", "2 y CONJ 3", "3 z VERB 0")
    assert converted(unlisted, "fr")[0][0] == ("xy", "CONJ")


def test_enhanced_dependencies_count_among_the_ancestors() -> None:
    # both under 3; by precedence ADP, but an enhanced edge puts it under 4 as well
    sentence = conllu(
        "1-2 am _ _",
        "1 an ADP 3 3:case|4:case",
        "2 dem DET 3 3:det",
        "3 Meer NOUN 4",
        "4 war AUX 0",
    )
    assert converted(sentence)[0][0] == ("am", "ADP")  # 4 is an ancestor already
    sentence = conllu(
        "1-2 am _ _", "1 an ADP 4 5:case", "2 dem DET 4 0:x|8.1:y", "3 x X 4", "4 M NOUN 0",
        "5 y X 4",
    )  # fmt: skip
    assert converted(sentence)[0][0] == ("am", "DET")


def test_cycles_among_enhanced_dependencies_end() -> None:
    cycle = conllu("1-2 ab _ _", "1 a ADP 0 2:x", "2 b DET 0 1:y")
    assert converted(cycle) == [[("ab", "ADP")]]


def test_empty_nodes_and_comments_are_no_words() -> None:
    sentence = conllu("1 Mary PROPN 0", "1.1 won VERB _ 1:x", "2 gold NOUN 1")
    assert converted(sentence) == [[("Mary", "PROPN"), ("gold", "NOUN")]]


def test_sentences_without_text_are_left_out() -> None:
    hidden = conllu("1 _ NOUN 0", "2 _ VERB 1", "3 . PUNCT 1")
    one = conllu("1 _ SYM 0", "2 is AUX 1", "3 a DET 1")
    alone = conllu("1 _ SYM 0")
    assert converted(hidden + one + alone) == [[("_", "SYM"), ("is", "AUX"), ("a", "DET")]]


def test_blanks_and_non_joiners_inside_a_word_go() -> None:
    sentence = conllu("1 10~000 NUM 0", "2 می‌رود VERB 1")
    assert converted(sentence, "fa") == [[("10000", "NUM"), ("میرود", "VERB")]]


def test_the_last_sentence_needs_no_blank_line_and_lines_no_unix_breaks() -> None:
    content = SPANISH.rstrip("\n")
    assert converted(content, "es") == converted(SPANISH, "es")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("1\tHe\tPRON\n", "line 1: expected 10 columns, found 3"),
        (conllu("1 He PRON 2", "3 ran VERB 0"), "line 3: expected the word 2, found 3"),
        (conllu("1 He PRON two"), "line 2: expected an id and a head that are numbers"),
        (conllu("1-3 ab _ _", "1 a X 0", "2 b X 1"), "expected the words 1 to 3, found not all"),
    ],
)
def test_a_line_that_does_not_fit_is_named(content: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        converted(content)


@pytest.fixture
def treebanks(tmp_path: Path) -> Path:
    folder = tmp_path / "ud"
    texts = {
        "UD_English-GUM/en_gum-ud-train.conllu": conllu("1 Second NOUN 0"),
        "UD_English-EWT/en_ewt-ud-train.conllu": "\ufeff" + conllu("1 First NOUN 0"),
        "UD_English-EWT/en_ewt-ud-dev.conllu": conllu("1 Dev NOUN 0").replace("\n", "\r\n"),
        "UD_English-EWT/en_ewt-ud-test.conllu": conllu("1 Test NOUN 0"),
        "UD_Greek-GDT/el_gdt-ud-test.conllu": conllu("1 λόγος NOUN 0"),
        "UD_Greek-GDT/el_gdt-ud-train.conllu": "broken, and not read",
        "UD_Ancient_Greek-PROIEL/grc_proiel-ud-test.conllu": conllu("1 μῆνιν NOUN 0"),
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder


def test_treebanks_of_a_language_are_joined_in_the_order_of_their_names(
    treebanks: Path, tmp_path: Path
) -> None:
    task = replace(find("udpos"), languages=("en", "el"))
    files = snapshot(task, tmp_path / "data", None, False, treebanks)
    train = rows_of(tmp_path / "data/udpos/en/train.parquet")
    assert [(row["id"], row["tokens"]) for row in train] == [
        ("en_ewt-0", ["First"]),
        ("en_gum-0", ["Second"]),
    ]
    assert rows_of(tmp_path / "data/udpos/en/validation.parquet")[0]["tokens"] == ["Dev"]
    greek = rows_of(tmp_path / "data/udpos/el/test.parquet")
    assert [row["tokens"] for row in greek] == [["λόγος"]]  # Ancient Greek is another language
    # the hub's counts are of other rows
    assert files["el/test.parquet"]["expected"] is None
    assert files["el/test.parquet"]["stand_in"] is False


def test_an_archive_serves_as_well_and_a_missing_language_is_named(
    treebanks: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "ud-treebanks-v2.5.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(treebanks, "ud-treebanks-v2.5")
    task = replace(find("udpos"), languages=("en", "el"))
    snapshot(task, tmp_path / "data", None, False, archive)
    assert len(rows_of(tmp_path / "data/udpos/en/train.parquet")) == 2
    with pytest.raises(UserError, match=r"expected files yo_\*-ud-test\.conllu"):
        snapshot(replace(task, languages=("en", "yo")), tmp_path / "d", None, False, archive)


def test_an_unknown_tag_is_named(treebanks: Path, tmp_path: Path) -> None:
    path = treebanks / "UD_Greek-GDT/el_gdt-ud-test.conllu"
    path.write_text(conllu("1 λόγος NOUN 0") + conllu("1 a CONJ 0"), encoding="utf-8")
    task = replace(find("udpos"), languages=("en", "el"))
    with pytest.raises(UserError, match=r"el_gdt-ud-test\.conllu, sentence 2: unknown tag 'CONJ'"):
        snapshot(task, tmp_path / "data", None, False, treebanks)
