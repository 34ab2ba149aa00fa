"""Hours of the paper's study on N GPUs: tokens over a speed that is given, cells side by side.

    python -m benchmarks.scaling
    python -m benchmarks.scaling --speeds 120000 --seeds 1 --gpus 8

Arithmetic, no measurement: tokens are those of benchmarks.cost; the speed (real tokens a second of
training, on one GPU) is given, prediction is taken to be three times as fast. A cell takes one GPU,
as stages.dispatch hands them out: encoders first, a target cell when its encoder is there, the
longest first. Starting, loading, saving and transfers are not in it.

Encoders: the baseline, nine intermediates, the multi-task one; with `--variants` each intermediate
twice more, as trained with masked-language modelling and on translated data. A variant is taken to
cost what its intermediate does: the words of the masked corpus and of translations are not counted.
"""

from __future__ import annotations

import argparse
import heapq
from dataclasses import dataclass
from pathlib import Path

from benchmarks import beside
from benchmarks.cost import Lengths, of_task, prediction, study, training
from stages.tasks import find

FASTER = 3.0  # prediction against training
# XLM-R Large: layers, width, vocabulary, positions
LAYERS, WIDTH, WORDS, PLACES = 24, 1024, 250_002, 514
STATE_BYTES = 64  # of a cell that is not finished, a parameter (README)
PREDICTION_BYTES = 20  # a row, measured on the sample study's cells


@dataclass(frozen=True)
class Load:
    """What a job computes, in tokens."""

    trained: float
    predicted: float

    def hours(self, speed: float) -> float:
        return (self.trained + self.predicted / FASTER) / speed / 3600

    def times(self, seeds: int) -> Load:
        return Load(self.trained * seeds, self.predicted * seeds)


def parameters() -> int:
    """Weights of XLM-R Large."""
    layer = 4 * (WIDTH * WIDTH + WIDTH) + 8 * WIDTH * WIDTH + 5 * WIDTH + 4 * WIDTH
    return (WORDS + PLACES + 1 + 2) * WIDTH + LAYERS * layer


def loads(lengths: Lengths) -> tuple[dict[str, Load], dict[str, Load], int]:
    """Return phase 1 by task, the target cells of an encoder by task, and the rows it predicts."""
    settings, rows = study(), 0
    first, second = {}, {}
    for name in settings["intermediate"]["tasks"]:
        seen, width, selecting = training(lengths, settings["intermediate"], name)
        first[name] = Load(seen * width, selecting)
    for name in settings["target"]["tasks"]:
        seen, width, selecting = training(lengths, settings["target"], name)
        for target in find(name).evaluates():
            length = of_task(settings["target"], name)["max_length"]
            for _, count, tokens in prediction(lengths, find(target), length):
                selecting += count * tokens
                rows += count
        second[name] = Load(seen * width, selecting)
    return first, second, rows


def encoders(first: dict[str, Load], variants: bool) -> dict[str, Load]:
    """Phase 1 of every encoder; the baseline has none."""
    every = list(first.values())
    found = {"none": Load(0, 0)} | first
    found["all nine"] = Load(sum(x.trained for x in every), sum(x.predicted for x in every))
    if variants:
        found |= {
            f"{n} {kind}": load for n, load in first.items() for kind in ("+mlm", "translated")
        }
    return found


def makespan(encoders: list[float], cells: list[float], gpus: int) -> float:
    """Hours until all is done: every encoder has the same cells after it.

    encoders, cells : hours of each, on one GPU
    """
    free = [0.0] * gpus
    ready = [(0.0, -hours - sum(cells), True, hours) for hours in encoders]
    end = 0.0
    while ready:
        now = max(free[0], min(ready)[0])
        # of those that may start now, the one with most behind it
        chosen = min((job for job in ready if job[0] <= now), key=lambda job: job[1])
        ready.remove(chosen)
        done = now + chosen[3]
        heapq.heapreplace(free, done)
        end = max(end, done)
        if chosen[2]:
            ready += [(done, -hours, False, hours) for hours in cells]
    return end


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", type=Path, default=beside.MIRROR)
    parser.add_argument("--encoder", type=Path, default=beside.ROOT / "encoder")
    parser.add_argument("--rows", type=int, default=300, help="measured of every split")
    parser.add_argument("--speeds", type=float, nargs="+", default=[50_000, 100_000, 200_000])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--gpus", type=int, nargs="+", default=[1, 8, 64])
    options = parser.parse_args()
    lengths = Lengths(options.mirror, options.encoder, options.rows, study()["engine"])
    first, second, rows = loads(lengths)
    for variants in (False, True):
        phase1 = encoders(first, variants)
        cells = [load.times(options.seeds) for load in second.values()]
        every = [*phase1.values(), *(cell for cell in cells for _ in phase1)]
        print(
            f"\n{len(phase1)} encoders, {len(phase1) * len(cells)} cells, {options.seeds} seeds: "
            f"{sum(x.trained for x in every) / 1e6:,.0f} million tokens trained, "
            f"{sum(x.predicted for x in every) / 1e6:,.0f} predicted"
        )
        print(f"{'tokens/s a GPU':>15}" + "".join(f"{f'{n} GPUs':>12}" for n in options.gpus))
        for speed in options.speeds:
            times = [
                makespan(
                    [load.hours(speed) for load in phase1.values()],
                    [load.hours(speed) for load in cells],
                    gpus,
                )
                for gpus in options.gpus
            ]
            print(f"{speed:15,.0f}" + "".join(f"{hours:10.1f} h" for hours in times))
        longest = max(load.hours(options.speeds[0]) for load in phase1.values())
        longest += max(load.hours(options.speeds[0]) for load in cells)
        print(f"longest encoder and its longest cell: {longest:.1f} h at {options.speeds[0]:,.0f}")
        weights = 2 * parameters() / 1e9
        models = len(phase1) * len(cells)
        predictions = rows * len(phase1) * options.seeds * PREDICTION_BYTES / 1e9
        print(
            f"storage: encoders {len(phase1) * weights:,.0f} GB; models of cells: none 0, best "
            f"{models * weights:,.0f}, all {models * options.seeds * weights:,.0f} GB; predictions "
            f"{predictions:.1f} GB; a cell at work {parameters() * STATE_BYTES / 1e9:.0f} GB of "
            f"state on its worker"
        )
    print(f"\nXLM-R Large: {parameters():,} weights, {2 * parameters() / 1e9:.2f} GB in bfloat16")


if __name__ == "__main__":
    main()
