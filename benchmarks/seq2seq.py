"""A tiny, randomly initialised M2M-100 with a tokenizer of its own: its output is noise."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

LANGUAGES = 100  # tokens of languages, which M2M-100's tokenizer adds behind its pieces


def tiny_m2m(
    folder: Path,
    texts: Iterable[str],
    pieces: int = 200,
    width: int = 32,
    layers: int = 2,
    heads: int = 2,
) -> Path:
    """Write config, weights and tokenizer to `folder`; nothing is fetched."""
    import sentencepiece
    import torch
    from transformers import M2M100Config, M2M100ForConditionalGeneration, M2M100Tokenizer

    folder.mkdir(parents=True, exist_ok=True)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_prefix=str(folder / "spm"), vocab_size=pieces,
        character_coverage=1.0, hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spm.model"))
    names = ["<s>", "<pad>", "</s>", "<unk>"]
    names += [processor.id_to_piece(i) for i in range(processor.get_piece_size())]
    vocabulary = {name: number for number, name in enumerate(dict.fromkeys(names))}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    tokenizer = M2M100Tokenizer(str(folder / "vocab.json"), str(folder / "spm.model"))
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = M2M100Config(
        vocab_size=len(vocabulary) + LANGUAGES + 8, d_model=width, encoder_layers=layers,
        decoder_layers=layers, encoder_attention_heads=heads, decoder_attention_heads=heads,
        encoder_ffn_dim=4 * width, decoder_ffn_dim=4 * width, max_position_embeddings=256,
        init_std=0.5, pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2,
    )  # fmt: skip
    M2M100ForConditionalGeneration(config).eval().save_pretrained(folder)
    return folder
