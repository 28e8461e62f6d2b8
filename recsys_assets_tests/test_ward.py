"""Ward's tree: SciPy as oracle, planted groups found, both paths at the limit, and what chooses the cut."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.metrics import adjusted_rand_score, silhouette_score

from recsys_assets.algorithms.catalogue import ward
from recsys_assets.algorithms.catalogue.ward import WardTree, cut, grow_ward_tree, silhouettes, weigh_cuts
from recsys_assets.algorithms.clustering import Evidence, best_evidence

SEEDS = st.integers(0, 2**31)
GROW: dict[str, Any] = {"exact_up_to": 1000, "n_groups": 40, "seed": 0}
WEIGH: dict[str, Any] = GROW | {
    "ks": range(2, 9),
    "min_stability": 0.6,
    "min_movies": 5,
    "n_repeats": 2,
    "n_judged": 1000,
}


def clouds(sizes: list[int], *, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points around corners of a simplex, shuffled, and the corner of each."""
    rng = np.random.default_rng(seed)
    corner = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return np.eye(len(sizes))[corner] + noise * rng.normal(size=(corner.size, len(sizes))), corner


def points(seed: int, n: int = 60) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 4))


# The tree.


@settings(max_examples=25)
@given(SEEDS, st.integers(1, 60))
def test_cuts_are_scipys_partitions(seed: int, k: int) -> None:
    rows = points(seed)
    expected = fcluster(linkage(rows, "ward"), k, "maxclust")
    assert adjusted_rand_score(cut(grow_ward_tree(rows, **GROW), k), expected) == 1


@settings(max_examples=25)
@given(SEEDS)
def test_groups_of_one_row_are_joined_as_rows_are(seed: int) -> None:
    rows = points(seed)
    of_groups = WardTree(np.arange(60), ward._join_groups(rows, np.ones(60, dtype=np.int64)))
    exact = grow_ward_tree(rows, **GROW)
    for k in (2, 5, 17, 59):
        assert adjusted_rand_score(cut(of_groups, k), cut(exact, k)) == 1


@settings(max_examples=15)
@given(SEEDS)
def test_a_group_weighs_as_much_as_its_rows(seed: int) -> None:
    centroids, sizes = points(seed, 20), np.random.default_rng(seed).integers(1, 5, 20)
    leaf = np.repeat(np.arange(20), sizes)
    groups = WardTree(leaf, ward._join_groups(centroids, sizes))
    exact = grow_ward_tree(centroids[leaf], **GROW)
    for k in (2, 6, 12):
        assert adjusted_rand_score(cut(groups, k), cut(exact, k)) == 1


@settings(max_examples=25)
@given(SEEDS, st.integers(2, 59))
def test_a_cut_splits_one_cluster_of_the_cut_before(seed: int, k: int) -> None:
    tree = grow_ward_tree(points(seed), **GROW)
    fewer, more = cut(tree, k), cut(tree, k + 1)
    assert len(np.unique(np.stack([fewer, more]), axis=1).T) == k + 1


@given(SEEDS, st.integers(1, 60))
def test_clusters_are_numbered_by_size(seed: int, k: int) -> None:
    sizes = np.bincount(cut(grow_ward_tree(points(seed), **GROW), k))
    assert sizes.size == k and sizes.min() > 0
    assert (np.diff(sizes) <= 0).all()


def test_equal_rows_can_be_cut_apart_and_one_row_is_a_tree() -> None:
    tree = grow_ward_tree(np.ones((6, 2)), **GROW)
    assert [len(np.unique(cut(tree, k))) for k in (1, 3, 6)] == [1, 3, 6]
    assert_array_equal(cut(grow_ward_tree(np.ones((1, 2)), **GROW), 1), [0])


@pytest.mark.parametrize("k", [0, 7])
def test_a_tree_has_no_more_clusters_than_leaves(k: int) -> None:
    with pytest.raises(ValueError, match=f"within 1 to 6, the tree's leaves; got {k}"):
        cut(grow_ward_tree(points(0, 6), **GROW), k)


@pytest.mark.parametrize(("exact_up_to", "n_leaves"), [(300, 300), (299, 40)])
def test_above_the_limit_the_leaves_are_groups_and_planted_clusters_are_still_found(
    exact_up_to: int, n_leaves: int
) -> None:
    rows, corner = clouds([150, 90, 60], noise=0.1, seed=1)
    tree = grow_ward_tree(rows, **GROW | {"exact_up_to": exact_up_to})
    assert tree.n_leaves == n_leaves
    assert_array_equal(np.bincount(cut(tree, 3)), [150, 90, 60])
    assert adjusted_rand_score(cut(tree, 3), corner) == 1


