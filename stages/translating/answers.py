"""Answers of questions, found again in a translated context by a mark around them.

The sentence that holds an answer is translated twice, once with the answer between marks. What
stands between the marks of the translation is looked for in the translation without marks, which
is the context of all questions. An answer whose marks are lost, or that is not there, is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping

from stages.translating.sentences import Sentence, split

OPEN, CLOSE = "[[", "]]"


def holding(context: str, answer: str, start: int) -> tuple[int, Sentence] | None:
    """Return the sentence (its number, itself) in which an answer stands; None for no such one."""
    if not answer or not context.startswith(answer, start):
        return None
    for number, sentence in enumerate(split(context)):
        inside = sentence.start <= start
        if inside and start + len(answer) <= sentence.start + len(sentence.text):
            return number, sentence
    return None


def marked(sentence: Sentence, answer: str, start: int) -> str:
    """Return the sentence with marks around the answer; start : code points of the context."""
    begin = start - sentence.start
    end = begin + len(answer)
    return f"{sentence.text[:begin]}{OPEN} {answer} {CLOSE}{sentence.text[end:]}"


def found_again(
    context: str,
    answer: str,
    start: int,
    translation: str,
    starts: list[int],
    known: Mapping[str, str],
) -> tuple[str, int] | None:
    """Return the answer in the translated context and where it begins; None where it is lost.

    starts : where each sentence begins in `translation`. Of several places in the sentence the
    one nearest to that of the original is taken.
    """
    place = holding(context, answer, start)
    if place is None:
        return None
    number, sentence = place
    text = known[marked(sentence, answer, start)]
    first, last = text.find(OPEN), text.rfind(CLOSE)
    if first < 0 or last < first or text.count(OPEN) > 1 or text.count(CLOSE) > 1:
        return None
    inside = text[first + len(OPEN) : last].strip()
    plain = known[sentence.text]
    if not inside or inside not in plain:
        return None
    wanted = (start - sentence.start) / len(sentence.text) * len(plain)
    places = [at for at in range(len(plain)) if plain.startswith(inside, at)]
    nearest = min(places, key=lambda at: abs(at - wanted))
    return inside, starts[number] + nearest
