"""Slopes, kinship and their uncertainty against other implementations, by property and by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_statistics_methods import sample, split

from stages.statistics.families import (
    comparison,
    kinship,
)
from stages.statistics.permutation import observed_r
from stages.statistics.phylogeny import STOPS, Related
from stages.statistics.reml import fit
from stages.statistics.slope import slope, slopes
from stages.statistics.uncertainty import slope_weights, sources_of_uncertainty


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
