"""The answer in two sentences, with their intervals, and its limits."""

from __future__ import annotations

import pandas as pd

from stages.reporting.folder import Statistics
from stages.reporting.scatter import readable
from stages.statistics.slope_change import ALL

MODEL = "mixed model, within families: points"


def answer(own: Statistics) -> tuple[list[str], list[str]]:
    """Return the two sentences and the limits, from the tables of correlate."""
    target = own.targets[0]
    source = own.sources(target)[0]
    rows = own.slopes
    rows = rows[(rows["source"] == source) & (rows["target"] == target)]
    rows = rows[rows["identifiable"].astype(bool)]
    if "model" in rows:
        within = rows[rows["model"] == "within families"]
        rows = within if len(within) else rows
    what = "without intermediate training" if source == "none" else f"for {source}"
    given = ", ".join(map(readable, own.covariates)) or "nothing"
    sentences, limits = [], []
    if rows.empty:
        sentences.append(
            f"Whether distance explains the drop on {target} is not identifiable here."
        )
    else:
        row = rows.iloc[0]
        sentences.append(first_sentence(row, what, target, readable(own.distance), given))
        limits.append(
            f"{int(row['n'])} languages, one encoder and the runs at hand: distance, pretraining "
            "size and family are entangled, and what is associated need not be caused."
        )
        if isinstance(row.get("note"), str) and "without" in row["note"]:
            limits.append(f"{row['note'].capitalize()}.")
    sentences.append(second_sentence(own.interactions, target))
    limits += rivals(own, source, target)
    for name in own.targets:
        every = own.correlations[own.correlations["target"] == name]
        if len(every) and not every["identifiable"].astype(bool).any():
            every = pd.concat([every[every["distance"] == own.distance], every])
            reason = str(every["note"].iloc[0]).removeprefix("not identifiable: ")
            limits.append(f"{name}: not identifiable ({reason.split(';')[0]}).")
    return sentences, limits


def rivals(own: Statistics, source: str, target: str) -> list[str]:
    """Return a sentence where another kind of distance correlates more than the primary one."""
    rows = own.correlations
    chosen = rows["identifiable"].astype(bool) & (rows["intermediate"] == source)
    chosen &= (rows["target"] == target) & (rows["outcome"] == "drop")
    rows = rows[chosen & (rows["method"] == "pearson")].dropna(subset=["r"])
    mine = rows[rows["distance"] == own.distance]
    if mine.empty:
        return []
    best = rows.iloc[int(rows["r"].abs().to_numpy().argmax())]
    if kind(best["distance"]) == kind(own.distance):
        return []
    return [
        f"Of {len(rows)} distances, {readable(str(best['distance']))} correlates most with the "
        f"drop (partial r {points(best['r'])} against {points(mine['r'].iloc[0])})."
    ]


def kind(distance: object) -> str:
    return str(distance).removeprefix("distance_").split("_")[0]


def first_sentence(row: pd.Series, what: str, target: str, distance: str, given: str) -> str:
    """Return what the slope of the primary contrast says; without an interval it says so."""
    within = row["model"] == "within families"
    how = f"{'compared within language families, ' if within else ''}given {given}"
    size = f"{points(row['estimate'])} points per 0.1 of {distance}"
    low, high = float(row["ci_low"]), float(row["ci_high"])
    if pd.isna(low):
        return (
            f"On {target} {what}, these languages' drop moves by {size} ({how}); no method that "
            "was checked gives this an interval, so it says nothing beyond them."
        )
    p = row["p_permutation"]
    tested = f", p = {float(p):.3f}" if pd.notna(p) else ""
    interval = f"{size} (95% interval {points(low)} to {points(high)}{tested}; {how})"
    if low <= 0 <= high:
        return (
            f"On {target} {what}, an effect of distance on the drop cannot be told from none: "
            f"{interval}; a slope below {points(row['detectable'])} would have been missed."
        )
    grows = "grows" if low > 0 else "shrinks"
    return f"On {target} {what}, the drop from English {grows} with distance: {interval}."


def second_sentence(interactions: pd.DataFrame, target: str) -> str:
    """Return what the change of slope says: by mixed model of all tasks, or of the one there is."""
    if interactions.empty:
        return "Whether intermediate training changes that slope was not run."
    rows = interactions[
        (interactions["target"] == target) & interactions["identifiable"].astype(bool)
    ].dropna(subset=["estimate"])
    together = rows[rows["intermediate"] == ALL]
    chosen = together[together["model"] == MODEL]
    if chosen.empty:
        chosen = together if len(together) else rows
    if chosen.empty:
        return f"Whether intermediate training changes that slope on {target} is not identifiable."
    row = chosen.iloc[0]
    low, high = float(row["ci_low"]), float(row["ci_high"])
    size = f"{points(row['estimate'])} points per 0.1"
    if pd.isna(low):
        return (
            f"With intermediate training the slope is {size} from that without in these runs; how "
            "far other runs would differ is unknown, so whether training changes it is undecided."
        )
    change = f"{size} (95% interval {points(low)} to {points(high)})"
    if low <= 0 <= high:
        return (
            f"That intermediate training changes this slope cannot be told from no change: "
            f"{change}; a change smaller than {points(row['detectable'])} would have been missed."
        )
    return (
        f"Intermediate training makes this slope {'flatter' if high < 0 else 'steeper'}: {change}."
    )


def points(value: object) -> str:
    return f"{float(str(value)):.2f}".replace("-", "−")
