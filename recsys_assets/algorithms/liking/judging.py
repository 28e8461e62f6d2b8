"""Judge probabilities of a like: figures, segments, folds and pairs of models, with intervals over users.

``auc`` is the chance that a liked row scores above one that wasn't, over all rows; most of it is telling generous users
and good items from others. ``auc_per_user`` is the mean of the users' own, in which the user's generosity cancels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from recsys_assets.algorithms.evaluation import (
    ALL,
    Bootstrap,
    Comparison,
    Figure,
    Judgement,
    interval_rows,
)
from recsys_assets.algorithms.liking.calibration import row_losses
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.algorithms.significance import (
    Intervals,
    bootstrap_means,
    bootstrap_totals,
    paired_difference,
)

__all__ = [
    "LIKE_METRICS",
    "LikeRows",
    "auc",
    "judge_like_folds",
    "judge_likes",
    "ndcg_of_users",
    "roc_points",
    "user_aucs",
]

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]
Probabilities = NDArray[np.floating]

LIKE_METRICS = ("auc", "auc_per_user", "log_loss", "brier", "ndcg")
NO_CUT_OFF = 0
"""The k of a figure that is about no list."""


@dataclass(frozen=True)
class LikeRows:
    """Test rows, shape (n_rows,) each.

    Attributes
    ----------
    user, item : row and column numbers
    liked : whether the user gave enough stars
    """

    user: NDArray[np.integer]
    item: NDArray[np.integer]
    liked: Mask
    n_users: int

    @classmethod
    def of(cls, test: RatingLog, *, min_liked: float) -> LikeRows:
        """The rows of a log; ``min_liked`` stars or more are a like."""
        return cls(test.user, test.item, test.rating >= min_liked, test.n_users)

    def rows(self, chosen: Mask) -> LikeRows:
        """Some of the rows; all users stay."""
        return replace(self, user=self.user[chosen], item=self.item[chosen], liked=self.liked[chosen])

    @property
    def judged(self) -> Mask:
        """Users who have rows: shape (n_users,)."""
        return np.bincount(self.user, minlength=self.n_users) > 0


@dataclass(frozen=True)
class _Measured:
    """One model on some rows: what intervals and paired differences of all figures are made from.

    Attributes
    ----------
    aucs : shape (1 + n_resamples,), pooled AUC of the users as they are, then of each resample of them
    totals : shape (n_judged, 3), each user's sums of −log P and of squared errors, and number of rows
    per_user : shape (n_users, 2), each user's own AUC and NDCG, NaN where undefined
    """

    aucs: Values
    totals: Values
    per_user: Values


def judge_likes(
    probabilities: Mapping[str, Probabilities],
    test: LikeRows,
    segments: Mapping[str, Mask],
    *,
    compared: Sequence[tuple[str, str]],
    k: int,
    bootstrap: Bootstrap,
) -> Judgement:
    """Every metric of each model in each segment, and paired differences over the same users.

    ``auc``, ``log_loss`` and ``brier`` are over all rows at once, users drawn whole; ``auc_per_user`` and ``ndcg`` are
    means over the users for whom they are defined, see :func:`user_aucs` and :func:`ndcg_of_users`.

    Parameters
    ----------
    probabilities : shape (n_rows,) each, of the rows of ``test``; ``auc``, ``auc_per_user`` and ``ndcg`` need nothing
        but their order
    segments : masks of those rows
    compared : pairs (model, baseline); pairs of models that aren't there are left out
    k : cut-off of NDCG
    """
    figures: list[Figure] = []
    comparisons: list[Comparison] = []
    for segment, rows in segments.items():
        part = test.rows(rows)
        measured = {
            name: _measure(part, values[rows], k=k, bootstrap=bootstrap)
            for name, values in probabilities.items()
        }
        for name, of_model in measured.items():
            figures += _figures(name, segment, of_model, part, k, bootstrap)
        for name, baseline in compared:
            if name in measured and baseline in measured:
                difference = _differences(measured[name], measured[baseline], bootstrap)
                comparisons += [
                    Comparison(name, baseline, segment, metric, _cut_off(metric, k), *numbers)
                    for metric, numbers in zip(LIKE_METRICS, interval_rows(difference), strict=True)
                ]
    return Judgement(tuple(figures), tuple(comparisons))


def judge_like_folds(
    probabilities: Mapping[str, Probabilities],
    test: LikeRows,
    fold: NDArray[np.str_],
    *,
    k: int,
    bootstrap: Bootstrap,
) -> Iterator[Figure]:
    """Every metric of each model in each fold; over all folds their mean and standard deviation, and the pooled figure.

    The segment ``all`` has ``auc``, the mean over folds; ``auc_std``, their standard deviation with n − 1 in the
    denominator; and ``auc_pooled``, over all rows at once, with an interval over users; likewise for the other metrics.

    Parameters
    ----------
    probabilities : shape (n_rows,) each, of the rows of ``test`` by models that learned from the other folds
    fold : shape (n_rows,), the fold of each row; at least two folds
    """
    names = np.unique(fold)
    for model, values in probabilities.items():
        of_folds = []
        for name in names:
            rows = fold == name
            figures = list(_judge(model, str(name), values[rows], test.rows(rows), k, bootstrap))
            of_folds.append([figure.value for figure in figures])
            yield from figures
        pooled = _judge(model, ALL, values, test, k, bootstrap)
        for metric, over_folds, figure in zip(LIKE_METRICS, np.transpose(of_folds), pooled, strict=True):
            mean, spread = float(over_folds.mean()), float(over_folds.std(ddof=1))
            yield replace(figure, value=mean, ci_low=np.nan, ci_high=np.nan)
            yield replace(figure, metric=f"{metric}_std", value=spread, ci_low=np.nan, ci_high=np.nan)
            yield replace(figure, metric=f"{metric}_pooled")


def auc(score: Probabilities, liked: Mask) -> float:
    """Area under the ROC curve: P(score of a liked row > of another) + ½ P(equal); NaN without rows of both kinds.

    Parameters
    ----------
    score : shape (n_rows,)
    """
    return float(user_aucs(np.zeros(score.size, dtype=np.int64), score, liked, n_users=1)[0])


def user_aucs(user: NDArray[np.integer], score: Probabilities, liked: Mask, *, n_users: int) -> Values:
    """Each user's own AUC; NaN for a user without liked or without other rows.

    With n₊ liked rows, n₋ others and ranks from 1 in the user's rows, equal scores sharing their mean rank, it is
    (Mann & Whitney 1947)::

        (Σ ranks of liked rows − n₊ (n₊ + 1) / 2) / (n₊ n₋)

    Parameters
    ----------
    user, score : shape (n_rows,)

    Returns
    -------
    shape (n_users,)
    """
    order = np.lexsort((score, user))
    sorted_user, sorted_score, sorted_liked = user[order], score[order], liked[order]
    tie, n_tied = _runs(sorted_user, sorted_score)
    first = np.cumsum(n_tied) - n_tied
    rank = (first + (n_tied + 1) / 2)[tie] - np.searchsorted(sorted_user, sorted_user)
    n_liked, n_others = _sums(user, liked, n_users), _sums(user, ~liked, n_users)
    above = _sums(sorted_user, rank * sorted_liked, n_users) - n_liked * (n_liked + 1) / 2
    return _ratio(above, n_liked * n_others)


def ndcg_of_users(test: LikeRows, score: Probabilities, *, k: int) -> Values:
    """NDCG at k of each user's own test items by falling score, gain 1 for a like; NaN for a user without a like.

    The formula is that of :func:`~recsys_assets.algorithms.metrics.ranking_metrics`; equal scores go by item number.
    Only items that the user chose to rate are ranked, so that it is far higher than NDCG of lists made from all items.

    Parameters
    ----------
    score : shape (n_rows,)

    Returns
    -------
    shape (n_users,)
    """
    order = np.lexsort((test.item, -score, test.user))
    user, liked = test.user[order], test.liked[order]
    place = np.arange(user.size) - np.searchsorted(user, user)
    discount = 1 / np.log2(np.arange(k) + 2)
    gain = np.where(liked & (place < k), discount[np.minimum(place, k - 1)], 0.0)
    n_liked = _sums(user, liked, test.n_users).astype(np.int64)
    ideal = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum(n_liked, k)]
    return _ratio(_sums(user, gain, test.n_users), ideal)


def roc_points(score: Probabilities, liked: Mask, *, n_points: int) -> tuple[Values, Values]:
    """The ROC curve at evenly spaced shares of the rows not liked.

    Returns
    -------
    false positive rate 0, …, 1 and true positive rate, both of shape (n_points,)

    Raises
    ------
    ValueError
        If there are not rows of both kinds.
    """
    n_liked = np.count_nonzero(liked)
    if not 0 < n_liked < liked.size:
        raise ValueError(f"{n_liked} of {liked.size} rows are liked; a ROC curve needs rows of both kinds")
    order = np.argsort(-score, kind="stable")
    tie, n_tied = _runs(score[order])
    n_hits = np.cumsum(np.bincount(tie, weights=liked[order]))
    hits = np.concatenate([[0.0], n_hits / n_liked])
    misses = np.concatenate([[0.0], (np.cumsum(n_tied) - n_hits) / (liked.size - n_liked)])
    rate = np.linspace(0, 1, n_points)
    # Where the curve climbs straight up, interpolation takes the last of equal abscissae, the curve's upper end.
    return rate, np.interp(rate, misses, hits)


def _judge(
    model: str, segment: str, values: Probabilities, part: LikeRows, k: int, bootstrap: Bootstrap
) -> Iterator[Figure]:
    measured = _measure(part, values, k=k, bootstrap=bootstrap)
    return _figures(model, segment, measured, part, k, bootstrap)


def _measure(part: LikeRows, values: Probabilities, *, k: int, bootstrap: Bootstrap) -> _Measured:
    columns = (
        row_losses(values, part.liked),
        np.square(values.astype(np.float64) - part.liked),
        np.ones(values.size),
    )
    totals = np.column_stack([_sums(part.user, each, part.n_users) for each in columns])
    per_user = np.column_stack(
        [
            user_aucs(part.user, values, part.liked, n_users=part.n_users),
            ndcg_of_users(part, values, k=k),
        ]
    )
    return _Measured(_resampled_aucs(part, values, bootstrap), totals[part.judged], per_user)


def _resampled_aucs(part: LikeRows, values: Probabilities, bootstrap: Bootstrap) -> Values:
    """Pooled AUC of the users as they are, then of each resample: the same draws for every model of the same rows."""
    order = np.argsort(values, kind="stable")
    tie, _ = _runs(values[order])
    number = (np.cumsum(part.judged) - 1)[part.user[order]]
    liked = part.liked[order]
    n_users = int(np.count_nonzero(part.judged))
    rng = np.random.default_rng(bootstrap.seed)
    aucs = np.full(1 + bootstrap.n_resamples, np.nan)
    if n_users:
        aucs[0] = _weighted_auc(number, liked, tie, np.ones(n_users, dtype=np.int64))
        for resample in range(bootstrap.n_resamples):
            drawn = np.bincount(rng.integers(n_users, size=n_users), minlength=n_users)
            aucs[1 + resample] = _weighted_auc(number, liked, tie, drawn)
    return aucs


@njit(cache=True, nogil=True)
def _weighted_auc(
    user: NDArray[np.int64], liked: Mask, tie: NDArray[np.int64], weight: NDArray[np.int64]
) -> float:
    """AUC of rows in rising order of score, each counted as often as its user; NaN without rows of both kinds."""
    below, tied, tied_liked, n_liked, doubled = 0, 0, 0, 0, 0
    for row in range(user.size):
        if row and tie[row] != tie[row - 1]:
            doubled += tied_liked * (2 * below + tied)
            below, n_liked, tied, tied_liked = below + tied, n_liked + tied_liked, 0, 0
        if liked[row]:
            tied_liked += weight[user[row]]
        else:
            tied += weight[user[row]]
    doubled += tied_liked * (2 * below + tied)
    n_pairs = (n_liked + tied_liked) * (below + tied)
    return doubled / (2 * n_pairs) if n_pairs else np.nan


def _figures(
    model: str, segment: str, measured: _Measured, part: LikeRows, k: int, bootstrap: Bootstrap
) -> Iterator[Figure]:
    intervals = _joined(
        _auc_interval(measured.aucs, len(measured.totals), bootstrap),
        bootstrap_totals(measured.totals, _pooled, **asdict(bootstrap)),
        bootstrap_means(measured.per_user, **asdict(bootstrap)),
    )
    for metric, numbers in zip(LIKE_METRICS, interval_rows(intervals), strict=True):
        yield Figure(model, segment, metric, _cut_off(metric, k), *numbers)


def _differences(model: _Measured, baseline: _Measured, bootstrap: Bootstrap) -> Intervals:
    def pooled(totals: Values) -> Values:
        return _pooled(totals[:, :3]) - _pooled(totals[:, 3:])

    both = np.hstack([model.totals, baseline.totals])
    return _joined(
        _auc_interval(model.aucs - baseline.aucs, len(both), bootstrap),
        bootstrap_totals(both, pooled, **asdict(bootstrap)),
        paired_difference(model.per_user, baseline.per_user, **asdict(bootstrap)),
    )


def _auc_interval(aucs: Values, n_users: int, bootstrap: Bootstrap) -> Intervals:
    resampled = aucs[1:][~np.isnan(aucs[1:])]
    tails = (1 - bootstrap.confidence) / 2, (1 + bootstrap.confidence) / 2
    low, high = np.quantile(resampled, tails) if resampled.size else (np.nan, np.nan)
    return Intervals(aucs[:1], np.array([low]), np.array([high]), np.array([n_users]))


def _joined(pooled_auc: Intervals, pooled: Intervals, per_user: Intervals) -> Intervals:
    """The intervals in the order of ``LIKE_METRICS``."""

    def order(of: Callable[[Intervals], NDArray[np.generic]]) -> NDArray[np.generic]:
        own_auc, ndcg = of(per_user)
        return np.array([*of(pooled_auc), own_auc, *of(pooled), ndcg])

    return Intervals(
        order(lambda each: each.value).astype(np.float64),
        order(lambda each: each.low).astype(np.float64),
        order(lambda each: each.high).astype(np.float64),
        order(lambda each: each.n).astype(np.int64),
    )


def _pooled(totals: Values) -> Values:
    """From totals of losses, squared errors and rows, (n, 3), to log loss and Brier score, (n, 2)."""
    return np.column_stack([_ratio(totals[:, column], totals[:, 2]) for column in (0, 1)])


def _runs(*columns: NDArray[np.generic]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the runs of equal rows in sorted columns: the run of each row, and the length of each run."""
    starts = np.zeros(columns[0].size, dtype=bool)
    starts[:1] = True
    for column in columns:
        starts[1:] |= column[1:] != column[:-1]
    run = np.cumsum(starts) - 1
    return run, np.bincount(run)


def _sums(group: NDArray[np.integer], values: NDArray[np.number] | Mask, n_groups: int) -> Values:
    # Without rows bincount gives whole numbers.
    return np.bincount(group, weights=values, minlength=n_groups).astype(np.float64, copy=False)


def _cut_off(metric: str, k: int) -> int:
    return k if metric == "ndcg" else NO_CUT_OFF


def _ratio(part: Values, whole: Values) -> Values:
    ratio: Values = np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
    return ratio
