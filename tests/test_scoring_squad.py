"""SQuAD's exact match and F1, by hand-worked values and properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.scoring.squad import normalise, squad_em_f1


@pytest.mark.parametrize(
    ("answers", "prediction", "exact", "f1"),
    [
        (["the Norman conquest"], "Norman Conquest!", 100, 100),
        (["Denver Broncos"], "the Broncos", 0, 200 / 3),  # 1 of 1, 1 of 2
        (["a b b", "c"], "b b b", 0, 200 * 2 / 5),  # the article a goes: b b against b b b
        (["ten", "10 people"], "10", 0, 200 / 3),  # the best answer counts
        (["x y z", "y"], "y", 100, 100),
        (["3.5"], "35", 100, 100),  # punctuation is deleted, not replaced by white space
        (["a-the"], "athe", 100, 100),
        (["«x»"], "x", 0, 0),  # Unicode punctuation stays
        (["北京市"], "北京", 0, 0),  # unsegmented text is one token
        (["x\u00a0y"], "x y", 100, 100),  # a no-break space separates
        (["the"], "", 100, 0),  # nothing is left of the answer: exact, and F1 0 all the same
        (["x"], "", 0, 0),
        (["x"], None, 0, 0),
        ([], None, 0, 0),
    ],
)
def test_one_question(answers, prediction, exact, f1):
    assert squad_em_f1([answers], [prediction]) == pytest.approx((exact, f1))


def test_mean_over_questions():
    # 1 and 1; 0 and 2/3; no prediction.
    answers = [["Paris"], ["Denver Broncos"], ["x"]]
    assert squad_em_f1(answers, ["paris", "Broncos", None]) == pytest.approx((100 / 3, 500 / 9))


def test_exact_match_and_f1_take_their_best_answer_apart():
    # "the" normalises to nothing, so the empty prediction matches it; F1 is 0 with either.
    assert squad_em_f1([["the", "x"]], [""]) == (100, 0)


@pytest.mark.parametrize(
    ("answers", "predicted", "message"),
    [
        ([["x"]], [], "1 questions but 0 predictions"),
        ([], [], "no questions"),
        ([["x"], []], ["x", "x"], "question 1 has no gold answer"),
    ],
)
def test_what_cannot_be_scored(answers, predicted, message):
    with pytest.raises(ValueError, match=message):
        squad_em_f1(answers, predicted)


@given(st.lists(st.text(max_size=12), min_size=1, max_size=4), st.text(max_size=12))
def test_properties(answers, prediction):
    exact, f1 = squad_em_f1([answers], [prediction])
    assert exact in (0, 100)
    assert 0 <= f1 <= 100
    if exact and normalise(prediction):
        assert f1 == 100
    more = squad_em_f1([[*answers, "x y z"]], [prediction])
    assert more[0] >= exact
    assert more[1] >= f1
