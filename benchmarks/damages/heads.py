"""Damage to the other heads: options, answers, tags, sentences and gold pairs."""

from __future__ import annotations

import unicodedata

import numpy as np
import pandas as pd

from benchmarks.damages.kind import Change, Damage, Frames, block, cells, each, plain, rows


def move(column: str, step: int, count: int = 0) -> Change:
    """Move a column by `step` rows, in a block of `count` rows or altogether."""

    def change(frame: pd.DataFrame, rng: np.random.Generator, _: Frames) -> pd.DataFrame:
        size = count or len(frame) - 1
        start = int(rng.integers(0, len(frame) - size))
        values = frame[column].astype(object).tolist()
        values[start : start + size] = np.roll(
            np.array([*values[start : start + size], None], object)[:-1], step
        ).tolist()
        return frame.assign(**{column: pd.Series(values, frame.index, dtype=object)})

    return change


def other_language(column: str, count: int = 0) -> Change:
    """Take a column from another language's file."""

    def change(frame: pd.DataFrame, rng: np.random.Generator, clean: Frames) -> pd.DataFrame:
        others = [name for name, other in clean.items() if not other[column].equals(frame[column])]
        other = clean[others[int(rng.integers(len(others)))]]
        size = min(count or len(frame), len(frame), len(other))
        values = frame[column].astype(object).tolist()
        values[:size] = other[column].tolist()[:size]
        return frame.assign(**{column: pd.Series(values, frame.index, dtype=object)})

    return change


def roll(cell: list, step: int = 1) -> list:
    return cell[-step:] + cell[:-step]


def empty(*columns: str) -> Change:
    """Empty lists in one row."""

    def change(frame: pd.DataFrame, chosen: np.ndarray) -> None:
        for column in columns:
            each(column, lambda cell: [])(frame, chosen)

    return rows(1, change)


def blank_both(frame: pd.DataFrame, chosen: np.ndarray) -> None:
    for column in ("context", "question"):
        each(column, lambda cell: "")(frame, chosen)


def copy_english(frame: pd.DataFrame, chosen: np.ndarray) -> None:
    here = np.isin(np.arange(len(frame)), chosen)
    frame["sentence"] = frame["sentence"].where(~here, frame["english"])


CHOICE = (
    Damage("option missing", "1 row", rows(1, each("options", lambda cell: cell[:-1]))),
    Damage("option blank", "1 row", rows(1, each("options", lambda cell: ["", *cell[1:]]))),
    Damage("two options merged", "1 row",
           rows(1, each("options", lambda cell: [f"{cell[0]} {cell[1]}", *cell[2:]]))),
    Damage("two options equal", "1 row",
           rows(1, each("options", lambda cell: [cell[1], *cell[1:]]))),
    Damage("option null", "1 row", rows(1, each("options", lambda cell: [None, *cell[1:]]))),
    Damage("answer out of range", "1 row", rows(1, each("label", lambda cell: "9"))),
    Damage("answer by letter", "1 row", rows(1, each("label", lambda cell: "A"))),
    Damage("answers from 1", "column",
           plain(lambda frame: frame.assign(label=[str(int(one) + 1) for one in frame["label"]]))),
    Damage("constant answer", "column", plain(lambda frame: frame.assign(label="0"))),
    Damage("nothing asked", "1 row", rows(1, blank_both)),
    Damage("options as one text", "column",
           plain(lambda frame: frame.assign(
               options=[" ".join(cell) for cell in frame["options"]]))),
    Damage("item repeated", "1 row", plain(lambda frame: pd.concat([frame, frame.tail(1)]))),
    Damage("control character in an option", "1 row",
           rows(1, each("options", lambda cell: [cell[0] + "\r", *cell[1:]]))),
)  # fmt: skip

