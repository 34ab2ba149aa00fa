"""The methods: against hand-worked values, independent implementations, and their properties."""

import itertools
import math

import numpy as np
import pandas as pd
import pingouin
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stages.statistics.bootstrap import bca_interval, correlations
from stages.statistics.collinearity import variance_inflation
from stages.statistics.families import (
    OTHERS,
    blocks,
    indicators,
    orders_within,
)
from stages.statistics.identifiability import unidentifiable
from stages.statistics.influence import leave_one_family_out
from stages.statistics.moments import partial_correlations, ranks, residuals
from stages.statistics.multiplicity import comparable, holm, max_t
from stages.statistics.partial_correlation import (
    closed_forms,
    fisher_interval,
    partial_correlation,
)
from stages.statistics.permutation import freedman_lane, observed_r
from stages.statistics.power import detectable_correlation
from stages.statistics.remarks import extremes


def sample(n: int, k: int, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    names = ["x", "y", *(f"z{i}" for i in range(k))]
    return pd.DataFrame(random.normal(size=(n, 2 + k)), columns=names)


def split(data: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return data[["x"]].to_numpy(), data[["y"]].to_numpy(), data.iloc[:, 2:].to_numpy()


@pytest.mark.parametrize("method", ["pearson", "spearman"])
@pytest.mark.parametrize("k", [0, 1, 2])
def test_closed_form_equals_pingouin(method: str, k: int) -> None:
    data = sample(14, k, seed=k)
    x, y, z = split(data)
    a, b, c = (ranks(x), ranks(y), ranks(z)) if method == "spearman" else (x, y, z)
    own = {key: v[0, 0] for key, v in closed_forms(observed_r(a, b, c), 14, k, method).items()}
    theirs = partial_correlation(data, "x", "y", list(data.columns[2:]), method)
    for name in ("r", "p", "ci_low", "ci_high"):
        assert own[name] == pytest.approx(getattr(theirs, name), abs=1e-10)


def test_pearson_interval_is_pingouins() -> None:
    data = sample(14, 1)
    found = pingouin.partial_corr(data, x="x", y="y", covar=["z0"])
    low, high = found["CI95"].iloc[0]
    ours = fisher_interval(float(found["r"].iloc[0]), 14, 1)
    assert ours == pytest.approx((low, high), abs=5e-3)


def test_partial_correlation_refuses_what_pingouin_does_not() -> None:
    data = sample(14, 2)
    with pytest.raises(ValueError, match="missing values in x"):
        partial_correlation(data.assign(x=[np.nan, *data["x"][1:]]), "x", "y", ["z0"])
    with pytest.raises(ValueError, match="'z0' is the same for all 14"):
        partial_correlation(data.assign(z0=1.0), "x", "y", ["z0"])
    with pytest.raises(ValueError, match="'z0' is a combination of z1"):
        partial_correlation(data.assign(z1=2 * data["z0"] + 1), "x", "y", ["z0", "z1"])
    with pytest.raises(ValueError, match="combination of the covariates"):
        partial_correlation(data.assign(x=-data["z0"]), "x", "y", ["z0"])
    with pytest.raises(ValueError, match="needs more than 5"):
        partial_correlation(data.head(5), "x", "y", ["z0", "z1"])


def test_freedman_lane_is_exact_for_few_languages() -> None:
    data = sample(5, 0, seed=3)
    x, y, z = split(data)
    observed = abs(np.corrcoef(x[:, 0], y[:, 0])[0, 1])
    reached = [
        abs(np.corrcoef(x[:, 0], y[list(order), 0])[0, 1]) >= observed - 1e-9
        for order in itertools.permutations(range(5))
    ]
    p, exact = freedman_lane(x, y, z)
    assert exact and p[0, 0] == pytest.approx(np.mean(reached))


def test_freedman_lane_by_its_definition() -> None:
    # Permute residuals, add the fit, regress on everything again: the textbook's three steps.
    data = sample(6, 1, seed=5)
    x, y, z = split(data)
    fitted = y - residuals(y, z)
    observed = abs(observed_r(x, y, z)[0, 0])
    reached = [
        abs(observed_r(x, fitted + residuals(y, z)[list(order)], z)[0, 0]) >= observed - 1e-9
        for order in itertools.permutations(range(6))
    ]
    p, exact = freedman_lane(x, y, z)
    assert exact and p[0, 0] == pytest.approx(np.mean(reached))


def test_monte_carlo_p_is_never_zero() -> None:
    x = np.arange(14.0)[:, None]
    p, exact = freedman_lane(x, x.copy(), np.zeros((14, 0)), permutations=99)
    assert not exact and p[0, 0] == pytest.approx(0.01)


def test_weighted_moments_are_those_of_the_resample() -> None:
    data = sample(10, 2, seed=7)
    x, y, z = split(data)
    weights = np.random.default_rng(1).multinomial(10, [0.1] * 10, size=20)
    found = partial_correlations(weights.astype(float), x, y, z)[:, 0, 0]
    for w, r in zip(weights, found, strict=True):
        rows = np.repeat(np.arange(10), w)
        if len(set(rows)) > 5:
            assert r == pytest.approx(observed_r(x[rows], y[rows], z[rows])[0, 0], abs=1e-8)


def test_weighted_ranks_are_those_of_the_resample() -> None:
    data = sample(10, 1, seed=8)
    x, y, z = split(data)
    weights = np.random.default_rng(2).multinomial(10, [0.1] * 10, size=20)
    found = correlations(weights.astype(float), x, y, z, "spearman")[:, 0, 0]
    for w, r in zip(weights, found, strict=True):
        rows = np.repeat(np.arange(10), w)
        if len(set(rows)) > 5:
            expected = observed_r(ranks(x[rows]), ranks(y[rows]), ranks(z[rows]))[0, 0]
            assert r == pytest.approx(expected, abs=1e-8)


def test_bca_equals_scipys() -> None:
    random = np.random.default_rng(4)
    x = random.normal(size=30)
    y = x + random.normal(size=30)
    low, high = bca_interval(x[:, None], y[:, None], np.zeros((30, 0)), resamples=20000)
    theirs = stats.bootstrap(
        (x, y),
        lambda a, b: np.corrcoef(a, b)[0, 1],
        paired=True,
        vectorized=False,
        n_resamples=4000,
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert low[0, 0] == pytest.approx(theirs.low, abs=0.03)
    assert high[0, 0] == pytest.approx(theirs.high, abs=0.03)


def test_holm_by_hand() -> None:
    assert holm(np.array([0.01, 0.04, 0.03])).tolist() == pytest.approx([0.03, 0.06, 0.06])


@given(st.lists(st.floats(0.0001, 1), min_size=1, max_size=20))
def test_holm_never_lowers_and_keeps_the_order(p: list[float]) -> None:
    adjusted = holm(np.array(p))
    assert (adjusted >= np.array(p) - 1e-15).all() and (adjusted <= 1).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()


def test_max_t_by_hand() -> None:
    largest = np.array([1.0, 2.0, 3.0])
    assert max_t(np.array([2.5, 0.5]), largest).tolist() == [0.5, 1.0]


def test_comparable_is_the_normal_score_of_the_same_p() -> None:
    found = closed_forms(np.array([0.6]), 14, 1, "pearson")
    z = comparable(np.array([0.6]), 11)[0]
    assert 2 * stats.norm.sf(z) == pytest.approx(found["p"][0], rel=1e-9)


def test_variance_inflation_by_hand() -> None:
    random = np.random.default_rng(0)
    x, z = pd.Series(random.normal(size=50)), pd.DataFrame({"z": random.normal(size=50)})
    r = np.corrcoef(x, z["z"])[0, 1]
    assert variance_inflation(x, z) == pytest.approx(1 / (1 - r**2))
    assert variance_inflation(z["z"] * 2, z) == math.inf


def test_detectable_correlation_is_found_four_times_in_five() -> None:
    rho = detectable_correlation(14, 0)
    random = np.random.default_rng(0)
    x = random.normal(size=(4000, 14))
    y = rho * x + math.sqrt(1 - rho**2) * random.normal(size=(4000, 14))
    found = [stats.pearsonr(a, b).pvalue < 0.05 for a, b in zip(x, y, strict=True)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.02)


def test_blocks_are_families_of_three_or_more() -> None:
    families = ["IE", "IE", "IE", "Turkic", "Uralic", "Uralic"]
    assert blocks(families) == ["IE", "IE", "IE", OTHERS, OTHERS, OTHERS]
    assert indicators(blocks(families)).sum() == 3
    orders = orders_within(blocks(families), 50, seed=1)
    assert (orders[:, :3] < 3).all() and (np.sort(orders, axis=1) == np.arange(6)).all()


def test_leave_one_family_out_leaves_that_family_out() -> None:
    data = sample(12, 1, seed=9)
    x, y, z = split(data)
    families = ["a"] * 4 + ["b"] * 8
    found = leave_one_family_out(x, y, z, families)
    assert found["a"][0, 0] == pytest.approx(observed_r(x[4:], y[4:], z[4:])[0, 0])
    assert "b" not in found  # four languages and a covariate are too few


def test_why_a_design_is_not_identifiable() -> None:
    size = pd.DataFrame({"z": np.random.default_rng(0).normal(size=14)})
    distance = pd.Series(np.random.default_rng(1).normal(size=14))
    families = pd.Series(["IE"] * 8 + list("abcdef"))
    assert unidentifiable(distance, size, families) is None
    assert "80% power" in str(unidentifiable(distance[:6], size[:6], families[:6]))
    assert "more than 4" in str(unidentifiable(distance[:4], size[:4], None))
    assert "same for all" in str(unidentifiable(distance * 0, size, families))
    assert "covariates tell" in str(unidentifiable(size["z"] + distance * 0.01, size, families))
    clustered = (families == "IE") + 0.01 * distance
    assert "two clusters" in str(unidentifiable(clustered, size, families))
    assert "leave one out" in str(unidentifiable(distance, size * 0, families))


def test_extremes_by_hand() -> None:
    values = np.array([[[0.1, np.nan]], [[0.5, np.nan]], [[np.nan, np.nan]]])
    found = extremes("language", ["de", "es", "fr"], values)
    assert found["without_language_low"][0, 0] == 0.1 and np.isnan(
        found["without_language_low"][0, 1]
    )
    assert found["without_language_high_name"].tolist() == [["es", ""]]
    nobody = extremes("family", [], np.zeros((0, 1, 2)))
    assert np.isnan(nobody["without_family_high"]).all()
