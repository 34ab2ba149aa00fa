"""The change of slope by intermediate training, language by language.

For each language the paired change of its drop against the baseline without intermediate
training; the slope of that change on distance is the interaction. A language counts once however
many intermediate tasks and seeds it was seen with, so for balanced tables this is the mixed
model's interaction with exact degrees of freedom.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from stages.statistics.families import blocks, indicators, orders_within
from stages.statistics.moments import Array
from stages.statistics.outcomes import BASELINE
from stages.statistics.permutation import observed_r, permuted
from stages.statistics.slope import Slope, slope

ALL = "all intermediate tasks"


def changes(outcomes: pd.DataFrame, target: str, method: str) -> pd.DataFrame:
    """Return languages x intermediate tasks: drop with training less drop without, in points.

    Only languages that every source of the target has; the first column is the mean over tasks.
    """
    rows = outcomes[(outcomes["target"] == target) & (outcomes["method"] == method)]
    wide = rows.pivot(index="language", columns="intermediate", values="drop").dropna()
    if BASELINE not in wide or wide.shape[1] < 2:
        return pd.DataFrame(index=wide.index)
    tasks = [name for name in wide if name != BASELINE]
    paired = wide[tasks].sub(wide[BASELINE], axis=0)
    if len(tasks) > 1:
        paired.insert(0, ALL, paired.mean(axis=1))
    return paired


def slope_of_change(
    change: Array, x: Array, z: Array, families: list[str] | None, permutations: int, seed: int
) -> dict[str, object] | None:
    """Return the interaction with its interval, p, and p by permutation within families."""
    found = slope(change, x, z)
    if found is None:
        return None
    row: dict[str, object] = dict(vars(found))
    within = within_families(change, x, z, families, permutations, seed) if families else None
    row["p_within_families"] = within[1] if within else float("nan")
    if within and within[0]:
        row["estimate_within"] = within[0].estimate
        row["ci_low_within"], row["ci_high_within"] = within[0].ci_low, within[0].ci_high
    return row


def within_families(
    y: Array, x: Array, z: Array, families: list[str], permutations: int, seed: int
) -> tuple[Slope | None, float] | None:
    """Return the slope given family blocks and its p by permutation within them (Freedman-Lane).

    Exact up to the covariates' fit where families shift their languages by effects of their own;
    None where the blocks leave nothing to compare.
    """
    names = blocks(families)
    given = np.column_stack([z, indicators(names)])
    found = slope(y, x, given)
    if found is None or found.freedom < 2:
        return None
    column, outcome = x[:, None], y[:, None]
    observed = abs(float(observed_r(column, outcome, given)[0, 0]))
    reached = 0
    for batch in permuted(column, outcome, given, orders_within(names, permutations, seed)):
        reached += int((np.abs(batch[:, 0, 0]) >= observed - 1e-9).sum())
    return found, (reached + 1) / (permutations + 1)
