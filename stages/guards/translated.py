"""Read translated sets as they circulate, whatever their bytes are.

TSV   XTREME's translate-train and pseudo tests (source pair, translated pair, label; no header),
      or any header that names `label` and the sides (`sentence1_en`, `sentence1_sw`, ...)
JSONL one object a line: sentence1, sentence2, gold_label (MNLI), or context, endings, label
JSON  SQuAD's own layout
Parquet  a file of data/

Every reader is bounded: a line, a file and the number of rows have a largest size.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.guards import read
from stages.guards.rule import Example, Rule, short
from stages.tasks.schema import DATA

if TYPE_CHECKING:
    import pandas as pd

MAX_LINE = 4 * 2**20  # bytes; the longest line of any known set has 20,000
MAX_FILE = 2 * 2**30  # bytes
MAX_JSON = 512 * 2**20  # bytes; a JSON file is read as one
MAX_ROWS = 5_000_000
SHOWN = 5

READABLE = Rule(
    "translation_readable",
    "stop",
    "a translated set in UTF-8: TSV, JSONL, SQuAD's JSON or parquet",
    "Fetch the file again, or name a file of one of these kinds.",
    by_row=False,
)
LINES = Rule(
    "well_formed_lines",
    "stop",
    "lines of the file's own shape",
    "A line was broken by a tab, a quote or a line break in its text: write these lines again.",
    by_row=False,
)
RULES = (READABLE, LINES)
NAMES = {"contradictory": "contradiction"}  # XTREME's translated XNLI says it so


@dataclass
class Translated:
    """A translated set and, where its file carries it, its source; rows from 1 in both.

    `broken` are lines that are no item: (line from 1, what stands there).
    """

    head: str
    rows: pd.DataFrame
    source: pd.DataFrame | None = None
    broken: list[Example] = field(default_factory=list)
    count_broken: int = 0


def load(path: Path, language: str) -> Translated:
    """Read a translated set, by its ending.

    language : of the translation, to tell its columns from those of the source.
    Raises `read.Unreadable` where the file is none of these kinds.
    """
    if not path.is_file():
        raise read.Unreadable(read.PRESENT, "no such file")
    readers = {".tsv": _tsv, ".jsonl": _jsonl, ".json": _squad, ".parquet": _parquet}
    reader = readers.get(path.suffix)
    if reader is None:
        raise read.Unreadable(READABLE, f"the ending {path.suffix or '(none)'}")
    if path.stat().st_size > MAX_FILE:
        raise read.Unreadable(READABLE, f"{path.stat().st_size} bytes")
    try:
        return reader(path, language)
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        raise read.Unreadable(READABLE, short(str(error) or type(error).__name__)) from error


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number from 1, text without its line feed); bounded, in UTF-8."""
    with path.open("rb") as stream:
        for number in range(1, MAX_ROWS + 2):
            line = stream.readline(MAX_LINE + 1)
            if not line:
                return
            if len(line) > MAX_LINE:
                raise ValueError(f"line {number} is longer than {MAX_LINE} bytes")
            try:
                yield number, line.decode("utf-8").removesuffix("\n")
            except UnicodeDecodeError as error:
                raise ValueError(f"line {number}: {error}") from error
    raise ValueError(f"more than {MAX_ROWS} lines")


def _tsv(path: Path, language: str) -> Translated:
    columns: dict[str, int] | None = None
    cells: list[tuple[str, ...]] = []
    broken: list[Example] = []
    width = count = 0
    for number, line in _lines(path):
        row = line.split("\t")  # no quoting: quotes are text
        if columns is None:
            columns, header = _columns(row, language)
            width = len(row)
            if header:
                continue
        if len(row) != width:
            count += 1
            if len(broken) < SHOWN:
                broken.append(
                    Example(number, None, f"{len(row)} cells, not {width}: {short(line)}")
                )
            continue
        cells.append((str(number), *(row[place] for place in columns.values())))
    if columns is None:
        raise ValueError("no line")
    names = ["id", *columns]
    table = _frame(cells, names)
    table["label"] = table["label"].replace(NAMES)
    wanted = list(DATA["pair"])
    source = None
    if "source1" in columns:
        source = table.rename(columns={"source1": "sentence1", "source2": "sentence2"}).loc[
            :, ~table.columns.isin(["sentence1", "sentence2"])
        ][wanted]
    return Translated("pair", table[wanted], source, broken, count)


