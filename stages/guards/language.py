"""Language: every text is in the language of its folder, by py3langid's own model.

py3langid 0.4 (BSD-3) ships its model (4.6 MB) and needs nothing but numpy. The choice is between
the languages of the task, so that close relatives outside it raise no alarm. Short rows say little
one by one: those that follow each other in a file are judged together. The automaton is walked for
all texts at once, which gives py3langid's own scores in a tenth of the time.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from stages.guards.rule import Check, Rule
from stages.guards.texts import TEXTS, written_in
from stages.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

CUT = 100  # characters of each text of a row that are read
LEAST = 40  # characters of a row that is judged by itself
TOGETHER = 200  # characters of shorter rows that are judged as one
SURE = 30.0  # nats between the language found and the expected one; names alone make 10
SLICE = 20_000  # texts walked at once

LANGUAGE = Rule(
    "language",
    "warn",
    "text in the language of the folder",
    "Untranslated or in another language: report the score without these rows too.",
    stop_above=0.1,  # 5% of published Malay PAN-X, which is close to Javanese and Indonesian
)
RULES = (LANGUAGE,)
XTREME = (
    "ar bg bn de el en es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr ms my nl pt ru sw ta "
    "te th tl tr ur vi yo zh"
).split()


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE)


def known(languages: Sequence[str]) -> list[str]:
    """Those of `languages` that the model knows."""
    labels = set(_identifier().labels)
    return [code for code in languages if code in labels]


def scores(texts: Sequence[str], languages: Sequence[str]) -> np.ndarray:
    """py3langid's log scores: float32, texts by languages (all of them known to the model)."""
    model = _identifier()
    columns = [np.flatnonzero(np.array(model.nb_classes) == code) for code in languages]
    chosen = np.concatenate(columns)
    parts = [
        _visits(texts[start : start + SLICE]) @ model.nb_ptc[:, chosen] + model.nb_pc[chosen]
        for start in range(0, len(texts), SLICE)
    ]
    found = np.concatenate(parts) if parts else np.zeros((0, len(chosen)), np.float32)
    ends = np.cumsum([len(column) for column in columns])
    # a language in several scripts has several columns
    return np.stack(
        [
            found[:, end - len(column) : end].max(axis=1)
            for column, end in zip(columns, ends, strict=True)
        ],
        axis=1,
    )


def _visits(texts: Sequence[str]) -> Any:
    """log(1 + how often each text visits each feature): sparse, texts by features."""
    from scipy.sparse import coo_matrix

    model = _identifier()
    step = np.asarray(model.tk_nextmove)
    base = np.asarray(model.tk_row, np.int64) << 8
    output = np.asarray(model.tk_output)
    encoded = [_encoded(text) for text in texts]
    lengths = np.array([len(text) for text in encoded])
    order = np.argsort(-lengths, kind="stable")
    letters = np.frombuffer(b"".join(encoded), np.uint8)
    starts = (np.cumsum(lengths) - lengths)[order]
    longest_first = lengths[order]
    state = np.zeros(len(texts), np.int64)
    rows, features = [], []
    for place in range(int(lengths.max(initial=0))):
        active = int(np.searchsorted(-longest_first, -place, "left"))
        state = step[base[state[:active]] + letters[starts[:active] + place]].astype(np.int64)
        found = output[state]
        seen = np.flatnonzero(found >= 0)
        rows.append(order[seen])
        features.append(found[seen])
    row = np.concatenate(rows) if rows else np.zeros(0, np.int64)
    feature = np.concatenate(features) if features else np.zeros(0, np.int64)
    shape = (len(texts), model.nb_ptc.shape[0])
    counts = coo_matrix((np.ones(len(row), np.float32), (row, feature)), shape).tocsr()
    counts.data = np.log1p(counts.data)
    return counts


def _encoded(text: str) -> bytes:
    """As py3langid reads it."""
    text = text.lower() if text.isupper() else text
    return unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")


def language(task: Task, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Check]]:
    """Return `frame` (with a column `file`) with a column of evidence, and the check on it."""
    import pandas as pd

    choice = known(task.languages)
    if len(choice) < 2:  # an English task: the choice is between all languages that XTREME has
        choice = known(XTREME)
    evidence = pd.Series(None, frame.index, dtype="str")
    languages = {side: written_in(task, frame, side) for side in TEXTS[task.head]}
    groups = [["sentence"], ["english"]] if task.head == "retrieval" else [list(languages)]
    for sides in groups:
        texts = frame[sides[0]].fillna("").str[:CUT]
        for side in sides[1:]:
            texts = texts + " " + frame[side].fillna("").str[:CUT]
        expected = languages[sides[0]]
        evidence = evidence.fillna(_foreign(texts, frame["file"], expected, choice))
    check = Check(LANGUAGE, "ExpectColumnValuesToBeNull", {"column": LANGUAGE.name})
    return frame.assign(**{LANGUAGE.name: evidence}), [check]


def _foreign(
    texts: pd.Series, files: pd.Series, expected: pd.Series, choice: list[str]
) -> pd.Series:
    """The language that a row is surely in, and its text; None where it is as expected."""
    import pandas as pd

    short = texts.str.len() < LEAST
    place = (files + "\t" + expected)[short]
    bundle = (texts[short].str.len().groupby(place).cumsum() // TOGETHER).astype("str")
    unit = pd.Series(texts.index.astype("str"), texts.index, dtype="str")
    unit[short] = place + "\t" + bundle
    together = texts[short].groupby(unit[short], sort=False).agg(" ".join)
    joined = pd.concat([texts[~short].set_axis(unit[~short]), together.astype("str")])
    codes = pd.concat([
        expected[~short].set_axis(unit[~short]),
        expected[short].groupby(unit[short], sort=False).first(),
    ])  # fmt: skip
    telling = joined[(joined.str.len() >= LEAST) & codes.isin(choice)]
    if telling.empty:
        return pd.Series(None, texts.index, dtype="str")
    nats = scores(telling.tolist(), choice)
    wanted = codes[telling.index].map({code: place for place, code in enumerate(choice)})
    own = nats[np.arange(len(telling)), wanted.to_numpy()]
    sure = nats.max(axis=1) - own > SURE
    names = np.array(choice)[nats.argmax(axis=1)][sure]
    found = {
        key: f"{name}: {text}"
        for key, name, text in zip(telling.index[sure], names, telling[sure], strict=True)
    }
    return unit.map(found).astype("str")
