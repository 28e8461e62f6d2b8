"""The boost by clusters: its closed form, that no pair knows its own label, and that the published one does nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logit
from sklearn.metrics import log_loss

from recsys_assets.algorithms.liking.boost import (
    ClusterLiking,
    boosted,
    choose_boost,
    fit_cluster_liking,
    published_boost,
)
from recsys_assets.algorithms.liking.clusters import UNKNOWN, UserClusters
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets_tests.rating_logs import log_of, logs

LIKE = 4.0
DAMPINGS = st.floats(0.5, 30)
SEEDS = st.integers(0, 2**31)


def some_clusters(log: RatingLog, seed: int, n_clusters: int = 3) -> UserClusters:
    """Users in clusters at random, some in none, and similarities at random."""
    rng = np.random.default_rng(seed)
    half = rng.random((n_clusters, n_clusters))
    similarity = (half + half.T) / 2
    np.fill_diagonal(similarity, 1)
    return UserClusters(
        log.user_ids,
        rng.integers(UNKNOWN, n_clusters, log.n_users).astype(np.int32),
        rng.random((log.n_users, n_clusters)).astype(np.float32),
        rng.random((n_clusters, 2)).astype(np.float32),
        similarity.astype(np.float32),
    )


def every_pair(log: RatingLog) -> tuple[np.ndarray, np.ndarray]:
    user, item = np.divmod(np.arange(log.n_users * log.n_items), log.n_items)
    return user, item


def by_definition(
    log: RatingLog, clusters: UserClusters, user: int, item: int, damping: float, item_damping: float
) -> float:
    """The shift of one pair, from the ratings of all others but the pair's own."""
    kept = ~((log.user == user) & (log.item == item))
    liked, of_item = (log.rating >= LIKE)[kept], (log.item == item)[kept]
    cluster = clusters.cluster[log.user[kept]]
    mine = clusters.cluster[user]
    if mine == UNKNOWN:
        return 0.0
    weight = np.where(cluster == UNKNOWN, 0, clusters.similarity[mine, cluster].astype(float)) * of_item
    overall = (liked.sum() + 1) / (liked.size + 2)
    p_i = (liked[of_item].sum() + item_damping * overall) / (of_item.sum() + item_damping)
    p_ui = (weight @ liked + damping * p_i) / (weight.sum() + damping)
    return float(logit(p_ui) - logit(p_i))


@given(logs(), SEEDS, DAMPINGS, DAMPINGS)
def test_the_shift_is_that_of_its_definition(
    log: RatingLog, seed: int, damping: float, item_damping: float
) -> None:
    clusters = some_clusters(log, seed)
    liking = fit_cluster_liking(log, clusters, like=LIKE, damping=damping, item_damping=item_damping)
    user, item = every_pair(log)
    expected = [
        by_definition(log, clusters, *pair, damping, item_damping) for pair in zip(user, item, strict=True)
    ]
    assert_allclose(liking.pairs(user, item), expected, atol=1e-9)


