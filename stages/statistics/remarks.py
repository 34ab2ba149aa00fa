"""What stands beside a correlation: notes, ties, extremes without one, feature coverage."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from stages.statistics.moments import Array


def notes(reason: str | None, *others: str) -> str:
    first = [f"not identifiable: {reason}"] if reason else []
    return "; ".join([*first, *(note for note in others if note)])


def ties(values: Array) -> str:
    """Say where more than a quarter of the languages share the largest distance."""
    tied = int((values == values.max()).sum())
    return f"{tied} of {len(values)} tie at the largest distance" if tied > len(values) / 4 else ""


def extremes(what: str, names: Iterable[object], values: Array) -> dict[str, np.ndarray]:
    """Return the lowest and highest value without one language or family, and without which.

    values : one row a name, of any further shape, which is that of the results
    """
    labels = np.array([*map(str, names), ""], dtype=object)
    found: dict[str, np.ndarray] = {}
    known = np.isfinite(values)
    none = ~known.any(axis=0)
    for side, worst in (("low", np.inf), ("high", -np.inf)):
        filled = np.where(known, values, worst)
        if not len(filled):
            filled = np.full((1, *values.shape[1:]), worst)
        at = filled.argmin(axis=0) if side == "low" else filled.argmax(axis=0)
        best = np.take_along_axis(filled, at[None], axis=0)[0]
        found[f"without_{what}_{side}"] = np.where(none, np.nan, best)
        found[f"without_{what}_{side}_name"] = labels[np.where(none, len(labels) - 1, at)]
    return found


def coverage(languages: pd.DataFrame, distance: str) -> float:
    """Return the mean share of observed features behind a distance; NaN where none is known."""
    kind, _, formula = distance.removeprefix("distance_").partition("_")
    # A source with features of its own has coverage of its own.
    for name in (f"coverage_{kind}_{formula.split('_')[0]}", f"coverage_{kind}"):
        if name in languages:
            return float(pd.to_numeric(languages[name], errors="coerce").mean())
    return float("nan")


def without(names: pd.Series, kept: pd.Index) -> str:
    """Say which languages of a target have no score to compare, and how many these are."""
    lost = sorted(set(map(str, names)) - set(map(str, kept)))
    return f"without {len(lost)} for want of a comparable score: {' '.join(lost)}" if lost else ""


def left_out(names: pd.Index, languages: pd.DataFrame, distance: str, covariates: list[str]) -> str:
    """Say which of the languages lack the distance or a covariate, and how many these are."""
    reasons = []
    for what, columns in (("distance", [distance]), ("covariate", covariates)):
        missing = languages.loc[names, columns].isna().any(axis=1)
        if missing.any():
            codes = " ".join(map(str, missing[missing].index))
            reasons.append(f"without {int(missing.sum())} for want of a {what}: {codes}")
    return "; ".join(reasons)
