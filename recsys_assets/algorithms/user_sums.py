"""What each user adds to a model's figure: the form in which two models of a task are compared over the same users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys_assets.algorithms.evaluation import ALL, likes_of, segment_items, segment_users
from recsys_assets.algorithms.interactions import SparseRows
from recsys_assets.algorithms.liking.calibration import row_losses
from recsys_assets.algorithms.metrics import hit_matrix, ranking_metrics
from recsys_assets.algorithms.rating_prediction.log import RatingLog, Stars
from recsys_assets.algorithms.topn import Items

__all__ = [
    "TAIL",
    "USER_SEGMENTS",
    "Evidence",
    "Metric",
    "UserSums",
    "evidence_of_likes",
    "evidence_of_lists",
    "evidence_of_stars",
]

USER_SEGMENTS = ("light_users", "medium_users", "heavy_users")
TAIL = "tail_items"

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class UserSums:
    """Sums of each user's rows, both of shape (n_users,); a user who isn't judged adds 0 to both.

    Attributes
    ----------
    total : Σ of the rows' losses or gains
    weight : what the total is divided by in the end: number of rows, or 1 for a mean over users
    """

    total: Values
    weight: Values

    def within(self, users: Mask) -> UserSums:
        """Those of some users; the others add nothing."""
        return UserSums(np.where(users, self.total, 0.0), np.where(users, self.weight, 0.0))

    @property
    def n_users(self) -> int:
        """Users who are judged."""
        return int(np.count_nonzero(self.weight))


Evidence = Mapping[str, UserSums]
"""A model's sums by segment: all users, the thirds of them, and likes or ratings of tail items."""


@dataclass(frozen=True)
class Metric:
    """How totals become a figure: Σ total / Σ weight, and its root if ``rooted``; NaN without weight."""

    rooted: bool
    lower_is_better: bool

    def of_totals(self, total: Values, weight: Values) -> Values:
        """The figure of each entry."""
        mean: Values = np.divide(total, weight, out=np.full(total.shape, np.nan), where=weight > 0)
        return np.sqrt(mean, out=mean) if self.rooted else mean

    def of(self, sums: UserSums) -> float:
        return float(self.of_totals(np.array([sums.total.sum()]), np.array([sums.weight.sum()]))[0])

    def gain(self, one: Values, other: Values) -> Values:
        """By how much the one is better: one − other, or the reverse where less is better."""
        return other - one if self.lower_is_better else one - other


def evidence_of_lists(
    lists: Items, relevant: SparseRows, learned: SparseRows, *, k: int, head_share: float
) -> Evidence:
    """NDCG@k of each user with a relevant item; in tail items only likes of those are relevant.

    Parameters
    ----------
    lists : shape (n_users, n), n ≥ k, item numbers, −1 for an empty place
    relevant : shape (n_users, n_items), held-out likes
    learned : shape (n_users, n_items), ratings learned from: they make the segments
    """
    tail = segment_items(np.bincount(learned.indices, minlength=learned.shape[1]), head_share=head_share)[
        TAIL
    ]
    overall = _ndcg(lists, relevant, k)
    return _segmented(overall, _ndcg(lists, likes_of(relevant, tail), k), np.diff(learned.indptr))


def evidence_of_stars(
    predicted: Stars, test: RatingLog, learned: RatingLog, *, head_share: float
) -> Evidence:
    """Squared errors of each user's test rows; their mean's root is the RMSE.

    Parameters
    ----------
    predicted : shape (n_ratings,), stars of the rows of ``test``
    """
    squared = np.square(predicted.astype(np.float64) - test.rating)
    return _of_rows(squared, test, learned, head_share)


def evidence_of_likes(
    probability: NDArray[np.floating],
    test: RatingLog,
    learned: RatingLog,
    *,
    min_liked: float,
    head_share: float,
) -> Evidence:
    """−log P(as observed) of each user's test rows; their mean is the log loss.

    Parameters
    ----------
    probability : shape (n_ratings,), of a like, for the rows of ``test``
    min_liked : stars from which a rating is a like
    """
    return _of_rows(row_losses(probability, test.rating >= min_liked), test, learned, head_share)


def _of_rows(losses: Values, test: RatingLog, learned: RatingLog, head_share: float) -> Evidence:
    n_item_ratings = np.bincount(learned.item, minlength=learned.n_items)
    in_tail = segment_items(n_item_ratings, head_share=head_share)[TAIL][test.item]

    def sums(rows: Mask) -> UserSums:
        user = test.user[rows]
        return UserSums(
            np.bincount(user, weights=losses[rows], minlength=test.n_users).astype(np.float64),
            np.bincount(user, minlength=test.n_users).astype(np.float64),
        )

    n_user_ratings = np.bincount(learned.user, minlength=learned.n_users)
    return _segmented(sums(np.ones(losses.size, dtype=bool)), sums(in_tail), n_user_ratings)


def _segmented(overall: UserSums, tail: UserSums, n_user_ratings: NDArray[np.integer]) -> Evidence:
    masks = segment_users(n_user_ratings)
    return {ALL: overall, **{name: overall.within(masks[name]) for name in USER_SEGMENTS}, TAIL: tail}


def _ndcg(lists: Items, relevant: SparseRows, k: int) -> UserSums:
    values = ranking_metrics(hit_matrix(lists, relevant), np.diff(relevant.indptr), k=k)["ndcg"]
    return UserSums(np.nan_to_num(values), (~np.isnan(values)).astype(np.float64))
