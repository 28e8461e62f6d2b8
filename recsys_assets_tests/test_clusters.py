"""Clusters of users: closed forms of what they are grouped by, planted groups found again, and what doesn't matter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.metrics import adjusted_rand_score

from recsys_assets.algorithms.liking.clusters import (
    UNKNOWN,
    Evidence,
    UserClusters,
    cluster_genres,
    cluster_lift,
    fit_user_clusters,
    genre_preferences,
    rating_rows,
    weigh_numbers_of_clusters,
)
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.storage.arrays import as_arrays, load_artifact, save_artifact
from recsys_assets_tests.rating_logs import log_of, logs

SEEDS = st.integers(0, 2**31)
FIT: dict[str, Any] = {"k": 3, "min_users": 1, "n_init": 3, "mini_batch_above": 10_000, "seed": 0}
WEIGH: dict[str, Any] = {
    "ks": range(2, 7),
    "min_stability": 0.6,
    "min_share": 0.03,
    "n_init": 3,
    "n_repeats": 4,
    "n_users": 1000,
    "seed": 0,
}


def clouds(sizes: list[int], *, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points around corners of a simplex, shuffled, and the corner of each."""
    rng = np.random.default_rng(seed)
    corner = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return np.eye(len(sizes))[corner] + noise * rng.normal(size=(corner.size, len(sizes))), corner


def fit(rows: np.ndarray, **options: Any) -> UserClusters:
    return fit_user_clusters(rows, np.arange(len(rows)), **FIT | options)


def opposite_tastes(seed: int) -> tuple[RatingLog, csr_matrix, np.ndarray]:
    """Users who like one genre and not the other, and users the other way round; half of the pairs are rated."""
    rng = np.random.default_rng(seed)
    taste, genre = rng.permutation(np.repeat([0, 1], 30)), rng.permutation(np.repeat([0, 1], 20))
    user, item = np.nonzero(rng.random((60, 40)) < 0.5)
    # Users differ in how generous they are, which is no taste.
    stars = 3 + rng.choice([-1, 0, 1], 60)[user] * 0.5 + np.where(taste[user] == genre[item], 1, -1)
    noise = rng.choice([-0.5, 0, 0.5], user.size)
    return log_of(user, item, stars + noise, n_users=60, n_items=40), csr_matrix(np.eye(2)[genre]), taste


# What users are grouped by.


@given(logs(), st.floats(0.5, 20), SEEDS)
def test_a_genre_preference_is_the_damped_mean_deviation(log: RatingLog, damping: float, seed: int) -> None:
    genres = np.random.default_rng(seed).random((log.n_items, 3)) < 0.5
    found = genre_preferences(log, csr_matrix(genres.astype(np.float32)), damping=damping)
    for user in range(log.n_users):
        mine = log.user == user
        for genre in range(3):
            of_genre = mine & genres[log.item, genre]
            total = (log.rating[of_genre] - log.rating[mine].mean(dtype=float)).sum() if of_genre.any() else 0
            assert found[user, genre] == pytest.approx(total / (of_genre.sum() + damping), abs=1e-6)


def test_what_an_item_weighs_in_its_genre_does_not_matter() -> None:
    log, genres, _ = opposite_tastes(0)
    expected = genre_preferences(log, genres, damping=5)
    assert_array_equal(genre_preferences(log, csr_matrix(genres * 0.7), damping=5), expected)


@given(logs(), st.integers(1, 8))
def test_rating_rows_are_of_unit_length_or_empty(log: RatingLog, n_components: int) -> None:
    rows = rating_rows(log, n_components=n_components, seed=0)
    length = np.linalg.norm(rows, axis=1)
    assert rows.shape[0] == log.n_users
    assert np.isclose(length, 1, atol=1e-6).sum() + (length == 0).sum() == log.n_users
    alike = [
        np.ptp(log.rating[log.user == user]) == 0 for user in range(log.n_users) if (log.user == user).any()
    ]
    assert (length == 0).sum() >= sum(alike) + log.n_users - len(alike)


@settings(max_examples=20)
@given(st.floats(-1, 1), SEEDS)
def test_how_generous_users_are_does_not_matter(more: float, seed: int) -> None:
    log, genres, _ = opposite_tastes(seed)
    generous = replace(log, rating=log.rating + np.float32(more))
    for rows in (
        lambda one: genre_preferences(one, genres, damping=5),
        lambda one: rating_rows(one, n_components=1, seed=0),
    ):
        assert_allclose(rows(generous), rows(log), atol=1e-4)


