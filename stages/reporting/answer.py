"""The answer in two sentences, with their intervals, and its limits."""

from __future__ import annotations

import pandas as pd

from stages.reporting.scatter import readable

MODEL = "mixed model, within families: points"
ALL = "all intermediate tasks"


def answer(
    slopes: pd.DataFrame,
    interactions: pd.DataFrame,
    correlations: pd.DataFrame,
    primary: dict[str, object],
) -> tuple[list[str], list[str]]:
    """Return the two sentences and the limits, from the tables of correlate."""
    source, target = str(primary["intermediate"]), str(primary["target"])
    distance = readable(str(primary["distance"]))
    chosen = (slopes["source"] == source) & (slopes["target"] == target)
    sentences, limits = [], []
    rows = slopes[chosen & slopes["identifiable"].astype(bool)]
    within = rows[rows["model"] == "within families"] if len(rows) else rows
    row = (within if len(within) else rows).head(1)
    what = "without intermediate training" if source == "none" else f"for {source}"
    if row.empty:
        sentences.append(
            f"Whether distance explains the drop on {target} is not identifiable here."
        )
    else:
        sentences.append(first_sentence(row.iloc[0], what, target, distance, bool(len(within))))
        n = int(row["n"].iloc[0])
        limits.append(
            f"{n} languages: distance, pretraining size and family are entangled, and what is "
            "associated need not be caused."
        )
    sentences.append(second_sentence(interactions, target))
    limits += rivals(correlations, primary)
    lost = correlations[~correlations["identifiable"].astype(bool)]["target"].unique()
    for name in lost:
        every = correlations[correlations["target"] == name]
        if not every["identifiable"].astype(bool).any():
            reason = str(every["note"].iloc[0]).removeprefix("not identifiable: ")
            limits.append(f"{name}: not identifiable ({reason.split(';')[0]}).")
    return sentences, limits


def rivals(correlations: pd.DataFrame, primary: dict[str, object]) -> list[str]:
    """Return a sentence where another kind of distance correlates more than the primary one."""
    chosen = correlations["identifiable"].astype(bool)
    for name in ("intermediate", "target", "outcome", "method"):
        chosen &= correlations[name] == primary[name]
    rows = correlations[chosen].dropna(subset=["r"])
    own = rows[rows["distance"] == primary["distance"]]
    if own.empty:
        return []
    best = rows.iloc[int(rows["r"].abs().to_numpy().argmax())]
    if kind(best["distance"]) == kind(primary["distance"]):
        return []
    return [
        f"Of {len(rows)} distances, {readable(str(best['distance']))} correlates most with the "
        f"drop (partial r {points(best['r'])} against {points(own['r'].iloc[0])})."
    ]


def kind(distance: object) -> str:
    return str(distance).removeprefix("distance_").split("_")[0]


def first_sentence(row: pd.Series, what: str, target: str, distance: str, within: bool) -> str:
    low, high = float(row["ci_low"]), float(row["ci_high"])
    p = row["p_permutation"] if within and pd.notna(row["p_permutation"]) else row["p"]
    how = "compared within language families and " if within else ""
    interval = (
        f"{points(row['estimate'])} points per 0.1 of {distance} (95% interval {points(low)} to "
        f"{points(high)}, p = {float(p):.3f}; {how}given pretraining size)"
    )
    if low <= 0 <= high:
        return (
            f"On {target} {what}, an effect of distance on the drop cannot be told from none: "
            f"{interval}; a slope below {points(row['detectable'])} would have been missed."
        )
    grows = "grows" if low > 0 else "shrinks"
    return f"On {target} {what}, the drop from English {grows} with distance: {interval}."


def second_sentence(interactions: pd.DataFrame, target: str) -> str:
    if interactions.empty:
        return "Whether intermediate training changes that slope was not run."
    rows = interactions[
        (interactions["target"] == target) & interactions["identifiable"].astype(bool)
    ].dropna(subset=["estimate"])
    chosen = rows[rows["model"] == MODEL]
    if chosen.empty:
        chosen = rows[(rows["model"] == "paired change") & (rows["intermediate"] == ALL)]
    if chosen.empty:
        chosen = rows[rows["model"] == "paired change"]
    if chosen.empty:
        return f"Whether intermediate training changes that slope on {target} is not identifiable."
    row = chosen.iloc[0]
    low, high = float(row["ci_low"]), float(row["ci_high"])
    change = (
        f"{points(row['estimate'])} points per 0.1 (95% interval {points(low)} to {points(high)}"
        + (")" if row["model"] == MODEL else ", for the runs at hand)")
    )
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
