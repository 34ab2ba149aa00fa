"""Ratio-margin mining, by hand-worked cosines, against brute force and by properties."""

import tracemalloc

import numpy as np
import pytest

from stages.scoring.mining import mine, neighbours, unit


def sides(cosines):
    """Two sides with the given cosines: one axis a source, and one a target to fill its length."""
    cosines = np.array(cosines, np.float32)
    n, m = cosines.shape
    rest = np.sqrt(1 - (cosines**2).sum(axis=0))
    return np.eye(n, n + m, dtype=np.float32), np.hstack((cosines.T, np.diag(rest)))


def pairs(source, target, k=4):
    mined = mine(source, target, k)
    return {
        (i, j): margin
        for i, j, margin in zip(
            mined.source.tolist(), mined.target.tolist(), mined.margins.tolist(), strict=True
        )
    }


def test_the_margin_is_not_the_cosine():
    # Means with k = 2: sources .40 .225, targets .425 .20. Margins by hand:
    # (0,0) .45/.4125 = 1.0909   (0,1) .35/.3  = 1.1667
    # (1,0) .40/.325  = 1.2308   (1,1) .05/.2125 = .2353
    found = pairs(*sides([[0.45, 0.35], [0.40, 0.05]]), k=2)
    assert list(found) == [(1, 0), (0, 1)]  # by cosine it would be (0, 0) first
    assert list(found.values()) == pytest.approx([0.40 / 0.325, 0.35 / 0.3], rel=1e-5)


def test_each_sentence_is_in_one_pair_at_most():
    # Margins: (0,0) .4/.35 = 1.143, (0,1) and (1,0) .3/.2875 = 1.043, (1,1) .15/.225 = .667.
    # Both others propose a partner of (0, 0), which is taken; nobody proposes (1, 1).
    found = pairs(*sides([[0.4, 0.3], [0.3, 0.15]]), k=2)
    assert found == pytest.approx({(0, 0): 0.4 / 0.35}, rel=1e-5)


def test_the_target_side_proposes_too():
    # k = 1: both sources prefer target 0, margins .6/.6 and .5/.55; target 1 proposes source 1
    # with .3/.4. The greedy order takes (0, 0), skips (1, 0) and still gets (1, 1).
    found = pairs(*sides([[0.6, 0.1], [0.5, 0.3]]), k=1)
    assert found == pytest.approx({(0, 0): 1, (1, 1): 0.3 / 0.4}, rel=1e-5)


def test_margins_of_zero_or_undefined_are_dropped():
    x, y = np.eye(1, 2), np.array([[0.0, 1.0]])
    assert pairs(x, y) == {}
    assert pairs(np.zeros((2, 3)), np.eye(3)) == {}


@pytest.mark.parametrize(("n", "m", "block"), [(1, 1, 4), (3, 50, 4), (50, 3, 7), (61, 64, 16)])
def test_neighbours_are_exact(n, m, block):
    rng = np.random.default_rng(n * m)
    x, y = rng.standard_normal((n, 6)), rng.standard_normal((m, 6))
    cosines = unit(x) @ unit(y).T
    for found, table in zip(neighbours(x, y, 4, block), (cosines, cosines.T), strict=True):
        k = min(4, table.shape[1])
        assert found.rows.shape == (len(table), k)
        best = np.argsort(-table, axis=1)[:, :k]
        assert (found.rows == best).all()
        assert np.allclose(found.cosines, np.take_along_axis(table, best, 1), atol=1e-6)


@pytest.mark.parametrize("block", [4, 5, 100])
def test_equal_cosines_go_to_the_lower_row(block):
    x, y = np.ones((9, 1)), np.ones((11, 1))
    forward, backward = neighbours(x, y, 4, block)
    assert (forward.rows == np.arange(4)).all()
    assert (backward.rows == np.arange(4)).all()


def test_length_does_not_matter_and_inputs_stay():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((30, 8)), rng.standard_normal((20, 8))
    before = x.copy()
    found = pairs(x, y)
    assert list(pairs(3 * x, y / 7)) == list(found)
    assert (x == before).all()
    assert {(j, i) for i, j in pairs(y, x)} == set(found)


def test_true_pairs_are_found_whatever_their_order():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((300, 32))
    order = rng.permutation(300)
    y = (x + 0.3 * rng.standard_normal(x.shape))[order]
    assert set(pairs(x, y)) == set(zip(order.tolist(), range(300), strict=True))


def test_memory_does_not_grow_with_the_product():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((6_000, 8), np.float32)
    tracemalloc.start()
    mine(x, x[::-1])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * 2**20  # the matrix would be 137 MiB


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones((2, 3)), np.ones((2, 4)), "shapes"),
        (np.ones((0, 3)), np.ones((2, 3)), "shapes"),
        (np.ones((2, 3)), np.full((2, 3), np.nan), "row 0 of a block is not finite"),
    ],
)
def test_what_cannot_be_mined(x, y, message):
    with pytest.raises(ValueError, match=message):
        mine(x, y)


def test_k_is_positive():
    with pytest.raises(ValueError, match="k must be 1 or more"):
        neighbours(np.ones((2, 3)), np.ones((2, 3)), 0)
