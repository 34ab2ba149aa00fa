"""Tatoeba: for every English sentence, the nearest sentence of the other language by cosine.

The score is the accuracy of the answers (`accuracy.py`). The index is the foreign side and the
query the English one, without a margin (Artetxe and Schwenk 2019; XTREME's similarity search).
Accuracy falls with the size of the pool (205 sentences in jv, 1,000 in de): to compare languages
pass the same number of pairs of each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stages.scoring.mining import unit


def nearest(foreign: NDArray[np.floating], english: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return, for each English sentence, the row of the foreign sentence with the highest cosine.

    foreign : (n, d), the pool. english : (m, d), the queries. Ties go to the lower row.
    Raises ValueError where a shape does not fit or a value is not finite.
    """
    foreign, english = unit(foreign), unit(english)
    if foreign.shape[1] != english.shape[1] or not len(foreign):
        raise ValueError(f"cannot search {english.shape} queries in a pool of {foreign.shape}")
    return (english @ foreign.T).argmax(axis=1)
