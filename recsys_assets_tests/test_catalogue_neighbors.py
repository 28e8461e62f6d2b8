from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from recsys_assets.algorithms.catalogue import neighbors
from recsys_assets.algorithms.catalogue.neighbors import (
    APPROXIMATE,
    EXACT,
    approximate_neighbors,
    nearest,
    neighbor_recall,
    neighbors_within_clusters,
    search_neighbors,
)
from recsys_assets.algorithms.topn import NO_ITEM, similar_items

SEEDS = st.integers(0, 2**32 - 1)
needs_usearch = pytest.mark.skipif(
    importlib.util.find_spec("usearch") is None, reason="the optional extra ann is not installed"
)


def vectors_of(seed, n_items, n_dims=6):
    return np.random.default_rng(seed).normal(size=(n_items, n_dims)).astype(np.float32)


def exact(vectors, n):
    return similar_items(vectors, n=n, eligible=np.ones(len(vectors), dtype=bool))


@given(SEEDS, st.integers(1, 25), st.integers(1, 5), st.integers(1, 8))
def test_within_clusters_are_the_global_neighbours_less_those_of_other_clusters(seed, n_items, n_clusters, n):
    vectors = vectors_of(seed, n_items)
    cluster = np.random.default_rng(seed).integers(n_clusters, size=n_items)
    items, similarity = neighbors_within_clusters(vectors, cluster, n=n)
    everything, every_score = exact(vectors, n_items)
    for item in range(n_items):
        own = (everything[item] != NO_ITEM) & (cluster[everything[item]] == cluster[item])
        expected = everything[item][own][:n]
        assert_array_equal(items[item][: expected.size], expected)
        assert_allclose(similarity[item][: expected.size], every_score[item][own][:n], atol=1e-6)
        assert (items[item][expected.size :] == NO_ITEM).all()


def test_one_cluster_is_the_global_search():
    vectors = vectors_of(1, 40)
    for found, expected in zip(
        neighbors_within_clusters(vectors, np.zeros(40, dtype=int), n=7), exact(vectors, 7), strict=True
    ):
        assert_array_equal(found, expected)


@given(SEEDS, st.integers(1, 20), st.integers(1, 25))
def test_nearest_of_some_rows_are_their_rows_of_the_whole_search(seed, n_items, n):
    vectors = vectors_of(seed, n_items)
    rows = np.flatnonzero(np.random.default_rng(seed).random(n_items) < 0.5)
    items, similarity = nearest(vectors, rows, n=n)
    everything, every_score = exact(vectors, n)
    assert_array_equal(items, everything[rows])
    assert_allclose(similarity, every_score[rows], atol=1e-6)


def test_recall_by_hand():
    truth = np.array([[1, 2], [0, NO_ITEM], [NO_ITEM, NO_ITEM]])
    found = np.array([[2, 3], [0, 5], [1, 0]])
    assert neighbor_recall(found, truth) == 0.75  # a half of two, one of one; the third has none to find


def test_recall_of_nothing_to_find_is_undefined():
    assert np.isnan(neighbor_recall(np.full((2, 3), NO_ITEM), np.full((2, 3), NO_ITEM)))


def search(vectors, *, above, **options):
    settings = {"n": 10, "breadth": 64, "n_sampled": 50, "seed": 0}
    return search_neighbors(vectors, approximate_above=above, **(settings | options))


def test_below_the_size_the_search_is_exact():
    vectors = vectors_of(2, 60)
    found = search(vectors, above=60)
    assert (found.how, found.recall, found.n_sampled) == (EXACT, 1.0, 0)
    assert_array_equal(found.lists[0], exact(vectors, 10)[0])


def test_without_usearch_the_search_is_exact_at_any_size(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(neighbors, "approximation_is_installed", lambda: False)
    assert search(vectors_of(2, 60), above=1).how == EXACT


def test_without_usearch_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "usearch.index", None)
    with pytest.raises(ImportError, match=r"recsys-assets\[ann\]"):
        approximate_neighbors(vectors_of(0, 5), n=2, breadth=8)


@needs_usearch
def test_above_the_size_the_search_is_approximate_and_its_recall_measured():
    vectors = vectors_of(3, 2000, 12)
    found = search(vectors, above=1999, n_sampled=2000)
    assert (found.how, found.n_sampled) == (APPROXIMATE, 2000)
    assert found.recall == neighbor_recall(found.lists[0], exact(vectors, 10)[0]) > 0.95


@needs_usearch
def test_a_narrower_search_finds_less():
    vectors = vectors_of(4, 2500, 60)
    narrow, wide = (search(vectors, above=1, breadth=breadth, n_sampled=2500).recall for breadth in (1, 400))
    assert narrow < wide


@needs_usearch
@given(SEEDS, st.integers(0, 12), st.integers(1, 15))
def test_of_few_items_the_approximate_search_misses_nothing(seed, n_items, n):
    vectors = vectors_of(seed, n_items)
    for found, expected in zip(
        approximate_neighbors(vectors, n=n, breadth=64), exact(vectors, n), strict=True
    ):
        assert_allclose(found, expected, atol=1e-6)


@needs_usearch
def test_the_approximate_search_is_the_same_each_time():
    vectors = vectors_of(5, 1500, 12)
    first, again = (approximate_neighbors(vectors, n=10, breadth=32) for _ in range(2))
    assert_array_equal(first[0], again[0])
    assert_array_equal(first[1], again[1])
