from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.embeddings import Embeddings, require_same_ids
from recsys_assets.algorithms.popularity import popularity, recent_popularity

USER_IDS, ITEM_IDS = np.arange(3), np.arange(4)
LIKES = csr_matrix(np.array([[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 1, 0]], dtype=np.float32))


def embeddings(n_users: int = 3, n_items: int = 4) -> Embeddings:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(n_users + n_items, 2)).astype(np.float32)
    return Embeddings(
        np.arange(n_users), np.arange(n_items), vectors[:n_users], vectors[n_users:], np.ones(n_items, bool)
    )


def test_scores_and_pair_scores_are_inner_products():
    model = embeddings()
    scores = model.scores(np.array([2, 0]))
    assert_allclose(scores[1, 3], model.user_vectors[0] @ model.item_vectors[3], rtol=1e-6)
    assert_allclose(model.pair_scores(np.array([2, 0]), np.array([1, 3])), [scores[0, 1], scores[1, 3]], 1e-6)


def test_shapes_that_disagree_are_refused():
    model = embeddings()
    with pytest.raises(ValueError, match=r"\(2, 2\).*3 users and 4 items need"):
        Embeddings(
            model.user_ids, model.item_ids, model.user_vectors[:2], model.item_vectors, model.recommendable
        )


def test_models_over_other_ids_are_refused():
    with pytest.raises(ValueError, match=r"3 × 4 and 3 × 5"):
        require_same_ids(embeddings(), embeddings(n_items=5))


def test_popularity_counts_likes_and_never_lists_an_item_without():
    model = popularity(LIKES, user_ids=USER_IDS, item_ids=ITEM_IDS)
    assert_array_equal(model.scores(np.array([0, 2])), [[3, 1, 2, 0]] * 2)
    assert_array_equal(model.recommendable, [True, True, True, False])


def test_a_like_loses_half_its_weight_in_a_half_life():
    day = 86_400
    model = recent_popularity(
        np.array([0, 1, 1, 2]),
        1_000_000_000 - day * np.array([0, 30, 60, 90]),
        user_ids=USER_IDS,
        item_ids=ITEM_IDS,
        half_life_days=30,
    )
    assert_allclose(model.scores(np.array([1]))[0], [1, 0.5 + 0.25, 0.125, 0])
    assert_array_equal(model.recommendable, [True, True, True, False])


def test_without_likes_nothing_is_popular():
    none = np.array([], dtype=np.int64)
    model = recent_popularity(none, none, user_ids=USER_IDS, item_ids=ITEM_IDS, half_life_days=30)
    assert not model.recommendable.any()


def test_a_half_life_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="positive; got 0"):
        recent_popularity(
            np.array([0]), np.array([0]), user_ids=USER_IDS, item_ids=ITEM_IDS, half_life_days=0
        )
