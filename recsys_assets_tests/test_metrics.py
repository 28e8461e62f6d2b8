from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_array, random_array
from sklearn.metrics import ndcg_score

from recsys_assets.algorithms.metrics import RANKING_METRICS, hit_matrix, ranking_metrics

NONE = -1
seeds = st.integers(0, 2**32 - 1)
cut_offs = st.integers(1, 8)


def random_lists(seed: int, n_users: int = 12, n_items: int = 15, n: int = 8) -> NDArray[np.int64]:
    """Distinct random items; each list ends in places without recommendation, some users have only those."""
    rng = np.random.default_rng(seed)
    recommended = np.argsort(rng.random((n_users, n_items)), axis=1)[:, :n]
    recommended[np.arange(n) >= rng.integers(0, n + 1, (n_users, 1))] = NONE
    return recommended


def random_relevant(seed: int, n_users: int = 12, n_items: int = 15) -> csr_array:
    return csr_array(np.random.default_rng([seed, 1]).random((n_users, n_items)) < 0.3)


def measure(recommended: NDArray[np.int64], relevant: csr_array, k: int) -> dict[str, NDArray[np.float64]]:
    return ranking_metrics(hit_matrix(recommended, relevant), relevant.count_nonzero(axis=1), k=k)


def assert_same(actual: dict[str, NDArray[np.float64]], expected: dict[str, NDArray[np.float64]]) -> None:
    for name in RANKING_METRICS:
        np.testing.assert_array_equal(actual[name], expected[name], err_msg=name)


def test_by_hand():
    hits = np.array([[False, True, False, True, True]])
    metrics = ranking_metrics(hits, np.array([3]), k=4)
    log2 = np.log2
    expected = {
        "ndcg": (1 / log2(3) + 1 / log2(5)) / (1 + 1 / log2(3) + 1 / log2(4)),
        "precision": 2 / 4,
        "recall": 2 / 3,
        "map": (1 / 2 + 2 / 4) / 3,
        "mrr": 1 / 2,
        "hit_rate": 1,
    }
    assert tuple(metrics) == RANKING_METRICS
    for name, value in expected.items():
        assert metrics[name] == pytest.approx([value]), name


def test_more_relevant_items_than_places_can_still_be_perfect():
    metrics = ranking_metrics(np.ones((1, 2), bool), np.array([10]), k=2)
    assert {name: float(value[0]) for name, value in metrics.items()} == {
        "ndcg": 1, "precision": 1, "recall": 0.2, "map": 1, "mrr": 1, "hit_rate": 1
    }  # fmt: skip


def test_a_user_without_hits_scores_zero_and_one_without_relevant_items_is_undefined():
    metrics = ranking_metrics(np.zeros((2, 3), bool), np.array([4, 0]), k=3)
    for name in RANKING_METRICS:
        np.testing.assert_array_equal(metrics[name], [0, np.nan], err_msg=name)


def test_no_users():
    metrics = measure(np.empty((0, 3), int), csr_array((0, 5)), k=2)
    assert [metrics[name].shape for name in RANKING_METRICS] == [(0,)] * len(RANKING_METRICS)


@given(seeds)
def test_hits_are_set_membership(seed: int):
    recommended, relevant = random_lists(seed), random_relevant(seed)
    dense = relevant.toarray()
    expected = [[i != NONE and dense[u, i] for i in row] for u, row in enumerate(recommended)]
    np.testing.assert_array_equal(hit_matrix(recommended, relevant), expected)


def test_an_empty_place_is_not_the_last_item_of_the_user_before():
    relevant = csr_array(np.array([[0, 1], [0, 0]]))
    assert not hit_matrix(np.array([[0, NONE], [NONE, NONE]]), relevant).any()


def test_stored_zeros_are_not_relevant_and_stored_order_is_irrelevant():
    relevant = csr_array((np.array([5.0, 0.0, 1.0]), np.array([3, 2, 0]), np.array([0, 3])), shape=(1, 4))
    assert hit_matrix(np.array([[0, 1, 2, 3]]), relevant).tolist() == [[True, False, False, True]]


def test_users_whose_keys_agree_in_32_bits_are_kept_apart():
    coordinates = np.array([[2**16], [3]], dtype=np.int32)
    relevant = csr_array((np.ones(1), tuple(coordinates)), shape=(2**16 + 1, 2**16))
    assert relevant.indices.dtype == np.int32
    recommended = np.full((2**16 + 1, 1), 3, dtype=np.int32)
    assert np.flatnonzero(hit_matrix(recommended, relevant)).tolist() == [2**16]


@given(seeds, cut_offs)
def test_ndcg_agrees_with_scikit_learn(seed: int, k: int):
    rng = np.random.default_rng(seed)
    scores = rng.random((10, 12))
    relevant = rng.random((10, 12)) < 0.3
    relevant[:, 0] = True
    ndcg = measure(np.argsort(-scores, axis=1), csr_array(relevant), k)["ndcg"]
    expected = [ndcg_score(relevant[[u]], scores[[u]], k=k) for u in range(10)]
    np.testing.assert_allclose(ndcg, expected, rtol=1e-12)


@given(seeds, cut_offs)
def test_average_precision_is_the_precision_at_each_hit(seed: int, k: int):
    relevant = random_relevant(seed)
    n_relevant = relevant.count_nonzero(axis=1)
    hits = hit_matrix(random_lists(seed), relevant)
    for user, average_precision in enumerate(ranking_metrics(hits, n_relevant, k=k)["map"]):
        if n_relevant[user]:
            precisions = [hits[user, : j + 1].mean() for j in range(k) if hits[user, j]]
            assert average_precision == pytest.approx(sum(precisions) / min(k, n_relevant[user]))


