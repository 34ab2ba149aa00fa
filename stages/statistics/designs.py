"""Complete cases: which languages have a distance, the covariates and the outcomes together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from stages.statistics.moments import Array
from stages.statistics.outcomes import OUTCOMES

Column = tuple[str, str]


@dataclass(frozen=True)
class Design:
    """One set of n languages: distances (n x p), outcomes (n x m) and covariates (n x k)."""

    target: str
    distances: list[str]
    outcomes: list[Column]
    covariates: list[str]
    x: Array
    y: Array
    z: Array
    languages: pd.DataFrame
    lacking: str

    @property
    def families(self) -> list[str] | None:
        """The family of each language, where the table of languages has it."""
        if "family" not in self.languages:
            return None
        return [str(name) for name in self.languages["family"]]


def designs(
    outcomes: pd.DataFrame, languages: pd.DataFrame, distances: list[str], covariates: list[str]
) -> Iterator[Design]:
    """Yield every target's complete cases, columns that lack the same languages together.

    outcomes : one row a source, target and language (`degradation`)
    languages : indexed by language
    """
    for target, rows in outcomes.groupby("target", sort=False):
        wide = rows.pivot(index="language", columns="source", values=list(OUTCOMES))
        wide = wide.dropna(axis=1, how="all")
        table = languages.loc[wide.index]
        covered = table[covariates].notna().all(axis=1)
        for y_columns in by_pattern(wide):
            for x_columns in by_pattern(table[distances]):
                x, y = table[distances].iloc[:, x_columns], wide.iloc[:, y_columns]
                keep = covered & x.notna().all(axis=1) & y.notna().all(axis=1)
                yield Design(
                    str(target),
                    [distances[i] for i in x_columns],
                    [(str(column[1]), str(column[0])) for column in y.columns],
                    covariates,
                    x[keep].to_numpy(float),
                    y[keep].to_numpy(float),
                    table.loc[keep, covariates].to_numpy(float),
                    table[keep],
                    lacking(x, y, covered),
                )


def by_pattern(table: pd.DataFrame) -> list[list[int]]:
    """Return the positions of the columns, grouped by which rows are missing."""
    groups: dict[bytes, list[int]] = {}
    for position in range(table.shape[1]):
        key = table.iloc[:, position].isna().to_numpy().tobytes()
        groups.setdefault(key, []).append(position)
    return list(groups.values())


def lacking(x: pd.DataFrame, y: pd.DataFrame, covered: pd.Series) -> str:
    """Say which languages are left out, and for want of what."""
    reasons = []
    for what, missing in (
        ("distance", x.isna().any(axis=1)),
        ("comparable score", y.isna().any(axis=1)),
        ("covariate", ~covered),
    ):
        if missing.any():
            codes = " ".join(map(str, missing[missing].index))
            reasons.append(f"without {int(missing.sum())} for want of a {what}: {codes}")
    return "; ".join(reasons)
