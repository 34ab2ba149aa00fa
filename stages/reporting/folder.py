"""A folder of correlate, as the report reads it: only what is calibrated keeps its interval."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from stages.errors import UserError
from stages.reporting.calibrated import Calibration
from stages.reporting.marks import Pairs, marked


@dataclass(frozen=True)
class Statistics:
    """One folder of correlate."""

    correlations: pd.DataFrame
    robustness: pd.DataFrame
    slopes: pd.DataFrame
    interactions: pd.DataFrame
    methods: pd.DataFrame
    uncertainty: pd.DataFrame
    specifications: pd.DataFrame
    influence: pd.DataFrame
    outcomes: pd.DataFrame
    primary: dict[str, object]
    distance: str
    covariates: list[str]

    @classmethod
    def read(cls, folder: Path, calibration: Calibration, same: Pairs | None = None) -> Statistics:
        """Read a folder of correlate, sources of the target's own training data (`same`) marked."""
        analysis = folder / "analysis.json"
        if not analysis.is_file():
            raise UserError(f"{analysis} not found: run the correlate stage first.")
        fixed = json.loads(analysis.read_text())
        if "distance" not in fixed:
            raise UserError(f"{analysis} is of an older version: run the correlate stage again.")

        def own(table: pd.DataFrame) -> pd.DataFrame:
            return marked(table, same)

        return cls(
            correlations=own(read(folder / "partial_correlations.csv")),
            robustness=calibration.correlations(own(read(folder / "robustness.csv"))),
            slopes=own(calibration.slopes(read(folder / "slopes.csv"))),
            interactions=own(calibration.interactions(read(folder / "interactions.csv"))),
            methods=own(calibration.methods(read(folder / "methods.csv"))),
            uncertainty=own(calibration.uncertainty(read(folder / "uncertainty.csv"))),
            specifications=own(read(folder / "specifications.csv.gz")),
            influence=own(read(folder / "influence.csv")),
            outcomes=own(read(folder / "outcomes.csv")),
            primary=fixed["primary"],
            distance=fixed["distance"],
            covariates=fixed["covariates"],
        )

    @property
    def targets(self) -> list[str]:
        """The targets, that of the primary contrast first."""
        names = list(dict.fromkeys(self.outcomes["target"]))
        return sorted(names, key=lambda name: name != self.primary["target"])

    def sources(self, target: str) -> list[str]:
        """The intermediate tasks or models of a target, the primary one and the baseline first."""
        names = list(dict.fromkeys(self.outcomes.loc[self.outcomes["target"] == target, "source"]))
        first = self.primary["intermediate"]

        def rank(name: str) -> tuple[bool, bool]:
            plain = name.removesuffix("*")  # the mark of the target's own training data
            return plain != first, plain != "none"

        return sorted(names, key=rank)


def read(path: Path) -> pd.DataFrame:
    """Return a table; UserError where it is missing."""
    try:
        return pd.read_csv(path, keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        raise UserError(f"{path} not found: run the stage that writes it first.") from None
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
