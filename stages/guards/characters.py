"""Characters: no controls, no mojibake, nothing lost on the way, Unicode composed (NFC).

Every rule here is a function from a text to its evidence, the place that breaks the rule, or None.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from unicodedata import is_normalized, normalize

from stages.guards.rule import Check, Rule
from stages.guards.texts import TEXTS
from stages.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

AROUND = 12  # characters of context on each side of what is shown
_MEND = "Read the source again as UTF-8, then take the snapshot again."

CONTROLS = Rule(
    "control_characters", "warn", "no control or private-use characters", _MEND, stop_above=0.005
)
INVISIBLE = Rule(
    "invisible_characters",
    "note",
    "no zero-width spaces, soft hyphens or byte-order marks",
    "Tokenizers split words at them; published sets hold some.",
    stop_above=0.6,  # 45% of the paragraphs of published Spanish MLQA
)
MOJIBAKE = Rule(
    "mojibake", "warn", "no UTF-8 read as another encoding", _MEND,
    stop_above=0.08,  # 5% of the paragraphs of published Arabic XQuAD
)  # fmt: skip
LOST = Rule(
    "lost_characters", "warn", "no replacement characters or `?` in their place", _MEND,
    stop_above=0.02,
)  # fmt: skip
COMPOSED = Rule(
    "composed_unicode",
    "warn",
    "Unicode in its composed form (NFC)",
    "Tokenizers see other characters: normalise the source to NFC.",
    stop_above=0.1,  # 4% of published Vietnamese MLQA
)
MARKUP = Rule(
    "markup",
    "warn",
    "no HTML entities, tags or escape sequences",
    "Unescape the text at its source; published sets hold a few.",
    stop_above=0.1,  # 6% of the passages of published Korean TyDiQA
)
MARK = Rule(
    "byte_order_mark",
    "warn",
    "no byte-order mark before a text",
    "Read the source as UTF-8 with its mark (utf-8-sig), then take the snapshot again.",
    stop_above=0.2,  # published XQuAD holds some
)
RULES = (CONTROLS, MARK, INVISIBLE, MOJIBAKE, LOST, COMPOSED, MARKUP)

_CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff]")
_INVISIBLE = re.compile("[\u200b\u2060\ufeff\u00ad]")
_LOST = re.compile(r"\ufffd|\?{4,}|(?<=[a-z])\?(?=[a-z]{2,}\b(?!\?))")
_MARKUP = re.compile(
    r"&(?:[a-z]{2,6}|#\d{2,5}|#x[0-9a-f]{2,5});|</?[a-z]{1,6}\s*/?>|\\u[0-9a-f]{4}|\\x[0-9a-f]{2}"
    r"|(?:%[0-9a-f]{2}){2}",
    re.IGNORECASE,
)


def _tail() -> str:
    """What the bytes 80 to BF become when UTF-8 is read as Windows-1252 or Latin-1."""
    latin = {chr(byte) for byte in range(0x80, 0xC0)}
    windows = set(bytes(range(0x80, 0xC0)).decode("cp1252", "ignore"))
    return f"[{re.escape(''.join(sorted(latin | windows)))}]"


# Only lead bytes of scripts that occur here: German `groß“` is none, nor French `été »`.
_MOJIBAKE = re.compile(
    f"[ÂÃÄÅÎÏÐÑØÙÚÛ×]{_tail()}|[à-ï](?!\xa0){_tail()}{{2}}|[ð-ô]{_tail()}{{3}}"
    # UTF-8 Cyrillic read as Windows-1251: every other letter is Р or С
    "|(?:[РС][\u0402-\u040f\u0450-\u045f°±ІіґЎў¤¦§©«¬®»]){2}"
)
_ALONE = re.compile("[ÃÂ][\x80-\x9f¡-¿€-™]|â€|ï»¿|ï¿½")  # one is enough; others need two


def control(text: str) -> str | None:
    """A control character, private-use character or noncharacter."""
    return _around(text, _CONTROL.search(text))


def mark(text: str) -> str | None:
    """A byte-order mark at the start; inside a text it is a blank without width."""
    return text[:AROUND] if text.startswith("\ufeff") else None


def invisible(text: str) -> str | None:
    """A character without width that is not part of any script's spelling."""
    return None if text.isascii() else _around(text, _INVISIBLE.search(text))


def mojibake(text: str) -> str | None:
    """UTF-8 bytes shown as Windows-1252, Latin-1 or Windows-1251."""
    if text.isascii():
        return None
    found = _ALONE.search(text)
    if found is None:
        several = list(_MOJIBAKE.finditer(text))
        found = several[0] if len(several) > 1 else None
    return _around(text, found)


def lost(text: str) -> str | None:
    """U+FFFD, or a question mark inside a word."""
    return _around(text, _LOST.search(text))


def decomposed(text: str) -> str | None:
    """Letters and marks that NFC would join.

    Letters that NFC takes apart (the nukta letters of published Hindi) are not meant.
    """
    if is_normalized("NFC", text):
        return None
    composed = normalize("NFC", text)
    if len(composed) >= len(text):
        return None
    place = next((i for i, (a, b) in enumerate(zip(text, composed, strict=False)) if a != b), 0)
    return text[max(0, place - AROUND) : place + AROUND]


def markup(text: str) -> str | None:
    """An entity, a bare tag or an escape sequence."""
    return _around(text, _MARKUP.search(text))


EVIDENCE: tuple[tuple[Rule, Callable[[str], str | None]], ...] = (
    (CONTROLS, control),
    (MARK, mark),
    (INVISIBLE, invisible),
    (MOJIBAKE, mojibake),
    (LOST, lost),
    (COMPOSED, decomposed),
    (MARKUP, markup),
)


def characters(task: Task, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Check]]:
    """Return `frame` with a column of evidence a rule, and the checks that it is empty."""
    sides = [frame[text].fillna("") for text in TEXTS[task.head]]
    cells = set().union(*sides)  # a premise occurs three times in XNLI
    columns = {}
    for rule, look in EVIDENCE:
        known = {cell: found for cell in cells if (found := look(cell)) is not None}
        evidence, *others = (side.map(known).astype("str") for side in sides)
        for other in others:
            evidence = evidence.fillna(other)
        columns[rule.name] = evidence
    checks = [
        Check(rule, "ExpectColumnValuesToBeNull", {"column": rule.name}) for rule, _ in EVIDENCE
    ]
    return frame.assign(**columns), checks


def _around(text: str, found: re.Match[str] | None) -> str | None:
    if found is None:
        return None
    return text[max(0, found.start() - AROUND) : found.end() + AROUND]
