"""Masking: which tokens of a text are hidden, and what stands in their place.

BERT's rule, which XLM-R keeps: of 15% of a text's tokens, 80% become <mask>, 10% another token
and 10% stay as they are; all of them are to be found (arXiv 1810.04805). The one implementation of
the objective in this project; the head that learns it is heads/masked.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.learning.batches import EOS, Ragged, ends_of, runs

RATE = 0.15
MASKED, REPLACED = 0.8, 0.1  # of the chosen tokens; the rest stays
FIRST_WORD = EOS + 2  # after <s>, <pad>, </s> and <unk>


@dataclass(frozen=True)
class Vocabulary:
    """`size` : of all tokens. `mask` : the number of <mask>."""

    size: int
    mask: int


def chosen(lengths: np.ndarray, rate: float) -> np.ndarray:
    """How many tokens of texts of `lengths` tokens are to be found: their share, at least one."""
    return np.maximum(1, np.rint(rate * lengths)).astype(np.int64)


def mask(
    texts: Ragged, rate: float, vocabulary: Vocabulary, random: np.random.Generator
) -> tuple[Ragged, Ragged]:
    """Return the texts as they are shown, and the places of the tokens to be found, ascending.

    Every text has a token at least. Places count from the beginning of their text.
    """
    lengths = texts.lengths
    counts = chosen(lengths, rate)
    begins = ends_of(lengths)[:-1]
    values = texts.values[runs(texts.ends[:-1], lengths)]
    owners = np.repeat(np.arange(len(texts)), lengths)
    shuffled = np.lexsort((random.random(len(values)), owners))
    # the first of every text in a random order, then put in the text's
    places = np.sort(shuffled[runs(begins, counts)])
    shown = values.copy()
    fate = random.random(len(places))
    words = random.integers(FIRST_WORD, vocabulary.size - 1, len(places))
    words += words >= vocabulary.mask  # every word but <mask> itself
    replaced = (fate >= MASKED) & (fate < MASKED + REPLACED)
    shown[places[fate < MASKED]] = vocabulary.mask
    shown[places[replaced]] = words[replaced]
    ends = ends_of(counts)
    return (
        Ragged(shown, ends_of(lengths)),
        Ragged(places - np.repeat(begins, counts), ends),
    )
