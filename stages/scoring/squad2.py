"""Exact match and F1 of SQuAD v2.0's evaluation: SQuAD's, and questions without an answer.

Method: Rajpurkar et al. 2018 (arXiv 1806.03822). A question without gold answers is answered
right by an empty text and by nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

from stages.scoring.squad import best_answer_em_f1, normalise

NOTHING = ""  # the one token of a text that normalises to nothing; no text has it


def squad2_em_f1(
    answers: Sequence[Sequence[str]], predicted: Sequence[str | None]
) -> tuple[float, float]:
    """Return (exact match, F1), both in percent, means over questions.

    answers : n questions, the gold answers of each; none where the question has no answer. Gold
        answers that normalise to nothing do not count, as in the official evaluation.
    predicted : n texts, empty for "no answer"; None is a question without a prediction, scores 0.
    Raises ValueError where the lengths differ or n is 0.
    """
    golds = [[text for text in texts if normalise(text)] or [""] for texts in answers]
    return best_answer_em_f1(golds, predicted, _tokens)


def _tokens(text: str) -> list[str]:
    return normalise(text) or [NOTHING]
