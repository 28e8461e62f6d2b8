"""Controlled experiments on users: who gets which variant, and by how much the outcomes differ."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Difference", "assigned_variant", "difference_of_means"]


def assigned_variant(user_id: int, experiment: str, n_variants: int) -> int:
    """The number of the variant that a user is dealt to: by hash, evenly, and anew for each experiment.

    The same user and experiment always give the same; of two experiments one's variant says nothing of the other's.

    Raises
    ------
    ValueError
        If there are no variants.
    """
    if n_variants < 1:
        raise ValueError(f"an experiment needs variants; got {n_variants}")
    digest = hashlib.blake2b(f"{experiment}/{user_id}".encode(), digest_size=8).digest()
    # 64 bits leave no bias to speak of: one part in 2^64 / n_variants.
    return int.from_bytes(digest, "big") % n_variants


@dataclass(frozen=True)
class Difference:
    """By how much the mean of one group of users is above that of another.

    Attributes
    ----------
    value, low, high : the difference and its interval's ends; NaN where a group is empty
    """

    value: float
    low: float
    high: float


def difference_of_means(
    group: NDArray[np.floating],
    baseline: NDArray[np.floating],
    *,
    n_resamples: int,
    confidence: float,
    seed: int,
) -> Difference:
    """Compare the means of two groups of different users, with a percentile bootstrap interval.

    A resample draws each group anew, with replacement and independently of the other, as the groups are (Efron and
    Tibshirani 1993, "An Introduction to the Bootstrap", section 8.3).

    Parameters
    ----------
    group, baseline : shape (n_users_of_the_group,), one outcome a user

    Raises
    ------
    ValueError
        If ``n_resamples`` is not positive or ``confidence`` is outside (0, 1).
    """
    if n_resamples < 1:
        raise ValueError(f"n_resamples must be at least 1; got {n_resamples}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1; got {confidence}")
    if not group.size or not baseline.size:
        return Difference(np.nan, np.nan, np.nan)
    rng = np.random.default_rng(seed)
    drawn = [_resampled_means(one, n_resamples, rng) for one in (group, baseline)]
    low, high = np.quantile(drawn[0] - drawn[1], [(1 - confidence) / 2, (1 + confidence) / 2])
    return Difference(float(group.mean() - baseline.mean()), float(low), float(high))


def _resampled_means(
    values: NDArray[np.floating], n_resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    draws = (values[rng.integers(values.size, size=values.size)].mean() for _ in range(n_resamples))
    return np.fromiter(draws, dtype=np.float64, count=n_resamples)