SPAN = (
    Damage("offset off by one", "1 row",
           rows(1, each("starts", lambda cell: [one + 1 for one in cell]))),
    Damage("offsets in bytes", "column", plain(lambda frame: frame.assign(starts=[
        [len(context[:start].encode()) for start in starts]
        for context, starts in zip(frame["context"], frame["starts"], strict=True)])),
        languages=("ru", "el", "ar", "hi", "th", "zh", "vi")),
    Damage("offset negative", "1 row", rows(1, each("starts", lambda cell: [-1] * len(cell)))),
    Damage("context cut", "1 row", rows(1, each("context", lambda cell: cell[: len(cell) // 30]))),
    Damage("context decomposed", "column", plain(lambda frame: frame.assign(
        context=[unicodedata.normalize("NFD", cell) for cell in frame["context"]])),
        languages=("vi", "de", "es", "tr", "el", "ru")),
    Damage("contexts moved by a row", "block of 40", move("context", 1, 40)),
    Damage("questions moved by a row", "block of 60", move("question", 1, 60)),
    Damage("answer in other case", "1 row",
           rows(1, each("answers", lambda cell: [one.swapcase() + "x" for one in cell]))),
    Damage("answer lost", "1 row", empty("answers", "starts")),
    Damage("offset lost", "1 row", empty("starts")),
    Damage("answer blank", "1 row", rows(1, each("answers", lambda cell: [""] * len(cell)))),
    Damage("question blank", "1 row", rows(1, each("question", lambda cell: " "))),
    Damage("question id repeated", "1 row", cells("id", 0, lambda cell: "x-1")),
    Damage("a second answer", "1 row", plain(lambda frame: frame.assign(
        answers=[[*cell, cell[0]] if row == 7 else cell
                 for row, cell in enumerate(frame["answers"])],
        starts=[[*cell, cell[0]] if row == 7 else cell
                for row, cell in enumerate(frame["starts"])]))),
    Damage("questions of another language", "60 rows", other_language("question", 60)),
    Damage("file of another language", "file", other_language("context")),
)  # fmt: skip

TAGGING = (
    Damage("tag lost", "1 row", rows(1, each("tags", lambda cell: cell[:-1]))),
    Damage("token lost", "1 row", rows(1, each("tokens", lambda cell: cell[1:]))),
    Damage("tokens slipped, file", "file", plain(lambda frame: frame.assign(
        tokens=[roll(cell) for cell in frame["tokens"]]))),
    Damage("tokens slipped back, file", "file", plain(lambda frame: frame.assign(
        tokens=[roll(cell, -1) for cell in frame["tokens"]]))),
    Damage("tokens slipped, block", "30 rows", block(30, each("tokens", roll))),
    Damage("tags moved by a row", "block of 40", move("tags", 1, 40)),
    Damage("tag outside the set", "1 row", rows(1, each("tags", lambda cell: ["FOO", *cell[1:]]))),
    Damage("tag by index", "1 row", rows(1, each("tags", lambda cell: ["7", *cell[1:]]))),
    Damage("empty sentence", "1 row", empty("tokens", "tags")),
    Damage("blank token", "1 row", rows(1, each("tokens", lambda cell: [" ", *cell[1:]]))),
    Damage("zero-width token", "1 row",
           rows(1, each("tokens", lambda cell: ["\u200b\u200b", *cell[1:]]))),
    Damage("CRLF on the last token", "1 row",
           rows(1, each("tokens", lambda cell: [*cell[:-1], cell[-1] + "\r"]))),
    Damage("byte-order mark on the first token", "1 row",
           rows(1, each("tokens", lambda cell: ["\ufeff" + cell[0], *cell[1:]]))),
    Damage("language prefix left on tokens", "file", plain(lambda frame: frame.assign(
        tokens=[[f"{frame.attrs['language']}:{one}" for one in cell]
                for cell in frame["tokens"]]))),
    Damage("one tag everywhere", "file", plain(lambda frame: frame.assign(
        tags=[[frame["tags"][0][0]] * len(cell) for cell in frame["tags"]]))),
    Damage("tokens as one text", "column", plain(lambda frame: frame.assign(
        tokens=[" ".join(cell) for cell in frame["tokens"]]))),
    Damage("sentences in capitals of another script", "file",
           plain(lambda frame: frame.assign(tokens=[["Ж" * len(one) for one in cell]
                                                    for cell in frame["tokens"]])),
           languages=("en", "de", "nl", "pt", "fr", "tr", "vi", "zh", "ko")),
)  # fmt: skip
ENTITIES = (
    *TAGGING,
    Damage(
        "B- turned into I-",
        "file",
        plain(
            lambda frame: frame.assign(
                tags=[[one.replace("B-", "I-") for one in cell] for cell in frame["tags"]]
            )
        ),
    ),
)
PARTS_OF_SPEECH = (
    *TAGGING,
    Damage("tokens slipped, one sentence", "1 row", plain(lambda frame: frame.assign(tokens=[
        roll(cell) if row == max(range(len(frame)), key=lambda r: len(frame["tokens"].iloc[r]))
        else cell for row, cell in enumerate(frame["tokens"])]))),
)  # fmt: skip

RETRIEVAL = (
    Damage("sentences moved by a row", "file", move("sentence", 1)),
    Damage("sentences moved by a row, block", "block of 100", move("sentence", 1, 100)),
    Damage("sides swapped", "file", plain(lambda frame: frame.assign(
        sentence=frame["english"], english=frame["sentence"]))),
    Damage("copies of English", "2%", rows(20, copy_english)),
    Damage("sentence blank", "1 row", rows(1, each("sentence", lambda cell: " "))),
    Damage("pair lost", "1 row", plain(lambda frame: frame.drop(index=[33]))),
    Damage("sentences of another language", "file", other_language("sentence")),
    Damage("UTF-8 read as Latin-1", "0.5%", cells("sentence", 0.005, lambda cell: cell.encode()
           .decode("latin-1")), languages=("ru", "el", "zh", "ja", "ar", "vi", "he", "hi")),
)  # fmt: skip


def _gold_moved(frame: pd.DataFrame) -> pd.DataFrame:
    """Every gold pair gets the English sentence of the next pair."""
    has = [row for row, cell in enumerate(frame["gold"]) if cell]
    cells_ = frame["gold"].tolist()
    moved = [cells_[row] for row in has[1:] + has[:1]]
    for row, cell in zip(has, moved, strict=True):
        cells_[row] = cell
    return frame.assign(gold=pd.Series(cells_, frame.index, dtype=object))


def _first_gold(value: list[str]) -> Change:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        cells_ = frame["gold"].tolist()
        cells_[next(row for row, cell in enumerate(cells_) if cell)] = value
        return frame.assign(gold=pd.Series(cells_, frame.index, dtype=object))

    return plain(change)


MINING = (
    Damage("gold pairs moved by one", "all pairs", plain(_gold_moved)),
    Damage("gold names no sentence", "1 pair", _first_gold(["en-999999999"])),
    Damage("gold names its own side", "1 pair", _first_gold(["zh-000000001"])),
    Damage("no gold", "column",
           plain(lambda frame: frame.assign(gold=[[] for _ in frame["gold"]]))),
    Damage("sides swapped", "column", plain(lambda frame: frame.assign(
        side=frame["side"].map({"source": "english", "english": "source"})))),
    Damage("English side lost", "half", plain(lambda frame: frame[frame["side"] == "source"])),
    Damage("sentence id repeated", "1 row", cells("id", 0, lambda cell: "zh-000000002")),
    Damage("sentence blank", "1 row", rows(1, each("sentence", lambda cell: ""))),
    Damage("unknown side", "1 row", rows(1, each("side", lambda cell: "zh"))),
)  # fmt: skip
