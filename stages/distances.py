"""Distances: languages -> languages.csv, distances from English and covariates.

In    languages/languages.csv, the committed table (recipe: languages/recipe.md), and what the
      study's own encoder and data say: the parallel sets of encoded/ that `data.tasks` names and,
      where the encoder brings its own, encoder/pretraining_sizes.csv (language,gib).
Out   languages.csv: language,name,iso639_3,glottocode,family,script, distance_<kind>_<formula>,
      coverage_<kind>, log10_pretraining_gib and its source, tokenizer_fertility,
      subword_overlap_en.

Alone: python -m stages.distances --out languages.csv
The committed table again: python -m stages.distances --recompute --out languages/languages.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from stages import params
from stages.errors import UserError, run
from stages.writing import replacing

IDENTITY = ["language", "name", "iso639_3", "glottocode", "family", "script"]
XLMR_SIZES = "XLM-R's CC-100 (arXiv 1911.02116, table 6)"


def recompute(facts: pd.DataFrame, others: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the committed table: lang2vec's distances of every language in `facts`.

    facts : language, name, iso639_3, vectors (lang2vec's code), glottocode, family, script,
        cc100_gib
    others : tables of language and distance_<kind>_<formula> columns taken as they are, such as
        a lexical distance (ASJP) that the user has
    """
    from stages.typology.lang2vec import Vectors

    vectors = Vectors()
    distances = pd.DataFrame([vectors.distances(code) for code in facts["vectors"]])
    table = pd.concat([facts[IDENTITY], distances], axis=1)
    for other in others:
        table = table.merge(other, on="language", how="left", validate="one_to_one")
    # lang2vec calls Basque an isolate by listing no node at all.
    table["classification"] = [vectors.classification(code) for code in facts["vectors"]]
    table["classification"] = table["classification"].where(
        table["classification"] != "", facts["family"]
    )
    columns = [str(name) for name in table]
    names = sorted(name for name in columns if name.startswith("distance_"))
    # Three decimals: what is printed is what is computed with, here and in the literature.
    table[names] = table[names].round(3)
    coverage = sorted(name for name in columns if name.startswith("coverage_"))
    table["log10_pretraining_gib"] = np.log10(facts["cc100_gib"].astype(float))
    table["pretraining_source"] = XLMR_SIZES
    # A language without a size is left out of what needs it; why is said here.
    missing = table["log10_pretraining_gib"].isna()
    table.loc[missing, "pretraining_source"] = f"not in {XLMR_SIZES}"
    sizes = ["log10_pretraining_gib", "pretraining_source"]
    return table[[*IDENTITY, *names, *coverage, *sizes, "classification"]]


def join(
    table: pd.DataFrame, tokens: pd.DataFrame, sizes: pd.DataFrame | None, source: str
) -> pd.DataFrame:
    """Return the committed table with what was measured on the study's own encoder and data.

    tokens : tokenizer_fertility and subword_overlap_en, indexed by language
    sizes : language and gib (GiB of text) of the encoder's own pretraining; XLM-R's if None
    """
    joined = table.join(tokens, on="language")
    if sizes is not None:
        gib = joined["language"].map(sizes.set_index("language")["gib"].astype(float))
        joined["log10_pretraining_gib"] = np.log10(gib.where(gib > 0))
        said = np.where(gib > 0, source, f"not in {source}")
        joined["pretraining_source"] = pd.Series(said, joined.index)
    return joined


def read(path: Path, columns: list[str]) -> pd.DataFrame:
    """Return a table keyed by language; UserError where it is missing, short or ambiguous."""
    try:
        # "" only: pandas would read nothing else as missing, and no code is lost as NaN.
        table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        raise UserError(f"{path} not found: run this from the root of the repository.") from None
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(f"{path} is not a CSV table: {error}") from None
    missing = [name for name in columns if name not in table]
    if missing:
        raise UserError(
            f"{path} has no column {', '.join(missing)}; found {', '.join(map(str, table))}."
        )
    if table["language"].duplicated().any():
        row = int(table["language"].duplicated().to_numpy().argmax())
        raise UserError(
            f"{path}, row {row + 2}: language '{table['language'].iloc[row]}' occurs twice."
        )
    return table


def read_sizes(path: Path) -> pd.DataFrame:
    """Return the encoder's own pretraining sizes; UserError where one is not a size."""
    sizes = read(path, ["language", "gib"])
    gib = pd.to_numeric(sizes["gib"], errors="coerce")
    if gib.isna().any() or (gib < 0).any():
        row = int((gib.isna() | (gib < 0)).to_numpy().argmax())
        raise UserError(
            f"{path}, row {row + 2}: gib is {sizes['gib'].iloc[row]!r}, expected GiB, 0 or more."
        )
    return sizes.assign(gib=gib)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--recompute", action="store_true", help="compute the committed table")
    parser.add_argument("--table", type=Path, default=Path("languages/languages.csv"))
    parser.add_argument("--facts", type=Path, default=Path("languages/facts.csv"))
    parser.add_argument(
        "--add",
        type=Path,
        nargs="*",
        default=[Path("languages/uriel_precomputed.csv"), Path("languages/urielplus.csv")],
        help="tables of further distance columns, with --recompute",
    )
    parser.add_argument("--encoded", type=Path, default=Path("encoded"))
    parser.add_argument("--encoder", type=Path, default=Path("encoder"))
    parser.add_argument("--out", type=Path, default=Path("languages.csv"))
    arguments = parser.parse_args()
    if arguments.recompute:
        facts = read(arguments.facts, [*IDENTITY, "vectors", "cc100_gib"])
        others = [read(path, ["language"]) for path in arguments.add]
        table = recompute(facts, others)
    else:
        from stages.typology.tokens import token_covariates

        own = arguments.encoder / "pretraining_sizes.csv"
        tasks = params.read()["data"]["tasks"] if params.PATH.is_file() else None
        table = join(
            read(arguments.table, IDENTITY),
            token_covariates(arguments.encoded, tasks),
            read_sizes(own) if own.is_file() else None,
            source=str(own),
        )
    with replacing(arguments.out) as path:
        table.to_csv(path, index=False, float_format="%.6f")
    print(f"{arguments.out}: {len(table)} languages, {table.shape[1]} columns")


if __name__ == "__main__":
    run(main)
