"""Greedy decoding of a batch: rows that are done leave it, so that none is computed in vain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

LEAVE = 8  # rows leave once an eighth of the batch is done: to move what remains costs as well


@torch.inference_mode()
def greedy(
    model: Any, inputs: Sequence[Sequence[int]], first: int, limits: Sequence[int]
) -> list[list[int]]:
    """Return the tokens of the translations, without the first and the last one.

    model : an M2M-100 or NLLB-200 of transformers, in eval mode.
    inputs : token ids of the sources as the tokenizer writes them; first : the token of the
        language, which every translation begins with; limits : tokens at most, row by row.
    The same as `generate(num_beams=1, do_sample=False, forced_bos_token_id=first)` row by row.
    """
    from transformers.cache_utils import DynamicCache, EncoderDecoderCache

    config, device = model.config, model.device
    ids, mask = padded(inputs, config.pad_token_id, device)
    states = model.model.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    cache = EncoderDecoderCache(DynamicCache(config=config), DynamicCache(config=config))
    rows = torch.arange(len(inputs), device=device)  # of the batch, that are still in it
    limit = torch.tensor(list(limits), device=device)
    running = torch.ones(len(inputs), dtype=torch.bool, device=device)
    tokens = torch.tensor([[config.decoder_start_token_id, first]] * len(inputs), device=device)
    written: list[list[int]] = [[] for _ in inputs]
    for step in range(1, max(limits) + 1):
        states_out = model.model.decoder(
            input_ids=tokens,
            encoder_hidden_states=states,
            encoder_attention_mask=mask,
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state
        chosen = model.lm_head(states_out[:, -1]).argmax(-1)
        ended = chosen == config.eos_token_id
        for row, token, more in zip(
            rows.tolist(), chosen.tolist(), (running & ~ended).tolist(), strict=True
        ):
            if more:
                written[row].append(token)
        running &= ~ended & (limit > step)
        left = int(running.sum())
        if not left:
            break
        tokens = chosen[:, None]
        if len(rows) - left >= max(1, len(rows) // LEAVE):
            kept = running.nonzero()[:, 0]
            cache.batch_select_indices(kept)
            rows, limit, running = rows[kept], limit[kept], running[kept]
            states, mask, tokens = states[kept], mask[kept], tokens[kept]
    return written


def padded(
    inputs: Sequence[Sequence[int]], pad: int, device: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids and mask, int64 (rows, width)."""
    width = max(map(len, inputs))
    ids = torch.full((len(inputs), width), pad)
    mask = torch.zeros((len(inputs), width), dtype=torch.long)
    for row, found in enumerate(inputs):
        ids[row, : len(found)] = torch.tensor(list(found))
        mask[row, : len(found)] = 1
    return ids.to(device), mask.to(device)
