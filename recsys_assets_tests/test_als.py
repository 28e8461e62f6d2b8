from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from implicit.cpu.als import AlternatingLeastSquares
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from recsys_assets.algorithms.als import AlsSettings, AlsTuning, fit_als, fold_in_users, tune_als

N_USERS, N_ITEMS = 25, 18


def some_likes(seed: int, density: float = 0.25) -> csr_matrix:
    """Random likes in which the last user and the last item have none."""
    likes = np.random.default_rng(seed).random((N_USERS, N_ITEMS)) < density
    likes[-1] = likes[:, -1] = False
    return csr_matrix(likes.astype(np.float32))


def fit(likes, *, seed=0, regularization=0.5, alpha=3.0, iterations=5, n_factors=4):
    return fit_als(
        likes,
        user_ids=np.arange(likes.shape[0]),
        item_ids=np.arange(likes.shape[1]),
        n_factors=n_factors,
        regularization=regularization,
        alpha=alpha,
        iterations=iterations,
        seed=seed,
    )


def loss(likes, users, items, *, regularization, alpha):
    liked = likes.toarray() > 0
    confidence = np.where(liked, alpha, 1)
    error = confidence * (liked - users.astype(float) @ items.T.astype(float)) ** 2
    return error.sum() + regularization * (np.square(users).sum() + np.square(items).sum())


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 20), st.floats(1, 20))
@settings(max_examples=25, deadline=None)
def test_the_gradient_in_the_user_factors_is_zero(seed, regularization, alpha):
    likes = some_likes(seed)
    model = fit(likes, regularization=regularization, alpha=alpha)
    liked = likes.toarray() > 0
    users, items = model.user_vectors.astype(float), model.item_vectors.astype(float)
    residual = np.where(liked, alpha, 1) * (liked - users @ items.T)
    gradient = -2 * residual @ items + 2 * regularization * users
    assert_allclose(gradient, 0, atol=1e-4 * max(1, alpha))


def test_more_iterations_never_raise_the_loss():
    likes = some_likes(2)
    settings_ = {"regularization": 0.5, "alpha": 3.0}
    losses = []
    for iterations in range(1, 8):
        model = fit(likes, iterations=iterations, **settings_)
        losses.append(loss(likes, model.user_vectors, model.item_vectors, **settings_))
    assert np.all(np.diff(losses) <= 1e-4)


def test_folding_in_gives_a_new_user_what_the_fit_gives_to_an_old_one():
    likes = some_likes(3)
    model = fit(likes)
    folded = fold_in_users(likes, model.item_vectors, regularization=0.5, alpha=3.0)
    assert_allclose(folded, model.user_vectors, atol=1e-5)


@pytest.mark.parametrize("alpha", [1.0, 7.0])
def test_folding_in_equals_implicit_s_recalculation(alpha):
    likes = some_likes(4)
    with threadpool_limits(limits=1, user_api="blas"):
        model = AlternatingLeastSquares(
            factors=4, regularization=2.0, alpha=alpha, iterations=3, random_state=0
        )
        model.fit(likes, show_progress=False)
        expected = model.recalculate_user(np.arange(5), likes[:5])
    folded = fold_in_users(likes[:5], model.item_factors, regularization=2.0, alpha=alpha)
    assert_allclose(folded, expected, atol=1e-5)


def test_users_and_items_without_likes_are_zero_and_such_items_are_not_recommendable():
    model = fit(some_likes(5))
    assert_array_equal(model.user_vectors[-1], 0)
    assert_array_equal(model.item_vectors[-1], 0)
    assert_array_equal(model.recommendable, some_likes(5).toarray().any(axis=0))
    assert not model.recommendable[-1]


def test_same_seed_same_bytes_and_another_seed_others():
    likes = some_likes(6)
    before = likes.copy()
    one, same, other = fit(likes, seed=1), fit(likes, seed=1), fit(likes, seed=2)
    assert one.user_vectors.tobytes() == same.user_vectors.tobytes()
    assert one.item_vectors.tobytes() == same.item_vectors.tobytes()
    assert one.item_vectors.tobytes() != other.item_vectors.tobytes()
    assert_array_equal(likes.data, before.data)
    assert_array_equal(likes.indices, before.indices)


def two_camps(n_users: int = 40, n_items: int = 20) -> tuple[csr_matrix, csr_matrix]:
    """Users like items of their own camp; a fifth of these likes is held out."""
    camp = np.add.outer(np.arange(n_users), np.arange(n_items)) % 2 == 0
    held_out = camp & (np.random.default_rng(0).random(camp.shape) < 0.2)
    return csr_matrix((camp & ~held_out).astype(np.float32)), csr_matrix(held_out.astype(np.float32))


def test_tuning_prefers_settings_that_learn_and_averages_over_seeds():
    train, validation = two_camps()
    tune = {"n_factors": 4, "iterations": 5, "k": 5, "max_users": 1000}
    candidates = [(1e6, 1.0), (0.1, 2.0)]
    tuning = tune_als(train, train, validation, candidates=candidates, seeds=[0, 1], **tune)
    alone = [
        tune_als(train, train, validation, candidates=candidates, seeds=[seed], **tune).ndcg
        for seed in (0, 1)
    ]
    assert tuning.best == AlsSettings(regularization=0.1, alpha=2.0)
    assert_allclose(tuning.ndcg, np.mean(alone, axis=0))
    assert tuning.ndcg[1] > 0.99


def test_tuning_on_a_sample_uses_that_many_users_and_is_seeded():
    train, validation = two_camps()
    tune = {"n_factors": 4, "iterations": 5, "k": 5, "candidates": [(0.1, 2.0), (20.0, 1.0)]}
    sampled = [
        tune_als(train, train, validation, seeds=[seed], max_users=15, **tune).ndcg for seed in (3, 3, 4)
    ]
    assert_array_equal(sampled[0], sampled[1])
    assert np.any(sampled[0] != sampled[2])


def test_the_first_of_equal_candidates_is_best():
    tuning = AlsTuning(np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0]), np.array([0.1, 0.2, 0.2]))
    assert tuning.best == AlsSettings(2.0, 5.0)


def test_tuning_without_candidates_or_validation_likes_is_refused():
    train, _ = two_camps()
    tune = {"n_factors": 2, "iterations": 1, "k": 3, "seeds": [0], "max_users": 50}
    with pytest.raises(ValueError, match="got 0 and 1"):
        tune_als(train, train, train, candidates=[], **tune)
    with pytest.raises(ValueError, match="none of 40 users"):
        tune_als(train, train, csr_matrix(train.shape, dtype=np.float32), candidates=[(1, 1)], **tune)
