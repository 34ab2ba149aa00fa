"""Train: one model on one English training set, the best weights by English development data."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from stages.errors import UserError
from stages.learning import engine as deepspeed_engine
from stages.learning.batches import evenly, passes, training_rows
from stages.learning.heads import Examples, Head
from stages.learning.resume import State


@dataclass
class Outcome:
    """What training leaves: the engine with the best weights, the curve and where time went.

    `curve` : one dict an entry with step, loss, learning_rate or step, development (percent).
    `seconds` : by activity. `best` : the main metric on development data in percent, and its step.
    `tokens` : that went through the model in training, on this rank.
    """

    engine: Any
    steps: int
    curve: list[dict[str, float]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    best: float = -1.0
    best_step: int = 0
    tokens: int = 0


def total_steps(settings: dict[str, Any], rows: int) -> int:
    """Optimizer steps of a run: its epochs, cut at `max_steps` where that is given."""
    steps = -(-rows * settings["epochs"] // settings["batch_size"])
    steps = round(steps) if steps >= 1 else 1
    return min(steps, settings["max_steps"]) if settings["max_steps"] else steps


def train(
    head: Head,
    model: nn.Module,
    training: Examples,
    development: Examples,
    settings: dict[str, Any],
    seed: int,
    report: Callable[[dict[str, float]], None],
    state: State | None = None,
) -> Outcome:
    """Fine-tune `model` and leave its best weights in place.

    The loss of a step is the mean over all items of its rows, however they are divided over ranks,
    accumulation and passes of at most `training_tokens` tokens. Every `selection_every` steps, and
    at the end, the task's main metric on `selection_examples` of the English development set
    decides (ties keep the earlier); training stops after `selection_patience` evaluations without
    gain.
    """
    rank, world, device = deepspeed_engine.join_ranks()
    steps = total_steps(settings, len(training))
    begun = time.monotonic()
    engine = deepspeed_engine.start(model.to(device), settings, steps, world)
    outcome = Outcome(engine, steps)
    clock = _Clock(outcome.seconds)
    clock.add("start", time.monotonic() - begun)
    torch.manual_seed(seed * 1_000 + rank)
    share = settings["batch_size"] // (world * settings["accumulation"])
    development = development.take(evenly(len(development), settings["selection_examples"]))
    widths = head.widths(training)
    best_weights: dict[str, torch.Tensor] = {}
    stale = 0
    begin = 0
    if state:
        begin, saved = state.restore(engine)
        if saved:
            outcome.curve, outcome.tokens = saved["curve"], saved["tokens"]
            outcome.best, outcome.best_step = saved["best"], saved["best_step"]
            best_weights, stale = saved["best_weights"], saved["stale"]
            print(f"  goes on at step {begin + 1} of {steps}", file=sys.stderr, flush=True)
    engine.train()
    for step in range(begin, steps):
        rows = training_rows(len(training), step, settings["batch_size"], seed)
        # DeepSpeed takes the mean over ranks and accumulation; with this factor it is the mean
        # over the items of the step
        factor = world * settings["accumulation"] / head.weight(training, rows)
        mine = []
        for turn in rows.reshape(settings["accumulation"], world, share):
            mine += passes(turn, widths, settings.get("training_tokens"))[rank]
        losses = []
        for number, some in enumerate(mine, start=1):
            with clock("data"):
                batch = head.batch(training, some).to(device)
                outcome.tokens += batch.tokens.shape[1]
            engine.set_gradient_accumulation_boundary(number == len(mine))
            with clock("forward"):
                loss = head.loss(engine(batch), batch) * factor
            with clock("backward"):
                engine.backward(loss)
            with clock("step"):
                engine.step()
            losses.append(loss.detach())
        value = _mean_over_ranks(torch.stack(losses).sum() / settings["accumulation"])
        if not np.isfinite(value):
            raise UserError(
                f"the loss is {value} at step {step + 1}: lower learning_rate in params.yaml "
                f"(it is {settings['learning_rate']}), or clip harder."
            )
        entry = {"step": step + 1, "loss": value, "learning_rate": engine.get_lr()[0]}
        done = step + 1 == steps
        if done or (step + 1) % settings["selection_every"] == 0:
            with clock("evaluation"):
                entry["development"] = _development(head, engine, development, device)
            if entry["development"] > outcome.best:
                outcome.best, outcome.best_step, stale = entry["development"], step + 1, 0
                best_weights = _copy(engine)
            else:
                stale += 1
        outcome.curve.append(entry)
        report(entry)
        if stale >= settings["selection_patience"]:
            break
        if state and state.due and not done:
            with clock("saving"):
                state.save(
                    engine,
                    step + 1,
                    {
                        "curve": outcome.curve,
                        "tokens": outcome.tokens,
                        "best": outcome.best,
                        "best_step": outcome.best_step,
                        "best_weights": best_weights,
                        "stale": stale,
                    },
                )
            if state.terminated:
                raise UserError(
                    f"stopped by SIGTERM after step {step + 1} of {steps}; the state is saved, "
                    "run the same command again to go on."
                )
    if outcome.best_step != outcome.curve[-1]["step"]:
        _restore(engine, best_weights)
    return outcome


def _development(head: Head, engine: Any, examples: Examples, device: torch.device) -> float:
    """The main metric, in percent."""
    predictions = head.predict(engine, examples, device)
    return next(iter(head.score(predictions, head.task.name, "en").values()))


def _mean_over_ranks(value: torch.Tensor) -> float:
    if torch.distributed.get_world_size() > 1:
        torch.distributed.all_reduce(value)
        value = value / torch.distributed.get_world_size()
    return float(value)


def _trainable(engine: Any) -> list[tuple[str, nn.Parameter]]:
    return [(n, p) for n, p in engine.module.named_parameters() if p.requires_grad]


def _copy(engine: Any) -> dict[str, torch.Tensor]:
    import deepspeed

    named = _trainable(engine)
    with deepspeed.zero.GatheredParameters([p for _, p in named]):
        return {name: parameter.detach().to("cpu", copy=True) for name, parameter in named}


def _restore(engine: Any, weights: dict[str, torch.Tensor]) -> None:
    import deepspeed

    named = _trainable(engine)
    with deepspeed.zero.GatheredParameters([p for _, p in named], modifier_rank=0), torch.no_grad():
        for name, parameter in named:
            parameter.copy_(weights[name])


class _Clock:
    """Adds up seconds by activity."""

    def __init__(self, seconds: dict[str, float]):
        self.seconds = seconds
        self.name = ""
        self.begun = 0.0

    def __call__(self, name: str) -> _Clock:
        self.name = name
        return self

    def __enter__(self) -> None:
        self.begun = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.add(self.name, time.monotonic() - self.begun)

    def add(self, name: str, seconds: float) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
