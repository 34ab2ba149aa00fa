"""Script: the letters of every row belong to the writing system of its language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING
from unicodedata import normalize

import numpy as np

from stages.guards.rule import Check, Rule
from stages.guards.texts import TEXTS, written_in
from stages.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

SLICE = 10_000  # texts counted at once
LEAST_LETTERS = 12  # of a sentence; below, it is a name or a number
LEAST_SHARE = 0.1  # of its letters; names stay Latin in published Chinese and Korean sentences

SCRIPT = Rule(
    "script",
    "warn",
    "letters of the language's own script",
    "Untranslated, transliterated or in another language: report the score without these rows too.",
    stop_above=0.15,  # published XNLI holds romanised hypotheses: 4% of Hindi, 5% of Urdu
)
ACCENTS = Rule(
    "accents",
    "stop",
    "the accented letters of the language",
    "Accents were taken off on the way: read the source again as UTF-8.",
)
RULES = (SCRIPT, ACCENTS)

# Share of letters with a mark that can be taken off: a quarter of the least in any published set.
LEAST_ACCENTS = {
    "de": 0.0027, "es": 0.005, "et": 0.007, "fi": 0.008, "fr": 0.007, "hu": 0.023, "it": 0.0025,
    "pt": 0.0057, "tr": 0.014, "vi": 0.038, "yo": 0.067,
}  # fmt: skip
ENOUGH_LETTERS = 20_000  # of a file, to judge its share

# First code points of runs of letters (Unicode 16 blocks, joined where one script owns them).
_RUNS: tuple[tuple[int, int, str], ...] = (
    (0x41, 0x5A, "Latin"), (0x61, 0x7A, "Latin"), (0xC0, 0x24F, "Latin"),
    (0x1E00, 0x1EFF, "Latin"), (0xFF21, 0xFF5A, "Latin"),
    (0x370, 0x3FF, "Greek"), (0x1F00, 0x1FFF, "Greek"), (0x400, 0x52F, "Cyrillic"),
    (0x531, 0x58F, "Armenian"), (0x5D0, 0x5F2, "Hebrew"),
    (0x620, 0x6FF, "Arabic"), (0x750, 0x77F, "Arabic"), (0x8A0, 0x8FF, "Arabic"),
    (0xFB50, 0xFDFF, "Arabic"), (0xFE70, 0xFEFC, "Arabic"),
    (0x900, 0x97F, "Devanagari"), (0x980, 0x9FF, "Bengali"), (0xB80, 0xBFF, "Tamil"),
    (0xC00, 0xC7F, "Telugu"), (0xD00, 0xD7F, "Malayalam"), (0xE01, 0xE3A, "Thai"),
    (0xE40, 0xE4E, "Thai"), (0x1000, 0x109F, "Myanmar"), (0x10A0, 0x10FF, "Georgian"),
    (0x1100, 0x11FF, "Hangul"), (0x3130, 0x318F, "Hangul"), (0xAC00, 0xD7A3, "Hangul"),
    (0x3041, 0x30FF, "Kana"), (0x31F0, 0x31FF, "Kana"), (0xFF66, 0xFF9F, "Kana"),
    (0x3400, 0x9FFF, "Han"), (0xF900, 0xFAFF, "Han"), (0x20000, 0x3FFFF, "Han"),
)  # fmt: skip
SCRIPTS = ("other", *dict.fromkeys(name for _, _, name in _RUNS))
# XTREME's languages; those that are not named here are written in Latin.
OF_LANGUAGE: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("ar", "fa", "ur"), ("Arabic",)),
    **dict.fromkeys(("bg", "ru", "kk"), ("Cyrillic",)),
    **dict.fromkeys(("hi", "mr"), ("Devanagari",)),
    "bn": ("Bengali",), "el": ("Greek",), "he": ("Hebrew",), "ja": ("Kana", "Han"),
    "ka": ("Georgian",), "ko": ("Hangul",), "ml": ("Malayalam",), "my": ("Myanmar",),
    "ta": ("Tamil",), "te": ("Telugu",), "th": ("Thai",), "zh": ("Han",),
}  # fmt: skip


@cache
def _table() -> np.ndarray:
    """Script number by code point."""
    table = np.zeros(0x110000, np.uint8)
    for first, last, name in _RUNS:
        table[first : last + 1] = SCRIPTS.index(name)
    table[[0xD7, 0xF7]] = 0  # multiplication and division signs
    return table


def letters(texts: Iterable[str]) -> np.ndarray:
    """Letters of each script in each text: int array, texts by SCRIPTS (column 0: no letters)."""
    texts = list(texts)
    found = np.zeros((len(texts), len(SCRIPTS)), np.int64)
    for start in range(0, len(texts), SLICE):
        part = texts[start : start + SLICE]
        points = np.frombuffer("".join(part).encode("utf-32-le", "replace"), np.uint32)
        rows = np.repeat(np.arange(len(part)), [len(text) for text in part])
        cells = rows * len(SCRIPTS) + _table()[points]
        counts = np.bincount(cells, minlength=len(part) * len(SCRIPTS))
        found[start : start + SLICE] = counts.reshape(-1, len(SCRIPTS))
    return found


def script(task: Task, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Check]]:
    """Return `frame` (with a column `file`) with a column of evidence, and the check on it."""
    import pandas as pd

    evidence = pd.Series(None, frame.index, dtype="str")
    for side in TEXTS[task.head]:
        languages = written_in(task, frame, side)
        codes, distinct = pd.factorize(frame[side].fillna(""))  # a paragraph has many questions
        counts = letters(distinct)[codes, 1:]
        total = counts.sum(axis=1)
        own = np.zeros(len(frame))
        for language in languages.unique():
            names = OF_LANGUAGE.get(language, ("Latin",))
            here = (languages == language).to_numpy()
            own[here] = counts[here][:, [SCRIPTS.index(name) - 1 for name in names]].sum(axis=1)
        wrong = (total >= LEAST_LETTERS) & (own < LEAST_SHARE * total)
        main = np.array(SCRIPTS[1:])[counts.argmax(axis=1)]
        found = [
            f"{name}: {text}" for name, text in zip(main[wrong], frame[side][wrong], strict=True)
        ]
        evidence = evidence.fillna(pd.Series(found, frame.index[wrong], dtype="str"))
    columns = {SCRIPT.name: evidence, ACCENTS.name: _accents(task, frame)}
    checks = [Check(rule, "ExpectColumnValuesToBeNull", {"column": rule.name}) for rule in RULES]
    return frame.assign(**columns), checks


def _accents(task: Task, frame: pd.DataFrame) -> pd.Series:
    """Evidence in every row of a file that has too few letters with marks."""
    import pandas as pd

    evidence = pd.Series(None, frame.index, dtype="str")
    for file, rows in frame.groupby("file", sort=False).groups.items():
        least = LEAST_ACCENTS.get(str(file).partition("/")[0])
        if least is None:
            continue
        here, code = frame.loc[rows], str(file).partition("/")[0]
        text = ""
        for side in TEXTS[task.head]:
            own = here[side][written_in(task, here, side) == code]
            text += "".join(own.dropna())
        counts = Counter(text)
        total = sum(count for letter, count in counts.items() if letter.isalpha())
        marked = sum(
            count
            for letter, count in counts.items()
            if letter.isalpha() and normalize("NFD", letter) != letter
        )
        if total >= ENOUGH_LETTERS and marked < least * total:
            evidence[rows] = f"{marked / total:.2%} of the letters have a mark"
    return evidence
