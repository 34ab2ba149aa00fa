"""Every head: its batches, its outputs and gradients against a padded model, and what it learns."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import encoded
import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from conftest import ENGINE
from stages.errors import UserError
from stages.learning import encoder as encoders
from stages.learning.heads import Head, head_of
from stages.learning.heads.tagging import split
from stages.learning.train import train
from stages.tasks import find

SPAN = {"query_length": 8, "doc_stride": 16, "max_length": 64}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "pair": ("mnli", {}),
    "choice-separate": ("csqa", {}),
    "choice-joint": ("csqa", {"encoding": "joint"}),
    "choice-first": ("hellaswag", {"encoding": "joint", "pooling": "first"}),
    "tagging": ("udpos", {}),
    "span": ("squad", SPAN),
    "span-unanswerable": ("squad2", SPAN),
}


def head(variant: str, **changes: Any) -> Head:
    name, settings = VARIANTS[variant]
    return head_of(find(name), ENGINE | {"max_length": 64, "dropout": 0.0} | settings | changes)


def split_of(variant: str, path: Path, count: int, seed: int) -> Path:
    """Write rows for a head; sequences of length 1 and of more than the maximum are among them."""
    kind = variant.split("-")[0]
    if kind == "pair":
        columns = encoded.pair_columns(count, seed)
        columns["sentence1_ids"][0], columns["sentence2_ids"][0] = [10], [10]
        columns["sentence1_ids"][1] = list(range(5, 85))
    elif kind == "choice":
        columns = encoded.choice_columns(count, 4 if variant == "choice-first" else 5, seed)
        columns["context_ids"][0] = [5]
        columns["context_ids"][1] = list(range(5, 85))
    elif kind == "tagging":
        columns = encoded.tagging_columns(count, seed)
        columns["words"][0], columns["tags"][0] = [[5]], [5]
        columns["words"][1] = [[k, 3] for k in range(4, 64)]  # 120 subwords: two windows
        columns["tags"][1] = [k % encoded.TAGS for k in range(4, 64)]
    else:
        columns = encoded.span_columns(count, seed, 150, empty=3 * ("unanswerable" in variant))
    return encoded.write(path, kind, columns)


@pytest.mark.parametrize("variant", VARIANTS)
def test_outputs_and_gradients_equal_a_padded_model(
    variant: str, tiny_encoder: Path, tmp_path: Path
) -> None:
    from transformers import XLMRobertaModel

    ours = head(variant)
    examples = ours.read(split_of(variant, tmp_path / "s.parquet", 6, seed=1))
    torch.manual_seed(1)
    model = ours.build(encoders.read(tiny_encoder, ENGINE)).eval()
    batch = ours.batch(examples, np.arange(6))
    assert batch.layout.longest == 64
    loss = ours.loss(model(batch), batch)
    loss.backward()
    got = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}

    # the same sequences as rows of a padded batch, in the place of the encoder without padding
    padded = XLMRobertaModel.from_pretrained(
        tiny_encoder, add_pooling_layer=False, attn_implementation="eager"
    ).eval()
    ends = batch.layout.ends.tolist()
    rows = [batch.tokens[0, a:b] for a, b in zip(ends, ends[1:])]
    grid = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=1)

    class Padded(torch.nn.Module):
        def forward(self, tokens: Any, positions: Any, layout: Any, read: bool = False) -> Any:
            found = padded(grid, attention_mask=(grid != 1).long()).last_hidden_state
            flat = torch.cat([found[i, : len(row)] for i, row in enumerate(rows)])
            return flat[batch.places] if read else flat

    mine, model.encoder = model.encoder, Padded()
    outputs = model(batch)
    model.zero_grad()
    ours.loss(outputs, batch).backward()
    model.encoder = mine
    torch.testing.assert_close(model(batch), outputs, atol=1e-5, rtol=1e-5)
    expected = {f"encoder.{n}": p.grad for n, p in padded.named_parameters()}
    expected |= {n: p.grad for n, p in model.named_parameters() if not n.startswith("encoder.")}
    assert len(got) > 30
    for name, gradient in got.items():
        torch.testing.assert_close(gradient, expected[name], atol=1e-5, rtol=1e-4)


def test_span_loss_is_that_of_transformers(tiny_encoder: Path, tmp_path: Path) -> None:
    from transformers import XLMRobertaForQuestionAnswering

    ours = head("span", max_length=33)
    path = encoded.write(tmp_path / "s.parquet", "span", encoded.span_columns(5, 2, longest=60))
    examples = ours.read(path)
    batch = ours.batch(examples, np.arange(5))
    model = ours.build(encoders.read(tiny_encoder, ENGINE)).eval()
    theirs = XLMRobertaForQuestionAnswering.from_pretrained(tiny_encoder).eval()
    theirs.qa_outputs.load_state_dict(model.out.state_dict())
    ends = batch.layout.ends.tolist()
    total = 0.0
    for (a, b), (start, end) in zip(zip(ends, ends[1:]), batch.labels):
        found = theirs(batch.tokens[:, a:b], start_positions=start[None], end_positions=end[None])
        total += float(found.loss.detach())
    assert len(ends) - 1 == ours.weight(examples, np.arange(5)) > 5
    assert float(ours.loss(model(batch), batch).detach()) == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_widths_and_weights_are_those_of_the_batch(variant: str, tmp_path: Path) -> None:
    ours = head(variant)
    examples = ours.read(split_of(variant, tmp_path / "s.parquet", 12, seed=3))
    for rows in (np.array([1]), np.array([7, 0, 1])):
        batch = ours.batch(examples, rows)
        assert batch.tokens.shape[1] == ours.widths(examples)[rows].sum()
        assert ours.weight(examples, rows) == len(batch.labels)
        assert batch.layout.longest <= 64


@pytest.mark.parametrize("variant", VARIANTS)
def test_taken_rows_are_the_same_rows(variant: str, tmp_path: Path) -> None:
    ours = head(variant)
    examples = ours.read(split_of(variant, tmp_path / "s.parquet", 12, seed=4))
    taken = examples.take(np.array([8, 1, 3]))
    assert len(taken) == 3 and taken.ids.tolist() == ["8", "1", "3"]
    for row, place in ((8, 0), (1, 1), (3, 2)):
        one, other = (ours.batch(e, np.array([r])) for e, r in ((examples, row), (taken, place)))
        assert torch.equal(one.tokens, other.tokens)
        assert torch.equal(one.labels, other.labels)
        assert torch.equal(one.places, other.places)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_head_learns_what_can_be_learnt_and_predicts_it(
    variant: str, tiny_encoder: Path, tmp_path: Path
) -> None:
    ours = head(
        variant,
        max_steps=60,
        epochs=60,
        batch_size=32,
        learning_rate=1e-2,
        prediction_tokens=200,
        selection_examples=60,
        selection_every=20,
    )
    torch.manual_seed(0)
    model = ours.build(encoders.read(tiny_encoder, ENGINE))
    kind = variant.split("-")[0]
    columns = {
        "pair": lambda seed: encoded.pair_columns(200, seed),
        "choice": lambda seed: encoded.choice_columns(200, len(ours.task.labels), seed),
        "tagging": lambda seed: encoded.tagging_columns(200, seed),
        "span": lambda seed: encoded.span_columns(200, seed, 20, empty=3 * ("un" in variant)),
    }[kind]
    training, development = (
        ours.read(encoded.write(tmp_path / f"{seed}.parquet", kind, columns(seed)))
        for seed in (1, 2)
    )
    outcome = train(ours, model, training, development, ours.settings, 1, lambda *_: None)
    predictions = ours.predict(outcome.engine, development, torch.device("cpu"))
    assert predictions["id"].to_pylist() == [str(i) for i in range(200)]
    scores = ours.score(predictions, ours.task.name, "en")
    assert next(iter(scores)) == ours.task.metrics[0]
    assert scores[ours.task.metrics[0]] > 90, scores
    if variant == "span-unanswerable":
        empty = [text == "" for text in predictions["prediction"].to_pylist()]
        assert empty == [i % 3 == 0 for i in range(200)]
    if variant == "span":
        assert all(predictions["prediction"].to_pylist())


def test_an_option_is_written_after_its_context(tmp_path: Path) -> None:
    columns = {
        "id": ["a"],
        "context_ids": [[20, 21, 22]],
        "options_ids": [[[30], [31, 32], [33], [34]]],
        "label": [2],
    }
    path = encoded.write(tmp_path / "s.parquet", "choice", columns)
    joint = head("choice-first", max_length=7)
    batch = joint.batch(joint.read(path), np.array([0]))
    # 7 tokens leave room for 3: a context that is too long loses its beginning
    assert batch.tokens.tolist()[0] == [
        *(0, 21, 22, 2, 2, 30, 2),
        *(0, 21, 22, 2, 2, 31, 2),
        *(0, 21, 22, 2, 2, 33, 2),
        *(0, 21, 22, 2, 2, 34, 2),
    ]
    assert batch.places.tolist() == [0, 7, 14, 21]
    assert batch.labels.tolist() == [2]
    separate = head("choice-first", pooling="segments", encoding="separate", max_length=4)
    batch = separate.batch(separate.read(path), np.array([0]))
    assert batch.tokens.tolist()[0] == [0, 21, 22, 2, 0, 30, 2, 0, 31, 32, 2, 0, 33, 2, 0, 34, 2]
    assert batch.parts.tolist() == [4, 3, 4, 3, 3]


def test_the_highest_score_is_the_choice(tmp_path: Path, tiny_encoder: Path) -> None:
    ours = head("choice-separate")
    path = split_of("choice-separate", tmp_path / "s.parquet", 9, seed=5)
    examples = ours.read(path)
    model = ours.build(encoders.read(tiny_encoder, ENGINE)).eval()
    engine = SimpleNamespace(module=model, training=False, eval=lambda: None, train=lambda on: None)
    table = ours.predict(engine, examples, torch.device("cpu"))
    scores = model(ours.batch(examples, np.arange(9))).detach().numpy()
    np.testing.assert_allclose(table["logits"].to_pylist(), scores, atol=1e-5)
    assert table["prediction"].to_pylist() == [str(k) for k in scores.argmax(1)]
    assert table["label"].to_pylist() == [str(k) for k in examples.labels]


def test_a_long_sentence_is_split_between_words() -> None:
    # words of 2, 3, 1, 4 | 2 | 5, 5 subwords, room for 5
    word_ends = np.cumsum([0, 2, 3, 1, 4, 2, 5, 5])
    assert split(word_ends, np.array([0, 4, 5, 7]), 5).tolist() == [0, 2, 4, 5, 6, 7]


def test_every_word_is_trained_and_predicted_once(tmp_path: Path) -> None:
    ours = head("tagging", max_length=7)
    words = [[[20], [21, 22], [23, 24], [25]], [[26]]]
    columns = {"id": ["a", "b"], "words": words, "tags": [[1, 2, 3, 4], [5]]}
    examples = ours.read(encoded.write(tmp_path / "s.parquet", "tagging", columns))
    batch = ours.batch(examples, np.array([1, 0]))
    assert batch.tokens.tolist() == [[0, 26, 2, 0, 20, 21, 22, 23, 24, 2, 0, 25, 2]]
    assert batch.tokens[0, batch.places].tolist() == [26, 20, 21, 23, 25]
    assert batch.labels.tolist() == [5, 1, 2, 3, 4]
    assert batch.layout.ends.tolist() == [0, 3, 10, 13]
    assert ours.weight(examples, np.array([1, 0])) == 5


def test_tags_come_back_by_name_in_the_datas_order(tmp_path: Path) -> None:
    ours = head("tagging", prediction_tokens=12)
    path = encoded.write(tmp_path / "s.parquet", "tagging", encoded.tagging_columns(20, 6, 30))
    examples = ours.read(path)

    class Oracle:
        """Scores the tag that the first subword says."""

        training, module = False, None

        def eval(self) -> None: ...

        def train(self, on: bool) -> None: ...

        def __call__(self, batch: Any) -> torch.Tensor:
            first = batch.tokens[0, batch.places]
            return torch.nn.functional.one_hot(first % encoded.TAGS, encoded.TAGS).float()

    table = ours.predict(Oracle(), examples, torch.device("cpu"))
    assert table["prediction"].to_pylist() == table["label"].to_pylist()
    assert [len(tags) for tags in table["label"].to_pylist()] == examples.lengths.tolist()
    assert ours.score(table, "udpos", "de") == {"f1": 100.0, "token_accuracy": 100.0}
    assert next(iter(ours.score(table, "ccg", "en"))) == "token_accuracy"


def test_the_loss_of_tagging_counts_each_word_once(tmp_path: Path) -> None:
    ours = head("tagging")
    path = encoded.write(tmp_path / "s.parquet", "tagging", encoded.tagging_columns(4, 7))
    batch = ours.batch(ours.read(path), np.arange(4))
    logits = torch.randn(len(batch.labels), encoded.TAGS)
    each = [float(cross_entropy(row[None], tag[None])) for row, tag in zip(logits, batch.labels)]
    assert float(ours.loss(logits, batch)) == pytest.approx(sum(each), rel=1e-6)


@pytest.mark.parametrize(
    ("variant", "columns", "changes", "message"),
    [
        (
            "choice-joint",
            {"id": ["a"], "context_ids": [[5]], "options_ids": [[[6], [7]]], "label": [0]},
            {},
            r"s\.parquet, row 0: 2 options; csqa has 5 a row",
        ),
        (
            "tagging",
            {"id": ["a", "b"], "words": [[[5]], [[5], [6]]], "tags": [[1], [1]]},
            {},
            r"s\.parquet, row 1: 2 words, 1 tags",
        ),
        (
            "tagging",
            {"id": ["a", "b"], "words": [[[5]], []], "tags": [[1], []]},
            {},
            "row 1: a sentence without words",
        ),
        (
            "tagging",
            {"id": ["a"], "words": [[[5, 6, 7, 8]]], "tags": [[1]]},
            {"max_length": 5},
            "holds a word of 4 subwords: raise it to 6",
        ),
    ],
)
def test_rows_that_cannot_be_read(
    tmp_path: Path, variant: str, columns: dict, changes: dict, message: str
) -> None:
    path = encoded.write(tmp_path / "s.parquet", variant.split("-")[0], columns)
    with pytest.raises(UserError, match=message):
        head(variant, **changes).read(path)


def test_parameters_that_do_not_go_together(tiny_encoder: Path) -> None:
    with pytest.raises(UserError, match="csqa needs encoding: joint with pooling: first"):
        head("choice-joint", encoding="separate", pooling="first")
    with pytest.raises(UserError, match="mnli needs encoding: joint with pooling: first"):
        head("pair", pooling="first")
    with pytest.raises(UserError, match="max_length 12 leaves no room for a context after 8"):
        head("span", max_length=12)
    with pytest.raises(UserError, match="bucc2018 is not trained"):
        head_of(find("bucc2018"), ENGINE)
    with pytest.raises(UserError, match="has positions for sequences of 64 tokens at most"):
        encoders.check_length(tiny_encoder, 65)
    encoders.check_length(tiny_encoder, 64)
