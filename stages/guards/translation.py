"""Translation: no side left in English, none cut short, no output repeated for other inputs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from stages.guards.rule import PLACEHOLDER, Check, Rule
from stages.guards.script import SCRIPTS, letters
from stages.guards.texts import paired
from stages.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

LEAST_LETTERS = 20  # characters; shorter sentences may be names, or say the same in two languages
MOST_SOURCES = 3  # different English sentences may have one translation; four do not
SHORT, LONG = 0.3, 3.5  # of the length that the file gives to such an English sentence
NUMBERS_KEPT = 0.5  # published XNLI and PAWS-X keep 84% (Urdu) to 99%; shuffled rows 0 to 2%
ENOUGH = 20  # sentences with numbers (or names), to judge a file by them
NAMES_KEPT = 0.25  # published files in Latin letters keep one name at least in 57% to 96%
LATIN_SHARE = 0.7  # of the letters of a file, to look for English names in it
HALF = 0.7  # of the usual length: a text without its full stop and shorter than that was cut
ENDING = 0.8  # of a file's texts end in a full stop where English does (fewer in Thai): then all

_GROUPED = re.compile(r"(?<=\d)[,.   ](?=\d{3}(?!\d))")  # 12,000 and 12 000 are 12000
_NUMBER = re.compile(r"\d{3,}")  # shorter ones are spelled out as often as not

COPIES = Rule(
    "untranslated",
    "warn",
    "sentences that differ from their English side",
    "The sentence was not translated: report the score without these rows too.",
    stop_above=0.01,
)
REPEATED = Rule(
    "repeated_output",
    "warn",
    f"no sentence that stands for more than {MOST_SOURCES} English ones",
    "The translation system repeated itself: translate these rows again.",
    stop_above=0.01,
)
LENGTH = Rule(
    "length_ratio",
    "warn",
    f"between {SHORT} and {LONG} times the length that the English side suggests",
    "The translation is cut short or runs on: compare it with its source.",
    stop_above=0.02,
)
NUMBERS = Rule(
    "numbers_kept",
    "note",
    "one of the numbers of the English side",
    "A number was lost or spelled out; published sets hold some such rows.",
)
FOLLOWS = Rule(
    "numbers_follow",
    "stop",
    f"numbers of the English side in at least {NUMBERS_KEPT:.0%} of the sentences that have any",
    "The texts are not translations of these rows: compare the file with its source.",
)
NAMES = Rule(
    "names_kept",
    "note",
    "one of the names of the English side",
    "All names were translated or lost; published sets hold some such rows.",
)
SAME_NAMES = Rule(
    "names_follow",
    "stop",
    f"names of the English side in at least {NAMES_KEPT:.0%} of the sentences that have two",
    "The texts are not translations of these rows: compare the file with its source.",
)
CUT_SHORT = Rule(
    "cut_short",
    "warn",
    "a full stop where English has one, or the usual length",
    "The translation ends in the middle: translate these rows again.",
    stop_above=0.05,
)
RULES = (COPIES, REPEATED, LENGTH, NUMBERS, FOLLOWS, NAMES, SAME_NAMES, CUT_SHORT)

# capitalised inside a sentence
_NAME = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]{3,}")
_STOPS = r"[.?!]\s*$"
_ENDS = r"[.?!؟。！？۔।\"'”»）)…:]\s*$"


def numbers(text: str) -> frozenset[str]:
    """The numbers of three digits and more, in 0 to 9 whatever the script's digits."""
    if _NUMBER.search(text) is None and _GROUPED.search(text) is None:
        return frozenset()
    found = _NUMBER.findall(_GROUPED.sub("", text))
    return frozenset(str(int(number)) for number in found)


def translation(task: Task, pairs: pd.DataFrame) -> tuple[pd.DataFrame, list[Check]]:
    """Return pairs (as `parallel.pair` gives them) with columns of evidence, and their checks."""
    import pandas as pd

    evidence = {rule.name: pd.Series(None, pairs.index, dtype="str") for rule in RULES}
    for side in paired(task.head, pairs):
        text, english = pairs[side].fillna(""), pairs[f"{side}_en"].fillna("")
        lengths, sources = text.str.len(), english.str.len()
        real = (sources > 0) & (lengths > 0) & ~text.str.match(PLACEHOLDER)
        copied = real & (lengths >= LEAST_LETTERS) & (text.str.casefold() == english.str.casefold())
        kinds = english[real].groupby(text[real]).nunique()
        often = text.isin(kinds.index[kinds > MOST_SOURCES]) & (lengths >= LEAST_LETTERS)
        typical = float((lengths[real] / sources[real]).median()) if real.any() else 1.0
        ratio = lengths / (typical * sources.where(sources > 0, 1))
        odd = real & (np.maximum(sources, lengths) >= 2 * LEAST_LETTERS)
        odd &= (ratio < SHORT) | (ratio > LONG)
        asked = english.map(numbers)
        numbered = real & asked.map(bool).astype(bool)
        kept = [bool(ours & numbers(cell)) for ours, cell in zip(asked, text, strict=True)]
        lost = numbered & ~pd.Series(kept, pairs.index, dtype=bool)
        follows = lost.sum() <= (1 - NUMBERS_KEPT) * numbered.sum() or numbered.sum() < ENOUGH
        nameless, same_names = _names(text, english, real)
        for rule, broken in (
            (NAMES, nameless & same_names),
            (SAME_NAMES, nameless & (not same_names)),
            (CUT_SHORT, _cut_short(text, english, ratio, real)),
            (COPIES, copied),
            (REPEATED, often),
            (LENGTH, odd),
            (NUMBERS, lost & follows),
            (FOLLOWS, lost & (not follows)),
        ):
            found = pairs[side].where(broken)
            evidence[rule.name] = evidence[rule.name].fillna(found)
    checks = [Check(rule, "ExpectColumnValuesToBeNull", {"column": rule.name}) for rule in RULES]
    return pairs.assign(**evidence), checks


def _names(text: pd.Series, english: pd.Series, real: pd.Series) -> tuple[pd.Series, bool]:
    """Rows that lost all of at least two English names, and whether the file keeps names at all.

    Only texts in Latin letters keep them as they are.
    """
    import pandas as pd

    none = pd.Series(False, text.index)
    counts = letters(["".join(text[real].head(2_000))])[0, 1:]
    if not counts.sum() or counts[SCRIPTS.index("Latin") - 1] < LATIN_SHARE * counts.sum():
        return none, True
    names = [set(map(str.casefold, _NAME.findall(cell))) for cell in english]
    lost = [
        len(asked) > 1 and not any(name in folded for name in asked)
        for asked, folded in zip(names, text.str.casefold(), strict=True)
    ]
    named = real & pd.Series([len(asked) > 1 for asked in names], text.index)
    nameless = real & pd.Series(lost, text.index)
    enough = named.sum() >= ENOUGH
    return nameless, not enough or nameless.sum() <= (1 - NAMES_KEPT) * named.sum()


def _cut_short(text: pd.Series, english: pd.Series, ratio: pd.Series, real: pd.Series) -> pd.Series:
    """Rows that end without a full stop where English has one, and are much shorter than usual."""
    stops = real & english.str.contains(_STOPS)
    ends = text.str.contains(_ENDS)
    if not stops.any() or ends[stops].mean() < ENDING:
        return stops & False
    return stops & ~ends & (ratio < HALF) & (english.str.len() >= 2 * LEAST_LETTERS)
