"""The worlds in which the statistics are checked: XNLI's real design, outcomes drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stages.statistics.families import comparison, kinship, same_family
from stages.statistics.moments import Array
from stages.statistics.slope import PER

LANGUAGES = "ar bg de el es fr hi ru sw th tr ur vi zh".split()
DISTANCE = "distance_syntactic_knn_angular"
SIZE = "log10_pretraining_gib"
WORLDS = ("independent", "families", "tree")
# Planted, in standard deviations of a language's drop (2 points) and in points: per 0.1.
SLOPE, CHANGE, CHANGE_OF_LOG_ODDS = 2.0, -0.5, -0.05
ITEMS = 5010
LOG_ODDS = "log odds of error, from item counts"


class World:
    """The real design, and draws of language effects of unit variance."""

    def __init__(self, table: pd.DataFrame, name: str, share: float, seed: int) -> None:
        self.table = table.loc[LANGUAGES]
        self.x = self.table[[DISTANCE]].to_numpy(float)
        self.z = self.table[[SIZE]].to_numpy(float)
        self.latin = (self.table["script"] == "Latin").to_numpy(float)[:, None]
        self.families = [str(f) for f in self.table["family"]]
        held = comparison(self.table)
        assert held is not None
        self.held = held
        self.within = np.column_stack([self.z, held.block])
        n = len(self.x)
        related = {
            "independent": np.eye(n),
            "families": same_family(self.families),
            "tree": kinship([str(c) for c in self.table["classification"]]),
        }[name]
        self.root = np.linalg.cholesky((1 - share) * np.eye(n) + share * related)
        self.name = name
        self.random = np.random.default_rng([seed, WORLDS.index(name)])

    def effects(self, *shape: int) -> Array:
        """Return draws of a language effect, shape x languages."""
        return np.asarray(self.random.normal(size=(*shape, len(self.x))) @ self.root.T)


def draw_tables(
    world: World, draws: int, tasks: int, seeds: int, change: float
) -> tuple[Array, Array]:
    """Return drops in points and wrong answers of 5,010 items, draws x languages x runs.

    Languages differ by 2 points in their drop; by 0.8 in their response to training, less where
    the drop is large (r = -.5); by 0.4 in their response to each task; runs by 0.3, and their
    slopes by 0.25 points per 0.1; tasks' slopes by 0.15.
    """
    x, z = world.x[:, 0] - world.x.mean(), world.z[:, 0] - world.z.mean()
    task = np.repeat(np.arange(tasks + 1), seeds)
    trained = (task > 0).astype(float)
    runs, random = len(task), world.random
    general, other = world.effects(draws), world.effects(draws)
    response = 0.8 * (other * np.sqrt(0.75) - 0.5 * general)
    own = 0.4 * world.effects(draws, tasks + 1)[:, task]
    run = 0.3 * random.normal(size=(draws, runs)) + 0.3 * random.normal(size=(draws, 1))
    tilt = 2.5 * random.normal(size=(draws, runs))
    tilt += 1.5 * random.normal(size=(draws, tasks + 1))[:, task] * trained
    drop = 8 + SLOPE / PER * x - 2 * z + 2 * general
    drop = drop[:, None] + own + run[:, :, None] + tilt[:, :, None] * x
    drop = drop + (response[:, None] + 0.5 + change * x) * trained[:, None]
    drop = drop + 0.3 * random.normal(size=drop.shape)
    wrong = random.binomial(ITEMS, np.clip((12 + drop) / 100, 0.01, 0.66))
    value = 100 * (1 - wrong / ITEMS)
    return (88 - value).transpose(0, 2, 1), wrong.transpose(0, 2, 1).astype(float)


def draw_log_odds(world: World, draws: int, tasks: int, seeds: int, change: float) -> Array:
    """Return wrong answers where distance, training and all effects act on the log odds.

    A point of drop is about 0.07 there, at an error of a fifth.
    """
    x, z = world.x[:, 0] - world.x.mean(), world.z[:, 0] - world.z.mean()
    task = np.repeat(np.arange(tasks + 1), seeds)
    trained = (task > 0).astype(float)
    random = world.random
    general, other = world.effects(draws), world.effects(draws)
    response = 0.056 * (other * np.sqrt(0.75) - 0.5 * general)
    odds = -1.4 + 1.4 * x - 0.14 * z + 0.14 * general
    odds = odds[:, None] + 0.028 * world.effects(draws, tasks + 1)[:, task]
    tilt = 0.175 * random.normal(size=(draws, len(task)))
    tilt += 0.1 * random.normal(size=(draws, tasks + 1))[:, task] * trained
    odds = odds + 0.02 * random.normal(size=(draws, len(task), 1)) + tilt[:, :, None] * x
    odds = odds + (response[:, None] + change * x) * trained[:, None]
    odds = odds + 0.02 * random.normal(size=odds.shape)
    return random.binomial(ITEMS, 1 / (1 + np.exp(-odds))).transpose(0, 2, 1).astype(float)
