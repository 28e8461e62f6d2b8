from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.embeddings import Embeddings
from recsys_assets.algorithms.hybrid import blend, contributions, fit_weights, standardise
from recsys_assets.algorithms.topn import recommend

N_USERS, N_ITEMS = 8, 20
SEEDS = st.integers(0, 2**32 - 1)
UNSEEN = csr_matrix((N_USERS, N_ITEMS), dtype=np.float32)
ALPHAS = np.linspace(0, 1, 6).tolist()


def model(seed: int, n_dims: int, *, n_cold: int = 0) -> Embeddings:
    """Random embeddings; the last `n_cold` items are unknown to the model."""
    rng = np.random.default_rng(seed)
    items = rng.normal(size=(N_ITEMS, n_dims)) + 1
    recommendable = np.arange(N_ITEMS) < N_ITEMS - n_cold
    items[~recommendable] = 0
    return Embeddings(
        np.arange(N_USERS),
        np.arange(N_ITEMS),
        rng.normal(size=(N_USERS, n_dims)).astype(np.float32),
        items.astype(np.float32),
        recommendable,
    )


def z_scores(one: Embeddings, catalogue: np.ndarray) -> np.ndarray:
    scores = one.scores(np.arange(N_USERS)).astype(float)
    listed = scores[:, catalogue]
    return (scores - listed.mean(axis=1, keepdims=True)) / listed.std(axis=1, keepdims=True)


@given(SEEDS, st.integers(1, 5), st.floats(0.01, 1))
def test_the_blend_is_the_weighted_sum_of_z_scores(seed, n_dims, alpha):
    collaborative, content = model(seed, n_dims, n_cold=4), model(seed + 1, 3)
    warm = collaborative.recommendable
    expected = alpha * z_scores(collaborative, warm) * warm + (1 - alpha) * z_scores(content, warm)
    scores = blend(collaborative, content, alpha=alpha, beta=1 - alpha).scores(np.arange(N_USERS))
    assert_allclose(scores, expected, atol=2e-4)


@given(SEEDS)
def test_standardised_scores_have_mean_0_and_deviation_1_over_the_catalogue(seed):
    catalogue = np.arange(N_ITEMS) < 15
    scores = standardise(model(seed, 3), catalogue).scores(np.arange(N_USERS))[:, catalogue]
    assert_allclose(scores.mean(axis=1), 0, atol=1e-4)
    assert_allclose(scores.std(axis=1), 1, atol=1e-4)


@given(SEEDS)
def test_parts_add_up_to_the_score(seed):
    collaborative, content = model(seed, 4, n_cold=3), model(seed + 1, 2)
    user, item = np.indices((N_USERS, N_ITEMS)).reshape(2, -1)
    weights = {"alpha": 0.7, "beta": 0.3}
    parts = contributions(collaborative, content, user, item, **weights)
    score = blend(collaborative, content, **weights).pair_scores(user, item)
    assert_allclose(parts.sum(axis=1), score, atol=1e-5)
    assert_array_equal(parts[item >= N_ITEMS - 3, 0], 0)


@given(SEEDS)
def test_a_weight_of_one_alone_returns_that_model_s_ranking(seed):
    collaborative, content = model(seed, 4, n_cold=3), model(seed + 1, 3)
    for weights, alone in (((1, 0), collaborative), ((0, 1), content)):
        both = blend(collaborative, content, alpha=weights[0], beta=weights[1])
        assert_array_equal(recommend(both, UNSEEN, n=10)[0], recommend(alone, UNSEEN, n=10)[0])


@given(SEEDS, st.floats(0.1, 100))
def test_the_scale_of_a_model_does_not_matter(seed, factor):
    collaborative, content = model(seed, 4), model(seed + 1, 3)
    louder = replace(collaborative, user_vectors=collaborative.user_vectors * np.float32(factor))
    one, other = (blend(c, content, alpha=0.5, beta=0.5) for c in (collaborative, louder))
    users = np.arange(N_USERS)
    assert_allclose(other.scores(users), one.scores(users), atol=1e-4)


def test_users_unknown_to_one_model_are_ranked_by_the_other_and_to_both_by_none():
    collaborative, content = model(0, 4), model(1, 3)
    collaborative.user_vectors[[0, 1]] = 0
    content.user_vectors[[0, 2]] = 0
    both = recommend(blend(collaborative, content, alpha=0.5, beta=0.5), UNSEEN, n=5)[0]
    assert_array_equal(both[0], -1)
    assert_array_equal(both[1], recommend(content, UNSEEN, n=5)[0][1])
    assert_array_equal(both[2], recommend(collaborative, UNSEEN, n=5)[0][2])


def test_scores_that_do_not_vary_add_nothing():
    # u · v = 1 for all items though the vectors differ; rounding alone makes the scores vary.
    varied = np.random.default_rng(0).normal(size=N_ITEMS)
    flat = replace(
        model(0, 2),
        user_vectors=np.ones((N_USERS, 2), dtype=np.float32),
        item_vectors=np.column_stack([varied, 1 - varied]).astype(np.float32),
    )
    assert_array_equal(standardise(flat, np.ones(N_ITEMS, bool)).user_vectors, 0)


