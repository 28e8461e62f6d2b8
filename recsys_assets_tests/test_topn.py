from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from scipy.sparse import random as random_matrix
from sklearn.metrics import ndcg_score
from sklearn.metrics.pairwise import cosine_similarity

from recsys_assets.algorithms.embeddings import Embeddings
from recsys_assets.algorithms.topn import (
    NO_ITEM,
    NO_SCORE,
    ndcg_of_lists,
    recommend,
    similar_items,
)

SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.tuples(st.integers(1, 12), st.integers(1, 15), st.integers(1, 4), st.integers(1, 17))


def world(seed, n_users, n_items, n_dims, *, whole=False):
    """Random embeddings and seen items; whole numbers make ties frequent and sums exact."""
    rng = np.random.default_rng(seed)
    draw = (lambda *shape: rng.integers(-1, 2, shape)) if whole else (lambda *shape: rng.normal(size=shape))
    model = Embeddings(
        np.arange(n_users),
        np.arange(n_items),
        draw(n_users, n_dims).astype(np.float32),
        draw(n_items, n_dims).astype(np.float32),
        rng.random(n_items) < 0.8,
    )
    seen = csr_matrix((rng.random((n_users, n_items)) < 0.3).astype(np.float32))
    return model, seen


def oracle(model, seen, n):
    """Sort all scores of all users."""
    scores = model.scores(np.arange(model.n_users)).astype(np.float64)
    scores[seen.toarray() > 0] = -np.inf
    scores[:, ~model.recommendable] = -np.inf
    scores[~model.user_vectors.any(axis=1)] = -np.inf
    items = np.argsort(-scores, axis=1, kind="stable")
    scores = np.take_along_axis(scores, items, axis=1)
    items[np.isneginf(scores)] = NO_ITEM
    pad = ((0, 0), (0, max(n - model.n_items, 0)))
    return (
        np.pad(items, pad, constant_values=NO_ITEM)[:, :n],
        np.pad(scores, pad, constant_values=-np.inf)[:, :n],
    )


@given(SEEDS, SIZES, st.booleans())
def test_lists_are_those_of_sorting_everything_ties_and_padding_included(seed, sizes, whole):
    n_users, n_items, n_dims, n = sizes
    model, seen = world(seed, n_users, n_items, n_dims, whole=whole)
    items, scores = recommend(model, seen, n=n)
    expected_items, expected_scores = oracle(model, seen, n)
    assert_array_equal(items, expected_items)
    assert_allclose(scores, expected_scores, rtol=1e-4, atol=1e-6)
    assert (items.dtype, scores.dtype) == (np.int32, np.float32)


@pytest.mark.parametrize("whole", [False, True])
def test_many_users_go_through_several_blocks(whole):
    model, seen = world(1, 700, 60, 3, whole=whole)
    assert_array_equal(recommend(model, seen, n=7)[0], oracle(model, seen, 7)[0])


@given(SEEDS)
def test_relabelling_items_permutes_the_lists(seed):
    model, seen = world(seed, 6, 12, 3)
    permutation = np.random.default_rng(seed).permutation(12)
    renamed = Embeddings(
        model.user_ids,
        model.item_ids,
        model.user_vectors,
        model.item_vectors[permutation],
        model.recommendable[permutation],
    )
    items, _ = recommend(model, seen, n=5)
    renamed_items, _ = recommend(renamed, csr_matrix(seen[:, permutation]), n=5)
    assert_array_equal(np.where(renamed_items >= 0, permutation[renamed_items], NO_ITEM), items)


def test_inputs_are_not_mutated_and_a_stored_zero_is_seen():
    model, seen = world(3, 5, 8, 2, whole=True)
    seen.data[:] = 0
    before = [a.copy() for a in (model.user_vectors, model.item_vectors, seen.data, seen.indices)]
    items, _ = recommend(model, seen, n=3)
    assert not any(set(items[u]) & set(seen[u].indices) for u in range(5))
    for array, copy in zip(
        (model.user_vectors, model.item_vectors, seen.data, seen.indices), before, strict=True
    ):
        assert_array_equal(array, copy)


def test_nothing_recommendable_is_an_empty_list():
    model, seen = world(0, 3, 4, 2)
    model.recommendable[:] = False
    items, scores = recommend(model, seen, n=2)
    assert_array_equal(items, np.full((3, 2), NO_ITEM))
    assert_array_equal(scores, np.full((3, 2), NO_SCORE))


def test_ndcg_of_lists_agrees_with_scikit_learn_on_whole_rankings():
    model, _ = world(5, 6, 9, 3)
    model.recommendable[:] = True
    relevant = csr_matrix((np.random.default_rng(5).random((6, 9)) < 0.4).astype(np.float32))
    with_relevant = np.diff(relevant.indptr) > 0
    expected = [
        ndcg_score(relevant[[u]].toarray(), model.scores(np.array([u])))
        for u in np.flatnonzero(with_relevant)
    ]
    unseen = csr_matrix((6, 9), dtype=np.float32)
    assert_allclose(ndcg_of_lists(model, unseen, relevant, k=9), expected, rtol=1e-5)


def cosine_oracle(vectors, eligible, n):
    similarity = cosine_similarity(vectors).astype(np.float64)
    known = eligible & vectors.any(axis=1)
    np.fill_diagonal(similarity, -np.inf)
    similarity[~known] = similarity[:, ~known] = -np.inf
    return -np.sort(-similarity, axis=1)[:, :n], similarity


@given(SEEDS, st.integers(1, 5))
@settings(max_examples=50)
def test_neighbours_are_the_best_cosines(seed, n):
    rng = np.random.default_rng(seed)
    features = random_matrix(14, 6, density=0.4, format="csr", dtype=np.float32, rng=rng)
    features.data -= np.float32(0.3)
    eligible = rng.random(14) < 0.8
    best, cosines = cosine_oracle(features.toarray(), eligible, n)
    listed, similarity = similar_items(features.toarray(), n=n, eligible=eligible)
    assert_allclose(similarity, best, atol=1e-5)
    row, place = np.nonzero(listed >= 0)
    assert_allclose(similarity[row, place], cosines[row, listed[row, place]], atol=1e-5)
    assert np.all(np.isneginf(similarity[listed < 0]))


def test_similarity_is_invariant_to_the_length_of_vectors():
    rng = np.random.default_rng(0)
    vectors, everything = rng.normal(size=(30, 4)).astype(np.float32), np.ones(30, bool)
    scaled = vectors * rng.uniform(0.1, 10, (30, 1)).astype(np.float32)
    one, other = (similar_items(v, n=5, eligible=everything) for v in (vectors, scaled))
    assert_array_equal(one[0], other[0])
    assert_allclose(one[1], other[1], atol=1e-5)


def test_of_more_twins_than_places_some_are_listed_and_never_the_item_itself():
    twins = np.ones((5, 2), dtype=np.float32)
    listed, similarity = similar_items(twins, n=2, eligible=np.ones(5, bool))
    assert np.all(listed != np.arange(5)[:, None]) and np.all(np.diff(np.sort(listed)) > 0)
    assert_allclose(similarity, 1, rtol=1e-6)


def test_twins_are_each_other_s_neighbour_and_nobody_is_their_own():
    vectors = np.repeat(np.eye(3, dtype=np.float32), 2, axis=0)
    listed, _ = similar_items(vectors, n=1, eligible=np.ones(6, bool))
    assert_array_equal(listed[:, 0], [1, 0, 3, 2, 5, 4])
