"""Place the words of all languages: the mean of the embeddings regresses the teacher's vector."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional
from tqdm import trange

from pretraining.draw import Lessons


def loss_of(predicted: Any, target: Any, rows: Any, settings: dict[str, Any]) -> Any:
    """Return 1 - cosine, plus InfoNCE over the batch's other meanings.

    predicted, target : (n, hidden); rows : (n,) ids of the meanings, equal ids are no negatives.
    """
    predicted = functional.normalize(predicted, dim=-1)
    target = functional.normalize(target, dim=-1)
    regress = 1 - (predicted * target).sum(-1).mean()
    scores = predicted @ target.T / settings["temperature"]
    same = rows[:, None] == rows[None, :]
    same.fill_diagonal_(False)
    scores = scores.masked_fill(same, -1e4)
    contrast = functional.cross_entropy(scores, torch.arange(len(scores), device=scores.device))
    return regress + settings["contrast"] * contrast, regress.detach()


def start_bag(lessons: Lessons, targets: Any, model: Any, settings: Any) -> None:
    """Train embeddings and projection alone, on means of embeddings (no padding, no layers)."""
    random = np.random.default_rng(settings["seed"])
    words = model.embeddings.word_embeddings.weight
    norm = model.embeddings.LayerNorm
    steps, size = settings["bag_steps"], settings["bag_batch"]
    dense = torch.optim.AdamW(norm.parameters(), lr=1e-3, weight_decay=0.0)
    sparse = torch.optim.Adam([words], lr=settings["bag_learning_rate"])
    places = model.embeddings.position_embeddings.weight.detach()
    kind = model.embeddings.token_type_embeddings.weight.detach()[0]
    bar = trange(steps, desc="bag of words", mininterval=10)
    mean = 0.0
    for step in bar:
        chosen = lessons.draw(size, random)
        flat, lengths = lessons.ids.take(chosen).values, lessons.ids.lengths[chosen]
        keep = random.random(len(flat)) >= settings["drop_tokens"]
        owner = torch.from_numpy(np.repeat(np.arange(size), lengths)[keep])
        index = torch.from_numpy(flat[keep].astype(np.int64))
        unique, inverse = torch.unique(index, return_inverse=True)
        hidden = norm(words[unique] + places[2] + kind)
        total = torch.zeros(size, hidden.shape[1]).index_add_(0, owner, hidden[inverse])
        target = torch.from_numpy(targets[lessons.target[chosen]].astype(np.float32))
        rows = torch.from_numpy(lessons.target[chosen])
        mean_hidden = total / torch.bincount(owner, minlength=size).clamp(min=1)[:, None]
        loss, regress = loss_of(mean_hidden, target, rows, settings)
        for group in (*dense.param_groups, *sparse.param_groups):
            group.setdefault("start", group["lr"])
            group["lr"] = group["start"] * (1 - step / steps)
        dense.zero_grad()
        sparse.zero_grad()
        loss.backward()
        dense.step()
        sparse.step()
        mean = 0.98 * mean + 0.02 * regress.item() if step else regress.item()
        bar.set_postfix(distance=f"{mean:.4f}", refresh=False)
