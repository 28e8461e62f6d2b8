"""Shuffled rows, what chance makes of them, and how far figures lie from recounted ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.metrics import roc_auc_score

from recsys_assets.algorithms.leakage import (
    Contest,
    deviation,
    likes_against,
    likes_against_likes_of_others,
    likes_against_other_items,
    rows_of_users,
    share_newer,
    shuffle_items,
    shuffle_stars,
    tell_apart,
)
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets_tests.rating_logs import assert_same_log, log_of, logs

SEEDS = st.integers(0, 2**31)
HOW = {"n_errors": 3.0, "tolerance": 1e-9, "pooled": False}


# Shuffles.


@given(logs(), SEEDS)
def test_shuffled_stars_are_the_same_stars_on_the_same_pairs(log: RatingLog, seed: int) -> None:
    found = shuffle_stars(log, seed=seed)
    assert_array_equal(np.sort(found.rating), np.sort(log.rating))
    for name in ("user", "item", "day", "user_ids", "item_ids"):
        assert_array_equal(getattr(found, name), getattr(log, name))
    assert_same_log(found, shuffle_stars(log, seed=seed))


@given(logs(), SEEDS)
def test_shuffled_items_are_as_many_distinct_ones_of_each_user(log: RatingLog, seed: int) -> None:
    before = log.item.copy()
    found = shuffle_items(log, seed=seed)
    pairs = set(zip(found.user.tolist(), found.item.tolist(), strict=True))
    assert len(pairs) == log.rating.size
    assert found.item.min() >= 0 and found.item.max() < log.n_items
    for name in ("user", "rating", "day"):
        assert_array_equal(getattr(found, name), getattr(log, name))
    assert_array_equal(log.item, before)


def test_shuffled_items_are_drawn_evenly() -> None:
    log = log_of(np.repeat(np.arange(4000), 3), np.tile([0, 1, 2], 4000), 4, n_items=12)
    counts = np.bincount(shuffle_items(log, seed=1).item, minlength=12)
    # Of 12,000 draws each item has 1,000, with a standard deviation below √1000.
    assert np.abs(counts - 1000).max() < 4 * np.sqrt(1000)


@given(logs(), st.integers(1, 60), SEEDS)
def test_users_are_taken_whole_up_to_so_many_rows(log: RatingLog, max_rows: int, seed: int) -> None:
    chosen = rows_of_users(log, max_rows=max_rows, seed=seed)
    n_ratings = np.bincount(log.user, minlength=log.n_users)
    assert chosen.any()
    assert n_ratings[chosen].sum() <= max_rows or chosen.sum() == 1
    if log.rating.size <= max_rows:
        assert chosen.all()


# Contests.


@given(logs(), st.integers(1, 4), SEEDS)
def test_other_items_are_never_liked_ones(log: RatingLog, n_others: int, seed: int) -> None:
    liked = {
        (u, i)
        for u, i, s in zip(log.user.tolist(), log.item.tolist(), log.rating.tolist(), strict=True)
        if s >= 4
    }
    for draw in (likes_against_other_items, likes_against_likes_of_others):
        contest = draw(log, like=4, n_others=n_others, seed=seed)
        pairs = list(zip(contest.user.tolist(), contest.item.tolist(), strict=True))
        assert {pair for pair, kind in zip(pairs, contest.liked, strict=True) if kind} == liked
        others = [pair for pair, kind in zip(pairs, contest.liked, strict=True) if not kind]
        assert not liked & set(others)
        assert len(others) <= n_others * len(liked)
        if draw is likes_against_likes_of_others:
            assert {item for _, item in others} <= {item for _, item in liked}


def test_own_ratings_are_told_by_their_stars() -> None:
    log = log_of([0, 0, 1], [0, 1, 1], [4, 3.5, 5], [1, 2, 3])
    contest = likes_against(log, like=4)
    assert contest.liked.tolist() == [True, False, True]
    assert contest.contested.tolist() == [True, True, False]


# Chance.


def made_contest(seed: int, n_users: int = 60, n_items: int = 40, n_rows: int = 900) -> Contest:
    """Rows of users and items of unlike activity, likes that lean to popular items."""
    rng = np.random.default_rng(seed)
    user = rng.choice(n_users, n_rows, p=rng.dirichlet(np.full(n_users, 2.0)))
    item = rng.choice(n_items, n_rows, p=rng.dirichlet(np.full(n_items, 0.5)))
    return Contest(user, item, np.zeros(n_rows), rng.random(n_rows) < 0.3 + 0.4 * (item < 5))


SCORES = {
    "of items alone": lambda rng, c: rng.random(c.item.max() + 1)[c.item],
    "of rows alone": lambda rng, c: rng.random(c.item.size),
    "of items and rows": lambda rng, c: rng.random(c.item.max() + 1)[c.item] + rng.random(c.item.size),
    "that many rows share": lambda rng, c: np.round(3 * rng.random(c.item.max() + 1))[c.item],
}


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("kind", sorted(SCORES))
def test_no_more_than_a_standard_error_is_made_of_chance(kind: str, pooled: bool) -> None:
    rng = np.random.default_rng(0)
    beyond, within = 0, []
    for seed in range(300):
        contest = made_contest(seed)
        verdict = tell_apart(contest, [SCORES[kind](rng, contest)], n_errors=1, tolerance=1e-9, pooled=pooled)
        assert verdict is not None
        beyond += verdict.distance > 3 * verdict.bound
        within.append(verdict.distance / verdict.bound)
    assert beyond <= 3
    assert 0 < np.sqrt(np.mean(np.square(within))) < 1.1


def test_the_bound_of_one_list_for_all_is_that_of_its_items() -> None:
    """Many users, each with one like and many other items: the standard error is √(Σ w² / 12)."""
    n_users, n_items = 5000, 400
    rng = np.random.default_rng(0)
    liked = rng.choice(10, n_users, p=rng.dirichlet(np.ones(10)))
    log = log_of(np.arange(n_users), liked, np.full(n_users, 5.0), n_items=n_items)
    contest = likes_against_other_items(log, like=4, n_others=40, seed=0)
    verdict = tell_apart(contest, [contest.item.astype(float)], n_errors=1, tolerance=1e-9, pooled=False)
    share = np.bincount(liked) / n_users
    assert verdict is not None
    assert verdict.bound == pytest.approx(np.sqrt((share**2).sum() / 12), rel=0.02)
    aucs = []
    for _ in range(200):
        score = rng.permutation(n_items)[contest.item].astype(float)
        found = tell_apart(contest, [score], n_errors=1, tolerance=1e-9, pooled=False)
        assert found is not None
        aucs.append(found.auc)
    assert np.std(aucs) == pytest.approx(verdict.bound, rel=0.15)


@given(SEEDS)
@settings(max_examples=20)
def test_the_auc_is_the_mean_of_users_own_or_that_of_all_rows(seed: int) -> None:
    contest = made_contest(seed)
    rng = np.random.default_rng(seed)
    # Likes score a little higher: below chance neither figure is likely.
    score = rng.random(contest.item.size) + 0.3 * contest.liked
    own = np.mean(
        [
            roc_auc_score(contest.liked[rows], score[rows])
            for user in np.unique(contest.user)
            if 0 < contest.liked[rows := contest.user == user].sum() < rows.sum()
        ]
    )
    rows = contest.contested
    whole = roc_auc_score(contest.liked[rows], score[rows])
    alone, either = (
        tell_apart(contest, [score], n_errors=3, tolerance=0.01, pooled=pooled) for pooled in (False, True)
    )
    assert alone is not None and either is not None
    assert alone.auc == pytest.approx(own)
    assert alone.distance == pytest.approx(abs(own - 0.5))
    assert either.auc in (pytest.approx(own), pytest.approx(whole))
    assert either.distance / either.bound >= alone.distance / alone.bound - 1e-12


def test_what_knows_labels_lies_beyond_the_bound() -> None:
    contest = made_contest(3)
    rng = np.random.default_rng(0)
    for told in (1.0, 0.3):
        score = rng.random(contest.item.size) + told * contest.liked
        for way in (score, -score):
            verdict = tell_apart(contest, [way] * 3, **HOW)  # type: ignore[arg-type]
            assert verdict is not None
            assert verdict.distance > verdict.bound


def test_more_shuffles_make_the_bound_tighter_down_to_the_tolerance() -> None:
    contest = made_contest(3)
    score = np.zeros(contest.item.size)
    bounds = {}
    for n in (1, 4):
        verdict = tell_apart(contest, [score] * n, **HOW)  # type: ignore[arg-type]
        assert verdict is not None
        bounds[n] = verdict.bound
    assert bounds[4] == pytest.approx(bounds[1] / 2)
    wide = tell_apart(contest, [score], n_errors=3, tolerance=0.4, pooled=True)
    assert wide is not None
    assert (wide.auc, wide.distance, wide.bound) == (0.5, 0.0, 0.4)


def test_generous_users_count_only_where_rows_of_all_are_compared() -> None:
    """A user's like rate as the score says nothing within users and much among all rows."""
    user = np.repeat(np.arange(200), 20)
    liked = np.random.default_rng(0).random(user.size) < np.repeat(np.linspace(0.05, 0.95, 200), 20)
    contest = Contest(user, np.arange(user.size), np.zeros(user.size), liked)
    score = user.astype(float)
    within = tell_apart(contest, [score], **HOW)  # type: ignore[arg-type]
    among = tell_apart(contest, [score], n_errors=3, tolerance=1e-9, pooled=True)
    assert within is not None and among is not None
    assert within.auc == 0.5
    assert among.auc > 0.7 and among.distance > among.bound


