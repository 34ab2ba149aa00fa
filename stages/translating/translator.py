"""A sequence-to-sequence model of transformers, and sentences through it in full batches."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from stages.errors import UserError
from stages.translating.decode import greedy, padded
from stages.translating.languages import named
from stages.translating.memory import Memory
from stages.translating.sentences import UNSPACED

SECONDS_A_LINE = 5
ROOM = 20  # tokens that a translation may have beyond its share of the source's
MOST_UNKNOWN = 0.05  # of the source's tokens: a tokenizer of these languages knows nearly all


@dataclass
class Translator:
    """A model, its tokenizer, and the pair of languages.

    batch_tokens : of the sources of a batch, padding counted. max_length : tokens of a source;
    a longer sentence is translated in parts. length_ratio : tokens of a translation for one of its
    source, at most. beams : 1 is greedy.
    """

    model: Any
    tokenizer: Any
    source: str
    target: str
    batch_tokens: int = 4096
    max_length: int = 256
    length_ratio: float = 2.5
    beams: int = 1
    cut: int = 0  # translations that were as long as they may be: the model did not end them
    first: int = field(init=False)

    def __post_init__(self) -> None:
        self.tokenizer.src_lang = named(self.tokenizer, self.source)[0]
        self.first = named(self.tokenizer, self.target)[1]

    def translate(self, sentences: Sequence[str], memory: Memory, name: str) -> None:
        """Add to `memory` the sentences that it lacks, longest first; lines say how far it is.

        Raises
        ------
        UserError
            The tokenizer does not know the script of the sources.
        """
        wanted = [s for s in dict.fromkeys(sentences) if memory.get(s) is None]
        known = len(set(sentences)) - len(wanted)
        print(f"  {name}: {len(wanted)} sentences, {known} more are known", flush=True)
        if not wanted:
            return
        pieces, ids = self.encode(wanted)
        parts = dict(zip(pieces, ids, strict=True))
        cut_up = {s: self.parts(s) for s in wanted if len(parts[s]) > self.max_length}
        whole = [s for s in wanted if s not in cut_up]
        tell = _Progress(name, sum(map(len, ids)))
        for batch in batches([len(parts[s]) for s in whole], self.batch_tokens):
            chosen = [whole[row] for row in batch]
            memory.add(chosen, self.decode([parts[s] for s in chosen]))
            tell(sum(len(parts[s]) for s in chosen), len(chosen))
        for sentence, halves in cut_up.items():
            found = self.decode(self.encode(halves)[1])
            memory.add([sentence], ["".join(found) if self.target in UNSPACED else " ".join(found)])
            tell(len(parts[sentence]), 1)

    def encode(self, sentences: Sequence[str]) -> tuple[Sequence[str], list[list[int]]]:
        """Return the sentences and their token ids with the source's special tokens."""
        ids = [self.tokenizer(sentence)["input_ids"] for sentence in sentences]
        unknown = sum(found.count(self.tokenizer.unk_token_id) for found in ids)
        total = sum(map(len, ids))
        if unknown > MOST_UNKNOWN * total:
            raise UserError(
                f"the tokenizer of the translation model does not know {unknown} of the {total} "
                f"tokens of the sources ({self.source}): it was made for other languages or "
                "scripts. Nothing was translated; name another model (translate.model)."
            )
        return sentences, ids

    def parts(self, sentence: str) -> list[str]:
        """Return a long sentence in parts of at most max_length tokens, cut at blanks."""
        ids = self.tokenizer(sentence)["input_ids"]
        middle = sentence.rfind(" ", 0, len(sentence) // 2 + 1)
        middle = middle if middle > 0 else len(sentence) // 2
        if len(ids) <= self.max_length or middle < 1:
            return [sentence]
        halves = (sentence[:middle].strip(), sentence[middle:].strip())
        return [part for half in halves if half for part in self.parts(half)]

    def decode(self, ids: list[list[int]]) -> list[str]:
        """Return the translations of token ids."""
        limits = [int(self.length_ratio * len(found)) + ROOM for found in ids]
        if self.beams == 1:
            written = greedy(self.model, ids, self.first, limits)
        else:
            written = self._beams(ids, max(limits))
        self.cut += sum(len(w) >= limit for w, limit in zip(written, limits, strict=True))
        # an unknown token is no text, though not every version of transformers leaves it out
        known = [[t for t in row if t != self.tokenizer.unk_token_id] for row in written]
        texts = self.tokenizer.batch_decode(known, skip_special_tokens=True)
        return [text.strip() for text in texts]

    def _beams(self, ids: list[list[int]], limit: int) -> list[list[int]]:
        inputs, mask = padded(ids, self.model.config.pad_token_id, self.model.device)
        found = self.model.generate(
            input_ids=inputs, attention_mask=mask, forced_bos_token_id=self.first,
            num_beams=self.beams, do_sample=False, max_new_tokens=limit,
        )  # fmt: skip
        ends = {self.model.config.pad_token_id, self.model.config.eos_token_id}
        return [[token for token in row[2:] if token not in ends] for row in found.tolist()]


def load(folder: Path, precision: str) -> tuple[Any, Any]:
    """Return the model, on a GPU where there is one, and its tokenizer.

    precision : fp32 or bf16.
    Raises UserError where the folder holds no such model.
    """
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
    from transformers.utils import logging

    if not (folder / "config.json").is_file():
        raise UserError(
            f"{folder}: expected a translation model (config.json, weights, tokenizer). Name its "
            "folder in translate.model, or its repository in snapshot.translator and take the "
            "snapshot."
        )
    logging.disable_progress_bar()
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    try:
        model = AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=kind, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{folder}: not a translation model that transformers can read "
            f"({str(error).splitlines()[0]}). Expected M2M-100 or NLLB-200."
        ) from error
    if model.config.model_type != "m2m_100":
        raise UserError(
            f"{folder}: a model of the kind {model.config.model_type}; expected m2m_100, which "
            "M2M-100 and NLLB-200 are."
        )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return model.to(device).eval(), tokenizer


def identity(folder: Path, **settings: Any) -> str:
    """Return a digest of the model's files and of what else changes a translation."""
    digest = hashlib.sha256(repr(sorted(settings.items())).encode())
    for path in sorted(folder.iterdir()):
        if path.is_file():
            with path.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:16]


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Yield the numbers of rows of like lengths, longest first, rows x width within the budget."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > budget:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


class _Progress:
    """A line now and then: sentences, sentences a second, time that is left."""

    def __init__(self, name: str, tokens: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.name, self.tokens, self.clock = name, tokens, clock
        self.begun = self.printed = clock()
        self.done = self.sentences = 0

    def __call__(self, tokens: int, sentences: int) -> None:
        self.done += tokens
        self.sentences += sentences
        now = self.clock()
        if now - self.printed >= SECONDS_A_LINE or self.done == self.tokens:
            self.printed = now
            seconds = max(now - self.begun, 1e-9)
            left = seconds / self.done * (self.tokens - self.done)
            print(
                f"  {self.name}: {self.sentences} sentences, {self.done / self.tokens:.0%}, "
                f"{self.sentences / seconds:,.0f} sentences/s, {left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )
