"""Train the SentencePiece unigram vocabulary on a balanced sample of the languages.

In:  build/clean.parquet
Out: build/vocabulary.model; tokenizer.json and its configurations in build/tokenizer/

Alone: python -m pretraining.vocabulary
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from stages.errors import run
from stages.writing import replacing_folder

BUILD = Path(__file__).parent / "build"
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")  # ids 0 to 3, as in XLM-R; <mask> is the last id
MAX_LENGTH = 512
# Marks that NFKC keeps apart and that mean the same to a reader, by the one that stands for them.
MARKS = {'"': "“”„‟«»", "'": "‘’‚‛", "-": "‐‑–—―"}


def unify(text: str) -> str:
    """Return the text with one mark for each meaning, as the tokenizer reads it."""
    return text.translate({ord(mark): one for one, marks in MARKS.items() for mark in marks})


def sample(texts: list[str], budget: int, draw: random.Random) -> list[str]:
    """Return texts of `budget` characters in all: shuffled, then repeated if there are too few."""
    texts = list(texts)
    draw.shuffle(texts)
    chosen: list[str] = []
    used = 0
    while used < budget:
        for text in texts:
            chosen.append(text)
            used += len(text)
            if used >= budget:
                break
    return chosen


def balance(table: Any, languages: dict[str, Any], vocabulary: dict[str, Any]) -> list[str]:
    """Return training lines with the same number of characters for every language of a group.

    Sentences fill up to two thirds of a language's share, frequent words the rest. Verses, full
    of names, are taken where there are too few other sentences, one in ten.
    """
    draw = random.Random(vocabulary["seed"])
    lines: list[str] = []
    for language in languages["taught"] + languages["others"]:
        share = "taught" if language in languages["taught"] else "others"
        budget = int(1e6 * vocabulary[f"{share}_megabytes"]) * (2 if language == "en" else 1)
        rows = table[table.language == language]
        words = list(rows.text[rows.source == "words"])
        sentences = list(rows.text[~rows.source.isin(["words", "verses"])])
        if sum(map(len, sentences)) < budget:
            sentences += list(rows.text[rows.source == "verses"])[::10]
        # Words that are in the list's head are repeated: 1 / rank, as in running text.
        weighted = [word for rank, word in enumerate(words) for _ in range(1 + 100 // (rank + 1))]
        lines += sample(sentences, budget * 2 // 3 if words else budget, draw)
        if weighted:
            lines += sample(weighted, budget // 3, draw)
    return lines


def train(lines: Iterator[str], prefix: Path, vocabulary: dict[str, Any]) -> None:
    """Train a unigram model with byte fallback: no text becomes <unk>."""
    import sentencepiece

    sentencepiece.set_random_generator_seed(vocabulary["seed"])
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=lines,
        model_prefix=str(prefix),
        model_type="unigram",
        vocab_size=vocabulary["size"] - 1,  # <mask> is added afterwards
        character_coverage=vocabulary["character_coverage"],
        byte_fallback=True,
        normalization_rule_name="nmt_nfkc",
        bos_id=0, pad_id=1, eos_id=2, unk_id=3,
        bos_piece="<s>", pad_piece="<pad>", eos_piece="</s>", unk_piece="<unk>",
        num_threads=1,
        max_sentence_length=20000,
        minloglevel=0,
    )  # fmt: skip


def convert(model: Path, folder: Path) -> None:
    """Write transformers' own format: a fast tokenizer that yields the ids of `model`."""
    import sentencepiece
    from tokenizers import (
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
    )
    from transformers import PreTrainedTokenizerFast

    pieces = sentencepiece.SentencePieceProcessor(model_file=str(model))
    vocabulary = [
        (pieces.id_to_piece(i), 0.0 if i < len(SPECIAL) else pieces.get_score(i))
        for i in range(pieces.get_piece_size())
    ]
    vocabulary.append(("<mask>", 0.0))
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Nmt(),
            normalizers.NFKC(),
            *(normalizers.Replace(Regex(f"[{marks}]"), one) for one, marks in MARKS.items()),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.ByteFallback(),
            decoders.Metaspace(replacement="▁", prepend_scheme="always"),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>", eos_token="</s>", unk_token="<unk>", sep_token="</s>",
        cls_token="<s>", pad_token="<pad>", mask_token="<mask>",
        model_max_length=MAX_LENGTH,
        model_input_names=["input_ids", "attention_mask"],
    )  # fmt: skip
    fast.save_pretrained(folder)


def main() -> None:
    import pandas as pd

    params = yaml.safe_load((Path(__file__).parent / "params.yaml").read_text())
    table = pd.read_parquet(BUILD / "clean.parquet")
    lines = balance(table, params["languages"], params["vocabulary"])
    print(f"{len(lines):,} lines, {sum(map(len, lines)) / 1e6:.1f} million characters")
    train(map(unify, lines), BUILD / "vocabulary.tmp", params["vocabulary"])
    with replacing_folder(BUILD / "tokenizer") as folder:
        convert(BUILD / "vocabulary.tmp.model", folder)
    os.replace(BUILD / "vocabulary.tmp.model", BUILD / "vocabulary.model")
    (BUILD / "vocabulary.tmp.vocab").unlink()


if __name__ == "__main__":
    run(main)
