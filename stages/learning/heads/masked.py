"""Masked language modelling on unlabelled text in many languages (MLM), against forgetting.

A row is a text, or a stretch of one that is too long. Only the masked places go on to the
vocabulary: the last layer works for them alone, and the output layer, whose weights are the word
embeddings, scores a seventh of the tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import nn
from torch.nn.functional import gelu

from stages.errors import UserError
from stages.learning.batches import BOS, EOS, Batch, Cut, Ragged, lay_out, runs, splice
from stages.learning.course import Course, Draw
from stages.learning.encoder import states_read
from stages.learning.heads import Files, Head
from stages.learning.linear import Linear
from stages.learning.masking import RATE, Vocabulary, mask
from stages.learning.vocabulary import cross_entropy_sum
from stages.learning.xlmr import XLMR
from stages.tasks import Task

MLM = "mlm"
EXPONENT = 0.3  # XLM-R's (arXiv 1911.02116)
TURN = 7_002  # keeps the draws of texts apart from those of rows


@dataclass(frozen=True)
class Texts:
    """Texts as `shown`, the `places` to be found in each, and what is `hidden` there."""

    shown: Ragged
    places: Ragged
    hidden: Ragged

    def __len__(self) -> int:
        return len(self.shown)


class LanguageModel(nn.Module):
    """The loss of the tokens to be found, summed, a number; XLM-R's own head, by its names."""

    def __init__(self, encoder: XLMR):
        super().__init__()
        size = encoder.config.hidden_size
        self.encoder = encoder
        self.dense = Linear(size, size)
        self.layer_norm = nn.LayerNorm(size, eps=encoder.config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(encoder.config.vocab_size))
        nn.init.normal_(self.dense.weight, std=encoder.config.initializer_range)
        nn.init.zeros_(self.dense.bias)

    def borrowed(self) -> Iterator[nn.Parameter]:
        """What the forward pass reads of other modules (see `engine.start`)."""
        return self.encoder.embeddings.word_embeddings.parameters()

    def forward(self, batch: Batch) -> torch.Tensor:
        """Find the tokens at `batch.places`."""
        return self.find(states_read(self.encoder, batch), batch.labels)

    def find(self, states: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Find the tokens `labels`, int64 (places), in the states of their places."""
        found = self.layer_norm(gelu(self.dense(states)))
        words = self.encoder.embeddings.word_embeddings.weight
        return cross_entropy_sum(found, words, self.bias, labels)


class Masked(Head):
    """An item of the loss is a token to be found.

    start : the weights of a pretrained head (`encoder.language_head`), or none.
    """

    def __init__(self, settings: dict[str, Any], start: Mapping[str, torch.Tensor]):
        super().__init__(Task(name=MLM, head="text"), settings)
        self.start = start

    def read(self, path: Files) -> Ragged:
        """Read the texts of one language, long ones in stretches of `max_length` with <s>, </s>."""
        texts = Ragged.of(pq.read_table(path)["ids"])
        empty = np.flatnonzero(texts.lengths == 0)
        if not len(texts) or len(empty):
            where = f", row {empty[0]}" if len(empty) else ""
            raise UserError(
                f"{path}{where}: no text to learn from. Encode it again (`dvc repro encode@text`), "
                "or leave the language out of mlm.languages."
            )
        room = self.settings["max_length"] - 2
        counts = -(-texts.lengths // room)
        begins = np.repeat(texts.ends[:-1], counts)
        offsets = room * runs(np.zeros(len(counts), dtype=np.int64), counts)
        ends = np.repeat(texts.ends[1:], counts)
        begins += offsets
        return Ragged.of_cut(Cut(texts.values, begins, np.minimum(room, ends - begins)))

    def build(self, encoder: XLMR) -> LanguageModel:
        model = LanguageModel(encoder)
        model.load_state_dict(self.start, strict=False)
        return model

    def widths(self, examples: Texts) -> np.ndarray:
        return examples.shown.lengths + 2

    def batch(self, examples: Texts, rows: np.ndarray) -> Batch:
        lengths, counts = examples.shown.lengths[rows], examples.places.lengths[rows]
        tokens, _ = splice(len(rows), [BOS], examples.shown.cut(rows, lengths), [EOS])
        widths = lengths + 2
        begins = np.cumsum(widths) - widths + 1
        places = examples.places.take(rows).values + np.repeat(begins, counts)
        return lay_out(tokens, widths, widths, places, examples.hidden.take(rows).values)

    def weight(self, examples: Texts, rows: np.ndarray) -> int:
        return int(examples.places.lengths[rows].sum())

    def loss(self, outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
        return outputs

    def predict(self, engine: Any, examples: Any, device: torch.device) -> pa.Table:
        raise NotImplementedError("MLM is an auxiliary objective: nothing is predicted with it")

    def score(self, predictions: pa.Table, target: str, language: str) -> dict[str, float]:
        raise NotImplementedError("MLM is an auxiliary objective: nothing is scored")


class MaskedText(Course):
    """Texts of languages that are drawn in proportion to their size to the power of `exponent`.

    texts : by language. No development data: it has no say in the selection.
    """

    steps = 0

    def __init__(
        self,
        head: Masked,
        texts: Mapping[str, Ragged],
        vocabulary: Vocabulary,
        settings: Mapping[str, Any],
        seed: int,
    ):
        self.head, self.vocabulary, self.seed = head, vocabulary, seed
        self.rate = settings.get("rate", RATE)
        self.size = settings.get("batch_size", head.settings["batch_size"])
        self.languages = tuple(texts)
        self.texts = tuple(texts.values())
        sizes = np.array([len(part) for part in self.texts], dtype=float)
        weights = sizes ** settings.get("exponent", EXPONENT)
        self.chances = weights / weights.sum()

    def draw(self, step: int) -> Draw:
        random = np.random.default_rng((self.seed, TURN, step))
        languages = random.choice(len(self.texts), self.size, p=self.chances)
        places = random.random(self.size)
        rows = []
        for language, place in zip(languages.tolist(), places.tolist(), strict=True):
            texts = self.texts[language]
            rows.append(texts[int(place * len(texts))])
        ends = np.cumsum([0, *map(len, rows)])
        drawn = Ragged(np.concatenate(rows), ends)
        shown, found = mask(drawn, self.rate, self.vocabulary, random)
        at = found.values + np.repeat(ends[:-1], found.lengths)
        examples = Texts(shown, found, Ragged(drawn.values[at], found.ends))
        rows_ = np.arange(self.size)
        return Draw(self.head, examples, rows_, self.head.widths(examples))

    def develop(self, engine: Any, device: torch.device) -> dict[str, float]:
        return {}
