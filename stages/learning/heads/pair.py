"""Pair classification: XNLI, PAWS-X, MNLI, QQP, ANLI+.

A pair is written as XLM-R writes it: `<s> a </s></s> b </s>` in one sequence (`joint`), or
`<s> a </s>` and `<s> b </s>` as two (`separate`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch.nn.functional import cross_entropy

from stages.learning.batches import BOS, EOS, Batch, Ragged, lay_out, splice, truncate
from stages.learning.heads import Files, Head
from stages.learning.heads.pooling import Classifier, compare, logits_by_sentence, refuse_half
from stages.learning.predict import collect, evaluating
from stages.learning.xlmr import XLMR
from stages.scoring.accuracy import accuracy
from stages.tasks import Task


@dataclass(frozen=True)
class Pairs:
    """One encoded split; `labels` : int64 (n), indices into the task's labels."""

    ids: np.ndarray
    first: Ragged
    second: Ragged
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: np.ndarray) -> Pairs:
        """The given rows only."""
        return Pairs(
            self.ids[rows], self.first.take(rows), self.second.take(rows), self.labels[rows]
        )


class PairClassifier(Classifier):
    """Logits, float (rows, classes), of pairs."""

    def forward(self, batch: Batch) -> torch.Tensor:
        """Read `<s>` at `batch.places`, or compare the two parts of every row."""
        if self.pooling == "first":
            return self.classify(self.firsts(batch))
        means = self.means(batch)
        return self.classify(compare(means[::2], means[1::2]))


class Pair(Head):
    """An item of the loss is a pair."""

    def __init__(self, task: Task, settings: dict[str, Any]):
        super().__init__(task, settings)
        refuse_half(task.name, settings)

    def read(self, path: Files) -> Pairs:
        table = pq.read_table(path)
        return Pairs(
            table["id"].to_numpy(),
            Ragged.of(table["sentence1_ids"]),
            Ragged.of(table["sentence2_ids"]),
            table["label"].to_numpy().astype(np.int64),
        )

    def build(self, encoder: XLMR) -> PairClassifier:
        classes, settings = len(self.task.labels), self.settings
        return PairClassifier(encoder, classes, settings["pooling"], settings["dropout"])

    def widths(self, examples: Pairs) -> np.ndarray:
        first, second = examples.first.lengths + 2, examples.second.lengths + 2
        limit = self.settings["max_length"]
        if self.settings["encoding"] == "joint":
            return np.minimum(first + second, limit)
        return np.minimum(first, limit) + np.minimum(second, limit)

    def batch(self, examples: Pairs, rows: np.ndarray) -> Batch:
        return assemble(examples, rows, self.settings["max_length"], self.settings["encoding"])

    def weight(self, examples: Pairs, rows: np.ndarray) -> int:
        return len(rows)

    def loss(self, outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
        return cross_entropy(outputs.float(), batch.labels, reduction="sum")

    def logits(self, engine: Any, examples: Pairs, device: torch.device) -> np.ndarray:
        """Return logits, float32 (rows, classes), in the order of the data, on every rank."""
        settings = self.settings
        with evaluating(engine) as module:
            if settings["encoding"] == "separate" and settings["pooling"] == "segments":
                sides = examples.first, examples.second
                return logits_by_sentence(module, *sides, settings, device)
            return collect(
                self.widths(examples),
                settings["prediction_tokens"],
                lambda rows: engine(self.batch(examples, rows).to(device)),
            )

    def predict(self, engine: Any, examples: Pairs, device: torch.device) -> pa.Table:
        return classified(
            examples.ids,
            self.task.labels,
            examples.labels,
            self.logits(engine, examples, device),
        )

    def score(self, predictions: pa.Table, target: str, language: str) -> dict[str, float]:
        gold, predicted = (predictions[name].to_pylist() for name in ("label", "prediction"))
        return {"accuracy": accuracy(gold, predicted)}


def assemble(pairs: Pairs, rows: np.ndarray, max_length: int, encoding: str) -> Batch:
    """Lay the sentences of `rows` end to end: two parts a row, its first `<s>` as its place.

    Parameters
    ----------
    max_length : int, tokens of a sequence with its special tokens.
    encoding : `joint` or `separate`.
    """
    first, second = pairs.first.lengths[rows], pairs.second.lengths[rows]
    if encoding == "joint":
        first, second = truncate(first, second, max_length - 4)
        middle = [EOS, EOS]
    else:
        first, second = np.minimum(first, max_length - 2), np.minimum(second, max_length - 2)
        middle = [EOS, BOS]
    sides = pairs.first.cut(rows, first), pairs.second.cut(rows, second)
    tokens, widths = splice(len(rows), [BOS], sides[0], middle, sides[1], [EOS])
    totals = widths.sum(axis=1)
    parts = np.stack([first + 2, second + 2], axis=1).ravel()
    lengths = totals if encoding == "joint" else parts
    return lay_out(tokens, lengths, parts, np.cumsum(totals) - totals, pairs.labels[rows])


def lists(values: np.ndarray) -> pa.ListArray:
    """A column of lists of float32, one a row of (rows, k)."""
    count, width = values.shape
    offsets = np.arange(count + 1, dtype=np.int32) * width
    return pa.ListArray.from_arrays(offsets, values.astype(np.float32).ravel())


def classified(
    ids: np.ndarray, labels: tuple[str, ...], gold: np.ndarray, logits: np.ndarray
) -> pa.Table:
    """A table of predictions: labels by name, logits float32 (rows, classes)."""
    names = np.array(labels, dtype=object)
    return pa.table(
        {
            "id": pa.array(ids, pa.string()),
            "label": pa.array(names[gold], pa.string()),
            "prediction": pa.array(names[logits.argmax(1)], pa.string()),
            "logits": lists(logits),
        }
    )