@given(logs(), SEEDS)
def test_row_order_is_irrelevant(log: RatingLog, seed: int) -> None:
    shuffled = log.rows(np.random.default_rng(seed).permutation(log.rating.size))
    genres = csr_matrix(np.eye(log.n_items, dtype=np.float32))
    assert_allclose(
        genre_preferences(shuffled, genres, damping=2), genre_preferences(log, genres, damping=2), atol=1e-12
    )


# Clusters.


@settings(max_examples=5)
@given(SEEDS)
def test_users_of_opposite_tastes_are_told_apart(seed: int) -> None:
    log, genres, taste = opposite_tastes(seed)
    for rows in (genre_preferences(log, genres, damping=5), rating_rows(log, n_components=4, seed=0)):
        evidence = weigh_numbers_of_clusters(rows, **WEIGH)
        [k] = [one.k for one in evidence if one.chosen]
        clusters = fit_user_clusters(rows, log.user_ids, **FIT | {"k": k})
        assert adjusted_rand_score(taste, clusters.cluster) == 1
        assert clusters.similarity[0, 1] < 0.1


@settings(max_examples=7)
@given(st.lists(st.integers(12, 40), min_size=2, max_size=5), SEEDS)
def test_planted_clouds_are_counted_and_found(sizes: list[int], seed: int) -> None:
    rows, corner = clouds(sizes, noise=0.03, seed=seed)
    evidence = weigh_numbers_of_clusters(rows, **WEIGH)
    assert [one.k for one in evidence if one.chosen] == [len(sizes)]
    clusters = fit(rows, k=len(sizes), n_init=10)
    assert adjusted_rand_score(corner, clusters.cluster) == 1
    assert sorted(sizes, reverse=True) == clusters.sizes.tolist()


@given(SEEDS, st.integers(1, 6))
def test_every_user_is_in_the_nearest_cluster_and_who_is_unknown_in_none(seed: int, k: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(30, 3))
    rows[:4] = 0
    clusters = fit(rows, k=k)
    expected = np.linalg.norm(rows[4:, None] - clusters.centroids, axis=2)
    assert_allclose(clusters.distance[4:], expected, atol=1e-5)
    assert_array_equal(clusters.cluster[4:], clusters.distance[4:].argmin(axis=1))
    assert (clusters.cluster[:4] == UNKNOWN).all() and np.isnan(clusters.distance[:4]).all()
    assert clusters.sizes.sum() == 26
    assert (np.diff(clusters.sizes) <= 0).all()


@given(SEEDS, st.integers(1, 6))
def test_similarities_are_weights(seed: int, k: int) -> None:
    clusters = fit(np.random.default_rng(seed).normal(size=(30, 3)), k=k)
    assert_array_equal(np.diag(clusters.similarity), 1)
    assert_allclose(clusters.similarity, clusters.similarity.T)
    assert clusters.similarity.min() >= 0 and clusters.similarity.max() <= 1


def test_similarity_has_its_closed_form() -> None:
    # Around the origin: at 0°, 90° and 180°, and as many at 270°, so that the mean is the origin.
    rows = np.repeat([[1.0, 0], [0, 1], [-1, 0], [0, -1]], 5, axis=0)
    clusters = fit(rows, k=4, n_init=10)
    angles = clusters.centroids @ clusters.centroids.T
    assert_allclose(clusters.similarity, (1 + angles) / 2, atol=1e-6)


@given(SEEDS, st.integers(2, 12))
def test_no_cluster_is_too_small_but_an_only_one(seed: int, min_users: int) -> None:
    clusters = fit(np.random.default_rng(seed).normal(size=(25, 2)), k=6, min_users=min_users)
    assert clusters.n_clusters == 1 or clusters.sizes.min() >= min_users
    assert clusters.sizes.sum() == 25


def test_a_lone_stranger_gets_no_cluster_of_their_own() -> None:
    rows, corner = clouds([20, 20], noise=0.03, seed=1)
    clusters = fit(np.vstack([rows, [[50.0, -50.0]]]), k=3, min_users=5, n_init=10)
    assert adjusted_rand_score(corner, clusters.cluster[:-1]) == 1
    assert clusters.n_clusters == 2


