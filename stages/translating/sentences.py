"""Texts as sentences: what a translation system reads, and how they become a text again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

UNSPACED = ("ja", "my", "th", "zh")  # sentences follow each other without a blank

_END = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+(?=[\"'“‘(\[]*[A-Z0-9])")


@dataclass(frozen=True)
class Sentence:
    """A sentence of a text, where it begins (code points), and the blanks that follow it."""

    text: str
    start: int
    after: str


def split(text: str) -> list[Sentence]:
    """Return the sentences of an English text; blanks at its ends belong to none.

    A full stop inside (`Dr. Who`) may cut one in two: both halves are translated all the same.
    """
    sentences = []
    start = len(text) - len(text.lstrip())
    end = len(text.rstrip())
    for found in _END.finditer(text, start, end):
        cut = found.start() + len(found.group().rstrip())
        sentences.append(Sentence(text[start:cut], start, text[cut : found.end()]))
        start = found.end()
    if start < end:
        sentences.append(Sentence(text[start:end], start, ""))
    return sentences


def joined(text: str, language: str, known: Mapping[str, str]) -> tuple[str, list[int]]:
    """Return the translation of a text, and where each of its sentences begins in it.

    known : translations by sentence; a sentence without one is a KeyError.
    """
    result, starts = "", []
    for sentence in split(text):
        starts.append(len(result))
        between = sentence.after if language not in UNSPACED or "\n" in sentence.after else ""
        result += known[sentence.text] + between
    return result, starts
