"""Exact match and F1 of SQuAD v1.1's evaluation: the metric of XQuAD and TyDiQA in XTREME.

Only ASCII punctuation and the English articles are removed, in every language, and tokens are
what white space separates: that is the official rule, kept as it is.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

Normalise = Callable[[str], list[str]]

_PUNCTUATION = dict.fromkeys(map(ord, string.punctuation))
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def squad_em_f1(
    answers: Sequence[Sequence[str]], predicted: Sequence[str | None]
) -> tuple[float, float]:
    """Return (exact match, F1), both in percent, means over questions.

    answers : n questions, one or more gold answers each; the best of them counts, for exact
        match and for F1 apart.
    predicted : n texts; None is a question without a prediction and scores 0. An empty text is
        a prediction: against a gold answer that normalises to nothing it is an exact match, but
        its F1 is 0, as in the official evaluation.
    Raises ValueError where the lengths differ, n is 0, or a predicted question has no answer.
    """
    return best_answer_em_f1(answers, predicted, normalise)


def normalise(text: str) -> list[str]:
    """Return the tokens of a lower-cased text without ASCII punctuation and English articles."""
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def best_answer_em_f1(
    answers: Sequence[Sequence[str]],
    predicted: Sequence[str | None],
    normalise: Normalise,
) -> tuple[float, float]:
    """Return (exact match, F1) in percent under a normalisation; see `squad_em_f1`."""
    if len(answers) != len(predicted):
        raise ValueError(f"{len(answers)} questions but {len(predicted)} predictions")
    if not len(answers):
        raise ValueError("exact match and F1 of no questions are undefined")
    exact, f1 = 0, 0.0
    for row, (texts, prediction) in enumerate(zip(answers, predicted, strict=True)):
        if prediction is None:
            continue
        if not len(texts):
            raise ValueError(f"question {row} has no gold answer")
        tokens = normalise(prediction)
        golds = [normalise(text) for text in texts]
        exact += tokens in golds
        f1 += max(_token_f1(tokens, gold) for gold in golds)
    return 100.0 * exact / len(answers), 100.0 * f1 / len(answers)


def _token_f1(tokens: list[str], gold: list[str]) -> float:
    """F1 of two bags of tokens, 0 to 1; 0 where either is empty."""
    common = (Counter(tokens) & Counter(gold)).total()
    return 2 * common / (len(tokens) + len(gold)) if common else 0.0
