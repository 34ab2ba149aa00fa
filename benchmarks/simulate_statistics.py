"""Check the statistics on data whose truth is known, drawn with the real design of XNLI.

The 14 languages, their families, tree, syntactic distances, pretraining sizes and scripts are the
real ones; only the outcome is drawn: without any effect of distance for false positives, with a
planted one for coverage and bias. Three worlds: languages independent; families with effects of
their own (half of the variance); a language tree (half of the variance by common ancestry).

    python -m benchmarks.simulate_statistics                  # 10,000 draws, 13 minutes on one core
    python -m benchmarks.simulate_statistics --draws 200      # a quick look
    python -m benchmarks.simulate_statistics --share 0.9 --out FILE   # kinship is nearly all

Writes benchmarks/calibration.csv: quantity, what (false positives at 5%, coverage of 95%, bias),
world, draws, value, its Monte-Carlo 95% interval, and verdict: passes where false positives lie
between 4 and 6%, coverage between 93 and 97%, bias below a tenth of the planted effect; cautious
where an interval covers more, or a test finds less, than it says.
The report prints as inference only what fails in none of the worlds (docs/statistics.md).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import t as student

from benchmarks.worlds import (
    CHANGE,
    CHANGE_OF_LOG_ODDS,
    ITEMS,
    LANGUAGES,
    LOG_ODDS,
    SLOPE,
    WORLDS,
    World,
    draw_log_odds,
    draw_tables,
)
from stages.statistics import balanced
from stages.statistics.bootstrap import bca_interval
from stages.statistics.families import orders_within
from stages.statistics.layout import Layout
from stages.statistics.mixed_model import item_counts
from stages.statistics.moments import Array, ranks
from stages.statistics.multiplicity import comparable
from stages.statistics.partial_correlation import fisher_intervals
from stages.statistics.permutation import observed_r, p_values, permuted, random_orders
from stages.statistics.phylogeny import related_models
from stages.statistics.slope import PER, slopes
from stages.statistics.uncertainty import together
from stages.writing import replacing

PERMUTATIONS = 999
# Intermediate tasks and seeds of a study: the sample's, and the paper's with one seed.
STUDIES = {"2 tasks, 2 seeds": (2, 2), "9 tasks, 1 seed": (9, 1), "1 task, 2 seeds": (1, 2)}
CHUNK = 250

Checked = tuple[str, str, npt.NDArray[Any]]


def single_source(world: World, draws: int) -> Iterator[Checked]:
    """Yield false positives and coverage of every correlation computed for one source."""
    x, z, n = world.x, world.z, len(world.x)
    y = world.effects(draws).T
    orders = random_orders(n, PERMUTATIONS, 1)
    inside = orders_within(world.held.names, PERMUTATIONS, 1)
    for method in ("pearson", "spearman"):
        a, b, c = (ranks(x), ranks(y), ranks(z)) if method == "spearman" else (x, y, z)
        r = observed_r(a, b, c)
        freedom = n - 3
        t = np.abs(r[0]) * np.sqrt(freedom / (1 - r[0] ** 2))
        yield f"p ({method})", "false positives", 2 * student.sf(t, freedom) < 0.05
        yield f"Fisher interval ({method})", "coverage", nil(*fisher_intervals(r, n, 1, method))
        p = p_values(a, b, c, orders, exact=False)[0]
        yield f"p_permutation ({method})", "false positives", p <= 0.05
        ends = [
            bca_interval(x, y[:, at : at + CHUNK], z, method, resamples=1000)
            for at in range(0, draws, CHUNK)
        ]
        yield f"BCa interval ({method})", "coverage", np.concatenate([nil(*e) for e in ends])
        given, weight = np.column_stack([c, world.held.block]), world.held.weight
        p = p_values(a, b, given, inside, False, weight)[0]
        yield f"p_within_families ({method})", "false positives", p <= 0.05
        ends = fisher_intervals(observed_r(a, b, given, weight), n, given.shape[1], method)
        yield f"interval of r within families ({method})", "coverage", nil(*ends)


def nil(low: Array, high: Array) -> npt.NDArray[Any]:
    """Tell which intervals (1 x m) cover no correlation."""
    return (low[0] <= 0) & (high[0] >= 0)


def kinship_models(world: World, draws: int) -> Iterator[Checked]:
    """Yield false positives, coverage and bias of the slope under each model of kinship."""
    x, z = world.x[:, 0], world.z
    y = world.effects(draws).T + SLOPE / PER * world.x
    found: dict[str, tuple[Array, Array]] = {}
    for name, given, weight in (
        ("languages independent", z, None),
        ("within families", world.within, world.held.weight),
    ):
        one = slopes(y, x, given, weight)
        assert one is not None
        found[name] = (one.estimate, one.se * student.ppf(0.975, one.freedom))
    for name, model in related_models(x, z, world.table).items():
        estimate, error, shares = model.fit(y)
        found[name] = (estimate, error * model.quantile(shares))
    for name, (estimate, half) in found.items():
        error = estimate - SLOPE / PER
        # Estimates move with what is planted, one for one: what misses it would find it in none.
        yield f"slope, {name}", "coverage", np.abs(error) <= half
        yield f"slope, {name}", "bias", error / (SLOPE / PER)


def whole_family(world: World, table: pd.DataFrame, draws: int) -> Iterator[Checked]:
    """Yield family-wise false positives of the max-T p-values over all distances."""
    names = [c for c in map(str, table) if c.startswith("distance_")]
    complete = [c for c in names if table.loc[LANGUAGES, c].notna().all()]
    x, n = table.loc[LANGUAGES, complete].to_numpy(float), len(world.x)
    y = world.effects(draws).T
    cases = {
        "p_adjusted (max-T)": (world.z, random_orders(n, PERMUTATIONS, 1), None),
        "p_within_families_adjusted (max-T)": (
            world.within,
            orders_within(world.held.names, PERMUTATIONS, 1),
            world.held.weight,
        ),
    }
    for name, (given, orders, weight) in cases.items():
        freedom = n - given.shape[1] - 2
        observed = comparable(observed_r(x, y, given, weight), freedom).max(axis=0)
        reached = np.zeros(draws)
        for batch in permuted(x, y, given, orders, weight):
            largest = comparable(np.abs(batch).max(axis=1), freedom)
            reached += (largest >= observed - 1e-9).sum(axis=0)
        yield name, "false positives", (reached + 1) / (len(orders) + 1) <= 0.05


def changes_of_slope(world: World, draws: int, study: str) -> Iterator[Checked]:
    """Yield false positives, coverage and bias of the change of slope in one study's design."""
    tasks, seeds = STUDIES[study]
    for planted in (0.0, CHANGE):
        drop, wrong = draw_tables(world, draws, tasks, seeds, planted / PER)
        for name, (estimate, half) in fitted_changes(world, drop, tasks, seeds).items():
            yield from judged(f"change of slope, {name} ({study})", estimate, half, planted)
        if planted == 0 and seeds > 1 and tasks > 1:
            yield from slope_with_seeds(world, drop[:, :, :seeds])
        if study == "1 task, 2 seeds":
            continue
        if planted:
            logit = CHANGE_OF_LOG_ODDS / PER
            wrong = draw_log_odds(world, draws, tasks, seeds, logit)
        layout = layout_of(world, tasks, seeds, within=True)
        fits = [
            item_counts(layout, part, np.full_like(part, ITEMS)) for part in chunks(wrong, CHUNK)
        ]
        estimate, half = joined(fits)
        name = f"change of slope, mixed model, within families: {LOG_ODDS} ({study})"
        yield from judged(name, estimate, half, CHANGE_OF_LOG_ODDS if planted else 0.0)


