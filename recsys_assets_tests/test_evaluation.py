"""Who is judged on what: segments, chance, lists from rows, and a case small enough to judge by hand."""

from __future__ import annotations

from itertools import pairwise
from math import comb, log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.evaluation import (
    Bootstrap,
    Judgement,
    chance_values,
    judge_lists,
    likes_of,
    lists_by_strategy,
    lists_from_rows,
    segment_items,
    segment_users,
)
from recsys_assets.algorithms.interactions import Interactions

COUNTS = st.lists(st.integers(0, 30), min_size=1, max_size=40).map(np.array)


def rows_of(lists: list[list[int]]) -> csr_matrix:
    """Ones at each user's items, of 6."""
    dense = np.zeros((len(lists), 6), dtype=np.float32)
    for user, items in enumerate(lists):
        dense[user, items] = 1
    return csr_matrix(dense)


# Rows and lists.


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_lists_come_back_from_their_rows_in_any_order(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    lists = np.array([rng.permutation(8)[:5] for _ in range(6)], dtype=np.int32)
    lists[np.arange(5) >= rng.integers(0, 6, 6)[:, None]] = -1
    user, place = np.nonzero(lists >= 0)
    order = rng.permutation(user.size)
    rebuilt = lists_from_rows(user[order], place[order] + 1, lists[user, place][order], n_users=6, n=n)
    assert_array_equal(rebuilt, lists[:, :n])


def test_a_strategy_without_a_user_gives_them_an_empty_list() -> None:
    lists = lists_by_strategy(
        np.array(["b", "a", "b"], dtype=object),
        np.array([0, 1, 0]),
        np.array([2, 1, 1]),
        np.array([5, 7, 3]),
        n_users=2,
        n=2,
    )
    assert {name: items.tolist() for name, items in lists.items()} == {
        "a": [[-1, -1], [7, -1]],
        "b": [[3, 5], [-1, -1]],
    }


# Segments.


@given(COUNTS)
def test_each_user_belongs_to_one_segment_and_the_lighter_ones_rated_less(n_ratings: np.ndarray) -> None:
    segments = segment_users(n_ratings)
    assert list(segments) == ["light_users", "medium_users", "heavy_users"]
    assert_array_equal(np.sum(list(segments.values()), axis=0), 1)
    ordered = [n_ratings[mask] for mask in segments.values() if mask.any()]
    assert all(less.max() < more.min() for less, more in pairwise(ordered))
    assert 3 * np.count_nonzero(segments["light_users"]) >= n_ratings.size


def test_users_without_equals_are_cut_into_thirds() -> None:
    segments = segment_users(np.array([9, 1, 5, 3, 7, 8]))
    assert {name: np.flatnonzero(mask).tolist() for name, mask in segments.items()} == {
        "light_users": [1, 3],
        "medium_users": [2, 4],
        "heavy_users": [0, 5],
    }


@given(COUNTS, st.floats(0.05, 0.95))
def test_each_item_belongs_to_one_segment_and_the_head_is_the_most_rated(
    n_ratings: np.ndarray, head_share: float
) -> None:
    segments = segment_items(n_ratings, head_share=head_share)
    head, tail, cold = (segments[name] for name in ("head_items", "tail_items", "cold_items"))
    assert_array_equal(head + 0 + tail + cold, 1)
    assert_array_equal(cold, n_ratings == 0)
    assert np.count_nonzero(head) == round(head_share * np.count_nonzero(n_ratings))
    if head.any() and tail.any():
        assert n_ratings[head].min() >= n_ratings[tail].max()


def test_among_equally_rated_items_the_smaller_number_is_head() -> None:
    assert_array_equal(
        segment_items(np.array([2, 2, 2, 2, 0]), head_share=0.5)["head_items"], [1, 1, 0, 0, 0]
    )


def test_likes_of_other_items_are_dropped_and_the_matrix_stays_as_it_was() -> None:
    relevant = rows_of([[0, 2], [1], []])
    before = relevant.copy()
    part = likes_of(relevant, np.array([1, 1, 0, 0, 0, 0], dtype=bool))
    assert_array_equal(part.toarray(), rows_of([[0], [1], []]).toarray())
    assert part.nnz == 2
    assert (relevant != before).nnz == 0


# Chance.


@given(st.integers(1, 12), st.integers(1, 15), st.data())
def test_the_chance_of_a_hit_is_hypergeometric(n_candidates: int, k: int, data: st.DataObject) -> None:
    n_relevant = data.draw(st.integers(0, n_candidates))
    relevant = csr_matrix(np.arange(n_candidates)[None, :] < n_relevant, dtype=np.float32)
    drawn = min(k, n_candidates)
    expected = 1 - comb(n_candidates - n_relevant, drawn) / comb(n_candidates, drawn)
    [chance] = chance_values(relevant, n_candidates=n_candidates, k=k)
    assert chance == pytest.approx(expected, abs=1e-12) if n_relevant else np.isnan(chance)


def test_chance_is_how_often_lists_drawn_at_random_hit() -> None:
    rng = np.random.default_rng(0)
    lists = rng.random((20_000, 40)).argsort(axis=1)[:, :10]
    for n_relevant in (1, 3, 8):
        hit = (lists < n_relevant).any(axis=1).mean()
        relevant = csr_matrix(np.arange(40)[None, :] < n_relevant, dtype=np.float32)
        [chance] = chance_values(relevant, n_candidates=40, k=10)
        assert chance == pytest.approx(hit, abs=4 * 0.5 / np.sqrt(20_000))


def test_chance_stays_exact_for_large_catalogues() -> None:
    relevant = csr_matrix((np.ones(1, np.float32), ([0], [7])), shape=(1, 60_000))
    assert_allclose(chance_values(relevant, n_candidates=60_000, k=10), 10 / 60_000, rtol=1e-6)


# A case by hand: 3 users, 6 items; item 5 is cold, items 0 and 1 are the head.

RATINGS = csr_matrix(np.array([[5, 4, 3, 0, 0, 0], [4, 2, 0, 0, 0, 0], [5, 3, 4, 4, 5, 0]], dtype=np.float32))
INTERACTIONS = Interactions(np.array([10, 20, 30]), np.arange(6) * 100, RATINGS)
RELEVANT = rows_of([[3, 5], [2], []])
VECTORS = np.eye(6, dtype=np.float32)
LISTS = {
    "als": np.array([[4, 3], [2, 3], [5, -1]], dtype=np.int32),
    "popularity": np.array([[3, 4], [3, 4], [5, -1]], dtype=np.int32),
    "cold_start": np.array([[0, 3], [0, 1], [0, 1]], dtype=np.int32),
    "cold_popularity": np.array([[0, 1], [0, 2], [0, 1]], dtype=np.int32),
    "cold_item_content": np.array([[5, -1], [5, -1], [5, -1]], dtype=np.int32),
}


def judged(lists: dict[str, np.ndarray], *, seed: int = 0) -> Judgement:
    return judge_lists(
        lists,
        RELEVANT,
        INTERACTIONS,
        item_vectors=VECTORS,
        compared=[("als", "popularity")],
        ks=[1, 2],
        k=2,
        head_share=0.4,
        bootstrap=Bootstrap(n_resamples=200, confidence=0.95, seed=seed),
    )


@pytest.fixture(scope="module")
def judgement() -> Judgement:
    return judged(LISTS)


SECOND = 1 / log2(3)
IDEAL_OF_2 = 1 + SECOND


@pytest.mark.parametrize(
    ("model", "segment", "metric", "k", "value", "n_users"),
    [
        # User 1 hits 3 in place 2 of 2 likes; user 2 hits 2 in place 1 of 1; user 3 likes nothing and doesn't count.
        ("als", "all", "ndcg", 2, (SECOND / IDEAL_OF_2 + 1) / 2, 2),
        ("als", "all", "ndcg", 1, (0 + 1) / 2, 2),
        ("als", "all", "recall", 2, (1 / 2 + 1) / 2, 2),
        ("als", "all", "precision", 2, (1 / 2 + 1 / 2) / 2, 2),
        ("als", "all", "map", 2, (1 / 2 / 2 + 1) / 2, 2),
        ("als", "all", "mrr", 2, (1 / 2 + 1) / 2, 2),
        ("als", "all", "hit_rate", 1, 1 / 2, 2),
        ("popularity", "all", "ndcg", 2, (1 / IDEAL_OF_2 + 0) / 2, 2),
        # 2, 3 and 5 ratings: a third each.
        ("als", "light_users", "hit_rate", 2, 1.0, 1),
        ("als", "medium_users", "mrr", 2, 1 / 2, 1),
        ("als", "heavy_users", "hit_rate", 2, None, 0),
        # Likes of the tail: 3 of user 1, 2 of user 2; of the head: none.
        ("als", "tail_items", "ndcg", 2, (SECOND + 1) / 2, 2),
        ("als", "head_items", "ndcg", 2, None, 0),
        # Lists hold 4, 3, 2 and 5 of 6 items.
        ("als", "all", "coverage", 2, 4 / 6, 3),
        ("als", "all", "diversity", 2, 1.0, 2),
        # What is judged as cold is judged as nothing else.
        ("cold_start", "cold_users", "hit_rate", 2, 1 / 2, 2),
        ("cold_popularity", "cold_users", "hit_rate", 2, 1 / 2, 2),
        ("cold_start", "cold_users", "ndcg", 2, (SECOND / IDEAL_OF_2 + 0) / 2, 2),
        # Only user 1 likes a cold item, and there is but one.
        ("cold_item_content", "cold_items", "hit_rate", 2, 1.0, 1),
        ("chance", "cold_items", "hit_rate", 2, 1.0, 1),
    ],
)
def test_figures_by_hand(
    judgement: Judgement, model: str, segment: str, metric: str, k: int, value: float | None, n_users: int
) -> None:
    [figure] = [
        f for f in judgement.figures if (f.model, f.segment, f.metric, f.k) == (model, segment, metric, k)
    ]
    assert figure.n_users == n_users
    assert figure.value == pytest.approx(value, abs=1e-12) if value is not None else np.isnan(figure.value)


def test_no_figure_stands_twice_and_cold_lists_have_no_others(judgement: Judgement) -> None:
    keys = [(f.model, f.segment, f.metric, f.k) for f in judgement.figures]
    assert len(keys) == len(set(keys))
    segments = {
        model: {f.segment for f in judgement.figures if f.model == model} for model in (*LISTS, "chance")
    }
    warm = {"all", "light_users", "medium_users", "heavy_users", "head_items", "tail_items"}
    assert segments == {
        "als": warm,
        "popularity": warm,
        "cold_start": {"cold_users"},
        "cold_popularity": {"cold_users"},
        "cold_item_content": {"cold_items"},
        "chance": {"cold_items"},
    }


def test_comparisons_are_differences_of_figures_over_the_same_users(judgement: Judgement) -> None:
    values = {(f.model, f.segment, f.metric, f.k): f.value for f in judgement.figures}
    pairs = {(c.model, c.baseline) for c in judgement.comparisons}
    assert pairs == {
        ("als", "popularity"),
        ("cold_start", "cold_popularity"),
        ("cold_item_content", "chance"),
    }
    for c in judgement.comparisons:
        difference = values[c.model, c.segment, c.metric, c.k] - values[c.baseline, c.segment, c.metric, c.k]
        assert_allclose(c.difference, difference, atol=1e-12)
        assert not c.difference < c.ci_low and not c.difference > c.ci_high


def test_the_same_seed_gives_the_same_judgement() -> None:
    one, other = (repr(judged(LISTS, seed=3)) for _ in range(2))
    assert one == other


def test_without_cold_items_there_are_no_figures_of_them() -> None:
    judgement = judged({name: lists for name, lists in LISTS.items() if name != "cold_item_content"})
    assert not [f for f in judgement.figures if f.segment == "cold_items"]
    assert not [c for c in judgement.comparisons if c.segment == "cold_items"]


def test_lists_with_a_repeated_item_are_refused() -> None:
    with pytest.raises(ValueError, match="user 0 is recommended item 4 more than once"):
        judged(LISTS | {"als": np.array([[4, 4], [2, 3], [5, -1]], dtype=np.int32)})
