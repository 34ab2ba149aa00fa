"""Weights and AdamW's moments, whole: out of an engine, and into one.

Whatever the ZeRO stage and the number of ranks: what one set of ranks saved, another goes on from.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from stages.learning.engine import import_deepspeed, is_plain

MOMENTS = ("exp_avg", "exp_avg_sq")  # AdamW's own names


def trainable(engine: Any) -> list[tuple[str, nn.Parameter]]:
    """The parameters that training changes, with their names."""
    return [(n, p) for n, p in engine.module.named_parameters() if p.requires_grad]


@contextmanager
def whole(engine: Any, writing: bool = False) -> Iterator[list[tuple[str, nn.Parameter]]]:
    """Yield all trainable parameters whole on every rank; ZeRO-3 keeps a part of each.

    writing : what the first rank writes into them is kept, on every rank.
    """
    named = trainable(engine)
    gathered = import_deepspeed().zero.GatheredParameters(
        [p for _, p in named], modifier_rank=0 if writing else None
    )
    with gathered, torch.no_grad():
        yield named


def copy(engine: Any) -> dict[str, torch.Tensor]:
    """The trainable weights in the precision of the model, on the first rank's CPU.

    Empty on other ranks, which have to call this as well.
    """
    with whole(engine) as named:
        if torch.distributed.get_rank() != 0:
            return {}
        return {name: value.detach().to("cpu", copy=True) for name, value in named}


def restore(engine: Any, weights: dict[str, torch.Tensor]) -> None:
    """Put weights that `copy` gave in place on every rank; training does not go on from them."""
    with whole(engine, writing=True) as named:
        for name, parameter in named:
            parameter.copy_(_from_first(weights.get(name), parameter))


def gather(engine: Any) -> dict[str, torch.Tensor]:
    """Weights and moments of all trainable parameters in fp32, on the first rank's CPU.

    Names are `<kind>/<parameter>`; empty on other ranks, which have to call this as well.
    """
    from deepspeed.utils import safe_get_full_fp32_param, safe_get_full_optimizer_state

    found = {}
    _link_moments(engine)
    for name, parameter in trainable(engine):
        if is_plain(engine):
            state = engine.optimizer.state[parameter]
            values = {"weight": parameter.detach(), **{k: state[k] for k in MOMENTS}}
        else:
            values = {"weight": safe_get_full_fp32_param(parameter)}
            values |= {k: safe_get_full_optimizer_state(parameter, k) for k in MOMENTS}
        if torch.distributed.get_rank() == 0:
            for kind, value in values.items():
                found[f"{kind}/{name}"] = value.to("cpu", copy=True)
    return found


def spread(engine: Any, found: dict[str, torch.Tensor], step: int) -> None:
    """Put what `gather` gave in place, as it was after `step` optimizer steps.

    Only the first rank needs to have it.
    """
    from deepspeed.utils import safe_set_full_fp32_param, safe_set_full_optimizer_state

    _open_moments(engine, step)
    for name, parameter in trainable(engine):
        shape = getattr(parameter, "ds_shape", parameter.shape)
        like = torch.empty(shape, device=engine.device, dtype=torch.float32)
        for kind in ("weight", *MOMENTS):
            value = _from_first(found.get(f"{kind}/{name}"), like)
            if not is_plain(engine):
                if kind == "weight":
                    safe_set_full_fp32_param(parameter, value)
                else:
                    safe_set_full_optimizer_state(parameter, value, kind)
            elif kind != "weight":
                engine.optimizer.state[parameter][kind].copy_(value)
    weights = {name.removeprefix("weight/"): value for name, value in found.items()}
    restore(engine, weights)
    engine.global_steps = step


def _from_first(value: torch.Tensor | None, like: torch.Tensor) -> torch.Tensor:
    """The first rank's value on every rank, with the shape, precision and device of `like`."""
    here = torch.empty_like(like, requires_grad=False)
    if value is not None:
        here.copy_(value)
    if torch.distributed.get_world_size() > 1:
        torch.distributed.broadcast(here, 0)
    return here


def _open_moments(engine: Any, step: int) -> None:
    """Create AdamW's moments, which otherwise the first step creates."""
    outer = engine.optimizer
    if is_plain(engine):
        shares = [parameter for _, parameter in trainable(engine)]
        optimizer = outer
    else:
        optimizer = outer.optimizer
        shares = next(
            getattr(outer, name)
            for name in (
                "fp32_partitioned_groups_flat",  # stage 3
                "fp32_groups_flat_partition",  # stage 1 in bf16
                "single_partition_of_fp32_groups",  # stages 1 and 2
            )
            if hasattr(outer, name)
        )
    for share in shares:
        optimizer.state[share] = {
            "step": torch.tensor(float(step), device=share.device),
            **{kind: torch.zeros_like(share, requires_grad=False) for kind in MOMENTS},
        }
    _link_moments(engine)


def _link_moments(engine: Any) -> None:
    """Let parameters find their moments: DeepSpeed does so after the first group's first step,
    when the moments of the second do not exist yet."""
    if hasattr(engine.optimizer, "_lazy_init_hp_params_optimizer_state"):
        engine.optimizer._hp_optimizer_states_linked = False
        engine.optimizer._lazy_init_hp_params_optimizer_state()
