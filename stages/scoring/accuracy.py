"""Accuracy: the metric of XNLI and PAWS-X in XTREME."""

from __future__ import annotations

from collections.abc import Sequence


def accuracy(gold: Sequence[str], predicted: Sequence[str]) -> float:
    """Return the share of items whose predicted label equals the gold label, in percent.

    gold, predicted : label names, n each, in the data's order.
    Raises ValueError where the lengths differ or n is 0.
    """
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} gold labels but {len(predicted)} predictions")
    if not len(gold):
        raise ValueError("accuracy of no items is undefined")
    return 100.0 * sum(g == p for g, p in zip(gold, predicted, strict=True)) / len(gold)
