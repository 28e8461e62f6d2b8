"""Whether vectors stand at their own ids, as the likes that were learned from tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.metrics import roc_auc_score

from recsys_assets.algorithms.embeddings import Alignment, Embeddings, alignment
from recsys_assets.algorithms.popularity import popularity

SEEDS = st.integers(0, 2**32 - 1)
N_USERS, N_ITEMS, N_DIMS = 60, 80, 4


def judged(
    model: Embeddings,
    likes: csr_matrix,
    *,
    n_pairs: int = 1000,
    n_shuffles: int = 19,
    tolerance: float = 0.01,
) -> Alignment:
    return alignment(model, likes, n_pairs=n_pairs, n_shuffles=n_shuffles, tolerance=tolerance, seed=0)


def tastes(seed: int, *, shared: float = 0.0) -> tuple[Embeddings, csr_matrix]:
    """A model and the likes that it explains; part of the taste is everyone's."""
    rng = np.random.default_rng(seed)
    users = (shared + rng.normal(size=(N_USERS, N_DIMS))).astype(np.float32)
    items = rng.normal(size=(N_ITEMS, N_DIMS)).astype(np.float32)
    model = Embeddings(np.arange(N_USERS), np.arange(N_ITEMS), users, items, np.ones(N_ITEMS, dtype=bool))
    noise = rng.gumbel(size=(N_USERS, N_ITEMS))
    return model, csr_matrix((users @ items.T + noise > 2.5).astype(np.float32))


def like_counts(n_likes: np.ndarray) -> csr_matrix:
    """Likes of items by so many users each, whoever they are."""
    return csr_matrix((np.arange(N_USERS)[:, None] < n_likes).astype(np.float32))


@given(SEEDS)
@settings(max_examples=20)
def test_vectors_at_their_own_ids_explain_likes_best(seed: int) -> None:
    model, likes = tastes(seed)
    found = judged(model, likes)
    assert found.holds
    assert found.auc > 0.75
    assert min(found.items_margin, found.users_margin) > 0.05


@given(SEEDS, st.sampled_from(["item_vectors", "user_vectors"]), st.sampled_from([-3, -2, -1, 1, 2, 3]))
@settings(max_examples=40)
def test_vectors_a_few_places_off_are_found_out(seed: int, side: str, places: int) -> None:
    model, likes = tastes(seed)
    rolled = judged(replace(model, **{side: np.roll(getattr(model, side), places, axis=0)}), likes)
    margins = {"item_vectors": rolled.items_margin, "user_vectors": rolled.users_margin}
    assert margins[side] < -0.05
    assert not rolled.holds


@pytest.mark.parametrize("side", ["item_vectors", "user_vectors"])
def test_vectors_in_no_order_pass_as_seldom_as_the_number_of_shuffles_says(side: str) -> None:
    model, likes = tastes(0)
    rng = np.random.default_rng(0)
    passed = [
        judged(replace(model, **{side: rng.permutation(getattr(model, side))}), likes, n_pairs=500).holds
        for _ in range(200)
    ]
    assert np.mean(passed) < 2 / 20


def test_where_ids_ascend_with_popularity_the_shift_back_finds_what_shuffles_do_not() -> None:
    noise = np.random.default_rng(0).integers(-12, 13, size=N_ITEMS)
    likes = like_counts(np.clip(np.arange(N_ITEMS) * N_USERS // N_ITEMS + noise, 0, N_USERS - 1))
    model = popularity(likes, user_ids=np.arange(N_USERS), item_ids=np.arange(N_ITEMS))
    assert judged(model, likes).holds
    off_by_one = replace(model, item_vectors=np.roll(model.item_vectors, 1, axis=0))
    assert judged(off_by_one, likes, tolerance=1.0).holds
    assert not judged(off_by_one, likes).holds


def test_a_model_that_is_the_same_for_everyone_has_no_order_of_users() -> None:
    likes = like_counts(np.random.default_rng(0).integers(N_USERS, size=N_ITEMS))
    model = popularity(likes, user_ids=np.arange(N_USERS), item_ids=np.arange(N_ITEMS))
    found = judged(model, likes)
    assert found.users_margin == 0
    assert found.items_margin > 0.1


def test_auc_is_the_mean_of_the_users_own() -> None:
    model, likes = tastes(7)
    liked = likes.toarray() > 0
    scores = model.scores(np.arange(N_USERS))
    exact = np.mean(
        [roc_auc_score(liked[user], scores[user]) for user in range(N_USERS) if liked[user].any()]
    )
    assert judged(model, likes, n_pairs=100_000, n_shuffles=1).auc == pytest.approx(exact, abs=0.01)


def test_users_of_whom_nothing_is_known_are_not_asked_and_take_no_part_in_shuffles() -> None:
    model, likes = tastes(3, shared=1.0)
    known = np.arange(1, N_USERS, 2)
    rng = np.random.default_rng(0)

    def with_vectors_of(users: np.ndarray) -> Embeddings:
        vectors = np.zeros_like(model.user_vectors)
        vectors[known] = model.user_vectors[users]
        return replace(model, user_vectors=vectors)

    assert judged(with_vectors_of(known), likes).auc > 0.75
    margins = [
        judged(with_vectors_of(rng.permutation(known)), likes, tolerance=1.0).users_margin for _ in range(20)
    ]
    assert np.mean(margins) < 0


@pytest.mark.parametrize("likes", [0.0, 1.0])
def test_without_likes_and_where_all_is_liked_nothing_can_be_told(likes: float) -> None:
    model, _ = tastes(0)
    all_the_same = csr_matrix(np.full((N_USERS, N_ITEMS), likes, dtype=np.float32))
    assert judged(model, all_the_same) == Alignment(0.5, 0.0, 0.0)


def test_of_a_model_that_knows_nobody_nothing_can_be_told() -> None:
    model, likes = tastes(0)
    assert judged(replace(model, user_vectors=model.user_vectors * 0), likes) == Alignment(0.5, 0.0, 0.0)


def test_the_same_seed_gives_the_same_and_inputs_stay() -> None:
    model, likes = tastes(1)
    before = model.user_vectors.copy(), model.item_vectors.copy(), likes.copy()
    assert judged(model, likes) == judged(model, likes)
    assert_array_equal(model.user_vectors, before[0])
    assert_array_equal(model.item_vectors, before[1])
    assert (likes != before[2]).nnz == 0
