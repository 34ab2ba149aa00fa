"""BUCC 2018: candidate pairs by mining, the threshold of the development part, F1 of pairs.

The rules are those of XTREME's retrieval code and evaluator. Pairs are (source id, target id),
the source being the language that is not English.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from stages.scoring.mining import mine

Pair = tuple[str, str]


def unique_rows(sentences: Sequence[str]) -> list[int]:
    """Return the first row of each different sentence: the rows to encode and to mine."""
    first: dict[str, int] = {}
    for row, sentence in enumerate(sentences):
        first.setdefault(sentence, row)
    return list(first.values())


def candidates(
    source_ids: Sequence[str],
    source_sentences: Sequence[str],
    source: NDArray[np.floating],
    target_ids: Sequence[str],
    target_sentences: Sequence[str],
    target: NDArray[np.floating],
    k: int = 4,
) -> dict[Pair, float]:
    """Return {(source id, target id): margin}, the best first.

    ids, sentences : of every line of a side, repeated sentences included.
    source, target : (n, d) and (m, d) embeddings of the `unique_rows` of a side, in their order.
    A repeated sentence is mined once, but its pairs are left out: its text does not say which id
    is meant (XTREME's rule). Repeated means equal but for white space at the ends.
    Raises ValueError where ids, sentences and embeddings do not fit, and as `mine` does.
    """
    source_unique = _identified(source_ids, source_sentences, len(source))
    target_unique = _identified(target_ids, target_sentences, len(target))
    pairs = mine(source, target, k)
    found: dict[Pair, float] = {}
    for i, j, margin in zip(pairs.source, pairs.target, pairs.margins.tolist(), strict=True):
        source_id, target_id = source_unique[i], target_unique[j]
        if source_id is not None and target_id is not None:
            found[source_id, target_id] = margin
    return found


def best_threshold(found: Mapping[Pair, float], gold: Collection[Pair]) -> float:
    """Return the margin from which pairs are kept (>=) so that F1 on the development part peaks.

    The first cut with the highest F1 counts, half-way between its pair and the next one. After
    the last pair the cut is that pair's own margin (XTREME's code reads past the end there).
    0 where no gold pair was found.
    """
    gold = set(gold)
    ranked = sorted(found.items(), key=lambda item: -item[1])
    threshold = best_f1 = 0.0
    correct = 0
    for extracted, (pair, margin) in enumerate(ranked, start=1):
        correct += pair in gold
        # Not 2 * correct / (extracted + len(gold)): rounding would break ties the other way.
        precision, recall = correct / extracted, correct / len(gold) if gold else 0.0
        f1 = 2 * precision * recall / (precision + recall) if correct else 0.0
        if f1 > best_f1:
            best_f1 = f1
            following = ranked[extracted][1] if extracted < len(ranked) else margin
            threshold = (margin + following) / 2
    return threshold


def extract(found: Mapping[Pair, float], threshold: float) -> list[Pair]:
    """Return the pairs whose margin is `threshold` or more, in the order of `found`."""
    return [pair for pair, margin in found.items() if margin >= threshold]


def bucc_f1(gold: Collection[Pair], predicted: Collection[Pair]) -> float:
    """Return F1 of predicted pairs, in percent; both sides count as sets, 0 where none is right."""
    expected, found = set(gold), set(predicted)
    correct = len(expected & found)
    return 200.0 * correct / (len(expected) + len(found)) if correct else 0.0


def _identified(ids: Sequence[str], sentences: Sequence[str], embeddings: int) -> list[str | None]:
    """The id of each unique sentence of a side; None where the sentence is repeated."""
    rows = unique_rows(sentences)
    if len(ids) != len(sentences) or embeddings != len(rows):
        raise ValueError(
            f"one side has {len(ids)} ids, {len(sentences)} sentences, {len(rows)} of them "
            f"different, and {embeddings} embeddings: expected one id a sentence and one "
            "embedding a different sentence"
        )
    count = Counter(sentence.strip() for sentence in sentences)
    return [ids[row] if count[sentences[row].strip()] == 1 else None for row in rows]
