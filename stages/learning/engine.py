"""DeepSpeed: one engine for a CPU, one GPU or many, started by python or by torchrun."""

from __future__ import annotations

import os
import socket
from typing import Any

import torch
from torch import nn


def join_ranks() -> tuple[int, int, torch.device]:
    """Join the process group; return (rank, world size, device).

    Without a launcher this process is the only rank, on a port that the system chooses.
    """
    alone = "RANK" not in os.environ
    if alone:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        os.environ.update(
            RANK="0", WORLD_SIZE="1", LOCAL_RANK="0", MASTER_ADDR="127.0.0.1", MASTER_PORT=port
        )
    os.environ.setdefault("DS_ACCELERATOR", "cuda" if torch.cuda.is_available() else "cpu")
    import deepspeed

    deepspeed.logger.setLevel("ERROR")
    # a shared-memory collective that needs a compiler at every start; gloo serves as well
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    if not torch.distributed.is_initialized():
        deepspeed.init_distributed(backend, auto_mpi_discovery=False, verbose=False)
    rank, world = torch.distributed.get_rank(), torch.distributed.get_world_size()
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    else:
        device = torch.device("cpu")
    return rank, world, device


def start(model: nn.Module, settings: dict[str, Any], steps: int, world: int) -> Any:
    """Return a DeepSpeed engine around `model`.

    AdamW as in Phang et al.'s released code: no weight decay on biases and LayerNorm, linear
    warm-up over `warmup` of `steps`, linear decay to zero, gradients clipped by norm.
    """
    import deepspeed
    from transformers import get_linear_schedule_with_warmup

    trainable = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    plain = [p for n, p in trainable if p.ndim < 2]
    decayed = [p for n, p in trainable if p.ndim >= 2]
    optimizer = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": settings["weight_decay"]},
            {"params": plain, "weight_decay": 0.0},
        ],
        lr=settings["learning_rate"],
        eps=settings["epsilon"],
        foreach=True,
    )
    schedule = get_linear_schedule_with_warmup(optimizer, round(settings["warmup"] * steps), steps)
    accumulation = settings["accumulation"]
    config = {
        "train_batch_size": settings["batch_size"],
        "train_micro_batch_size_per_gpu": settings["batch_size"] // (world * accumulation),
        "gradient_accumulation_steps": accumulation,
        "gradient_clipping": settings["clip"],
        "zero_optimization": {"stage": settings["zero_stage"]},
        "bf16": {"enabled": settings["precision"] == "bf16"},
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "wall_clock_breakdown": False,
        "steps_per_print": 10**9,
    }
    engine, *_ = deepspeed.initialize(
        model=model, optimizer=optimizer, lr_scheduler=schedule, config=config
    )
    return engine
