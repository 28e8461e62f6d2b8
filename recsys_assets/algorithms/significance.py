"""How sure a figure over users is: percentile bootstrap intervals of means, differences and functions of totals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

__all__ = ["Intervals", "bootstrap_means", "bootstrap_totals", "paired_difference", "resample_totals"]

RESAMPLES_PER_BLOCK = 64


@dataclass(frozen=True)
class Intervals:
    """Figures over users with their bootstrap intervals; every field has the shape of one user's values.

    Attributes
    ----------
    value : the mean over the users for whom the series is defined, or what :func:`bootstrap_totals` was asked for
    low, high : the interval's ends
    n : number of those users; where it is 0 the other fields are NaN
    """

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    n: NDArray[np.int64]


def bootstrap_means(
    values: NDArray[np.floating], *, n_resamples: int, confidence: float, seed: int
) -> Intervals:
    """Return the mean over users of each series, with its percentile bootstrap interval.

    A resample draws as many users as there are, with replacement, and takes the mean of each series over the
    draws for whom it is defined; the interval reaches from the (1 − confidence) / 2 to the (1 + confidence) /
    2 quantile of those means. Draws are exact multinomial counts w, a block of resamples at a time, so that
    all means are matrix products::

        mean_s = Σ_u w_u x_us / Σ_u w_u [x_us is defined]

    All series share the same resamples: intervals of a, b and a − b from one call fit together. NaN means
    that the series is not defined for the user; users without any defined series are not drawn. With one
    defined user the interval is the value. Efron and Tibshirani (1993), "An Introduction to the Bootstrap",
    chapter 13.

    Parameters
    ----------
    values : shape (n_users, ...), one row per user; NaN where undefined
    confidence : in (0, 1), e.g. 0.95

    Returns
    -------
    fields of shape ``values.shape[1:]``; 0-dimensional for one series of shape (n_users,)

    Raises
    ------
    ValueError
        If a value is infinite, ``n_resamples`` is not positive or ``confidence`` is outside (0, 1).
    """
    _check_finite("values", values)
    _check_resampling(n_resamples, confidence)
    shape = values.shape[1:]
    series = values.reshape(len(values), math.prod(shape))
    series = series[~np.isnan(series).all(axis=1)].astype(np.float64, copy=False)
    defined = (~np.isnan(series)).astype(np.float64)
    # Where other work holds a core, threads of one product wait for each other: 50 times slower was measured.
    with threadpool_limits(limits=1, user_api="blas"):
        value = _weighted_means(np.ones((1, len(series))), np.nan_to_num(series), defined)[0]
        # Resampling deviations instead of values makes the interval of one user collapse exactly.
        deviation = np.nan_to_num(series - value)
        resampled = _resampled_means(deviation, defined, n_resamples, np.random.default_rng(seed))
    low, high = value + _central_range(resampled, confidence)
    n = defined.sum(axis=0).astype(np.int64)
    return Intervals(value.reshape(shape), low.reshape(shape), high.reshape(shape), n.reshape(shape))


def paired_difference(
    a: NDArray[np.floating], b: NDArray[np.floating], *, n_resamples: int, confidence: float, seed: int
) -> Intervals:
    """Return the mean of ``a − b`` over the users for whom both are defined, with its interval.

    An interval above 0 says that a is better than b for users like these. Pairing removes what makes a user
    easy or hard for both, so the interval is as a rule narrower than those of a and b suggest. Everything
    else is as in :func:`bootstrap_means`.

    Parameters
    ----------
    a, b : shape (n_users, ...), rows of the same users in the same order; NaN where undefined

    Raises
    ------
    ValueError
        If the shapes differ, or as in :func:`bootstrap_means`.
    """
    if a.shape != b.shape:
        raise ValueError(
            f"a has shape {a.shape} and b has shape {b.shape}; give both the same users and series"
        )
    _check_finite("a", a)
    _check_finite("b", b)
    return bootstrap_means(a - b, n_resamples=n_resamples, confidence=confidence, seed=seed)


def bootstrap_totals(
    values: NDArray[np.floating],
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *,
    n_resamples: int,
    confidence: float,
    seed: int,
) -> Intervals:
    """Return figures that are functions of totals over users, with their percentile bootstrap intervals.

    For figures that weigh users by how much they did, such as √(Σ_u squared error_u / Σ_u n_u): users are drawn whole,
    as in :func:`bootstrap_means`, since one user's rows resemble each other (a cluster bootstrap; Davison and Hinkley
    1997, "Bootstrap Methods and their Application", section 3.8). A paired difference is a statistic of both models'
    columns.

    Parameters
    ----------
    values : shape (n_users, n_columns), what each user adds to each total
    statistic : turns totals of shape (n, n_columns) into figures of shape (n, n_figures), row by row; NaN where
        undefined, as for the zero totals of no users
    confidence : in (0, 1), e.g. 0.95

    Returns
    -------
    fields of shape (n_figures,); n is the number of users

    Raises
    ------
    ValueError
        If a value is NaN or infinite, ``n_resamples`` is not positive or ``confidence`` is outside (0, 1).
    """
    _check_resampling(n_resamples, confidence)
    value, resampled = resample_totals(values, statistic, n_resamples=n_resamples, seed=seed)
    low, high = _central_range(resampled, confidence)
    return Intervals(value, low, high, np.full(value.shape, len(values), dtype=np.int64))


def resample_totals(
    values: NDArray[np.floating],
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *,
    n_resamples: int,
    seed: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return figures that are functions of totals over users, and what they are in each resample of the users.

    For whoever needs more than an interval, such as a one-sided level. All else is as in :func:`bootstrap_totals`.

    Returns
    -------
    value : shape (n_figures,)
    resampled : shape (n_resamples, n_figures)

    Raises
    ------
    ValueError
        If a value is NaN or infinite, or ``n_resamples`` is not positive.
    """
    _check_finite("values", values)
    if np.isnan(values).any():
        raise ValueError(f"values has {np.isnan(values).sum()} NaN; a user without rows adds 0 to a total")
    _check_n_resamples(n_resamples)
    columns = values.astype(np.float64, copy=False)
    blocks = _count_blocks(n_resamples, len(columns), np.random.default_rng(seed))
    with threadpool_limits(limits=1, user_api="blas"):
        value = statistic(np.ones((1, len(columns))) @ columns)[0]
        resampled = np.vstack([statistic(counts @ columns) for counts in blocks])
    return value, resampled


