"""Language: every sentence is in the language of its folder, by py3langid's own model.

py3langid 0.4 (BSD-3) ships its model (4.6 MB) and needs nothing but numpy. The choice is between
the languages of the task, so that close relatives outside it raise no alarm.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from stages.guards.rule import Check, Rule
from stages.guards.structure import TEXTS
from stages.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

CUT = 100  # characters of each sentence that are read
LEAST = 40  # characters of a row; less says little
SURE = 30.0  # nats between the language found and the expected one; names alone make 10

LANGUAGE = Rule(
    "language",
    "warn",
    "sentences in the language of the folder",
    "Untranslated or in another language: report the score without these rows too.",
    stop_above=0.05,
)
RULES = (LANGUAGE,)


def available() -> bool:
    """Whether the language identifier is installed."""
    return find_spec("py3langid") is not None


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE)


def language(task: Task, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Check]]:
    """Return `frame` (with a column `file`) with a column of evidence, and the check on it."""
    import pandas as pd

    identifier = _identifier()
    identifier.set_languages(None)  # forget the choice of the last task
    known = [code for code in task.languages if code in set(identifier.labels)]
    if len(known) < 2:  # an English task: the choice is between all languages that XTREME has
        known = [code for code in _EVERY if code in set(identifier.labels)]
    identifier.set_languages(known)
    first, second = (frame[text].fillna("").str[:CUT] for text in TEXTS[task.head])
    texts = first + " " + second
    expected = frame["file"].str.partition("/")[0]
    evidence: list[str | None] = []
    for text, code in zip(texts, expected, strict=True):
        telling = len(text) >= LEAST and code in known
        found = identifier.classify(text)[0] if telling else code
        if found != code:
            nats = dict(identifier.rank(text))
            found = found if nats[found] - nats.get(code, 0.0) > SURE else code
        evidence.append(None if found == code else f"{found}: {text}")
    check = Check(LANGUAGE, "ExpectColumnValuesToBeNull", {"column": LANGUAGE.name})
    column = pd.Series(evidence, frame.index, dtype="str")
    return frame.assign(**{LANGUAGE.name: column}), [check]


_EVERY = (
    "ar bg bn de el en es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr ms my nl pt ru sw ta "
    "te th tl tr ur vi yo zh"
).split()
