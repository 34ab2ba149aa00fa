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
        said = rows[["n", "note"]].fillna("").iloc[0]
        of = f"{name}, {int(said['n'])} languages{'; ' * bool(said['note'])}{said['note']}."
        if name == target:
            blocks.append(table(panel(rows), f"{of} {CAPTION}", 2))
        else:
            blocks.append(table(panel(rows), of, 2, f"{name}: method by method"))
    return blocks


def panel(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of one target's table."""
    sound = rows["identifiable"].astype(bool)

    def column(name: str) -> pd.Series:
        values = rows[name] if name in rows else pd.Series(float("nan"), rows.index)
        return values.astype(float)

    def estimate(name: str) -> list[str]:
        """0.48 (-0.59 to 1.55); without an interval where that is none."""
        low, high = column(f"{name}_low").where(sound), column(f"{name}_high").where(sound)
        cells = zip(column(name), interval(low, high), strict=True)
        return [
            "–" if pd.isna(v) else f"{v:.2f}".replace("-", "−") + (f" ({i})" if i != "–" else "")
            for v, i in cells
        ]

    pairs = zip(rows["method"], rows["encoders"], strict=True)
    return pd.DataFrame(
        {
            "method": ["no intermediate" if m == BASELINE else m for m in rows["method"]],
            # the method stands beside them
            "encoders": [str(names).replace(f"{method}+", "") for method, names in pairs],
            "gain": column("gain").where(rows["method"] != BASELINE),
            "slope (95%)": estimate("slope"),
            "p": column("slope_p").where(sound),
            "partial r (95%)": estimate("r_slope"),
            "change of slope (95%, these runs)": estimate("change"),
            "p, these runs": column("change_p").where(sound),
            "by seed": interval(column("change_lowest_seed"), column("change_highest_seed")),
            "less plain's (95%, these runs)": estimate("against_plain"),
        }
    )