@pytest.mark.parametrize("rows", [np.zeros((4, 3)), np.zeros((4, 0)), np.ones((4, 2))])
def test_without_differences_there_is_one_cluster(rows: np.ndarray) -> None:
    evidence = weigh_numbers_of_clusters(rows, **WEIGH)
    assert [(one.k, one.stability, one.chosen) for one in evidence] == [(1, 1.0, True)]
    clusters = fit(rows, k=3)
    assert clusters.n_clusters == 1
    assert_array_equal(clusters.cluster, 0 if rows.any() else UNKNOWN)


def test_batches_find_what_the_whole_finds() -> None:
    rows, _ = clouds([80, 60, 40], noise=0.05, seed=2)
    whole, batches = (fit(rows, mini_batch_above=bound) for bound in (1000, 10))
    assert adjusted_rand_score(whole.cluster, batches.cluster) == 1
    assert not np.array_equal(whole.centroids, batches.centroids)


def test_the_same_seed_gives_the_same_bytes_and_leaves_the_input_alone(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(60, 4))
    before = rows.copy()
    first, second = fit(rows), fit(rows)
    weighed = [weigh_numbers_of_clusters(rows, **WEIGH) for _ in range(2)]
    assert_array_equal(rows, before)
    assert weighed[0] == weighed[1]
    save_artifact(tmp_path / "clusters.npz", first)
    stored = as_arrays(load_artifact(tmp_path / "clusters.npz", UserClusters))
    for name, array in as_arrays(second).items():
        assert array.tobytes() == stored[name].tobytes()


# The choice.


def test_the_choice_is_the_highest_silhouette_among_the_stable() -> None:
    rows, _ = clouds([60, 40, 30], noise=0.35, seed=3)

    def chosen(**options: Any) -> tuple[Evidence, list[Evidence]]:
        evidence = weigh_numbers_of_clusters(rows, **WEIGH | options)
        [one] = [one for one in evidence if one.chosen]
        return one, evidence

    one, evidence = chosen(min_stability=-1.0, min_share=0.0)
    assert one.silhouette == max(other.silhouette for other in evidence)
    one, evidence = chosen(min_stability=1.01)
    assert one.stability == max(other.stability for other in evidence)
    one, evidence = chosen(min_stability=-1.0, min_share=0.25)
    assert one.silhouette == max(other.silhouette for other in evidence if other.smallest >= 0.25)


def test_a_sample_of_users_is_judged() -> None:
    rows, _ = clouds([300, 300], noise=0.1, seed=4)
    some, all_of_them = (weigh_numbers_of_clusters(rows, **WEIGH | {"n_users": n}) for n in (60, 600))
    assert [one.k for one in some if one.chosen] == [one.k for one in all_of_them if one.chosen] == [2]
    assert some[0].silhouette != all_of_them[0].silhouette


# Who they are.


def test_clusters_prefer_what_was_planted() -> None:
    log, genres, taste = opposite_tastes(5)
    preferences = genre_preferences(log, genres, damping=5)
    clusters = fit_user_clusters(preferences, log.user_ids, **FIT | {"k": 2})
    above = cluster_genres(clusters, preferences)
    lift = cluster_lift(log, clusters, like=4.0, damping=5)
    genre = genres.toarray().argmax(axis=1)
    for cluster in range(2):
        likes = taste[clusters.cluster == cluster][0]
        assert above[cluster, likes] > 0.3 > -0.3 > above[cluster, 1 - likes]
        assert lift[cluster, genre == likes].mean() > 0 > lift[cluster, genre != likes].mean()
    assert_allclose(clusters.sizes @ above, 0, atol=1e-9)


@given(logs(), st.floats(0.5, 20), SEEDS)
def test_lift_has_its_closed_form(log: RatingLog, damping: float, seed: int) -> None:
    clusters = fit(np.random.default_rng(seed).normal(size=(log.n_users, 2)), k=2)
    lift = cluster_lift(log, clusters, like=3.5, damping=damping)
    liked = log.rating >= 3.5
    for cluster in range(clusters.n_clusters):
        mine = clusters.cluster[log.user] == cluster
        for item in range(log.n_items):
            of_item = log.item == item
            both = mine & of_item
            rate = liked[of_item].mean() if of_item.any() else 0
            expected = (liked[both].sum() - both.sum() * rate) / (both.sum() + damping)
            assert lift[cluster, item] == pytest.approx(expected, abs=1e-9)
