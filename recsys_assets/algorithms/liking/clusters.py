"""Groups of users of like taste: by the genres that they prefer, or by which items they rate high and low."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.metrics import adjusted_rand_score, silhouette_score
from threadpoolctl import threadpool_limits

from recsys_assets.algorithms.clustering import Evidence, Rows, best_evidence, distances, unit_rows
from recsys_assets.algorithms.interactions import Ids, SparseRows
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.algorithms.sampling import sample_users

__all__ = [
    "UNKNOWN",
    "Evidence",
    "Rows",
    "UserClusters",
    "cluster_genres",
    "cluster_lift",
    "fit_user_clusters",
    "genre_preferences",
    "rating_rows",
    "weigh_numbers_of_clusters",
]

UNKNOWN = -1
"""The cluster of a user of whose taste nothing is known."""


@dataclass(frozen=True)
class UserClusters:
    """KMeans of users. Clusters are numbered from the largest, 0, to the smallest.

    Attributes
    ----------
    user_ids : shape (n_users,)
    cluster : shape (n_users,), the nearest centroid, or −1 where the user's row is all zeros
    distance : shape (n_users, n_clusters), Euclidean, from each centroid; NaN where the cluster is −1
    centroids : shape (n_clusters, n_columns)
    similarity : shape (n_clusters, n_clusters), weights 0–1: s_cc' = (1 + cos(μ_c − μ, μ_c' − μ)) / 2 with the
        centroids μ_c and the mean μ of all known rows, and s_cc = 1. Measured from zero instead of μ, what all users
        share would make all clusters alike; those on opposite sides of μ have nothing to say of each other.
    """

    user_ids: Ids
    cluster: NDArray[np.int32]
    distance: NDArray[np.float32]
    centroids: NDArray[np.float32]
    similarity: NDArray[np.float32]

    @property
    def n_clusters(self) -> int:
        return len(self.centroids)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Users in each cluster, shape (n_clusters,)."""
        return np.bincount(self.cluster[self.cluster != UNKNOWN], minlength=self.n_clusters)


def genre_preferences(log: RatingLog, genres: SparseRows, *, damping: float) -> Rows:
    """How much higher than other items a user rates those of each genre, in stars.

    a_ug = Σ (r_ui − r̄_u) / (n_ug + λ) over the n_ug items of the genre that the user has rated, r̄_u the user's mean:
    the deviation that minimises Σ (r_ui − r̄_u − a)² + λ a².

    Parameters
    ----------
    genres : shape (n_items, n_genres), an item belongs to the genres that are stored
    damping : λ, ratings' worth of pull towards 0

    Returns
    -------
    shape (n_users, n_genres); a user without ratings, or whose ratings are all alike, has a row of zeros
    """
    membership = csr_matrix(genres.astype(bool), dtype=np.float64)
    total = _centred(log) @ membership
    count = _matrix(log, np.ones(log.rating.size)) @ membership
    preferences: Rows = total.toarray() / (count.toarray() + damping)
    return preferences


def rating_rows(log: RatingLog, *, n_components: int, seed: int) -> Rows:
    """Each user's deviations from the user's own mean rating, reduced by truncated SVD to rows of unit length.

    On rows of unit length ‖x − y‖² = 2 − 2 cos(x, y): KMeans then goes by which items are rated high and low, and not
    by how many are rated.

    Parameters
    ----------
    n_components : dimensions kept; fewer where there are fewer users or items

    Returns
    -------
    shape (n_users, n_components); a user without ratings, or whose ratings are all alike, has a row of zeros
    """
    centred = _centred(log)
    # Of one user, or of users all alike, the explained variance, which nobody asked for, would be 0 / 0.
    with threadpool_limits(limits=1), np.errstate(invalid="ignore"):
        svd = TruncatedSVD(min(n_components, *centred.shape), random_state=seed)
        reduced: Rows = svd.fit_transform(centred) if centred.count_nonzero() else np.zeros((log.n_users, 1))
    reduced[centred.getnnz(axis=1) == 0] = 0
    return unit_rows(reduced)


