"""XLM-R's encoder over sequences that lie end to end.

The same model, the same names of parameters and the same numbers as transformers'
`XLMRobertaModel` (tests hold the two together), written out because

- no padding goes through it (see unpadded.py), and its last layer, where a head reads only some
  states, does its work for those alone;
- importing transformers' model classes takes longer than a short cell trains.

Dropout is applied where XLM-R has it, except on attention weights.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import dropout as torch_dropout
from torch.nn.functional import pad
from torch.utils.checkpoint import checkpoint

from stages.learning.flops import forward_flops
from stages.learning.linear import Linear, missing_rows
from stages.learning.unpadded import Layout, Pattern, attend


@dataclass(frozen=True)
class Config:
    """What config.json says of the model's shape, under the names it has there."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    type_vocab_size: int = 1
    layer_norm_eps: float = 1e-5
    initializer_range: float = 0.02

    @classmethod
    def read(cls, path: Path) -> Config:
        """Read config.json."""
        found = json.loads(path.read_text())
        return cls(**{f.name: found[f.name] for f in fields(cls) if f.name in found})


class XLMR(nn.Module):
    """The encoder.

    Parameters
    ----------
    dropout : of the embeddings and of what each layer adds.
    checkpointing : compute the inside of a layer again in the backward pass instead of keeping it.
    """

    def __init__(self, config: Config, dropout: float = 0.0, checkpointing: bool = False):
        super().__init__()
        self.config = config
        self.dropout = dropout
        self.checkpointing = checkpointing
        self.flops = 0.0  # of all forward passes so far
        self.embeddings = Embeddings(config)
        self.encoder = Layers(config)

    def forward(
        self,
        tokens: torch.Tensor,
        positions: torch.Tensor,
        layout: Layout,
        read: bool = False,
        layer: int | None = None,
    ) -> torch.Tensor:
        """Return hidden states, (T, size), or those that a head reads only, (places, size).

        tokens, positions : int64 (T). layer : whose states; 0 is the embedding layer, None the last
        layer.
        """
        layers = self.encoder.layer[:layer]
        rate = self.dropout if self.training else 0.0
        # one draw a pass: a layer that is computed again has to drop the same again
        draw = int(torch.randint(2**62, ())) if rate else 0
        self.flops += forward_flops(self.config, layout, read)
        if layout.order is not None:
            tokens, positions = tokens[layout.order], positions[layout.order]
        count = len(tokens)
        if extra := missing_rows(count, self.embeddings.LayerNorm.weight):
            # rows that nobody attends to or reads; XLM-R's padding, whose embedding is not learned
            tokens, positions = (
                pad(tokens, (0, extra), value=1),
                pad(positions, (0, extra), value=1),
            )
        states = self.embeddings(tokens, positions)
        states = drop(states, rate, _source(draw, rate, states))
        for number, module in enumerate(layers, start=1):
            last = read and number == len(layers)
            where = (layout.read, layout.places) if last else (layout.all, None)
            inputs = (states, *where, rate, draw + number)
            if self.checkpointing and torch.is_grad_enabled():
                states = checkpoint(module, *inputs, use_reentrant=False)
            else:
                states = module(*inputs)
        if read and not len(layers):
            states = states[layout.places]
        if extra and not read:
            states = states[:count]
        back = layout.read_back if read else layout.back
        return states if back is None else states.index_select(0, back)


class Embedding(nn.Embedding):
    """Has no initial values, as `Linear`."""

    def reset_parameters(self) -> None:
        pass


def draw(model: XLMR) -> XLMR:
    """Give a model random weights, as XLM-R begins."""
    for module in model.modules():
        if isinstance(module, Linear | Embedding):
            nn.init.normal_(module.weight, std=model.config.initializer_range)
        if isinstance(module, Linear):
            nn.init.zeros_(module.bias)
    return model


class Layers(nn.Module):
    """The layers, in order."""

    def __init__(self, config: Config):
        super().__init__()
        self.layer = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))


