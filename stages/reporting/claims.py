"""The claims of the literature that a study can speak to, with what it measured and a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from stages.statistics.outcomes import BASELINE, PLAIN, RETRIEVED, source_name
from stages.tasks.table import TASKS
from stages.tasks.translations import base_of

MULTI = "multi"
# claims on a method: its name in claims.csv, and what `method` of scores.csv holds
METHODS = {MULTI: "multitask", "mlm": "mlm", "translated": "translated"}
SHOWN = {MULTI: "multi-task", "mlm": "MLM", "translated": "translated data"}
COLUMNS = ["claim", "claimed", "measured", "verdict", "why"]
# A gain of less than this, in points, is no benefit.
NO_BENEFIT = 0.5


def claims_table(
    claims: pd.DataFrame,
    scores: pd.DataFrame,
    same_data: set[tuple[str, str]],
    stand_in: bool,
    trained: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Judge every claim by the study's scores.

    claims : claim, claimed, measure (gain, best gain, no gain, share), intermediate, target
    scores : as `benchmark.headline` returns them; value in percent
    trained : method and tasks of every intermediate encoder (scores.meta.json)
    A gain is the mean score over all languages with the intermediate task less that without; its
    interval comes from the runs (Welch's t over seeds), so one seed has none. A share is that of
    the intermediate tasks which gain, with Wilson's interval.
    """
    runs = runs_of(scores, trained or {})
    same_data = same_data | of_methods(same_data, trained or {})
    present = {(str(i), str(t)) for i, t, _ in runs.index}
    plain = set(scores.loc[scores["method"] == PLAIN, "intermediate"]) - {BASELINE}
    rows = []
    for claim in claims.fillna("").itertuples(index=False):
        found = judge(claim, runs, present, same_data, plain)
        if stand_in and found["verdict"] != "not run":
            found = {**found, "verdict": "undecided", "why": "the encoder is a random stand-in"}
        rows.append({"claim": claim.claim, "claimed": claim.claimed, **found})
    return pd.DataFrame(rows, columns=COLUMNS)


def runs_of(scores: pd.DataFrame, trained: Mapping[str, Any]) -> pd.Series:
    """Return mean scores by intermediate, target and seed: plain tasks, and methods by their name.

    A method is the mean of its encoders.
    """
    keys = ["intermediate", "target", "seed"]
    every = scores.groupby(["method", *keys])["value"].mean()
    plain = every[every.index.get_level_values("method") == PLAIN].droplevel("method")
    parts = [plain]
    for label, names in arms(trained).items():
        wanted = [(trained[one]["method"], one) for one in names]
        levels = (every.index.get_level_values(level) for level in ("method", "intermediate"))
        chosen = every[[pair in wanted for pair in zip(*levels, strict=True)]]
        if len(chosen):
            means = chosen.groupby(["target", "seed"]).mean()
            parts.append(pd.concat({label: means}, names=keys))
    return pd.concat(parts).sort_index()


