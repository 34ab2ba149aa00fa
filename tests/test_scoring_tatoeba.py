"""Tatoeba's search: which side is the index, and what is nearest."""

import numpy as np
import pytest

from stages.scoring.tatoeba import nearest


def test_the_foreign_side_is_the_index():
    foreign = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    english = np.array([[9.0, 1.0], [1.0, 2.0]])  # cosines .99 .11 .78 and .45 .89 .95
    assert nearest(foreign, english).tolist() == [0, 2]


def test_cosine_not_distance_nor_product():
    foreign = np.array([[100.0, 100.0], [0.1, 0.0]])
    assert nearest(foreign, np.array([[1.0, 0.1]])).tolist() == [1]


def test_equal_cosines_go_to_the_lower_row():
    assert nearest(np.ones((4, 1)), np.ones((2, 1))).tolist() == [0, 0]


@pytest.mark.parametrize("foreign", [np.ones((3, 2)), np.ones((0, 4))])
def test_what_cannot_be_searched(foreign):
    with pytest.raises(ValueError, match="cannot search"):
        nearest(foreign, np.ones((2, 4)))
