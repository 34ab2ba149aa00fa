"""MLQA's exact match and F1, by hand-worked values: its rules are not SQuAD's."""

import pytest

from stages.scoring.mlqa import LANGUAGES, mlqa_em_f1, normalise
from stages.scoring.squad import squad_em_f1


@pytest.mark.parametrize(
    ("language", "answer", "prediction", "exact", "f1"),
    [
        ("en", "the «Norman» conquest", "Norman Conquest", 100, 100),
        ("en", "$5 – 10%", "5 10", 100, 100),  # ASCII's $ and % go as well, and the dash
        ("en", "la casa", "casa", 0, 200 / 3),  # only the articles of the language
        ("es", "¿La casa?", "casa", 100, 100),
        ("es", "el agua de los ríos", "agua de ríos", 100, 100),
        ("de", "der große Hund", "ein großer Hund", 0, 50),
        ("de", "STRASSE", "straße", 0, 0),  # lower case does not fold
        ("vi", "những con mèo", "con mèo", 100, 100),
        ("hi", "भारत।", "भारत", 100, 100),  # the danda is punctuation
        ("zh", "北京市", "北京", 0, 80),  # 2 of 2, 2 of 3 characters
        ("zh", "北京，3月", "北京3月", 100, 100),
        ("zh", "ab 北 cd", "ab cd", 0, 80),  # Latin words stay whole
        ("zh", "ab北cd", "ab 北 cd", 100, 100),
        ("zh", "㐀㐁", "㐀", 0, 0),  # outside U+4E00 to U+9FA5 nothing is cut
        ("ar", "الكتاب", "كتاب", 100, 100),
        ("ar", "مال", "م", 100, 100),  # the two letters go anywhere
        ("ar", "سالم", "س م", 100, 100),  # and leave a space
    ],
)
def test_one_question(language, answer, prediction, exact, f1):
    assert mlqa_em_f1([[answer]], [prediction], language) == pytest.approx((exact, f1))


def test_it_is_not_squads():
    assert squad_em_f1([["北京市"]], ["北京"]) == (0, 0)
    assert squad_em_f1([["الكتاب"]], ["كتاب"]) == (0, 0)


def test_no_prediction_and_the_mean():
    answers = [["casa"], ["x"], ["el", "y"]]
    assert mlqa_em_f1(answers, ["la casa", None, ""], "es") == pytest.approx((200 / 3, 100 / 3))


def test_every_language_drops_punctuation_and_case():
    for language in LANGUAGES:
        assert normalise("«X», “y”!", language) == ["x", "y"]


def test_another_language_is_refused():
    with pytest.raises(ValueError, match="no language 'fr'; it has ar, de, en, es, hi, vi, zh"):
        mlqa_em_f1([["x"]], ["x"], "fr")