def weigh_numbers_of_clusters(
    rows: Rows,
    *,
    ks: Sequence[int],
    min_stability: float,
    min_share: float,
    n_init: int,
    n_repeats: int,
    n_users: int,
    seed: int,
) -> list[Evidence]:
    """Judge numbers of clusters on known rows, and choose one.

    Silhouette: of KMeans of all users judged. Stability: the users are halved at random, KMeans of each half assigns
    all of them, and the two partitions are compared; the mean over repeats (Lange et al. 2004, with the adjusted Rand
    index of Hubert & Arabie 1985).

    The choice: among numbers whose stability is at least ``min_stability`` and whose smallest cluster holds at least
    ``min_share`` of the users, the one of the highest silhouette; if there is none, the most stable one. Among equals
    the smallest.

    Parameters
    ----------
    rows : shape (n, n_columns)
    ks : numbers to try; those that half of the distinct rows can't fill are left out, and if none is left, all are one
        cluster
    n_users : a sample of at most so many users is judged

    Returns
    -------
    one for each number tried, ascending
    """
    known = rows[rows.any(axis=1)]
    judged = known[sample_users(len(known), size=n_users, seed=seed)]
    n_distinct = len(np.unique(judged, axis=0))
    tried = sorted(k for k in ks if 2 <= k <= n_distinct // 4)
    if not tried:
        return [Evidence(1, np.nan, 1.0, 1.0, chosen=True)]
    with threadpool_limits(limits=1):
        evidence = [_weigh(judged, k, n_init=n_init, n_repeats=n_repeats, seed=seed) for k in tried]
    best = best_evidence(evidence, min_stability=min_stability, min_share=min_share)
    return [replace(one, chosen=one is best) for one in evidence]


def fit_user_clusters(
    rows: Rows,
    user_ids: Ids,
    *,
    k: int,
    min_users: int,
    n_init: int,
    mini_batch_above: int,
    seed: int,
) -> UserClusters:
    """KMeans of the known rows, those that aren't all zeros.

    Parameters
    ----------
    rows : shape (n_users, n_columns)
    k : clusters at most: fewer where there are fewer distinct rows
    min_users : a cluster of fewer users is given up, the smallest first, and its users join the nearest one left
    mini_batch_above : with more known users than that, KMeans of batches (Sculley 2010)
    """
    is_known = rows.any(axis=1)
    known = rows[is_known]
    with threadpool_limits(limits=1):
        centroids = _kmeans(known, k, n_init=n_init, mini_batch=len(known) > mini_batch_above, seed=seed)
    centroids = _large_enough(known, centroids, min_users)
    distance = np.full((len(rows), len(centroids)), np.nan, dtype=np.float32)
    distance[is_known] = distances(known, centroids)
    cluster = np.full(len(rows), UNKNOWN, dtype=np.int32)
    cluster[is_known] = distance[is_known].argmin(axis=1)
    middle = known.mean(axis=0) if len(known) else 0.0
    return UserClusters(
        user_ids, cluster, distance, centroids.astype(np.float32), _similarity(centroids - middle)
    )


def cluster_genres(clusters: UserClusters, preferences: Rows) -> Rows:
    """How much more a cluster prefers a genre than all known users do, in stars: shape (n_clusters, n_genres)."""
    known = clusters.cluster != UNKNOWN
    members = _members(clusters)
    means = (members @ preferences) / np.maximum(clusters.sizes, 1)[:, None]
    overall: Rows = means - preferences[known].mean(axis=0) if known.any() else means
    return overall


def cluster_lift(log: RatingLog, clusters: UserClusters, *, like: float, damping: float) -> Rows:
    """How much more often a cluster likes an item than all users do, as a difference of like rates.

    (L_ci − N_ci p_i) / (N_ci + λ) with likes L_ci and ratings N_ci of the item in the cluster, and the like rate p_i of
    all its ratings.

    Parameters
    ----------
    like : stars from which a rating is a like
    damping : λ, ratings' worth of pull towards 0

    Returns
    -------
    shape (n_clusters, n_items); 0 where nobody of the cluster has rated the item
    """
    liked = (log.rating >= like).astype(np.float64)
    n_ratings = np.bincount(log.item, minlength=log.n_items)
    rate = np.bincount(log.item, liked, minlength=log.n_items) / np.maximum(n_ratings, 1)
    above, count = (
        (_members(clusters) @ _matrix(log, values)).toarray()
        for values in (liked - rate[log.item], np.ones(log.rating.size))
    )
    lift: Rows = above / (count + damping)
    return lift


def _centred(log: RatingLog) -> csr_matrix:
    """Ratings less the user's mean, shape (n_users, n_items), without stored zeros."""
    rating = log.rating.astype(np.float64)
    count = np.bincount(log.user, minlength=log.n_users)
    mean = np.bincount(log.user, rating, minlength=log.n_users) / np.maximum(count, 1)
    deviation = rating - mean[log.user]
    # A mean of equal ratings may miss them by a rounding error, which is no taste.
    deviation[np.abs(deviation) < 1e-9] = 0
    centred = _matrix(log, deviation)
    centred.eliminate_zeros()
    return centred


def _matrix(log: RatingLog, values: Rows) -> csr_matrix:
    """Values of the log's rows, shape (n_users, n_items); of full precision, as they are summed up."""
    return csr_matrix((values, (log.user, log.item)), shape=(log.n_users, log.n_items))


def _members(clusters: UserClusters) -> csr_matrix:
    """Ones where a user is of a cluster, shape (n_clusters, n_users)."""
    known = np.flatnonzero(clusters.cluster != UNKNOWN)
    shape = (clusters.n_clusters, clusters.cluster.size)
    return csr_matrix((np.ones(known.size), (clusters.cluster[known], known)), shape=shape)


def _kmeans(rows: Rows, k: int, *, n_init: int, mini_batch: bool, seed: int) -> Rows:
    if not len(rows):
        return np.zeros((1, rows.shape[1]))
    kind = MiniBatchKMeans if mini_batch else KMeans
    k = min(k, len(np.unique(rows, axis=0)))
    centroids: Rows = kind(k, n_init=n_init, random_state=seed).fit(rows).cluster_centers_
    return centroids


def _large_enough(rows: Rows, centroids: Rows, min_users: int) -> Rows:
    """The centroids to which at least ``min_users`` rows are nearest, by descending number of rows."""
    while True:
        sizes = np.bincount(distances(rows, centroids).argmin(axis=1), minlength=len(centroids))
        if len(centroids) == 1 or sizes.min() >= min_users:
            return centroids[np.argsort(-sizes, kind="stable")]
        centroids = np.delete(centroids, sizes.argmin(), axis=0)


def _weigh(rows: Rows, k: int, *, n_init: int, n_repeats: int, seed: int) -> Evidence:
    nearest = distances(rows, _kmeans(rows, k, n_init=n_init, mini_batch=False, seed=seed)).argmin(axis=1)
    agreements = [
        adjusted_rand_score(*halves)
        for halves in _halves(rows, k, n_init, np.random.default_rng(seed), n_repeats)
    ]
    share = np.bincount(nearest, minlength=k).min() / len(rows)
    return Evidence(
        k, float(silhouette_score(rows, nearest)), float(np.mean(agreements)), float(share), chosen=False
    )


def _halves(
    rows: Rows, k: int, n_init: int, rng: np.random.Generator, n_repeats: int
) -> Iterator[list[NDArray[np.intp]]]:
    """Pairs of partitions of all rows, learned from two halves of them."""
    for repeat in range(n_repeats):
        order = rng.permutation(len(rows))
        yield [
            distances(rows, _kmeans(rows[half], k, n_init=n_init, mini_batch=False, seed=repeat)).argmin(
                axis=1
            )
            for half in np.array_split(order, 2)
        ]


def _similarity(directions: Rows) -> NDArray[np.float32]:
    unit = unit_rows(directions)
    similarity = (1 + np.clip(unit @ unit.T, -1, 1)) / 2
    np.fill_diagonal(similarity, 1)
    return similarity.astype(np.float32)
