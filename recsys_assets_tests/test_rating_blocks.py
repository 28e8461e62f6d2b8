from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from rating_logs import assert_same_log, log_of, logs, shuffled
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.rating_prediction.blocks import Block, Moments, item_block, user_block
from recsys_assets.algorithms.rating_prediction.log import RatingLog

days_per_bin = st.sampled_from([0.1, 0.7, 1.0, 7.0, 30.0, np.inf])


def about(n_rows: int, n_features: int) -> csr_matrix:
    return csr_matrix(np.arange(1, n_rows * n_features + 1, dtype=np.float32).reshape(n_rows, n_features) % 3)


def rated_pairs(log: RatingLog) -> np.ndarray:
    rated = np.zeros((log.n_users, log.n_items))
    rated[log.user, log.item] = 1
    return rated


def with_set(rated: np.ndarray, known: csr_matrix) -> np.ndarray:
    """Dense features: one column for each row itself, what is known of it, and its set by the formula."""
    shares = [row / np.sqrt(row.sum()) if row.any() else row for row in rated]
    return np.hstack([np.eye(len(rated)), known.toarray(), shares])


def same(one: Block, other: Block) -> bool:
    return (one.features != other.features).nnz == 0 and np.array_equal(one.group, other.group)


def moment_features(moments: Moments, user: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Dense features of those ratings' moments: of the bins, and of the sessions."""
    dense = moments.block().features.toarray()[moments.row(user, day)]
    return dense[:, : moments.n_bins], dense[:, moments.n_bins :]


@given(logs(), st.integers(0, 3))
def test_features_are_the_id_what_is_known_and_the_set(log: RatingLog, n_known: int):
    rated = rated_pairs(log)
    users, items = about(log.n_users, n_known), about(log.n_items, n_known)
    assert_allclose(user_block(log, users).features.toarray(), with_set(rated, users), rtol=1e-6)
    assert_allclose(item_block(log, items).features.toarray(), with_set(rated.T, items), rtol=1e-6)


@given(logs())
def test_a_set_has_length_1_or_no_members(log: RatingLog):
    shares = user_block(log, about(log.n_users, 0)).features.toarray()[:, log.n_users :]
    lengths = np.linalg.norm(shares, axis=1)
    assert_allclose(lengths, np.bincount(log.user, minlength=log.n_users) > 0, rtol=1e-6)


@given(logs(), st.integers(0, 3))
def test_each_kind_of_feature_is_a_group(log: RatingLog, n_known: int):
    block = item_block(log, about(log.n_items, n_known))
    kinds = [n for n in (log.n_items, n_known, log.n_users) if n]
    assert_array_equal(block.group, np.repeat(np.arange(len(kinds)), kinds))
    assert block.n_rows == log.n_items
    assert block.features.dtype == np.float32


@given(logs())
def test_items_are_to_users_what_users_are_to_items(log: RatingLog):
    mirrored = RatingLog(log.item_ids, log.user_ids, log.item, log.user, log.rating, log.day)
    assert same(user_block(log, about(log.n_users, 2)), item_block(mirrored, about(log.n_users, 2)))


@given(logs())
def test_neither_the_stars_nor_the_order_of_rows_matter_and_the_log_stays(log: RatingLog):
    before = copy.deepcopy(log)
    known = about(log.n_users, 1)
    others = log_of(log.user, log.item, np.ones(log.user.size), n_users=log.n_users, n_items=log.n_items)
    assert same(user_block(log, known), user_block(shuffled(others), known))
    assert_same_log(log, before)


def test_moments_of_a_log_at_hand():
    log = log_of([0, 0, 1, 0], [0, 1, 0, 2], [1, 2, 3, 4], [100.2, 100.9, 103.5, 110.0])
    moments = Moments.of(log, days_per_bin=7, sessions=True)
    assert (moments.first_day, moments.n_bins, moments.sessions.size) == (100, 2, 3)
    bins, sessions = moment_features(
        moments,
        user=np.array([0, 0, 1, 0, 1, 1, 0, 0, 0]),
        day=np.array([100.2, 100.99, 103.0, 110.5, 110.5, 100.5, 113.9, 114.0, 99.9]),
    )
    assert_array_equal(bins, np.array([[1, 1, 1, 0, 0, 1, 0, 0, 0], [0, 0, 0, 1, 1, 0, 1, 0, 0]]).T)
    known = np.array([[1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]).T
    assert_array_equal(sessions, np.vstack([known, np.zeros((5, 3))]))
    assert_array_equal(moments.block().group, [0, 0, 1, 1, 1])


@given(logs(), days_per_bin)
def test_ratings_of_a_user_s_day_are_a_session(log: RatingLog, days: float):
    moments = Moments.of(log, days_per_bin=days, sessions=True)
    _, sessions = moment_features(moments, log.user, log.day)
    assert_array_equal(sessions.sum(axis=1), 1)
    together = sessions @ sessions.T
    same_user, same_day = (np.equal.outer(one, one) for one in (log.user, np.floor(log.day)))
    assert_array_equal(together, same_user & same_day)


@given(logs(), days_per_bin)
def test_bins_part_the_time_of_the_log_among_all_users(log: RatingLog, days: float):
    moments = Moments.of(log, days_per_bin=days, sessions=False)
    bins, sessions = moment_features(moments, log.user, log.day)
    assert sessions.shape[1] == 0
    assert_array_equal(bins.sum(axis=1), 1)
    place = bins.argmax(axis=1)
    assert np.all(np.diff(place[np.argsort(log.day)]) >= 0)
    assert place.max() == moments.n_bins - 1
    apart = np.abs(np.subtract.outer(log.day, log.day)) / days
    assert np.all(np.abs(np.subtract.outer(place, place)) <= np.ceil(apart) + 1e-9)


@given(logs(), st.integers(1, 30))
def test_sessions_lie_in_the_bin_of_their_day(log: RatingLog, days: int):
    bins = [
        moment_features(Moments.of(log, days_per_bin=days, sessions=sessions), log.user, log.day)[0]
        for sessions in (True, False)
    ]
    assert_array_equal(*bins)


@pytest.mark.parametrize("sessions", [False, True])
@pytest.mark.parametrize("day", [-400.5, -1.0, -0.5, 0.0, 11_999.9, 12_042.0, 1e6])
def test_at_other_times_nothing_is_known(sessions: bool, day: float):
    log = log_of([0, 1, 1], [0, 0, 1], [1, 2, 3], [12_000.0, 12_020.0, 12_041.0])
    moments = Moments.of(log, days_per_bin=7, sessions=sessions)
    for features in moment_features(moments, np.array([0, 1]), np.full(2, day)):
        assert not features.any()
