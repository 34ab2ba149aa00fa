"""Damage to pairs of sentences (XNLI): 56 kinds, each at the smallest size that matters."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from html import escape
from urllib.parse import quote

import numpy as np
import pandas as pd

from benchmarks.damages.kind import Change, Damage, cells, plain

HALF = 0.005  # the share of rows that matters, of 5,010


def order(length: int, move: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Change:
    """Reorder the texts of a random block of `length` rows; ids and labels stay."""

    def change(
        frame: pd.DataFrame, rng: np.random.Generator, _: dict[str, pd.DataFrame]
    ) -> pd.DataFrame:
        rows = np.arange(len(frame))
        start = rng.integers(0, len(frame) - length - 1)
        rows[start : start + length] = move(rows[start : start + length], rng)
        texts = frame[["sentence1", "sentence2"]].iloc[rows].reset_index(drop=True)
        return frame.assign(sentence1=texts["sentence1"], sentence2=texts["sentence2"])

    return change


def from_language(other: str, share: float, block: bool = False) -> Change:
    """Take the texts of a share of the rows, scattered or in one block, from another language."""

    def change(
        frame: pd.DataFrame, rng: np.random.Generator, clean: dict[str, pd.DataFrame]
    ) -> pd.DataFrame:
        count = max(1, round(share * len(frame)))
        rows = rng.choice(len(frame), count, replace=False)
        if block:
            rows = np.arange(count) + rng.integers(0, len(frame) - count + 1)
        frame = frame.copy()
        for column in ("sentence1", "sentence2"):
            frame.loc[rows, column] = clean[other].loc[rows, column]
        return frame

    return change


def shifted(frame: pd.DataFrame, rng: np.random.Generator, _: object) -> pd.DataFrame:
    """One row lost, all later ones move up, the last is repeated, ids are given anew."""
    start = rng.integers(0, len(frame) - 100)
    moved = frame.drop(index=start)
    moved = pd.concat([moved, moved.tail(1)], ignore_index=True)
    return moved.assign(id=frame["id"])


def swapped_rows(frame: pd.DataFrame, rng: np.random.Generator, _: object) -> pd.DataFrame:
    """Two neighbours change places, ids and all."""
    rows = np.arange(len(frame))
    start = rng.integers(0, len(frame) - 1)
    rows[[start, start + 1]] = rows[[start + 1, start]]
    return frame.iloc[rows]


def repeated(frame: pd.DataFrame, rng: np.random.Generator, _: object) -> pd.DataFrame:
    """One sentence as the output for 25 inputs."""
    rows = rng.choice(len(frame), 25, replace=False)
    long = frame["sentence2"][frame["sentence2"].str.len() > 30]
    frame = frame.copy()
    frame.loc[rows, "sentence2"] = long.iloc[0]
    return frame


def misread(text: str, encoding: str) -> str:
    """UTF-8 read as another encoding."""
    return "".join(
        bytes([byte]).decode(encoding, "ignore") or chr(byte) for byte in text.encode("utf-8")
    )


def other_label(label: str) -> str:
    """The next label."""
    return {"entailment": "neutral", "neutral": "contradiction"}.get(label, "entailment")


def swap_sides(frame: pd.DataFrame, rng: np.random.Generator, _: object) -> pd.DataFrame:
    """Premise and hypothesis change places in 60 rows."""
    rows = np.arange(60) + rng.integers(0, len(frame) - 60)
    frame = frame.copy()
    sides = frame.loc[rows, ["sentence2", "sentence1"]].to_numpy()
    frame.loc[rows, ["sentence1", "sentence2"]] = sides
    return frame


def without_marks(text: str) -> str:
    """Accents taken off."""
    apart = unicodedata.normalize("NFD", text)
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def flipped(content: bytes) -> bytes:
    """Sixteen bytes of the data turned around."""
    middle = len(content) // 2
    turned = bytes(byte ^ 0xFF for byte in content[middle : middle + 16])
    return content[:middle] + turned + content[middle + 16 :]


LATIN = ("de", "es", "fr", "tr", "vi")
DAMAGES: tuple[Damage, ...] = (
    Damage("file missing", "1 file", bytes=lambda content: None),
    Damage("file cut off", "at 90%", bytes=lambda content: content[: len(content) * 9 // 10]),
    Damage("file is a PNG", "1 file", bytes=lambda content: b"\x89PNG\r\n\x1a\n" + bytes(200)),
    Damage("bytes flipped in the middle", "16 bytes", bytes=flipped),
    Damage("null side", "1 row", cells("sentence1", 0, lambda text: None)),
    Damage("null label", "1 row", cells("label", 0, lambda text: None)),
    Damage("empty side", "1 row", cells("sentence2", 0, lambda text: "")),
    Damage("blank side", "1 row", cells("sentence2", 0, lambda text: " \u00a0")),
    Damage("zero-width side", "1 row", cells("sentence1", 0, lambda text: "\u200b")),
    Damage("unknown label", "1 row", cells("label", 0, lambda text: "contradictory")),
    Damage("label by index", "1 row", cells("label", 0, lambda text: "1")),
    Damage("labels by index", "column", plain(lambda frame: frame.assign(label=1))),
    Damage("constant label", "column", plain(lambda frame: frame.assign(label="neutral"))),
    Damage("column renamed", "column",
           plain(lambda frame: frame.rename(columns={"sentence1": "premise"}))),
    Damage("columns reordered", "column", plain(lambda frame: frame[list(frame.columns[::-1])])),
    Damage("column added", "column", plain(lambda frame: frame.assign(index=0))),
    Damage("row lost", "1 row", plain(lambda frame: frame.drop(index=[1234]))),
    Damage("row repeated", "1 row", plain(lambda frame: pd.concat([frame, frame.tail(1)]))),
    Damage("id repeated", "1 row", cells("id", 0, lambda text: "17")),
    Damage("rows swapped with their ids", "1 pair", swapped_rows),
    Damage("one row shifts all later", "1 row", shifted),
    Damage("wrong labels", "0.5%", cells("label", HALF, other_label)),
    Damage("two labels swapped", "column", plain(lambda frame: frame.assign(
        label=frame["label"].replace({"neutral": "entailment", "entailment": "neutral"})))),
    Damage("texts shifted in a block", "30 rows", order(30, lambda rows, rng: rows + 1)),
    Damage("texts shifted in all rows", "file", order(5000, lambda rows, rng: rows + 1)),
    Damage("block reversed", "60 rows", order(60, lambda rows, rng: rows[::-1])),
    Damage("block shuffled", "60 rows", order(60, lambda rows, rng: rng.permutation(rows))),
    Damage("block from elsewhere", "60 rows", order(60, lambda rows, rng: (rows + 999) % 5010)),
    Damage("all texts shuffled", "file", order(5000, lambda rows, rng: rng.permutation(rows))),
    Damage("sides swapped", "60 rows", swap_sides),
    Damage("control character", "0.5%", cells("sentence1", HALF, lambda text: text + "\x07")),
    Damage("decomposed Unicode", "0.5%",
           cells("sentence1", HALF, lambda text: unicodedata.normalize("NFD", text)),
           languages=("de", "es", "fr", "vi", "ru", "el", "bg", "tr")),
    Damage("UTF-8 read as Windows-1252", "0.5%",
           cells("sentence1", HALF, lambda text: misread(text, "cp1252")),
           languages=("ru", "el", "hi", "th", "zh", "ar", "vi", "fr", "de")),
    Damage("UTF-8 read as Latin-1", "0.5%",
           cells("sentence1", HALF, lambda text: misread(text, "latin-1")),
           languages=("ru", "el", "hi", "th", "zh", "ar", "vi", "fr", "de")),
    Damage("replacement characters", "0.5%",
           cells("sentence1", HALF, lambda text: text.encode("ascii", "replace").decode()
                 .replace("?", "\ufffd")), languages=("ru", "el", "th", "zh", "ar", "vi", "fr")),
    Damage("question marks for letters", "0.5%",
           cells("sentence1", HALF, lambda text: text.encode("ascii", "replace").decode()),
           languages=("ru", "el", "hi", "th", "zh", "ar", "vi")),
    Damage("HTML escaped", "0.5%",
           cells("sentence1", HALF, lambda text: escape(text).replace("'", "&#39;"))),
    Damage("byte-order mark", "1 row", cells("sentence1", 0, lambda text: "\ufeff" + text)),
    Damage("file of another script", "file", from_language("ru", 1.0), languages=LATIN),
    Damage("file of a sister language", "file", from_language("es", 1.0), languages=("fr", "vi")),
    Damage("ru file as bg", "file", from_language("ru", 1.0), languages=("bg",)),
    Damage("block of a sister language", "50 rows", from_language("fr", 0.01, block=True),
           languages=("es", "de")),
    Damage("copies of the source", "2%", from_language("en", 0.02)),
    Damage("rows of another language", "0.5%", from_language("de", HALF),
           languages=("ru", "th", "zh", "ar", "el")),
    Damage("rows of a sister language", "2%", from_language("fr", 0.02), languages=("es", "de")),
    Damage("NS for a translation", "0.5%", cells("sentence2", HALF, lambda text: "NS")),
    Damage("nan for a translation", "1 row", cells("sentence2", 0, lambda text: "nan")),
    Damage("output cut short", "0.5%",
           cells("sentence1", HALF, lambda text: text[: len(text) // (5 if text[60:] else 1)])),
    Damage("output cut in the middle", "0.5%",
           cells("sentence1", HALF, lambda text: text[: len(text) // (2 if text[80:] else 1)]),
           languages=("de", "es", "fr", "ru", "bg", "el", "tr", "vi")),
    Damage("output in a loop", "0.5%",
           cells("sentence1", HALF, lambda text: text * 5)),
    Damage("output repeated", "25 rows", repeated),
    Damage("letters in visual order", "file", plain(lambda frame: frame.assign(
        sentence1=frame["sentence1"].str[::-1], sentence2=frame["sentence2"].str[::-1])),
        languages=("ar", "ur", "ru", "th")),
    Damage("cut at 64 characters", "file", plain(lambda frame: frame.assign(
        sentence1=frame["sentence1"].str[:64]))),
    Damage("lower-cased", "file", plain(lambda frame: frame.assign(
        sentence1=frame["sentence1"].str.lower(), sentence2=frame["sentence2"].str.lower())),
        languages=("de", "es", "fr", "ru", "bg", "el", "tr", "vi", "sw")),
    Damage("percent-encoded", "0.5%",
           cells("sentence1", HALF, lambda text: quote(text)), languages=("ru", "el", "ar", "th")),
    Damage("accents taken off", "file",
           plain(lambda frame: frame.assign(
               sentence1=frame["sentence1"].map(without_marks),
               sentence2=frame["sentence2"].map(without_marks))), languages=LATIN),
)  # fmt: skip
