"""How good predicted stars are: errors, their intervals over users, calibration, and the top of the rankings they give.

Throughout, ``predicted`` and ``actual`` are stars of the same rows, shape (n,).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys_assets.algorithms.metrics import hit_matrix, ranking_metrics
from recsys_assets.algorithms.rating_prediction.log import RatingLog, Stars
from recsys_assets.algorithms.significance import Intervals, bootstrap_totals
from recsys_assets.algorithms.topn import Items

__all__ = [
    "ERROR_METRICS",
    "TOP_METRICS",
    "Calibration",
    "GroupErrors",
    "UserErrors",
    "activity_groups",
    "calibration",
    "clip_to_scale",
    "complete_lists",
    "error_differences",
    "error_intervals",
    "errors_by_group",
    "mae",
    "own_test_items",
    "rmse",
    "user_errors",
]

ERROR_METRICS = ("rmse", "mae")
TOP_METRICS = ("precision", "recall", "f1")

Values = NDArray[np.float64]


@dataclass(frozen=True)
class UserErrors:
    """Each user's sums over the user's rows, all of shape (n_users,).

    Attributes
    ----------
    squared : Σ (predicted − actual)²
    absolute : Σ |predicted − actual|
    n : number of rows
    """

    squared: Values
    absolute: Values
    n: NDArray[np.int64]


@dataclass(frozen=True)
class GroupErrors:
    """Errors of each group of rows, all of shape (n_groups,); NaN where a group has no rows."""

    rmse: Values
    mae: Values
    n: NDArray[np.int64]


@dataclass(frozen=True)
class Calibration:
    """Mean predicted and mean actual stars of the rows in each bin of predicted stars, empty bins left out.

    Attributes
    ----------
    bin : shape (n_bins,), the number of the bin, from 1, rising
    predicted, actual, n : shape (n_bins,)
    """

    bin: NDArray[np.int64]
    predicted: Values
    actual: Values
    n: NDArray[np.int64]

    @property
    def expected_error(self) -> float:
        """Σ n |mean predicted − mean actual| / Σ n, in stars; NaN without rows."""
        off = np.abs(self.predicted - self.actual)
        return float(np.average(off, weights=self.n)) if self.n.size else np.nan


def clip_to_scale(stars: Stars, scale: tuple[float, float]) -> Stars:
    """Move what lies outside the lowest and the highest rating to these."""
    return np.clip(stars, *scale)


def rmse(predicted: Stars, actual: Stars) -> float:
    """Root of the mean squared error, in stars; NaN without rows."""
    return float(_of_all(predicted, actual).rmse[0])


def mae(predicted: Stars, actual: Stars) -> float:
    """Mean absolute error, in stars; NaN without rows."""
    return float(_of_all(predicted, actual).mae[0])


def user_errors(user: NDArray[np.integer], predicted: Stars, actual: Stars, *, n_users: int) -> UserErrors:
    """Sum up the errors of each user, those of the users without rows to 0."""
    error = predicted.astype(np.float64) - actual
    return UserErrors(
        _sums(user, np.square(error), n_users),
        _sums(user, np.abs(error), n_users),
        np.bincount(user, minlength=n_users),
    )


def error_intervals(errors: UserErrors, *, n_resamples: int, confidence: float, seed: int) -> Intervals:
    """RMSE = √(Σ_u squared_u / Σ_u n_u) and MAE = Σ_u absolute_u / Σ_u n_u, with intervals over users.

    Users with rows are drawn whole, see :func:`~recsys_assets.algorithms.significance.bootstrap_totals`.

    Returns
    -------
    fields of shape (2,), in the order of ``ERROR_METRICS``; NaN if no user has rows
    """
    totals = _totals(errors)[errors.n > 0]
    return bootstrap_totals(totals, _rmse_and_mae, n_resamples=n_resamples, confidence=confidence, seed=seed)


def error_differences(
    model: UserErrors, baseline: UserErrors, *, n_resamples: int, confidence: float, seed: int
) -> Intervals:
    """RMSE and MAE of the model minus those of the baseline, both of the same users in every resample.

    An interval below 0 says that the model is more accurate for users like these.

    Returns
    -------
    fields of shape (2,), in the order of ``ERROR_METRICS``

    Raises
    ------
    ValueError
        If the two were not measured on equally many rows of each user.
    """
    if not np.array_equal(model.n, baseline.n):
        raise ValueError(
            f"the model was measured on {model.n.sum()} rows of {model.n.size} users and the baseline on "
            f"{baseline.n.sum()} of {baseline.n.size}, or on others; measure both on the same rows"
        )

    def differences(totals: Values) -> Values:
        return _rmse_and_mae(totals[:, :3]) - _rmse_and_mae(totals[:, 3:])

    totals = np.hstack([_totals(model), _totals(baseline)])[model.n > 0]
    return bootstrap_totals(totals, differences, n_resamples=n_resamples, confidence=confidence, seed=seed)


def calibration(predicted: Stars, actual: Stars, *, scale: tuple[float, float], n_bins: int) -> Calibration:
    """Compare predicted with actual stars in ``n_bins`` equal parts of the scale.

    A part holds its lower end, the last one its upper end too; what lies outside counts to the first or last.
    """
    low, high = scale
    place = np.floor((predicted.astype(np.float64) - low) / (high - low) * n_bins).astype(np.int64)
    bins = np.clip(place, 0, n_bins - 1)
    n = np.bincount(bins, minlength=n_bins)
    filled = n > 0
    mean_predicted, mean_actual = (
        _sums(bins, stars, n_bins)[filled] / n[filled] for stars in (predicted, actual)
    )
    return Calibration(np.flatnonzero(filled) + 1, mean_predicted, mean_actual, n[filled])


def activity_groups(n_ratings: NDArray[np.integer], *, n_groups: int) -> NDArray[np.int64]:
    """Divide users, or items, into ``n_groups`` by the number of ratings learned from.

    Group 0 has no ratings; 1 to ``n_groups`` part the others at the quantiles of their numbers, 1 being the least
    active. Those on a boundary belong to the less active group.

    Parameters
    ----------
    n_ratings : shape (n,), of each user or item

    Returns
    -------
    shape (n,); ``groups[user]`` are the groups of rows
    """
    groups = np.zeros(n_ratings.size, dtype=np.int64)
    rated = n_ratings > 0
    if rated.any():
        shares = np.arange(1, n_groups) / n_groups
        bounds = np.quantile(n_ratings[rated], shares, method="inverted_cdf")
        groups[rated] = 1 + np.searchsorted(bounds, n_ratings[rated])
    return groups


def errors_by_group(
    group: NDArray[np.integer], predicted: Stars, actual: Stars, *, n_groups: int
) -> GroupErrors:
    """Errors of the rows of each group, numbered from 0."""
    sums = user_errors(group, predicted, actual, n_users=n_groups)
    errors = _rmse_and_mae(_totals(sums))
    return GroupErrors(errors[:, 0], errors[:, 1], sums.n)


def complete_lists(lists: Items, test: RatingLog, *, k: int, min_relevant: float) -> dict[str, Values]:
    """Precision, recall and F1 at k of lists made from all items, an unrated item counting as not relevant.

    Precision and recall are those of :func:`~recsys_assets.algorithms.metrics.ranking_metrics`, F1 their harmonic mean,
    0 where both are 0. Users without relevant test items have NaN.

    Parameters
    ----------
    lists : shape (n_users, n), n ≥ k, item numbers, best first, −1 for an empty place
    min_relevant : stars from which a test rating makes its item relevant

    Returns
    -------
    one array of shape (n_users,) for each name in ``TOP_METRICS``
    """
    relevant = test.rows(test.rating >= min_relevant).matrix()
    measured = ranking_metrics(hit_matrix(lists, relevant), np.diff(relevant.indptr), k=k)
    return _with_f1(measured["precision"], measured["recall"])


def own_test_items(test: RatingLog, predicted: Stars, *, k: int, min_relevant: float) -> dict[str, Values]:
    """Precision, recall and F1 at k where only the user's own test items are ranked, by predicted stars.

    The published way. It knows beforehand what the user chose to rate, so that these figures are far higher than those
    of :func:`complete_lists` and not to be compared with them. Of a user with t test items, the first m = min(k, t) are
    taken, equal predictions by item number::

        precision  relevant among the first m / m         NaN without test items
        recall     relevant among the first m / relevant  NaN without relevant test items
        f1         their harmonic mean, 0 where both are 0

    Parameters
    ----------
    predicted : shape (n,), stars of the rows of ``test``
    min_relevant : stars from which a test rating makes its item relevant

    Returns
    -------
    one array of shape (n_users,) for each name in ``TOP_METRICS``
    """
    order = np.lexsort((test.item, -predicted, test.user))
    user, relevant = test.user[order], test.rating[order] >= min_relevant
    listed = np.arange(user.size) - np.searchsorted(user, user) < k
    n_listed, n_hits, n_relevant = (
        np.bincount(user[rows], minlength=test.n_users) for rows in (listed, listed & relevant, relevant)
    )
    return _with_f1(_ratio(n_hits, n_listed), _ratio(n_hits, n_relevant))


def _of_all(predicted: Stars, actual: Stars) -> GroupErrors:
    return errors_by_group(np.zeros(predicted.size, dtype=np.int64), predicted, actual, n_groups=1)


def _sums(group: NDArray[np.integer], values: NDArray[np.floating], n_groups: int) -> Values:
    # Without rows bincount gives whole numbers.
    return np.bincount(group, weights=values, minlength=n_groups).astype(np.float64, copy=False)


def _totals(errors: UserErrors) -> Values:
    return np.column_stack([errors.squared, errors.absolute, errors.n.astype(np.float64)])


def _rmse_and_mae(totals: Values) -> Values:
    """From totals of squared errors, absolute errors and rows, (n, 3), to RMSE and MAE, (n, 2)."""
    squared, absolute, n = totals.T
    return np.column_stack([np.sqrt(_ratio(squared, n)), _ratio(absolute, n)])


def _with_f1(precision: Values, recall: Values) -> dict[str, Values]:
    both = precision + recall
    # Starting from 0 · both keeps NaN where either is undefined.
    f1 = np.divide(2 * precision * recall, both, out=0 * both, where=both > 0)
    return dict(zip(TOP_METRICS, (precision, recall, f1), strict=True))


def _ratio(part: NDArray[np.number], whole: NDArray[np.number]) -> Values:
    ratio: Values = np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
    return ratio