@pytest.mark.parametrize("liked", [[True, True], [False, False], []])
def test_without_rows_of_both_kinds_there_is_nothing_to_tell(liked: list[bool]) -> None:
    n = len(liked)
    contest = Contest(np.zeros(n, int), np.arange(n), np.zeros(n), np.array(liked, dtype=bool))
    assert tell_apart(contest, [np.zeros(n)], **HOW) is None  # type: ignore[arg-type]


# Times and figures.


@given(st.lists(st.integers(0, 20)), st.lists(st.integers(0, 20)))
def test_the_share_of_newer_rows_is_counted_pair_by_pair(learned: list[int], described: list[int]) -> None:
    found = share_newer(np.array(learned, float), np.array(described, float))
    newer = [one > other for one in learned for other in described]
    assert found == pytest.approx(np.mean(newer) if newer else 0)


@given(st.lists(st.floats(-100, 100), min_size=1), st.floats(-1, 1))
def test_a_deviation_is_that_of_the_figure_farthest_off(figures: list[float], by: float) -> None:
    expected = np.array(figures)
    assert deviation(expected, expected) == 0
    found = expected.copy()
    found[-1] += by
    assert deviation(found, expected) == pytest.approx(
        abs(found[-1] - expected[-1]) / (1 + abs(expected[-1]))
    )


def test_other_shapes_and_other_missing_values_are_infinitely_far() -> None:
    assert deviation(np.zeros(2), np.zeros(3)) == np.inf
    assert deviation(np.array([np.nan, 1]), np.array([1, np.nan])) == np.inf
    assert deviation(np.array([np.nan, 1]), np.array([np.nan, 1])) == 0
    assert deviation(np.array([]), np.array([])) == 0
    assert deviation(np.array([True, False]), np.array([True, True])) == 0.5
