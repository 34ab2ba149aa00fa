"""The table of methods: slope, partial correlation, and the paired difference to the baseline.

A method is plain intermediate training, several tasks at once, masked language modelling or
translated data; its drop in a language is the mean over its encoders. Two contrasts, language by
language: with no intermediate training, and with plain intermediate training.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from stages.statistics.families import Comparison, comparison
from stages.statistics.moments import Array
from stages.statistics.outcomes import BASELINE, PLAIN, degradation
from stages.statistics.partial_correlation import fisher_intervals
from stages.statistics.remarks import without
from stages.statistics.slope import Slopes, slopes
from stages.statistics.slope_change import within_families
from stages.statistics.slope_table import comparable

# of each: what it is compared with
CONTRASTS = {"change": BASELINE, "against_plain": PLAIN}


def methods(
    outcomes: pd.DataFrame,
    scores: pd.DataFrame,
    languages: pd.DataFrame,
    distance: str,
    covariates: list[str],
    permutations: int,
    seed: int,
) -> pd.DataFrame:
    """Return one row a target and method, the baseline first; slopes in points per 0.1.

    slope, r : of the drop on distance, with intervals, and p by permutation within families.
    change, against_plain : of the slope, with the baseline and with plain training; their
        intervals are over languages and for the runs at hand. change_lowest_seed,
        change_highest_seed : by each seed alone.
    gain : mean score over languages, English among them, less the baseline's.
    """
    rows: list[dict[str, object]] = []
    apart = {number: degradation(part) for number, part in scores.groupby("seed")}
    for target in outcomes["target"].unique():
        drops, encoders, lost = by_method(outcomes, str(target), "drop")
        if BASELINE not in drops:
            continue
        used, said = comparable(drops, languages, distance, covariates, lost)
        shared = {"target": target, **said}
        if len(used) <= len(covariates) + 3 or not np.ptp(used[distance]):
            continue
        names = [str(name) for name in drops]
        table = used[names]
        x, z = used[distance].to_numpy(float), used[covariates].to_numpy(float)
        design = (x, z, comparison(used), permutations, seed)
        asked = {"slope": table}
        for name, other in CONTRASTS.items():
            others = [column for column in names if column not in (BASELINE, other)]
            if other in table and others:
                asked[name] = table[others].sub(table[other], axis=0)
        fits = {name: (list(part), fitted(part, *design)) for name, part in asked.items()}
        seeds = [by_method(part, str(target), "drop")[0] for part in apart.values()]
        spread = seed_changes([part.reindex(used.index) for part in seeds], x, z, design[2])
        gains = gain(scores[scores["target"] == target])
        for name in names:
            row = {**shared, "method": name, "encoders": ", ".join(encoders[name])}
            for what, (those, found) in fits.items():
                if name in those:
                    at = those.index(name)
                    row |= {key.replace("*", what): v[at] for key, v in found.items()}
            rows.append(row | spread.get(name, {}) | {"gain": gains.get(name, np.nan)})
    # the correlation of a difference is not asked for
    unasked = [f"r_{name}{end}" for name in CONTRASTS for end in ("", "_low", "_high")]
    return pd.DataFrame(rows).drop(columns=unasked, errors="ignore")


def by_method(
    outcomes: pd.DataFrame, target: str, value: str
) -> tuple[pd.DataFrame, dict[str, list[str]], str]:
    """Return languages x methods (means over encoders), the encoders of each, and what is lost.

    The baseline is a column of its own, plain training the next; only languages that all have.
    """
    rows = outcomes[outcomes["target"] == target]
    base = (rows["method"] == PLAIN) & (rows["intermediate"] == BASELINE)
    rows = rows.assign(group=rows["method"].where(~base, BASELINE))
    wide = rows.pivot(index="language", columns=["group", "source"], values=value).dropna()
    order = {BASELINE: 0, PLAIN: 1}
    names = sorted(dict.fromkeys(rows["group"]), key=lambda name: order.get(name, 2))
    encoders = {name: [str(source) for source in wide[name]] for name in names}
    means = pd.DataFrame({name: wide[name].mean(axis=1) for name in names})
    return means, encoders, without(rows["language"], wide.index)


def fitted(
    table: pd.DataFrame,
    x: Array,
    z: Array,
    held: Comparison | None,
    permutations: int,
    seed: int,
) -> dict[str, Array]:
    """Return slope, interval, p and partial correlation of every column, within families.

    Where families leave nothing to compare, languages count as independent and there is no p.
    """
    y = table.to_numpy(float)
    inside = within_families(y, x, z, held, permutations, seed)
    found = inside[0] if inside else slopes(y, x, z)
    count = y.shape[1]
    if found is None:
        return {}
    every = [found.one(column) for column in range(count)]
    given = z.shape[1] + (held.block.shape[1] if inside and held else 0)
    r = correlations(found)
    low, high = fisher_intervals(r, len(x), given)
    return {
        "*": np.array([one.estimate for one in every]),
        "*_low": np.array([one.ci_low for one in every]),
        "*_high": np.array([one.ci_high for one in every]),
        "*_p": np.asarray(inside[1]) if inside else np.full(count, np.nan),
        "r_*": r,
        "r_*_low": low,
        "r_*_high": high,
        "model": np.full(count, "within families" if inside else "languages independent"),
    }


def correlations(found: Slopes) -> Array:
    """Return the partial correlations that belong to slopes: t / sqrt(t^2 + freedom)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = found.estimate / found.se
        r: Array = t / np.sqrt(t**2 + found.freedom)
    return r


def seed_changes(
    apart: list[pd.DataFrame], x: Array, z: Array, held: Comparison | None
) -> dict[str, dict[str, object]]:
    """Return the lowest and highest change of the slope over seeds, by method."""
    each: dict[str, list[float]] = {}
    for drops in apart:
        if BASELINE not in drops or drops.isna().to_numpy().any():
            continue
        changes = drops.drop(columns=BASELINE).sub(drops[BASELINE], axis=0)
        if not changes.shape[1]:
            continue
        found = fitted(changes, x, z, held, 1, 0)
        if not found:  # covariates that are constant or collinear over these languages
            continue
        for position, name in enumerate(changes):
            each.setdefault(str(name), []).append(float(found["*"][position]))
    return {
        name: {
            "seeds": len(values),
            "change_lowest_seed": min(values),
            "change_highest_seed": max(values),
        }
        for name, values in each.items()
    }


def gain(scores: pd.DataFrame) -> dict[str, float]:
    """Return the mean score of each method less the baseline's, in points."""
    groups = np.where(
        (scores["method"] == PLAIN) & (scores["intermediate"] == BASELINE),
        BASELINE,
        scores["method"],
    )
    runs = scores.assign(group=groups).groupby(["group", "intermediate", "seed"])["value"].mean()
    means = runs.groupby(["group", "intermediate"]).mean().groupby("group").mean()
    return {str(name): float(means[name] - means[BASELINE]) for name in means.index}
