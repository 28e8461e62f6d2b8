"""What users of like taste make of an item, as a boost of a probability that depends on user and item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from recsys_assets.algorithms.interactions import SparseRows
from recsys_assets.algorithms.liking.clusters import UNKNOWN, UserClusters
from recsys_assets.algorithms.rating_prediction.log import RatingLog

__all__ = ["ClusterLiking", "TriedBoost", "boosted", "choose_boost", "fit_cluster_liking", "published_boost"]

Values = NDArray[np.float64]
Rows = NDArray[np.integer]

_PUBLISHED_WEIGHT = 0.4


@dataclass(frozen=True)
class ClusterLiking:
    """How an item is liked in a user's cluster and in those similar to it, and by all.

    p_ui = (Σ_c' s_cc' L_c'i + m p_i) / (Σ_c' s_cc' N_c'i + m) with likes L_c'i and ratings N_c'i of item i in cluster
    c', the user's cluster c, and similarities s_cc'; p_i = (L_i + m_i p) / (N_i + m_i) over all ratings of the item;
    p = (L + 1) / (N + 2) over all ratings. The user's own rating of the item is left out of all these sums, so that no
    pair is told its own label.

    Attributes
    ----------
    cluster : shape (n_users,); −1 where nothing is known of a user
    similarity : shape (n_clusters, n_clusters), 1 on the diagonal, none negative
    likes, n_ratings : shape (n_clusters, n_items), Σ_c' s_cc' L_c'i and Σ_c' s_cc' N_c'i
    item_likes, item_n_ratings : shape (n_items,), L_i and N_i, of users without a cluster too
    learned : shape (n_users, n_items), 2 where a learned rating is a like, 1 where it is none
    damping : m, ratings' worth of the item's like rate
    item_damping : m_i, ratings' worth of the overall like rate
    """

    cluster: NDArray[np.int32]
    similarity: NDArray[np.float32]
    likes: Values
    n_ratings: Values
    item_likes: Values
    item_n_ratings: Values
    learned: SparseRows
    damping: float
    item_damping: float

    def pairs(self, user: Rows, item: Rows) -> Values:
        """log odds(p_ui) − log odds(p_i) of each pair, shape (n,); 0 for a user without a cluster."""
        cluster = self.cluster[user]
        known = cluster != UNKNOWN
        own = np.asarray(self.learned[user, item]).ravel() * known if user.size else np.zeros(0)
        shift = self._shift(
            self.likes[cluster, item],
            self.n_ratings[cluster, item],
            self.item_likes[item],
            self.item_n_ratings[item],
            own,
        )
        return np.where(known, shift, 0.0)

    def all_items(self, users: Rows) -> Values:
        """The same of some users with all items, shape (len(users), n_items); hold few users at a time."""
        cluster = self.cluster[users]
        known = cluster != UNKNOWN
        own = self.learned[users].toarray() * known[:, None]
        shift = self._shift(
            self.likes[cluster], self.n_ratings[cluster], self.item_likes, self.item_n_ratings, own
        )
        shift[~known] = 0
        return shift

    def _shift(
        self, likes: Values, n_ratings: Values, item_likes: Values, item_n_ratings: Values, own: Values
    ) -> Values:
        rated, liked = own > 0, own > 1
        overall = (self.item_likes.sum() - liked + 1) / (self.item_n_ratings.sum() - rated + 2)
        of_all = (item_likes - liked + self.item_damping * overall) / (
            item_n_ratings - rated + self.item_damping
        )
        # A difference of sums may fall below 0 by a rounding error.
        others = np.maximum(likes - liked, 0), np.maximum(n_ratings - rated, 0)
        in_clusters = (others[0] + self.damping * of_all) / (others[1] + self.damping)
        shift: Values = logit(in_clusters) - logit(of_all)
        return shift


def fit_cluster_liking(
    log: RatingLog, clusters: UserClusters, *, like: float, damping: float, item_damping: float
) -> ClusterLiking:
    """Count likes and ratings of each item in each cluster, weighed by the clusters' similarity.

    Parameters
    ----------
    clusters : of the users of the log
    like : stars from which a rating is a like
    damping : m, ratings' worth of the item's like rate
    item_damping : m_i, ratings' worth of the overall like rate

    Raises
    ------
    ValueError
        If the users are not those of the log, or if a damping is not positive: an item without ratings has no rate of
        its own.
    """
    if not np.array_equal(log.user_ids, clusters.user_ids):
        raise ValueError(
            f"the clusters are of {clusters.user_ids.size} users, the log of {log.n_users}, and they are not the "
            "same; cluster the users of the log"
        )
    if min(damping, item_damping) <= 0:
        raise ValueError(f"dampings must be positive; got {damping} and {item_damping}")
    liked = (log.rating >= like).astype(np.float64)
    ones = np.ones(log.rating.size)
    likes, n_ratings = (_by_cluster(log, clusters, values) for values in (liked, ones))
    item_likes, item_n_ratings = (
        np.bincount(log.item, values, minlength=log.n_items).astype(np.float64) for values in (liked, ones)
    )
    similarity = clusters.similarity.astype(np.float64)
    return ClusterLiking(
        clusters.cluster,
        clusters.similarity,
        similarity @ likes,
        similarity @ n_ratings,
        item_likes,
        item_n_ratings,
        log.matrix(1 + liked),
        damping,
        item_damping,
    )


def boosted(probability: Values, shift: Values, *, strength: float) -> Values:
    """The probability p' of odds(p') = odds(p) (odds(p_ui) / odds(p_i))^strength, the shift being the log of the ratio.

    Probabilities of 0 and 1 stay as they are.

    Raises
    ------
    ValueError
        If the strength is negative: the boost would favour what the user's cluster dislikes.
    """
    if strength < 0:
        raise ValueError(f"a boost's strength must not be negative; got {strength}")
    raised: Values = expit(logit(np.asarray(probability, dtype=np.float64)) + strength * shift)
    return raised


@dataclass(frozen=True)
class TriedBoost:
    """A boost by one kind of clusters on held-out rows. ``chosen`` = none has a lower log loss."""

    kind: str
    strength: float
    log_loss: float
    chosen: bool


def choose_boost(
    probability: Values,
    shifts: Mapping[str, Values],
    liked: NDArray[np.bool_],
    *,
    strengths: Sequence[float],
) -> list[TriedBoost]:
    """Try every strength of every kind of clusters on held-out rows; the lowest log loss is chosen.

    Among equals the weakest boost is chosen, and of these the first kind.

    Parameters
    ----------
    probability : shape (n,), of a like, within (0, 1)
    shifts : shape (n,) each, by kind of clusters that learned from other rows
    liked : shape (n,)
    strengths : not negative, 0 among them: then no boost can be chosen too

    Raises
    ------
    ValueError
        If 0 is not among the strengths, or if there are no rows.
    """
    if 0 not in strengths:
        raise ValueError(
            f"strengths {list(strengths)} lack 0; without it a boost that does harm would be chosen"
        )
    if not liked.size:
        raise ValueError("0 held-out rows: nothing can choose a boost; hold out some ratings")
    tried = [
        TriedBoost(
            kind, strength, _log_loss(boosted(probability, shift, strength=strength), liked), chosen=False
        )
        for kind, shift in shifts.items()
        for strength in sorted(strengths)
    ]
    best = min(tried, key=lambda one: (one.log_loss, one.strength))
    return [replace(one, chosen=one is best) for one in tried]


def published_boost(clusters: UserClusters, users: Rows) -> Values:
    """The factor as published, 1 + 0.4 · mean of the similarities of the user's cluster: shape (len(users),).

    It is the same for all items of a user, so that it can't change a ranking; kept to show just that. 1 for a user
    without a cluster.
    """
    cluster = clusters.cluster[users]
    factor = 1 + _PUBLISHED_WEIGHT * clusters.similarity.mean(axis=1, dtype=np.float64)
    return np.where(cluster == UNKNOWN, 1.0, factor[cluster])


def _by_cluster(log: RatingLog, clusters: UserClusters, values: Values) -> Values:
    """Sums of values over the learned ratings of each item in each cluster, shape (n_clusters, n_items)."""
    cluster = clusters.cluster[log.user]
    known = cluster != UNKNOWN
    place = cluster[known].astype(np.int64) * log.n_items + log.item[known]
    sums = np.bincount(place, values[known], minlength=clusters.n_clusters * log.n_items)
    return sums.astype(np.float64, copy=False).reshape(clusters.n_clusters, log.n_items)


def _log_loss(probability: Values, liked: NDArray[np.bool_]) -> float:
    of_label = np.where(liked, probability, 1 - probability)
    return float(-np.log(np.maximum(of_label, np.finfo(np.float64).tiny)).mean())
