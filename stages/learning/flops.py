"""How much work a batch is, and how much a device can do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from stages.learning.unpadded import Layout, Pattern

if TYPE_CHECKING:
    from stages.learning.xlmr import Config


def forward_flops(config: Config, layout: Layout, read: bool) -> float:
    """Floating-point operations of the encoder's matrix products for one batch, forward.

    Two a weight and token, and four a pair of tokens that attend and unit of width. In the last
    layer of a head that reads some states only, those ask and go on (`read`). Norms, activations,
    embeddings and the head are left out, as is usual.
    """
    size, inner = config.hidden_size, config.intermediate_size
    after = 2 * (2 * size * size + 2 * size * inner)  # queries, output, feed-forward
    before = 2 * (2 * size * size)  # keys, values

    def layer(here: Pattern) -> float:
        asking = sum(run.count * run.queries for run in here.runs)
        pairs = sum(run.count * run.queries * run.keys for run in here.runs)
        return before * tokens + after * asking + 4 * size * pairs

    tokens = sum(run.count * run.keys for run in layout.all.runs)
    last = layer(layout.read if read else layout.all)
    return layer(layout.all) * (config.num_hidden_layers - 1) + last


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
