"""What only a whole file shows: text in visual order, texts cut at one length, capitals lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stages.guards.rule import Check, Rule
from stages.guards.script import OF_LANGUAGE
from stages.guards.texts import TEXTS, written_in
from stages.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

ENOUGH = 100  # different texts of a file, to judge it by
REVERSED_SHARE = 0.05  # of texts that begin with a full stop; at most .8% in published files
CUT_ROWS, CUT_SHARE = 8, 0.01  # different texts of (nearly) the largest length; at most 5 and .4%
CUT_SLACK = 2  # characters, where a cut text was stripped of its blank
LONG = 40  # characters; shorter texts may well have one largest length
CAPITALS = 0.002  # of the letters; .6% and more in published files of scripts that have any
CASED = ("Latin", "Cyrillic", "Greek")

ORDER = Rule(
    "reading_order",
    "stop",
    "texts that end, not begin, with their full stop",
    "The letters stand in visual order, from the last to the first: read the source again.",
)
CUT = Rule(
    "cut_at_length",
    "stop",
    "texts of many lengths",
    "Many texts end at exactly the same length: they were cut there on the way.",
)
CASE = Rule(
    "letter_case",
    "warn",
    "capital letters, as the language writes them",
    "The text was lower-cased on the way: encoders see other words.",
)
RULES = (ORDER, CUT, CASE)
_BEGINS = r"^\s*[.?!؟。！？۔।]"
_ENDS = r"[.?!؟。！？۔।\"'”»）)]\s*$"


def whole(task: Task, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Check]]:
    """Return `frame` (with a column `file`) with a column of evidence a rule, and the checks."""
    import pandas as pd

    evidence = {rule.name: pd.Series(None, frame.index, dtype="str") for rule in RULES}
    sides = TEXTS[task.head]
    codes = {side: written_in(task, frame, side) for side in sides}
    for _, rows in frame.groupby("file", sort=False).groups.items():
        for side in sides:
            here = frame[side][rows].fillna("")
            distinct = here.drop_duplicates()
            if len(distinct) < ENOUGH:
                continue
            found = {ORDER: _reversed(here, distinct), CUT: _cut(here, distinct)}
            for rule, cells in found.items():
                if cells is not None:
                    evidence[rule.name][rows] = evidence[rule.name][rows].fillna(cells)
        evidence[CASE.name][rows] = _lowered(frame.loc[rows, list(sides)], codes)
    checks = [Check(rule, "ExpectColumnValuesToBeNull", {"column": rule.name}) for rule in RULES]
    return frame.assign(**evidence), checks


def _reversed(here: pd.Series, distinct: pd.Series) -> pd.Series | None:
    if distinct.str.match(_BEGINS).mean() <= REVERSED_SHARE:
        return None
    return here.where(here.str.match(_BEGINS)).astype("str")


def _cut(here: pd.Series, distinct: pd.Series) -> pd.Series | None:
    """Texts of the largest length, where they are many and end less often in a full stop."""
    lengths = distinct.str.len()
    top = int(lengths.max())
    longest = lengths >= top - CUT_SLACK
    if top < LONG or longest.sum() < max(CUT_ROWS, CUT_SHARE * len(distinct)) or longest.all():
        return None
    ends = distinct.str.contains(_ENDS)
    if ends[longest].mean() > 0.5 * ends[~longest].mean():
        return None
    cut = here.str.len() >= top - CUT_SLACK
    return ("... " + here.str[-40:] + f" ({top} characters)").where(cut).astype("str")


def _lowered(here: pd.DataFrame, codes: Mapping[Any, pd.Series]) -> pd.Series:
    """The texts of the language's own sides where they have no capitals, though it writes them."""
    import pandas as pd

    sides = [side for side in here if side != "english"]
    own = codes[sides[0]][here.index].unique()
    cased = all(set(OF_LANGUAGE.get(code, ("Latin",))) & set(CASED) for code in own)
    texts = pd.concat([here[side] for side in sides]).dropna().drop_duplicates()
    nothing = pd.Series(None, here.index, dtype="str")
    if not cased or len(texts) < ENOUGH:
        return nothing
    text = "".join(texts)
    letters, capitals = sum(map(str.isalpha, text)), sum(map(str.isupper, text))
    return nothing if capitals >= CAPITALS * letters else here[sides[0]].fillna("")
