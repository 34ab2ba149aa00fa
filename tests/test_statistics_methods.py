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
    comparison,
    indicators,
    kinship,
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
from stages.statistics.phylogeny import STOPS, Related
from stages.statistics.power import detectable_correlation
from stages.statistics.remarks import extremes
from stages.statistics.reml import fit
from stages.statistics.slope import slope, slopes
from stages.statistics.uncertainty import slope_weights, sources_of_uncertainty


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


def test_slope_equals_statsmodels() -> None:
    import statsmodels.api as sm

    data = sample(14, 1, seed=2)
    x, y, z = split(data)
    theirs = sm.OLS(y[:, 0], sm.add_constant(np.column_stack([x, z]))).fit()
    found = slope(y[:, 0], x[:, 0], z)
    assert found is not None
    assert found.estimate == pytest.approx(0.1 * theirs.params[1])
    assert found.p == pytest.approx(theirs.pvalues[1])
    assert found.ci_low == pytest.approx(0.1 * theirs.conf_int()[1][0])
    assert slope_weights(x[:, 0], z) @ y[:, 0] == pytest.approx(found.estimate)


def test_mixed_model_equals_statsmodels() -> None:
    import statsmodels.formula.api as smf

    random = np.random.default_rng(3)
    group = np.repeat(np.arange(12), 6)
    x = random.normal(size=72)
    y = 2 * x + random.normal(size=12)[group] + random.normal(size=72) * 0.7
    theirs = smf.mixedlm("y ~ x", pd.DataFrame({"x": x, "y": y}), groups=group).fit(reml=True)
    ours = fit(y, np.column_stack([np.ones(72), x]), [np.eye(12)[group]])
    assert ours.effects == pytest.approx(theirs.fe_params.to_numpy(), abs=1e-4)
    assert ours.variances[0] == pytest.approx(float(theirs.cov_re.iloc[0, 0]), rel=1e-3)
    assert ours.variances[1] == pytest.approx(theirs.scale, rel=1e-3)
    assert math.sqrt(ours.covariance[1, 1]) == pytest.approx(theirs.bse_fe["x"], rel=1e-3)


def test_satterthwaite_is_exact_for_a_balanced_design() -> None:
    # A group-level predictor in a balanced design has exactly groups - 2 degrees of freedom.
    random = np.random.default_rng(6)
    group = np.repeat(np.arange(10), 5)
    x = random.normal(size=10)[group]
    y = x + 2 * random.normal(size=10)[group] + random.normal(size=50)
    found = fit(y, np.column_stack([np.ones(50), x]), [np.eye(10)[group]])
    assert found.freedom(1) == pytest.approx(8, rel=0.02)


def test_kinship_by_hand() -> None:
    common = kinship(["A > B > C > D", "A > B", "E"])
    assert common[0, 1] == pytest.approx(2 / math.sqrt(8))
    assert common[0, 2] == 0 and common[0, 0] == pytest.approx(1)
    assert np.linalg.eigvalsh(common).min() > -1e-12


def test_related_slope_without_relations_is_least_squares() -> None:
    data = sample(14, 1, seed=11)
    x, y, z = split(data)
    model, expected = Related(x[:, 0], z, np.eye(14)), slope(y[:, 0], x[:, 0], z)
    estimate, error, share = model.fit(y)
    found = model.slope(float(estimate[0]), float(error[0]), float(share[0]))
    assert expected is not None
    assert found.estimate == pytest.approx(expected.estimate)
    # Its interval and p are simulated: Student's, up to that noise.
    assert found.p == pytest.approx(expected.p, abs=0.03)
    assert model.quantile(share)[0] == pytest.approx(stats.t.ppf(0.975, 11), rel=0.05)


def test_related_slope_equals_generalised_least_squares() -> None:
    import statsmodels.api as sm

    data = sample(14, 1, seed=12)
    x, y, z = split(data)
    families = np.array([0] * 7 + list(range(1, 8)))
    same = (families[:, None] == families).astype(float)
    y = y + 2 * np.random.default_rng(1).normal(size=8)[families][:, None]
    estimate, error, share = Related(x[:, 0], z, same).fit(y)
    covariance = (1 - share[0]) * np.eye(14) + share[0] * same
    design = sm.add_constant(np.column_stack([x, z]))
    theirs = sm.GLS(y[:, 0], design, sigma=covariance).fit()
    assert share[0] > 0
    assert estimate[0] == pytest.approx(theirs.params[1])
    assert error[0] == pytest.approx(theirs.bse[1])


