"""The encoder's shape: an XLM-R of 4 layers, its start from the teacher, its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

EMBEDDINGS = "embeddings.word_embeddings.weight"
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def create(shape: dict[str, int], vocabulary: int) -> Any:
    """Return a randomly initialised XLMRobertaModel without a pooler.

    The layers' output projections start small, so that the whole starts close to the mean of
    its embeddings and training refines a bag of words instead of beginning from noise.
    """
    import torch
    from transformers import XLMRobertaConfig, XLMRobertaModel

    config = XLMRobertaConfig(
        vocab_size=vocabulary,
        hidden_size=shape["hidden"],
        num_hidden_layers=shape["layers"],
        num_attention_heads=shape["heads"],
        intermediate_size=shape["intermediate"],
        max_position_embeddings=shape["positions"],
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
    )
    model = XLMRobertaModel(config, add_pooling_layer=False)
    with torch.no_grad():
        for layer in model.encoder.layer:
            layer.attention.output.dense.weight.mul_(0.5)
            layer.output.dense.weight.mul_(0.5)
    return model


def project(pieces: Any, hidden: int) -> tuple[Any, Any]:
    """Reduce the teacher's piece embeddings (n, 512) to their first `hidden` principal axes.

    Returns (coordinates of shape (n, hidden) with standard deviation 1, axes (hidden, 512)).
    """
    import numpy as np

    centred = pieces.astype(np.float64) - pieces.mean(0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    axes = vectors[:, ::-1][:, :hidden].T
    coordinates = centred @ axes.T
    return (coordinates / coordinates.std()).astype(np.float32), axes.astype(np.float32)


def save(model: Any, folder: Path) -> None:
    """Write fp16 weights in two shards, the word embeddings alone in the first, and the config.

    Checkpoints fine-tuned with frozen embeddings share the first shard byte by byte.
    """
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    state = {
        name: tensor.detach().to(torch.float16).contiguous()
        for name, tensor in model.state_dict().items()
        if not name.endswith(("position_ids", "token_type_ids"))
    }
    parts = (
        {EMBEDDINGS: state[EMBEDDINGS]},
        {name: tensor for name, tensor in state.items() if name != EMBEDDINGS},
    )
    total = 0
    places = {}
    for shard, part in zip(SHARDS, parts, strict=True):
        save_file(part, folder / shard, metadata={"format": "pt"})
        total += sum(tensor.numel() * 2 for tensor in part.values())
        places |= dict.fromkeys(part, shard)
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(places.items()))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
    config = model.config
    config.architectures = ["XLMRobertaModel"]
    config.dtype = torch.float16
    config.save_pretrained(folder)
