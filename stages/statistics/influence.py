"""How far one language, or one language family, carries a partial correlation."""

from __future__ import annotations

import numpy as np

from stages.statistics.bootstrap import correlations
from stages.statistics.moments import Array


def leave_one_language_out(x: Array, y: Array, z: Array, method: str = "pearson") -> Array:
    """Return the partial correlations without each of the n languages, n x p x m."""
    return correlations(1.0 - np.eye(len(x)), x, y, z, method)


def leave_one_family_out(
    x: Array, y: Array, z: Array, families: list[str], method: str = "pearson"
) -> dict[str, Array]:
    """Return the partial correlations (p x m) without each family.

    Families that leave fewer than k + 4 languages are left in: without them nothing is computed.
    """
    found = {}
    for family in sorted(set(families)):
        keep = np.array([name != family for name in families], dtype=float)
        if keep.sum() >= z.shape[1] + 4:
            found[family] = correlations(keep[None], x, y, z, method)[0]
    return found