def test_cold_items_are_recommendable_as_soon_as_content_counts():
    collaborative, content = model(0, 4, n_cold=5), model(1, 3)
    assert blend(collaborative, content, alpha=0.9, beta=0.1).recommendable.all()
    assert_array_equal(
        blend(collaborative, content, alpha=1, beta=0).recommendable, collaborative.recommendable
    )


def liked_by(one: Embeddings, *, n: int = 4) -> csr_matrix:
    """The likes of users who go by that model alone."""
    items, _ = recommend(one, UNSEEN, n=n)
    likes = np.zeros((N_USERS, N_ITEMS), dtype=np.float32)
    np.put_along_axis(likes, items.astype(np.intp), 1, axis=1)
    return csr_matrix(likes)


@pytest.mark.parametrize(("truth", "alpha"), [("collaborative", 1.0), ("content", 0.0)])
def test_the_weights_go_to_the_model_that_is_right(truth, alpha):
    models = {"collaborative": model(0, 4), "content": model(1, 3)}
    chosen = fit_weights(
        **models, seen=UNSEEN, relevant=liked_by(models[truth]), alphas=ALPHAS, min_beta=0, k=4
    )
    assert (chosen.alpha, chosen.beta) == (alpha, 1 - alpha)
    best = int(chosen.candidate_ndcg.argmax())
    assert chosen.candidate_alpha[best] == alpha
    assert chosen.candidate_ndcg[best] == pytest.approx(1)
    assert chosen.standard_error[best] == 0


@given(SEEDS)
def test_the_choice_is_the_largest_alpha_within_one_standard_error_of_the_best(seed):
    likes = csr_matrix((np.random.default_rng(seed).random((N_USERS, N_ITEMS)) < 0.3).astype(np.float32))
    chosen = fit_weights(model(seed, 4), model(seed + 1, 3), UNSEEN, likes, alphas=ALPHAS, min_beta=0, k=5)
    short = chosen.candidate_ndcg.max() - chosen.candidate_ndcg
    good_enough = chosen.candidate_alpha[short <= chosen.standard_error]
    assert chosen.alpha == good_enough.max()


def test_two_models_that_are_the_same_leave_the_weight_with_the_first():
    one = model(0, 4)
    likes = liked_by(model(1, 3))
    assert fit_weights(one, one, UNSEEN, likes, alphas=ALPHAS, min_beta=0, k=4).alpha == 1


@pytest.mark.parametrize(("min_beta", "alpha"), [(0, 1.0), (0.05, 0.8), (0.2, 0.8), (0.5, 0.4), (1, 0.0)])
def test_content_keeps_its_least_weight_even_where_it_is_worth_nothing(min_beta, alpha):
    collaborative, content = model(0, 4), model(1, 3)
    settings = {"alphas": ALPHAS, "min_beta": min_beta, "k": 4}
    chosen = fit_weights(collaborative, content, UNSEEN, liked_by(collaborative), **settings)
    assert (chosen.alpha, chosen.beta) == pytest.approx((alpha, 1 - alpha))
    assert_array_equal(chosen.candidate_alpha, ALPHAS[::-1])


@given(SEEDS, st.sampled_from(ALPHAS))
def test_a_least_weight_of_content_only_narrows_the_choice(seed, min_beta):
    likes = csr_matrix((np.random.default_rng(seed).random((N_USERS, N_ITEMS)) < 0.3).astype(np.float32))
    models = model(seed, 4), model(seed + 1, 3)
    free, bound = (
        fit_weights(*models, UNSEEN, likes, alphas=ALPHAS, min_beta=least, k=5) for least in (0, min_beta)
    )
    assert bound.beta >= min_beta - 1e-9
    assert_array_equal(bound.candidate_ndcg, free.candidate_ndcg)
    if free.beta >= min_beta - 1e-9:
        assert bound.alpha == free.alpha


def test_what_cannot_be_blended_is_refused():
    one, other = model(0, 4), model(1, 3)
    with pytest.raises(ValueError, match="alpha -1 and beta 2"):
        blend(one, other, alpha=-1, beta=2)
    with pytest.raises(ValueError, match="alpha 0 and beta 0"):
        blend(one, other, alpha=0, beta=0)
    with pytest.raises(ValueError, match="different ids"):
        blend(one, replace(other, item_ids=other.item_ids + 1), alpha=1, beta=1)
    with pytest.raises(ValueError, match="none of 20 items"):
        blend(model(0, 4, n_cold=N_ITEMS), other, alpha=1, beta=1)
    with pytest.raises(ValueError, match="contain both"):
        fit_weights(one, other, UNSEEN, liked_by(one), alphas=[0.5, 1.0], min_beta=0, k=3)
    with pytest.raises(ValueError, match="none of 8 users"):
        fit_weights(one, other, UNSEEN, UNSEEN, alphas=ALPHAS, min_beta=0, k=3)
