"""What multi-task and MLM batches cost: real tokens a second beside the plain loop.

    python -m benchmarks.variants --encoded encoded --encoder encoder

In one process, round by round: the plain loop on each task, the loop over all of them with a head
each, the loop on unlabelled text alone (MLM), and MNLI with half of its batches MLM. Seconds are
the processor's (`time.process_time`), so other work on the machine weighs little; the median of
the rounds counts.

A batch of questions costs more a token than a batch of pairs, whoever draws it. So a mixture is
held against the time that the plain loops take for the same tokens of the same tasks. MLM has no
plain loop of its own: it is held against MNLI's, whole, and without what scores the vocabulary
(the states of the hidden places are summed instead), which tells the work apart that the plain
loop does not have.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stages import params
from stages.learning import encoder as encoders
from stages.learning.heads import masked
from stages.learning.lesson import MLM, Lesson, one_task, variant
from stages.learning.mixture import Mixture
from stages.learning.train import follow
from stages.tasks import find

WARM = 3  # steps before the clock starts
HALF = {"share": 0.5}


def timed(lesson: Lesson, encoder: Path, settings: dict[str, Any], steps: int) -> dict[str, Any]:
    """Train; return tokens and processor seconds of the steps after the first, and of each part."""
    torch.manual_seed(1)
    model = lesson.build(encoders.read(encoder, settings))
    seen: dict[int, tuple[float, int]] = {}

    def look(entry: dict[str, float], outcome: Any) -> None:
        seen[int(entry["step"])] = (time.process_time(), outcome.tokens)

    follow(lesson.course, model, settings, 1, lambda entry: None, progress=look)
    (begun, before), (ended, after) = seen[WARM], seen[WARM + steps]
    parts: dict[str, int] = {}
    for step in range(WARM, WARM + steps):
        draw = lesson.course.draw(step)
        name = lesson.course.names[draw.part] if isinstance(lesson.course, Mixture) else ""
        parts[name] = parts.get(name, 0) + int(draw.widths[draw.rows].sum())
    return {"tokens": after - before, "seconds": ended - begun, "parts": parts}


def without_vocabulary(
    states: torch.Tensor, words: torch.Tensor, bias: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Stands in for the loss: every gradient but that of the words flows."""
    return states.sum() + 0.0 * bias.sum()


def expected(parts: Mapping[str, int], speeds: Mapping[str, float]) -> float:
    """Tokens a second of a mixture whose parts run at the given speeds."""
    return sum(parts.values()) / sum(tokens / speeds[name] for name, tokens in parts.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoded", type=Path, default=Path("encoded"))
    parser.add_argument("--encoder", type=Path, default=Path("encoder"))
    parser.add_argument("--tasks", nargs="+", default=["mnli", "csqa", "squad"])
    parser.add_argument("--steps", type=int, default=24, help="timed, of each contender and round")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    study = params.read()
    # one step more than is timed: the last ends with an evaluation
    run = {"max_steps": WARM + options.steps + 1, "epochs": 1000, "selection_examples": 4}
    settings = params.of_cell(study, "intermediate", "mnli") | run
    of_task = {name: params.of_cell(study, "intermediate", name) | run for name in options.tasks}

    def mixed(tasks: list[str], mlm: dict[str, Any] | None) -> Lesson:
        records, sampling = [find(name) for name in tasks], {"by": "uniform"}
        where = (options.encoder, options.encoded)
        return variant(records, *where, settings, of_task, 1, sampling, mlm)

    def only_text() -> Lesson:
        found = mixed(["mnli"], HALF)
        assert isinstance(found.course, Mixture)
        found.course.order[:] = found.course.names.index(MLM)
        found.course.turns[:] = np.arange(found.course.steps)
        return found

    lessons = {
        name: one_task(find(name), options.encoded, of_task[name], 1) for name in options.tasks
    }
    lessons |= {"all": mixed(options.tasks, None), "mnli + mlm": mixed(["mnli"], HALF)}
    lessons |= {"mlm": only_text(), "mlm without vocabulary": only_text()}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in lessons}
    whole = masked.cross_entropy_sum
    for _ in range(options.rounds):
        for name, lesson in lessons.items():
            masked.cross_entropy_sum = without_vocabulary if "without" in name else whole
            one = of_task.get(name, settings)
            found[name].append(timed(lesson, options.encoder, one, options.steps))
            rate = found[name][-1]["tokens"] / found[name][-1]["seconds"]
            print(f"  {name}: {rate:,.0f} tokens/s", flush=True)
    speeds = {
        name: statistics.median(run["tokens"] / run["seconds"] for run in runs)
        for name, runs in found.items()
    }
    beside = {name: expected(found[name][0]["parts"], speeds) for name in ("all", "mnli + mlm")}
    beside |= dict.fromkeys(("mlm", "mlm without vocabulary"), speeds["mnli"])
    print(f"{'':26} {'real tokens/s':>14} {'plain loop, same tokens':>24} {'ratio':>7}")
    for name, speed in speeds.items():
        other = beside.get(name, speed)
        print(f"{name:26} {speed:14,.0f} {other:24,.0f} {speed / other:7.3f}")


if __name__ == "__main__":
    main()
