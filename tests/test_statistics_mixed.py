"""The mixed model: the balanced fit against the general one, and what it must not claim."""

import numpy as np
import pandas as pd
import pytest

from stages.statistics import balanced, reml
from stages.statistics.families import comparison
from stages.statistics.interaction_table import interactions
from stages.statistics.mixed_model import (
    ONE_RUN,
    arrange,
    binomial,
    design_of,
    each_task,
    gaussian,
    layout_of,
    values,
)
from stages.statistics.outcomes import degradation

LANGUAGES = sorted("ar bg de el es fr hi ru sw th tr ur vi zh".split())
PATHS = ["A > B", "A > B > C", "A > D", "A > D > E", "A", *"FGHIJKLMN"]


def cells(tasks: int, seeds: int, change: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """Drops of 14 languages in a baseline and `tasks` tasks; the slope changes by `change`."""
    random = np.random.default_rng(seed)
    x, z = random.random(14), random.normal(size=14)
    own = random.normal(size=(3, 14))
    rows = []
    for task in range(tasks + 1):
        pair = 0.4 * random.normal(size=14)
        for s in range(seeds):
            trained = float(task > 0)
            drop = 8 + 20 * x - z + 2 * own[0] + 0.5 * own[1] * (1 - trained) + own[2] * trained
            drop = drop + pair + 0.3 * random.normal() + 2.5 * random.normal() * (x - x.mean())
            drop = drop + change * x * trained + 0.3 * random.normal(size=14)
            wrong = random.binomial(5000, np.clip((12 + drop) / 100, 0.01, 0.9))
            frame = {"language": LANGUAGES, "source": f"t{task}" if task else "none", "seed": s}
            frame |= {"trained": trained, "x": x, "z": z, "n": 5000.0}
            frame |= {"value": 100 - wrong / 50, "drop": wrong / 50 - 12}
            rows.append(pd.DataFrame(frame))
    return pd.concat(rows, ignore_index=True)


def held():  # type: ignore[no-untyped-def]
    return comparison(pd.DataFrame({"family": [p[0] for p in PATHS], "classification": PATHS}))


@pytest.mark.parametrize(("tasks", "seeds"), [(3, 2), (2, 2), (1, 3), (4, 1)])
@pytest.mark.parametrize("relatives", [False, True])
def test_balanced_fit_equals_the_general_one(tasks: int, seeds: int, relatives: bool) -> None:
    table = cells(tasks, seeds, seed=tasks)
    families = held() if relatives else None
    arranged = arrange(table)
    assert arranged is not None
    layout = layout_of(arranged, "x", ["z"], families)
    own = balanced.fit(layout, values(arranged, "drop", layout)[None])
    fixed, groups, names = design_of(table, "x", ["z"], families)
    other = reml.fit(table["drop"].to_numpy(), fixed, groups)
    assert layout.names == names
    assert own.estimate[0] == pytest.approx(other.effects[0], rel=1e-3)
    assert own.error[0] == pytest.approx(np.sqrt(other.covariance[0, 0]), rel=5e-3)
    assert own.variances[0] == pytest.approx(other.variances, rel=0.03, abs=2e-3)


def test_many_tables_at_once_are_each_alone() -> None:
    arranged = arrange(cells(2, 2))
    assert arranged is not None
    layout = layout_of(arranged, "x", ["z"], None)
    tables = []
    for seed in range(4):
        other = arrange(cells(2, 2, seed=seed))
        assert other is not None
        tables.append(values(other, "drop", layout))
    together = balanced.fit(layout, np.array(tables))
    for i, table in enumerate(tables):
        alone = balanced.fit(layout, table[None])
        assert together.estimate[i] == pytest.approx(alone.estimate[0], rel=1e-4)
        assert together.error[i] == pytest.approx(alone.error[0], rel=1e-3)


def test_order_of_cells_does_not_matter() -> None:
    table = cells(2, 2, change=-5.0)
    shuffled = table.sample(frac=1, random_state=1)
    found, again = (gaussian(t, "x", ["z"], held()) for t in (table, shuffled))
    assert found.slope == again.slope


def test_a_cell_that_lacks_is_fitted_by_the_general_model() -> None:
    table = cells(2, 2, change=-5.0)
    assert arrange(table.drop(index=20)) is None
    whole, part = gaussian(table, "x", ["z"]), gaussian(table.drop(index=20), "x", ["z"])
    assert part.slope.estimate == pytest.approx(whole.slope.estimate, abs=0.1)
    assert part.slope.se == pytest.approx(whole.slope.se, rel=0.1)
    logit = binomial(table.drop(index=20), "x", ["z"])
    assert logit.slope.estimate == pytest.approx(
        binomial(table, "x", ["z"]).slope.estimate, abs=0.01
    )


def test_runs_that_tilt_widen_the_interval() -> None:
    # The paired change of one table knows nothing of it: its languages all tilt together.
    calm = cells(2, 2, seed=5)
    x = calm["x"] - calm["x"].mean()
    tilt = {("none", 0): 8, ("none", 1): -8, ("t1", 0): 8, ("t1", 1): -8, ("t2", 0): 0}
    runs = zip(calm["source"], calm["seed"])
    wild = calm.assign(drop=calm["drop"] + x * [tilt.get(run, 0) for run in runs])
    assert gaussian(wild, "x", ["z"]).slope.se > 1.5 * gaussian(calm, "x", ["z"]).slope.se


def test_one_run_each_has_an_estimate_and_no_interval() -> None:
    found = gaussian(cells(1, 1), "x", ["z"])
    assert np.isfinite(found.slope.estimate) and np.isnan(found.slope.ci_low)
    assert found.note == ONE_RUN


def test_each_task_alone_is_the_model_of_two_sources() -> None:
    table = cells(3, 2)
    alone = each_task(table, "x", ["z"])
    assert list(alone) == ["t1", "t2", "t3"]
    two = table[table["source"].isin(["none", "t2"])]
    assert alone["t2"].slope.estimate == pytest.approx(gaussian(two, "x", ["z"]).slope.estimate)


def test_collinear_covariates_are_named_not_fitted() -> None:
    table = cells(2, 2).assign(again=lambda t: 2 * t["z"])
    with pytest.raises(ValueError, match="collinear"):
        gaussian(table, "x", ["z", "again"])


def test_more_languages_that_lack_a_covariate_are_counted(tmp_path) -> None:  # type: ignore
    table = cells(2, 2)
    scores = table.rename(columns={"source": "intermediate"}).assign(
        method="plain", target="xnli", split="test", metric="accuracy"
    )
    scores = scores.drop(columns=["x", "z"])
    english = scores.drop_duplicates(["intermediate", "seed"]).assign(language="en", value=88.0)
    scores = pd.concat([scores, english], ignore_index=True)
    languages = table.drop_duplicates("language").set_index("language")[["x", "z"]]
    languages = languages.rename(columns={"x": "distance_x"}).assign(script="Latin")
    languages.loc["sw", "z"] = np.nan
    found = interactions(degradation(scores), scores, languages, "distance_x", ["z"], 99, 1)
    assert set(found["n"]) == {13}
    assert found["note"].str.contains("without 1 for want of a covariate: sw").all()
