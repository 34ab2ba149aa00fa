"""SQuAD v2.0's F1 and exact match, from values worked out by hand."""

from __future__ import annotations

import pytest

from stages.scoring.squad2 import squad2_em_f1


def test_a_question_without_an_answer_wants_an_empty_text() -> None:
    assert squad2_em_f1([[]], [""]) == (100.0, 100.0)
    assert squad2_em_f1([[]], ["Paris"]) == (0.0, 0.0)
    assert squad2_em_f1([[]], ["the."]) == (100.0, 100.0)  # normalises to nothing
    assert squad2_em_f1([["Paris"]], [""]) == (0.0, 0.0)


def test_questions_with_answers_score_as_in_squad() -> None:
    exact, f1 = squad2_em_f1([["the cat sat", "a dog"], [], ["x"]], ["cat", "", None])
    assert exact == pytest.approx(100 / 3)  # only the empty answer is exact
    assert f1 == pytest.approx(100 * (2 / 3 + 1) / 3)  # cat of cat sat: 2 / (1 + 2)


def test_gold_answers_that_normalise_to_nothing_do_not_count() -> None:
    assert squad2_em_f1([["the", "cat"]], [""]) == (0.0, 0.0)
    assert squad2_em_f1([["the"]], [""]) == (100.0, 100.0)


def test_no_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="no questions"):
        squad2_em_f1([], [])
