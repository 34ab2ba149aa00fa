"""Masked language modelling: what is hidden, where the loss is taken, what it is."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import ENGINE
from stages.learning import vocabulary
from stages.learning.batches import BOS, EOS, Ragged, ends_of
from stages.learning.heads.masked import LanguageModel, Masked, MaskedText, Texts
from stages.learning.masking import RATE, Vocabulary, chosen, mask
from stages.learning.xlmr import XLMR, Config, draw

WORDS = Vocabulary(size=90, mask=89)
SHAPE = Config(90, 32, 2, 4, 64, 66)


def texts(lengths: list[int], seed: int = 0) -> Ragged:
    ends = ends_of(np.array(lengths))
    return Ragged(np.random.default_rng(seed).integers(4, 89, ends[-1]), ends)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_each_text_has_its_share_hidden_and_nothing_else_is_touched(lengths, seed) -> None:
    found = texts(lengths)
    shown, places = mask(found, RATE, WORDS, np.random.default_rng(seed))
    wanted = [max(1, round(RATE * n)) for n in lengths]  # by hand; 10 tokens: 1.5 goes to even, 2
    assert places.lengths.tolist() == wanted == chosen(np.array(lengths), RATE).tolist()
    for row, length in enumerate(lengths):
        at = places[row].tolist()
        assert at == sorted(set(at)) and at[-1] < length
        rest = np.setdiff1d(np.arange(length), at)
        assert (shown[row][rest] == found[row][rest]).all()
    assert shown.values.min() >= 4  # no special token but <mask>


def test_of_the_hidden_80_percent_are_masked_10_replaced_10_kept() -> None:
    found = texts([200] * 500)
    shown, places = mask(found, RATE, WORDS, np.random.default_rng(1))
    at = places.values + np.repeat(found.ends[:-1], places.lengths)
    now, before = shown.values[at], found.values[at]
    count = len(at)
    assert count == 500 * 30

    def near(share: float, wanted: float) -> bool:
        return abs(share - wanted) < 4 * (wanted * (1 - wanted) / count) ** 0.5

    assert near((now == 89).mean(), 0.8)
    # one in 85 words that replace is the word itself
    assert near((now == before).mean(), 0.1 + 0.1 / 85)
    replaced = now[(now != 89) & (now != before)]
    assert len(np.unique(replaced)) == 85


def test_only_hidden_places_are_scored_by_the_embeddings() -> None:
    torch.manual_seed(0)
    encoder = draw(XLMR(SHAPE)).eval()
    module = LanguageModel(encoder).eval()
    with torch.no_grad():
        module.bias.normal_()
    head = Masked(ENGINE, {})
    found = texts([5, 9, 5, 1])
    shown, places = mask(found, 0.4, WORDS, np.random.default_rng(3))
    at = places.values + np.repeat(found.ends[:-1], places.lengths)
    examples = Texts(shown, places, Ragged(found.values[at], places.ends))
    batch = head.batch(examples, np.array([3, 0, 1]))
    row = [BOS, *shown[3], EOS, BOS, *shown[0], EOS, BOS, *shown[1], EOS]
    assert batch.tokens[0].tolist() == row
    assert batch.labels.tolist() == [*examples.hidden[3], *examples.hidden[0], *examples.hidden[1]]
    assert head.weight(examples, np.array([3, 0, 1])) == len(batch.places)
    # by torch's own modules, over all places
    with torch.no_grad():
        states = encoder(batch.tokens[0], batch.positions[0], batch.layout)
        hidden = torch.nn.functional.gelu(module.dense(states))
        scores = module.layer_norm(hidden) @ encoder.embeddings.word_embeddings.weight.T
        logs = (scores + module.bias).log_softmax(-1)
        wanted = -logs[batch.places, batch.labels].sum()
        torch.testing.assert_close(head.loss(module(batch), batch), wanted, atol=1e-4, rtol=1e-5)


def test_the_loss_over_a_vocabulary_is_torchs_and_so_are_its_gradients(monkeypatch) -> None:
    torch.manual_seed(0)
    monkeypatch.setattr(vocabulary, "SCORES_AT_A_TIME", 90 * 4)  # 4 places at a time
    tensors = [torch.randn(11, 8), torch.randn(90, 8), torch.randn(90)]
    labels = torch.randint(90, (11,))
    labels[3] = labels[4]
    found = []
    for ours in (True, False):
        leaves = [tensor.clone().requires_grad_() for tensor in tensors]
        if ours:
            loss = vocabulary.cross_entropy_sum(*leaves, labels)
        else:
            scores = torch.nn.functional.linear(*leaves)
            loss = torch.nn.functional.cross_entropy(scores, labels, reduction="sum")
        found.append([loss, *torch.autograd.grad(loss * 0.3, leaves)])
    for got, expected in zip(*found, strict=True):
        torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)
    frozen = [tensors[0].clone().requires_grad_(), *tensors[1:]]
    vocabulary.cross_entropy_sum(*frozen, labels).backward()
    torch.testing.assert_close(frozen[0].grad * 0.3, found[1][1], atol=1e-4, rtol=1e-4)


def test_languages_come_by_their_size_to_the_exponent() -> None:
    head = Masked(ENGINE | {"batch_size": 500}, {})
    large, small = texts([3] * 1000), Ragged(np.full(30, 7), np.arange(0, 31, 3))
    course = MaskedText(head, {"en": large, "sw": small}, WORDS, {"exponent": 0.3}, seed=1)
    wanted = 10**0.3 / (1000**0.3 + 10**0.3)
    np.testing.assert_allclose(course.chances, [1 - wanted, wanted])
    drawn = [course.draw(step) for step in range(4)]
    share = np.mean([(d.examples.hidden.values == 7).mean() for d in drawn])
    assert abs(share - wanted) < 0.05
    # the same texts are hidden otherwise in another step
    assert drawn[0].examples.places.values.tolist() != drawn[1].examples.places.values.tolist()
