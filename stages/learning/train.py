"""Train: one model through a course of batches, the best weights by English development data."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from stages.errors import UserError
from stages.learning import engine as deepspeed_engine
from stages.learning import whole
from stages.learning.batches import passes
from stages.learning.course import Course, OneTask
from stages.learning.heads import Examples, Head
from stages.learning.progress import Progress
from stages.learning.resume import State

# on a GPU, optimizer steps between two looks at the loss: each look waits for the device
STEPS_A_LOOK = 10

Entry = dict[str, float]


@dataclass
class Outcome:
    """What training leaves: the engine with the best weights, the curve and where time went.

    `curve` : one dict a step with step, loss, learning_rate, and development (percent) where it was
    measured. `seconds` : by activity. `best` : the main metric on development data in percent;
    `best_step` its step, `stale` the evaluations since. `tokens`, `flops` : that went through the
    model in training, on this rank.
    """

    engine: Any
    steps: int
    curve: list[Entry] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    best: float = -1.0
    best_step: int = 0
    stale: int = 0
    tokens: int = 0
    flops: float = 0.0

    def saved(self) -> dict[str, Any]:
        """What belongs to a saved state."""
        return {k: v for k, v in vars(self).items() if k not in ("engine", "steps")}

    def go_on(self, saved: dict[str, Any]) -> None:
        """Take over a saved state; the seconds of this process so far come on top."""
        seconds = dict(self.seconds)
        vars(self).update(saved)
        for name, value in seconds.items():
            self.seconds[name] = self.seconds.get(name, 0.0) + value


def train(
    head: Head,
    model: nn.Module,
    training: Examples,
    development: Examples,
    settings: dict[str, Any],
    seed: int,
    report: Callable[[Entry], None],
    state: State | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Fine-tune `model` on one task: see `follow`."""
    course = OneTask(head, training, development, settings, seed)
    return follow(course, model, settings, seed, report, state, progress)


