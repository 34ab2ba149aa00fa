"""What may be printed as inference: only what kept its word on data whose truth is known.

benchmarks/calibration.csv holds, for every p-value and interval, how often it found an effect
where there was none and how often it covered the truth, in three worlds: languages independent,
families with effects of their own, a language tree. What fails in one of them is not inference
here: the worlds of real languages are not known. It is shown under the assumption that it needs,
or not at all (docs/statistics.md).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from stages.statistics.slope_change import ALL

WORLDS = ("independent", "families", "tree")
COVERAGE, POSITIVES = "coverage", "false positives"
P_WITHIN = "p_within_families (pearson)"
P_CORRECTED = "p_within_families_adjusted (max-T)"
R_WITHIN = "interval of r within families (pearson)"
# The designs in which the change of slope was simulated.
TOGETHER = ("2 tasks, 2 seeds", "9 tasks, 1 seed")
ALONE = ("1 task, 2 seeds",)
INTERVAL = ["se", "ci_low", "ci_high", "p", "detectable"]


class Calibration:
    """The table of benchmarks/calibration.csv; without one, nothing is inference."""

    def __init__(self, table: pd.DataFrame | None) -> None:
        self.table = table
        self.failed: dict[tuple[str, str], set[str]] = {}
        self.tried: dict[tuple[str, str], set[str]] = {}
        for row in () if table is None else table.itertuples(index=False):
            key = (str(row.quantity), str(row.what))
            self.tried.setdefault(key, set()).add(str(row.world))
            if row.verdict == "fails":
                self.failed.setdefault(key, set()).add(str(row.world))

    def holds(self, quantity: str, what: str, worlds: tuple[str, ...] = WORLDS) -> bool:
        """Whether a quantity was tried in all these worlds and failed in none."""
        key = (quantity, what)
        return set(worlds) <= self.tried.get(key, set()) and not (
            self.failed.get(key, set()) & set(worlds)
        )

    def correlations(self, robustness: pd.DataFrame) -> pd.DataFrame:
        """Return robustness.csv without the intervals and p within families that fail."""
        lost = []
        if not self.holds(R_WITHIN, COVERAGE):
            lost += ["within_low", "within_high"]
        if not self.holds(P_WITHIN, POSITIVES):
            lost.append("p_within_families")
        if not self.holds(P_CORRECTED, POSITIVES):
            lost.append("p_within_families_adjusted")
        return robustness.assign(**dict.fromkeys(lost, np.nan))

    def slopes(self, slopes: pd.DataFrame) -> pd.DataFrame:
        """Return slopes.csv, the models that fail with their estimates alone."""
        if "model" not in slopes:
            return slopes
        kept = pd.Series(
            [self.holds(f"slope, {name}", COVERAGE) for name in slopes["model"]], slopes.index
        )
        found = slopes.copy()
        found[INTERVAL] = found[INTERVAL].where(kept)
        if not self.holds(P_WITHIN, POSITIVES):
            found["p_permutation"] = np.nan
        return found

    def interactions(self, interactions: pd.DataFrame) -> pd.DataFrame:
        """Return interactions.csv, the models that fail with their estimates alone."""
        if "model" not in interactions:
            return interactions
        kept = pd.Series(
            [
                all(
                    self.holds(f"change of slope, {model} ({study})", COVERAGE)
                    for study in (TOGETHER if task == ALL else ALONE)
                )
                for model, task in zip(
                    interactions["model"], interactions["intermediate"], strict=True
                )
            ],
            interactions.index,
        )
        found = interactions.copy()
        found[INTERVAL] = found[INTERVAL].where(kept)
        return found

    def methods(self, methods: pd.DataFrame) -> pd.DataFrame:
        """Return methods.csv without the intervals and p of the drop that fail.

        Those of a difference are for the runs at hand, whatever the world, and are printed so.
        """
        if "model" not in methods:
            return methods
        found, within = methods.copy(), methods["model"] == "within families"
        for quantity, what, columns in (
            ("slope, within families", COVERAGE, ["slope_low", "slope_high"]),
            (R_WITHIN, COVERAGE, ["r_slope_low", "r_slope_high"]),
            (P_WITHIN, POSITIVES, ["slope_p"]),
        ):
            found[columns] = found[columns].where(within & self.holds(quantity, what))
        return found

    def uncertainty(self, uncertainty: pd.DataFrame) -> pd.DataFrame:
        """Return uncertainty.csv, without the interval for languages and seeds if that fails."""
        kept = self.holds("slope, languages and seeds (2 seeds)", COVERAGE)
        if kept or "ci_low" not in uncertainty:
            return uncertainty
        return uncertainty.assign(ci_low=np.nan, ci_high=np.nan)