@given(seeds, cut_offs)
def test_metrics_are_shares_and_undefined_exactly_without_relevant_items(seed: int, k: int):
    relevant = random_relevant(seed)
    for name, values in measure(random_lists(seed), relevant, k).items():
        np.testing.assert_array_equal(np.isnan(values), relevant.count_nonzero(axis=1) == 0, err_msg=name)
        assert np.all((values[~np.isnan(values)] >= 0) & (values[~np.isnan(values)] <= 1)), name


@given(st.integers(1, 30), st.integers(1, 20))
def test_a_perfect_list_scores_exactly_one(n_relevant: int, k: int):
    hits = np.arange(20)[None, :] < n_relevant
    metrics = ranking_metrics(hits, np.array([n_relevant]), k=k)
    assert [metrics[name][0] for name in ("ndcg", "map", "mrr", "hit_rate")] == [1, 1, 1, 1]
    assert metrics["precision"][0] == min(k, n_relevant) / k
    assert metrics["recall"][0] == min(k, n_relevant) / n_relevant


@given(seeds, cut_offs)
def test_relabelling_items_changes_nothing(seed: int, k: int):
    recommended, relevant = random_lists(seed), random_relevant(seed)
    label = np.random.default_rng([seed, 2]).permutation(15)
    relabelled = np.where(recommended == NONE, NONE, label[recommended])
    assert_same(
        measure(relabelled, relevant[:, np.argsort(label)], k),
        measure(recommended, relevant, k),
    )


@given(seeds, cut_offs)
def test_reordering_users_reorders_values(seed: int, k: int):
    recommended, relevant = random_lists(seed), random_relevant(seed)
    order = np.random.default_rng([seed, 2]).permutation(12)
    expected = {name: values[order] for name, values in measure(recommended, relevant, k).items()}
    assert_same(measure(recommended[order], relevant[order], k), expected)


@given(seeds, st.integers(1, 7))
def test_places_below_k_are_irrelevant(seed: int, k: int):
    recommended, relevant = random_lists(seed), random_relevant(seed)
    cut = recommended.copy()
    cut[:, k:] = NONE
    assert_same(measure(cut, relevant, k), measure(recommended, relevant, k))


@given(seeds, st.integers(0, 6))
def test_moving_a_hit_up_never_lowers_a_metric(seed: int, place: int):
    relevant = random_relevant(seed)
    before = hit_matrix(random_lists(seed), relevant)
    after = before.copy()
    after[:, [place, place + 1]] = np.sort(before[:, [place, place + 1]], axis=1)[:, ::-1]
    n_relevant = relevant.count_nonzero(axis=1)
    lower, upper = (ranking_metrics(hits, n_relevant, k=5) for hits in (before, after))
    for name in RANKING_METRICS:
        assert not np.any(upper[name] < lower[name] - 1e-12), name


def test_inputs_are_left_alone():
    recommended, relevant = random_lists(0), random_relevant(0)
    recommended.flags.writeable = False
    for part in (relevant.data, relevant.indices, relevant.indptr):
        part.flags.writeable = False
    hits = hit_matrix(recommended, relevant)
    hits.flags.writeable = False
    n_relevant = relevant.count_nonzero(axis=1)
    n_relevant.flags.writeable = False
    ranking_metrics(hits, n_relevant, k=3)


@pytest.mark.parametrize(
    ("recommended", "message"),
    [
        ([[0, 5], [1, 2]], "user 0 is recommended item 5 of a catalogue of 5"),
        ([[0, 1], [1, -2]], "user 1 is recommended item -2 .* -1 for no recommendation"),
        ([[0, 1], [3, 3]], "user 1 is recommended item 3 more than once"),
        ([[0, 1]], "recommended has 1 users and relevant has 2"),
        ([0, 1], "1 dimensions"),
    ],
)
def test_impossible_lists_are_refused(recommended: list[list[int]], message: str):
    with pytest.raises(ValueError, match=message):
        hit_matrix(np.array(recommended), csr_array((2, 5)))


@pytest.mark.parametrize(
    ("n_relevant", "k", "message"),
    [
        ([2, 2], 4, "within the 3 places of hits; got k = 4"),
        ([2, 2], 0, "got k = 0"),
        ([2], 2, r"shape \(1,\) for 2 users"),
        ([2, 1], 2, "user 1 has 2 hits among 1 relevant"),
    ],
)
def test_impossible_hits_are_refused(n_relevant: list[int], k: int, message: str):
    hits = np.array([[True, False, False], [True, False, True]])
    with pytest.raises(ValueError, match=message):
        ranking_metrics(hits, np.array(n_relevant), k=k)


@pytest.mark.bench
def test_25_million_ratings_scale_in_two_seconds():
    n_users, n_items, n = 162_000, 59_000, 10
    rng = np.random.default_rng(0)
    relevant = random_array((n_users, n_items), density=5e6 / n_users / n_items, format="csr", rng=rng)
    steps = rng.integers(1, n_items // n, (n_users, n))
    recommended = np.cumsum(steps, axis=1) - 1
    n_relevant = relevant.count_nonzero(axis=1)
    started = time.perf_counter()
    hits = hit_matrix(recommended, relevant)
    for k in (5, 10):
        ranking_metrics(hits, n_relevant, k=k)
    seconds = time.perf_counter() - started
    print(f"{n_users} users x {n_items} items, {relevant.nnz} relevant: {seconds:.2f} s")  # noqa: T201
    assert seconds < 2
