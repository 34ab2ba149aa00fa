"""Progress of a cell: what is printed while it trains."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stages.learning.train import Outcome

SECONDS_A_LINE = 5


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
