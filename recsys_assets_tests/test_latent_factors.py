from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from rating_logs import all_pairs, assert_same_log, log_of, logs, planted_log, rmse, shuffled

from recsys_assets.algorithms.rating_prediction.biases import fit_biases
from recsys_assets.algorithms.rating_prediction.latent_factors import LatentFactors, fit_latent_factors
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.storage.arrays import content_digest, load_artifact, save_artifact

both = pytest.mark.parametrize("implicit", [False, True], ids=["mf", "svdpp"])

TINY = {
    "n_factors": 3,
    "epochs": 4,
    "learning_rate": 0.05,
    "decay": 0.9,
    "regularization": 0.1,
    "initial_scale": 0.3,
    "seed": 7,
}


def fit(log: RatingLog, *, implicit: bool, **changed: float) -> LatentFactors:
    return fit_latent_factors(log, implicit=implicit, **{**TINY, **changed})


def slow_descent(
    log: RatingLog, *, implicit, n_factors, epochs, learning_rate, decay, regularization, initial_scale, seed
):
    """The published updates, one rating at a time; returns all predictions. Rows are sorted by user and item."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(log.rating.size)
    p, q, y = (rng.normal(0, initial_scale, (n, n_factors)) for n in (log.n_users, log.n_items, log.n_items))
    q[np.bincount(log.item, minlength=log.n_items) == 0] = 0
    p[np.bincount(log.user, minlength=log.n_users) == 0] = 0
    y *= implicit
    mean, b_user, b_item = log.rating.mean(), np.zeros(log.n_users), np.zeros(log.n_items)
    rated = [log.item[log.user == u] for u in range(log.n_users)]
    share = [len(items) ** -0.5 if len(items) else 0 for items in rated]
    for epoch in range(epochs):
        step = learning_rate * decay**epoch
        for u in rng.permutation(log.n_users):
            implied = share[u] * y[rated[u]].sum(axis=0)
            of_implied = np.zeros(n_factors)
            for n in order[log.user[order] == u]:
                i = log.item[n]
                error = log.rating[n] - mean - b_user[u] - b_item[i] - (p[u] + implied) @ q[i]
                b_user[u] += step * (error - regularization * b_user[u])
                b_item[i] += step * (error - regularization * b_item[i])
                of_implied += error * q[i]
                p[u], q[i] = (
                    p[u] + step * (error * q[i] - regularization * p[u]),
                    q[i] + step * (error * (p[u] + implied) - regularization * q[i]),
                )
            if implicit:
                y[rated[u]] += step * (share[u] * of_implied - regularization * y[rated[u]])
    profiles = p + np.array([s * y[items].sum(axis=0) for s, items in zip(share, rated, strict=True)])
    return mean + b_user[:, None] + b_item + profiles @ q.T


@both
@given(logs())
@settings(max_examples=25)
def test_epochs_are_the_published_updates_one_rating_after_the_other(implicit: bool, log: RatingLog):
    in_order = log.rows(np.lexsort((log.item, log.user)))
    expected = slow_descent(in_order, implicit=implicit, **TINY)
    users = np.arange(log.n_users)
    assert_allclose(fit(log, implicit=implicit).predict_all(users, np.zeros(users.size)), expected, atol=2e-5)


@both
@given(logs())
@settings(max_examples=10)
def test_without_epochs_and_first_factors_every_prediction_is_the_mean(implicit: bool, log: RatingLog):
    model = fit(log, implicit=implicit, epochs=0, initial_scale=0)
    assert_allclose(model.predict(log.user, log.item, log.day), log.rating.mean(), rtol=1e-6)


@both
@given(logs())
@settings(max_examples=10)
def test_without_first_factors_the_biases_are_the_ridge_solution(implicit: bool, log: RatingLog):
    """Factors of 0 have gradient 0 and stay, so that Σ e² + λ Σ (b_u² + b_i²) over the ratings is quadratic."""
    model = fit(log, implicit=implicit, initial_scale=0, epochs=2000, decay=0.998, regularization=0.5)
    rows, columns = np.arange(log.rating.size), np.zeros((log.rating.size, log.n_users + log.n_items))
    columns[rows, log.user] = columns[rows, log.n_users + log.item] = 1
    counts = np.diag(columns.sum(axis=0))
    solved, *_ = np.linalg.lstsq(
        columns.T @ columns + 0.5 * counts, columns.T @ (log.rating - log.rating.mean(dtype=float))
    )
    assert_allclose(np.concatenate([model.user_bias, model.item_bias]), solved, atol=0.01)
    assert not model.user_factors.any()


@both
def test_a_planted_matrix_is_recovered_down_to_its_noise(implicit: bool):
    learned, others = planted_log(150, 80, n_factors=2, noise=0.1, share=0.6, seed=1)
    settings_ = {"n_factors": 2, "epochs": 120, "learning_rate": 0.03, "decay": 0.98, "regularization": 0.005}
    model = fit(learned, implicit=implicit, **settings_)
    biases = fit_biases(learned, user_damping=1, item_damping=1, iterations=10)
    assert rmse(model, others) < 0.12
    assert rmse(biases, others) > 0.6


@both
def test_what_has_no_ratings_has_bias_and_factors_0(implicit: bool):
    log = log_of([0, 0, 2, 2], [1, 3, 1, 3], [1, 5, 2, 4], n_users=4, n_items=5)
    model = fit(log, implicit=implicit)
    for unrated, bias, factors in (
        ([1, 3], model.user_bias, model.user_factors),
        ([0, 2, 4], model.item_bias, model.item_factors),
    ):
        assert_array_equal(bias[unrated], 0)
        assert_array_equal(factors[unrated], 0)
        assert np.delete(factors, unrated, axis=0).all()
    stranger = model.predict(np.array([1]), np.array([0]), np.zeros(1))
    assert_allclose(stranger, 3)


@both
@given(logs(), st.integers(0, 10))
@settings(max_examples=10)
def test_predicting_pairs_and_predicting_all_agree_on_any_day(implicit: bool, log: RatingLog, seed: int):
    model = fit(log, implicit=implicit)
    users = np.random.default_rng(seed).integers(0, log.n_users, 4)
    user, item = all_pairs(users, log.n_items)
    table = model.predict_all(users, np.zeros(users.size))
    assert table.dtype == np.float32
    assert_allclose(table.reshape(-1), model.predict(user, item, np.arange(float(user.size))), atol=1e-5)


@both
@given(logs())
@settings(max_examples=10)
def test_the_order_of_the_rows_makes_no_difference(implicit: bool, log: RatingLog):
    assert content_digest(fit(shuffled(log), implicit=implicit)) == content_digest(
        fit(log, implicit=implicit)
    )


@both
def test_same_seed_same_bytes_and_another_seed_others(implicit: bool, tmp_path):
    log, _ = planted_log(12, 9, n_factors=1, noise=0.2, share=0.7, seed=2)
    before = copy.deepcopy(log)
    one, same, other = (fit(log, implicit=implicit, seed=seed) for seed in (1, 1, 2))
    assert content_digest(one) == content_digest(same) != content_digest(other)
    assert_same_log(log, before)
    save_artifact(tmp_path / "model.npz", one)
    assert content_digest(load_artifact(tmp_path / "model.npz", LatentFactors)) == content_digest(one)


@both
@pytest.mark.parametrize("n_factors", [0, 5])
def test_steps_that_are_too_long_are_told(implicit: bool, n_factors: int):
    log, _ = planted_log(20, 15, n_factors=1, noise=0.2, share=0.7, seed=3)
    with pytest.raises(FloatingPointError, match="learning rate of 30; take a smaller one"):
        fit(log, implicit=implicit, n_factors=n_factors, learning_rate=30, decay=1, epochs=60)


@both
def test_an_empty_log_is_refused(implicit: bool):
    with pytest.raises(ValueError, match="0 ratings"):
        fit(log_of([], [], [], n_users=2, n_items=2), implicit=implicit)
