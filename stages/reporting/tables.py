"""What the report's tables have in common, and the table of how every method did."""

from __future__ import annotations

import pandas as pd

from stages.reporting.calibrated import WORLDS, Calibration
from stages.reporting.page import Block, table

NO_BREAK = "\u00a0"
# More rows than this are not read; the CSV beside the report has them.
MOST_ROWS = 120


def interval(low: pd.Series, high: pd.Series, decimals: int = 2) -> list[str]:
    """Return "low to high" a row, a dash where there is none."""
    return [
        "–"
        if pd.isna(a) or pd.isna(b)
        else f"{a:.{decimals}f} to {b:.{decimals}f}".replace("-", "−").replace(" ", NO_BREAK)
        for a, b in zip(low, high, strict=True)
    ]


def rounded(values: pd.Series, decimals: int) -> list[str]:
    return ["–" if pd.isna(value) else f"{value:.{decimals}f}" for value in values]


def calibration_block(calibration: Calibration) -> list[Block]:
    """Return how every method did on data whose truth is known, and where it is printed."""
    found = calibration.table
    if found is None:
        return []
    wide = found.pivot_table(
        index=["quantity", "what"], columns="world", values="value", sort=False
    )
    wide = wide[[name for name in WORLDS if name in wide]]
    verdicts = []
    for quantity, what in wide.index:
        failed = calibration.failed.get((quantity, what), set())
        verdicts.append(
            "holds"
            if calibration.holds(quantity, what)
            else f"fails: {', '.join(sorted(failed))}"
            if failed
            else "not tried in every world"
        )
    shown = wide.reset_index().assign(verdict=verdicts)
    draws = int(found["draws"].max())
    return [
        table(
            shown,
            f"{draws:,} draws with the real 14 languages of XNLI, their families, tree, distances, "
            "sizes and scripts. False positives should be .04 to .06 (fewer is caution, more "
            "fails), coverage .93 to .97 (more is caution), bias below a tenth of the planted "
            "effect. Worlds: languages independent; families with effects of their own (half of "
            "the variance); a language tree (half of the variance).",
            decimals=3,
            summary="Every method, in three worlds",
        )
    ]
