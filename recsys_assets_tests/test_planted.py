"""Planted users, users without a list, lists for users as if they had just arrived, and parts of a matrix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.cold_start import lists_for_unknown_users, most_liked, serve_cold_users
from recsys_assets.algorithms.embeddings import Embeddings, planted_users
from recsys_assets.algorithms.interactions import Interactions
from recsys_assets.algorithms.topn import recommend

SEEDS = st.integers(0, 2**32 - 1)


def model(seed: int, *, n_items: int = 30, n_dims: int = 6) -> Embeddings:
    rng = np.random.default_rng(seed)
    return Embeddings(
        np.arange(4) * 7,
        np.sort(rng.choice(1000, n_items, replace=False)),
        rng.normal(size=(4, n_dims)).astype(np.float32),
        rng.normal(size=(n_items, n_dims)).astype(np.float32),
        rng.random(n_items) < 0.8,
    )


def top_ids(planted: Embeddings) -> np.ndarray:
    unseen = csr_matrix((planted.n_users, planted.n_items), dtype=np.float32)
    return planted.item_ids[recommend(planted, unseen, n=1)[0][:, 0]]


def interactions(seed: int, *, n_users: int = 11, n_items: int = 7) -> Interactions:
    rng = np.random.default_rng(seed)
    stars = rng.integers(1, 11, (n_users, n_items)) / 2
    rated = rng.random((n_users, n_items)) < 0.5
    return Interactions(
        np.arange(n_users) * 3, np.arange(n_items) * 5, csr_matrix((stars * rated).astype(np.float32))
    )


# Planted users.


@given(SEEDS, st.integers(1, 40))
def test_a_user_planted_where_an_item_stands_is_recommended_that_item(seed: int, n: int) -> None:
    one = model(seed)
    planted, expected = planted_users(one, n=n)
    assert 0 < expected.size <= n
    assert set(expected) <= set(one.item_ids[one.recommendable])
    assert_array_equal(top_ids(planted), expected)


@given(SEEDS)
def test_shuffled_ids_are_found_out(seed: int) -> None:
    one = model(seed)
    planted, expected = planted_users(one, n=30)
    shuffled = np.roll(one.item_ids, 1)
    lost = Embeddings(
        planted.user_ids, shuffled, planted.user_vectors, planted.item_vectors, planted.recommendable
    )
    assert not (top_ids(lost) == expected).any()


def test_nobody_is_planted_on_items_that_share_a_direction_or_have_none() -> None:
    items = np.array([[1, 0], [2, 0], [0, 3], [0, 0], [-1, 0], [1, 1]], dtype=np.float32)
    known = np.array([True, True, True, True, True, False])
    one = Embeddings(np.arange(1), np.arange(6) + 50, np.ones((1, 2), np.float32), items, known)
    planted, expected = planted_users(one, n=10)
    assert_array_equal(expected, [52, 54])
    assert_allclose(planted.user_vectors, [[0, 1], [-1, 0]])


def test_the_scale_of_an_item_does_not_win() -> None:
    items = np.array([[1, 0], [100, 1]], dtype=np.float32)
    one = Embeddings(np.arange(1), np.array([4, 9]), np.ones((1, 2), np.float32), items, np.ones(2, bool))
    planted, expected = planted_users(one, n=2)
    assert_array_equal(top_ids(planted), expected)


def test_one_item_alone_is_its_own_best() -> None:
    one = Embeddings(
        np.arange(1),
        np.array([4]),
        np.ones((1, 2), np.float32),
        np.ones((1, 2), np.float32),
        np.ones(1, bool),
    )
    assert_array_equal(planted_users(one, n=5)[1], [4])


def test_a_model_that_knows_nothing_has_nowhere_to_plant() -> None:
    one = model(0)
    blank = Embeddings(one.user_ids, one.item_ids, one.user_vectors, one.item_vectors * 0, one.recommendable)
    planted, expected = planted_users(blank, n=5)
    assert planted.n_users == expected.size == 0


# Users without a list.


def test_users_with_an_empty_list_get_what_they_have_not_seen_of_the_fallback() -> None:
    items = np.array([[3, 1, -1], [-1, -1, -1], [-1, -1, -1]], dtype=np.int32)
    scores = np.where(items >= 0, 0.5, -np.inf).astype(np.float32)
    before = items.copy(), scores.copy()
    seen = csr_matrix(np.array([[0, 0, 0, 0, 0], [0, 1, 0, 0, 0], [1, 1, 1, 0, 1]], dtype=np.float32))
    served, served_scores = serve_cold_users((items, scores), np.array([2, 1, 0, 4]), seen=seen)
    assert_array_equal(served, [[3, 1, -1], [2, 0, 4], [-1, -1, -1]])
    assert_array_equal(served_scores, [[0.5, 0.5, -np.inf], [0, 0, 0], [-np.inf] * 3])
    assert_array_equal(items, before[0])
    assert_array_equal(scores, before[1])


def test_a_fallback_shorter_than_the_list_leaves_places_empty() -> None:
    empty = np.full((1, 3), -1, np.int32), np.full((1, 3), -np.inf, np.float32)
    served, scores = serve_cold_users(empty, np.array([4]), seen=csr_matrix((1, 5), dtype=np.float32))
    assert_array_equal(served, [[4, -1, -1]])
    assert_array_equal(scores, [[0, -np.inf, -np.inf]])


# Lists for users as if they had just arrived.


@given(SEEDS, st.integers(2, 5))
def test_a_user_s_own_ratings_never_reach_the_list_they_get(seed: int, n_folds: int) -> None:
    ratings = interactions(seed)
    built_from: list[Interactions] = []

    def build(others: Interactions) -> np.ndarray:
        built_from.append(others)
        return np.array([len(built_from)], dtype=np.int32)

    lists = lists_for_unknown_users(ratings, n_folds=n_folds, n=3, build=build)
    assert lists.shape == (ratings.n_users, 3)
    assert_array_equal(lists[:, 1:], -1)
    for user, number in enumerate(lists[:, 0]):
        others = built_from[number - 1]
        assert ratings.user_ids[user] not in others.user_ids
        assert_array_equal(others.item_ids, ratings.item_ids)
    left_out = np.concatenate([np.setdiff1d(ratings.user_ids, others.user_ids) for others in built_from])
    assert_array_equal(np.sort(left_out), ratings.user_ids)


@given(SEEDS, st.integers(1, 9))
def test_most_liked_counts_likes_and_lists_nothing_unliked(seed: int, n: int) -> None:
    ratings = interactions(seed)
    n_likes = (ratings.ratings.toarray() >= 4).sum(axis=0)
    expected = [item for item in sorted(range(7), key=lambda item: (-n_likes[item], item)) if n_likes[item]]
    assert_array_equal(most_liked(ratings, min_rating=4, n=n), expected[:n])


# Parts and counts of a matrix.


@given(SEEDS)
def test_activity_is_the_number_and_mean_of_each_item_s_ratings(seed: int) -> None:
    ratings = interactions(seed, n_users=4)
    dense = ratings.ratings.toarray()
    n_ratings, mean = ratings.item_activity()
    assert_array_equal(n_ratings, (dense > 0).sum(axis=0))
    for item in range(ratings.n_items):
        given_stars = dense[dense[:, item] > 0, item]
        assert (
            np.isnan(mean[item]) if given_stars.size == 0 else mean[item] == pytest.approx(given_stars.mean())
        )


@given(SEEDS, st.lists(st.integers(0, 10), unique=True))
def test_the_rows_of_some_users_keep_their_ids_and_all_items(seed: int, users: list[int]) -> None:
    ratings = interactions(seed)
    rows = np.array(sorted(users), dtype=np.intp)
    part = ratings.of_users(rows)
    assert_array_equal(part.user_ids, ratings.user_ids[rows])
    assert_array_equal(part.item_ids, ratings.item_ids)
    assert_array_equal(part.ratings.toarray(), ratings.ratings.toarray()[rows])
