"""Windows, gold answers among tokens and decoded answers, from values worked out by hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import encoded
import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import ENGINE
from stages.learning.batches import Ragged
from stages.learning.heads import head_of
from stages.learning.heads.answers import answer_tokens, decode
from stages.learning.heads.span import Span
from stages.learning.heads.windows import windows
from stages.tasks import find


def span(name: str = "squad", **changes: Any) -> Span:
    few = {"query_length": 2, "doc_stride": 2, "max_length": 10, "n_best": 3, "answer_length": 3}
    head = head_of(find(name), ENGINE | few | changes)
    assert isinstance(head, Span)
    return head


def rows(contexts: list[list[int]], answers: list[list[str]], starts: list[list[int]]) -> dict:
    """Questions `5 6 7`, every context token one letter: 20 is a, 21 is b ..."""
    return {
        "id": [str(i) for i in range(len(contexts))],
        "question_ids": [[5, 6, 7]] * len(contexts),
        "context_ids": contexts,
        "begins": [list(range(len(c))) for c in contexts],
        "ends": [list(range(1, len(c) + 1)) for c in contexts],
        "context": ["".join(chr(ord("a") + k - 20) for k in c) for c in contexts],
        "answers": answers,
        "starts": starts,
    }


def test_windows_by_hand() -> None:
    # question 2, 10 tokens a window: room for 4 of the context, the next window 2 tokens later
    cut = windows(np.array([2, 2, 2]), np.array([4, 5, 9]), 10, 2)
    assert cut.ends.tolist() == [0, 1, 3, 7]
    assert cut.owners.tolist() == [0, 1, 1, 2, 2, 2, 2]
    assert cut.begins.tolist() == [0, 0, 2, 0, 2, 4, 6]
    assert cut.lengths.tolist() == [4, 4, 3, 4, 4, 4, 3]
    # a window that is shorter than the stride leaves no gap
    assert windows(np.array([2]), np.array([9]), 10, 128).begins.tolist() == [0, 4, 8]


@given(st.integers(0, 200), st.integers(1, 8), st.integers(14, 40), st.integers(1, 50))
@settings(max_examples=300, deadline=None)
def test_windows_follow_squads_baseline(context: int, asked: int, width: int, stride: int) -> None:
    expected, start = [], 0
    while True:
        length = min(context - start, width - asked - 4)
        expected.append((start, length))
        if start + length >= context:
            break
        start += min(length, stride)
    cut = windows(np.array([asked]), np.array([context]), width, stride)
    assert list(zip(cut.begins.tolist(), cut.lengths.tolist())) == expected

    # the window of the most context, token by token as the baseline decides it
    best = []
    for token in range(context):
        scores = [
            min(token - b, b + n - 1 - token) + 0.01 * n if b <= token < b + n else -1.0
            for b, n in expected
        ]
        best.append(int(np.argmax(scores)))
    first, last = cut.best_context()
    found = [[w for w, (a, b) in enumerate(zip(first, last)) if a <= t < b] for t in range(context)]
    assert found == [[w] for w in best]


def test_a_window_is_written_as_xlm_r_writes_it(tmp_path: Path) -> None:
    head = span()
    columns = rows([[20, 21, 22, 23, 24]], [["d"]], [[3]])
    examples = head.read(encoded.write(tmp_path / "s.parquet", "span", columns))
    batch = head.batch(examples, np.array([0]))
    # the question is cut at 2 tokens; the second window begins 2 tokens later
    first, second = [0, 5, 6, 2, 2, 20, 21, 22, 23, 2], [0, 5, 6, 2, 2, 22, 23, 24, 2]
    assert batch.tokens.tolist() == [first + second]
    assert batch.places.tolist() == [5, 15]
    assert batch.labels.tolist() == [[8, 8], [6, 6]]
    assert head.weight(examples, np.array([0])) == 2


def test_windows_without_the_whole_answer_point_at_the_first_token(tmp_path: Path) -> None:
    head = span("squad2")
    columns = rows([[20, 21, 22, 23, 24], [20, 21]], [["bcd"], []], [[1], []])
    examples = head.read(encoded.write(tmp_path / "s.parquet", "span", columns))
    batch = head.batch(examples, np.array([0, 1]))
    assert batch.labels.tolist() == [[6, 8], [0, 0], [0, 0]]


def test_gold_answers_are_found_by_code_points() -> None:
    # "Ünal is here": Ü|nal, blank+is, blank+here; then an emoji outside the basic plane
    begins = Ragged(np.array([0, 1, 4, 7, 0, 1]), np.array([0, 4, 6, 6]))
    ends = Ragged(np.array([1, 4, 7, 12, 1, 3]), np.array([0, 4, 6, 6]))
    answers = pa.chunked_array([[["nal is", "x"], ["😀a"], []]], pa.list_(pa.string()))
    starts = pa.chunked_array([[[1, 0], [0], []]], pa.list_(pa.int32()))
    first, last = answer_tokens(begins, ends, answers, starts)
    assert first.tolist() == [1, 0, -1]
    assert last.tolist() == [2, 1, -1]


def test_an_answer_outside_its_context_is_none() -> None:
    one = Ragged(np.array([0, 1]), np.array([0, 2])), Ragged(np.array([1, 2]), np.array([0, 2]))
    answers = pa.chunked_array([[["z"]]], pa.list_(pa.string()))
    starts = pa.chunked_array([[[9]]], pa.list_(pa.int32()))
    assert [found.tolist() for found in answer_tokens(*one, answers, starts)] == [[-1], [-1]]


class Scores:
    """An engine that gives token 20 + k the logits `scores[k]`, `<s>` (0, null), others (9, 9)."""

    training, module = False, None

    def __init__(self, scores: list[tuple[float, float]], null: float = 0.0):
        self.table = torch.full((90, 2), 9.0)
        self.table[0] = torch.tensor([0.0, null])
        self.table[20 : 20 + len(scores)] = torch.tensor(scores)

    def eval(self) -> None: ...

    def train(self, on: bool) -> None: ...

    def __call__(self, batch: Any) -> torch.Tensor:
        return self.table[batch.tokens[0]]


def answer(head: Span, tmp_path: Path, contexts: list[list[int]], scores: Scores) -> list[str]:
    columns = rows(contexts, [["a"]] * len(contexts), [[0]] * len(contexts))
    examples = head.read(encoded.write(tmp_path / "s.parquet", "span", columns))
    table = head.predict(scores, examples, torch.device("cpu"))
    return table["prediction"].to_pylist()


def test_the_pair_with_the_highest_sum_is_the_answer(tmp_path: Path) -> None:
    scores = Scores([(1, 0), (5, 1), (0, 2), (2, 4)])
    # b (5) to d (4) is 9; the question's own tokens (9 + 9) are no answer
    assert answer(span(), tmp_path, [[20, 21, 22, 23]], scores) == ["bcd"]
    # not more than two tokens: b to c is 7, d alone is 6
    assert answer(span(answer_length=2), tmp_path, [[20, 21, 22, 23]], scores) == ["bc"]
    # one token: b alone and d alone are 6, the earlier start of the higher logit is met first
    assert answer(span(answer_length=1), tmp_path, [[20, 21, 22, 23]], scores) == ["b"]


def test_an_end_before_its_start_is_no_answer(tmp_path: Path) -> None:
    scores = Scores([(0, 8), (1, 0), (7, 0.5)])
    assert answer(span(), tmp_path, [[20, 21, 22]], scores) == ["a"]  # 0 + 8, not 7 + 8


def test_where_the_n_best_do_not_go_together_the_best_token_answers(tmp_path: Path) -> None:
    scores = Scores([(0, 8), (3, 2), (7, -9)])
    assert answer(span(n_best=1), tmp_path, [[20, 21, 22]], scores) == ["a"]


def test_the_best_window_answers(tmp_path: Path) -> None:
    scores = Scores([(1, 1), (0, 0), (0, 0), (0, 0), (6, 0), (0, 5)])
    # windows abcd, cdef: "ef" lies in the second
    contexts = [[20, 21, 22, 23, 24, 25], [20, 21]]
    assert answer(span(), tmp_path, contexts, scores) == ["ef", "a"]


def test_an_answer_begins_in_the_window_of_its_most_context(tmp_path: Path) -> None:
    # abcd and cdef: c belongs to the first window, d to the second; so "cde" is not found
    scores = Scores([(0, 0), (0, 0), (9, 0), (1, 0), (0, 9), (0, 0)])
    assert answer(span(), tmp_path, [[20, 21, 22, 23, 24, 25]], scores) == ["de"]


def test_only_squad2_answers_nothing(tmp_path: Path) -> None:
    scores = [(1.0, 1.0), (0.0, 0.0)]
    for null, expected in ((1.9, "a"), (2.0, "a"), (2.1, "")):
        context = [[20, 21]]
        assert answer(span("squad2"), tmp_path, context, Scores(scores, null)) == [expected]
        assert answer(span("squad"), tmp_path, context, Scores(scores, null)) == ["a"]


def test_nothing_is_the_answer_only_where_every_window_says_so(tmp_path: Path) -> None:
    head = span("squad2")
    columns = rows([[20, 21, 22, 23, 24]], [["a"]], [[0]])
    examples = head.read(encoded.write(tmp_path / "s.parquet", "span", columns))
    # first and last token, their score, and that of <s>, whose lowest counts; in two windows
    found = np.array([[0, 0, 2.0, 3.0], [1, 2, -1.0, 1.0]])
    assert head.texts(examples, found) == ["a"]
    found[1, 3] = 2.5
    assert head.texts(examples, found) == [""]
    found[1, 2] = 2.5
    assert head.texts(examples, found) == ["de"]


def test_an_answer_is_cut_from_the_context_by_code_points(tmp_path: Path) -> None:
    columns = rows([[20, 21]], [["x"]], [[0]])
    columns |= {"context": ["😀 höß"], "begins": [[0, 1]], "ends": [[1, 5]]}
    head = span()
    examples = head.read(encoded.write(tmp_path / "s.parquet", "span", columns))
    table = head.predict(Scores([(0, 0), (5, 5)]), examples, torch.device("cpu"))
    assert table["prediction"].to_pylist() == ["höß"]  # the token's leading blank is none of it
    assert table["label"].to_pylist() == [["x"]]


def test_scores_by_target(tmp_path: Path) -> None:
    head = span()
    table = pa.table({"label": [["das Haus"], ["x"]], "prediction": ["Haus", ""]})
    assert head.score(table, "mlqa", "de") == {"f1": 50.0, "em": 50.0}  # das is an article
    assert head.score(table, "xquad", "de")["em"] == 0.0
    table = pa.table(
        {"label": pa.array([[], ["x"]], pa.list_(pa.string())), "prediction": ["", ""]}
    )
    assert head.score(table, "squad2", "en") == {"f1": 50.0, "em": 50.0}


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_decoding_is_exact_where_n_best_covers_the_window(data: st.DataObject) -> None:
    length = data.draw(st.integers(1, 12))
    random = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    first, last = sorted(data.draw(st.lists(st.integers(0, length), min_size=2, max_size=2)))
    limit = data.draw(st.integers(1, 6))
    logits = random.normal(size=(length + 3, 2)).astype(np.float32)  # <s>, </s></s> ... </s>
    layout = SimpleNamespace(longest=length + 3)
    batch = SimpleNamespace(
        parts=torch.tensor([length + 3]), places=torch.tensor([2]), layout=layout
    )
    allowed = torch.tensor([[first, last]])
    found = decode(torch.from_numpy(logits), batch, allowed, 20, limit)[0].tolist()
    pairs = [
        (float(logits[2 + i, 0] + logits[2 + j, 1]), i, j)
        for i in range(first, last)
        for j in range(i, min(i + limit, length))
    ]
    if pairs:
        assert found[:3] == pytest.approx([*max(pairs)[1:], max(pairs)[0]])
    else:
        assert found[2] == -np.inf
    assert found[3] == pytest.approx(float(logits[0].sum()), abs=1e-6)
