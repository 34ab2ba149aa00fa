"""Batches, heads and attention without padding agree with the padded model of transformers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import ENGINE
from stages.learning import encoder as encoders
from stages.learning.batches import Ragged, by_budget, passes, splice, training_rows, truncate
from stages.learning.heads import head_of
from stages.learning.heads.pair import PairClassifier, Pairs, assemble
from stages.learning.heads.pooling import compare, mean_by_part
from stages.tasks import find


def ragged(sentences: list[list[int]]) -> Ragged:
    ends = np.cumsum([0] + [len(s) for s in sentences])
    return Ragged(np.array(sum(sentences, []), dtype=np.int32), ends)


def pairs(seed: int = 0, lengths=((1, 1), (5, 3), (28, 29), (60, 60), (1, 14))) -> Pairs:
    random = np.random.default_rng(seed)
    sides = [[random.integers(4, 90, n).tolist() for n in side] for side in zip(*lengths)]
    labels = np.arange(len(lengths)) % 3
    return Pairs(labels.astype(str), ragged(sides[0]), ragged(sides[1]), labels)


@pytest.mark.parametrize("pooling", ["first", "segments"])
@pytest.mark.parametrize("encoding", ["joint", "separate"])
def test_unpadded_equals_padded_outputs_and_gradients(
    tiny_encoder: Path, pooling: str, encoding: str
) -> None:
    from transformers import XLMRobertaModel

    torch.manual_seed(1)
    model = PairClassifier(encoders.read(tiny_encoder, ENGINE), 3, pooling, dropout=0.0).eval()
    padded = XLMRobertaModel.from_pretrained(
        tiny_encoder, add_pooling_layer=False, attn_implementation="eager"
    ).eval()
    batch = assemble(pairs(), np.arange(5), max_length=64, encoding=encoding)
    got = model(batch)

    # the same sentences as rows of a padded batch, pooled one by one
    ends = batch.layout.ends.tolist()
    rows = [batch.tokens[0, a:b] for a, b in zip(ends, ends[1:])]
    grid = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=1)
    states = padded(grid, attention_mask=(grid != 1).long()).last_hidden_state
    flat = torch.cat([states[i, : len(row)] for i, row in enumerate(rows)])
    if pooling == "first":
        features = flat[batch.places]
    else:
        means = [part.mean(0) for part in flat.split(batch.parts.tolist())]
        features = torch.stack(
            [torch.cat([u, v, (u - v).abs(), u * v]) for u, v in zip(means[::2], means[1::2])]
        )
    expected = model.out(torch.tanh(model.dense(features)))
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)

    (got**2).sum().backward()
    (expected**2).sum().backward()
    ours = dict(model.encoder.named_parameters())
    for name, parameter in padded.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(ours[name].grad, parameter.grad, atol=1e-5, rtol=1e-4)


def test_a_pair_is_written_as_xlm_r_writes_it() -> None:
    data = Pairs(np.array(["0"]), ragged([[10, 11]]), ragged([[20]]), np.array([2]))
    joint = assemble(data, np.array([0]), 16, "joint")
    assert joint.tokens.tolist() == [[0, 10, 11, 2, 2, 20, 2]]
    assert joint.positions.tolist() == [[2, 3, 4, 5, 6, 7, 8]]
    assert joint.parts.tolist() == [4, 3]
    separate = assemble(data, np.array([0]), 16, "separate")
    assert separate.tokens.tolist() == [[0, 10, 11, 2, 0, 20, 2]]
    assert separate.positions.tolist() == [[2, 3, 4, 5, 2, 3, 4]]
    assert separate.layout.ends.tolist() == [0, 4, 7]


@given(st.integers(0, 40), st.integers(0, 40), st.integers(2, 40))
@settings(max_examples=300, deadline=None)
def test_truncation_is_that_of_tokenizers(first: int, second: int, room: int) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_truncation(room, strategy="longest_first")
    kinds = tokenizer.encode("a " * first, "b " * second).type_ids
    assert truncate(first, second, room) == (kinds.count(0), kinds.count(1))


def test_mean_and_comparison_by_hand() -> None:
    states = torch.tensor([[1.0], [3.0], [5.0], [7.0], [9.0]])
    means = mean_by_part(states, torch.tensor([2, 3]))
    assert means.tolist() == [[2.0], [7.0]]
    assert compare(means[:1], means[1:]).tolist() == [[2.0, 7.0, 5.0, 14.0]]


@given(st.integers(1, 50), st.integers(1, 64), st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_every_epoch_holds_every_row_once(count: int, size: int, seed: int) -> None:
    steps = -(-2 * count // size)
    rows = np.concatenate([training_rows(count, s, size, seed) for s in range(steps)])
    assert sorted(rows[:count]) == list(range(count))
    assert sorted(rows[count : 2 * count]) == list(range(count))


@given(st.integers(1, 200))
@settings(max_examples=50, deadline=None)
def test_prediction_batches_hold_every_row_once_within_the_budget(tokens: int) -> None:
    data = pairs()
    widths = data.first.lengths + data.second.lengths + 4
    batches = list(by_budget(widths, tokens))
    assert sorted(np.concatenate(batches)) == list(range(len(data)))
    for rows in batches:
        assert len(rows) == 1 or widths[rows].sum() <= tokens


@given(st.lists(st.integers(1, 50), min_size=8, max_size=24), st.integers(1, 200))
@settings(max_examples=100, deadline=None)
def test_every_rank_makes_as_many_passes_within_the_budget(widths: list[int], tokens: int) -> None:
    shares = np.arange(len(widths) // 2 * 2).reshape(2, -1)
    cut = passes(shares, np.array(widths), tokens)
    assert len(cut[0]) == len(cut[1])
    for share, parts in zip(shares, cut):
        assert np.concatenate(parts).tolist() == share.tolist()
        for rows in parts:
            assert len(rows) == 1 or np.array(widths)[rows].sum() <= tokens
    assert [len(parts) for parts in passes(shares, np.array(widths), None)] == [1, 1]


def test_splice_by_hand() -> None:
    data = ragged([[5, 6, 7], [], [8]])
    tokens, widths = splice(3, [0], data.cut(np.array([2, 0, 1]), np.array([1, 2, 0])), [2, 2])
    assert tokens.tolist() == [0, 8, 2, 2, 0, 5, 6, 2, 2, 0, 2, 2]
    assert widths.tolist() == [[1, 1, 2], [1, 2, 2], [1, 0, 2]]
    taken = data.take(np.array([2, 1, 0]))
    assert [taken[i].tolist() for i in range(3)] == [[8], [], [5, 6, 7]]


def test_a_distinct_sentence_is_encoded_once_and_the_logits_stay(tiny_encoder: Path) -> None:
    data = pairs(3, lengths=((9, 4), (9, 7), (60, 3), (1, 1), (5, 5)))
    same = data.first.take(np.array([0, 0, 2, 3, 0]))  # a premise with three hypotheses
    data = Pairs(data.ids, same, data.second, data.labels)
    model = PairClassifier(encoders.read(tiny_encoder, ENGINE), 3, "segments", dropout=0.1).eval()

    def call(batch):
        return model(batch)

    call.module, call.training, call.eval, call.train = model, False, lambda: None, lambda on: None
    head = head_of(find("mnli"), ENGINE | {"prediction_tokens": 64})
    once = head.logits(call, data, torch.device("cpu"))
    batch = assemble(data, np.arange(5), 32, "separate")
    np.testing.assert_allclose(once, model(batch).detach().numpy(), atol=1e-5)
