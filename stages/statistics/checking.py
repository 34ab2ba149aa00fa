"""What a scores or languages table must be before anything is computed from it."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from stages.errors import UserError
from stages.statistics.outcomes import RETRIEVED

REFERENCE = "en"
MACROLANGUAGES = {"ara": "ar", "swa": "sw", "zho": "zh", "arb": "ar", "swh": "sw", "cmn": "zh"}
PREFERRED_METRICS = ("accuracy", "f1", "em")
KEYS = ["method", "intermediate", "target", "language", "seed", "split", "metric"]
DEFAULTS: dict[str, str | float] = {
    "method": "plain",
    "seed": 0,
    "split": "test",
    "metric": "accuracy",
    "n": math.nan,
}


def read_table(path: Path, required: list[str]) -> pd.DataFrame:
    """Return a CSV table; UserError where it is missing, empty or lacks a column."""
    try:
        # Only the empty field is missing: a language or task may be called "nan" or "none".
        table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        raise UserError(f"{path} not found: expected a table with {', '.join(required)}.") from None
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(f"{path} is not a CSV table: {error}") from None
    missing = [name for name in required if name not in table]
    if missing:
        raise UserError(
            f"{path} has no column {', '.join(missing)}; found {', '.join(map(str, table))}."
        )
    if not len(table):
        raise UserError(f"{path} has a header but no rows.")
    return table


def read_scores(path: Path) -> pd.DataFrame:
    """Return checked scores: one split and one metric a target, values in percent.

    Columns beyond intermediate, target, language and value may be left out (DEFAULTS). The test
    split is used where there is one; accuracy before F1 before exact match.
    """
    scores = read_table(path, ["intermediate", "target", "language", "value"])
    for name, default in DEFAULTS.items():
        if name not in scores:
            scores[name] = default
    scores["value"] = numbers(scores, "value", path)
    scores["n"] = pd.to_numeric(scores["n"], errors="coerce")
    for name in ("intermediate", "target", "language"):
        if scores[name].isna().any():
            raise UserError(f"{path}, row {first(scores[name].isna())}: '{name}' is empty.")
    refuse_codes(scores["language"], path)
    outside = (scores["value"] < 0) | (scores["value"] > 100)
    if outside.any():
        row = first(outside)
        raise UserError(
            f"{path}, row {row}: value {scores['value'].iloc[row - 2]} is not a percentage."
        )
    twice = scores.duplicated(KEYS)
    if twice.any():
        row = first(twice)
        cell = ", ".join(f"{name} {scores[name].iloc[row - 2]}" for name in KEYS)
        raise UserError(f"{path}, row {row}: a second score for {cell}; keep one row a cell.")
    return choose(scores, path)


def choose(scores: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return the rows of one split and one metric a target, and refuse what lacks English."""
    kept = []
    for target, rows in scores.groupby("target", sort=False):
        splits = list(dict.fromkeys(rows["split"]))
        split = "test" if "test" in splits else splits[0]
        metrics = list(dict.fromkeys(rows["metric"]))
        metric = next((m for m in PREFERRED_METRICS if m in metrics), metrics[0])
        chosen = rows[(rows["split"] == split) & (rows["metric"] == metric)]
        values = chosen["value"]
        if len(values) > 1 and 0 < values.max() <= 1:
            raise UserError(
                f"{path}: the {metric} of {target} lies between {values.min():g} and "
                f"{values.max():g}; these are fractions, expected percentages: "
                "multiply 'value' by 100."
            )
        for (method, intermediate), cell in chosen.groupby(["method", "intermediate"]):
            if REFERENCE not in set(cell["language"]) and target not in RETRIEVED:
                raise UserError(
                    f"{path}: no '{REFERENCE}' row for {method}, {intermediate} on {target}; the "
                    "drop is measured from English, so every cell needs its English score."
                )
        kept.append(chosen)
    return pd.concat(kept, ignore_index=True)


def read_languages(path: Path, needed: set[str], covariates: list[str]) -> pd.DataFrame:
    """Return the checked languages table, indexed by language.

    needed : the languages of the scores; each must have a row
    covariates : columns that must be there, numeric, and vary
    """
    table = read_table(path, ["language", *covariates])
    refuse_codes(table["language"], path)
    if table["language"].duplicated().any():
        row = first(table["language"].duplicated())
        raise UserError(
            f"{path}, row {row}: language '{table['language'].iloc[row - 2]}' occurs twice."
        )
    unknown = sorted(needed - set(table["language"]))
    if unknown:
        raise UserError(
            f"{path} has no row for {', '.join(unknown)}, which the scores name: expected "
            "two-letter codes as in XTREME; add the rows or take the languages out of the scores."
        )
    distances = distance_columns(table)
    if not distances:
        raise UserError(f"{path} has no column that starts with 'distance_': nothing to correlate.")
    for name in [*distances, *covariates]:
        table[name] = numbers(table, name, path, allow_empty=True)
    table = table.set_index("language")
    others = table.loc[sorted(needed - {REFERENCE})]
    for name in covariates:
        values = others[name].dropna()
        if values.empty:
            raise UserError(f"{path}: '{name}' is empty for every language of the scores.")
        if values.nunique() == 1:
            raise UserError(
                f"{path}: the covariate '{name}' is {values.iloc[0]:g} for every language of the "
                "scores; a constant explains nothing: leave it out with --covariates."
            )
    refuse_collinear(others, covariates, path)
    return table


def refuse_collinear(table: pd.DataFrame, covariates: list[str], path: Path) -> None:
    from stages.statistics.collinearity import explained

    complete = table[covariates].dropna()
    for i, name in enumerate(covariates):
        others = covariates[:i] + covariates[i + 1 :]
        if not others or len(complete) <= len(others) + 1:
            continue
        if explained(complete[name], complete[others]) > 1 - 1e-9:
            raise UserError(
                f"{path}: the covariate '{name}' is told exactly by {', '.join(others)} "
                "(collinear): leave one of them out with --covariates."
            )


def distance_columns(languages: pd.DataFrame) -> list[str]:
    return [name for name in map(str, languages) if name.startswith("distance_")]


def numbers(table: pd.DataFrame, name: str, path: Path, allow_empty: bool = False) -> pd.Series:
    """Return a column as floats; UserError names the first row that is not a finite number."""
    values = pd.to_numeric(table[name], errors="coerce").astype(float)
    wrong = (values.isna() | values.abs().eq(float("inf"))) & ~(table[name].isna() & allow_empty)
    if wrong.any():
        row = first(wrong)
        value = table[name].iloc[row - 2]
        shown = "empty" if pd.isna(value) else f"'{value}'"
        raise UserError(
            f"{path}, row {row}: '{name}' is {shown}, expected a number; "
            "fill it in or take the row out."
        )
    return values


def refuse_codes(codes: pd.Series, path: Path) -> None:
    for position, code in enumerate(codes.astype(str)):
        if code in MACROLANGUAGES:
            raise UserError(
                f"{path}, row {position + 2}: language '{code}': expected XTREME's two-letter code "
                f"'{MACROLANGUAGES[code]}' (distances are those of arb, swh and cmn, not of the "
                "macrolanguages ara, swa and zho)."
            )


def first(mask: pd.Series) -> int:
    """Return the line of the file (header is line 1) where a mask is true first."""
    return int(mask.to_numpy().argmax()) + 2
