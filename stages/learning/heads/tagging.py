"""Tagging: a tag a word (UD-POS, PAN-X, CCG), read off the word's first subword.

A sentence that is longer than the model takes is split between words into windows, which are
joined again: every word is trained on and predicted exactly once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from stages.errors import UserError
from stages.learning.batches import (
    BOS,
    EOS,
    Batch,
    Cut,
    Ragged,
    ends_of,
    lay_out,
    nested,
    runs,
    splice,
)
from stages.learning.encoder import states_read
from stages.learning.heads import Files, Head
from stages.learning.predict import collect, evaluating
from stages.learning.xlmr import XLMR
from stages.scoring.tagging import chunk_f1, token_accuracy
from stages.tasks import find


@dataclass(frozen=True)
class Sentences:
    """One encoded split.

    `words` : the subwords of every word of every sentence. `ends` : cumulative words of the
    sentences. `tags` : int64, one a word. `windows` : cumulative words of the windows, and
    `window_ends` : cumulative windows of the sentences.
    """

    ids: np.ndarray
    words: Ragged
    ends: np.ndarray
    tags: np.ndarray
    windows: np.ndarray
    window_ends: np.ndarray
    room: int

    @classmethod
    def of(
        cls, ids: np.ndarray, words: Ragged, ends: np.ndarray, tags: np.ndarray, room: int
    ) -> Sentences:
        """Split sentences into windows of at most `room` subwords."""
        windows = split(words.ends, ends, room)
        return cls(ids, words, ends, tags, windows, np.searchsorted(windows, ends), room)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> np.ndarray:
        """Words of every sentence."""
        return np.diff(self.ends)

    def take(self, rows: np.ndarray) -> Sentences:
        """The given rows only."""
        lengths = self.lengths[rows]
        words = runs(self.ends[rows], lengths)
        return Sentences.of(
            self.ids[rows], self.words.take(words), ends_of(lengths), self.tags[words], self.room
        )


def split(word_ends: np.ndarray, sentence_ends: np.ndarray, room: int) -> np.ndarray:
    """Return the cumulative words of windows of at most `room` subwords, each in one sentence.

    word_ends : cumulative subwords of the words. sentence_ends : cumulative words of the sentences.
    No word may be longer than `room`.
    """
    begins = [sentence_ends]
    sizes = np.diff(word_ends[sentence_ends])
    for sentence in np.flatnonzero(sizes > room):
        word, last = sentence_ends[sentence], sentence_ends[sentence + 1]
        found = []
        while word_ends[last] - word_ends[word] > room:
            word = int(np.searchsorted(word_ends, word_ends[word] + room, side="right")) - 1
            found.append(word)
        begins.append(np.array(found, dtype=np.int64))
    return np.unique(np.concatenate(begins))


class TokenClassifier(nn.Module):
    """Logits, float (words, tags), of the words at `batch.places`."""

    def __init__(self, encoder: XLMR, tags: int, dropout: float):
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(encoder.config.hidden_size, tags)
        nn.init.normal_(self.out.weight, std=encoder.config.initializer_range)
        nn.init.zeros_(self.out.bias)

    def forward(self, batch: Batch) -> torch.Tensor:
        """Classify the states of the first subwords."""
        return self.out(self.dropout(states_read(self.encoder, batch)))


class Tagging(Head):
    """An item of the loss is a word."""

    def read(self, path: Files) -> Sentences:
        table = pq.read_table(path)
        ends, words = nested(table["words"])
        tags = Ragged.of(table["tags"])
        lengths = np.diff(ends)
        empty = np.flatnonzero(lengths == 0)
        if len(empty):
            raise UserError(f"{path}, row {empty[0]}: a sentence without words.")
        shifted = np.flatnonzero(lengths != tags.lengths)
        if len(shifted):
            row = shifted[0]
            raise UserError(f"{path}, row {row}: {lengths[row]} words, {tags.lengths[row]} tags.")
        longest = int(words.lengths.max())
        if longest > self.settings["max_length"] - 2:
            raise UserError(
                f"max_length is {self.settings['max_length']} (params.yaml), but {path} holds a "
                f"word of {longest} subwords: raise it to {longest + 2} or more."
            )
        return Sentences.of(
            table["id"].to_numpy(),
            words,
            ends,
            tags.values.astype(np.int64),
            self.settings["max_length"] - 2,
        )

    def build(self, encoder: XLMR) -> TokenClassifier:
        return TokenClassifier(encoder, len(self.task.labels), self.settings["dropout"])

    def widths(self, examples: Sentences) -> np.ndarray:
        subwords = np.diff(examples.words.ends[examples.ends])
        return subwords + 2 * np.diff(examples.window_ends)

    def batch(self, examples: Sentences, rows: np.ndarray) -> Batch:
        """A part is a window, the places are the first subwords, the labels the words' tags."""
        counts = np.diff(examples.window_ends)[rows]
        windows = runs(examples.window_ends[rows], counts)
        first, last = examples.windows[windows], examples.windows[windows + 1]
        begins = examples.words.ends[first]
        window = Cut(examples.words.values, begins, examples.words.ends[last] - begins)
        tokens, widths = splice(len(windows), [BOS], window, [EOS])
        lengths = widths.sum(axis=1)
        words = runs(first, last - first)
        shift = np.cumsum(lengths) - lengths + 1 - begins
        places = examples.words.ends[words] + np.repeat(shift, last - first)
        return lay_out(tokens, lengths, lengths, places, examples.tags[words])

    def weight(self, examples: Sentences, rows: np.ndarray) -> int:
        return int(examples.lengths[rows].sum())

    def loss(self, outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
        return cross_entropy(outputs.float(), batch.labels, reduction="sum")

    def predict(self, engine: Any, examples: Sentences, device: torch.device) -> pa.Table:
        def tags(rows: np.ndarray) -> torch.Tensor:
            return engine(self.batch(examples, rows).to(device)).argmax(dim=-1, keepdim=True)

        budget = self.settings["prediction_tokens"]
        with evaluating(engine):
            found = collect(self.widths(examples), budget, tags, examples.lengths)
        names = np.array(self.task.labels, dtype=object)

        def named(numbers: np.ndarray) -> pa.ListArray:
            offsets = pa.array(examples.ends, pa.int32())
            return pa.ListArray.from_arrays(offsets, pa.array(names[numbers], pa.string()))

        return pa.table(
            {
                "id": pa.array(examples.ids, pa.string()),
                "label": named(examples.tags),
                "prediction": named(found[:, 0].astype(np.int64)),
            }
        )

    def score(self, predictions: pa.Table, target: str, language: str) -> dict[str, float]:
        gold, predicted = (predictions[name].to_pylist() for name in ("label", "prediction"))
        scores = {
            "f1": chunk_f1(gold, predicted),
            "token_accuracy": token_accuracy(gold, predicted),
        }
        return {name: scores[name] for name in find(target).metrics}
