"""One encoder with several heads, one of which a batch is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from stages.learning.batches import Batch
from stages.learning.xlmr import XLMR


class Joint(nn.Module):
    """The heads of several tasks on one encoder.

    A step trains one head. The others get a gradient of zero, not none: every rank and every ZeRO
    stage has the same gradients to exchange in every step, and AdamW takes the same step on one
    rank as on several (moments fade, weights decay, as in the paper's code, which cleared
    gradients to zero).

    heads : by name, each built on `encoder`, which stays the encoder of all of them.
    """

    def __init__(self, encoder: XLMR, heads: Mapping[str, nn.Module]):
        super().__init__()
        self.encoder = encoder
        for head in heads.values():
            # known to the head, but a part of this module alone
            del head.encoder
            head.__dict__["encoder"] = encoder
        self.heads = nn.ModuleDict(heads)
        self.names = tuple(heads)

    def borrowed(self) -> Iterator[nn.Parameter]:
        """What the forward pass reads of other modules (see `engine.start`)."""
        return self.heads.parameters()

    def forward(self, batch: Batch) -> torch.Tensor:
        """What the head of the batch says."""
        chosen = self.names[batch.part]
        outputs: torch.Tensor = self.heads[chosen](batch)
        if not torch.is_grad_enabled():
            return outputs
        others = [head for name, head in self.heads.items() if name != chosen]
        nothing = [p.sum() for head in others for p in head.parameters() if p.requires_grad]
        return outputs + 0.0 * torch.stack(nothing).sum() if nothing else outputs


class Through:
    """An engine whose module is one of the heads: what a head predicts with."""

    def __init__(self, engine: Any, part: int):
        self.engine, self.part = engine, part

    def __call__(self, batch: Batch) -> Any:
        return self.engine(batch.of_part(self.part))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    @property
    def module(self) -> nn.Module:
        """The head with the encoder."""
        joint = self.engine.module
        head: nn.Module = joint.heads[joint.names[self.part]]
        return head