def arms(trained: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the encoders of each method, by its name.

    MLM and translated data are set against what has the same tasks without them, `before <method>`;
    an encoder without such another is left out.
    """
    found: dict[str, list[str]] = {}
    for name, adds in METHODS.items():
        has = [one for one in trained if adds in str(trained[one]["method"]).split("+")]
        if name == MULTI:
            found[name] = has
            continue
        others = {one: counterpart(trained[one], adds, trained) for one in has}
        pairs = {one: other for one, other in others.items() if other}
        found |= {name: list(pairs), f"before {name}": list(pairs.values())}
    return found


def of_methods(same_data: set[tuple[str, str]], trained: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return the pairs of a method's name and a target whose own data one of its encoders saw."""
    return {
        (label, target)
        for label, names in arms(trained).items()
        for one in names
        for source, target in same_data
        if source == source_name(str(trained[one]["method"]), one)
    }


def counterpart(record: Mapping[str, Any], adds: str, trained: Mapping[str, Any]) -> str | None:
    """Return the encoder that was trained on the same tasks without what a method adds."""
    wanted = {base_of(task) for task in record["tasks"]}
    rest = [part for part in str(record["method"]).split("+") if part != adds]
    for name, other in trained.items():
        same = {base_of(task) for task in other["tasks"]} == wanted
        if same and str(other["method"]) == ("+".join(rest) or PLAIN):
            return name
    return None


def judge(
    claim: tuple,
    runs: pd.Series,
    present: set[tuple[str, str]],
    same_data: set[tuple[str, str]],
    plain: set[str],
) -> dict[str, str]:
    """Return measured value, verdict and why for one claim; plain : intermediate tasks by name."""
    task, target = claim.intermediate, claim.target  # type: ignore[attr-defined]
    targets = [target] if target else sorted({t for _, t in present})
    base = f"before {task}" if task in METHODS and task != MULTI else "none"
    targets = [t for t in targets if (base, t) in present]
    tasks = [task] if task else sorted({i for i, _ in present if i in plain})
    tasks = [i for i in tasks if targets and all((i, t) in present for t in targets)]
    if not targets or not tasks:
        if target and ("none", target) not in present:
            why = f"the study has no target {target}"
        else:
            why = f"the study has no {kind(task)}" if task else "no intermediate task"
        return {"measured": "", "verdict": "not run", "why": why}
    gains = {i: gain(runs, dict.fromkeys(targets, i), 1, base) for i in tasks}
    measure = claim.measure  # type: ignore[attr-defined]
    if measure == "share":
        return share(gains, targets)
    # The largest is what must be nil for "no gain" and positive for "best gain".
    best = {
        t: max(tasks, key=lambda i, t=t: gain(runs, {t: i}, 1, base)[0])  # type: ignore[misc]
        for t in targets
    }
    chosen = dict.fromkeys(targets, task) if measure == "gain" else best
    # What was picked for its gain has to pass for every task that it was picked from.
    mean, low, high = gain(runs, chosen, 1 if measure == "gain" else len(tasks), base)
    names = list(dict.fromkeys(chosen.values()))
    who = shown(names[0]) if len(names) == 1 else "the best of each target"
    measured = f"{mean:+.1f} points".replace("-", "−") + f" ({who})"
    if math.isfinite(low):
        measured += f", 95% interval {low:.1f} to {high:.1f}".replace("-", "−")
    reasons = []
    if base != "none":
        reasons.append("against the same tasks without it")
    if len(tasks) > 1:
        reasons.append(f"best of {len(tasks)} on the same scores, interval corrected for that")
    same = [f"{shown(i)} on {t}" for t, i in chosen.items() if (i, t) in same_data]
    if same:
        reasons.append(f"{', '.join(same)}: the target's own data, more epochs and not transfer")
    if not target and len(targets) < 9:
        reasons.append(f"{len(targets)} of XTREME's 9 targets: direction only")
    if not math.isfinite(low):
        return {
            "measured": measured,
            "verdict": "undecided",
            "why": "; ".join(["one seed", *reasons]),
        }
    if measure == "no gain":
        verdict = "contradicted" if low > 0 else "supported" if high < NO_BENEFIT else "undecided"
    else:
        verdict = "supported" if low > 0 else "contradicted" if high < 0 else "undecided"
    return {"measured": measured, "verdict": verdict, "why": "; ".join(reasons)}


def kind(task: str) -> str:
    """What a study lacks that cannot speak to a claim on a task or a method."""
    if task not in METHODS:
        return f"intermediate task {task}"
    beside = "" if task == MULTI else " beside the same tasks without it"
    return f"{shown(task)}{beside}"


def shown(task: str) -> str:
    """An intermediate task, or a method, in words."""
    return SHOWN.get(task, task)


def share(gains: dict[str, tuple[float, float, float]], targets: list[str]) -> dict[str, str]:
    """Return how many intermediate tasks gain, and whether that is most of them."""
    from scipy.stats import binomtest

    n, k = len(gains), sum(mean > 0 for mean, _, _ in gains.values())
    ends = binomtest(k, n).proportion_ci(method="wilson")
    measured = (
        f"{k} of {n} tasks gain on {', '.join(targets)} ({k / n:.0%}, 95% interval "
        f"{ends.low:.0%} to {ends.high:.0%})"
    )
    verdict = "supported" if ends.low > 0.5 else "contradicted" if ends.high < 0.5 else "undecided"
    return {"measured": measured, "verdict": verdict, "why": "by whether more than half gain"}


def gain(
    runs: pd.Series, chosen: dict[str, str], choices: int = 1, base: str = "none"
) -> tuple[float, float, float]:
    """Return the mean gain over targets and its 95% interval over seeds; NaN ends for one seed.

    chosen : the intermediate task of each target; choices : how many tasks each was chosen from,
        on the same scores (Bonferroni); base : what it is a gain over
    XQuAD and MLQA are evaluated on one training run: their seeds are the same draws. Targets
    without training (BUCC, Tatoeba) have one run: they add to the mean, not to its error.
    """
    from scipy.stats import t

    arms: dict[tuple[str, str], list[pd.Series]] = {}
    means = []
    for target, task in chosen.items():
        pair = [runs.xs((name, target)) for name in (task, base)]
        means.append(pair[0].mean() - pair[1].mean())
        if target not in RETRIEVED:
            for name, arm in zip((task, base), pair, strict=True):
                arms.setdefault((name, trained_on(target)), []).append(arm)
    mean = float(np.mean(means))
    variances, terms = [], []
    for parts in arms.values():
        # One training run that is evaluated on two targets counts for both at once.
        total = sum(parts[1:], start=parts[0])
        if len(total.dropna()) > 1:
            variances.append(total.var(ddof=1) / len(total))
            terms.append(variances[-1] ** 2 / (len(total) - 1))
    if not arms or len(variances) < len(arms) or sum(variances) == 0:
        return mean, math.nan, math.nan
    freedom = sum(variances) ** 2 / sum(terms)
    half = float(t.ppf(1 - 0.025 / choices, freedom)) * math.sqrt(sum(variances)) / len(chosen)
    return mean, mean - half, mean + half


def trained_on(target: str) -> str:
    """Return the task whose training set a target's model is tuned on."""
    base = base_of(target)
    return (TASKS[base].trained_on if base in TASKS else None) or base