def _columns(row: list[str], language: str) -> tuple[dict[str, int], bool]:
    """Where each column stands, and whether `row` is a header."""
    if "label" in row:
        places = {"label": row.index("label")}
        for number in (1, 2):
            names = [name for name in row if name.startswith(f"sentence{number}")]
            ours = f"sentence{number}_{language}"
            if ours not in row and names != [f"sentence{number}"]:
                raise ValueError(f"no column {ours} among {short(', '.join(row))}")
            places[f"sentence{number}"] = row.index(ours if ours in row else f"sentence{number}")
            others = [name for name in names if name != ours]
            if ours in row and others:
                places[f"source{number}"] = row.index(others[0])
        if ("source1" in places) != ("source2" in places):  # half a source is none
            places = {name: place for name, place in places.items() if "source" not in name}
        return places, True
    if len(row) == 5:
        keys = ("source1", "source2", "sentence1", "sentence2", "label")
        return {name: place for place, name in enumerate(keys)}, False
    if len(row) == 3:
        return {"sentence1": 0, "sentence2": 1, "label": 2}, False
    raise ValueError(f"{len(row)} cells in the first line: expected 3, 5 or a header with label")


def _jsonl(path: Path, language: str) -> Translated:
    rows: list[dict[str, Any]] = []
    broken: list[Example] = []
    count = 0
    for number, line in _lines(path):
        try:
            item = json.loads(line)
            rows.append(_item(item, number))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            count += 1
            if len(broken) < SHOWN:
                broken.append(Example(number, None, f"{short(str(error), 60)}: {short(line, 100)}"))
    if not rows:
        raise ValueError(broken[0].found if broken else "no line")
    heads = {"choice" if "options" in row else "pair" for row in rows}
    if len(heads) > 1:
        raise ValueError("pairs and multiple-choice items in one file")
    head = heads.pop()
    names = list(DATA[head])
    cells = [tuple(row[name] for name in names) for row in rows]
    return Translated(head, _frame(cells, names), None, broken, count)


def _item(item: Any, number: int) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise ValueError("no object")
    if "endings" in item:
        endings = item["endings"]
        if not isinstance(endings, list) or not all(isinstance(one, str) for one in endings):
            raise ValueError("endings is no list of texts")
        return {
            "id": str(item.get("ind", number)),
            "context": _text(item, "context" if "context" in item else "ctx"),
            "question": "",
            "options": endings,
            "label": str(item["label"]),
        }
    label = "gold_label" if "gold_label" in item else "label"
    name = next((item[key] for key in ("pairID", "pairid", "id") if key in item), number)
    return {
        "id": str(name),
        "sentence1": _text(item, "sentence1"),
        "sentence2": _text(item, "sentence2"),
        "label": NAMES.get(str(item[label]), str(item[label])),
    }


def _text(item: dict[str, Any], key: str) -> str:
    if not isinstance(item[key], str):
        raise ValueError(f"{key} is no text")
    return item[key]


def _squad(path: Path, language: str) -> Translated:
    if path.stat().st_size > MAX_JSON:
        raise ValueError(f"{path.stat().st_size} bytes of JSON")
    try:
        content = json.loads(path.read_bytes().decode("utf-8"))
        rows = [
            (
                str(question["id"]),
                _text(paragraph, "context"),
                _text(question, "question"),
                [_text(answer, "text") for answer in question["answers"]],
                [int(answer["answer_start"]) for answer in question["answers"]],
            )
            for article in content["data"]
            for paragraph in article["paragraphs"]
            for question in paragraph["qas"]
        ]
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"not SQuAD's layout: {error!r}") from error
    if not rows:
        raise ValueError("no question")
    return Translated("span", _frame(rows, list(DATA["span"])))


def _parquet(path: Path, language: str) -> Translated:
    table = read.read(path)
    types = table.types()
    for head, schema in DATA.items():
        if types == list(schema.items()):
            return Translated(head, table.frame())
    raise ValueError(f"the columns {', '.join(name for name, _ in types)} are none of data/")


def _frame(rows: list[Any], names: list[str]) -> pd.DataFrame:
    import pandas as pd

    columns: list[Any] = list(zip(*rows, strict=True)) or [()] * len(names)
    frame = pd.DataFrame(
        {
            name: pd.Series(
                list(cells), dtype=object if name in ("options", "answers", "starts") else "str"
            )
            for name, cells in zip(names, columns, strict=True)
        }
    )
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return frame
