"""Damage real files in every known way at random places, and print what the guards find.

In   data/xnli as snapshot left it (all languages, clean).
Out  a table on stdout: kind of damage, its size, file, found by which rule at which row.
Run  python -m benchmarks.damage [--data data] [--seed 1]

A kind counts as found where the damaged file gets a finding that the clean one has not: another
rule, a higher severity, or more rows. Exit status 1 if a kind is missed or a clean file stops.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd

from stages.guards.rule import SEVERITIES, Outcome
from stages.tasks import find
from stages.validate import validate

HALF = 0.005  # the share of rows that matters, of 5,010
Change = Callable[[pd.DataFrame, np.random.Generator, dict[str, pd.DataFrame]], pd.DataFrame]


@dataclass(frozen=True)
class Damage:
    """One kind: how it changes a frame (given a random generator and all clean frames)."""

    kind: str
    size: str
    change: Change | None = None
    bytes: Callable[[bytes], bytes | None] | None = None
    languages: tuple[str, ...] = ()


def cells(column: str, share: float, edit: Callable[[str], object]) -> Change:
    """Edit `column` in a share of the rows, at least one, that the edit does change."""

    def change(
        frame: pd.DataFrame, rng: np.random.Generator, _: dict[str, pd.DataFrame]
    ) -> pd.DataFrame:
        wanted = max(1, round(share * len(frame)))
        values = frame[column].astype(object).tolist()
        for row in rng.permutation(len(frame)):
            new = edit(values[row])
            if new != values[row]:
                values[row] = new
                wanted -= 1
            if not wanted:
                break
        return frame.assign(**{column: values})

    return change


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


def plain(function: Callable[[pd.DataFrame], pd.DataFrame]) -> Change:
    """A change without chance."""
    return lambda frame, rng, clean: function(frame)


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
DAMAGES = (
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
    Damage("output in a loop", "0.5%",
           cells("sentence1", HALF, lambda text: text * 5)),
    Damage("output repeated", "25 rows", repeated),
    Damage("accents taken off", "file",
           plain(lambda frame: frame.assign(
               sentence1=frame["sentence1"].map(without_marks),
               sentence2=frame["sentence2"].map(without_marks))), languages=LATIN),
)  # fmt: skip


def by_rule(outcomes: list[Outcome], file: str) -> dict[str, tuple[int, int, Outcome]]:
    """The findings on one file: rule to (severity, rows, outcome)."""
    found = {}
    for outcome in outcomes:
        if outcome.file == file and outcome.severity:
            level = -SEVERITIES.index(outcome.severity)
            found[outcome.rule.name] = (level, outcome.count, outcome)
    return found


def rounds(languages: list[str], rng: np.random.Generator) -> list[dict[str, Damage]]:
    """Spread the kinds over runs, one kind a language and run."""
    runs: list[dict[str, Damage]] = []
    for damage in DAMAGES:
        choice = [name for name in languages if not damage.languages or name in damage.languages]
        rng.shuffle(choice)
        for run in runs:
            free = [name for name in choice if name not in run]
            if free:
                run[free[0]] = damage
                break
        else:
            runs.append({choice[0]: damage})
    return runs


def main() -> None:
    """Damage, judge, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    task = find("xnli")
    folder = arguments.data / task.name
    before = validate(task, folder, {}, accept_stand_ins=True)
    stops = before.findings("stop")
    languages = [language for language in task.languages if language != "en"]
    clean = {name: pd.read_parquet(folder / name / "test.parquet") for name in task.languages}
    missed = []
    print(f"clean: {len(before.data)} files, {len(stops)} stops")
    print(f"{'kind':32} {'size':9} {'file':4} {'severity':8} {'rule':22} row")
    for run in rounds(languages, rng):
        sys.stdout.flush()
        with tempfile.TemporaryDirectory() as temporary:
            copy = Path(temporary) / task.name
            shutil.copytree(folder, copy)
            for language, damage in run.items():
                path = copy / language / "test.parquet"
                if damage.change:
                    frame = damage.change(clean[language].copy(), rng, clean)
                    frame.to_parquet(path, index=False)
                elif damage.bytes:
                    content = damage.bytes(path.read_bytes())
                    path.unlink()
                    if content is not None:
                        path.write_bytes(content)
            after = validate(task, copy, {}, accept_stand_ins=True)
        for language, damage in run.items():
            file = f"{language}/test.parquet"
            old = by_rule(before.outcomes, file)
            new = {
                rule: found
                for rule, found in by_rule(after.outcomes, file).items()
                if rule not in old or found[:2] > old[rule][:2]
            }
            line = f"{damage.kind:32} {damage.size:9} {language:4} "
            if not new:
                missed.append(damage.kind)
                print(f"{line}NOT FOUND")
                continue
            rule, (_, _, outcome) = max(new.items(), key=lambda item: item[1][:2])
            row = outcome.examples[0].row
            others = f" (+{len(new) - 1} rules)" if len(new) > 1 else ""
            print(f"{line}{outcome.severity:8} {rule:22} {row or '-'}{others}")
    print(f"{len(DAMAGES) - len(missed)} of {len(DAMAGES)} kinds found; missed: {missed or 'none'}")
    sys.exit(1 if missed or stops else 0)


if __name__ == "__main__":
    main()
