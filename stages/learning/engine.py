"""DeepSpeed: one engine for a CPU, one GPU or many, started by python or by torchrun.

Its weights and AdamW's moments come out whole (`gather`) and go in whole (`spread`), whatever the
ZeRO stage and the number of ranks: what one set of ranks saved, another goes on from.
"""

from __future__ import annotations

import atexit
import inspect
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from stages.errors import UserError

MOMENTS = ("exp_avg", "exp_avg_sq")  # AdamW's own names


class AdamW(torch.optim.AdamW):
    """torch's AdamW without its wrappers, which import a compiler: as long as torch itself."""

    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)
    step = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))


def join_ranks() -> tuple[int, int, torch.device]:
    """Join the process group; return (rank, world size, device).

    Without a launcher this process is the only rank, and needs no port to meet itself.
    """
    on_gpu = torch.cuda.is_available()
    os.environ.setdefault("DS_ACCELERATOR", "cuda" if on_gpu else "cpu")
    deepspeed = _import_deepspeed()
    backend = "nccl" if on_gpu else "gloo"
    if not torch.distributed.is_initialized():
        if "RANK" not in os.environ:
            os.environ["LOCAL_RANK"] = "0"
            torch.distributed.init_process_group(
                backend, store=torch.distributed.HashStore(), rank=0, world_size=1
            )
        deepspeed.init_distributed(backend, auto_mpi_discovery=False, verbose=False)
        # threads of the process group that outlive the interpreter abort it at exit
        atexit.register(leave_ranks)
    rank, world = torch.distributed.get_rank(), torch.distributed.get_world_size()
    device = torch.device("cpu")
    if on_gpu:
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    return rank, world, device


def _import_deepspeed() -> Any:
    """Import DeepSpeed without MLflow (its autotuner's), and Muon without compiling it.

    Both are unused here, and take four fifths of its start.
    """
    if "deepspeed" not in sys.modules:
        mlflow = sys.modules.get("mlflow")
        sys.modules["mlflow"] = None  # type: ignore[assignment]
        try:
            import deepspeed
        finally:
            del sys.modules["mlflow"]
            if mlflow:
                sys.modules["mlflow"] = mlflow
        from deepspeed.runtime import compiler

        compiling = compiler.compile
        compiler.compile = lambda *_, **__: lambda function: function
        try:
            import deepspeed.runtime.zero.muon.muon_optimizer
        finally:
            compiler.compile = compiling
        # a shared-memory collective that needs a compiler at every start; gloo serves as well
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    import deepspeed

    deepspeed.logger.setLevel("ERROR")
    return deepspeed


def leave_ranks() -> None:
    """Leave the process group, if there is one."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def start(model: nn.Module, settings: dict[str, Any], world: int) -> Any:
    """Return a DeepSpeed engine around `model`.

    AdamW as in Phang et al.'s released code: no weight decay on biases and LayerNorm, gradients
    clipped by norm. The loop sets the learning rate of every step (`rate`).

    Raises
    ------
    UserError
        A combination that DeepSpeed does not have.
    """
    deepspeed = _import_deepspeed()
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimizer = AdamW(
        [
            {
                "params": [p for p in trainable if p.ndim >= 2],
                "weight_decay": settings["weight_decay"],
            },
            {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
        ],
        lr=settings["learning_rate"],
        eps=settings["epsilon"],
        fused=True,
    )
    accumulation = settings["accumulation"]
    config = {
        "train_batch_size": settings["batch_size"],
        "train_micro_batch_size_per_gpu": settings["batch_size"] // (world * accumulation),
        "gradient_accumulation_steps": accumulation,
        "gradient_clipping": settings["clip"],
        "zero_optimization": _zero(settings),
        "bf16": {"enabled": settings["precision"] == "bf16"},
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "wall_clock_breakdown": False,
        "steps_per_print": 10**9,
    }
    if settings["zero_stage"] == 3:
        _lend(model)
    engine, *_ = deepspeed.initialize(model=model, optimizer=optimizer, config=config)
    if world == 1 and _is_plain(engine):
        # one rank has nobody to average gradients with; DeepSpeed copies them twice to do so
        engine.enable_backward_allreduce = False
    return engine


def _lend(model: nn.Module) -> None:
    """Let ZeRO-3 bring what a module reads of others (its `borrowed()`) for its forward pass."""
    from deepspeed.runtime.zero.partition_parameters import register_external_parameter

    for module in model.modules():
        borrowed: Any = getattr(module, "borrowed", tuple)
        for parameter in borrowed():
            register_external_parameter(module, parameter)


def _zero(settings: dict[str, Any]) -> dict[str, Any]:
    stage, offload = settings["zero_stage"], settings.get("offload", "none")
    if settings["precision"] == "bf16" and stage == 0:
        # stage 0 has no fp32 master weights; on one rank stage 1 is the same otherwise
        stage = 1
    found: dict[str, Any] = {"stage": stage}
    if offload == "optimizer":
        if stage == 0:
            raise UserError(
                "engine.offload is optimizer, which ZeRO stage 0 does not have: set "
                "engine.zero_stage to 1, 2 or 3 in params.yaml."
            )
        found["offload_optimizer"] = {"device": "cpu", "pin_memory": torch.cuda.is_available()}
    elif offload != "none":
        raise UserError(f"engine.offload is {offload!r} (params.yaml); expected none or optimizer.")
    return found


def rate(step: int, steps: int, settings: dict[str, Any]) -> float:
    """The learning rate of optimizer step `step` (from 0) of `steps`.

    Linear from 0 over the first `warmup` of the steps, then linear to 0 (transformers'
    `get_linear_schedule_with_warmup`).
    """
    warm = round(settings["warmup"] * steps)
    share = step / warm if step < warm else (steps - step) / max(1, steps - warm)
    return float(settings["learning_rate"] * share)


def set_rate(engine: Any, value: float) -> None:
    """Use this learning rate in the next step."""
    for group in engine.optimizer.param_groups:
        group["lr"] = value


def trainable(engine: Any) -> list[tuple[str, nn.Parameter]]:
    """The parameters that training changes, with their names."""
    return [(n, p) for n, p in engine.module.named_parameters() if p.requires_grad]


@contextmanager
def whole(engine: Any, writing: bool = False) -> Iterator[list[tuple[str, nn.Parameter]]]:
    """Yield all trainable parameters whole on every rank; ZeRO-3 keeps a part of each.

    writing : what the first rank writes into them is kept, on every rank.
    """
    named = trainable(engine)
    gathered = _import_deepspeed().zero.GatheredParameters(
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
        if _is_plain(engine):
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
            if not _is_plain(engine):
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


def from_first_rank(value: Any) -> Any:
    """Return the first rank's value on every rank."""
    told = [value]
    if torch.distributed.get_world_size() > 1:
        torch.distributed.broadcast_object_list(told, 0)
    return told[0]


def _is_plain(engine: Any) -> bool:
    """Whether AdamW works on the model's parameters themselves (stage 0), not on shares of them."""
    return isinstance(engine.optimizer, torch.optim.Optimizer)


def _open_moments(engine: Any, step: int) -> None:
    """Create AdamW's moments, which otherwise the first step creates."""
    outer = engine.optimizer
    if _is_plain(engine):
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
