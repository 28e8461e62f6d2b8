from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recsys_assets.algorithms.beyond_accuracy import (
    USERS_PER_BLOCK,
    catalog_coverage,
    gini,
    intra_list_diversity,
    novelty,
    popularity_percentile,
)

NONE = -1
N_USERS, N_ITEMS = 9, 12
seeds = st.integers(0, 2**32 - 1)

POPULARITY = np.array([40, 30, 30, 12, 9, 7, 4, 3, 2, 1, 1, 0])


def random_lists(seed: int) -> NDArray[np.int64]:
    """Distinct random items; each list ends in places without recommendation, some users have only those."""
    rng = np.random.default_rng(seed)
    recommended = np.argsort(rng.random((N_USERS, N_ITEMS)), axis=1)[:, :5]
    recommended[np.arange(5) >= rng.integers(0, 6, (N_USERS, 1))] = NONE
    return recommended


def random_vectors(seed: int) -> NDArray[np.float64]:
    """Random directions; the last two items have no features."""
    vectors = np.random.default_rng([seed, 1]).normal(size=(N_ITEMS, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[-2:] = 0
    return vectors


METRICS: dict[str, Callable[[NDArray[np.int64]], float | NDArray[np.float64]]] = {
    "coverage": lambda recommended: catalog_coverage(recommended, N_ITEMS),
    "gini": lambda recommended: gini(recommended, N_ITEMS),
    "novelty": lambda recommended: novelty(recommended, POPULARITY, 50),
    "popularity": lambda recommended: popularity_percentile(recommended, POPULARITY),
    "diversity": lambda recommended: intra_list_diversity(recommended, random_vectors(0)),
}
each_metric = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS.keys())


@each_metric
@given(seed=seeds)
def test_empty_places_are_ignored(metric: Callable[[NDArray[np.int64]], object], seed: int):
    recommended = random_lists(seed)
    padded = np.column_stack([np.full(N_USERS, NONE), recommended, np.full(N_USERS, NONE)])
    np.testing.assert_array_equal(metric(padded), metric(recommended))


@each_metric
@given(seed=seeds)
def test_order_within_a_list_is_irrelevant(metric: Callable[[NDArray[np.int64]], object], seed: int):
    recommended = random_lists(seed)
    np.testing.assert_allclose(metric(recommended[:, ::-1]), metric(recommended), rtol=1e-12, atol=1e-12)


@each_metric
@given(seed=seeds)
def test_users_are_measured_apart_or_as_a_crowd(metric: Callable[[NDArray[np.int64]], object], seed: int):
    recommended = random_lists(seed)
    order = np.random.default_rng([seed, 2]).permutation(N_USERS)
    before = np.asarray(metric(recommended))
    expected = before[order] if before.ndim else before
    np.testing.assert_array_equal(metric(recommended[order]), expected)


@each_metric
def test_inputs_are_left_alone(metric: Callable[[NDArray[np.int64]], object]):
    recommended = random_lists(0)
    recommended.flags.writeable = False
    metric(recommended)


@each_metric
def test_impossible_lists_are_refused(metric: Callable[[NDArray[np.int64]], object]):
    with pytest.raises(ValueError, match="user 1 is recommended item 12 of a catalogue of 12"):
        metric(np.array([[0, 1], [2, 12]]))
    with pytest.raises(ValueError, match="more than once"):
        metric(np.array([[0, 1], [2, 2]]))


@each_metric
def test_no_users(metric: Callable[[NDArray[np.int64]], object]):
    measured = np.asarray(metric(np.empty((0, 3), int)))
    assert measured.size == 0 or np.isnan(measured) or measured == 0


def test_coverage_by_hand():
    assert catalog_coverage(np.array([[0, 1], [1, NONE], [NONE, NONE]]), 8) == 2 / 8
    assert catalog_coverage(np.array([[NONE]]), 8) == 0
    assert catalog_coverage(np.arange(8)[:, None], 8) == 1


@given(seeds)
def test_more_users_never_cover_less(seed: int):
    recommended = random_lists(seed)
    covered = [catalog_coverage(recommended[:n], N_ITEMS) for n in range(N_USERS + 1)]
    assert covered == sorted(covered)


@pytest.mark.parametrize("n_items", [1, 2, 7, 100])
def test_gini_of_equal_exposure_is_zero_and_of_a_single_item_is_greatest(n_items: int):
    assert gini(np.tile(np.arange(n_items), (3, 1)), n_items) == 0
    assert gini(np.full((5, 1), n_items - 1), n_items) == pytest.approx((n_items - 1) / n_items)


def test_gini_without_recommendations_is_undefined():
    assert np.isnan(gini(np.array([[NONE]]), 4))


@given(seeds)
def test_gini_is_half_the_relative_mean_absolute_difference(seed: int):
    recommended = random_lists(seed)
    exposure = np.array([np.sum(recommended == item) for item in range(N_ITEMS)])
    if exposure.any():
        differences = np.abs(exposure[:, None] - exposure[None, :])
        assert gini(recommended, N_ITEMS) == pytest.approx(differences.mean() / (2 * exposure.mean()))


@given(seeds)
def test_gini_depends_on_shares_alone(seed: int):
    recommended = random_lists(seed)
    np.testing.assert_allclose(
        gini(np.tile(recommended, (3, 1)), N_ITEMS), gini(recommended, N_ITEMS), atol=1e-12
    )


def test_novelty_by_hand():
    popularity = np.array([64, 16, 1, 0])
    lists = np.array([[0, NONE], [1, NONE], [2, 3], [0, 1], [NONE, NONE]])
    np.testing.assert_allclose(novelty(lists, popularity, 64), [0, 2, 6, 1, np.nan])


@pytest.mark.parametrize(
    ("popularity", "message"), [([3, 11], "item 1 has popularity 11"), ([-1, 2], "item 0")]
)
def test_impossible_popularity_is_refused(popularity: list[int], message: str):
    with pytest.raises(ValueError, match=message):
        novelty(np.array([[0, 1]]), np.array(popularity), 10)


def test_popularity_percentile_by_hand():
    popularity = np.array([9, 5, 5, 0])
    lists = np.array([[0, NONE], [1, NONE], [2, NONE], [3, NONE], [0, 3], [NONE, NONE]])
    expected = [7 / 8, 4 / 8, 4 / 8, 1 / 8, 4 / 8, np.nan]
    np.testing.assert_allclose(popularity_percentile(lists, popularity), expected)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=30))
