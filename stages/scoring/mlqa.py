"""Exact match and F1 of MLQA's evaluation (Lewis et al. 2020), which is not SQuAD's.

Punctuation is Unicode's, articles are the language's, and Chinese is cut into characters. The
Arabic rule was meant for the article at the start of a word but deletes its two letters
anywhere; XTREME scores with it, so it stays.
"""

from __future__ import annotations

import re
import string
import sys
import unicodedata
from collections.abc import Sequence
from functools import cache, partial

from stages.scoring.squad import best_answer_em_f1

_ARTICLES = {
    "en": r"\b(?:a|an|the)\b",
    "es": r"\b(?:un|una|unos|unas|el|la|los|las)\b",
    "vi": r"\b(?:của|là|cái|chiếc|những)\b",
    "de": r"\b(?:ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b",
    "ar": "\u0627\u0644",
    "hi": None,
    "zh": None,
}
LANGUAGES = tuple(sorted(_ARTICLES))
_HAN = re.compile("([\u4e00-\u9fa5])")


def mlqa_em_f1(
    answers: Sequence[Sequence[str]], predicted: Sequence[str | None], language: str
) -> tuple[float, float]:
    """Return (exact match, F1), both in percent, means over questions.

    answers, predicted : as in `squad_em_f1`; None scores 0.
    language : of the answers, one of MLQA's seven: ar, de, en, es, hi, vi, zh.
    Raises ValueError where the language is another, and as `squad_em_f1` does.
    """
    return best_answer_em_f1(answers, predicted, partial(normalise, language=language))


def normalise(text: str, language: str) -> list[str]:
    """Return the tokens of a lower-cased text without punctuation and the language's articles."""
    if language not in _ARTICLES:
        raise ValueError(f"MLQA has no language {language!r}; it has {', '.join(LANGUAGES)}")
    text = text.lower().translate(_punctuation())
    if articles := _ARTICLES[language]:
        text = re.sub(articles, " ", text)
    if language == "zh":
        text = _HAN.sub(r" \1 ", text)
    return text.split()


@cache
def _punctuation() -> dict[int, None]:
    """Unicode's punctuation and ASCII's, which has symbols such as $ and + besides."""
    found = (code for code in range(sys.maxunicode) if unicodedata.category(chr(code))[0] == "P")
    return dict.fromkeys((*found, *map(ord, string.punctuation)))