def test_above_the_limit_memory_does_not_grow_with_the_square_of_the_rows() -> None:
    rows, corner = clouds([4000, 3000, 1000], noise=0.1, seed=2)
    tracemalloc.start()
    try:
        tree = grow_ward_tree(rows, exact_up_to=7999, n_groups=50, seed=0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Half of the distances of each row to each other would take 256 MB.
    assert peak < 32e6
    assert adjusted_rand_score(cut(tree, 3), corner) == 1


def test_the_same_seed_gives_the_same_tree_and_rows_are_left_alone() -> None:
    rows, _ = clouds([100, 80], noise=0.3, seed=3)
    before = rows.copy()
    trees = [grow_ward_tree(rows, **GROW | {"exact_up_to": 100}) for _ in range(2)]
    assert_array_equal(trees[0].joins, trees[1].joins)
    assert_array_equal(trees[0].leaf, trees[1].leaf)
    assert_array_equal(rows, before)


@settings(max_examples=15)
@given(SEEDS)
def test_row_order_is_irrelevant(seed: int) -> None:
    rows, order = points(seed), np.random.default_rng(seed).permutation(60)
    found = cut(grow_ward_tree(rows[order], **GROW), 7)
    assert adjusted_rand_score(found, cut(grow_ward_tree(rows, **GROW), 7)[order]) == 1


# Silhouettes.


@settings(max_examples=15)
@given(SEEDS)
def test_silhouettes_are_scikit_learns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = points(seed, 700)
    partitions = [rng.permutation(np.arange(700) % k).astype(np.int32) for k in (2, 5, 300)]
    partitions.append(np.r_[np.zeros(699), 1].astype(np.int32))
    expected = [silhouette_score(rows, partition) for partition in partitions]
    assert_allclose(silhouettes(rows, partitions, n_judged=700, seed=0), expected, atol=1e-9)


def test_one_cluster_has_no_silhouette_and_equal_rows_none_above_0() -> None:
    rows = np.ones((6, 2))
    one, two = silhouettes(
        rows, [np.zeros(6, dtype=np.int32), np.arange(6, dtype=np.int32) % 2], n_judged=6, seed=0
    )
    assert np.isnan(one) and two == 0


def test_of_many_rows_a_sample_is_judged() -> None:
    rows, corner = clouds([200, 200], noise=0.3, seed=4)
    partition = corner.astype(np.int32)
    all_of_them, some = (silhouettes(rows, [partition], n_judged=n, seed=0)[0] for n in (400, 100))
    assert all_of_them != some
    assert some == pytest.approx(all_of_them, abs=0.05)


# The choice.


@pytest.mark.parametrize("exact_up_to", [1000, 50])
def test_the_planted_number_is_chosen_on_both_paths(exact_up_to: int) -> None:
    rows, _ = clouds([60, 50, 40, 30], noise=0.12, seed=5)
    grown = GROW | {"exact_up_to": exact_up_to}
    evidence = weigh_cuts(rows, grow_ward_tree(rows, **grown), **WEIGH | grown)
    (best,) = [one for one in evidence if one.chosen]
    assert best.k == 4
    assert best.stability > 0.95 and best.smallest == pytest.approx(30 / 180)
    assert best.silhouette == max(one.silhouette for one in evidence)


def test_a_cluster_too_small_is_not_chosen() -> None:
    rows, _ = clouds([60, 50, 8], noise=0.05, seed=6)
    tree = grow_ward_tree(rows, **GROW)
    for min_movies, k in ((8, 3), (9, 2)):
        evidence = weigh_cuts(rows, tree, **WEIGH | {"min_movies": min_movies})
        assert next(one.k for one in evidence if one.chosen) == k


def test_numbers_that_rows_cannot_fill_are_left_out() -> None:
    evidence = weigh_cuts(points(0, 12), grow_ward_tree(points(0, 12), **GROW), **WEIGH)
    assert [one.k for one in evidence] == [2, 3]
    few = points(0, 3)
    (only,) = weigh_cuts(few, grow_ward_tree(few, **GROW), **WEIGH)
    assert only.k == 1 and only.chosen and np.isnan(only.silhouette)


def test_if_nothing_is_stable_the_most_stable_is_chosen_and_the_first_of_equals() -> None:
    evidence = [Evidence(k, s, a, 0.2, False) for k, s, a in ((2, 0.9, 0.1), (3, 0.1, 0.3), (4, 0.1, 0.3))]
    assert best_evidence(evidence, min_stability=0.5, min_share=0.1).k == 3
    assert best_evidence(evidence, min_stability=0.3, min_share=0.1).k == 3
    assert best_evidence(evidence, min_stability=0.0, min_share=0.1).k == 2
