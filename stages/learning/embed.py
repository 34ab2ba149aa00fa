"""Sentence embeddings: the mean of one hidden state over a sentence's tokens, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from stages.errors import UserError
from stages.learning import encoder as encoders
from stages.learning.batches import Ragged, sentences
from stages.learning.heads.pooling import mean_by_part
from stages.learning.predict import collect
from stages.learning.xlmr import XLMR


def read_layers(folder: Path, layer: int, precision: str) -> XLMR:
    """Return the encoder in `folder` up to hidden state `layer`; the layers above are not computed.

    layer : as transformers counts `hidden_states`: 0 are the embeddings, n the output of layer n.
    Raises UserError where the encoder has no such layer, and as `encoders.read` does.
    """
    settings = {"dropout": 0.0, "freeze_embeddings": True, "activation_checkpointing": False}
    model = encoders.read(folder, settings)
    layers = model.encoder.layer
    if not 0 <= layer <= len(layers):
        raise UserError(
            f"retrieve.layer is {layer} (params.yaml), but {folder} has {len(layers)} layers: "
            f"expected a number from 0 (the embeddings) to {len(layers)}."
        )
    model.encoder.layer = layers[:layer]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    model.to(device=device, dtype=kind)
    return model.eval()


@torch.no_grad()
def embed(model: XLMR, texts: Ragged, max_length: int, tokens: int) -> np.ndarray:
    """Return the mean state of every text, float32 (n, size), `<s>` and `</s>` included.

    max_length : tokens of a text with its special tokens; what is longer is cut off.
    tokens : of a batch.
    """

    def means(which: np.ndarray) -> torch.Tensor:
        batch: Any = sentences(texts, which, max_length).to(model.device())
        return mean_by_part(encoders.states(model, batch).float(), batch.parts)

    return collect(np.minimum(texts.lengths + 2, max_length), tokens, means)
