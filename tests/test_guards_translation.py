"""Script, alignment and translation: damage is located, honest translations pass."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from stages.guards import alignment, language, script, translation
from stages.tasks import find

ROWS = 600


def sides(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Log lengths of English and of a translation with a spread of 10%."""
    rng = np.random.default_rng(seed)
    english = rng.normal(4.0, 0.6, (ROWS, 2))
    return 0.2 + 0.97 * english + rng.laplace(0, 0.07, (ROWS, 2)), english


ONCE = np.ones((ROWS, 2), int)


@pytest.mark.parametrize("seed", range(20))
def test_aligned_rows_pass(seed: int) -> None:
    here, there = sides(seed)
    assert alignment.find(here, there, ONCE) is None


@pytest.mark.parametrize("shift", [1, 2, -1, 5])
@pytest.mark.parametrize("start", [0, 200, ROWS - 45])
def test_shifted_block_is_located(shift: int, start: int) -> None:
    here, there = sides()
    rows = np.arange(ROWS)
    block = slice(start + 5, start + 40)
    rows[block] += shift
    found = alignment.find(here[rows], there, ONCE)
    assert found is not None
    assert abs(found.start - block.start) <= 3 and abs(found.stop - block.stop) <= 3
    direction = "down" if shift > 0 else "up"
    assert found.fits == f"the English rows {abs(shift)} further {direction}"


def test_reversed_block_is_located() -> None:
    here, there = sides()
    rows = np.arange(ROWS)
    rows[100:150] = rows[100:150][::-1]
    found = alignment.find(here[rows], there, ONCE)
    assert found is not None and abs(found.start - 100) <= 4 and abs(found.stop - 150) <= 4
    assert found.fits == "the English rows of the block in reverse"


