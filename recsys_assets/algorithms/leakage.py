"""Whether models know what they must not: rows whose meaning was shuffled away, and how far chance takes a score.

A model that learned from shuffled rows knows nothing of users' taste. If it still tells held-out likes from other rows
beyond chance, it has seen them: through a join, an index, a statistic over all rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recsys_assets.algorithms.liking.judging import auc, user_aucs
from recsys_assets.algorithms.rating_prediction.log import Days, RatingLog

__all__ = [
    "Contest",
    "Verdict",
    "deviation",
    "likes_against",
    "likes_against_likes_of_others",
    "likes_against_other_items",
    "rows_of_users",
    "share_newer",
    "shuffle_items",
    "shuffle_stars",
    "tell_apart",
]

Values = NDArray[np.floating]
Weights = NDArray[np.float64]
Mask = NDArray[np.bool_]
Numbers = NDArray[np.integer]


def shuffle_stars(log: RatingLog, *, seed: int) -> RatingLog:
    """Deal the stars anew among all rows: who rated what and when stays, how much they liked it is lost."""
    return replace(log, rating=np.random.default_rng(seed).permutation(log.rating))


def shuffle_items(log: RatingLog, *, seed: int) -> RatingLog:
    """Replace each user's items by as many distinct ones, drawn uniformly: all items are then alike.

    Stars and times stay with their rows. To a model that knows no item by anything but who rated it, any item is
    as good as another, so that held-out ones beat others with probability 1/2 exactly.
    """
    rng = np.random.default_rng(seed)
    item = np.empty_like(log.item)
    order = np.argsort(log.user, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(log.user[order])) + 1):
        item[rows] = rng.choice(log.n_items, size=rows.size, replace=False)
    return replace(log, item=item)


def rows_of_users(log: RatingLog, *, max_rows: int, seed: int) -> Mask:
    """Mark users drawn at random, as many as have `max_rows` ratings together; the first one whatever it has.

    Returns
    -------
    shape (n_users,), bool
    """
    order = np.random.default_rng(seed).permutation(log.n_users)
    n_ratings = np.cumsum(np.bincount(log.user, minlength=log.n_users)[order])
    chosen = np.zeros(log.n_users, dtype=bool)
    chosen[order[: max(int(np.searchsorted(n_ratings, max_rows, side="right")), 1)]] = True
    return chosen


@dataclass(frozen=True)
class Contest:
    """Held-out rows that a model should tell apart, or by chance only. Shape (n_rows,) each.

    Attributes
    ----------
    user, item : row and column numbers
    liked : whether it is one of the rows that score higher in a model that knows them
    day : when, in days since 1970-01-01 UTC
    """

    user: Numbers
    item: Numbers
    day: Days
    liked: Mask

    @property
    def contested(self) -> Mask:
        """Rows of users who have rows of both kinds."""
        n = int(self.user.max(initial=-1)) + 1
        liked, others = (np.bincount(self.user[kind], minlength=n) for kind in (self.liked, ~self.liked))
        both: Mask = ((liked > 0) & (others > 0))[self.user]
        return both

    def rows(self, chosen: Mask) -> Contest:
        return Contest(self.user[chosen], self.item[chosen], self.day[chosen], self.liked[chosen])


def likes_against(held_out: RatingLog, *, like: float) -> Contest:
    """Held-out ratings of at least `like` stars against the others."""
    return Contest(held_out.user, held_out.item, held_out.day, held_out.rating >= like)


def likes_against_other_items(held_out: RatingLog, *, like: float, n_others: int, seed: int) -> Contest:
    """Held-out likes, each against `n_others` items drawn uniformly, of which the user likes none there."""
    likes = held_out.rows(held_out.rating >= like)
    drawn = np.random.default_rng(seed).integers(held_out.n_items, size=likes.rating.size * n_others)
    return _against(likes, drawn, n_others)


def likes_against_likes_of_others(held_out: RatingLog, *, like: float, n_others: int, seed: int) -> Contest:
    """Held-out likes, each against `n_others` likes drawn from all users', of which the user likes none there.

    Where models know items by what they are about, items that are like many others score higher whoever asks, and may
    be liked more or less for it. Among items that are liked alike that cancels: what is left is what a user's own
    vector says.
    """
    likes = held_out.rows(held_out.rating >= like)
    size = likes.rating.size
    drawn = np.random.default_rng(seed).integers(max(size, 1), size=size * n_others)
    return _against(likes, likes.item[drawn], n_others)


def _against(likes: RatingLog, drawn: Numbers, n_others: int) -> Contest:
    user, day = np.repeat(likes.user, n_others), np.repeat(likes.day, n_others)
    unliked = np.asarray(likes.matrix()[user, drawn]).ravel() == 0 if user.size else np.zeros(0, dtype=bool)
    return Contest(
        np.concatenate([likes.user, user[unliked]]),
        np.concatenate([likes.item, drawn[unliked]]),
        np.concatenate([likes.day, day[unliked]]),
        np.concatenate([np.ones(likes.rating.size, dtype=bool), np.zeros(int(unliked.sum()), dtype=bool)]),
    )


@dataclass(frozen=True)
class Verdict:
    """How well scores tell a contest's rows apart, and how well chance does.

    Attributes
    ----------
    auc : mean over shuffles of the AUC that lies farther from chance, for its bound: the mean of users' own, or that
        of all rows at once
    distance : of that AUC from 1/2
    bound : what `distance` may be
    """

    auc: float
    distance: float
    bound: float


def tell_apart(
    contest: Contest, scores: Sequence[Values], *, n_errors: float, tolerance: float, pooled: bool
) -> Verdict | None:
    """Judge what models of several shuffles say of the same rows.

    The bound is `n_errors` standard errors of the mean over shuffles, but at least `tolerance`. The mean of users' own
    AUC and the AUC of all rows are sums 1/2 + Σ c_r U_r and a rest (Hájek's projection): U_r is the row's place among
    all scores, uniform on 0 to 1, with variance 1/12, and the rest has variance 1/12 Σ a² / (n₊ n₋) over the AUCs that
    are averaged, with weights a, of n₊ liked and n₋ other rows. Let a share of the variance of U_r be common to all
    rows of an item, a share to a user's rows of one kind, and the remaining one the row's own. The variance of the sum
    is then a mean, with these shares as weights, of::

        1/12 Σ_i (C_i⁺² + C_i⁻²)      1/12 Σ_u (C_u⁺² + C_u⁻²)      1/12 Σ_r c_r²

    with C⁺ and C⁻ the summed coefficients of liked and of other rows: the largest of the three bounds it. For one list
    that all users share, and likes against evenly spread items, it is Σ w_i² / 12 with w_i the share of the likes that
    are of item i: where a few items have most likes, chance goes far.

    Parameters
    ----------
    scores : shape (n_rows,) each, of models of independent shuffles; the higher, the more liked
    pooled : whether to look at all rows at once too, in which users' generosity counts

    Returns
    -------
    None where no user has rows of both kinds
    """
    judged = contest.contested
    rows = contest.rows(judged)
    if not rows.user.size:
        return None
    values = [score[judged] for score in scores]
    own = float(np.mean([np.nanmean(_own(rows, score)) for score in values]))
    verdicts = [_verdict(own, rows, _own_parts(rows), len(scores), n_errors, tolerance)]
    if pooled:
        whole = float(np.mean([auc(score, rows.liked) for score in values]))
        verdicts.append(_verdict(whole, rows, _pooled_parts(rows), len(scores), n_errors, tolerance))
    return max(verdicts, key=lambda verdict: verdict.distance / verdict.bound)


def share_newer(learned: Days, described: Days) -> float:
    """Mean, over described moments, of the share of learned ratings that were given later; 0 without any."""
    if not learned.size or not described.size:
        return 0.0
    later = learned.size - np.searchsorted(np.sort(learned), described, side="right")
    return float(later.mean() / learned.size)


def _own(rows: Contest, score: Values) -> Weights:
    return user_aucs(rows.user, score, rows.liked, n_users=int(rows.user.max()) + 1)


def _verdict(
    found: float, rows: Contest, parts: _Parts, n_shuffles: int, n_errors: float, tolerance: float
) -> Verdict:
    sums = [
        sum(np.square(np.bincount(group[kind], parts.weight[kind])).sum() for kind in _kinds(rows))
        for group in (rows.item, rows.user, np.arange(rows.user.size))
    ]
    error = float(np.sqrt((max(sums) + parts.rest) / 12 / n_shuffles))
    return Verdict(found, abs(found - 0.5), max(tolerance, n_errors * error))


@dataclass(frozen=True)
class _Parts:
    """Each row's coefficient in an AUC, without its sign, and Σ a² / (n₊ n₋)."""

    weight: Weights
    rest: float


def _own_parts(rows: Contest) -> _Parts:
    """Of the mean of users' own AUC: every user counts alike."""
    n_users = np.unique(rows.user).size
    n_liked, n_others = (
        np.bincount(rows.user[kind], minlength=int(rows.user.max()) + 1) for kind in _kinds(rows)
    )
    weight = np.where(
        rows.liked, 1 / np.maximum(n_liked, 1)[rows.user], 1 / np.maximum(n_others, 1)[rows.user]
    )
    judged = n_liked > 0
    return _Parts(weight / n_users, float((1 / (n_liked[judged] * n_others[judged])).sum() / n_users**2))


def _pooled_parts(rows: Contest) -> _Parts:
    n_liked, n_others = (int(kind.sum()) for kind in _kinds(rows))
    return _Parts(np.where(rows.liked, 1 / n_liked, 1 / n_others), 1 / (n_liked * n_others))


def _kinds(rows: Contest) -> tuple[Mask, Mask]:
    return rows.liked, ~rows.liked


def deviation(found: NDArray[np.generic], expected: NDArray[np.generic]) -> float:
    """The largest difference |found − expected| / (1 + |expected|); infinite where shapes or missing values differ."""
    one, other = np.asarray(found, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    if one.shape != other.shape or not np.array_equal(np.isnan(one), np.isnan(other)):
        return float("inf")
    return float(np.nanmax(np.abs(one - other) / (1 + np.abs(other)), initial=0.0))
