"""BUCC: threshold, extraction and F1 by hand; repeated sentences by XTREME's rule."""

import numpy as np
import pytest

from stages.scoring.bucc import best_threshold, bucc_f1, candidates, extract, unique_rows


def ranked(*margins):
    return {(f"s{i}", f"t{i}"): margin for i, margin in enumerate(margins)}


def gold(*rows):
    return {(f"s{i}", f"t{i}") for i in rows}


def test_the_cut_is_half_way_to_the_next_pair():
    # F1 after 1, 2, 3, 4 pairs: 2/3, 1/2, 4/5, 2/3.
    found = ranked(1.4, 1.3, 1.2, 1.0)
    threshold = best_threshold(found, gold(0, 2))
    assert threshold == pytest.approx(1.1)
    assert extract(found, threshold) == [("s0", "t0"), ("s1", "t1"), ("s2", "t2")]


def test_the_best_cut_can_be_the_last_pair():
    found = ranked(1.4, 1.2)
    assert best_threshold(found, gold(0, 1)) == 1.2
    assert extract(found, 1.2) == list(found)


def test_the_first_of_equal_cuts_counts():
    # F1 is 2/3 after the first pair and after the fourth.
    assert best_threshold(ranked(2.0, 1.5, 1.2, 1.0), gold(0, 3)) == 1.75


def test_a_cut_inside_a_tie_takes_the_whole_tie():
    found = ranked(1.2, 1.2, 1.0)
    threshold = best_threshold(found, gold(0))
    assert threshold == 1.2
    assert len(extract(found, threshold)) == 2


def test_the_order_of_candidates_does_not_matter():
    found = ranked(1.4, 1.3, 1.2, 1.0)
    assert best_threshold(dict(reversed(found.items())), gold(0, 2)) == pytest.approx(1.1)


@pytest.mark.parametrize("right", [gold(7), set()])
def test_without_a_right_pair_the_threshold_is_zero(right):
    assert best_threshold(ranked(1.4, 1.2), right) == 0
    assert best_threshold({}, right) == 0


def test_f1_counts_sets():
    predicted = [("a", "x"), ("a", "x"), ("b", "y"), ("c", "q")]
    assert bucc_f1([("a", "x"), ("b", "y"), ("d", "z")], predicted) == pytest.approx(200 / 3)
    assert bucc_f1([("a", "x")], []) == 0
    assert bucc_f1([("a", "x")], [("x", "a")]) == 0


def test_unique_rows_are_the_first_of_each_sentence():
    assert unique_rows(["b", "a", "b", "a ", "c"]) == [0, 1, 3, 4]


def test_repeated_sentences_compete_but_have_no_pair():
    # Sources: one, two, two; the embedding of "two" is mined with "zwei" and then left out.
    found = candidates(
        ["s1", "s2", "s3"], ["one", "two", "two"], np.eye(2), ["t1", "t2"], ["eins", "zwei"],
        np.eye(2), k=1,
    )  # fmt: skip
    assert found == {("s1", "t1"): pytest.approx(1)}


def test_sentences_that_differ_in_white_space_are_repeated():
    found = candidates(
        ["s1", "s2"], ["one", "one "], np.eye(2), ["t1", "t2"], ["eins", "zwei"], np.eye(2), k=1
    )
    assert found == {}
    alone = candidates(["s1"], [" one "], np.eye(1), ["t1"], ["eins"], np.eye(1))
    assert alone == {("s1", "t1"): pytest.approx(1)}


def test_one_embedding_a_different_sentence():
    with pytest.raises(ValueError, match="2 ids, 2 sentences, 1 of them different, and 2 embed"):
        candidates(["a", "b"], ["x", "x"], np.eye(2), ["c"], ["y"], np.eye(1, 2))