def follow(
    course: Course,
    model: nn.Module,
    settings: dict[str, Any],
    seed: int,
    report: Callable[[Entry], None],
    state: State | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Train `model` through a course and leave its best weights in place.

    The loss of a step is the mean over all items of its rows, however they are divided over ranks,
    accumulation and passes of at most `training_tokens` tokens. Every `selection_every` steps, and
    at the end, the course's metric on `selection_examples` of the English development set
    decides (ties keep the earlier); training stops after `selection_patience` evaluations without
    gain. Rows and dropout of a step depend on the seed and the step alone, so that a run goes on
    from weights and moments.

    Raises
    ------
    UserError
        The loss is no number any more; SIGTERM came (the state is saved first); the state cannot
        be written.
    """
    _, world, device = deepspeed_engine.join_ranks()
    begun = time.monotonic()
    engine = deepspeed_engine.start(model.to(device), settings, world)
    outcome = Outcome(engine, course.steps)
    outcome.seconds["engine"] = time.monotonic() - begun
    run = _Run(course, settings, seed, outcome)

    def tell(entry: Entry) -> None:
        report(entry)
        if progress:
            progress(entry, outcome)

    with state or nullcontext():
        run.go(tell, state)
    return outcome


class _Run:
    """One run of `follow`."""

    def __init__(self, course: Course, settings: dict[str, Any], seed: int, outcome: Outcome):
        self.course, self.settings, self.seed, self.outcome = course, settings, seed, outcome
        self.engine, self.device = outcome.engine, outcome.engine.device
        self.rank, self.world = torch.distributed.get_rank(), torch.distributed.get_world_size()
        self.best: dict[str, torch.Tensor] = {}

    def go(self, report: Callable[[Entry], None], state: State | None) -> None:
        """Train to the end, from the saved state where there is one."""
        begin, finished = self.resume(state) if state else (0, False)
        if not finished:
            self.loop(begin, report, state)
        # the state of a finished run holds the best weights only, whichever step they are of
        if finished or self.outcome.best_step != self.outcome.curve[-1]["step"]:
            whole.restore(self.engine, self.best)
        if state and not finished:
            with self.clock("saving"):
                self.save(state, self.outcome.steps, finished=True)

    def resume(self, state: State) -> tuple[int, bool]:
        with self.clock("saving"):
            begin, saved, self.best = state.restore(self.engine)
        if not saved:
            return 0, False
        self.outcome.go_on(saved["outcome"])
        if self.rank == 0:
            done = "training was finished before" if saved["finished"] else "goes on"
            place = f"(step {begin} of {self.outcome.steps})"
            print(f"  {done} {place}", file=sys.stderr, flush=True)
        return begin, saved["finished"]

    def save(self, state: State, step: int, finished: bool) -> None:
        extra = {"outcome": self.outcome.saved(), "finished": finished}
        state.save(self.engine, step, extra, self.best, finished)

    @contextmanager
    def clock(self, name: str) -> Iterator[None]:
        """Add up seconds by activity."""
        begun = time.monotonic()
        yield
        seconds = self.outcome.seconds
        seconds[name] = seconds.get(name, 0.0) + time.monotonic() - begun

    def loop(self, begin: int, report: Callable[[Entry], None], state: State | None) -> None:
        settings, outcome = self.settings, self.outcome
        waiting: list[tuple[Entry, torch.Tensor]] = []
        self.engine.train()
        for step in range(begin, outcome.steps):
            loss = self.step(step)
            entry: Entry = {
                "step": step + 1,
                "loss": np.nan,
                "learning_rate": self.engine.get_lr()[0],
            }
            waiting.append((entry, loss))
            last = step + 1 == outcome.steps
            selecting = last or (step + 1) % settings["selection_every"] == 0
            if not (selecting or self.looks(step)):
                continue
            with self.clock("step"):
                self.look(waiting)
            if selecting:
                with self.clock("evaluation"):
                    self.select(entry)
            for seen, _ in waiting:
                outcome.curve.append(seen)
                report(seen)
            waiting.clear()
            if outcome.stale >= settings["selection_patience"]:
                return
            if state and not last and state.due(self.device):
                with self.clock("saving"):
                    self.save(state, step + 1, finished=False)
                if state.terminated:
                    raise UserError(
                        f"stopped by SIGTERM after step {step + 1} of {outcome.steps}; the state "
                        "is saved, run the same command again to go on."
                    )

    def step(self, step: int) -> torch.Tensor:
        """Do one optimizer step; return the share of this rank in the loss."""
        settings, engine = self.settings, self.engine
        drawn = self.course.draw(step)
        torch.manual_seed(_draw(self.seed, step, self.rank))
        # DeepSpeed takes the mean over ranks; with this factor it is that over the step's items
        factor = self.world / drawn.weight
        mine = []
        for turn in drawn.rows.reshape(settings["accumulation"], self.world, -1):
            mine += passes(turn, drawn.widths, settings.get("training_tokens"))[self.rank]
        deepspeed_engine.set_rate(engine, deepspeed_engine.rate(step, self.outcome.steps, settings))
        losses = []
        done = engine.module.encoder.flops
        for number, some in enumerate(mine, start=1):
            with self.clock("data"):
                batch = drawn.batch(some).to(self.device)
                self.outcome.tokens += batch.tokens.shape[1]
            engine.set_gradient_accumulation_boundary(number == len(mine))
            with self.clock("forward"):
                loss = drawn.head.loss(engine(batch), batch) * factor
            with self.clock("backward"):
                engine.backward(loss, scale_wrt_gas=False)
            with self.clock("step"):
                engine.step()
            losses.append(loss.detach())
        # twice the work of the forward passes is that of the backward passes
        self.outcome.flops += 3 * (engine.module.encoder.flops - done)
        return torch.stack(losses).sum()

    def looks(self, step: int) -> bool:
        return self.device.type == "cpu" or (step + 1) % STEPS_A_LOOK == 0

    def look(self, waiting: list[tuple[Entry, torch.Tensor]]) -> None:
        """Fill in the losses, means over ranks; refuse one that is no number."""
        values = torch.stack([loss for _, loss in waiting])
        if self.world > 1:
            torch.distributed.all_reduce(values)
            values /= self.world
        for (entry, _), value in zip(waiting, values.tolist(), strict=True):
            entry["loss"] = value
            if not np.isfinite(value) or self.engine.skipped_steps:
                what = (
                    "the gradient is not finite" if np.isfinite(value) else f"the loss is {value}"
                )
                raise UserError(
                    f"{what} at step {entry['step']:.0f}: lower learning_rate in params.yaml (it "
                    f"is {self.settings['learning_rate']}), or clip harder."
                )

    def select(self, entry: Entry) -> None:
        """Measure on development data; keep the weights if they are the best so far."""
        outcome = self.outcome
        entry.update(self.course.develop(self.engine, self.device))
        value = entry["development"]
        if value > outcome.best:
            outcome.best, outcome.best_step, outcome.stale = value, int(entry["step"]), 0
            self.best = whole.copy(self.engine)
        else:
            outcome.stale += 1


def _draw(seed: int, step: int, rank: int) -> int:
    """What dropout of one step on one rank depends on."""
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0] >> 1)
