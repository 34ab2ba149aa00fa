"""Correlate: scores and languages -> the statistics.

In    scores.csv    intermediate,target,language,value (percent), and where known
                    method,seed,split,metric,n; `none` is the baseline; English is needed
      languages.csv language, every distance_* column, covariates; coverage_* and family help
Out   in --out: partial_correlations.csv, one row a source, target, outcome, distance and method;
      robustness.csv, row for row what stands beside it; slopes.csv by model of kinship;
      interactions.csv, how intermediate training changes the slope; uncertainty.csv from items
      and seeds; influence.csv without each language and family; specifications.csv.gz and
      agreement.csv, the multiverse; outcomes.csv, the drops behind them; analysis.json, what was
      fixed before any result.

Alone: python -m stages.correlate --scores scores.csv --languages languages.csv --out statistics
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from stages.errors import UserError, run
from stages.params import PATH as PARAMS
from stages.params import read as read_params
from stages.statistics.checking import REFERENCE, read_languages, read_scores
from stages.statistics.correlation_table import Settings, correlation_tables
from stages.statistics.influence import influence
from stages.statistics.interaction_table import interactions
from stages.statistics.multiverse import agreement, specifications
from stages.statistics.outcomes import degradation
from stages.statistics.slope_table import slopes, uncertainty
from stages.writing import replacing

COVARIATES = ["log10_pretraining_gib"]
PRIMARY = {
    "target": "xnli",
    "distance": "distance_syntactic_knn_angular",
    "covariates": COVARIATES,
    "intermediate": "none",
    "outcome": "drop",
    "method": "pearson",
}


def correlate(
    scores: pd.DataFrame, languages: pd.DataFrame, covariates: list[str], settings: Settings
) -> dict[str, pd.DataFrame]:
    """Return every table of the statistics by name.

    scores, languages : as `read_scores` and `read_languages` return them
    """
    outcomes = degradation(scores)
    correlations, robustness = correlation_tables(outcomes, languages, covariates, settings)
    distance = str(settings.primary["distance"])
    if distance not in languages:
        distance = next(str(name) for name in languages if str(name).startswith("distance_"))
    size = (settings.permutations, settings.seed)
    curve = specifications(outcomes, languages, covariates)
    return {
        "partial_correlations": correlations,
        "robustness": robustness,
        "slopes": slopes(outcomes, languages, distance, covariates, *size),
        "interactions": interactions(outcomes, scores, languages, distance, covariates, *size),
        "uncertainty": uncertainty(
            outcomes, scores, languages, distance, covariates, settings.seed
        ),
        "specifications": curve,
        "influence": influence(outcomes, languages, distance, covariates),
        "agreement": agreement(curve) if len(curve) else pd.DataFrame(),
        "outcomes": outcomes,
    }


def settings_of(parameters: dict[str, Any], changes: Sequence[str] = ()) -> Settings:
    """Return the settings of params.yaml's section `correlate`, defaults where it is silent.

    changes : KEY=VALUE of the primary contrast, in place of its own
    """
    primary = {**PRIMARY, **parameters.get("primary", {})}
    for change in changes:
        name, given, value = change.partition("=")
        if not given or name not in PRIMARY or name == "covariates":
            known = ", ".join(key for key in PRIMARY if key != "covariates")
            raise UserError(f"--primary {change}: expected KEY=VALUE with KEY one of {known}.")
        primary[name] = value
    return Settings(
        primary=primary,
        permutations=int(parameters.get("permutations", 9999)),
        bootstrap=int(parameters.get("bootstrap", 2000)),
        seed=int(parameters.get("seed", 1)),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scores", type=Path, default=Path("scores.csv"))
    parser.add_argument("--languages", type=Path, default=Path("languages.csv"))
    parser.add_argument("--out", type=Path, default=Path("statistics"))
    parser.add_argument(
        "--covariates", help="columns of the languages table, separated by commas; '' for none"
    )
    parser.add_argument(
        "--primary",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="another primary contrast than params.yaml's, such as intermediate=mnli",
    )
    arguments = parser.parse_args()
    parameters = read_params().get("correlate", {}) if PARAMS.is_file() else {}
    if arguments.covariates is None:
        covariates = list(parameters.get("covariates", COVARIATES))
    else:
        covariates = [name.strip() for name in arguments.covariates.split(",") if name.strip()]
    if len(set(covariates)) < len(covariates):
        raise UserError(f"a covariate is named twice in {', '.join(covariates)}.")
    scores = read_scores(arguments.scores)
    languages = read_languages(arguments.languages, set(scores["language"]), covariates)
    settings = settings_of(parameters, arguments.primary)
    tables = correlate(scores, languages, covariates, settings)
    for name, table in tables.items():
        if name == "specifications":  # thousands of rows: a picture's data, kept small
            with replacing(arguments.out / f"{name}.csv.gz") as path:
                small = {"method": "gzip", "mtime": 0}
                table.to_csv(path, index=False, float_format="%.4g", compression=small)
        else:
            with replacing(arguments.out / f"{name}.csv") as path:
                table.to_csv(path, index=False, float_format="%.6g")
    with replacing(arguments.out / "analysis.json") as path:
        fixed = {"primary": settings.primary, "covariates": covariates, "seed": settings.seed}
        path.write_text(json.dumps(fixed, indent=2) + "\n")
    found = tables["partial_correlations"]
    not_identifiable = int((~found["identifiable"].astype(bool)).sum())
    print(
        f"{arguments.out}: {len(found)} partial correlations over "
        f"{scores['language'].nunique() - 1} languages other than {REFERENCE}"
    )
    if not_identifiable:
        print(
            f"{not_identifiable} of them are not identifiable; the column 'note' says why",
            file=sys.stderr,
        )


if __name__ == "__main__":
    run(main)