def test_the_whole_catalogue_is_of_middling_popularity(popularity: list[int]):
    everything = np.arange(len(popularity))[None, :]
    assert popularity_percentile(everything, np.array(popularity)) == pytest.approx([0.5])


@given(seeds)
def test_only_the_order_of_popularity_matters(seed: int):
    recommended = random_lists(seed)
    np.testing.assert_array_equal(
        popularity_percentile(recommended, np.sqrt(POPULARITY) - 7),
        popularity_percentile(recommended, POPULARITY),
    )


@given(seeds)
def test_diversity_is_the_mean_over_pairs(seed: int):
    recommended, vectors = random_lists(seed), random_vectors(seed)
    for listed, diversity in zip(recommended, intra_list_diversity(recommended, vectors), strict=True):
        pairs = list(combinations(listed[listed != NONE], 2))
        distances = [1 - vectors[a] @ vectors[b] for a, b in pairs]
        assert diversity == pytest.approx(np.mean(distances) if pairs else np.nan, nan_ok=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_diversity_of_like_orthogonal_opposite_and_featureless_items(dtype: type[np.floating]):
    root = np.sqrt(0.5)
    vectors = np.array([[root, root], [root, root], [root, -root], [-root, -root], [0, 0]], dtype=dtype)
    lists = np.array([[0, 1], [0, 2], [0, 3], [0, 4], [0, NONE], [NONE, NONE]])
    expected = [0, 1, 2, 1, np.nan, np.nan]
    np.testing.assert_allclose(intra_list_diversity(lists, vectors), expected, atol=1e-6)


@given(seeds, st.integers(2, 12))
def test_diversity_is_never_negative(seed: int, n: int):
    vector = np.random.default_rng(seed).normal(size=5).astype(np.float32)
    alike = np.tile(vector / np.linalg.norm(vector), (n, 1))
    diversity = intra_list_diversity(np.arange(n)[None, :], alike)
    assert 0 <= diversity[0] < 1e-5


def test_diversity_does_not_depend_on_the_blocks():
    recommended, vectors = random_lists(3), random_vectors(3)
    n_copies = USERS_PER_BLOCK // N_USERS + 2
    many = intra_list_diversity(np.tile(recommended, (n_copies, 1)), vectors)
    np.testing.assert_array_equal(many, np.tile(intra_list_diversity(recommended, vectors), n_copies))


@pytest.mark.parametrize("wrong", [2.0, 0.5, np.nan])
def test_vectors_of_other_lengths_are_refused(wrong: float):
    vectors = np.array([[1.0, 0.0], [0.0, wrong]])
    with pytest.raises(ValueError, match="item vector 1 has length"):
        intra_list_diversity(np.array([[0, 1]]), vectors)
