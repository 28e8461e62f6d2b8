"""Damped biases: closed forms, the minimum that the rounds approach, and what doesn't matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from recsys_assets.algorithms.rating_prediction.biases import Biases, fit_biases
from recsys_assets.algorithms.rating_prediction.log import RatingLog

SEEDS = st.integers(0, 2**32 - 1)
DAMPINGS = st.floats(0.5, 30)


def some_log(seed: int, n_users: int = 12, n_items: int = 9, density: float = 0.4) -> RatingLog:
    """Random half stars over two years; the last user and the last item have none."""
    rng = np.random.default_rng(seed)
    rated = rng.random((n_users, n_items)) < density
    rated[0, 0] = True
    rated[-1] = rated[:, -1] = False
    user, item = np.nonzero(rated)
    return RatingLog(
        np.arange(n_users),
        np.arange(n_items),
        user.astype(np.int32),
        item.astype(np.int32),
        (rng.integers(1, 11, user.size) / 2).astype(np.float32),
        rng.uniform(17_000, 17_730, user.size),
    )


def one_item(*ratings: float, days: tuple[float, ...] | None = None) -> RatingLog:
    n = len(ratings)
    return RatingLog(
        np.arange(n),
        np.arange(1),
        np.arange(n, dtype=np.int32),
        np.zeros(n, np.int32),
        np.array(ratings, np.float32),
        np.array(days or (0.0,) * n),
    )


def objective(log: RatingLog, model: Biases, weight: np.ndarray, damping: tuple[float, float]) -> float:
    error = log.rating - model.predict(log.user, log.item, log.day)
    of_users, of_items = (np.square(bias.astype(float)).sum() for bias in (model.user_bias, model.item_bias))
    return float(weight @ np.square(error.astype(float)) + damping[0] * of_users + damping[1] * of_items)


@given(SEEDS)
def test_infinite_damping_leaves_the_mean(seed: int):
    log = some_log(seed)
    model = fit_biases(log, user_damping=np.inf, item_damping=np.inf, iterations=3)
    assert not model.user_bias.any() and not model.item_bias.any()
    assert_allclose(model.predict(log.user, log.item, log.day), log.rating.mean(), rtol=1e-6)


@given(SEEDS, DAMPINGS)
def test_without_user_biases_an_item_lies_above_the_mean_by_its_shrunk_mean_deviation(
    seed: int, damping: float
):
    log = some_log(seed)
    model = fit_biases(log, user_damping=np.inf, item_damping=damping, iterations=1)
    for item in range(log.n_items):
        deviations = log.rating[log.item == item] - log.rating.mean()
        assert model.item_bias[item] == pytest.approx(
            deviations.sum() / (damping + deviations.size), abs=1e-5
        )


def test_damping_counts_as_that_many_ratings_at_the_mean():
    model = fit_biases(one_item(1, 4), user_damping=2, item_damping=1, iterations=1)
    assert model.mean == 2.5
    assert_allclose(model.item_bias, [0], atol=1e-7)
    assert_allclose(model.user_bias, [-1.5 / 3, 1.5 / 3], rtol=1e-6)


def test_a_rating_weighs_half_after_the_half_life():
    log = one_item(5, 2, days=(100, 70))
    model = fit_biases(log, user_damping=1, item_damping=np.inf, iterations=1, half_life_days=30)
    mean = (5 + 0.5 * 2) / 1.5
    assert model.mean == pytest.approx(mean)
    assert_allclose(model.user_bias, [(5 - mean) / 2, 0.5 * (2 - mean) / 1.5], rtol=1e-6)


@given(SEEDS, DAMPINGS, DAMPINGS, st.sampled_from([60.0, np.inf]))
def test_many_rounds_end_where_the_gradient_is_zero(
    seed: int, user_damping: float, item_damping: float, half_life: float
):
    log = some_log(seed)
    model = fit_biases(
        log,
        user_damping=user_damping,
        item_damping=item_damping,
        iterations=500,
        half_life_days=half_life,
    )
    weight = 0.5 ** ((log.day.max() - log.day) / half_life)
    error = weight * (log.rating - model.predict(log.user, log.item, log.day))
    of_users = np.bincount(log.user, weights=error, minlength=log.n_users)
    of_items = np.bincount(log.item, weights=error, minlength=log.n_items)
    assert_allclose(of_users, user_damping * model.user_bias, atol=1e-4)
    assert_allclose(of_items, item_damping * model.item_bias, atol=1e-4)


@given(SEEDS)
def test_rounds_never_raise_the_objective(seed: int):
    log = some_log(seed)
    weight = np.ones(log.rating.size)
    losses = [
        objective(log, fit_biases(log, user_damping=3, item_damping=1, iterations=n), weight, (3, 1))
        for n in range(6)
    ]
    assert np.all(np.diff(losses) <= 1e-4)


@given(SEEDS)
def test_who_has_no_ratings_has_no_bias(seed: int):
    model = fit_biases(some_log(seed), user_damping=0, item_damping=0, iterations=4)
    assert (model.user_bias[-1], model.item_bias[-1]) == (0, 0)
    assert np.isfinite(model.user_bias).all() and np.isfinite(model.item_bias).all()


@given(SEEDS)
def test_more_stars_all_round_raise_the_mean_alone(seed: int):
    log = some_log(seed)
    lower, upper = (
        fit_biases(shifted, user_damping=2, item_damping=2, iterations=5)
        for shifted in (log, RatingLog(**(vars(log) | {"rating": log.rating + 3})))
    )
    assert upper.mean == pytest.approx(lower.mean + 3)
    assert_allclose(upper.user_bias, lower.user_bias, atol=1e-5)
    assert_allclose(upper.item_bias, lower.item_bias, atol=1e-5)


@given(SEEDS)
def test_the_order_of_rows_and_the_epoch_don_t_matter(seed: int):
    log = some_log(seed)
    shuffled = log.rows(np.random.default_rng(seed).permutation(log.rating.size))
    later = RatingLog(**(vars(shuffled) | {"day": shuffled.day + 1_000}))
    one, other = (
        fit_biases(each, user_damping=2, item_damping=5, iterations=4, half_life_days=90)
        for each in (log, later)
    )
    assert_allclose(one.user_bias, other.user_bias, atol=1e-6)
    assert_allclose(one.item_bias, other.item_bias, atol=1e-6)


def test_all_pairs_at_once_are_the_pairs_one_by_one():
    log = some_log(0)
    model = fit_biases(log, user_damping=2, item_damping=2, iterations=4)
    users = np.array([3, 0, 11])
    one_by_one = model.predict(np.repeat(users, log.n_items), np.tile(log.item_ids, 3), np.zeros(27))
    assert_array_equal(model.predict_all(users, np.zeros(3)), one_by_one.reshape(3, log.n_items))


def test_inputs_are_left_alone():
    log = some_log(0)
    for part in (log.user, log.item, log.rating, log.day):
        part.flags.writeable = False
    fit_biases(log, user_damping=1, item_damping=1, iterations=2, half_life_days=10)


def test_a_log_without_ratings_is_refused():
    empty = some_log(0).rows(np.array([], dtype=int))
    with pytest.raises(ValueError, match="0 ratings to learn biases from"):
        fit_biases(empty, user_damping=1, item_damping=1, iterations=1)
