"""Lists by predicted stars, and what to expect of an item of whose rater nothing is known: by their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from rating_logs import assert_same_log, log_of, logs, shuffled
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.rating_prediction.lists import default_ratings, top_rated
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.algorithms.rating_prediction.side_features import multi_hot

SEEDS = st.integers(0, 2**32 - 1)
FEW_VALUES = np.array([-2.5, -1e-30, -0.0, 0.0, 1e-30, 3.5, 3.5000002, 4.0], dtype=np.float32)
"""Ties, both zeros, and neighbours that a careless comparison takes for equal."""


def made_stars(seed: int) -> tuple[np.ndarray, csr_matrix]:
    """Predicted stars with ties, and which of the items were rated."""
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, 5), rng.integers(1, 9)
    ties = rng.random() < 0.7
    stars = rng.choice(FEW_VALUES, shape) if ties else rng.normal(3, 1, shape).astype(np.float32)
    return stars, csr_matrix(rng.random(shape) < rng.random(), dtype=np.float32)


# Top-N.


@given(SEEDS, st.integers(1, 10))
def test_lists_hold_what_sorting_every_unrated_item_by_stars_and_number_gives(seed: int, n: int) -> None:
    stars, rated = made_stars(seed)
    items, values = top_rated(stars, rated, n=n)
    assert items.shape == values.shape == (len(stars), n)
    for user, predicted in enumerate(stars.tolist()):
        unrated = np.flatnonzero(rated[user].toarray()[0] == 0).tolist()
        best = sorted(unrated, key=lambda item: (-predicted[item], item))[:n]
        assert items[user].tolist() == best + [-1] * (n - len(best))
        assert values[user].tolist() == [predicted[item] for item in best] + [-np.inf] * (n - len(best))


@given(SEEDS)
def test_nothing_is_written_into_what_is_given(seed: int) -> None:
    stars, rated = made_stars(seed)
    before = stars.copy(), rated.copy()
    top_rated(stars, rated, n=3)
    assert_array_equal(stars, before[0])
    assert_array_equal(rated.toarray(), before[1].toarray())


@given(SEEDS)
def test_a_users_list_does_not_depend_on_the_other_users(seed: int) -> None:
    stars, rated = made_stars(seed)
    order = np.random.default_rng(seed).permutation(len(stars))
    for ours, theirs in zip(
        top_rated(stars[order], rated[order], n=4), top_rated(stars, rated, n=4), strict=True
    ):
        assert_array_equal(ours, theirs[order])


def test_a_rating_of_zero_stars_stored_is_a_rating() -> None:
    stored_zero = csr_matrix((np.zeros(1, dtype=np.float32), ([0], [1])), shape=(1, 3))
    assert top_rated(np.array([[1, 5, 2]], dtype=np.float32), stored_zero, n=3)[0].tolist() == [[2, 0, -1]]


# What to expect of an item.

GENRES = multi_hot([["Drama"], ["Drama", "War"], ["War"], [], ["Drama", "War"], ["Western"]])


def expected(log: RatingLog, weights: np.ndarray, *, damping: float) -> list[float]:
    """The definition, item by item and feature by feature."""
    mean = float(np.mean(log.rating, dtype=np.float64))
    of_features = []
    for feature in weights.T:
        weighted = feature[log.item]
        of_features.append(
            mean + float(weighted @ (log.rating - mean)) / (float(weighted.sum()) + damping)
            if damping or weighted.any()
            else mean
        )
    stars = []
    for item, row in enumerate(weights):
        said = float(row @ of_features / row.sum()) if row.any() else mean
        given_to_it = log.rating[log.item == item].astype(np.float64)
        stars.append((given_to_it.sum() + damping * said) / (given_to_it.size + damping))
    return stars


@given(logs(max_items=6), st.sampled_from([0.5, 2.0, 10.0]), SEEDS)
def test_default_stars_are_those_of_the_definition(log: RatingLog, damping: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = np.where(rng.random((log.n_items, 3)) < 0.5, rng.random((log.n_items, 3)), 0)
    found = default_ratings(log, csr_matrix(weights.astype(np.float32)), damping=damping)
    assert found.dtype == np.float32
    assert_allclose(
        found, expected(log, weights.astype(np.float32).astype(np.float64), damping=damping), atol=1e-5
    )


def test_default_stars_in_closed_form() -> None:
    """Mean 3. Drama: 5, 5 and half of 1 · √½ …: each genre a hand can follow; damping 1."""
    log = log_of([0, 1, 2, 0], [0, 0, 2, 3], [5, 5, 1, 1], n_items=6)
    drama, war = 3 + 4 / (2 + 1), 3 - 2 / (1 + 1)
    assert default_ratings(log, GENRES, damping=1) == pytest.approx(
        [
            (10 + drama) / 3,  # rated twice, and what Drama says
            (drama + war) / 2,  # never rated: both of its genres
            (1 + war) / 2,
            (1 + 3) / 2,  # no genre: the mean
            (drama + war) / 2,
            3,  # never rated, of a genre that nobody has rated
        ]
    )


@given(logs(max_items=6))
def test_damping_leads_from_the_items_own_mean_to_what_its_genres_say(log: RatingLog) -> None:
    genres = GENRES[: log.n_items]
    n_ratings = np.bincount(log.item, minlength=log.n_items)
    rated = n_ratings > 0
    own_mean = np.bincount(log.item, log.rating, minlength=log.n_items)[rated] / n_ratings[rated]
    assert_allclose(default_ratings(log, genres, damping=1e-9)[rated], own_mean, atol=1e-5)
    assert_allclose(default_ratings(log, genres, damping=1e9), log.rating.mean(), atol=1e-5)


@given(logs(max_items=6))
def test_the_order_of_ratings_makes_no_difference_and_they_stay_as_they_are(log: RatingLog) -> None:
    before, genres = log.rows(np.arange(log.rating.size)), GENRES[: log.n_items]
    ours, theirs = (default_ratings(one, genres, damping=10) for one in (log, shuffled(log)))
    assert_allclose(ours, theirs, rtol=1e-6)
    assert_same_log(log, before)
