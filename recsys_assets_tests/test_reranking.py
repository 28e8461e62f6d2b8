"""Lists made more varied, or explored: what stays, what may change, and that a seed decides it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal

from recsys_assets.algorithms.reranking import explore, maximal_marginal_relevance

lists = st.integers(1, 25).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.float32, n, elements=st.floats(-5, 5, width=32)).map(lambda s: np.sort(s)[::-1]),
        hnp.arrays(np.float32, (n, 3), elements=st.floats(-1, 1, width=32)),
    )
)


@given(lists, st.floats(0, 1), st.integers(1, 30))
def test_places_are_chosen_once_each_and_the_first_stays(ranked, diversity, n):
    scores, vectors = ranked
    chosen = maximal_marginal_relevance(scores, vectors, diversity=diversity, n=n)
    assert chosen.size == min(n, scores.size) == np.unique(chosen).size
    if diversity < 1:
        assert chosen[0] == 0


@given(lists)
def test_without_diversity_the_list_stays(ranked):
    scores, vectors = ranked
    chosen = maximal_marginal_relevance(scores, vectors, diversity=0, n=scores.size)
    assert_array_equal(scores[chosen], scores)


def test_of_twins_the_second_comes_after_what_is_unlike():
    scores = np.array([1.0, 0.9, 0.5])
    vectors = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    assert maximal_marginal_relevance(scores, vectors, diversity=0.5, n=3).tolist() == [0, 2, 1]
    assert maximal_marginal_relevance(scores, vectors, diversity=0.1, n=3).tolist() == [0, 1, 2]


@given(st.integers(1, 30), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_explored_places_get_new_movies_and_the_others_stay(n, epsilon, seed):
    listed, candidates = np.arange(n), np.arange(n - 1, n + 10)
    mixed, explored = explore(listed, candidates, epsilon=epsilon, seed=seed)
    assert_array_equal(mixed[~explored], listed[~explored])
    assert set(mixed[explored]) <= set(range(n, n + 10))
    assert np.unique(mixed).size == n
    again, _ = explore(listed, candidates, epsilon=epsilon, seed=seed)
    assert_array_equal(mixed, again)


def test_exploration_takes_the_share_of_places_that_it_may():
    listed, candidates = np.arange(2000), np.arange(2000, 6000)
    share = explore(listed, candidates, epsilon=0.3, seed=3)[1].mean()
    assert abs(share - 0.3) < 4 * (0.3 * 0.7 / 2000) ** 0.5
    assert not explore(listed, candidates, epsilon=0, seed=3)[1].any()
    assert explore(listed, candidates, epsilon=1, seed=3)[1].all()


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_shares_outside_0_to_1_are_refused(share):
    with pytest.raises(ValueError, match="diversity must be within 0 to 1"):
        maximal_marginal_relevance(np.ones(2), np.ones((2, 2), np.float32), diversity=share, n=2)
    with pytest.raises(ValueError, match="epsilon must be within 0 to 1"):
        explore(np.arange(3), np.arange(5), epsilon=share, seed=0)