def test_shuffled_file_is_found() -> None:
    here, there = sides()
    rows = np.random.default_rng(1).permutation(ROWS // 4)
    found = alignment.find(np.concatenate([here[rows], here[ROWS // 4 :]]), there, ONCE)
    assert found is not None and found.start <= 3 and found.stop >= ROWS // 4 - 3


def test_repeated_english_text_counts_once() -> None:
    """Three odd translations of one premise are one piece of evidence."""
    here, there = sides()
    there[50:53, 0] = there[50, 0]
    here[50:53, 0] = 9.0
    thrice = ONCE.copy()
    thrice[50:53, 0] = 3
    assert alignment.find(here, there, thrice) is None


def test_constant_lengths_do_not_fail() -> None:
    ones = np.ones((ROWS, 2))
    assert alignment.find(ones, ones, ONCE) is None


def test_letters_are_counted_by_script() -> None:
    counts = script.letters(["Ünal 3×4", "Привет", "我们ですか", "", "नमस्ते सलाम سلام"])
    named = [
        {name: int(n) for name, n in zip(script.SCRIPTS, row, strict=True) if n and name != "other"}
        for row in counts
    ]
    assert named[0] == {"Latin": 4}
    assert named[1] == {"Cyrillic": 6}
    assert named[2] == {"Kana": 3, "Han": 2}
    assert named[3] == {}
    assert named[4] == {"Devanagari": 10, "Arabic": 4}


def frame(file: str, *pairs: tuple[str, str]) -> pd.DataFrame:
    cells = pd.DataFrame(pairs, columns=["sentence1", "sentence2"])
    return cells.assign(file=file, row=range(1, len(cells) + 1))


@pytest.mark.parametrize(
    ("code", "own", "foreign"),
    [
        ("ru", "Это совсем другой вопрос.", "Eto sovsem drugoi vopros."),
        ("zh", "这是 IBM 的新产品，很好。", "This is not in Chinese."),
        ("de", "Das ist noch nicht klar.", "Это совсем другой вопрос."),
        ("ja", "これは日本語の文です。はい。", "이것은 한국어 문장입니다. 네."),
    ],
)
def test_foreign_script_is_evidence(code: str, own: str, foreign: str) -> None:
    table, _ = script.script(
        find("xnli"), frame(f"{code}/test.parquet", (own, own), (own, foreign))
    )
    assert table["script"].isna().tolist() == [True, False]
    assert foreign in table["script"][1]


def test_accents_taken_off_a_file() -> None:
    text = "Toi da khong noi chuyen voi anh ta nua."
    rows = [(text, text)] * 400
    table, _ = script.script(find("xnli"), frame("vi/test.parquet", *rows))
    assert table["accents"].notna().all() and "0.00%" in table["accents"][0]
    table, _ = script.script(find("xnli"), frame("sw/test.parquet", *rows))
    assert table["accents"].isna().all()


def pairs(*rows: tuple[str, str]) -> pd.DataFrame:
    """Pairs as `parallel.pair` makes them, from (sentence2, its English side)."""
    table = pd.DataFrame(rows, columns=["sentence2", "sentence2_en"])
    return table.assign(sentence1="Ein Satz wie jeder andere.", sentence1_en="A sentence like it.")


def test_translations_pass() -> None:
    table, _ = translation.translation(
        find("xnli"), pairs(("Er kam spät an.", "He arrived late."), ("Ja.", "Yes, he is."))
    )
    assert (
        table[[rule.name for rule in translation.RULES if rule.name != "repeated_output"]]
        .isna()
        .all(None)
    )


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("untranslated", [("The lady was anxious that day.", "The lady was anxious that day.")]),
        ("length_ratio", [("Zu kurz.", "This sentence goes on and on until nobody listens.")]),
        ("length_ratio", [("und so weiter " * 20, "And so on and on and on it goes.")]),
        ("repeated_output", [("Das ist immer derselbe Satz.", f"Sentence {n}.") for n in range(4)]),
    ],
)
def test_bad_translation_is_evidence(rule: str, rows: list[tuple[str, str]]) -> None:
    normal = [(f"Das war der Satz Nummer {n}.", f"That was sentence number {n}.") for n in range(9)]
    table, checks = translation.translation(find("xnli"), pairs(*normal, *rows))
    assert table[rule].notna().tolist() == [False] * 9 + [True] * len(rows)
    assert rule in {check.rule.name for check in checks}


def test_foreign_language_is_evidence() -> None:
    french = ("Je ne sais pas pourquoi il est parti.", "Il est parti hier soir avec elle.")
    german = ("Ich weiß nicht, warum er gegangen ist.", "Er ist gestern Abend gegangen.")
    table, _ = language.language(find("xnli"), frame("de/test.parquet", german, french, german))
    assert table["language"].isna().tolist() == [True, False, True]
    assert table["language"][1].startswith("fr: Je ne")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("In 1997 and 12,000 or 3.500.000", {"1997", "12000", "3500000"}),
        ("१९९७ में, ١٩٩٧ و 12", {"1997"}),
        ("3.1415 and 1,23 and ³²¹", {"1415"}),
        ("none at all", set()),
    ],
)
def test_numbers(text: str, found: set[str]) -> None:
    assert translation.numbers(text) == found


def test_lost_number_is_a_note_and_a_file_without_them_stops() -> None:
    rows = [(f"Im Jahr {1900 + n} war es so.", f"It was in {1900 + n}.") for n in range(40)]
    rows[3] = ("In jenem Jahr war es so.", "It was in 1903.")
    table, _ = translation.translation(find("xnli"), pairs(*rows))
    assert table.index[table["numbers_kept"].notna()].tolist() == [3]
    assert table["numbers_follow"].isna().all()
    shuffled = [(rows[n - 1][0], rows[n][1]) for n in range(40)]
    table, checks = translation.translation(find("xnli"), pairs(*shuffled))
    assert table["numbers_follow"].notna().sum() == 40
    assert {check.rule.name: check.rule.severity for check in checks}["numbers_follow"] == "stop"


def test_lost_names_are_notes_and_a_file_without_them_stops() -> None:
    towns = "Bern Graz Linz Kiel Bonn Lyon Nice Metz Caen Rome".split()
    rows = [
        (f"Von {one} ging es gleich nach {other}.", f"They went from {one} to {other}.")
        for one in towns
        for other in towns
        if one != other
    ]
    rows[3] = ("Dorthin ging es gleich am Morgen.", rows[3][1])
    table, _ = translation.translation(find("xnli"), pairs(*rows))
    assert table.index[table["names_kept"].notna()].tolist() == [3]
    assert table["names_follow"].isna().all()
    strangers = [("Dorthin ging es gleich am Morgen.", there) for _, there in rows]
    table, _ = translation.translation(find("xnli"), pairs(*strangers))
    assert table["names_follow"].notna().all() and table["names_kept"].isna().all()
    russian = [("Туда поехали сразу утром.", there) for _, there in rows]
    table, _ = translation.translation(find("xnli"), pairs(*russian))
    assert table["names_follow"].isna().all()


def test_output_that_ends_in_the_middle() -> None:
    whole = [
        (
            f"Das war der lange Satz mit der Nummer {n}, wie man weiß.",
            f"That was the long sentence with number {n}, as is known.",
        )
        for n in range(30)
    ]
    whole[4] = ("Das war der lange Satz mit", whole[4][1])
    table, _ = translation.translation(find("xnli"), pairs(*whole))
    assert table.index[table["cut_short"].notna()].tolist() == [4]
    # a language that writes none
    without = [(here.rstrip("."), there) for here, there in whole]
    table, _ = translation.translation(find("xnli"), pairs(*without))
    assert table["cut_short"].isna().all()
