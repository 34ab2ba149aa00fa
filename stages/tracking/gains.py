"""Gains: scores and distances  ->  what a cell, and a language in all its cells, is worth.

The gain of a score is its distance from that of the cell without intermediate training, of the same
target, language and seed, in points; the drop is English minus language.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean, linear_regression
from typing import NamedTuple

from stages.tasks import TASKS
from stages.tasks.translations import TRAIN, base_of, is_translated

BASELINE = "none"


class CellName(NamedTuple):
    """What tells a cell from the others: its encoder's name, its training task, its seed."""

    intermediate: str
    target: str
    seed: str


class Place(NamedTuple):
    """A language of a target after one encoder, all seeds together."""

    intermediate: str
    target: str
    language: str


class Row(NamedTuple):
    """A main score: of an evaluated target in one language, in percent."""

    method: str
    intermediate: str
    target: str
    language: str
    seed: str
    value: float

    def cell(self) -> CellName:
        """The cell that predicted it."""
        task = trained(self.target) + (f".{TRAIN}" if self.is_translate_train() else "")
        return CellName(self.intermediate, task, self.seed)

    def is_translate_train(self) -> bool:
        """Whether the cell was trained on a translation of its target's training set."""
        return TRAIN in self.method.split("+")


def rows_of(scores: Iterable[dict[str, str]]) -> list[Row]:
    """The rows of scores.csv that hold the main metric of their target."""
    main: dict[str, str] = {}
    found = []
    for row in scores:
        known = TASKS[row["target"]].metrics[0] if row["target"] in TASKS else row["metric"]
        if row["metric"] != main.setdefault(row["target"], known):
            continue
        found.append(Row._make([*(row[name] for name in Row._fields[:-1]), float(row["value"])]))
    return found


def trained(target: str) -> str:
    """The training task by which the cells of an evaluated target are named."""
    base = base_of(target)
    task = TASKS.get(base)
    if task is None:
        return base
    if task.head in ("retrieval", "mining"):
        return "retrieval"
    return task.trained_on or base


def by_cell(rows: list[Row], distances: dict[str, float]) -> dict[CellName, dict[str, float]]:
    """Metrics of every cell.

    `mean`, `english`, `zero_shot` (mean of the other languages), `drop`, `gain` : means over the
    targets that the cell predicts, in points, those that a machine translated left out.
    `drop_slope` : points of drop for a unit of distance, `gain_slope` the same of the gain; of the
    least-squares line through its languages.
    `gain/<target>/<language>`, `drop/<target>/<language>` : each alone.
    What is not known (the gain of a cell whose baseline was not run) is left out.
    """
    scores = {(row.cell(), row.target, row.language): row.value for row in rows}
    cells: dict[CellName, dict[str, float]] = {}
    for cell in dict.fromkeys(row.cell() for row in rows):
        mine = {key[1:]: value for key, value in scores.items() if key[0] == cell}
        base = cell._replace(intermediate=BASELINE)
        gains = {
            place: value - scores[base, *place]
            for place, value in mine.items()
            if (base, *place) in scores
        }
        drops = {
            (target, language): mine[target, "en"] - value
            for (target, language), value in mine.items()
            if language != "en" and (target, "en") in mine
        }
        targets = [name for name in dict.fromkeys(of for of, _ in mine) if not is_translated(name)]
        per_target = {
            "mean": mine,
            "english": {p: v for p, v in mine.items() if p[1] == "en"},
            "zero_shot": {p: v for p, v in mine.items() if p[1] != "en"},
            "drop": drops,
            "gain": gains,
        }
        found = {}
        for name, values in per_target.items():
            means = [fmean(of) for target in targets if (of := _of(values, target))]
            if means:
                found[name] = fmean(means)
        for name, values in (("drop", drops), ("gain", gains)):
            slope = _slope([(distances[code], v) for (of, code), v in values.items()
                            if code in distances and of in targets])  # fmt: skip
            if slope is not None:
                found[f"{name}_slope"] = slope
            found |= {f"{name}/{'/'.join(place)}": value for place, value in values.items()}
        cells[cell] = found
    return cells


def by_place(rows: list[Row], cells: dict[CellName, dict[str, float]]) -> dict[Place, dict]:
    """Means over seeds of score, drop and gain of every language after every encoder.

    Cells of translate-train are left out: they are another method of the same target.
    """
    found: dict[Place, dict[str, list[float]]] = {}
    for row in (row for row in rows if not row.is_translate_train()):
        values = found.setdefault(Place(row.intermediate, row.target, row.language), {})
        values.setdefault("score", []).append(row.value)
        for name in ("drop", "gain"):
            value = cells[row.cell()].get(f"{name}/{row.target}/{row.language}")
            if value is not None:
                values.setdefault(name, []).append(value)
    return {
        place: {name: fmean(several) for name, several in values.items()}
        for place, values in found.items()
    }


def _of(values: dict[tuple[str, str], float], target: str) -> list[float]:
    return [value for (of, _), value in values.items() if of == target]


def _slope(points: list[tuple[float, float]]) -> float | None:
    if len({x for x, _ in points}) < 3:
        return None
    return linear_regression(*zip(*points, strict=True)).slope
