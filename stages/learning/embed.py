"""Sentence embeddings: the mean of one hidden state over a sentence's tokens, without training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from stages.errors import UserError
from stages.learning import encoder as encoders
from stages.learning.batches import Ragged, sentences
from stages.learning.heads.pooling import mean_by_part
from stages.learning.predict import collect
from stages.learning.xlmr import XLMR


def read(folder: Path, layer: int, precision: str) -> XLMR:
    """Return the encoder in `folder`, ready to embed on the GPU where there is one.

    Raises UserError where the encoder has no hidden state `layer`, and as `encoders.read` does.
    """
    settings = {"dropout": 0.0, "freeze_embeddings": True, "activation_checkpointing": False}
    model = encoders.read(folder, settings)
    layers = model.config.num_hidden_layers
    if not 0 <= layer <= layers:
        raise UserError(
            f"retrieve.layer is {layer} (params.yaml), but {folder} has {layers} layers: "
            f"expected a number from 0 (the embeddings) to {layers}."
        )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    return model.to(device, kind).eval()


@torch.no_grad()
def embed(model: XLMR, texts: Ragged, layer: int, max_length: int, tokens: int) -> np.ndarray:
    """Return the mean state of every text, float32 (n, size), `<s>` and `</s>` included.

    layer : as transformers counts `hidden_states`: 0 are the embeddings, n the output of layer n;
    the layers above are not computed.
    max_length : tokens of a text with its special tokens; what is longer is cut off.
    tokens : of a batch.
    """
    device = next(model.parameters()).device

    def means(which: np.ndarray) -> torch.Tensor:
        batch = sentences(texts, which, max_length).to(device)
        states = model(batch.tokens[0], batch.positions[0], batch.layout, layer=layer)
        return mean_by_part(states.float(), batch.parts)

    return collect(np.minimum(texts.lengths + 2, max_length), tokens, means)
