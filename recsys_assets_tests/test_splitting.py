from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from recsys_assets.algorithms.splitting import TEST, TRAIN, VALIDATION, split_by_user_time

RATINGS = st.lists(
    st.tuples(st.integers(1, 4), st.integers(0, 5), st.integers(0, 50)),
    unique_by=lambda row: (row[0], row[2]),
    max_size=60,
)
SHARES = st.sampled_from([(0.2, 0.1), (0.5, 0.0), (0.0, 0.3), (0.45, 0.45), (0.0, 0.0), (0.29, 0.7)])


def columns(rows):
    return np.array(rows, dtype=np.int64).reshape(-1, 3).T


@given(RATINGS, SHARES)
def test_a_user_s_parts_follow_in_time_and_have_their_exact_sizes(rows, shares):
    user, rated_at, item = columns(rows)
    part = split_by_user_time(user, rated_at, item, test_share=shares[0], validation_share=shares[1])
    for one in np.unique(user):
        mine = np.flatnonzero(user == one)
        in_time = mine[np.lexsort((item[mine], rated_at[mine]))]
        assert_array_equal(part[in_time], np.sort(part[mine]))
        sizes = np.bincount(part[mine], minlength=3)
        assert sizes[TEST] == math.floor(round(shares[0] * mine.size, 6))
        assert sizes[VALIDATION] == math.floor(round(shares[1] * mine.size, 6))
        assert sizes[TRAIN] >= 1


@given(RATINGS, st.randoms(use_true_random=False))
def test_the_order_of_rows_is_irrelevant(rows, random):
    shuffled = list(range(len(rows)))
    random.shuffle(shuffled)
    shares = {"test_share": 0.3, "validation_share": 0.2}
    part = split_by_user_time(*columns(rows), **shares)
    assert_array_equal(split_by_user_time(*columns(rows)[:, shuffled], **shares), part[shuffled])


def test_ties_in_time_go_by_the_tie_breaker():
    part = split_by_user_time(
        np.ones(4, dtype=int), np.zeros(4), np.array([8, 2, 6, 4]), test_share=0.25, validation_share=0.25
    )
    assert_array_equal(part, [TEST, TRAIN, VALIDATION, TRAIN])


def test_one_rating_is_training_and_none_is_no_split():
    split = {"test_share": 0.9, "validation_share": 0.05}
    assert_array_equal(split_by_user_time(np.array([7]), np.array([1]), np.array([1]), **split), [TRAIN])
    none = np.array([], dtype=int)
    assert split_by_user_time(none, none, none, **split).size == 0


def test_a_share_that_binary_fractions_miss_is_whole():
    n = np.arange(100)
    part = split_by_user_time(np.zeros(100, dtype=int), n, n, test_share=0.29, validation_share=0.1)
    assert_array_equal(np.bincount(part), [61, 10, 29])


@pytest.mark.parametrize("shares", [(0.5, 0.5), (-0.1, 0.2), (0.1, -0.2), (1.0, 0.0)])
def test_shares_that_leave_no_training_rating_are_refused(shares):
    with pytest.raises(ValueError, match=f"test_share {shares[0]} and validation_share {shares[1]}"):
        split_by_user_time(*np.zeros((3, 1), int), test_share=shares[0], validation_share=shares[1])