@given(logs(), SEEDS)
def test_a_block_of_users_is_all_their_pairs(log: RatingLog, seed: int) -> None:
    liking = fit_cluster_liking(log, some_clusters(log, seed), like=LIKE, damping=5, item_damping=5)
    users = np.random.default_rng(seed).permutation(log.n_users)[: max(1, log.n_users // 2)]
    pairs = liking.pairs(np.repeat(users, log.n_items), np.tile(np.arange(log.n_items), users.size))
    assert_allclose(liking.all_items(users), pairs.reshape(users.size, log.n_items), atol=1e-12)


@given(logs(), SEEDS)
def test_no_pair_knows_its_own_label(log: RatingLog, seed: int) -> None:
    clusters = some_clusters(log, seed)
    row = seed % log.rating.size
    shifts = []
    for stars in (1.0, 5.0):
        rating = log.rating.copy()
        rating[row] = stars
        liking = fit_cluster_liking(
            replace(log, rating=rating), clusters, like=LIKE, damping=5, item_damping=5
        )
        shifts.append(liking.pairs(log.user[[row]], log.item[[row]])[0])
        shifts.append(liking.all_items(log.user[[row]])[0, log.item[row]])
    assert_allclose(shifts, shifts[0], atol=1e-9)


def two_groups() -> tuple[RatingLog, UserClusters]:
    """Four users like item 0 and not item 1, four the other way round, one of whom no taste is known rates item 0."""
    user, item = np.divmod(np.arange(16), 2)
    stars = np.where((user < 4) == (item == 0), 5.0, 1.0)
    log = log_of(np.append(user, 8), np.append(item, 0), np.append(stars, 5.0), n_users=9, n_items=3)
    cluster = np.array([0] * 4 + [1] * 4 + [UNKNOWN], np.int32)
    no_distance = np.zeros((9, 2), np.float32)
    return log, UserClusters(
        log.user_ids, cluster, no_distance, np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32)
    )


def of_two_groups() -> ClusterLiking:
    return fit_cluster_liking(*two_groups(), like=LIKE, damping=2, item_damping=2)


def test_the_boost_depends_on_user_and_item_and_is_none_where_nothing_is_known() -> None:
    shift = of_two_groups().all_items(np.arange(9))
    assert (shift[:4, 0] > 0.5).all() and (shift[:4, 1] < -0.5).all()
    assert (shift[4:8, 0] < -0.5).all() and (shift[4:8, 1] > 0.5).all()
    assert_array_equal(shift[8], 0)
    assert_allclose(shift[:, 2], 0, atol=1e-12)  # nobody has rated the item


def test_the_boost_changes_rankings_and_the_published_one_none() -> None:
    _, clusters = two_groups()
    probability = np.tile([0.6, 0.5, 0.55], (9, 1))
    users = np.arange(9)
    ours = boosted(probability, of_two_groups().all_items(users), strength=1.0)
    assert np.argsort(-ours[0]).tolist() == [0, 2, 1] and np.argsort(-ours[5]).tolist() == [1, 2, 0]
    published = probability * published_boost(clusters, users)[:, None]
    assert_array_equal(np.argsort(-published, axis=1), np.argsort(-probability, axis=1))


def test_the_published_boost_has_its_closed_form() -> None:
    _, clusters = two_groups()
    similar = replace(clusters, similarity=np.array([[1, 0.5], [0.5, 1]], np.float32))
    assert_allclose(published_boost(similar, np.array([0, 7, 8])), [1.3, 1.3, 1.0])


@given(st.floats(0.01, 0.99), st.floats(-3, 3), st.floats(0, 4))
def test_boosting_multiplies_the_odds(probability: float, shift: float, strength: float) -> None:
    [raised] = boosted(np.array([probability]), np.array([shift]), strength=strength)
    odds = probability / (1 - probability) * np.exp(shift) ** strength
    assert raised == pytest.approx(odds / (1 + odds), rel=1e-9)


def test_without_strength_a_probability_stays_and_certainty_always() -> None:
    shift = np.array([3.0, -3.0, 3.0])
    probability = np.array([0.3, 0.0, 1.0])
    assert_allclose(boosted(probability, shift, strength=0.0), probability, rtol=1e-12)
    assert_allclose(boosted(probability, shift, strength=2.0)[1:], probability[1:])


@given(SEEDS)
def test_the_chosen_boost_has_the_lowest_log_loss_and_never_does_harm(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probability, liked = rng.uniform(0.05, 0.95, 40), np.arange(40) % 3 > 0
    shifts = {kind: rng.normal(size=40) for kind in ("genre", "rating")}
    tried = choose_boost(probability, shifts, liked, strengths=[0.5, 0.0, 1.0])
    assert [(one.kind, one.strength) for one in tried] == [(k, s) for k in shifts for s in (0.0, 0.5, 1.0)]
    for one in tried:
        after = boosted(probability, shifts[one.kind], strength=one.strength)
        assert one.log_loss == pytest.approx(log_loss(liked, after), rel=1e-9)
    [best] = [one for one in tried if one.chosen]
    assert best.log_loss == min(one.log_loss for one in tried)
    assert best.log_loss <= tried[0].log_loss


def test_a_boost_that_tells_likes_is_chosen_and_noise_is_not() -> None:
    liked = np.arange(200) % 2 == 0
    shifts = {"noise": np.where(np.arange(200) % 3, 1.0, -1.0), "telling": np.where(liked, 1.0, -1.0)}
    even = np.full(200, 0.5)
    tried = choose_boost(even, shifts, liked, strengths=[0, 1, 2])
    assert [(one.kind, one.strength) for one in tried if one.chosen] == [("telling", 2)]
    tried = choose_boost(even, {"misleading": -shifts["telling"]}, liked, strengths=[0, 1, 2])
    assert [one.strength for one in tried if one.chosen] == [0]


def test_what_can_not_be_is_said() -> None:
    log, clusters = two_groups()
    with pytest.raises(ValueError, match=r"must be positive; got 0 and 1"):
        fit_cluster_liking(log, clusters, like=LIKE, damping=0, item_damping=1)
    other = replace(clusters, user_ids=clusters.user_ids + 1)
    with pytest.raises(ValueError, match=r"9 users, the log of 9, and they are not the same"):
        fit_cluster_liking(log, other, like=LIKE, damping=1, item_damping=1)
    some = np.array([0.5])
    with pytest.raises(ValueError, match=r"must not be negative; got -1"):
        boosted(some, some, strength=-1)
    with pytest.raises(ValueError, match=r"\[1, 2\] lack 0"):
        choose_boost(some, {"genre": some}, some > 0, strengths=[1, 2])
    with pytest.raises(ValueError, match="0 held-out rows"):
        choose_boost(some[:0], {"genre": some[:0]}, some[:0] > 0, strengths=[0, 1])


def test_no_pairs_have_no_shifts() -> None:
    none = np.zeros(0, dtype=int)
    assert of_two_groups().pairs(none, none).shape == (0,)
