"""A session is solved for as the models' own users are: the same ratings give the same vectors and the same scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.als import fit_als, fold_in_users
from recsys_assets.algorithms.content import content_embeddings
from recsys_assets.algorithms.embeddings import Embeddings
from recsys_assets.algorithms.explanation import ListModels, list_models
from recsys_assets.algorithms.hybrid import blend
from recsys_assets.algorithms.interactions import Interactions, build_interactions
from recsys_assets.algorithms.sessions import FoldIn, als_vector, prepare_fold_in, session_scores

N_USERS, N_ITEMS = 60, 90
MIN_RATING = 4.0
SETTINGS = {"regularization": 5.0, "alpha": 8.0}


@pytest.fixture(scope="module")
def fitted() -> tuple[Interactions, dict[str, Embeddings], ListModels, FoldIn]:
    rng = np.random.default_rng(7)
    pairs = np.argwhere(rng.random((N_USERS, N_ITEMS - 10)) < 0.2)  # the last ten items are cold
    stars = rng.integers(1, 11, size=len(pairs)) / 2
    stars[pairs[:, 0] == 0] = 2.0  # the first user likes nothing
    interactions = build_interactions(
        pairs[:, 0], pairs[:, 1], stars, user_ids=np.arange(N_USERS), item_ids=np.arange(N_ITEMS)
    )
    als = fit_als(
        interactions.likes(MIN_RATING),
        user_ids=interactions.user_ids,
        item_ids=interactions.item_ids,
        n_factors=8,
        iterations=5,
        seed=0,
        **SETTINGS,
    )
    vectors = rng.normal(size=(N_ITEMS, 6)).astype(np.float32)
    vectors[:3] = 0  # nothing is known of the first three
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    content = content_embeddings(interactions, vectors / np.maximum(norms, 1e-9), min_rating=MIN_RATING)
    hybrid = blend(als, content, alpha=0.7, beta=0.3)
    models = list_models(
        interactions,
        als,
        content,
        hybrid,
        als_weight=0.7,
        content_weight=0.3,
        min_rating=MIN_RATING,
        **SETTINGS,
    )
    scorers = {"als": als, "content": content, "hybrid": hybrid}
    return interactions, scorers, models, prepare_fold_in(models, als_weight=0.7, content_weight=0.3)


@given(st.sets(st.integers(0, N_ITEMS - 1), max_size=20))
@settings(max_examples=40)
def test_als_factors_of_a_session_are_the_closed_form(fitted, liked):
    _, _, models, shared = fitted
    items = np.array(sorted(liked), dtype=np.int32)
    likes = csr_matrix((np.ones(items.size, np.float32), items, [0, items.size]), shape=(1, N_ITEMS))
    expected = fold_in_users(likes, models.item_factors, **SETTINGS)[0]
    assert_allclose(als_vector(models.item_factors[items], shared, models), expected, atol=1e-5)


@pytest.mark.parametrize("strategy", ["als", "content", "hybrid"])
def test_the_ratings_of_a_user_give_the_scores_that_the_user_has(fitted, strategy):
    interactions, scorers, models, shared = fitted
    model = scorers[strategy]
    for user in range(1, N_USERS):
        rated = interactions.ratings[[user]]
        scores = session_scores(models, shared, strategy, rated.indices, rated.data)
        assert scores is not None
        expected = model.scores(np.array([user]))[0]
        known = model.recommendable
        assert_allclose(scores[known], expected[known], rtol=1e-4, atol=1e-5)
        assert np.isneginf(scores[~known]).all()


@pytest.mark.parametrize("strategy", ["als", "content", "hybrid"])
def test_without_a_like_there_is_nothing_to_go_by(fitted, strategy):
    _, _, models, shared = fitted
    few = np.array([5, 6]), np.array([3.5, 0.5], dtype=np.float32)
    none = np.empty(0, dtype=int), np.empty(0, dtype=np.float32)
    assert session_scores(models, shared, strategy, *few) is None
    assert session_scores(models, shared, strategy, *none) is None


@pytest.mark.parametrize("strategy", ["als", "content", "hybrid"])
def test_a_like_of_what_nothing_is_known_of_says_nothing(fitted, strategy):
    _, _, models, shared = fitted
    unknown = {"als": N_ITEMS - 1, "content": 0}.get(strategy)
    if unknown is not None:
        stars = np.array([5.0], dtype=np.float32)
        assert session_scores(models, shared, strategy, np.array([unknown]), stars) is None


def test_the_order_of_ratings_is_irrelevant_and_nothing_is_changed(fitted):
    _, _, models, shared = fitted
    items, stars = np.array([4, 9, 30]), np.array([5.0, 4.0, 4.5], dtype=np.float32)
    before = items.copy(), stars.copy()
    one = session_scores(models, shared, "hybrid", items, stars)
    other = session_scores(models, shared, "hybrid", items[::-1], stars[::-1])
    assert one is not None and other is not None
    assert_allclose(one, other, rtol=1e-5)
    assert_array_equal(items, before[0])
    assert_array_equal(stars, before[1])


def test_other_strategies_are_refused_by_name(fitted):
    _, _, models, shared = fitted
    with pytest.raises(ValueError, match="'popularity' can't be folded in; there are als, content, hybrid"):
        session_scores(models, shared, "popularity", np.array([1]), np.array([5.0], dtype=np.float32))
