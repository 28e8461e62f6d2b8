from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.catalogue.relevance import (
    co_liked_neighbors,
    fold_of_users,
    judge_lift,
    judge_precision,
    random_neighbors,
)
from recsys_assets.algorithms.topn import NO_ITEM

SEEDS = st.integers(0, 2**32 - 1)
BOOTSTRAP = {"n_resamples": 200, "confidence": 0.95, "seed": 0}


def likes_of(seed, n_users, n_items, share=0.4):
    drawn = np.random.default_rng(seed).random((n_users, n_items)) < share
    return csr_matrix(drawn.astype(np.float32))


def lists_of(seed, n_items, n):
    """Some neighbours of each item, some places empty."""
    rng = np.random.default_rng(seed)
    items = random_neighbors(one_group(n_items), n=n, rng=rng)
    return np.where(rng.random(items.shape) < 0.2, NO_ITEM, items)


def one_group(n_items):
    return csr_matrix(np.ones((n_items, 1)))


def lifts(likes, fold, methods, *, baseline, contrasts=(), **options):
    judged = judge_lift(likes, fold, methods, baseline=baseline, contrasts=contrasts, **(BOOTSTRAP | options))
    return {
        named(figure): (
            judged.intervals.value[place],
            judged.intervals.low[place],
            judged.intervals.high[place],
        )
        for place, figure in enumerate(judged.figures)
    }


def precisions(likes, fold, methods, *, k, damping=1.0, contrasts=()):
    judged = judge_precision(likes, fold, methods, k=k, damping=damping, contrasts=contrasts, **BOOTSTRAP)
    return dict(zip(map(named, judged.figures), judged.intervals.value, strict=True))


def named(figure):
    metric, method, against = figure
    return f"{metric} {method} {against}" if metric.endswith("_difference") else f"{metric} {method}"


def planted(n_groups, n_users_each, n_items_each):
    """Each user likes all items of one taste and nothing else; users of all tastes in both folds."""
    taste = np.kron(np.eye(n_groups), np.ones((n_users_each, n_items_each)))
    group = np.repeat(np.arange(n_groups), n_items_each)
    mates = group[:, None] == group[None, :]
    return csr_matrix(taste.astype(np.float32)), np.arange(len(taste)) % 2, group, mates


@pytest.mark.parametrize("n_groups", [2, 3, 5])
def test_lift_of_planted_tastes_is_their_number(n_groups):
    likes, fold, group, _ = planted(n_groups, 8, 4)
    rng = np.random.default_rng(0)
    mates = random_neighbors(csr_matrix(np.eye(n_groups)[group]), n=3, rng=rng)
    strangers = np.flip(mates, axis=0)  # of another taste, except in the middle of an odd number
    found = lifts(likes, fold, {"mates": [mates] * 2, "flip": [strangers] * 2}, baseline="mates")
    assert_allclose(found["lift mates"][0], n_groups)
    assert_allclose(found["lift_ratio mates"], 1)
    assert_allclose(found["lift flip"][0], 1 if n_groups % 2 else 0)


@given(SEEDS)
@settings(max_examples=20)
def test_where_everyone_likes_everything_lift_is_one_and_sure(seed):
    likes, fold = csr_matrix(np.ones((12, 9), dtype=np.float32)), np.arange(12) % 3
    found = lifts(likes, fold, {"any": [lists_of(seed, 9, 3)] * 3}, baseline="any")
    assert_allclose(found["lift any"], 1)


def test_independent_likes_lift_by_one():
    likes = likes_of(1, 3000, 40, share=0.3)
    lists = [random_neighbors(one_group(40), n=10, rng=np.random.default_rng(1))] * 2
    value, low, high = lifts(likes, np.arange(3000) % 2, {"any": lists}, baseline="any")["lift any"]
    assert low < 1 < high
    assert high - low < 0.05
    assert abs(value - 1) < 0.02


