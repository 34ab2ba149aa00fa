"""Check the statistics on data whose truth is known, drawn with the real design of XNLI.

The 14 languages, their families, syntactic distances and pretraining sizes are the real ones;
only the outcome is drawn: without any effect of distance for false positives, with a planted one
for coverage and bias. Three worlds: languages independent; families with effects of their own
(half of the variance); a language tree (half of the variance by common ancestry).

    python -m benchmarks.simulate_statistics                  # 2,000 draws, about 20 minutes
    python -m benchmarks.simulate_statistics --draws 200      # a quick look

Writes benchmarks/calibration.csv: quantity, what (false positives at 5%, coverage of 95%, bias),
world, draws, value, its Monte-Carlo 95% interval, and verdict: passes where false positives lie
between 4 and 6%, coverage between 93 and 97%, bias below a tenth of the planted effect.
The report prints as inference only what passes in all three worlds.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from stages.statistics.bootstrap import bca_interval
from stages.statistics.families import blocks, indicators, orders_within
from stages.statistics.mixed_model import binomial, gaussian
from stages.statistics.moments import Array, ranks
from stages.statistics.multiplicity import comparable
from stages.statistics.partial_correlation import closed_form
from stages.statistics.permutation import observed_r, p_values, permuted, random_orders
from stages.statistics.phylogeny import kinship, models, same_family
from stages.statistics.slope import slope

LANGUAGES = "ar bg de el es fr hi ru sw th tr ur vi zh".split()
DISTANCE = "distance_syntactic_knn_angular"
SIZE = "log10_pretraining_gib"
PERMUTATIONS = 999
SHARE = 0.5
WORLDS = ("independent", "families", "tree")
PLANTED = -0.5

Checked = tuple[str, str, npt.NDArray[Any]]


class World:
    """The real design, and draws of language effects of unit variance."""

    def __init__(self, table: pd.DataFrame, name: str, seed: int) -> None:
        self.table = table.loc[LANGUAGES]
        self.x = self.table[[DISTANCE]].to_numpy(float)
        self.z = self.table[[SIZE]].to_numpy(float)
        self.families = [str(f) for f in self.table["family"]]
        n = len(self.x)
        related = {
            "independent": np.eye(n),
            "families": same_family(self.families),
            "tree": kinship([str(c) for c in self.table["classification"]]),
        }[name]
        self.root = np.linalg.cholesky((1 - SHARE) * np.eye(n) + SHARE * related)
        self.name = name
        self.random = np.random.default_rng([seed, WORLDS.index(name)])

    def effects(self, draws: int) -> Array:
        return np.asarray(self.root @ self.random.normal(size=(len(self.x), draws)))


def single_source(world: World, draws: int) -> Iterator[Checked]:
    """Yield false positives and coverage of everything computed for one source."""
    x, z, n = world.x, world.z, len(world.x)
    y = world.effects(draws)
    rx, ry, rz = ranks(x), ranks(y), ranks(z)
    orders = random_orders(n, PERMUTATIONS, 1)
    for method, (a, b, c) in {"pearson": (x, y, z), "spearman": (rx, ry, rz)}.items():
        r = observed_r(a, b, c)[0]
        found = [closed_form(float(value), n, 1, method) for value in r]
        yield f"p ({method})", "false positives", np.array([f.p < 0.05 for f in found])
        covered = np.array([f.ci_low <= 0 <= f.ci_high for f in found])
        yield f"Fisher interval ({method})", "coverage", covered
        p = p_values(a, b, c, orders, exact=False)[0]
        yield f"p_permutation ({method})", "false positives", p <= 0.05
        low, high = bca_interval(x, y, z, method, resamples=1000)
        yield f"BCa interval ({method})", "coverage", (low[0] <= 0) & (high[0] >= 0)
        names = blocks(world.families)
        given = np.column_stack([c, indicators(names)])
        inside = orders_within(names, PERMUTATIONS, 1)
        p = p_values(a, b, given, inside, exact=False)[0]
        yield f"p_within_families ({method})", "false positives", p <= 0.05
    yield from slopes(world, y)


def slopes(world: World, y: Array) -> Iterator[Checked]:
    """Yield false positives, coverage and bias of the slope under each model of kinship."""
    x, z = world.x[:, 0], world.z
    for planted in (0.0, 20.0):
        rows: dict[str, list[tuple[bool, bool, float]]] = {}
        for column in (y + planted * x[:, None]).T:
            for row in models(column, x, z, world.table):
                low, high = float(str(row["ci_low"])), float(str(row["ci_high"]))
                truth = planted * 0.1
                error = float(str(row["estimate"])) - truth
                rows.setdefault(str(row["model"]), []).append(
                    (not low <= 0 <= high, low <= truth <= high, error / 2.0)
                )
        for model, found in rows.items():
            rejected, covered, bias = map(np.array, zip(*found, strict=True))
            if planted == 0:
                yield f"slope, {model}", "false positives", rejected
            else:
                yield f"slope, {model}", "coverage", covered
                yield f"slope, {model}", "bias", bias


def whole_family(world: World, table: pd.DataFrame, draws: int) -> Iterator[Checked]:
    """Yield family-wise false positives of the max-T p-values over all distances."""
    names = [c for c in map(str, table) if c.startswith("distance_")]
    complete = [c for c in names if table.loc[LANGUAGES, c].notna().all()]
    x, z, n = table.loc[LANGUAGES, complete].to_numpy(float), world.z, len(world.x)
    y = world.effects(draws)
    labels = blocks(world.families)
    given = np.column_stack([z, indicators(labels)])
    cases = {
        "p_adjusted (max-T)": (z, random_orders(n, PERMUTATIONS, 1)),
        "p_within_families_adjusted (max-T)": (given, orders_within(labels, PERMUTATIONS, 1)),
    }
    for name, (c, orders) in cases.items():
        freedom = n - c.shape[1] - 2
        observed = comparable(observed_r(x, y, c), freedom).max(axis=0)
        reached = np.zeros(draws)
        for batch in permuted(x, y, c, orders):
            largest = comparable(np.abs(batch).max(axis=1), freedom)
            reached += (largest >= observed - 1e-9).sum(axis=0)
        yield name, "false positives", (reached + 1) / (len(orders) + 1) <= 0.05


def interaction(world: World, draws: int) -> Iterator[Checked]:
    """Yield false positives, coverage and bias of the change of slope.

    Two intermediate tasks and none, two seeds, 5,010 items: languages differ by 2 points in their
    drop, by 0.8 in their response to training, by 0.4 in their response to each task, runs by 0.3
    and their slopes by 0.25 points per 0.1.
    """
    names = blocks(world.families)
    rows: dict[tuple[str, str], list[float]] = {}
    for planted in (0.0, PLANTED):
        # Bias and coverage settle sooner than the tail that false positives are.
        for _ in range(draws if planted == 0 else draws // 4):
            cells = draw_cells(world, planted * 10, names)
            wide = cells.groupby(["language", "source"], sort=False)["drop"].mean().unstack()
            paired = (wide.drop(columns="none").mean(axis=1) - wide["none"]).loc[LANGUAGES]
            given = np.column_stack([world.z, indicators(names)])
            change = paired.to_numpy(float)
            found = {
                "paired change": slope(change, world.x[:, 0], world.z),
                "paired change, within families": slope(change, world.x[:, 0], given),
                "mixed model: points": gaussian(cells, "x", ["z"])[0],
                "mixed model, within families: points": gaussian(cells, "x", ["z"], "block")[0],
                "mixed model, within families: log odds": binomial(cells, "x", ["z"], "block")[0],
            }
            for model, one in found.items():
                assert one is not None
                if planted == 0:
                    rejected = not one.ci_low <= 0 <= one.ci_high
                    rows.setdefault((model, "false positives"), []).append(rejected)
                elif "log odds" not in model:
                    covered = one.ci_low <= planted <= one.ci_high
                    rows.setdefault((model, "coverage"), []).append(covered)
                    error = (one.estimate - planted) / abs(planted)
                    rows.setdefault((model, "bias"), []).append(error)
    for (model, what), values in rows.items():
        yield f"change of slope, {model}", what, np.array(values)


def draw_cells(world: World, change: float, names: list[str]) -> pd.DataFrame:
    """Return one draw of all cells: accuracies in percent of 5,010 items."""
    x, z = world.x[:, 0] - world.x.mean(), world.z[:, 0] - world.z.mean()
    general, response = world.effects(2).T
    frames = []
    for task in range(3):
        own = 0.4 * world.effects(1)[:, 0]
        for seed in range(2):
            run, tilt = world.random.normal(size=2)
            drop = 8 + 20 * x - 2 * z + 2 * general + own + 0.3 * run + 2.5 * tilt * x
            if task:
                drop = drop + 0.8 * response + 0.5 + change * x
            drop = drop + 0.3 * world.random.normal(size=len(x))
            rate = np.clip((88 - drop) / 100, 0.34, 0.99)
            value = 100 * world.random.binomial(5010, rate) / 5010
            frames.append(
                pd.DataFrame(
                    {
                        "language": LANGUAGES,
                        "source": f"task{task}" if task else "none",
                        "seed": seed,
                        "trained": float(task > 0),
                        "x": world.x[:, 0],
                        "z": world.z[:, 0],
                        "block": names,
                        "value": value,
                        "drop": 88 - value,
                        "n": 5010,
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)


def verdict(what: str, value: float) -> str:
    if what == "false positives":
        return "passes" if 0.04 <= value <= 0.06 else "low" if value < 0.04 else "fails"
    if what == "coverage":
        return "passes" if 0.93 <= value <= 0.97 else "high" if value > 0.97 else "fails"
    return "passes" if abs(value) < 0.1 else "fails"


def write(rows: list[list[Any]], out: Path) -> None:
    """Write what is known so far: an interrupted simulation keeps what it has found."""
    columns = ["quantity", "what", "world", "draws", "value", "low", "high", "verdict"]
    out.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows, columns=columns).to_csv(out, index=False, float_format="%.4f")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--languages", type=Path, default=Path("languages/languages.csv"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/calibration.csv"))
    arguments = parser.parse_args()
    table = pd.read_csv(arguments.languages, keep_default_na=False, na_values=[""])
    table = table.set_index("language")
    rows = []
    for name in WORLDS:
        world = World(table, name, arguments.seed)
        for part in (
            single_source(world, arguments.draws),
            whole_family(world, table, arguments.draws),
            interaction(world, arguments.draws),
        ):
            for quantity, what, values in part:
                mean = float(values.mean())
                error = 1.96 * float(values.std(ddof=1)) / math.sqrt(len(values))
                row = [quantity, what, name, len(values), mean, mean - error, mean + error]
                rows.append([*row, verdict(what, mean)])
                write(rows, arguments.out)
                print(f"{name:12} {quantity:60} {what:16} {mean:7.3f} {rows[-1][-1]}", flush=True)


if __name__ == "__main__":
    main()