def judged(name: str, estimate: Array, half: Array, planted: float) -> Iterator[Checked]:
    """Yield what an estimate and half of its interval, per unit of distance, say of the truth."""
    error = estimate * PER - planted
    missed = np.abs(error) > half * PER
    if planted == 0:
        yield name, "false positives", missed
    else:
        yield name, "coverage", ~missed
        yield name, "bias", error / abs(planted)


def fitted_changes(
    world: World, drop: Array, tasks: int, seeds: int
) -> dict[str, tuple[Array, Array]]:
    """Return estimate and half of the interval of each model, per unit of distance."""
    paired = drop[:, :, seeds:].mean(axis=2) - drop[:, :, :seeds].mean(axis=2)
    found = {}
    for name, given, weight in (
        ("", world.z, None),
        (", within families", world.within, world.held.weight),
    ):
        one = slopes(paired.T, world.x[:, 0], given, weight)
        assert one is not None
        half = one.se * student.ppf(0.975, one.freedom)
        found[f"paired change{name}"] = (one.estimate, half)
        layout = layout_of(world, tasks, seeds, within=bool(name))
        fits = [balanced.fit(layout, part) for part in chunks(drop, CHUNK)]
        found[f"mixed model{name}: points"] = joined(fits)
    return found


def joined(fits: list[balanced.Fits]) -> tuple[Array, Array]:
    estimate = np.concatenate([fit.estimate for fit in fits])
    halves = [fit.error * student.ppf(0.975, np.minimum(fit.freedoms, 1e6)) for fit in fits]
    return estimate, np.concatenate(halves)


