"""The best intermediate method for each target, by English development data and by the target."""

from __future__ import annotations

from typing import Any

import pandas as pd

from stages.reporting.claims import trained_on
from stages.reporting.marks import Pairs, starred
from stages.statistics.outcomes import BASELINE, RETRIEVED, source_name
from stages.tasks.translations import base_of

CAPTION = (
    "Chosen on English development data of the training task: what a zero-shot study may do. "
    "Chosen on the target languages: the paper's own way, by the scores printed beside it, "
    "so selection on the target languages and, without a development set of their own, on test; "
    "its gain is an upper bound. Gains are over no intermediate training, in points, means over "
    "languages and seeds; no intermediate training may be the best. Ties go to the name that "
    "comes first. BUCC and Tatoeba have no English development data. * the target's own training "
    "data: more epochs, not transfer."
)


def best_table(
    development: list[dict[str, Any]], headlines: pd.DataFrame, same: Pairs | None = None
) -> pd.DataFrame:
    """Return one row a target that was also run without intermediate training.

    development : method, intermediate, target (trained), seed and development (percent) a cell.
    headlines : as `benchmark.headline` returns them. same : pairs of source and target to mark.
    """
    known = pd.DataFrame(development)
    selected = {}
    if len(known):
        pairs = zip(known["method"], known["intermediate"], strict=True)
        known["source"] = [source_name(str(m), str(i)) for m, i in pairs]
        known["task"] = known["target"].map(base_of)  # translate-train is one more method of it
        means = known.groupby(["task", "source"], sort=False)["development"].mean()
        selected = {str(task): means[task] for task in known["task"].unique()}
    runs = headlines.groupby(["target", "source", "seed"], sort=False)["value"].mean()
    scores = runs.groupby(["target", "source"], sort=False).mean()
    rows = []
    for target in headlines["target"].unique():
        found = scores[target]
        if BASELINE not in found or len(found) < 2:
            continue
        on_target = str(found.sort_index().idxmax())
        row: dict[str, object] = {"target": target, "without": found[BASELINE]}
        task = trained_on(str(target))
        on_english = selected.get(task)
        if target in RETRIEVED or on_english is None:
            row |= {"chosen on English development": "–", "development": float("nan")}
            row["gain"] = float("nan")
        else:
            there = on_english[on_english.index.isin(found.index)].sort_index()
            name = str(there.idxmax())
            chosen = starred(name, str(target), same or set())
            row |= {"chosen on English development": chosen, "development": there[name]}
            row["gain"] = found[name] - found[BASELINE]
        row["chosen on the target languages"] = starred(on_target, str(target), same or set())
        row["gain there (selected on it)"] = found[on_target] - found[BASELINE]
        rows.append(row)
    return pd.DataFrame(rows)
