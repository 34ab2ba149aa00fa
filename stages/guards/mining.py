"""Bitext mining: two sides, and gold pairs that name sentences of the other side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stages.guards.rule import Check, Rule
from stages.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

_AGAIN = "Gold and sentences are not of one archive: take the snapshot of both again."
SIDE = Rule("known_side", "stop", "source or english", "Take the snapshot again.")
GOLD = Rule("gold_known", "stop", "gold ids of English rows of this file", _AGAIN)
PLACED = Rule("gold_on_source", "stop", "gold pairs on source rows only", _AGAIN)
ONCE = Rule(
    "gold_once",
    "warn",
    "English sentences that belong to one pair",
    "Pairs are scored as sets: a sentence of several pairs can be found once only.",
)
REPEATED = Rule(
    "repeated_sentences",
    "note",
    "sentences that occur once a side",
    "Mining keeps one of equal sentences; published archives hold some.",
)
RULES = (SIDE, GOLD, PLACED, ONCE, REPEATED)


def mining(task: Task, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Check]]:
    """Return `frame` (with a column `file`) with a column of evidence a rule, and the checks."""
    import pandas as pd

    evidence = {rule.name: pd.Series(None, frame.index, dtype="str") for rule in RULES}
    for _, rows in frame.groupby("file", sort=False).groups.items():
        here = frame.loc[rows]
        known = set(here["id"][here["side"] == "english"])
        asked = here["gold"].map(lambda gold: [] if gold is None else list(gold))
        every = asked.explode().dropna()
        several = set(every[every.duplicated(keep=False)])
        found = {
            SIDE: here["side"].where(~here["side"].isin(["source", "english"])),
            GOLD: _named(asked, set(every) - known),
            PLACED: _named(asked, set(every)).where(here["side"] != "source"),
            ONCE: _named(asked, several),
            REPEATED: here["sentence"].where(here.duplicated(["side", "sentence"])),
        }
        for rule, cells in found.items():
            evidence[rule.name][rows] = cells.astype("str")
    checks = [Check(rule, "ExpectColumnValuesToBeNull", {"column": rule.name}) for rule in RULES]
    return frame.assign(**evidence), checks


def _named(lists: pd.Series, wanted: set[str]) -> pd.Series:
    """The ids of each list that are wanted, as text; None where there are none."""
    return lists.map(lambda ids: ", ".join(str(name) for name in ids if name in wanted) or None)


def gold_pairs(frame: pd.DataFrame) -> pd.DataFrame:
    """The gold pairs of one file, as `parallel.pair` gives pairs: texts beside `<text>_en`."""
    english = dict(zip(frame["id"], frame["sentence"], strict=True))
    source = frame[frame["side"] == "source"].explode("gold")
    source = source[source["gold"].isin(english.keys())]
    return source.assign(
        id_en=source["gold"],
        sentence_en=source["gold"].map(english).astype("str"),
    )[["id", "id_en", "sentence", "sentence_en"]].rename_axis("row")
