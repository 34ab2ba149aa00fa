"""The change of slope by intermediate training, language by language.

For each language the paired change of its drop against the baseline without intermediate
training; the slope of that change on distance is the interaction. A language counts once however
many intermediate tasks and seeds it was seen with, so for balanced tables this is the mixed
model's interaction with exact degrees of freedom.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from stages.statistics.families import Comparison, orders_within
from stages.statistics.moments import Array
from stages.statistics.outcomes import BASELINE
from stages.statistics.permutation import p_values
from stages.statistics.slope import Slopes, slopes

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


def paired_slopes(
    paired: pd.DataFrame,
    x: Array,
    z: Array,
    held: Comparison | None,
    permutations: int,
    seed: int,
) -> list[dict[str, object]]:
    """Return the slope of every column's change, with p by permutation within families.

    It knows nothing of the spread between runs: its interval is for the runs at hand.
    """
    y = paired.to_numpy(float)
    found = slopes(y, x, z)
    if found is None:
        return []
    rows: list[dict[str, object]] = [dict(vars(found.one(j))) for j in range(y.shape[1])]
    inside = within_families(y, x, z, held, permutations, seed)
    for j, row in enumerate(rows):
        row["p_within_families"] = float("nan")
        if inside is not None:
            one = inside[0].one(j)
            row["p_within_families"] = float(inside[1][j])
            row["estimate_within"] = one.estimate
            row["ci_low_within"], row["ci_high_within"] = one.ci_low, one.ci_high
    return rows


def within_families(
    y: Array, x: Array, z: Array, held: Comparison | None, permutations: int, seed: int
) -> tuple[Slopes, Array] | None:
    """Return the slopes of y (n x m) given family blocks, and p by permutation within them.

    Freedman-Lane: exact up to the covariates' fit where families shift their languages by effects
    of their own. None where the blocks leave nothing to compare.
    """
    if held is None:
        return None
    given = np.column_stack([z, held.block])
    found = slopes(y, x, given, held.weight)
    if found is None or found.freedom < 2:
        return None
    orders = orders_within(held.names, permutations, seed)
    return found, p_values(x[:, None], y, given, orders, False, held.weight)[0]
