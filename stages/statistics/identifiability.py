"""Whether a design of few languages can carry a claim about distance at all."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stages.statistics.collinearity import explained
from stages.statistics.power import detectable_correlation

# Below these a null result says nothing and a positive one may be anything else.
LARGEST_DETECTABLE = 0.9
LARGEST_EXPLAINED = 0.9


def unidentifiable(
    distance: pd.Series, covariates: pd.DataFrame, families: pd.Series | None
) -> str | None:
    """Return why an effect of `distance` is not identifiable in these languages, or None.

    distance, covariates, families : indexed by the same n languages; families are names
    """
    n, k = len(distance), covariates.shape[1]
    if n <= k + 3:
        given = f"{k} covariate{'' if k == 1 else 's'}"
        return f"{n} languages, {given}: needs more than {k + 3} languages"
    if distance.nunique() < 2:
        return f"the distance is the same for all {n} languages"
    centred = covariates.to_numpy(float) - covariates.to_numpy(float).mean(axis=0)
    if np.linalg.matrix_rank(centred) < k:
        return f"the covariates are constant or collinear over the {n} languages: leave one out"
    reasons = []
    detectable = detectable_correlation(n, k)
    if detectable > LARGEST_DETECTABLE:
        reasons.append(f"{n} languages detect only |r| above {detectable:.2f} (80% power at 5%)")
    share = explained(distance, covariates)
    if share > LARGEST_EXPLAINED:
        reasons.append(f"the covariates tell {share:.0%} of the distance")
    elif families is not None:
        largest = families.value_counts()
        member = (families == largest.index[0]).astype(float)
        if 1 < largest.iloc[0] < n:
            cluster = explained(distance, pd.concat([covariates, member], axis=1))
            if cluster > LARGEST_EXPLAINED:
                reasons.append(
                    f"two clusters: being {largest.index[0]} or not, with the covariates, tells "
                    f"{cluster:.0%} of the distance"
                )
    return "; ".join(reasons) or None
