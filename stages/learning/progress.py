"""Progress of a cell: what is printed while it trains, and the share of a GPU's peak it reaches."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import torch

from stages.learning.unpadded import Layout
from stages.learning.xlmr import Config

if TYPE_CHECKING:
    from stages.learning.train import Outcome

SECONDS_A_LINE = 5


def forward_flops(config: Config, layout: Layout) -> float:
    """Floating-point operations of the encoder's matrix products for one batch, forward.

    Two a weight and token, and four a pair of tokens that attend and unit of width. In the last
    layer only the tokens that a head reads ask and go on. Norms, activations, embeddings and the
    head are left out, as is usual.
    """
    size, inner = config.hidden_size, config.intermediate_size
    after = 2 * (2 * size * size + 2 * size * inner)  # queries, output, feed-forward
    before = 2 * (2 * size * size)  # keys, values

    def layer(here: Layout) -> float:
        asking = sum(run.count * run.queries for run in here.runs)
        pairs = sum(run.count * run.queries * run.keys for run in here.runs)
        return before * tokens + after * asking + 4 * size * pairs

    tokens = sum(run.count * run.keys for run in layout.runs)
    last = layout.reading or layout
    return layer(layout) * (config.num_hidden_layers - 1) + layer(last)


def training_flops(config: Config, layout: Layout) -> float:
    """The same for a pass of training: forward, and twice that backward."""
    return 3 * forward_flops(config, layout)


def matmul_peak(device: torch.device, kind: torch.dtype, size: int = 8192) -> float:
    """Measure what the device reaches in a large product of matrices, operations a second."""
    a, b = (torch.randn(size, size, device=device, dtype=kind) for _ in range(2))

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    best = float("inf")
    for _ in range(5):
        wait()
        begun = time.perf_counter()
        for _ in range(4):
            a @ b
        wait()
        best = min(best, (time.perf_counter() - begun) / 4)
    return 2 * size**3 / best


class Progress:
    """Prints a line now and then: step, loss, remaining time, tokens a second.

    peak : operations a second that the device can do, for the share that training reaches.
    """

    def __init__(self, name: str, steps: int, ranks: int, peak: float | None = None):
        self.name, self.steps, self.ranks, self.peak = name, steps, ranks, peak
        self.printed = 0.0
        self.first: tuple[float, int, int, float] | None = None

    def __call__(self, entry: dict[str, float], outcome: Outcome) -> None:
        now, step = time.monotonic(), int(entry["step"])
        # a run that goes on knows its speed from here on, and the first step is a slow one
        self.first = self.first or (now, step, outcome.tokens, outcome.flops)
        due = now - self.printed >= SECONDS_A_LINE
        if due or step == self.steps or "development" in entry:
            self.printed = now
            print(self.line(now, entry, outcome), file=sys.stderr, flush=True)

    def line(self, now: float, entry: dict[str, float], outcome: Outcome) -> str:
        assert self.first
        begun, first, tokens, flops = self.first
        step, seconds = int(entry["step"]), now - begun
        text = f"  {self.name}  step {step}/{self.steps}  loss {entry['loss']:.3f}"
        if step > first and seconds > 0:
            left = seconds / (step - first) * (self.steps - step)
            speed = (outcome.tokens - tokens) * self.ranks / seconds
            text += f"  {left:.0f} s left  {speed:,.0f} tokens/s"
            if self.peak:
                text += f"  {(outcome.flops - flops) / seconds / self.peak:.0%} of peak"
        if "development" in entry:
            text += f"  English development {entry['development']:.1f}"
        return text
