"""The table of the paper: intermediate tasks x targets, as XTREME scores them."""

from __future__ import annotations

import pandas as pd

from stages.statistics.checking import DEFAULTS, PREFERRED_METRICS
from stages.statistics.outcomes import BASELINE, source_name
from stages.tasks.table import TASKS
from stages.tasks.translations import base_of

# The orders of XTREME and of the paper.
TARGETS = "xnli pawsx udpos panx xquad mlqa tydiqa bucc2018 tatoeba".split()
TASKS_OF_THE_PAPER = "anli mnli qqp squad2 squad hellaswag ccg cosmosqa csqa".split()
# XQuAD, TyDiQA and Tatoeba have no development set of their own in this protocol.
SELECTED_ON_TEST = ("xquad", "tydiqa", "tatoeba")
MEAN = "mean"
KEYS = ["method", "intermediate", "target", "language", "seed", "split"]


def headline(scores: pd.DataFrame) -> pd.DataFrame:
    """Return one score a cell and language: the task's own, or the mean of EM and F1 of spans.

    scores : as scores.csv, several metrics a target; one split a target is kept, test before
        others. The columns method, seed, split and metric may be left out.
    Columns: method, intermediate, target, language, seed, split, source, metric, value, n.
    """
    scores = with_defaults(scores)
    kept = []
    for target, rows in scores.groupby("target", sort=False):
        splits = list(dict.fromkeys(rows["split"]))
        rows = rows[rows["split"] == ("test" if "test" in splits else splits[0])]
        metrics = list(dict.fromkeys(rows["metric"]))
        if is_span(str(target), metrics):
            both = rows[rows["metric"].isin(["f1", "em"])]
            both = both.groupby(KEYS, sort=False).agg(
                value=("value", "mean"), n=("n", "first"), metrics=("metric", "size")
            )
            rows = both[both["metrics"] == 2].drop(columns="metrics").reset_index()
            rows["metric"] = "mean of EM and F1"
        else:
            metric = next((m for m in PREFERRED_METRICS if m in metrics), metrics[0])
            rows = rows[rows["metric"] == metric]
        kept.append(rows)
    table = pd.concat(kept, ignore_index=True)
    pairs = zip(table["method"], table["intermediate"], strict=True)
    return table.assign(source=[source_name(str(m), str(i)) for m, i in pairs])


def with_defaults(scores: pd.DataFrame) -> pd.DataFrame:
    """Return scores with the columns that others' tables may lack."""
    scores = scores.copy()
    for name, default in DEFAULTS.items():
        if name not in scores:
            scores[name] = default
    return scores


def is_span(target: str, metrics: list[str]) -> bool:
    """Whether a target is scored by exact match and F1 of answers."""
    if base_of(target) in TASKS:
        return TASKS[base_of(target)].head == "span" and "em" in metrics
    return {"em", "f1"} <= set(metrics)


def task_scores(headlines: pd.DataFrame) -> pd.DataFrame:
    """Return the score of each source on each target: mean over languages, then over seeds."""
    runs = headlines.groupby(["source", "target", "seed"], sort=False)["value"].mean()
    table = runs.groupby(["source", "target"], sort=False).mean().unstack("target")
    targets = [name for name in TARGETS if name in table]
    others = [name for name in table if name not in TARGETS]
    order = {name: i for i, name in enumerate([BASELINE, *TASKS_OF_THE_PAPER])}
    found = list(dict.fromkeys(headlines["source"]))
    sources = sorted(found, key=lambda name: (order.get(name, len(order)), found.index(name)))
    return table.loc[sources, [*targets, *others]]


def paper_table(
    headlines: pd.DataFrame, same_data: set[tuple[str, str]]
) -> tuple[pd.DataFrame, str] | None:
    """Return the baseline's scores and every source's gain over it, as text, and a caption.

    None without a baseline. The mean over targets is given where a source has them all.
    """
    scores = task_scores(headlines)
    if BASELINE not in scores.index:
        return None
    by_source = scores.T
    base = by_source[BASELINE].dropna()
    targets = [str(name) for name in base.index]
    if not targets:
        return None
    rows = []
    for source in map(str, scores.index):
        own = source == BASELINE
        values = by_source[source][targets] - (0 if own else base[targets])
        if not own and values.isna().all():
            continue
        row = {"intermediate": f"{BASELINE} (score)" if own else source}
        for name in targets:
            row[name] = shown(float(values[name]), own, (source, name) in same_data)
        mean = float(values.mean()) if values.notna().all() else float("nan")
        row[MEAN] = shown(mean, own)
        rows.append(row)
    return pd.DataFrame(rows), caption(headlines, targets, rows)


def shown(value: float, own: bool, same: bool = False) -> str:
    """Return a score as 79.2, a gain as +0.8, marked where it is more epochs on the same data."""
    if pd.isna(value):
        return "–"
    value = round(value, 1) + 0.0  # never "-0.0"
    text = f"{value:.1f}" if own else f"{value:+.1f}".replace("-", "−")
    return f"{text}*" if same else text


def caption(headlines: pd.DataFrame, targets: list[str], rows: list[dict[str, str]]) -> str:
    splits: dict[str, list[str]] = {}
    for name in targets:
        split = str(headlines.loc[headlines["target"] == name, "split"].iloc[0])
        splits.setdefault(split, []).append(name)
    said = "; ".join(f"{split}: {', '.join(names)}" for split, names in splits.items())
    words = [
        "First row: scores without intermediate training; below it: gains over that, in points. A "
        "task's score is its mean over all languages, English included, and over seeds; question "
        "answering counts the mean of EM and F1; the benchmark is the mean over tasks, as XTREME "
        f"defines it, here over {len(targets)} of its 9 targets"
        + (" (complete)." if set(TARGETS) <= set(targets) else ", so not XTREME's number."),
        f"Split: {said}.",
    ]
    if any(text.endswith("*") for row in rows for text in row.values()):
        words.append("* the target's own training data: more epochs, not transfer.")
    chosen = [name for name in targets if name in SELECTED_ON_TEST]
    if chosen:
        words.append(
            f"{', '.join(chosen)}: no development set of their own, so picking a row by these "
            "columns is selection on test."
        )
    return " ".join(words)
