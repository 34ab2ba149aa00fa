"""Multiple choice: HellaSwag, Cosmos QA (4 options), CommonsenseQA (5).

Every option gets one score, a softmax over the options of a row decides. `joint` encoding writes
`<s> context </s></s> option </s>` for each option; `separate` encodes the context once and each
option by itself. A context that is too long loses its beginning: the question stands at its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch.nn.functional import cross_entropy

from stages.errors import UserError
from stages.learning.batches import BOS, EOS, Batch, Cut, Ragged, lay_out, nested, splice, truncate
from stages.learning.heads import Files, Head
from stages.learning.heads.pair import classified
from stages.learning.heads.pooling import Classifier, compare, logits_by_sentence, refuse_half
from stages.learning.predict import collect, evaluating
from stages.learning.xlmr import XLMR
from stages.scoring.accuracy import accuracy


@dataclass(frozen=True)
class Choices:
    """One encoded split: options j = 0 .. k - 1 of row i are row i * k + j of `options`."""

    ids: np.ndarray
    context: Ragged
    options: Ragged
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: np.ndarray) -> Choices:
        """The given rows only."""
        options = self.options.take(self.option_rows(rows))
        return Choices(self.ids[rows], self.context.take(rows), options, self.labels[rows])

    def option_rows(self, rows: np.ndarray) -> np.ndarray:
        """The rows of `options` that belong to `rows`, in order."""
        count = len(self.options) // len(self)
        return (rows[:, None] * count + np.arange(count)).ravel()


class ChoiceClassifier(Classifier):
    """Scores, float (rows, options)."""

    def __init__(self, encoder: XLMR, options: int, settings: dict[str, Any]):
        super().__init__(encoder, 1, settings["pooling"], settings["dropout"])
        self.options = options
        self.encoding = settings["encoding"]

    def forward(self, batch: Batch) -> torch.Tensor:
        """Read `<s>` of every option at `batch.places`, or compare it with its context."""
        if self.pooling == "first":
            return self.classify(self.firsts(batch)).view(-1, self.options)
        means = self.means(batch)
        if self.encoding == "joint":
            features = compare(means[::2], means[1::2])
        else:
            of_row = means.view(-1, 1 + self.options, means.shape[-1])
            options = of_row[:, 1:]
            features = compare(of_row[:, :1].expand_as(options), options)
        return self.classify(features).view(-1, self.options)


class Choice(Head):
    """An item of the loss is a row with all its options."""

    def __init__(self, task: Any, settings: dict[str, Any]):
        super().__init__(task, settings)
        refuse_half(task.name, settings)

    def read(self, path: Files) -> Choices:
        table = pq.read_table(path)
        context = Ragged.of(table["context_ids"])
        kept = np.minimum(context.lengths, self.settings["max_length"] - 2)
        cut = Cut(context.values, context.ends[1:] - kept, kept)
        ends, options = nested(table["options_ids"])
        wanted = len(self.task.labels)
        wrong = np.flatnonzero(np.diff(ends) != wanted)
        if len(wrong):
            row = wrong[0]
            raise UserError(
                f"{path}, row {row}: {ends[row + 1] - ends[row]} options; {self.task.name} has "
                f"{wanted} a row."
            )
        return Choices(
            table["id"].to_numpy(),
            Ragged.of_cut(cut),
            options,
            table["label"].to_numpy().astype(np.int64),
        )

    def build(self, encoder: XLMR) -> ChoiceClassifier:
        return ChoiceClassifier(encoder, len(self.task.labels), self.settings)

    def widths(self, examples: Choices) -> np.ndarray:
        limit = self.settings["max_length"]
        options = examples.options.lengths.reshape(len(examples), -1)
        if self.settings["encoding"] == "joint":
            return np.minimum(examples.context.lengths[:, None] + options + 4, limit).sum(axis=1)
        contexts = np.minimum(examples.context.lengths + 2, limit)
        return contexts + np.minimum(options + 2, limit).sum(axis=1)

    def batch(self, examples: Choices, rows: np.ndarray) -> Batch:
        limit, labels = self.settings["max_length"], examples.labels[rows]
        contexts, options = examples.context, examples.options
        numbers = examples.option_rows(rows)
        if self.settings["encoding"] == "joint":
            owners = np.repeat(rows, len(numbers) // len(rows))
            first, second = truncate(contexts.lengths[owners], options.lengths[numbers], limit - 4)
            context = Cut(contexts.values, contexts.ends[owners + 1] - first, first)
            tokens, widths = splice(
                len(owners), [BOS], context, [EOS, EOS], options.cut(numbers, second), [EOS]
            )
            lengths = widths.sum(axis=1)
            parts = np.stack([first + 2, second + 2], axis=1).ravel()
        else:
            first = np.minimum(contexts.lengths[rows], limit - 2)
            pieces: list[Any] = [[BOS], contexts.cut(rows, first), [EOS]]
            for column in numbers.reshape(len(rows), -1).T:
                kept = np.minimum(options.lengths[column], limit - 2)
                pieces += [[BOS], options.cut(column, kept), [EOS]]
            tokens, widths = splice(len(rows), *pieces)
            lengths = parts = widths.reshape(-1, 3).sum(axis=1)
        return lay_out(tokens, lengths, parts, np.cumsum(lengths) - lengths, labels)

    def weight(self, examples: Choices, rows: np.ndarray) -> int:
        return len(rows)

    def loss(self, outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
        return cross_entropy(outputs.float(), batch.labels, reduction="sum")

    def predict(self, engine: Any, examples: Choices, device: torch.device) -> pa.Table:
        settings = self.settings
        with evaluating(engine) as module:
            if settings["encoding"] == "separate":
                sides = examples.context, examples.options
                logits = logits_by_sentence(module, *sides, settings, device)
            else:
                logits = collect(
                    self.widths(examples),
                    settings["prediction_tokens"],
                    lambda rows: engine(self.batch(examples, rows).to(device)),
                )
        scores = logits.reshape(len(examples), -1)
        return classified(examples.ids, self.task.labels, examples.labels, scores)

    def score(self, predictions: pa.Table, target: str, language: str) -> dict[str, float]:
        gold, predicted = (predictions[name].to_pylist() for name in ("label", "prediction"))
        return {"accuracy": accuracy(gold, predicted)}
