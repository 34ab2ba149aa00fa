"""What the study's own tokenizer does to each language, measured on parallel evaluation data."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd

from stages.errors import UserError


def token_covariates(encoded: Path, split: str = "test", reference: str = "en") -> pd.DataFrame:
    """Measure fertility and overlap on `encoded/<task>/<language>/<split>.parquet`.

    Only tasks whose set in the language holds the same items as in the reference count, so that
    both sides say the same: tokenizer_fertility is the language's subwords over the reference's
    for the same sentences (the tokenization premium of Petrov et al. 2023; words are not counted,
    since ja, th and zh do not mark them), subword_overlap_en the share of the language's subword
    occurrences whose type the reference's sentences use too.

    Returns a table indexed by language; empty where nothing is encoded.
    """
    own: dict[str, int] = Counter()
    shared: dict[str, int] = Counter()
    of_reference: dict[str, int] = Counter()
    for task in sorted(path for path in encoded.glob("*") if path.is_dir()):
        reference_file = task / reference / f"{split}.parquet"
        if not reference_file.is_file():
            continue
        reference_ids = read_ids(reference_file)
        vocabulary = {token for sentence in reference_ids for token in sentence}
        for path in sorted(task.glob(f"*/{split}.parquet")):
            ids = read_ids(path)
            if len(ids) != len(reference_ids):
                continue
            language = path.parent.name
            tokens = [token for sentence in ids for token in sentence]
            own[language] += len(tokens)
            shared[language] += sum(token in vocabulary for token in tokens)
            of_reference[language] += sum(map(len, reference_ids))
    rows = {
        language: {
            "tokenizer_fertility": own[language] / of_reference[language],
            "subword_overlap_en": shared[language] / own[language],
        }
        for language in sorted(own)
        if own[language] and of_reference[language]
    }
    return pd.DataFrame.from_dict(
        rows, orient="index", columns=["tokenizer_fertility", "subword_overlap_en"], dtype=float
    )


def read_ids(path: Path) -> list[list[int]]:
    """Return the token ids of both sides of every item; UserError where a column is missing."""
    try:
        frame = pd.read_parquet(path, columns=["sentence1_ids", "sentence2_ids"])
    except Exception as error:
        raise UserError(
            f"{path}: expected columns sentence1_ids and sentence2_ids ({error}); "
            "run the encode stage again."
        ) from None
    return [*map(list, frame["sentence1_ids"]), *map(list, frame["sentence2_ids"])]
