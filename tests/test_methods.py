"""Method by method: a planted change is found, paired by language; the best of each target."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from stages.reporting.best import best_table
from stages.reporting.claims import claims_table, counterpart, runs_of
from stages.reporting.methods import panel
from stages.statistics.method_table import methods
from stages.statistics.outcomes import degradation

XNLI = "ar bg de el es fr hi ru sw th tr ur vi zh".split()
DISTANCE = "distance_syntactic_knn_angular"
SIZE = "log10_pretraining_gib"
LANGUAGES = pd.read_csv("languages/languages.csv").set_index("language")


def scores(changes: dict[tuple[str, str], float], noise: float = 0.3) -> pd.DataFrame:
    """Drops of 30 points per unit of distance, and so much more with (method, intermediate)."""
    random = np.random.default_rng(0)
    rows = []
    base = random.normal(0, 1, len(XNLI))  # of the language, whatever the training
    for (method, intermediate), change in {("plain", "none"): 0.0, **changes}.items():
        for seed in (1, 2):
            rows.append((method, intermediate, "en", seed, 85.0))
            for number, code in enumerate(XNLI):
                drop = (30 + change) * LANGUAGES.loc[code, DISTANCE] + base[number]
                rows.append((method, intermediate, code, seed, 85 - drop - random.normal(0, noise)))
    columns = ["method", "intermediate", "language", "seed", "value"]
    return pd.DataFrame(rows, columns=columns).assign(target="xnli", n=5000.0)


def table_of(found: pd.DataFrame) -> pd.DataFrame:
    outcomes = degradation(found)
    made = methods(outcomes, found, LANGUAGES, DISTANCE, [SIZE], 499, 1)
    return made.set_index("method")


def test_a_planted_change_is_found_and_paired_by_language() -> None:
    planted = {("plain", "mnli"): 0.0, ("plain", "qqp"): 0.0, ("multitask", "all"): -10.0}
    found = table_of(scores(planted))
    assert list(found.index) == ["none", "plain", "multitask"]
    assert found.loc["plain", "encoders"] == "mnli, qqp"
    # points per 0.1 of distance
    assert found.loc["multitask", "change"] == pytest.approx(-1.0, abs=0.3)
    assert found.loc["multitask", "against_plain"] == pytest.approx(-1.0, abs=0.3)
    assert found.loc["multitask", "change_high"] < 0
    assert found.loc["multitask", "change_p"] < 0.05
    # each language has its own level, which the pairing takes out
    width = found.loc["multitask", "change_high"] - found.loc["multitask", "change_low"]
    whole = found.loc["multitask", "slope_high"] - found.loc["multitask", "slope_low"]
    assert width < whole / 2
    assert found.loc["plain", "change_low"] < 0 < found.loc["plain", "change_high"]
    assert np.isnan(found.loc["none", "change"]) and np.isnan(found.loc["plain", "against_plain"])
    low, high = found.loc["multitask", ["change_lowest_seed", "change_highest_seed"]]
    assert low <= found.loc["multitask", "change"] <= high


def test_the_correlation_is_that_of_pingouin_with_family_blocks_given() -> None:
    """r of a slope from its t against r from residuals of weighted least squares."""
    from stages.statistics.families import comparison
    from stages.statistics.permutation import observed_r

    found = scores({("plain", "mnli"): 0.0})
    used = LANGUAGES.loc[XNLI]
    drops = degradation(found).query("source == 'none'").set_index("language").loc[XNLI, "drop"]
    held = comparison(used)
    assert held is not None
    given = np.column_stack([used[[SIZE]].to_numpy(float), held.block])
    x, y = used[[DISTANCE]].to_numpy(float), drops.to_numpy(float)[:, None]
    wanted = observed_r(x, y, given, held.weight)[0, 0]
    assert table_of(found).loc["none", "r_slope"] == pytest.approx(wanted)


def test_without_a_baseline_there_is_no_table_and_the_panel_takes_one_of_one_method() -> None:
    found = scores({("multitask", "all"): 0.0})
    lone = found[found["intermediate"] != "none"]
    assert methods(degradation(lone), lone, LANGUAGES, DISTANCE, [SIZE], 99, 1).empty
    both = table_of(found).reset_index()
    shown = panel(both)
    assert shown["method"].tolist() == ["no intermediate", "multitask"]
    assert shown["encoders"].tolist() == ["none", "all"]
    assert shown["change of slope (95%, these runs)"].tolist()[0] == "–"
    row = both[both["method"] == "multitask"].iloc[0]
    wanted = f"{row['slope']:.2f} ({row['slope_low']:.2f} to {row['slope_high']:.2f})"
    text = shown["slope (95%)"].tolist()[1].replace("\u00a0", " ")
    assert text == wanted.replace("-", "−")


def test_a_method_without_a_baseline_of_its_own_is_compared_with_that_of_plain_training() -> None:
    outcomes = degradation(scores({("mlm", "mnli-mlm"): 5.0}, noise=0.0))
    rows = outcomes[outcomes["source"] == "mlm+mnli-mlm"].set_index("language")
    wanted = -5.0 * LANGUAGES.loc[XNLI, DISTANCE]
    np.testing.assert_allclose(rows.loc[XNLI, "change"], wanted, atol=1e-9)


TRAINED = {
    "mnli": {"method": "plain", "tasks": ["mnli"]},
    "qqp": {"method": "plain", "tasks": ["qqp"]},
    "all": {"method": "multitask", "tasks": ["mnli", "qqp"]},
    "mnli-mlm": {"method": "mlm", "tasks": ["mnli"]},
    "all-mlm": {"method": "multitask+mlm", "tasks": ["qqp", "mnli"]},
    "id": {"method": "translated", "tasks": ["mnli", "mnli.id"]},
}


def test_what_a_method_adds_is_judged_against_the_same_tasks_without_it() -> None:
    assert counterpart(TRAINED["mnli-mlm"], "mlm", TRAINED) == "mnli"
    assert counterpart(TRAINED["all-mlm"], "mlm", TRAINED) == "all"
    assert counterpart(TRAINED["id"], "translated", TRAINED) == "mnli"
    assert counterpart(TRAINED["all-mlm"], "mlm", {"qqp": TRAINED["qqp"]}) is None

    rows = [
        (method, name, seed, 70.0 + value + seed / 10)
        for method, name, value in (
            ("plain", "none", 0.0), ("plain", "mnli", 4.0), ("mlm", "mnli-mlm", 2.0),
            ("multitask", "all", 3.0), ("translated", "id", 6.0), ("multitask+mlm", "all-mlm", 3.0),
        )
        for seed in (1, 2)
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["method", "intermediate", "seed", "value"])
    table = table.assign(target="xnli", language="de")
    # of two encoders with MLM, the one that has its counterpart counts
    lone = {"method": "multitask+mlm", "tasks": ["csqa", "mnli"]}
    trained = {**TRAINED, "all-mlm": lone}
    runs = runs_of(table, trained).groupby("intermediate").mean()
    assert runs["before mlm"] == pytest.approx(runs["mnli"])
    claims = pd.read_csv("published/claims.csv")
    found = claims_table(claims, table, set(), False, trained).set_index("claim")
    verdicts = {
        "Multi-task": ("+3.0 points", "supported"),
        "Multilingual masked": ("−2.0 points", "supported"),
        "Machine-translated": ("+2.0 points", "contradicted"),
    }
    for begins, (measured, verdict) in verdicts.items():
        (row,) = [found.loc[name] for name in found.index if name.startswith(begins)]
        assert row["measured"].startswith(measured), begins
        assert row["verdict"] == verdict, begins
    same = {("multitask+all", "xnli")}
    marked = claims_table(claims, table, same, False, trained).set_index("claim")["why"]
    words = "multi-task on xnli: the target's own data"
    assert [name.split()[0] for name in marked.index if words in marked[name]] == ["Multi-task"]
    without = claims_table(claims, table, set(), False, {}).set_index("claim")
    (row,) = [without.loc[name] for name in without.index if name.startswith("Multilingual")]
    lacks = "the study has no MLM beside the same tasks without it"
    assert (row["verdict"], row["why"]) == ("not run", lacks)


def test_the_best_by_english_development_may_be_another_than_the_best_by_the_target() -> None:
    development = [
        {"method": m, "intermediate": i, "target": "squad", "seed": s, "development": value}
        for m, i, value in (("plain", "none", 50), ("plain", "mnli", 60), ("multitask", "all", 55))
        for s in (1, 2)
    ]
    rows = [
        (source, target, value)
        for source, value in (("none", 40.0), ("mnli", 41.0), ("multitask+all", 44.0))
        for target in ("xquad", "tatoeba")
    ]
    headlines = pd.DataFrame(rows, columns=["source", "target", "value"]).assign(seed=1)
    found = best_table(development, headlines).set_index("target")
    row = found.loc["xquad"]
    assert row["chosen on English development"] == "mnli"
    assert (row["development"], row["gain"]) == (60, 1.0)
    assert row["chosen on the target languages"] == "multitask+all"
    assert row["gain there (selected on it)"] == 4.0
    assert found.loc["tatoeba", "chosen on English development"] == "–"


def test_collinear_covariates_leave_the_seeds_out_and_no_traceback() -> None:
    found = scores({("plain", "mnli"): 5.0})
    table = LANGUAGES.assign(twice=2 * LANGUAGES[SIZE])
    made = methods(degradation(found), found, table, DISTANCE, [SIZE, "twice"], 99, 1)
    assert made["gain"].notna().all() and "change_lowest_seed" not in made.dropna(axis=1)
