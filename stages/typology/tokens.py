"""What the study's own tokenizer does to each language, measured on parallel evaluation data."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from stages.errors import UserError
from stages.tasks.translations import is_translated

Ids = npt.NDArray[np.int32]

# The texts of one item, by head: sentence pairs and questions, parallel to English where the items
# are the same; sentences to retrieve bring their English side along.
OWN = (("sentence1_ids", "sentence2_ids"), ("question_ids", "context_ids"))
RETRIEVED = ("sentence_ids", "english_ids")
COLUMNS = ["tokenizer_fertility", "subword_overlap_en"]


def token_covariates(
    encoded: Path,
    tasks: Collection[str] | None = None,
    splits: tuple[str, ...] = ("test", "validation"),
    reference: str = "en",
) -> pd.DataFrame:
    """Measure fertility and overlap on `encoded/<task>/<language>/<split>.parquet`.

    Only texts that exist in the reference too count, so that both sides say the same: sets with
    the reference's items (XNLI, PAWS-X, XQuAD) and sets of pairs (Tatoeba).
    tokenizer_fertility is the language's subwords over the reference's for the same texts (the
    tokenization premium of Petrov et al. 2023; words are not counted, since ja, th and zh do not
    mark them); subword_overlap_en the share of the language's subword occurrences whose type any
    of the reference's measured texts uses.

    tasks : those of the study, whatever else an earlier one left there; all if None

    Returns a table indexed by language; empty where nothing parallel is encoded.
    """
    pairs = list(parallel(encoded, tasks, splits, reference))
    if not pairs:
        return pd.DataFrame(columns=COLUMNS, dtype=float)
    vocabulary = np.unique(np.concatenate([theirs for _, _, theirs in pairs]))
    counts: dict[str, list[int]] = {}
    for language, own, theirs in pairs:
        known = int(np.isin(own, vocabulary).sum())
        total = counts.setdefault(language, [0, 0, 0])
        counts[language] = [
            a + b for a, b in zip(total, (own.size, known, theirs.size), strict=True)
        ]
    rows = {
        language: {COLUMNS[0]: own / theirs, COLUMNS[1]: known / own}
        for language, (own, known, theirs) in sorted(counts.items())
        if own and theirs
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS, dtype=float)


def parallel(
    encoded: Path, tasks: Collection[str] | None, splits: tuple[str, ...], reference: str
) -> Iterator[tuple[str, Ids, Ids]]:
    """Yield a language, its token ids, and the reference's for the same texts, set by set.

    What a machine wrote tells of the machine: translated sets are passed over.
    """
    for task in sorted(path for path in encoded.glob("*") if path.is_dir()):
        if is_translated(task.name) or (tasks is not None and task.name not in tasks):
            continue
        english = next(
            (f for split in splits if (f := task / reference / f"{split}.parquet").is_file()), None
        )
        if english is not None:
            columns = columns_of(english)
            names = next((own for own in OWN if set(own) <= columns), None)
            if names is None:
                continue
            items = read_items(english)
            same = [p for p in sorted(task.glob(f"*/{english.name}")) if read_items(p) == items]
            if len(same) > 1:  # more than English itself
                theirs = read_ids(english, names)
                for path in same:
                    yield path.parent.name, read_ids(path, names), theirs
            continue
        for split in splits:
            for path in sorted(task.glob(f"*/{split}.parquet")):
                if set(RETRIEVED) <= columns_of(path):
                    own, theirs = (read_ids(path, (name,)) for name in RETRIEVED)
                    yield path.parent.name, own, theirs


def columns_of(path: Path) -> set[str]:
    import pyarrow.parquet as pq

    try:
        return set(pq.read_schema(path).names)
    except Exception as error:
        raise UserError(f"{path}: {error}; run the encode stage again.") from None


def read_ids(path: Path, names: tuple[str, ...]) -> Ids:
    """Return all token ids of some columns, one after the other."""
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=list(names))
    parts = [table[name].combine_chunks().flatten().to_numpy() for name in names]
    return np.concatenate(parts).astype(np.int32)


def read_items(path: Path) -> list[object]:
    """Return the items of a set: their ids, or without such a column how many there are."""
    import pyarrow.parquet as pq

    if "id" in columns_of(path):
        return list(pq.read_table(path, columns=["id"])["id"].to_pylist())
    return [pq.read_metadata(path).num_rows]
