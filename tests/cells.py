"""Train in this process, on the tiny encoder, or run a script on two ranks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from conftest import ENGINE, ROOT
from stages.learning import encoder as encoders
from stages.learning.heads import head_of
from stages.learning.train import train
from stages.tasks import find


def learn(workplace: Path, encoder: Path, seed: int = 1, **changes: Any) -> tuple[Any, Any]:
    """Train on mnli in this process; return (losses, weights)."""
    settings = ENGINE | {k: v for k, v in changes.items() if k in ENGINE}
    torch.manual_seed(seed)
    head = head_of(find("mnli"), settings)
    model = head.build(encoders.read(encoder, settings))
    folder = workplace / "encoded" / "mnli" / "en"
    data = [head.read(folder / f"{split}.parquet") for split in ("train", "validation")]
    report = changes.get("report", lambda entry: None)
    outcome = train(head, model, *data, settings, seed, report, changes.get("state"))
    losses = [entry["loss"] for entry in outcome.curve]
    return losses, {n: p.detach().clone() for n, p in outcome.engine.module.named_parameters()}


def two_ranks(folder: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    """Run a script of these lines on two ranks; it may import what tests import."""
    script = folder / "ranks.py"
    paths = [str(ROOT / "tests"), str(ROOT)]
    head = ("import json, os, sys", "from pathlib import Path", f"sys.path[:0] = {paths!r}")
    script.write_text("\n".join([*head, *lines, ""]))
    free = {k: v for k, v in os.environ.items() if not k.startswith(("MASTER_", "RANK", "WORLD"))}
    free.pop("LOCAL_RANK", None)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return subprocess.run(
        [*command, "--nproc-per-node", "2", str(script)],
        env=free | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
