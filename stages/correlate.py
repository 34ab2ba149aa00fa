"""Correlate: scores and languages -> the statistics.

In    scores.csv    intermediate,target,language,value (percent), and where known
                    method,seed,split,metric,n; `none` is the baseline; English is needed
      languages.csv language, every distance_* column, covariates; coverage_* and family help
Out   in --out: partial_correlations.csv, one row a source, target, outcome, distance and method;
      robustness.csv, row for row what stands beside it; slopes.csv by model of kinship;
      interactions.csv, how intermediate training changes the slope, and methods.csv, how each
      method of it does; uncertainty.csv from items
      and seeds; influence.csv without each language and family; specifications.csv.gz and
      agreement.csv, the multiverse; outcomes.csv, the drops behind them; analysis.json, what was
      fixed before any result.

Alone: python -m stages.correlate --scores scores.csv --languages languages.csv --out statistics
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from stages.errors import UserError, run
from stages.params import PATH as PARAMS
from stages.params import read as read_params
from stages.statistics.checking import (
    REFERENCE,
    distance_columns,
    read_languages,
    read_scores,
)
from stages.statistics.correlation_table import METHODS, correlation_tables
from stages.statistics.influence import influence
from stages.statistics.interaction_table import interactions
from stages.statistics.method_table import methods
from stages.statistics.multiverse import agreement, specifications
from stages.statistics.outcomes import OUTCOMES, degradation
from stages.statistics.settings import Settings
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

    scores, languages : as `read_scores` and `read_languages` return them; settings : as
        `present` returns them
    """
    outcomes = degradation(scores)
    correlations, robustness = correlation_tables(outcomes, languages, covariates, settings)
    distance = settings.distance
    size = (settings.permutations, settings.seed)
    curve = specifications(outcomes, languages, covariates)
    return {
        "partial_correlations": correlations,
        "robustness": robustness,
        "slopes": slopes(outcomes, languages, distance, covariates, *size),
        "interactions": interactions(outcomes, scores, languages, distance, covariates, *size),
        "methods": methods(outcomes, scores, languages, distance, covariates, *size),
        "uncertainty": uncertainty(outcomes, scores, languages, distance, covariates),
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
    unknown = sorted(set(primary) - set(PRIMARY))
    if unknown:
        raise UserError(
            f"correlate.primary.{unknown[0]}: expected one of {', '.join(PRIMARY)} in params.yaml."
        )
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


def present(
    settings: Settings, scores: pd.DataFrame, languages: pd.DataFrame, covariates: list[str]
) -> tuple[Settings, list[str]]:
    """Return the settings with the distance that slopes are on, and what is to be said aloud.

    A table of others need not have the distance, target or intermediate task that is primary by
    default: no row is primary then, and slopes are on the first distance. Raises UserError for
    what was named otherwise and is not there.
    """
    known = {
        "distance": distance_columns(languages),
        "target": list(dict.fromkeys(scores["target"])),
        "intermediate": list(dict.fromkeys(degradation(scores)["source"])),
        "outcome": list(OUTCOMES),
        "method": list(METHODS),
    }
    said = []
    for name, values in known.items():
        value = settings.primary[name]
        if value in values:
            continue
        if value != PRIMARY[name]:
            raise UserError(
                f"correlate.primary.{name} is '{value}', which the tables do not have: expected "
                f"one of {', '.join(map(str, values))}. Mend params.yaml, or name it with "
                f"--primary {name}=..."
            )
        said.append(f"no row is the primary contrast: the tables have no {name} '{value}'")
    if settings.primary["covariates"] != covariates:
        said.append("no row is the primary contrast: it has other covariates")
    distance = str(settings.primary["distance"])
    if distance not in known["distance"]:
        distance = known["distance"][0]
        said.append(f"slopes are those on {distance}; another with --primary distance=...")
    return replace(settings, distance=distance), said


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
    settings, said = present(settings, scores, languages, covariates)
    for words in said:
        print(words, file=sys.stderr)
    tables = correlate(scores, languages, covariates, settings)
    for name, table in tables.items():
        if name == "specifications":  # thousands of rows: a picture's data, kept small
            with (
                replacing(arguments.out / f"{name}.csv.gz") as path,
                path.open("wb") as raw,
                # no name and no time inside: equal tables are equal files
                gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as small,
            ):
                table.to_csv(small, index=False, float_format="%.4g")
        else:
            with replacing(arguments.out / f"{name}.csv") as path:
                table.to_csv(path, index=False, float_format="%.6g")
    with replacing(arguments.out / "analysis.json") as path:
        fixed = {
            "primary": settings.primary,
            "distance": settings.distance,
            "covariates": covariates,
            "seed": settings.seed,
        }
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
