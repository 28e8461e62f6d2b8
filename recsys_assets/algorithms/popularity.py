"""Popularity as a ranking model: everyone gets the same scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recsys_assets.algorithms.embeddings import Embeddings
from recsys_assets.algorithms.interactions import Ids, SparseRows

_SECONDS_PER_DAY = 86_400


def popularity(likes: SparseRows, *, user_ids: Ids, item_ids: Ids) -> Embeddings:
    """Score an item by its number of likes; an item without likes isn't recommendable.

    Parameters
    ----------
    likes : shape (n_users, n_items), stored ones
    """
    n_likes = np.bincount(likes.indices, minlength=item_ids.size)
    return _same_for_everyone(n_likes, user_ids=user_ids, item_ids=item_ids)


def recent_popularity(
    item: NDArray[np.integer],
    rated_at: NDArray[np.number],
    *,
    user_ids: Ids,
    item_ids: Ids,
    half_life_days: float,
) -> Embeddings:
    """Score an item by its likes, each weighted by its age: score(i) = Σ 2^(−age / half-life).

    The age is measured from the newest like, so that the scores don't depend on when they are computed.

    Parameters
    ----------
    item : shape (n_likes,), item numbers, one for each like
    rated_at : shape (n_likes,), seconds since 1970

    Raises
    ------
    ValueError
        If `half_life_days` isn't positive.
    """
    if half_life_days <= 0:
        raise ValueError(f"half_life_days must be positive; got {half_life_days}")
    age_days = (np.max(rated_at, initial=0) - rated_at) / _SECONDS_PER_DAY
    weighted = np.bincount(item, weights=np.exp2(-age_days / half_life_days), minlength=item_ids.size)
    return _same_for_everyone(weighted, user_ids=user_ids, item_ids=item_ids)


def _same_for_everyone(item_scores: NDArray[np.number], *, user_ids: Ids, item_ids: Ids) -> Embeddings:
    return Embeddings(
        user_ids,
        item_ids,
        user_vectors=np.ones((user_ids.size, 1), dtype=np.float32),
        item_vectors=item_scores.astype(np.float32)[:, None],
        recommendable=item_scores > 0,
    )
