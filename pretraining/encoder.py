"""The encoder's shape: an XLM-R of 4 layers, its start from the teacher, its files."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import XLMRobertaConfig

from stages.learning.heads.masked import LanguageModel
from stages.learning.xlmr import XLMR, Config, draw

EMBEDDINGS = "embeddings.word_embeddings.weight"
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def create(shape: dict[str, int], vocabulary: int) -> XLMR:
    """Return a randomly initialised encoder.

    The layers' output projections start small, so that the whole starts close to the mean of
    its embeddings and training refines a bag of words instead of beginning from noise.
    """
    model = draw(
        XLMR(
            Config(
                vocab_size=vocabulary,
                hidden_size=shape["hidden"],
                num_hidden_layers=shape["layers"],
                num_attention_heads=shape["heads"],
                intermediate_size=shape["intermediate"],
                max_position_embeddings=shape["positions"],
            )
        )
    )
    with torch.no_grad():
        for layer in model.encoder.layer:
            layer.attention.output.dense.weight.mul_(0.5)
            layer.output.dense.weight.mul_(0.5)
    return model


def find_axes(targets: Any, hidden: int, seed: int) -> Any:
    """Return orthonormal axes (hidden, 512) of the teacher's space that keep the most of it.

    The principal axes, turned at random: every dimension then carries as much as another, which
    layer normalisation assumes, and cosines stay what they are in the principal space.
    """
    import numpy as np

    sample = np.asarray(targets[:: max(1, len(targets) // 50_000)], dtype=np.float64)
    _, vectors = np.linalg.eigh(sample.T @ sample)
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(hidden, hidden)))
    return (turn @ vectors[:, ::-1][:, :hidden].T).astype(np.float32)


def reduce(vectors: Any, axes: Any) -> Any:
    """Return the vectors (n, 512) in the axes' coordinates, of length 1, float16 (n, hidden)."""
    import numpy as np

    reduced = np.empty((len(vectors), len(axes)), dtype=np.float16)
    for start in range(0, len(vectors), 65_536):
        part = np.asarray(vectors[start : start + 65_536], dtype=np.float32) @ axes.T
        part /= np.linalg.norm(part, axis=1, keepdims=True) + 1e-9
        reduced[start : start + 65_536] = part
    return reduced


def save(language: LanguageModel, folder: Path) -> None:
    """Write fp16 weights and config.json as transformers reads them.

    There are two shards, the word embeddings alone in the first:
    checkpoints fine-tuned with frozen embeddings share the first shard byte by byte.
    The head that finds hidden tokens goes with them, by XLM-R's names (`lm_head`).
    """
    folder.mkdir(parents=True, exist_ok=True)
    model = language.encoder
    state = {
        name.removeprefix("encoder.") if name.startswith("encoder.") else f"lm_head.{name}": tensor
        for name, tensor in language.state_dict().items()
    }
    state = {name: tensor.detach().half().contiguous() for name, tensor in state.items()}
    parts = (
        {EMBEDDINGS: state[EMBEDDINGS]},
        {name: tensor for name, tensor in state.items() if name != EMBEDDINGS},
    )
    total = 0
    places: dict[str, str] = {}
    for shard, part in zip(SHARDS, parts, strict=True):
        save_file(part, folder / shard, metadata={"format": "pt"})
        total += sum(tensor.numel() * 2 for tensor in part.values())
        places |= dict.fromkeys(part, shard)
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(places.items()))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
    config = XLMRobertaConfig(
        **asdict(model.config), bos_token_id=0, pad_token_id=1, eos_token_id=2
    )
    config.architectures = ["XLMRobertaModel"]
    config.dtype = torch.float16
    config.save_pretrained(folder)
