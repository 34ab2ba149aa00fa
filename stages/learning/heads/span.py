"""Span extraction: SQuAD v1.1 and v2.0, XQuAD, MLQA, TyDiQA-GoldP.

The protocol of SQuAD's baseline: questions of at most `query_length` tokens, windows `doc_stride`
apart, windows without the answer are trained to point at `<s>`. An answer is the pair of the
`n_best` starts and ends with the highest sum of logits, at most `answer_length` tokens long, and
is cut from the context by code points. Only SQuAD v2.0 answers with an empty text: where the sum
of the logits of `<s>`, in the window where it is lowest, is higher than the best answer's.
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
from stages.learning.batches import BOS, EOS, Batch, Cut, Ragged, lay_out, runs, splice
from stages.learning.encoder import states
from stages.learning.heads import Files, Head
from stages.learning.heads.answers import answer_tokens, by_window, decode
from stages.learning.heads.windows import Windows, windows
from stages.learning.predict import collect, evaluating
from stages.learning.xlmr import XLMR
from stages.scoring.mlqa import mlqa_em_f1
from stages.scoring.squad import squad_em_f1
from stages.scoring.squad2 import squad2_em_f1

PROTOCOL = {"doc_stride": 128, "query_length": 64, "n_best": 20, "answer_length": 30}
UNANSWERABLE = ("squad2",)  # training sets that teach to answer nothing
BEFORE_CONTEXT = 3  # <s> and </s></s>, besides the question


@dataclass(frozen=True)
class Questions:
    """One encoded split.

    `begins`, `ends` : code points of every token of every context, as `context.values` lie.
    `first`, `last` : the context tokens of the first gold answer, -1 where there is none.
    """

    ids: np.ndarray
    question: Ragged
    context: Ragged
    begins: np.ndarray
    ends: np.ndarray
    texts: pa.ChunkedArray
    answers: pa.ChunkedArray
    first: np.ndarray
    last: np.ndarray
    windows: Windows

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: np.ndarray) -> Questions:
        """The given rows only."""
        return Questions(
            self.ids[rows],
            self.question.take(rows),
            self.context.take(rows),
            Ragged(self.begins, self.context.ends).take(rows).values,
            Ragged(self.ends, self.context.ends).take(rows).values,
            self.texts.take(rows),
            self.answers.take(rows),
            self.first[rows],
            self.last[rows],
            self.windows.take(rows),
        )


class SpanClassifier(nn.Module):
    """Logits of start and end, float (T, 2)."""

    def __init__(self, encoder: XLMR):
        super().__init__()
        self.encoder = encoder
        self.out = nn.Linear(encoder.config.hidden_size, 2)
        nn.init.normal_(self.out.weight, std=encoder.config.initializer_range)
        nn.init.zeros_(self.out.bias)

    def forward(self, batch: Batch) -> torch.Tensor:
        """Score every token of every window."""
        return self.out(states(self.encoder, batch))


class Span(Head):
    """An item of the loss is a window, as in SQuAD's baseline; the mean of start and end."""

    def __init__(self, task: Any, settings: dict[str, Any]):
        super().__init__(task, settings)
        self.protocol = {name: settings.get(name, value) for name, value in PROTOCOL.items()}
        if settings["max_length"] < self.protocol["query_length"] + BEFORE_CONTEXT + 2:
            raise UserError(
                f"params.yaml: max_length {settings['max_length']} leaves no room for a context "
                f"after {self.protocol['query_length']} tokens of question; raise it, or lower "
                "query_length."
            )

    def read(self, path: Files) -> Questions:
        table = pq.read_table(path)
        question, context = Ragged.of(table["question_ids"]), Ragged.of(table["context_ids"])
        asked = np.minimum(question.lengths, self.protocol["query_length"])
        question = Ragged.of_cut(question.cut(np.arange(len(question)), asked))
        begins, ends = Ragged.of(table["begins"]), Ragged.of(table["ends"])
        first, last = answer_tokens(begins, ends, table["answers"], table["starts"])
        cut = windows(
            asked, context.lengths, self.settings["max_length"], self.protocol["doc_stride"]
        )
        return Questions(
            table["id"].to_numpy(),
            question,
            context,
            begins.values,
            ends.values,
            table["context"],
            table["answers"],
            first,
            last,
            cut,
        )

    def build(self, encoder: XLMR) -> SpanClassifier:
        return SpanClassifier(encoder)

    def window_widths(self, examples: Questions) -> np.ndarray:
        """Tokens of every window."""
        cut = examples.windows
        return cut.lengths + examples.question.lengths[cut.owners] + BEFORE_CONTEXT + 1

    def widths(self, examples: Questions) -> np.ndarray:
        return np.add.reduceat(self.window_widths(examples), examples.windows.ends[:-1])

    def weight(self, examples: Questions, rows: np.ndarray) -> int:
        return int(np.diff(examples.windows.ends)[rows].sum())

    def batch(self, examples: Questions, rows: np.ndarray) -> Batch:
        ends = examples.windows.ends
        return self.lay(examples, runs(ends[rows], np.diff(ends)[rows]))

    def lay(self, examples: Questions, which: np.ndarray) -> Batch:
        """Lay windows end to end; a part is a window, its place is its first context token.

        Labels : (windows, 2), start and end of the answer, counted from the window's `<s>`.
        """
        cut = examples.windows
        owners, begins, lengths = cut.owners[which], cut.begins[which], cut.lengths[which]
        asked = examples.question.lengths[owners]
        context = Cut(examples.context.values, examples.context.ends[owners] + begins, lengths)
        question = examples.question.cut(owners, asked)
        tokens, widths = splice(len(which), [BOS], question, [EOS, EOS], context, [EOS])
        sizes = widths.sum(axis=1)
        places = np.cumsum(sizes) - sizes + asked + BEFORE_CONTEXT
        first, last = examples.first[owners] - begins, examples.last[owners] - begins
        inside = (examples.first[owners] >= 0) & (first >= 0) & (last < lengths)
        labels = np.stack([first, last], axis=1) + (asked + BEFORE_CONTEXT)[:, None]
        return lay_out(tokens, sizes, sizes, places, np.where(inside[:, None], labels, 0))

    def loss(self, outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
        grid = by_window(outputs.float(), batch)
        both = [cross_entropy(grid[..., i], batch.labels[:, i], reduction="sum") for i in (0, 1)]
        return (both[0] + both[1]) / 2

    def predict(self, engine: Any, examples: Questions, device: torch.device) -> pa.Table:
        first, last = examples.windows.best_context()
        limits = np.stack([first, last], axis=1) - examples.windows.begins[:, None]

        def best(which: np.ndarray) -> torch.Tensor:
            batch = self.lay(examples, which).to(device)
            allowed = torch.from_numpy(limits[which]).to(device)
            n_best, longest = self.protocol["n_best"], self.protocol["answer_length"]
            return decode(engine(batch).float(), batch, allowed, n_best, longest)

        budget = self.settings["prediction_tokens"]
        with evaluating(engine):
            found = collect(self.window_widths(examples), budget, best)
        return pa.table(
            {
                "id": pa.array(examples.ids, pa.string()),
                "label": examples.answers,
                "prediction": pa.array(self.texts(examples, found), pa.string()),
            }
        )

    def texts(self, examples: Questions, found: np.ndarray) -> list[str]:
        """Return the answer of every question, given what `decode` found in its windows."""
        cut = examples.windows
        # the best window of each question, the earlier of two that are equal
        chosen = np.lexsort((-found[:, 2], cut.owners))[cut.ends[:-1]]
        best = found[chosen]
        answered = np.isfinite(best[:, 2])  # a context without tokens has no answer
        if self.task.name in UNANSWERABLE:
            answered &= np.minimum.reduceat(found[:, 3], cut.ends[:-1]) <= best[:, 2]
        rows = np.flatnonzero(answered)
        tokens = examples.context.ends[rows] + cut.begins[chosen[rows]]
        begins = examples.begins[tokens + best[rows, 0].astype(np.int64)]
        ends = examples.ends[tokens + best[rows, 1].astype(np.int64)]
        contexts = examples.texts.to_pylist()
        answers = [""] * len(examples)
        for row, begin, end in zip(rows.tolist(), begins.tolist(), ends.tolist(), strict=True):
            answers[row] = contexts[row][begin:end].strip()
        return answers

    def score(self, predictions: pa.Table, target: str, language: str) -> dict[str, float]:
        gold, predicted = (predictions[name].to_pylist() for name in ("label", "prediction"))
        if target == "mlqa":
            exact, f1 = mlqa_em_f1(gold, predicted, language)
        elif target in UNANSWERABLE:
            exact, f1 = squad2_em_f1(gold, predicted)
        else:
            exact, f1 = squad_em_f1(gold, predicted)
        return {"f1": f1, "em": exact}
