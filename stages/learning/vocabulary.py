"""The loss over a vocabulary, without keeping a score for every word.

24,000 or 250,000 words a place: scores, probabilities and their gradient would be the largest
tensors of a batch. Here places are done some at a time, and what the backward pass needs is made
while their scores are there: for the sum of the losses it differs from the gradient by a factor.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import pad

from stages.learning.linear import missing_rows, product

SCORES_AT_A_TIME = 2**23  # 32 MiB of fp32


def cross_entropy_sum(
    states: torch.Tensor, words: torch.Tensor, bias: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Return the sum over places of -log p(label), a number in fp32.

    states : (places, size); words : (vocabulary, size); bias : (vocabulary); labels : int64.
    """
    found = _CrossEntropySum.apply(states, words, bias, labels)
    assert isinstance(found, torch.Tensor)
    return found


class _CrossEntropySum(torch.autograd.Function):
    """softmax(x W' + b) against one label a row."""

    @staticmethod
    def forward(
        context: Any,
        states: torch.Tensor,
        words: torch.Tensor,
        bias: torch.Tensor,
        labels: torch.Tensor,
    ) -> torch.Tensor:
        wanted = zip((states, words, bias), context.needs_input_grad[:3], strict=True)
        found = [torch.zeros_like(tensor) if needed else None for tensor, needed in wanted]
        total = torch.zeros((), dtype=torch.float32, device=states.device)
        size = max(1, SCORES_AT_A_TIME // len(words))
        for begin in range(0, len(states), size):
            here = slice(begin, begin + size)
            total += _some(states[here], words, bias, labels[here], here, *found)
        context.save_for_backward(*found)
        return total

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        found = context.saved_tensors
        return *(None if t is None else t * gradient.to(t.dtype) for t in found), None


def _some(
    states: torch.Tensor,
    words: torch.Tensor,
    bias: torch.Tensor,
    labels: torch.Tensor,
    here: slice,
    of_states: torch.Tensor | None,
    of_words: torch.Tensor | None,
    of_bias: torch.Tensor | None,
) -> torch.Tensor:
    """The loss of some places; their gradients are added to what is found."""
    count = len(states)
    more = missing_rows(count, words)
    scores = product(pad(states, (0, 0, 0, more)), words, bias).float()
    largest = scores.amax(1, keepdim=True)
    told = scores[:count].gather(1, labels[:, None])
    shares = scores.sub_(largest).exp_()  # of the sum, before it is divided
    shares[count:] = 0.0
    sums = shares[:count].sum(1, keepdim=True)
    loss = (sums.log() + largest[:count] - told).sum()
    if of_states is not None:
        mean = product(shares.to(words.dtype), words.t())[:count] / sums.to(words.dtype)
        of_states[here] = mean - words[labels]
    shares = shares[:count]
    if of_words is not None:
        scaled = (states / sums.to(states.dtype)).to(words.dtype)
        of_words += shares.to(words.dtype).t() @ scaled
        of_words.index_add_(0, labels, states, alpha=-1)
    if of_bias is not None:
        of_bias += ((1 / sums).t() @ shares)[0].to(bias.dtype)
        of_bias.index_add_(0, labels, torch.full_like(bias[labels], -1.0))
    return loss
