"""Linear maps, on a CPU through oneDNN.

torch multiplies fp32 matrices with MKL, which does not use all of some processors (AMD's). oneDNN,
which torch ships as well, does; but it compiles its product for every shape that it meets, for
half as long as a product takes. So it is given numbers of rows that come back: multiples of
`ROWS`. Other numbers go to MKL.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

ROWS = 64

# what torch's own compiler emits for a linear map on a CPU
_PRODUCT = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
_PLAIN: tuple[Any, ...] = ("none", [], "")  # nothing is done to the result


class Linear(nn.Linear):
    """Has no initial values: weights are read, or drawn by `xlmr.draw`."""

    def reset_parameters(self) -> None:
        pass

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if not _serves(inputs):
            return functional.linear(inputs, self.weight, self.bias)
        found = _OneDNN.apply(inputs, self.weight, self.bias)
        assert isinstance(found, torch.Tensor)
        return found

    def then_gelu(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return gelu(x W' + b); without gradients in one pass over the result."""
        if torch.is_grad_enabled() or not _serves(inputs):
            return functional.gelu(self(inputs))
        assert _PRODUCT is not None
        found: torch.Tensor = _PRODUCT(inputs, self.weight, self.bias, "gelu", [], "none")
        return found

    def then_add(self, inputs: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        """Return states + x W' + b; without gradients in one pass over the result."""
        if torch.is_grad_enabled() or not _serves(inputs):
            return states + self(inputs)
        assert _PRODUCT is not None
        found: torch.Tensor = _PRODUCT.binary(inputs, states, self.weight, self.bias, "add")
        return found


def product(
    inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """x W' + b the same way, without a gradient."""
    if not _serves(inputs):
        return functional.linear(inputs, weight, bias)
    assert _PRODUCT is not None
    found: torch.Tensor = _PRODUCT(inputs, weight, bias, *_PLAIN)
    return found


def missing_rows(rows: int, weight: torch.Tensor) -> int:
    """How many rows to add to `rows` for a product with `weight` that oneDNN need not compile."""
    return -rows % ROWS if _is_for_onednn(weight) else 0


def _serves(inputs: torch.Tensor) -> bool:
    return _is_for_onednn(inputs) and len(inputs) % ROWS == 0


def _is_for_onednn(tensor: torch.Tensor) -> bool:
    if tensor.device.type != "cpu" or tensor.dtype != torch.float32:
        return False
    return _PRODUCT is not None and not torch.is_autocast_enabled("cpu")


class _OneDNN(torch.autograd.Function):
    """x W' + b for x (rows, inputs) and W (outputs, inputs)."""

    @staticmethod
    def forward(
        context: Any, inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor
    ) -> torch.Tensor:
        context.save_for_backward(inputs, weight)
        assert _PRODUCT is not None
        found: torch.Tensor = _PRODUCT(inputs, weight, bias, *_PLAIN)
        return found

    @staticmethod
    def backward(
        context: Any, gradient: torch.Tensor
    ) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor]:
        inputs, weight = context.saved_tensors
        gradient = gradient.contiguous()
        assert _PRODUCT is not None
        back = None
        if context.needs_input_grad[0]:
            back = _PRODUCT(gradient, weight.t(), None, *_PLAIN)
        return back, gradient.t() @ inputs, gradient.sum(0)
