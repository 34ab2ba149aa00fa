"""An XLM-R encoder: read it for training, write it so that `AutoModel.from_pretrained` reads it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import XLMRobertaConfig, XLMRobertaModel

from stages.errors import UserError
from stages.learning import unpadded
from stages.learning.batches import FIRST_POSITION, Batch

PRECISIONS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
# what belongs to an encoder besides its weights and configuration
COMPANIONS = ("tokenizer*", "special_tokens_map.json", "*.model", "pretraining_sizes.csv")


def read(folder: Path, settings: dict[str, Any]) -> XLMRobertaModel:
    """Return the encoder in `folder` as fp32, attending without padding, embeddings frozen if
    `freeze_embeddings` says so.

    Raises
    ------
    UserError
        The folder is not an XLM-R, or its weights cannot be read.
    """
    if not (folder / "config.json").exists():
        raise UserError(
            f"{folder}: expected an encoder (config.json, model*.safetensors, tokenizer.json). "
            "`dvc pull` brings the small one."
        )
    config = XLMRobertaConfig.from_pretrained(folder)
    if config.model_type != "xlm-roberta":
        raise UserError(f"{folder}: expected an XLM-R encoder, found {config.model_type!r}.")
    try:
        model = XLMRobertaModel.from_pretrained(
            folder,
            hidden_dropout_prob=settings["dropout"],
            dtype=torch.float32,
            attn_implementation=unpadded.NAME,
            add_pooling_layer=False,
            use_safetensors=True,
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(f"{folder}: the encoder cannot be read: {error}") from error
    if settings["freeze_embeddings"]:
        model.embeddings.word_embeddings.weight.requires_grad_(False)
    if settings["activation_checkpointing"]:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    return model


def states(model: XLMRobertaModel, batch: Batch) -> torch.Tensor:
    """Return the last hidden states of a batch, (T, size)."""
    output = model(input_ids=batch.tokens, position_ids=batch.positions, layout=batch.layout)
    states: torch.Tensor = output.last_hidden_state[0]
    return states


def check_length(folder: Path, max_length: int) -> None:
    """Refuse sequences of more tokens than the encoder in `folder` has positions for.

    Raises
    ------
    UserError
        Says how many there are.
    """
    positions = longest(folder)
    if max_length > positions:
        raise UserError(
            f"max_length is {max_length} (params.yaml), but {folder} has positions for sequences "
            f"of {positions} tokens at most: lower max_length, or name another encoder."
        )


def longest(folder: Path) -> int:
    """The tokens of the longest sequence that the encoder in `folder` has positions for."""
    config = json.loads((folder / "config.json").read_text())
    return int(config["max_position_embeddings"]) - FIRST_POSITION


def is_stand_in(folder: Path) -> bool:
    """Whether the encoder says of itself that it was never trained (`random` in config.json)."""
    return bool(json.loads((folder / "config.json").read_text()).get("randomly_initialised"))


def name(folder: Path) -> str:
    """What the encoder calls itself: `encoder_name` in config.json, or its shape."""
    config = json.loads((folder / "config.json").read_text())
    shape = f"xlm-roberta {config['num_hidden_layers']}x{config['hidden_size']}"
    return str(config.get("encoder_name") or shape)


def write(engine: Any, source: Path, folder: Path, precision: str, extra: dict[str, Any]) -> None:
    """Write the fine-tuned encoder, its tokenizer and a card into `folder`.

    The word embeddings fill a file of their own: while they are frozen, that file is the same in
    every checkpoint, and DVC stores it once.
    """
    import deepspeed

    module = engine.module
    named = list(module.state_dict(keep_vars=True).items())
    with deepspeed.zero.GatheredParameters([p for _, p in named if hasattr(p, "ds_id")]):
        state = {
            name.removeprefix("encoder."): value.detach().to("cpu", PRECISIONS[precision])
            for name, value in named
            if name.startswith("encoder.")
        }
        head = {
            name: value.detach().to("cpu", PRECISIONS[precision]).contiguous()
            for name, value in named
            if not name.startswith("encoder.")
        }
    if torch.distributed.get_rank() != 0:
        return
    from safetensors.torch import save_file

    embeddings = state["embeddings.word_embeddings.weight"]
    module.encoder.save_pretrained(
        folder,
        state_dict=state,
        max_shard_size=embeddings.numel() * embeddings.element_size(),
    )
    # what training set for itself (dropout, attention) is no property of the encoder
    config = json.loads((source / "config.json").read_text())
    config |= {"dtype": precision, "architectures": ["XLMRobertaModel"]}
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    save_file(head, folder / "head.safetensors")
    for pattern in COMPANIONS:
        for path in sorted(source.glob(pattern)):
            shutil.copy(path, folder / path.name)
    (folder / "training.json").write_text(json.dumps(extra, indent=1, sort_keys=True) + "\n")
