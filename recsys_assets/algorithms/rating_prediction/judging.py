"""Judge predicted stars and the lists they make: figures, segments and pairs of models, with intervals over users."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace

import numpy as np
from numpy.typing import NDArray

from recsys_assets.algorithms.beyond_accuracy import catalog_coverage
from recsys_assets.algorithms.evaluation import (
    ALL,
    Bootstrap,
    Comparison,
    Figure,
    Judgement,
    interval_rows,
    segment_items,
    segment_users,
)
from recsys_assets.algorithms.rating_prediction.accuracy import (
    ERROR_METRICS,
    calibration,
    complete_lists,
    error_differences,
    error_intervals,
    own_test_items,
    user_errors,
)
from recsys_assets.algorithms.rating_prediction.log import RatingLog, Stars
from recsys_assets.algorithms.significance import Intervals, bootstrap_means
from recsys_assets.algorithms.topn import Items

__all__ = [
    "ALL_ITEMS",
    "NO_CUT_OFF",
    "OWN_TEST_ITEMS",
    "judge_folds",
    "judge_lists_of_stars",
    "judge_stars",
    "segments_of",
]

NO_CUT_OFF = 0
"""The k of a figure that is about no list."""
OWN_TEST_ITEMS = "own_test_items"
ALL_ITEMS = "all_items"

Mask = NDArray[np.bool_]


def segments_of(test: RatingLog, learned: RatingLog, *, head_share: float) -> dict[str, Mask]:
    """Masks of test rows: all; by how much was learned of their user, and of their item."""
    n_users, n_items = (
        np.bincount(learned.user, minlength=learned.n_users),
        np.bincount(learned.item, minlength=learned.n_items),
    )
    users = {name: mask[test.user] for name, mask in segment_users(n_users).items()}
    items = segment_items(n_items, head_share=head_share)
    masks = {ALL: np.ones(test.rating.size, dtype=bool), **users}
    masks |= {name: mask[test.item] for name, mask in items.items()}
    return {name: mask for name, mask in masks.items() if mask.any()}


def judge_stars(
    predictions: Mapping[str, Stars],
    test: RatingLog,
    segments: Mapping[str, Mask],
    *,
    compared: Sequence[tuple[str, str]],
    n_bins: int,
    scale: tuple[float, float],
    bootstrap: Bootstrap,
) -> Judgement:
    """RMSE and MAE of each model in each segment, its calibration error, and the paired differences.

    Parameters
    ----------
    predictions : shape (n_ratings,) each, stars of the rows of ``test``
    segments : masks of those rows
    compared : pairs (model, baseline); a difference below 0 says that the model errs less
    n_bins : bins of predicted stars of the calibration error
    """
    figures: list[Figure] = []
    comparisons: list[Comparison] = []
    for segment, rows in segments.items():
        part = test.rows(rows)
        errors = {
            name: user_errors(part.user, stars[rows], part.rating, n_users=test.n_users)
            for name, stars in predictions.items()
        }
        for name, of_model in errors.items():
            intervals = error_intervals(of_model, **asdict(bootstrap))
            figures += _figures(name, segment, ERROR_METRICS, NO_CUT_OFF, intervals)
        for name, baseline in compared:
            if name in errors and baseline in errors:
                difference = error_differences(errors[name], errors[baseline], **asdict(bootstrap))
                comparisons += [
                    Comparison(name, baseline, segment, metric, NO_CUT_OFF, *numbers)
                    for metric, numbers in zip(ERROR_METRICS, interval_rows(difference), strict=True)
                ]
    n_users = int(np.count_nonzero(np.bincount(test.user)))
    for name, stars in predictions.items():
        error = calibration(stars, test.rating, scale=scale, n_bins=n_bins).expected_error
        figures.append(Figure(name, ALL, "calibration_error", NO_CUT_OFF, error, np.nan, np.nan, n_users))
    return Judgement(tuple(figures), tuple(comparisons))


def judge_lists_of_stars(
    lists: Mapping[str, Items],
    predictions: Mapping[str, Stars],
    test: RatingLog,
    *,
    k: int,
    min_relevant: float,
    bootstrap: Bootstrap,
) -> Iterator[Figure]:
    """Precision, recall and F1 at k, twice, and catalogue coverage.

    As ``all_items`` of lists made from all items that a user had not rated; as ``own_test_items``, the published way,
    of each user's test items ranked by predicted stars, which is far easier.

    Parameters
    ----------
    lists : shape (n_users, n) each, n ≥ k
    predictions : shape (n_ratings,) each, stars of the rows of ``test``
    """
    for name, items in lists.items():
        complete = complete_lists(items, test, k=k, min_relevant=min_relevant)
        own = own_test_items(test, predictions[name], k=k, min_relevant=min_relevant)
        for segment, measured in ((ALL_ITEMS, complete), (OWN_TEST_ITEMS, own)):
            means = bootstrap_means(np.column_stack(list(measured.values())), **asdict(bootstrap))
            yield from _figures(name, segment, tuple(measured), k, means)
        coverage = catalog_coverage(items[:, :k], test.n_items)
        yield Figure(name, ALL_ITEMS, "coverage", k, coverage, np.nan, np.nan, len(items))


def judge_folds(
    predictions: Mapping[str, Stars],
    test: RatingLog,
    fold: NDArray[np.str_],
    *,
    bootstrap: Bootstrap,
) -> Iterator[Figure]:
    """RMSE and MAE of each model in each fold; over all folds their mean and standard deviation, and the pooled error.

    The segment ``all`` has ``rmse``, the mean over folds; ``rmse_std``, their standard deviation with n − 1 in the
    denominator; and ``rmse_pooled``, over all rows at once, with an interval over users; likewise for MAE.

    Parameters
    ----------
    predictions : shape (n_ratings,) each, stars of the rows of ``test`` by models that learned from the other folds
    fold : shape (n_ratings,), the fold of each row
    """
    names = np.unique(fold)
    for model, stars in predictions.items():
        values = []
        for name in names:
            figures = list(_errors(model, str(name), stars[fold == name], test.rows(fold == name), bootstrap))
            values.append([figure.value for figure in figures])
            yield from figures
        pooled = list(_errors(model, ALL, stars, test, bootstrap))
        for metric, over_folds, figure in zip(ERROR_METRICS, np.transpose(values), pooled, strict=True):
            n_users = figure.n_users
            yield Figure(model, ALL, metric, NO_CUT_OFF, float(over_folds.mean()), np.nan, np.nan, n_users)
            spread = float(over_folds.std(ddof=1))
            yield Figure(model, ALL, f"{metric}_std", NO_CUT_OFF, spread, np.nan, np.nan, n_users)
            yield replace(figure, metric=f"{metric}_pooled")


def _errors(
    model: str, segment: str, stars: Stars, test: RatingLog, bootstrap: Bootstrap
) -> Iterator[Figure]:
    errors = user_errors(test.user, stars, test.rating, n_users=test.n_users)
    intervals = error_intervals(errors, **asdict(bootstrap))
    yield from _figures(model, segment, ERROR_METRICS, NO_CUT_OFF, intervals)


def _figures(
    model: str, segment: str, metrics: Sequence[str], k: int, intervals: Intervals
) -> Iterator[Figure]:
    for metric, numbers in zip(metrics, interval_rows(intervals), strict=True):
        yield Figure(model, segment, metric, k, *numbers)
