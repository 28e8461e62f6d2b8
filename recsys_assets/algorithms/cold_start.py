"""What to show a user of whom nothing is known: popular, good and varied items."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from recsys_assets.algorithms.interactions import Interactions, SparseRows
from recsys_assets.algorithms.topn import NO_ITEM, Items, Lists


def cold_start_list(
    n_ratings: NDArray[np.integer],
    mean_rating: NDArray[np.floating],
    genres: SparseRows,
    *,
    min_ratings: int,
    min_mean: float,
    n: int,
) -> Items:
    """List n items that many people rated, and rated well, spread over the genres.

    Items with at least `min_ratings` ratings and a mean of at least `min_mean` stars qualify. Of these, the
    next item listed is the one with the highest ::

        n_ratings / (1 + c̄)        c̄ = mean over the item's genres of how many listed items have that genre

    which is D'Hondt's divisor, applied to genres: a genre that has been listed has to be that much more
    popular to be listed again. Items without genres count as one genre. Equal values go to the smaller item
    number.

    Where fewer than n items qualify, the others follow by damped mean rating, as if each had `min_ratings`
    more ratings at the mean of all ratings, with at least one rating; the list is shorter than n only if
    fewer than n items have been rated at all.

    Parameters
    ----------
    n_ratings : shape (n_items,)
    mean_rating : shape (n_items,), stars; ignored (NaN, say) where there are no ratings
    genres : shape (n_items, n_genres), stored ones

    Returns
    -------
    shape (at most n,), item numbers, in the order of listing
    """
    rated = n_ratings > 0
    mean = np.where(rated, mean_rating, 0)
    qualified = rated & (n_ratings >= min_ratings) & (mean >= min_mean)
    spread = _spread_over_genres(np.flatnonzero(qualified), n_ratings, genres, n=n)
    others = np.flatnonzero(rated & ~qualified)
    damped = damped_mean(n_ratings, mean, damping=min_ratings)[others]
    return np.concatenate([spread, others[np.argsort(-damped, kind="stable")]])[:n].astype(np.int32)


def damped_mean(
    n_ratings: NDArray[np.integer], mean_rating: NDArray[np.floating], *, damping: float
) -> NDArray[np.float64]:
    """Return the mean as if each item had `damping` more ratings at the mean of all ratings.

    b_i = (n_i · r̄_i + damping · r̄) / (n_i + damping), and r̄ for an item without ratings.

    Parameters
    ----------
    n_ratings, mean_rating : shape (n_items,), finite; at least one item has ratings
    """
    totals = n_ratings * mean_rating
    overall = totals.sum() / max(n_ratings.sum(), 1)
    divisor = n_ratings + damping
    damped = np.full(n_ratings.shape, overall, dtype=np.float64)
    np.divide(totals + damping * overall, divisor, out=damped, where=divisor > 0)
    return damped


def _spread_over_genres(
    candidates: NDArray[np.intp], n_ratings: NDArray[np.integer], genres: SparseRows, *, n: int
) -> NDArray[np.intp]:
    membership = genres[candidates].toarray() > 0
    membership = np.column_stack([membership, ~membership.any(axis=1)])
    share = membership / membership.sum(axis=1, keepdims=True)
    popularity = n_ratings[candidates].astype(np.float64)
    times_listed = np.zeros(membership.shape[1])
    chosen: list[int] = []
    for _ in range(min(n, candidates.size)):
        best = int(np.argmax(popularity / (1 + share @ times_listed)))
        chosen.append(best)
        times_listed += membership[best]
        popularity[best] = -1
    return candidates[chosen]


def serve_cold_users(lists: Lists, fallback: NDArray[np.integer], *, seen: SparseRows) -> Lists:
    """Give users with an empty list the items of ``fallback`` that they haven't seen, with score 0.

    Parameters
    ----------
    lists : items and scores, both of shape (n_users, n)
    fallback : shape (n_fallback,), item numbers, the best first
    seen : shape (n_users, n_items); stored entries are left out
    """
    items, scores = lists[0].copy(), lists[1].copy()
    n = items.shape[1]
    for user in np.flatnonzero((items == NO_ITEM).all(axis=1)):
        known = seen.indices[seen.indptr[user] : seen.indptr[user + 1]]
        unseen = fallback[~np.isin(fallback, known)][:n]
        items[user, : unseen.size], scores[user, : unseen.size] = unseen, 0
    return items, scores


def lists_for_unknown_users(
    interactions: Interactions, *, n_folds: int, n: int, build: Callable[[Interactions], Items]
) -> Items:
    """Give each user a list that was built without them, as if they had just arrived.

    Users are dealt into folds; each fold gets the list that ``build`` makes from the ratings of all others.

    Returns
    -------
    shape (n_users, n), item numbers, −1 where a list is shorter than n
    """
    fold = np.arange(interactions.n_users) % n_folds
    lists = np.full((interactions.n_users, n), NO_ITEM)
    for number in range(n_folds):
        listed = build(interactions.of_users(np.flatnonzero(fold != number)))[:n]
        lists[fold == number, : listed.size] = listed
    return lists


def most_liked(interactions: Interactions, *, min_rating: float, n: int) -> Items:
    """Return the n items with the most likes, equal ones by item number; shape (at most n,)."""
    n_likes = np.bincount(interactions.likes(min_rating).indices, minlength=interactions.n_items)
    order = np.argsort(-n_likes, kind="stable")[:n]
    return order[n_likes[order] > 0].astype(np.int32)
