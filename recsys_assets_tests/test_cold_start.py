from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.cold_start import cold_start_list, damped_mean

RULES = {"min_ratings": 10, "min_mean": 3.5}
WAR, LOVE = [1.0, 0.0], [0.0, 1.0]


def listed(n_ratings, mean_rating, genres, *, n):
    return cold_start_list(
        np.array(n_ratings), np.array(mean_rating), csr_matrix(np.array(genres)), n=n, **RULES
    )


def test_a_listed_genre_has_to_be_that_much_more_popular():
    # D'Hondt: 90, then 60 of love beats 80 / 2, then 80 / 2 beats 50 / 2, then 50 / 2 beats 70 / 3.
    items = listed([90, 80, 70, 60, 50], [4.0] * 5, [WAR, WAR, WAR, LOVE, LOVE], n=5)
    assert_array_equal(items, [0, 3, 1, 4, 2])


def test_items_without_genres_count_as_one_genre():
    items = listed([90, 80, 50], [4.0] * 3, [[0.0, 0.0], [0.0, 0.0], WAR], n=3)
    assert_array_equal(items, [0, 2, 1])


def test_equals_go_by_item_number():
    assert_array_equal(listed([20] * 4, [4.0] * 4, [WAR, WAR, LOVE, LOVE], n=4), [0, 2, 1, 3])


def test_where_too_few_qualify_the_best_damped_means_follow():
    # Only item 3 qualifies: 0 is disliked, 1 and 2 have too few ratings, 4 has none.
    items = listed([50, 2, 8, 20, 0], [2.0, 5.0, 5.0, 4.0, np.nan], [WAR] * 5, n=5)
    assert_array_equal(items, [3, 2, 1, 0])


def test_damping_is_a_number_of_ratings_at_the_overall_mean():
    assert_allclose(
        damped_mean(np.array([1, 3, 0]), np.array([5.0, 3.0, 0.0]), damping=1),
        [(5 + 3.5) / 2, (9 + 3.5) / 4, 3.5],
    )
    assert_allclose(damped_mean(np.array([2, 0]), np.array([5.0, 0.0]), damping=0), [5, 5])


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_qualified_items_come_first_and_nothing_twice(seed, n):
    rng = np.random.default_rng(seed)
    n_ratings, mean_rating = rng.integers(0, 30, 15), rng.uniform(1, 5, 15)
    genres = csr_matrix((rng.random((15, 4)) < 0.4).astype(np.float32))
    before = n_ratings.copy(), mean_rating.copy()
    items = cold_start_list(n_ratings, mean_rating, genres, n=n, **RULES)
    qualified = (n_ratings >= 10) & (mean_rating >= 3.5)
    assert items.size == min(n, np.count_nonzero(n_ratings)) == np.unique(items).size
    assert np.all(np.diff(qualified[items].astype(int)) <= 0)
    assert np.count_nonzero(qualified[items]) == min(n, np.count_nonzero(qualified))
    assert_array_equal(n_ratings, before[0])
    assert_array_equal(mean_rating, before[1])


def test_without_any_rating_the_list_is_empty():
    assert listed([0, 0], [np.nan, np.nan], [WAR, LOVE], n=3).size == 0
