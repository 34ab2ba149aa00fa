"""Method by method: the slope, and the difference to no and to plain intermediate training."""

from __future__ import annotations

import pandas as pd

from stages.reporting.page import Block, table
from stages.reporting.tables import interval
from stages.statistics.outcomes import BASELINE

CAPTION = (
    "Drop against the primary distance given the covariates, in points per 0.1; below zero in the "
    "differences is flatter. A method is the mean of its encoders, language by language. Slope, "
    "partial correlation, their 95% intervals and p (permutation) are within language families. "
    "The differences are paired by language; their intervals and p tell languages apart and take "
    "the runs as they are, which in simulation is too narrow for new runs: the range over seeds "
    "stands beside them. Gain: mean score over all languages less that without intermediate "
    "training."
)


def method_blocks(methods: pd.DataFrame, target: str) -> list[Block]:
    """Return a table a target, that of the primary contrast shown, others folded."""
    if "model" not in methods:
        return []
    blocks = []
    names = sorted(dict.fromkeys(methods["target"]), key=lambda name: name != target)
    for name in names:
        rows = methods[methods["target"] == name]
        shown = panel(rows)
        if name == target:
            blocks.append(table(shown, f"{name}. {CAPTION}"))
        else:
            blocks.append(table(shown, "", 3, f"{name}: method by method"))
    return blocks


def panel(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of one target's table."""
    sound = rows["identifiable"].astype(bool)

    def column(name: str) -> pd.Series:
        values = rows[name] if name in rows else pd.Series(float("nan"), rows.index)
        return values.astype(float)

    def between(name: str, decimals: int = 2) -> list[str]:
        low, high = column(f"{name}_low").where(sound), column(f"{name}_high").where(sound)
        return interval(low, high, decimals)

    return pd.DataFrame(
        {
            "method": ["no intermediate" if m == BASELINE else m for m in rows["method"]],
            "encoders": rows["encoders"],
            "n": rows["n"].astype(int),
            "gain": column("gain").where(rows["method"] != BASELINE),
            "slope": column("slope"),
            "95%": between("slope"),
            "p": column("slope_p").where(sound),
            "partial r": column("r_slope"),
            "95% of r": between("r_slope"),
            "change of slope": column("change"),
            "95%, these runs": between("change"),
            "p, these runs": column("change_p").where(sound),
            "by seed": interval(column("change_lowest_seed"), column("change_highest_seed")),
            "less plain's": column("against_plain"),
            "95%, these runs ": between("against_plain"),
            "note": rows["note"].fillna(""),
        }
    )