def test_simulated_quantiles_are_wider_than_students() -> None:
    # Student's t takes lambda as known; that it is not must cost something.
    data = sample(14, 1, seed=13)
    x, _, z = split(data)
    same = np.kron(np.eye(7), np.ones((2, 2)))
    wider = Related(x[:, 0], z, same).quantile(STOPS)
    assert wider.mean() > 1.05 * stats.t.ppf(0.975, 11)


def test_weights_of_relatives_are_generalised_least_squares() -> None:
    import statsmodels.api as sm

    data = sample(8, 1, seed=14)
    x, y, z = split(data)
    paths = ["A > B > C", "A > B > D", "A > B", "A > E", "A > E > F", "G", "H", "I"]
    families = [path[0] for path in paths]
    held = comparison(pd.DataFrame({"family": families, "classification": paths}))
    assert held is not None and held.weight is not None
    assert held.covariance == pytest.approx(0.75 * np.eye(8) + 0.25 * kinship(paths))
    given = np.column_stack([z, held.block])
    design = sm.add_constant(np.column_stack([x, given]))
    theirs = sm.GLS(y[:, 0], design, sigma=held.covariance).fit()
    found = slopes(y, x[:, 0], given, held.weight)
    assert found is not None
    assert found.estimate[0] == pytest.approx(theirs.params[1])
    assert found.se[0] == pytest.approx(theirs.bse[1])
    # The weighted partial correlation has the t of that slope.
    r = observed_r(x, y, given, held.weight)[0, 0]
    assert r * math.sqrt(found.freedom / (1 - r**2)) == pytest.approx(theirs.tvalues[1])
    weights = slope_weights(x[:, 0], given, held.weight)
    assert weights @ y[:, 0] == pytest.approx(0.1 * theirs.params[1])


def test_without_a_tree_relatives_have_no_weight() -> None:
    families = ["IE"] * 4 + ["A", "B"]
    held = comparison(pd.DataFrame({"family": families}))
    assert held is not None and held.weight is None and held.block.shape == (6, 1)
    assert comparison(pd.DataFrame({"script": families})) is None


def test_item_uncertainty_is_the_binomial_one() -> None:
    languages = [f"l{i}" for i in range(14)]
    cells = pd.DataFrame({"seed": 1, "language": languages, "value": 80.0, "n": 1000})
    x = np.linspace(0, 1, 14)
    found = sources_of_uncertainty(cells, x, np.zeros((14, 0)))
    weights = slope_weights(x, np.zeros((14, 0)))
    expected = 100 * math.sqrt(0.8 * 0.2 / 1000) * np.linalg.norm(weights)
    assert found["se_items"] == pytest.approx(expected)
    assert math.isnan(found["se_seeds"])


def test_seeds_widen_the_interval_of_a_slope() -> None:
    languages = [f"l{i:02}" for i in range(14)]
    x = np.linspace(0, 1, 14)
    noise = np.random.default_rng(0).normal(size=14)
    rows = [
        pd.DataFrame({"seed": s, "language": languages, "value": 80 - tilt * x + noise, "n": 1000})
        for s, tilt in ((1, 10.0), (2, 14.0))
    ]
    found = sources_of_uncertainty(pd.concat(rows), x, np.zeros((14, 0)))
    # Two runs whose slopes differ by 0.4 points per 0.1: a standard error of 0.2.
    assert found["slope"] == pytest.approx(1.2, abs=0.5)
    assert found["se_seeds"] == pytest.approx(0.2)
    assert found["ci_high"] - found["slope"] > stats.t.ppf(0.975, 12) * found["se_languages"]


def test_extremes_by_hand() -> None:
    values = np.array([[[0.1, np.nan]], [[0.5, np.nan]], [[np.nan, np.nan]]])
    found = extremes("language", ["de", "es", "fr"], values)
    assert found["without_language_low"][0, 0] == 0.1 and np.isnan(
        found["without_language_low"][0, 1]
    )
    assert found["without_language_high_name"].tolist() == [["es", ""]]
    nobody = extremes("family", [], np.zeros((0, 1, 2)))
    assert np.isnan(nobody["without_family_high"]).all()