class Embeddings(nn.Module):
    """Word, position and (single) type, normalised."""

    def __init__(self, config: Config):
        super().__init__()
        size = config.hidden_size
        self.word_embeddings = Embedding(config.vocab_size, size, padding_idx=1)
        self.position_embeddings = Embedding(config.max_position_embeddings, size, padding_idx=1)
        self.token_type_embeddings = Embedding(config.type_vocab_size, size)
        self.LayerNorm = nn.LayerNorm(size, eps=config.layer_norm_eps)

    def forward(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        kind = self.token_type_embeddings(tokens.new_zeros(1))
        words = self.word_embeddings(tokens)
        return self.LayerNorm(words + (self.position_embeddings(positions) + kind))


class Layer(nn.Module):
    """Attention and feed-forward; the modules are nested so that parameters keep their names."""

    def __init__(self, config: Config):
        super().__init__()
        self.heads = config.num_attention_heads
        self.attention = Attention(config)
        self.intermediate = Dense(config.hidden_size, config.intermediate_size)
        self.output = Adding(config.intermediate_size, config)

    def forward(
        self,
        states: torch.Tensor,
        pattern: Pattern,
        places: torch.Tensor | None,
        rate: float,
        draw: int,
    ) -> torch.Tensor:
        """(T, size) to (T, size), or to the states of `places`, those that ask in `pattern`."""
        project, source = self.attention.self, _source(draw, rate, states)
        asking = states if places is None else states.index_select(0, places)
        query = self._split(project.query(asking))
        if _is_short(query, pattern, project.key):
            mixed = self._mix_states(query, states, pattern)
        else:
            key, value = self._split(project.key(states)), self._split(project.value(states))
            mixed = attend(query, key, value, pattern)
        states = self.attention.output(mixed.flatten(1), asking, rate, source)
        return self.output(self.intermediate(states), states, rate, source)

    def _mix_states(
        self, query: torch.Tensor, states: torch.Tensor, pattern: Pattern
    ) -> torch.Tensor:
        """Attention of few queries, without making keys and values of all tokens.

        q (K x + k) is (K' q) x and a number that softmax ignores; the mean of V x + v is V times
        the mean of x, and v. So each head asks the states themselves, with K' q.
        """
        project, (count, heads, size) = self.attention.self, query.shape
        key = project.key.weight.unflatten(0, (heads, size))
        value = project.value.weight.unflatten(0, (heads, size))
        asking = torch.einsum("nhs,hsd->nhd", query, key).flatten(0, 1)[:, None]
        tokens = states[:, None]
        mixed = attend(asking, tokens, tokens, pattern.times(heads), size**-0.5)
        mixed = torch.einsum("nhd,hsd->nhs", mixed.view(count, heads, -1), value)
        # the bias of the keys has a gradient: zero
        return mixed + project.value.bias.view(heads, size) + 0.0 * project.key.bias.sum()

    def _split(self, states: torch.Tensor) -> torch.Tensor:
        return states.unflatten(1, (self.heads, -1))


class Attention(nn.Module):
    """What attention learns."""

    def __init__(self, config: Config):
        super().__init__()
        self.self = Projections(config.hidden_size)
        self.output = Adding(config.hidden_size, config)


class Projections(nn.Module):
    """Queries, keys and values."""

    def __init__(self, size: int):
        super().__init__()
        self.query = Linear(size, size)
        self.key = Linear(size, size)
        self.value = Linear(size, size)


class Dense(nn.Module):
    """A linear map and gelu."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.dense = Linear(inputs, outputs)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.dense.then_gelu(states)


class Adding(nn.Module):
    """A linear map whose result is added to what is there, and normalised."""

    def __init__(self, inputs: int, config: Config):
        super().__init__()
        self.dense = Linear(inputs, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(
        self,
        found: torch.Tensor,
        states: torch.Tensor,
        rate: float,
        source: np.random.BitGenerator | None,
    ) -> torch.Tensor:
        if not rate:
            return self.LayerNorm(self.dense.then_add(found, states))
        return self.LayerNorm(states + drop(self.dense(found), rate, source))


def _is_short(query: torch.Tensor, pattern: Pattern, key: nn.Module) -> bool:
    """Whether so few ask that keys and values are not worth making.

    For the CPU, and weights that are whole: ZeRO-3 brings them for a call of their module only.
    """
    count, _, size = query.shape
    if query.is_cuda or hasattr(key.weight, "ds_id"):
        return False
    return 4 * count * (size + pattern.most_keys) <= int(pattern.key_ends[-1]) * size


def drop(states: torch.Tensor, rate: float, source: np.random.BitGenerator | None) -> torch.Tensor:
    """Dropout: zero with probability `rate`, to the nearest 1/65536, or scaled up by its inverse.

    On a CPU torch draws one number after another, which took longer than any multiplication of a
    layer but its largest; `source` gives four 16-bit numbers at a time.
    """
    if not rate:
        return states
    if source is None:
        return torch_dropout(states, rate)
    level = round(rate * 65536)
    count = states.numel()
    bits = source.random_raw(-(-count // 4)).view(np.int16)[:count]
    kept = torch.from_numpy(bits).view(states.shape) >= level - 32768
    return states * (kept * (65536 / (65536 - level))).to(states.dtype)


def _source(draw: int, rate: float, states: torch.Tensor) -> np.random.BitGenerator | None:
    return np.random.SFC64(draw) if rate and not states.is_cuda else None
