"""Ranking metrics, one value per user, for lists of items against binary relevance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix

__all__ = ["RANKING_METRICS", "check_lists", "hit_matrix", "ranking_metrics"]

RANKING_METRICS = ("ndcg", "precision", "recall", "map", "mrr", "hit_rate")


def hit_matrix(recommended: NDArray[np.integer], relevant: csr_array | csr_matrix) -> NDArray[np.bool_]:
    """Mark the places of each user's list that hold a relevant item.

    The cost is that of looking up ``n_users * n`` keys among the stored entries; ``relevant`` is never
    densified.

    Parameters
    ----------
    recommended : shape (n_users, n), item numbers, best first; -1 where there is no recommendation
    relevant : shape (n_users, n_items); the stored non-zero entries are the relevant items

    Returns
    -------
    shape (n_users, n); False where there is no recommendation

    Raises
    ------
    ValueError
        If the numbers of users differ, or the lists fail :func:`check_lists`.
    """
    n_users, n_items = relevant.shape
    if len(recommended) != n_users:
        raise ValueError(
            f"recommended has {len(recommended)} users and relevant has {n_users}; give both the same rows"
        )
    check_lists(recommended, n_items)
    first_key = np.arange(n_users, dtype=np.int64)[:, None] * n_items
    listed = np.where(recommended >= 0, first_key + recommended, -1)
    stored = _stored_keys(relevant)
    return np.searchsorted(stored, listed, side="right") > np.searchsorted(stored, listed, side="left")


def _stored_keys(relevant: csr_array | csr_matrix) -> NDArray[np.int64]:
    """Return ``user * n_items + item`` of every stored non-zero entry, ascending."""
    n_users, n_items = relevant.shape
    user = np.repeat(np.arange(n_users, dtype=np.int64), np.diff(relevant.indptr))
    keys = (user * n_items + relevant.indices)[relevant.data != 0]
    # The stable sort is linear on keys that already ascend, as those of a canonical CSR do.
    return np.sort(keys, kind="stable")


def check_lists(recommended: NDArray[np.integer], n_items: int) -> None:
    """Refuse recommendation lists that no recommender may produce.

    Raises
    ------
    ValueError
        If ``recommended`` is not a matrix, an item number is outside ``-1 … n_items - 1``, or a list names an
        item twice (recall could then exceed 1); the message carries the place.
    """
    if recommended.ndim != 2:
        raise ValueError(
            f"recommended has {recommended.ndim} dimensions; give one row per user, (n_users, n)"
        )
    outside = np.argwhere((recommended < -1) | (recommended >= n_items))
    if len(outside):
        user, place = outside[0]
        raise ValueError(
            f"user {user} is recommended item {recommended[user, place]} of a catalogue of {n_items} "
            f"({len(outside)} such places); use item numbers from 0, and -1 for no recommendation"
        )
    ordered = np.sort(recommended, axis=1)
    repeated = np.argwhere((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0))
    if len(repeated):
        user, place = repeated[0]
        raise ValueError(
            f"user {user} is recommended item {ordered[user, place]} more than once "
            f"({len(repeated)} such places); keep each item's best place only"
        )


def ranking_metrics(
    hits: NDArray[np.bool_], n_relevant: NDArray[np.integer], *, k: int
) -> dict[str, NDArray[np.float64]]:
    """Measure each user's first ``k`` places.

    With h_j = 1 if place j (from 1) holds a relevant item, R relevant items and m = min(k, R)::

        ndcg       Σ_{j≤k} h_j / log2(j + 1)  /  Σ_{j≤m} 1 / log2(j + 1)
        precision  Σ_{j≤k} h_j / k                      also where fewer than k items were recommended
        recall     Σ_{j≤k} h_j / R
        map        Σ_{j≤k} h_j · (Σ_{i≤j} h_i / j) / m  the average precision of the user; its mean is MAP
        mrr        1 / (place of the first hit), 0 without one; its mean is MRR
        hit_rate   1 if there is a hit, else 0

    All lie in [0, 1], and a list that opens with m hits has ``ndcg`` and ``map`` of exactly 1. Libraries
    differ in the denominators of precision, recall and average precision: these are the ones meant wherever
    the names stand. A user without relevant items has NaN in every metric and is to be left out of means.

    NDCG follows Järvelin and Kekäläinen (2002), "Cumulated gain-based evaluation of IR techniques", with
    binary gain.

    Parameters
    ----------
    hits : shape (n_users, n), n >= k, from :func:`hit_matrix`
    n_relevant : shape (n_users,), all relevant items of the user, listed or not:
        ``relevant.count_nonzero(axis=1)``

    Returns
    -------
    one array of shape (n_users,) for each name in ``RANKING_METRICS``

    Raises
    ------
    ValueError
        If ``k`` is not positive or exceeds the width of ``hits``, the numbers of users differ, or a user has
        more hits than relevant items.
    """
    _check_hits(hits, n_relevant, k)
    top = hits[:, :k]
    place = np.arange(1, k + 1)
    discount = 1 / np.log2(place + 1)
    n_hits = top.sum(axis=1)
    n_ideal = np.clip(n_relevant, 1, k)
    values = {
        # Running sums on both sides: they round alike, so that a perfect list scores 1 and not 1 + 2e-16.
        "ndcg": np.cumsum(top * discount, axis=1)[:, -1] / np.cumsum(discount)[n_ideal - 1],
        "precision": n_hits / k,
        "recall": n_hits / np.maximum(n_relevant, 1),
        "map": (top * np.cumsum(top, axis=1) / place).sum(axis=1) / n_ideal,
        "mrr": (top / place).max(axis=1),
        "hit_rate": top.any(axis=1),
    }
    return {name: np.where(n_relevant > 0, values[name], np.nan) for name in RANKING_METRICS}


def _check_hits(hits: NDArray[np.bool_], n_relevant: NDArray[np.integer], k: int) -> None:
    n_users, n_places = hits.shape
    if not 1 <= k <= n_places:
        raise ValueError(
            f"k must be within the {n_places} places of hits; got k = {k}; recommend at least k items"
        )
    if n_relevant.shape != (n_users,):
        raise ValueError(
            f"n_relevant has shape {n_relevant.shape} for {n_users} users; give one number per user"
        )
    impossible = np.flatnonzero(hits.sum(axis=1) > n_relevant)
    if len(impossible):
        user = impossible[0]
        raise ValueError(
            f"user {user} has {hits[user].sum()} hits among {n_relevant[user]} relevant items "
            f"({len(impossible)} such users); count n_relevant on the matrix that gave the hits"
        )
