"""Tests that a machine translated, apart from what people translated and beside it."""

from __future__ import annotations

import pandas as pd

from stages.reporting.folder import Statistics
from stages.reporting.marks import Pairs, starred
from stages.reporting.page import Block, Section, table, text
from stages.reporting.scatter import readable
from stages.reporting.tables import interval
from stages.statistics.outcomes import BASELINE
from stages.tasks.translations import base_of, is_translated

NOTE = (
    "Tests that a machine translated: from English (pseudo), to English (translate-test), or the "
    "English development set (translated). An error of the translation counts as an error of the "
    "model, so these scores are averaged and correlated with none of the human-translated ones. "
    "The English of each is its base's own."
)
SAME_LANGUAGES = (
    "Percent, means over languages other than English and over seeds; people's and the machine's "
    "in the languages that both have. * the target's own training data: more epochs, not transfer."
)
BESIDE = (
    "The association of drop and distance where people translated the test, and where a machine "
    "did in more languages: the same models, the same statistics (Pearson, given the covariates; "
    "exploratory). More languages narrow the interval; the quality of the translation falls with "
    "resources, which distance goes with, so a steeper slope may be the translation system's."
)


def human(headlines: pd.DataFrame) -> pd.DataFrame:
    """Return the scores on what people wrote or translated."""
    return headlines[~headlines["target"].map(is_translated)]


def translated_section(headlines: pd.DataFrame, own: Statistics, same: Pairs) -> Section | None:
    """Return the section on machine-translated tests; None where the study has none."""
    rows = headlines[headlines["target"].map(is_translated)]
    if rows.empty:
        return None
    blocks = [text(NOTE), table(in_the_same_languages(headlines, same), SAME_LANGUAGES, 1)]
    return Section("Machine-translated tests", [*blocks, *side_by_side(own)])


def in_the_same_languages(headlines: pd.DataFrame, same: Pairs) -> pd.DataFrame:
    """Return the score on each translated test and on the human one, in the languages of both."""
    runs = headlines[headlines["language"] != "en"]
    scores = runs.groupby(["target", "source", "language"], sort=False)["value"].mean()
    rows = []
    for target, source in runs[["target", "source"]].drop_duplicates().itertuples(index=False):
        if not is_translated(target):
            continue
        ours = scores[target, source]
        there = (base_of(target), source) in scores.droplevel("language").index
        theirs = scores[base_of(target), source] if there else ours.iloc[:0]
        both = ours.index.intersection(theirs.index)
        machine, people = ours[both].mean(), theirs[both].mean()
        rows.append({
            "test": target, "intermediate": starred(source, target, same),
            "translated by people": people, "by a machine": machine,
            "difference": machine - people, "languages": len(both),
            "in all of the test": ours.mean(), "languages ": len(ours),
        })  # fmt: skip
    found = pd.DataFrame(rows).sort_values(
        "intermediate", key=lambda names: names != BASELINE, kind="stable", ignore_index=True
    )
    if (found["languages"] == found["languages "]).all():
        return found.drop(columns=["in all of the test", "languages "])
    return found


def side_by_side(own: Statistics) -> list[Block]:
    """Return the table of each translated target beside its base, with the primary distance."""
    rows = own.correlations
    rows = rows[(rows["outcome"] == "drop") & (rows["method"] == "pearson")]
    rows = rows[rows["distance"] == own.distance]
    bases = {base_of(name) for name in own.targets if is_translated(name)}
    rows = rows[rows["target"].map(lambda name: base_of(name) in bases)]
    if rows.empty or not rows["target"].map(is_translated).any():
        return []
    order = rows["target"].map(lambda name: (base_of(name), is_translated(name), name))
    first = {name: i for i, name in enumerate(own.sources(own.targets[0]))}
    rows = rows.loc[
        sorted(rows.index, key=lambda i: (first.get(rows["intermediate"][i], 99), order[i]))
    ]
    found = pd.DataFrame(
        {
            "intermediate": rows["intermediate"],
            "test": rows["target"],
            "translated by": [
                "a machine" if is_translated(t) else "people" for t in rows["target"]
            ],
            "n": rows["n"].astype(int),
            "r": rows["r"],
            "95% (Fisher)": interval(rows["ci_low"], rows["ci_high"]),
            "note": rows["note"].fillna(""),
        }
    )
    return [table(found, f"{readable(own.distance)}. {BESIDE}")]
