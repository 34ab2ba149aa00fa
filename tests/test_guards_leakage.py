"""Leakage: every copy is found, near ones as far as the true Jaccard similarity says."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from stages.guards.leakage import GRAM, NEAR, leaks, normalise

WORDS = (
    "the a train house night very late red old man went saw bought seven letters to from".split()
)


def sentences(count: int, seed: int) -> list[tuple[str, str]]:
    rng = random.Random(seed)
    return [
        (" ".join(rng.choices(WORDS, k=14)), " ".join(rng.choices(WORDS, k=9)))
        for _ in range(count)
    ]


def jaccard(one: str, other: str) -> float:
    """By definition, on the normalised text."""
    sets = [
        {text[i : i + GRAM] for i in range(len(text) - GRAM + 1)}
        for text in (normalise([one]), normalise([other]))
    ]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def test_unrelated_items_do_not_leak() -> None:
    assert leaks(sentences(500, 1), sentences(200, 2)) == []


def test_exact_copies_in_other_dress() -> None:
    train = [*sentences(50, 1), ("„Der ﬁsche Fisch“, 3 m!", "Ja – JA.")]
    found = leaks(train, [*sentences(3, 2), ("der fische   FISCH 3 m", "ja ja")])
    assert [(leak.test, leak.train, leak.similarity) for leak in found] == [(3, 50, 1.0)]


def test_first_of_equal_training_rows_is_named() -> None:
    item = sentences(1, 3)[0]
    (found,) = leaks([*sentences(5, 1), item, item], [item])
    assert found.train == 5


def test_near_copies_are_found_with_their_true_similarity() -> None:
    rng = random.Random(5)
    train = sentences(2000, 1)
    test = sentences(300, 2)
    expected = {}
    for row in range(100):
        source = rng.randrange(len(train))
        words = train[source][0].split()
        words[rng.randrange(len(words))] = "other"
        changed = " ".join(words)
        if jaccard(train[source][0], changed) >= NEAR:
            expected[row] = (source, jaccard(train[source][0], changed))
        test[row] = (changed, train[source][1])
    found = {leak.test: (leak.train, leak.similarity) for leak in leaks(train, test)}
    assert len(expected) > 50
    assert found == expected


def test_a_shared_side_is_no_leak() -> None:
    train = sentences(200, 1)
    test = [
        (first, other) for (first, _), (other, _) in zip(train[:50], sentences(50, 9), strict=True)
    ]
    assert leaks(train, test) == []


def test_empty_and_wordless_items() -> None:
    assert leaks([], [("a b c d", "e")]) == []
    assert leaks([("a b c d", "e")], []) == []
    assert leaks([("", ""), ("?!", "...")], [("", ""), ("…", "—")]) == []
    assert [leak.test for leak in leaks([("ok", "no")], [("Ok!", "No.")])] == [0]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30)), max_size=12))
def test_every_item_leaks_into_itself(items: list[tuple[str, str]]) -> None:
    found = {leak.test: leak.similarity for leak in leaks(items, items)}
    real = {row for row, item in enumerate(items) if normalise(item).strip()}
    assert found == dict.fromkeys(real, 1.0)
