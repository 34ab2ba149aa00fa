"""A part a target: every language by every source, in each metric."""

from __future__ import annotations

import pandas as pd

from stages.reporting.benchmark import TARGETS, with_defaults
from stages.reporting.heat_map import score_map
from stages.reporting.page import Block, drawn, table
from stages.statistics.checking import PREFERRED_METRICS
from stages.statistics.outcomes import BASELINE, source_name

NAMES = {"f1": "F1", "em": "exact match", "token_accuracy": "token accuracy"}


def target_blocks(
    scores: pd.DataFrame, headlines: pd.DataFrame, same_data: set[tuple[str, str]]
) -> list[Block]:
    """Return a folded table of each metric and a folded map, target by target.

    scores : as scores.csv, all metrics; headlines : as `headline` returns them
    """
    scores = with_defaults(scores)
    pairs = zip(scores["method"], scores["intermediate"], strict=True)
    scores = scores.assign(source=[source_name(str(m), str(i)) for m, i in pairs])
    found = list(dict.fromkeys(headlines["target"]))
    blocks: list[Block] = []
    for target in sorted(found, key=lambda name: TARGETS.index(name) if name in TARGETS else 9):
        main = headlines[headlines["target"] == target]
        split = str(main["split"].iloc[0])
        rows = scores[(scores["target"] == target) & (scores["split"] == split)]
        order = {name: i for i, name in enumerate(PREFERRED_METRICS)}
        for metric in sorted(set(rows["metric"]), key=lambda m: order.get(m, len(order))):
            of_metric = rows[rows["metric"] == metric]
            sources = main["source"].unique()
            name = NAMES.get(metric, metric)
            summary = f"{target}: {name} in {of_metric['language'].nunique()} languages"
            blocks.append(by_language(of_metric, target, summary, split, list(sources), same_data))
        blocks.append(drawn(score_map(main, target), f"{target}: the same as a map"))
    return blocks


def by_language(
    rows: pd.DataFrame,
    target: str,
    summary: str,
    split: str,
    sources: list[str],
    same_data: set[tuple[str, str]],
) -> Block:
    """Return one metric of one target, languages x sources, with means and items, folded."""
    wide = rows.pivot_table(index="language", columns="source", values="value", sort=False)
    wide = wide[[name for name in sources if name in wide]]
    wide = wide.loc[sorted(wide.index, key=lambda code: (code != "en", str(code)))]
    others = wide.drop(index="en", errors="ignore").mean()
    counts = rows.groupby("language")["n"].first().reindex(wide.index)
    shown = wide.rename(columns={n: f"{n}*" for n in wide if (n, target) in same_data})
    shown = shown.reset_index()
    shown.insert(1, "n", ["–" if pd.isna(n) else f"{n:,.0f}" for n in counts])
    ends = {"all languages": wide.mean()}
    if "en" in wide.index:
        ends["without English"] = others
    for name, values in ends.items():
        shown.loc[len(shown)] = [name, "", *values]
    best = "" if BASELINE not in wide else " Columns: intermediate tasks."
    return table(shown, f"Percent, split {split}, means over seeds.{best}", 1, summary)
