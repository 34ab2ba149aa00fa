"""Mixture: several courses in one, a batch of one of them a step.

The order in which they come is drawn once, a number a step, from the seed: what step k trains on,
and how often its task came before, follow from the seed and k.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from stages.learning.course import Course, Draw
from stages.learning.joint import Through

ORDER = 7_001  # keeps the draws of the order apart from those of rows


def shares(sampling: Mapping[str, Any], counts: np.ndarray) -> np.ndarray:
    """Return the probability of each task, given how many training rows each has.

    sampling : `by`: `uniform`; `proportional` to the rows; or `temperature`, p ~ min(n, cap)^(1/T)
        with `temperature` T (1 is proportional, a large one is uniform) and `cap`, null for none
        (T5's and jiant's rules).
    """
    by = sampling.get("by", "proportional")
    if by == "uniform":
        weights = np.ones(len(counts))
    else:
        weights = counts.astype(float)
        if by == "temperature":
            if sampling.get("cap") is not None:
                weights = np.minimum(weights, sampling["cap"])
            weights = weights ** (1 / sampling.get("temperature", 1))
    found: np.ndarray = weights / weights.sum()
    return found


class Mixture(Course):
    """Courses by name, taken in turns.

    chances : the probability of each in a step; they add up to 1. Selection is by the mean of the
    development metrics of the courses that have one.
    """

    def __init__(self, courses: Mapping[str, Course], chances: np.ndarray, steps: int, seed: int):
        self.names, self.courses = tuple(courses), tuple(courses.values())
        self.steps = steps
        drawn = np.random.default_rng((seed, ORDER)).random(steps)
        ends = np.cumsum(chances)
        self.order = np.searchsorted(ends / ends[-1], drawn, side="right")
        self.turns = np.empty(steps, dtype=np.int64)
        for number in range(len(self.courses)):
            here = np.flatnonzero(self.order == number)
            self.turns[here] = np.arange(len(here))

    def draw(self, step: int) -> Draw:
        number = int(self.order[step])
        return replace(self.courses[number].draw(int(self.turns[step])), part=number)

    def develop(self, engine: Any, device: torch.device) -> dict[str, float]:
        found = {}
        for number, (name, course) in enumerate(zip(self.names, self.courses, strict=True)):
            measured = course.develop(Through(engine, number), device)
            found.update({f"development/{name}": value for value in measured.values()})
        return {"development": float(np.mean(list(found.values()))), **found}
