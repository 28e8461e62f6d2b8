"""Parts add up to scores: closed forms, the models themselves, 1,000 random pairs each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.als import fit_als, fold_in_users
from recsys_assets.algorithms.content import content_embeddings
from recsys_assets.algorithms.embeddings import Embeddings
from recsys_assets.algorithms.explanation import (
    EXPLAINED,
    ListModels,
    als_shares,
    content_shares,
    explain_lists,
    explain_neighborhood,
    explain_popularity,
    list_models,
)
from recsys_assets.algorithms.hybrid import blend
from recsys_assets.algorithms.interactions import Interactions, build_interactions
from recsys_assets.algorithms.popularity import popularity
from recsys_assets.algorithms.rating_prediction.biases import fit_biases
from recsys_assets.algorithms.rating_prediction.neighbors import Neighborhood, fit_residual_neighbors
from recsys_assets.algorithms.topn import NO_ITEM, recommend
from recsys_assets_tests.rating_logs import log_of

N_USERS, N_ITEMS = 80, 60
MIN_RATING = 4.0
ALS = {"regularization": 3.0, "alpha": 6.0}
WEIGHTS = {"alpha": 0.7, "beta": 0.3}
SEEDS = st.integers(0, 2**32 - 1)


def ratings(seed: int = 0) -> Interactions:
    """Ratings at random; the last user has no like, and the last item is unrated."""
    rng = np.random.default_rng(seed)
    user, item = np.nonzero(rng.random((N_USERS, N_ITEMS - 1)) < 0.3)
    stars = rng.choice(np.arange(0.5, 5.5, 0.5), size=user.size)
    stars[user == N_USERS - 1] = 2.0
    return build_interactions(user, item, stars, user_ids=range(N_USERS), item_ids=range(N_ITEMS))


def fitted(
    interactions: Interactions, weights: dict[str, float] = WEIGHTS
) -> tuple[dict[str, Embeddings], ListModels]:
    """The three models, and what they are made of."""
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(N_ITEMS, 7)) + 0.5
    ids = {"user_ids": interactions.user_ids, "item_ids": interactions.item_ids}
    als = fit_als(interactions.likes(MIN_RATING), n_factors=8, iterations=5, seed=0, **ids, **ALS)
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    content = content_embeddings(interactions, unit, min_rating=MIN_RATING)
    hybrid = blend(als, content, **weights)
    models = list_models(
        interactions,
        als,
        content,
        hybrid,
        als_weight=weights["alpha"],
        content_weight=weights["beta"],
        min_rating=MIN_RATING,
        **ALS,
    )
    return {"als": als, "content": content, "hybrid": hybrid}, models


# Closed forms.


def test_the_parts_of_als_are_those_of_the_paper_s_equation() -> None:
    rng = np.random.default_rng(3)
    factors, liked = rng.normal(size=(9, 4)), np.array([1, 4, 7])
    confidence = np.where(np.isin(np.arange(9), liked), 5.0, 1.0)
    preference = np.isin(np.arange(9), liked).astype(float)
    inverse = np.linalg.inv(factors.T @ np.diag(confidence) @ factors + 2.0 * np.eye(4))
    similarity = factors @ inverse @ factors.T  # s_ij of Hu et al. 2008, equation 7
    shares = als_shares(liked, factors, gram=factors.T @ factors, regularization=2.0, alpha=5.0)
    assert_allclose(factors @ shares.T, similarity[:, liked] * 5.0, atol=1e-12)
    expected = factors @ inverse @ factors.T @ (confidence * preference)
    assert_allclose((factors @ shares.T).sum(axis=1), expected, atol=1e-12)


def test_with_one_like_and_one_factor_the_part_is_the_fraction() -> None:
    # x = α y / (Y'Y + (α − 1) y² + λ); score of itself = x y.
    shares = als_shares(
        np.array([0]), np.array([[2.0]]), gram=np.array([[4.0]]), regularization=1.0, alpha=3.0
    )
    assert_allclose(shares, [[3 * 2 / (4 + 2 * 4 + 1)]])


def test_a_like_of_five_stars_weighs_twice_as_much_in_the_profile() -> None:
    shares = content_shares(np.array([4.0, 5.0], dtype=np.float32), np.eye(2), min_rating=4.0)
    assert_allclose(shares, np.diag([1, 2]) / np.sqrt(5))


def test_likes_that_cancel_out_make_no_profile() -> None:
    opposite = np.array([[1.0, 0.0], [-1.0, 0.0]])
    shares = content_shares(np.array([4.0, 4.0], dtype=np.float32), opposite, min_rating=4.0)
    assert_array_equal(shares, 0)


def test_the_parts_of_neighbours_by_hand() -> None:
    # Item 0's neighbours are 1 (w 0.8), 2 (w 0.5), 3 (w 0.2); the user rated 1, 3 and 4; two are used at most.
    neighbors = csr_matrix((np.float32([0.8, 0.5, 0.2]), [1, 2, 3], [0, 3, 3, 3, 3, 3]), shape=(5, 5))
    deviations = csr_matrix((np.float32([1.0, -0.5, 2.0]), [1, 3, 4], [0, 3]), shape=(1, 5))
    model = Neighborhood(
        neighbors, deviations, 3.5, np.float32([0.25]), np.float32([0.5, 0, 0, 0, 0]), False, 2, 1, 0.6
    )
    found = explain_neighborhood(model, 0, 0)
    assert found.constant == 4.25
    assert_array_equal(found.items, [1, 3])
    assert_allclose(found.parts, [0.8 * 1.0 / 1.6, 0.2 * -0.5 / 1.6], rtol=1e-6)
    assert found.score == pytest.approx(model.predict(np.array([0]), np.array([0]), np.zeros(1))[0])
    unexplained = explain_neighborhood(model, 0, 1)
    assert (unexplained.items.size, unexplained.parts.size, unexplained.score) == (0, 0, 3.75)
    with pytest.raises(ValueError, match="users"):
        explain_neighborhood(replace(model, of_users=True), 0, 0)


def test_popularity_is_the_number_of_likes_and_nothing_of_the_user_s() -> None:
    interactions = ratings()
    model = popularity(
        interactions.likes(MIN_RATING), user_ids=interactions.user_ids, item_ids=interactions.item_ids
    )
    for item in range(0, N_ITEMS, 7):
        found = explain_popularity(interactions.ratings, item, min_rating=MIN_RATING)
        assert found.items.size == 0
        assert found.score == model.item_vectors[item, 0]


# Parts and scores.


@pytest.mark.parametrize("strategy", EXPLAINED)
def test_parts_add_up_to_the_score_on_1000_random_pairs(strategy: str) -> None:
    scorers, models = fitted(ratings())
    rng = np.random.default_rng(4)
    users, items = rng.integers(N_USERS, size=1000), rng.integers(N_ITEMS, size=1000)
    total = [models.explain(strategy, user, [item])[0].score for user, item in zip(users, items, strict=True)]
    scores = scorers[strategy].pair_scores(users, items)
    assert np.all(np.abs(total - scores) <= 1e-6 * np.maximum(1, np.abs(scores)))
    assert np.count_nonzero(scores) > 800


def test_parts_of_item_neighbours_add_up_on_1000_random_pairs() -> None:
    made = ratings(5).ratings.tocoo()
    log = log_of(made.row, made.col, made.data, n_users=N_USERS, n_items=N_ITEMS)
    biases = fit_biases(log, user_damping=5, item_damping=5, iterations=3)
    rule = {"shrinkage": 10, "n_neighbors": 4, "exponent": 1.5, "damping": 0.2, "n_stored": 10}
    model = fit_residual_neighbors(log, biases, of_users=False, **rule)
    rng = np.random.default_rng(6)
    users, items = rng.integers(log.n_users, size=1000), rng.integers(log.n_items, size=1000)
    total = [explain_neighborhood(model, *pair).score for pair in zip(users, items, strict=True)]
    assert_allclose(total, model.predict(users, items, np.zeros(1000)), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("strategy", EXPLAINED)
def test_scores_of_lists_are_the_sums_of_their_parts(strategy: str) -> None:
    interactions = ratings()
    scorers, models = fitted(interactions)
    items, scores = recommend(scorers[strategy], interactions.ratings, n=10)
    user, place = np.nonzero(items != NO_ITEM)
    rows = explain_lists(models, strategy, user, items[user, place], n_parts=3)
    total = np.bincount(rows.pair, rows.part, minlength=user.size)
    listed = scores[user, place]
    assert np.all(np.abs(total - listed) <= 1e-6 * np.maximum(1, np.abs(listed)))
    assert user.size > 700


def test_of_no_pairs_there_are_no_rows() -> None:
    nobody = np.array([], dtype=np.intp)
    rows = explain_lists(fitted(ratings())[1], "als", nobody, nobody, n_parts=4)
    assert {one.size for one in (rows.pair, rows.part_rank, rows.because, rows.part, rows.n_likes)} == {0}


def test_rows_hold_the_largest_parts_in_falling_order_and_the_others_as_one() -> None:
    interactions = ratings()
    _, models = fitted(interactions)
    n_likes = int(interactions.likes(MIN_RATING)[5].nnz)
    rows = explain_lists(models, "als", np.array([5, 5, 79]), np.array([2, 3, 2]), n_parts=4)
    assert_array_equal(rows.pair, np.repeat([0, 1], 5))  # the last user likes nothing
    assert_array_equal(rows.part_rank, [1, 2, 3, 4, 5] * 2)
    assert_array_equal(rows.because == -1, rows.part_rank == 5)
    assert_array_equal(rows.n_likes, [1, 1, 1, 1, n_likes - 4] * 2)
    single = rows.part[:4]
    whole = models.explain("als", 5, np.array([2]))[0]
    assert_allclose(single, np.sort(whole.parts)[::-1][:4], atol=1e-15)
    assert rows.part[:5].sum() == pytest.approx(whole.score, abs=1e-14)
    everything = explain_lists(models, "als", np.array([5]), np.array([2]), n_parts=1000)
    assert not np.any(everything.because == -1)
    assert everything.pair.size == n_likes


@given(SEEDS)
@settings(max_examples=10)
def test_only_likes_contribute(seed: int) -> None:
    interactions = ratings(seed)
    _, models = fitted(interactions)
    likes = interactions.likes(MIN_RATING)
    for strategy in EXPLAINED:
        for user in (0, N_USERS - 1):
            [found] = models.explain(strategy, user, np.array([3]))
            assert_array_equal(np.sort(found.items), np.sort(likes[user].indices))


def test_a_side_without_weight_has_no_part_in_the_hybrid() -> None:
    interactions = ratings()
    for weights, alone in (({"alpha": 1.0, "beta": 0.0}, "als"), ({"alpha": 0.0, "beta": 1.0}, "content")):
        scorers, models = fitted(interactions, weights)
        users, items = np.arange(20), np.arange(20)
        total = [models.explain("hybrid", u, [i])[0].score for u, i in zip(users, items, strict=True)]
        assert_allclose(total, scorers["hybrid"].pair_scores(users, items), rtol=1e-6, atol=1e-6)
        assert not getattr(models, "content_scale" if alone == "als" else "als_scale").any()


def test_the_fit_s_user_factors_are_the_closed_form() -> None:
    interactions = ratings()
    scorers, _ = fitted(interactions)
    likes = interactions.likes(MIN_RATING)
    assert_array_equal(scorers["als"].user_vectors, fold_in_users(likes, scorers["als"].item_vectors, **ALS))


def test_relabelling_items_permutes_the_parts() -> None:
    interactions = ratings()
    _, models = fitted(interactions)
    order = np.random.default_rng(7).permutation(N_ITEMS)
    moved = replace(
        models,
        ratings=csr_matrix(interactions.ratings[:, order]),
        item_factors=models.item_factors[order],
        content_vectors=models.content_vectors[order],
        hybrid_vectors=models.hybrid_vectors[order],
    )
    for strategy in EXPLAINED:
        [here] = models.explain(strategy, 4, order[[9]])
        [there] = moved.explain(strategy, 4, np.array([9]))
        by_item = dict(zip(here.items, here.parts, strict=True))
        assert_allclose([by_item[order[item]] for item in there.items], there.parts, atol=1e-12)


def test_what_is_no_sum_over_likes_is_refused() -> None:
    interactions = ratings()
    scorers, models = fitted(interactions)
    with pytest.raises(ValueError, match="als, content, hybrid"):
        models.explain("popularity", 0, np.array([0]))
    with pytest.raises(ValueError, match="8 dimensions, its weighted sides 15"):
        list_models(
            interactions,
            scorers["als"],
            scorers["content"],
            scorers["als"],
            als_weight=0.5,
            content_weight=0.5,
            min_rating=MIN_RATING,
            **ALS,
        )
