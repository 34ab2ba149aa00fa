"""Train in this process, on the tiny encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from conftest import ENGINE
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
