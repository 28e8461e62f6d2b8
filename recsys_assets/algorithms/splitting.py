"""Split ratings into training, validation and test rows by each user's own time."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

TRAIN: Final = 0
VALIDATION: Final = 1
TEST: Final = 2


def split_by_user_time(
    user: NDArray[np.integer],
    rated_at: NDArray[np.generic],
    tie_breaker: NDArray[np.integer],
    *,
    test_share: float,
    validation_share: float,
) -> NDArray[np.int8]:
    """Assign ratings to parts: a user's latest are test, those before validation, the rest training.

    Of a user's m ratings, ordered by (`rated_at`, `tie_breaker`), the last ``floor(test_share · m)`` are test
    and the ``floor(validation_share · m)`` before them validation. The shares add up to less than 1, so each
    user keeps at least one training rating. The result doesn't depend on the order of the rows as long as no
    user has two rows with the same time and tie-breaker.

    Parameters
    ----------
    user : shape (n_ratings,), raw ids or row numbers
    rated_at : shape (n_ratings,), anything that sorts by time
    tie_breaker : shape (n_ratings,), unique within a user; raw item ids serve

    Returns
    -------
    shape (n_ratings,); `TRAIN`, `VALIDATION` or `TEST`

    Raises
    ------
    ValueError
        If a share is negative, or the two add up to 1 or more; the message carries the values.
    """
    if min(test_share, validation_share) < 0 or test_share + validation_share >= 1:
        raise ValueError(
            f"test_share {test_share} and validation_share {validation_share} must be at least 0 and add up "
            "to less than 1, so that each user keeps a training rating"
        )
    order = np.lexsort((tie_breaker, rated_at, user))
    first = np.flatnonzero(np.diff(user[order], prepend=user[order[:1]] - 1))
    n_ratings = np.diff(first, append=user.size)
    n_after = np.repeat(first + n_ratings, n_ratings) - np.arange(user.size) - 1
    n_test = np.repeat(_share_of(n_ratings, test_share), n_ratings)
    n_held_out = n_test + np.repeat(_share_of(n_ratings, validation_share), n_ratings)
    part = np.empty(user.size, dtype=np.int8)
    part[order] = np.where(n_after < n_test, TEST, np.where(n_after < n_held_out, VALIDATION, TRAIN))
    return part


def _share_of(n_ratings: NDArray[np.integer], share: float) -> NDArray[np.int64]:
    # 0.29 · 100 is 28.999999999999996 in binary; the nudge keeps such products whole.
    whole: NDArray[np.int64] = np.floor(share * n_ratings + 1e-9).astype(np.int64)
    return whole
