from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from recsys_assets.algorithms.interactions import Interactions, build_interactions

PAIRS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 8)), unique=True, max_size=40)
USER_IDS, ITEM_IDS = np.arange(7) * 10, np.arange(9) * 100


def build(pairs: list[tuple[int, int]], ratings: np.ndarray) -> Interactions:
    user, item = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return build_interactions(user * 10, item * 100, ratings, user_ids=USER_IDS, item_ids=ITEM_IDS)


@given(PAIRS, st.integers(0, 2**32 - 1))
def test_each_rating_stands_at_its_ids_whatever_the_order_of_rows(pairs, seed):
    rng = np.random.default_rng(seed)
    ratings = rng.integers(1, 11, len(pairs)) / 2
    shuffled = rng.permutation(len(pairs))
    matrix = build(pairs, ratings)
    again = build([pairs[j] for j in shuffled], ratings[shuffled])
    dense = np.zeros((7, 9))
    for (user, item), rating in zip(pairs, ratings, strict=True):
        dense[user, item] = rating
    assert_array_equal(matrix.ratings.toarray(), dense)
    assert_array_equal(again.ratings.indices, matrix.ratings.indices)
    assert_array_equal(again.ratings.data, matrix.ratings.data)
    assert_array_equal(matrix.likes(4).toarray(), dense >= 4)


def test_vocabularies_are_sorted_and_looked_up_by_id():
    matrix = build_interactions([5], [30], [4.0], user_ids=[9, 5, 7], item_ids=[30, 10])
    assert_array_equal(matrix.user_ids, [5, 7, 9])
    assert_array_equal(matrix.users([9, 5]), [2, 0])
    assert_array_equal(matrix.items([30]), [1])
    assert (matrix.n_users, matrix.n_items) == (3, 2)


def test_unknown_ids_are_counted_and_shown():
    with pytest.raises(ValueError, match=r"2 of 3 item_id values .* for example 77"):
        build_interactions([0, 0, 10], [0, 77, 78], [1, 2, 3], user_ids=USER_IDS, item_ids=ITEM_IDS)
    with pytest.raises(ValueError, match=r"1 of 1 user_id values .* for example 3"):
        build([(0, 0)], np.ones(1)).users([3])
    with pytest.raises(ValueError, match="vocabulary is empty"):
        build_interactions([1], [1], [1], user_ids=[], item_ids=[1])


def test_a_pair_rated_twice_is_refused_with_an_example():
    with pytest.raises(ValueError, match=r"1 ratings repeat .* user_id 20 and item_id 300"):
        build([(2, 3), (2, 4), (2, 3)], np.array([1.0, 2.0, 3.0]))
