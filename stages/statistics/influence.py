"""How far one language, or one language family, carries a partial correlation."""

from __future__ import annotations

import numpy as np
import pandas as pd

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


def influence(
    outcomes: pd.DataFrame, languages: pd.DataFrame, distance: str, covariates: list[str]
) -> pd.DataFrame:
    """Return the partial correlation of the drop with one distance, without each in turn.

    Columns: source, target, left_out (a language, a family, or nothing), kind, r.
    """
    rows: list[dict[str, object]] = []
    for (source, target), cell in outcomes.groupby(["source", "target"], sort=False):
        used = cell.set_index("language")[["drop"]].join(languages)
        used = used.dropna(subset=["drop", distance, *covariates])
        if len(used) <= len(covariates) + 4 or used[distance].nunique() < 2:
            continue
        x, y = used[[distance]].to_numpy(float), used[["drop"]].to_numpy(float)
        z = used[covariates].to_numpy(float)
        whole = correlations(np.ones((1, len(x))), x, y, z, "pearson")[0, 0, 0]
        found = [("nothing", "nothing", whole)]
        alone = leave_one_language_out(x, y, z)[:, 0, 0]
        found += [("language", str(n), r) for n, r in zip(used.index, alone, strict=True)]
        if "family" in used:
            names = [str(name) for name in used["family"]]
            without = leave_one_family_out(x, y, z, names)
            found += [
                ("family", name, float(r[0, 0]))
                for name, r in without.items()
                if names.count(name) > 1
            ]
        rows += [
            {"source": source, "target": target, "left_out": name, "kind": kind, "r": r}
            for kind, name, r in found
        ]
    return pd.DataFrame(rows, columns=["source", "target", "left_out", "kind", "r"])
