"""Where the windows of a backtest begin and end, and what lies in one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from recsys_assets.algorithms.backtesting.history import History, Moments, Ratings

__all__ = ["Window", "WindowFacts", "cut_windows", "describe"]


@dataclass(frozen=True)
class Window:
    """Ratings from ``cut_off`` on and before ``until`` are judged; strictly older ones are learned from."""

    cut_off: int
    until: int

    def judged(self, ratings: Ratings) -> Ratings:
        return ratings.rows((ratings.rated_at >= self.cut_off) & (ratings.rated_at < self.until))


@dataclass(frozen=True)
class WindowFacts:
    """What a window's models learned from, and what they are judged on.

    Attributes
    ----------
    starts_at, ends_at : the oldest and the newest judged rating
    newest_training_row, newest_training_tag : of what was learned from; None without tags
    n_warm_users, n_new_users : users with judged ratings, with and without ratings that were learned from
    n_new_items : items with judged ratings, without ratings that were learned from
    """

    starts_at: int
    ends_at: int
    newest_training_row: int
    newest_training_tag: int | None
    n_train: int
    n_judged: int
    n_warm_users: int
    n_new_users: int
    n_new_items: int


def cut_windows(rated_at: Moments, *, n_windows: int, initial_share: float) -> list[Window]:
    """Cut time into windows with equally many ratings, after a share that is only learned from.

    With n ratings in order of time, window j (from 0) starts at the time of the rating in place
    ⌊n (s + j (1 − s) / n_windows)⌋. Equal times are never parted: all of them lie in the window that one of them
    begins, so that windows are as equal as ties allow. The last window reaches past the newest rating.

    Raises
    ------
    ValueError
        If ``initial_share`` is outside 0 to 1, both excluded, or if a window or what is learned before the first one
        would be empty.
    """
    if not 0 < initial_share < 1:
        raise ValueError(f"initial_share must lie between 0 and 1; got {initial_share}")
    ordered = np.sort(rated_at)
    shares = initial_share + np.arange(n_windows) * (1 - initial_share) / n_windows
    cuts = ordered[np.floor(shares * ordered.size + 1e-9).astype(np.int64)] if ordered.size else ordered
    edges = [*cuts.tolist(), *(ordered[-1:] + 1).tolist()]
    if not ordered.size or cuts[0] == ordered[0] or np.unique(edges).size < n_windows + 1:
        raise ValueError(
            f"{ordered.size} ratings at {np.unique(ordered).size} different times can't be cut into {n_windows} "
            f"windows after the first {initial_share:.0%}: more ratings, or ratings with times, are needed"
        )
    return [Window(start, end) for start, end in pairwise(edges)]


def describe(past: History, judged: Ratings) -> WindowFacts:
    """Say what was learned from and what is judged; of ``past`` as models get it, not as the window wants it."""
    learned = past.ratings
    users = np.unique(judged.user_id)
    warm = np.isin(users, learned.user_id)
    items = np.unique(judged.item_id)
    tagged_at = past.tags.tagged_at
    return WindowFacts(
        starts_at=int(judged.rated_at.min()),
        ends_at=int(judged.rated_at.max()),
        newest_training_row=int(learned.rated_at.max()),
        newest_training_tag=int(tagged_at.max()) if tagged_at.size else None,
        n_train=learned.rated_at.size,
        n_judged=judged.rated_at.size,
        n_warm_users=int(np.count_nonzero(warm)),
        n_new_users=int(np.count_nonzero(~warm)),
        n_new_items=int(np.count_nonzero(~np.isin(items, learned.item_id))),
    )
