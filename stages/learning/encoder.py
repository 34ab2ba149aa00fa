"""An XLM-R encoder: read it for training, write it so that `AutoModel.from_pretrained` reads it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from stages.admission import check_encoder
from stages.errors import UserError
from stages.learning.batches import FIRST_POSITION, Batch
from stages.learning.xlmr import XLMR, Config

PRECISIONS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
MASK = "<mask>"
# what belongs to an encoder besides its weights and configuration
COMPANIONS = ("tokenizer*", "special_tokens_map.json", "*.model", "pretraining_sizes.csv")


def read(folder: Path, settings: dict[str, Any]) -> XLMR:
    """Return the encoder in `folder` as fp32, embeddings frozen if `freeze_embeddings` says so.

    Raises
    ------
    UserError
        The folder is not an XLM-R, its weights cannot be read, or are pickles.
    """
    if not (folder / "config.json").exists():
        raise UserError(
            f"{folder}: expected an encoder (config.json, model*.safetensors, tokenizer.json). "
            "`dvc pull` brings the small one."
        )
    check_encoder(folder)
    found = json.loads((folder / "config.json").read_text())
    kind = (found.get("model_type"), found.get("hidden_act", "gelu"))
    if kind != ("xlm-roberta", "gelu"):
        raise UserError(f"{folder}: expected an XLM-R encoder with gelu, found {kind[0]!r}.")
    # on no device: weights that are read in a moment need no initial values
    with torch.device("meta"):
        model = XLMR(
            Config.read(folder / "config.json"),
            settings["dropout"],
            settings["activation_checkpointing"],
        )
    try:
        model.load_state_dict(_weights(folder, set(model.state_dict())), assign=True)
    except (OSError, RuntimeError, SafetensorError) as error:
        raise UserError(f"{folder}: the encoder cannot be read: {error}") from error
    model.requires_grad_(True)
    if settings["freeze_embeddings"]:
        model.embeddings.word_embeddings.weight.requires_grad_(False)
    return model


def _weights(folder: Path, wanted: set[str]) -> dict[str, torch.Tensor]:
    """The weights of the encoder itself; a checkpoint of XLM-R may hold a head as well."""
    found = {}
    # head.safetensors is what an earlier phase left
    for path in sorted(folder.glob("model*.safetensors")):
        with safe_open(path, framework="pt") as stored:
            for name in stored.keys():  # noqa: SIM118 - not a dict
                short = name.removeprefix("roberta.")
                if short in wanted:
                    found[short] = stored.get_tensor(name).to(torch.float32, copy=True)
    return found


def states(model: XLMR, batch: Batch) -> torch.Tensor:
    """Return the last hidden states of a batch, (T, size)."""
    found: torch.Tensor = model(batch.tokens[0], batch.positions[0], batch.layout)
    return found


def states_read(model: XLMR, batch: Batch) -> torch.Tensor:
    """Return the last hidden states at `batch.places`, (places, size): all that a head reads.

    The last layer computes nothing else, a fifth of the work of four layers.
    """
    found: torch.Tensor = model(batch.tokens[0], batch.positions[0], batch.layout, read=True)
    return found


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


def vocabulary(folder: Path) -> tuple[int, int]:
    """The size of the vocabulary of the encoder in `folder`, and the number of <mask> in it.

    Raises
    ------
    UserError
        Its tokenizer has no <mask>.
    """
    size = int(json.loads((folder / "config.json").read_text())["vocab_size"])
    added = json.loads((folder / "tokenizer.json").read_text()).get("added_tokens", [])
    for token in added:
        if token["content"] == MASK and token["id"] < size:
            return size, int(token["id"])
    raise UserError(
        f"{folder}/tokenizer.json: no token {MASK} among the first {size}: masked language "
        "modelling needs an encoder whose tokenizer has it."
    )


def language_head(folder: Path) -> dict[str, torch.Tensor]:
    """The pretrained head for masked tokens that is stored with the encoder, as XLM-R's is; {}."""
    found = {}
    for path in sorted(folder.glob("model*.safetensors")):
        with safe_open(path, framework="pt") as stored:
            for name in stored.keys():  # noqa: SIM118 - not a dict
                short = name.removeprefix("lm_head.")
                if short != name and not short.startswith("decoder."):
                    found[short] = stored.get_tensor(name).to(torch.float32, copy=True)
    return found


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

    words = "embeddings.word_embeddings.weight"
    shards = [{words: state.pop(words)}, state]
    index: dict[str, Any] = {"metadata": {"total_size": 0}, "weight_map": {}}
    for number, shard in enumerate(shards, start=1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        save_file(shard, folder / file, metadata={"format": "pt"})
        index["metadata"]["total_size"] += sum(tensor.nbytes for tensor in shard.values())
        index["weight_map"] |= dict.fromkeys(shard, file)
    text = json.dumps(index, indent=2, sort_keys=True) + "\n"
    (folder / "model.safetensors.index.json").write_text(text)
    # what training set for itself (dropout, attention) is no property of the encoder
    config = json.loads((source / "config.json").read_text())
    config |= {"dtype": precision, "architectures": ["XLMRobertaModel"]}
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    save_file(head, folder / "head.safetensors")
    for pattern in COMPANIONS:
        for path in sorted(source.glob(pattern)):
            shutil.copy(path, folder / path.name)
    (folder / "training.json").write_text(json.dumps(extra, indent=1, sort_keys=True) + "\n")
