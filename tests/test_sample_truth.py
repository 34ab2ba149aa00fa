"""The sample's labels: they follow from the facts, and no shortcut leads to them."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import pytest
from sampled import built, sets

from sample import compose_xnli
from sample.render import Text
from sample.write import XNLI_ROWS

__all__ = ["built", "sets"]  # fixtures


# ---------------------------------------------------------------------------- no shortcuts


def naive_bayes(train: list[tuple[set[str], int]], test: list[tuple[set[str], int]]) -> float:
    """Accuracy of a bag-of-words naive Bayes with add-one smoothing."""
    labels = sorted({label for _, label in train})
    counts: dict[int, Counter[str]] = {label: Counter() for label in labels}
    sizes = Counter(label for _, label in train)
    for words, label in train:
        counts[label].update(words)

    def score(words: set[str], label: int) -> float:
        return sum(math.log((counts[label][word] + 1) / (sizes[label] + 2)) for word in words)

    right = sum(max(labels, key=lambda lab: score(w, lab)) == label for w, label in test)
    return right / len(test)


def bag(text: str) -> set[str]:
    words = re.findall(r"\w+", text.lower())
    return {*words, *(" ".join(two) for two in pairwise(words))}


def test_naive_bayes_finds_a_shortcut_where_there_is_one() -> None:
    data = [({"not", "x"}, 1), ({"x"}, 0), ({"not", "y"}, 1), ({"y"}, 0)]
    assert naive_bayes(data, data) == 1.0


def test_every_hypothesis_meets_every_label_equally_often(sets: Any) -> None:
    for task, language, split, rows in sets:
        if "nli" in task:
            labels: dict[str, Counter[int]] = defaultdict(Counter)
            for row in rows:
                labels[row["two"]][row["label"]] += 1
            for hypothesis, shares in labels.items():
                assert len({shares[label] for label in range(3)}) == 1, (
                    language,
                    split,
                    hypothesis,
                )


@pytest.mark.parametrize(
    ("task", "split", "side", "limit"),
    [
        ("facebook/xnli", "test", "two", 0.40),
        ("facebook/xnli", "test", "one", 0.62),
        ("mnli", "validation_matched", "two", 0.40),
        ("google-research-datasets/paws-x", "test", "one", 0.58),
        ("google-research-datasets/paws-x", "test", "two", 0.58),
        ("qqp", "validation", "one", 0.62),
        ("qqp", "validation", "two", 0.62),
    ],
)
def test_one_sentence_alone_says_little(
    sets: Any, task: str, split: str, side: str, limit: float
) -> None:
    """Limits: chance plus two standard errors at that size; premises may say more."""
    files = {(t, lang, s): rows for t, lang, s, rows in sets}
    train, test = (
        [(bag(row[side]), row["label"]) for row in files[task, "en", part]]
        for part in ("train", split)
    )
    assert naive_bayes(train, test) <= limit


# ---------------------------------------------------------------------------- labels are true


@pytest.fixture(scope="module")
def items() -> list[compose_xnli.Item]:
    return [item for split in compose_xnli.compose(XNLI_ROWS, 1).values() for item in split]


def last(path: str) -> str:
    return path.split(".")[-1]


def test_families_are_as_large_as_each_other(items: list[compose_xnli.Item]) -> None:
    sizes = Counter(item.family for item in items)
    assert len(sizes) == 8
    assert max(sizes.values()) - min(sizes.values()) <= 9  # a group of three rows a split


def test_comparisons_follow_from_the_order(items: list[compose_xnli.Item]) -> None:
    """An independent judge: the transitive closure of `more than` on each scale."""
    inverse = {"younger": "older", "shorter": "taller", "later": "earlier", "slower": "faster"}

    def facts(text: Text) -> set[tuple[str, str, str]]:
        found = set()
        for clause in text:
            slots, word = dict(clause.slots), last(clause.template)
            a, b = slots["a"], slots["b"]
            found.add((inverse[word], b, a) if word in inverse else (word, a, b))
        return found

    def closure(known: set[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
        more = {(s, a, d) for s, a, b in known for t, c, d in known if s == t and b == c}
        return known if more <= known else closure(known | more)

    for item in items:
        if item.family == "comparison":
            known = closure(facts(item.premise))
            [(scale, a, b)] = facts(item.hypothesis)
            assert not any(x == y for _, x, y in known)
            judged = 0 if (scale, a, b) in known else 2 if (scale, b, a) in known else 1
            assert judged == item.label


def test_numbers_follow_from_their_ranges(items: list[compose_xnli.Item]) -> None:
    ranges = {
        "six": {6},
        "seven": {7},
        "nine": {9},
        "ten": {10},
        "several": set(range(3, 20)),
        "at_least_nine": set(range(9, 20)),
    }

    for item in items:
        if item.family == "count":
            (premise,), (hypothesis,) = item.premise, item.hypothesis
            assert premise.template == hypothesis.template
            known, claimed = (ranges[last(dict(c.slots)["n"])] for c in (premise, hypothesis))
            judged = 0 if known <= claimed else 1 if known & claimed else 2
            assert judged == item.label


def test_places_and_times_follow_from_what_includes_what(items: list[compose_xnli.Item]) -> None:
    wider = {"saturday": "weekend", "eight_am": "morning", "seven_pm": "evening"}
    wider |= dict.fromkeys(["garden", "park", "beach"], "outdoors")
    kinds = [
        {"monday", "wednesday", "saturday", "weekend"},
        {"eight_am", "morning", "seven_pm", "evening"},
        {"spring", "autumn"},
        set(compose_xnli.PLACES["letter"].split()) | {"school", "market", "outdoors"},
    ]
    for item in items:
        if item.family in ("place", "moment"):
            (premise,), (hypothesis,) = item.premise, item.hypothesis
            slot = "where" if item.family == "place" else "when"
            claimed = last(dict(hypothesis.slots)[slot])
            known = last(dict(premise.slots).get(slot, "?"))
            kind = next(kind for kind in kinds if claimed in kind)
            if known == claimed or wider.get(known) == claimed:
                judged = 0
            elif known not in kind or wider.get(claimed) == known:
                judged = 1
            else:
                judged = 2
            assert judged == item.label, (premise, hypothesis)


def test_exchanges_follow_from_who_gave(items: list[compose_xnli.Item]) -> None:
    for item in items:
        if item.family == "exchange":
            (premise,), (hypothesis,) = item.premise, item.hypothesis
            events = []
            for clause in (premise, hypothesis):
                slots, verb = dict(clause.slots), last(clause.template)
                giver, getter = (
                    (slots["a"], slots["b"]) if verb != "gets" else (slots["b"], slots["a"])
                )
                events.append((verb == "other", giver, getter))
            judged = 0 if events[0] == events[1] else 2 if events[0][0] == events[1][0] else 1
            assert judged == item.label