def slope_with_seeds(world: World, drop: Array) -> Iterator[Checked]:
    """Yield coverage and bias of the slope without training, languages and seeds together."""
    design = (world.x[:, 0], world.within, world.held.weight)
    found = slopes(drop.mean(axis=2).T, *design)
    by_seed = [slopes(drop[:, :, s].T, *design) for s in range(drop.shape[2])]
    assert found is not None
    each = np.array([one.estimate for one in by_seed if one is not None]) * PER
    halves = [
        together(each[:, i], float(found.se[i]) * PER, found.freedom)[0] for i in range(len(drop))
    ]
    error = found.estimate * PER - SLOPE
    yield "slope, languages and seeds (2 seeds)", "coverage", np.abs(error) <= np.array(halves)
    yield "slope, languages and seeds (2 seeds)", "bias", error / SLOPE


def layout_of(world: World, tasks: int, seeds: int, within: bool) -> Layout:
    """Return the design as correlate has it: distance, size, script, and maybe family blocks."""
    x = world.x[:, 0] - world.x.mean()
    one = np.ones(len(x))
    block = world.held.block if within else np.zeros((len(x), 0))
    kin = world.held.covariance if within else np.eye(len(x))
    covariates = np.column_stack([world.z - world.z.mean(), world.latin - world.latin.mean()])
    shared = np.column_stack([one, x, covariates, block])
    return Layout(shared, np.column_stack([x, one, block]), x, tasks, seeds, kin)


def chunks(tables: Array, size: int) -> list[Array]:
    return [tables[at : at + size] for at in range(0, len(tables), size)]


def verdict(what: str, value: float) -> str:
    if what == "false positives":
        return "passes" if 0.04 <= value <= 0.06 else "cautious" if value < 0.04 else "fails"
    if what == "coverage":
        return "passes" if 0.93 <= value <= 0.97 else "cautious" if value > 0.97 else "fails"
    return "passes" if abs(value) < 0.1 else "fails"


def simulate(table: pd.DataFrame, draws: int, share: float, seed: int) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of calibration.csv."""
    for name in WORLDS:
        world = World(table, name, share, seed)
        parts = [single_source(world, draws), kinship_models(world, draws)]
        parts += [whole_family(world, table, draws)]
        parts += [changes_of_slope(world, draws, study) for study in STUDIES]
        for part in parts:
            for quantity, what, found in part:
                mean = float(found.mean())
                error = 1.96 * float(found.std(ddof=1)) / np.sqrt(len(found))
                row = (quantity, what, name, len(found), mean, mean - error, mean + error)
                yield (*row, verdict(what, round(mean, 4)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--share", type=float, default=0.5, help="kinship's share of the variance")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--languages", type=Path, default=Path("languages/languages.csv"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/calibration.csv"))
    arguments = parser.parse_args()
    table = pd.read_csv(arguments.languages, keep_default_na=False, na_values=[""])
    table = table.set_index("language")
    columns = ["quantity", "what", "world", "draws", "value", "low", "high", "verdict"]
    rows = []
    for row in simulate(table, arguments.draws, arguments.share, arguments.seed):
        rows.append(row)
        print(f"{row[2]:12} {row[0]:75} {row[1]:16} {row[4]:7.3f} {row[7]}", flush=True)
    with replacing(arguments.out) as path:
        pd.DataFrame(rows, columns=columns).to_csv(path, index=False, float_format="%.4f")


if __name__ == "__main__":
    main()
