"""Lists by predicted stars, and what is told to users and of items without a history."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recsys_assets.algorithms.interactions import SparseRows
from recsys_assets.algorithms.rating_prediction.log import RatingLog, Stars
from recsys_assets.algorithms.topn import NO_ITEM, Items

__all__ = ["default_ratings", "top_rated"]

_SIGN = np.int64(0x7FFFFFFF)


def top_rated(stars: Stars, rated: SparseRows, *, n: int) -> tuple[Items, Stars]:
    """Each user's n unrated items with the most predicted stars; equal ones by item number, at the cut too.

    Parameters
    ----------
    stars : shape (n_users, n_items), finite
    rated : shape (n_users, n_items); stored entries are left out

    Returns
    -------
    items : shape (n_users, n); −1 where a user has fewer than n unrated items
    stars : shape (n_users, n); −∞ there
    """
    user = np.repeat(np.arange(stars.shape[0]), np.diff(rated.indptr))
    open_to = stars + np.float32(0)  # −0 becomes 0, whose bits are others
    open_to[user, rated.indices] = -np.inf
    # The bits of floats, those of negative ones turned over, sort like the floats: with the item's number below
    # them one sort of whole numbers orders by stars and then by item.
    bits = open_to.view(np.int32).astype(np.int64)
    ordered = np.where(bits < 0, bits ^ _SIGN, bits)
    key = (-ordered << 32) | np.arange(stars.shape[1])
    n_listed = min(n, stars.shape[1])
    if n_listed < stars.shape[1]:
        key.partition(n_listed - 1, axis=1)
    best = np.sort(key[:, :n_listed], axis=1) & 0xFFFFFFFF
    items = np.full((stars.shape[0], n), NO_ITEM, dtype=np.int32)
    values = np.full(items.shape, -np.inf, dtype=np.float32)
    values[:, :n_listed] = np.take_along_axis(open_to, best, axis=1)
    items[:, :n_listed] = np.where(np.isfinite(values[:, :n_listed]), best, NO_ITEM)
    return items, values


def default_ratings(log: RatingLog, about_items: SparseRows, *, damping: float) -> Stars:
    """Stars to expect of each item when nothing is known of the user.

    The mean of the item's ratings, drawn towards what its features say as ``damping`` ratings of that value would. A
    feature says the mean of all ratings of the items that have it, drawn to the overall mean in the same way; an item
    with several features gets their weighted mean, one without any the overall mean.

    Parameters
    ----------
    about_items : shape (n_items, n_features), non-negative weights, such as genres

    Returns
    -------
    shape (n_items,)
    """
    mean = log.rating.mean(dtype=np.float64)
    n_ratings = np.bincount(log.item, minlength=log.n_items)
    excess = np.bincount(log.item, log.rating - mean, minlength=log.n_items)
    feature = np.asarray(about_items.T @ excess) / (np.asarray(about_items.T @ n_ratings) + damping)
    expected = mean + _mean_of_features(about_items, feature)
    stars: Stars = ((excess + n_ratings * mean + damping * expected) / (n_ratings + damping)).astype(
        np.float32
    )
    return stars


def _mean_of_features(weights: SparseRows, values: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.asarray(weights.sum(axis=1)).ravel()
    means = np.zeros(total.size)
    np.divide(np.asarray(weights @ values), total, out=means, where=total > 0)
    return means
