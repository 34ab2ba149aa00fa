"""DeepSpeed: one engine for a CPU, one GPU or many, started by python or by torchrun."""

from __future__ import annotations

import atexit
import inspect
import os
import sys
from typing import Any

import torch
from torch import nn

from stages.errors import UserError


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
    deepspeed = import_deepspeed()
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


def import_deepspeed() -> Any:
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
    deepspeed = import_deepspeed()
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
    if world == 1 and is_plain(engine):
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


def from_first_rank(value: Any) -> Any:
    """Return the first rank's value on every rank."""
    told = [value]
    if torch.distributed.get_world_size() > 1:
        torch.distributed.broadcast_object_list(told, 0)
    return told[0]


def is_plain(engine: Any) -> bool:
    """Whether AdamW works on the model's parameters themselves (stage 0), not on shares of them."""
    return isinstance(engine.optimizer, torch.optim.Optimizer)
