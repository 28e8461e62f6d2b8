"""One suite that every ranking model passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.als import fit_als
from recsys_assets.algorithms.content import content_embeddings
from recsys_assets.algorithms.embeddings import Embeddings, Vectors
from recsys_assets.algorithms.hybrid import blend
from recsys_assets.algorithms.interactions import Interactions
from recsys_assets.algorithms.popularity import popularity, recent_popularity
from recsys_assets.algorithms.topn import recommend

MIN_RATING = 4.0
Scorer = Callable[[Interactions, Vectors], Embeddings]


def als(ratings: Interactions, content: Vectors) -> Embeddings:
    return fit_als(
        ratings.likes(MIN_RATING),
        user_ids=ratings.user_ids,
        item_ids=ratings.item_ids,
        n_factors=4,
        regularization=0.1,
        alpha=2.0,
        iterations=10,
        seed=0,
    )


def by_content(ratings: Interactions, content: Vectors) -> Embeddings:
    return content_embeddings(ratings, content, min_rating=MIN_RATING)


def hybrid(ratings: Interactions, content: Vectors) -> Embeddings:
    return blend(als(ratings, content), by_content(ratings, content), alpha=0.6, beta=0.4)


def popular(ratings: Interactions, content: Vectors) -> Embeddings:
    return popularity(ratings.likes(MIN_RATING), user_ids=ratings.user_ids, item_ids=ratings.item_ids)


def recently_popular(ratings: Interactions, content: Vectors) -> Embeddings:
    item = ratings.likes(MIN_RATING).indices
    ids = {"user_ids": ratings.user_ids, "item_ids": ratings.item_ids}
    return recent_popularity(item, item.astype(np.int64) * 86_400, half_life_days=10, **ids)


PERSONAL = [als, by_content, hybrid]
ALL = [*PERSONAL, popular, recently_popular]
every_scorer = pytest.mark.parametrize("scorer", ALL, ids=lambda scorer: scorer.__name__)
every_personal_scorer = pytest.mark.parametrize("scorer", PERSONAL, ids=lambda scorer: scorer.__name__)


def random_world() -> tuple[Interactions, Vectors]:
    """40 users, the last without ratings, the one before with dislikes only; 25 items, the last unrated."""
    rng = np.random.default_rng(7)
    stars = np.where(rng.random((40, 25)) < 0.35, rng.integers(1, 11, (40, 25)) / 2, 0)
    stars[-2] = np.minimum(stars[-2], 2)
    stars[-1] = stars[:, -1] = 0
    content = rng.normal(size=(25, 3))
    content /= np.linalg.norm(content, axis=1, keepdims=True)
    ratings = Interactions(np.arange(40) + 100, np.arange(25) * 10, csr_matrix(stars.astype(np.float32)))
    return ratings, content.astype(np.float32)


def checkerboard(n: int = 20) -> tuple[Interactions, Vectors]:
    """User u likes the items of u's colour, except item u, which is hidden: the one right answer for u."""
    colour = np.add.outer(np.arange(n), np.arange(n)) % 2 == 0
    np.fill_diagonal(colour, False)
    content = np.eye(2, dtype=np.float32)[np.arange(n) % 2]
    return Interactions(np.arange(n), np.arange(n), csr_matrix(5 * colour.astype(np.float32))), content


@every_personal_scorer
def test_the_hidden_diagonal_of_a_checkerboard_is_found(scorer: Scorer):
    ratings, content = checkerboard()
    items, _ = recommend(scorer(ratings, content), ratings.ratings, n=1)
    assert_array_equal(items[:, 0], np.arange(20))


@every_personal_scorer
def test_shuffling_users_and_items_shuffles_the_answers(scorer: Scorer):
    ratings, content = checkerboard()
    rng = np.random.default_rng(1)
    users, items = rng.permutation(20), rng.permutation(20)
    shuffled = replace(ratings, ratings=csr_matrix(ratings.ratings[users][:, items]))
    found, _ = recommend(scorer(shuffled, content[items]), shuffled.ratings, n=1)
    assert_array_equal(items[found[:, 0]], users)


@every_scorer
def test_renaming_ids_changes_nothing_but_the_ids(scorer: Scorer):
    ratings, content = random_world()
    renamed = replace(ratings, user_ids=ratings.user_ids * 3, item_ids=ratings.item_ids + 5)
    one, other = scorer(ratings, content), scorer(renamed, content)
    assert_array_equal(other.item_ids, one.item_ids + 5)
    assert_array_equal(recommend(one, ratings.ratings, n=5)[0], recommend(other, renamed.ratings, n=5)[0])


@every_scorer
def test_lists_hold_no_seen_item_none_twice_and_none_unknown(scorer: Scorer):
    ratings, content = random_world()
    model = scorer(ratings, content)
    items, scores = recommend(model, ratings.ratings, n=25)
    for user, row in enumerate(items):
        listed = row[row >= 0]
        assert np.unique(listed).size == listed.size
        assert not np.isin(listed, ratings.ratings[[user]].indices).any()
        assert model.recommendable[listed].all()
    assert np.all(scores[:, :-1] >= scores[:, 1:])


@every_scorer
def test_lists_end_in_padding_where_candidates_run_out(scorer: Scorer):
    ratings, content = random_world()
    items, scores = recommend(scorer(ratings, content), ratings.ratings, n=30)
    assert items.shape == (40, 30)
    assert_array_equal(items[:, 25:], -1)
    assert_array_equal(np.isneginf(scores), items == -1)


@every_scorer
def test_same_seed_same_bytes(scorer: Scorer):
    ratings, content = random_world()
    one, other = scorer(ratings, content), scorer(ratings, content)
    assert one.user_vectors.tobytes() == other.user_vectors.tobytes()
    assert one.item_vectors.tobytes() == other.item_vectors.tobytes()


@every_scorer
def test_inputs_are_not_mutated(scorer: Scorer):
    ratings, content = random_world()
    recommend(scorer(ratings, content), ratings.ratings, n=5)
    untouched, same_content = random_world()
    assert_array_equal(ratings.ratings.toarray(), untouched.ratings.toarray())
    assert_array_equal(content, same_content)


@every_personal_scorer
def test_users_without_likes_get_an_empty_list(scorer: Scorer):
    ratings, content = random_world()
    items, _ = recommend(scorer(ratings, content), ratings.ratings, n=5)
    without_likes = np.diff(ratings.likes(MIN_RATING).indptr) == 0
    assert without_likes[-2:].all()
    assert_array_equal(np.all(items == -1, axis=1), without_likes)


@pytest.mark.parametrize("scorer", [popular, recently_popular], ids=lambda scorer: scorer.__name__)
def test_popularity_serves_users_without_likes_too(scorer: Scorer):
    ratings, content = random_world()
    items, _ = recommend(scorer(ratings, content), ratings.ratings, n=5)
    assert np.all(items[-1] >= 0)


@every_scorer
def test_an_unrated_item_is_listed_only_for_its_content(scorer: Scorer):
    ratings, content = random_world()
    assert scorer(ratings, content).recommendable[-1] == (scorer in (by_content, hybrid))
