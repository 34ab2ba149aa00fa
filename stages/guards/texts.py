"""The readable text of data/<task>/<language>/<split>.parquet, by head, and its language.

The row guards (characters, script, language, translation) look at `TEXTS`: columns of strings, to
which `readable` adds what a head keeps in lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from stages.tasks import Task
from stages.tasks.schema import DATA

if TYPE_CHECKING:
    import pandas as pd

TEXTS: Mapping[str, tuple[str, ...]] = {
    "pair": ("sentence1", "sentence2"),
    "choice": ("context", "question", "options_text"),
    "tagging": ("tokens_text",),
    "span": ("context", "question"),
    "retrieval": ("sentence", "english"),
    "mining": ("sentence",),
    "text": ("text",),
}
JOINED = {"choice": ("options", "\n"), "tagging": ("tokens", " ")}


def readable(head: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with the strings of its list column joined, where the head has one."""
    import pandas as pd

    if head not in JOINED:
        return frame
    column, between = JOINED[head]
    texts = [
        None if cell is None else between.join(item for item in cell if item is not None)
        for cell in frame[column]
    ]
    return frame.assign(**{f"{column}_text": pd.Series(texts, frame.index, dtype="str")})


def plain(head: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with the length of each list in its place: what is slow to copy and hash."""
    import pandas as pd

    lists = [name for name, kind in DATA[head].items() if kind.startswith("list")]
    lengths = {
        name: pd.Series(
            [None if cell is None else str(len(cell)) for cell in frame[name]],
            frame.index,
            dtype="str",
        )
        for name in lists
    }
    return frame.assign(**lengths)


def written_in(task: Task, frame: pd.DataFrame, side: str) -> pd.Series:
    """The language of every cell of column `side`: the folder's, except in English columns.

    A test that was translated to English is kept by the language that it comes from.
    """
    head = task.head
    languages = frame["file"].str.partition("/")[0]
    if head == "retrieval" and side == "english":
        return languages.mask(languages.notna(), "en")
    if head == "mining":
        return languages.mask(frame["side"] == "english", "en")
    if task.written_in is not None:
        return languages.mask(languages.notna(), task.written_in)
    return languages


def paired(head: str, pairs: pd.DataFrame) -> tuple[str, ...]:
    """The texts of `head` that stand beside their English side (`<text>_en`) in `pairs`."""
    return tuple(text for text in TEXTS[head] if f"{text}_en" in pairs)