@given(SEEDS, st.integers(1, 20), st.integers(2, 8), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_lift_is_that_of_counting_pairs(seed, n_users, n_items, n_folds):
    likes = likes_of(seed, n_users, n_items)
    fold = np.arange(n_users) % n_folds
    n_folds = int(fold.max()) + 1
    methods = {
        name: [lists_of(seed + f + 7 * n, n_items, 3) for f in range(n_folds)] for n, name in enumerate("ab")
    }
    found = lifts(likes, fold, methods, baseline="b", contrasts=[("a", "b")], n_resamples=3)
    expected = {name: counted(likes.toarray(), fold, lists) for name, lists in methods.items()}
    for name, value in expected.items():
        assert_allclose(found[f"lift {name}"][0], value)
    with np.errstate(divide="ignore", invalid="ignore"):
        if expected["b"] > 0:
            assert_allclose(found["lift_ratio a"][0], expected["a"] / expected["b"])
    assert_allclose(found["lift_difference a b"][0], expected["a"] - expected["b"], atol=1e-12)


def counted(likes, fold, lists):
    """The lift, pair by pair."""
    observed = expected = 0.0
    for number, items in enumerate(lists):
        judges = likes[fold == number].astype(float)
        for item, own in enumerate(items):
            for other in own[own != NO_ITEM]:
                observed += judges[:, item] @ judges[:, other]
                expected += judges[:, item].sum() * judges[:, other].sum() / len(judges)
    return observed / expected if expected else np.nan


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_users_given_twice_change_no_lift_but_narrow_its_interval(seed):
    likes, fold = likes_of(seed, 30, 12), np.arange(30) % 2
    methods = {"any": [lists_of(seed, 12, 4)] * 2}
    once = lifts(likes, fold, methods, baseline="any")["lift any"]
    twice = csr_matrix(np.repeat(likes.toarray(), 8, axis=0))
    again = lifts(twice, np.repeat(fold, 8), methods, baseline="any")["lift any"]
    assert_allclose(once[0], again[0])
    assert again[2] - again[1] < once[2] - once[1]


def test_a_method_without_pairs_has_no_lift():
    nobody = np.full((5, 2), NO_ITEM)
    methods = {"none": [nobody], "any": [lists_of(0, 5, 2)]}
    found = lifts(likes_of(0, 10, 5), np.zeros(10, dtype=int), methods, baseline="any")
    assert np.isnan(found["lift none"]).all()


def test_same_seed_same_intervals():
    likes, fold, methods = likes_of(3, 40, 10), np.arange(40) % 2, {"any": [lists_of(3, 10, 4)] * 2}
    assert lifts(likes, fold, methods, baseline="any") == lifts(likes, fold, methods, baseline="any")


def test_co_liked_neighbours_by_hand():
    likes = csr_matrix(np.array([[1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0]], dtype=np.float32))
    items, similarity = co_liked_neighbors(likes, n=2, damping=1.0)
    assert_array_equal(items, [[1, 2], [0, NO_ITEM], [0, NO_ITEM], [NO_ITEM, NO_ITEM]])
    assert_allclose(similarity[0], [2 / np.sqrt(4 * 3), 1 / np.sqrt(4 * 2)], rtol=1e-6)


def test_damping_prefers_many_common_likes_to_one():
    many, one = np.zeros((20, 3), dtype=np.float32), np.zeros((1, 3), dtype=np.float32)
    many[:10, :2] = 1
    many[10:14, 1] = 1
    one[0, [0, 2]] = 1  # item 2 is liked once, together with item 0
    likes = csr_matrix(np.vstack([many, one]))
    assert co_liked_neighbors(likes, n=1, damping=5.0)[0][0, 0] == 1


@given(SEEDS, st.integers(1, 30), st.integers(1, 4), st.integers(1, 12))
@settings(max_examples=40)
def test_random_neighbours_are_others_of_the_same_group_each_once(seed, n_items, n_groups, n):
    rng = np.random.default_rng(seed)
    membership = (rng.random((n_items, n_groups)) < 0.5).astype(float)
    items = random_neighbors(csr_matrix(membership), n=n, rng=rng)
    shared = membership @ membership.T > 0
    np.fill_diagonal(shared, False)
    for item, own in enumerate(items):
        listed = own[own != NO_ITEM]
        assert listed.size == np.unique(listed).size == min(n, shared[item].sum())
        assert shared[item, listed].all()


def test_random_neighbours_are_all_as_likely():
    items = random_neighbors(one_group(600), n=30, rng=np.random.default_rng(0))
    drawn = np.bincount(items.ravel(), minlength=600)
    assert abs(drawn.mean() - 30) < 1e-9
    assert drawn.std() < 1.2 * np.sqrt(30)


def test_what_the_judges_co_like_has_precision_one_and_planted_tastes_are_found():
    likes, fold, _, _ = planted(4, 10, 5)
    truth = [co_liked_neighbors(csr_matrix(likes[fold == f]), n=4, damping=1.0)[0] for f in range(2)]
    learned = [co_liked_neighbors(csr_matrix(likes[fold != f]), n=4, damping=1.0)[0] for f in range(2)]
    found = precisions(
        likes, fold, {"truth": truth, "learned": learned}, k=4, contrasts=[("truth", "learned")]
    )
    assert found == {"precision truth": 1, "precision learned": 1, "precision_difference truth learned": 0}


def test_a_draw_of_a_small_group_counts_what_it_has():
    likes, fold, group, _ = planted(2, 6, 4)
    members = csr_matrix(np.eye(2)[group])
    drawn = [random_neighbors(members, n=50, rng=np.random.default_rng(0))] * 2
    found = precisions(likes, fold, {"mates": drawn}, k=3)
    assert found["precision mates"] == 1  # 3 mates each, all of them co-liked; 47 places stay empty


def test_precision_of_random_neighbours_is_that_of_chance():
    likes = likes_of(5, 400, 60)
    drawn = random_neighbors(one_group(60), n=50, rng=np.random.default_rng(5))
    found = precisions(likes, np.arange(400) % 2, {"random": [drawn] * 2}, k=10)
    assert abs(found["precision random"] - 10 / 59) < 0.01


def test_empty_places_count_as_misses():
    likes, fold, _, _ = planted(2, 6, 3)
    truth = [co_liked_neighbors(csr_matrix(likes[fold == f]), n=2, damping=1.0)[0] for f in range(2)]
    half = [np.column_stack([items[:, 0], np.full(len(items), NO_ITEM)]) for items in truth]
    assert precisions(likes, fold, {"half": half}, k=2)["precision half"] == 0.5


@given(SEEDS, st.integers(1, 40), st.integers(1, 5))
def test_folds_are_even_and_hold_everyone_once(seed, n_users, n_folds):
    fold = fold_of_users(n_users, n_folds=n_folds, seed=seed)
    sizes = np.bincount(fold, minlength=n_folds)
    assert sizes.sum() == n_users
    assert sizes.max() - sizes.min() <= 1