def _check_n_resamples(n_resamples: int) -> None:
    if n_resamples < 1:
        raise ValueError(f"n_resamples must be at least 1; got {n_resamples}; 1000 is usual")


def _check_resampling(n_resamples: int, confidence: float) -> None:
    _check_n_resamples(n_resamples)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1; got {confidence}; give a share such as 0.95")


def _check_finite(name: str, values: NDArray[np.floating]) -> None:
    infinite = np.argwhere(np.isinf(values))
    if len(infinite):
        raise ValueError(
            f"{name} is infinite at {tuple(infinite[0].tolist())} ({len(infinite)} such places); "
            "use NaN where a user has no value"
        )


def _resampled_means(
    deviation: NDArray[np.float64], defined: NDArray[np.float64], n_resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the means of every resample, shape (n_resamples, n_series)."""
    blocks = _count_blocks(n_resamples, len(deviation), rng)
    return np.vstack([_weighted_means(counts, deviation, defined) for counts in blocks])


def _weighted_means(
    counts: NDArray[np.float64], filled: NDArray[np.float64], defined: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return each series' mean under each row of counts, (n_rows, n_series); NaN where it counts nobody."""
    n_counted = counts @ defined
    means = np.full(n_counted.shape, np.nan)
    np.divide(counts @ filled, n_counted, out=means, where=n_counted > 0)
    return means


def _count_blocks(n_resamples: int, n_users: int, rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    """Yield how often each resample draws each user, a block of rows at a time, each of n_users columns."""
    for start in range(0, n_resamples, RESAMPLES_PER_BLOCK):
        counts = np.empty((min(RESAMPLES_PER_BLOCK, n_resamples - start), n_users))
        # Counting draws is many times faster than Generator.multinomial, which samples a binomial per user.
        for row in counts if n_users else ():
            row[:] = np.bincount(rng.integers(n_users, size=n_users), minlength=n_users)
        yield counts


def _central_range(resampled: NDArray[np.float64], confidence: float) -> NDArray[np.float64]:
    """Return the two quantiles that enclose ``confidence`` of each series' resamples, shape (2, n_series)."""
    tails = (1 - confidence) / 2, (1 + confidence) / 2
    ends = np.full((2, resampled.shape[1]), np.nan)
    for series, means in enumerate(resampled.T):
        drawn = means[~np.isnan(means)]
        if len(drawn):
            ends[:, series] = np.quantile(drawn, tails)
    return ends
