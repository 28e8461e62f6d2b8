"""Made rating logs, and what several test files ask of every model of them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from numpy.typing import ArrayLike

from recsys_assets.algorithms.rating_prediction.log import RatingLog, RatingModel


def log_of(
    user: ArrayLike,
    item: ArrayLike,
    rating: ArrayLike,
    day: ArrayLike = 0.0,
    *,
    n_users: int | None = None,
    n_items: int | None = None,
) -> RatingLog:
    """A log of those rows; ids are row numbers + 100, so that one is never taken for the other."""
    user, item = np.asarray(user, dtype=np.int32), np.asarray(item, dtype=np.int32)
    return RatingLog(
        100 + np.arange(user.max() + 1 if n_users is None else n_users),
        100 + np.arange(item.max() + 1 if n_items is None else n_items),
        user,
        item,
        np.asarray(rating, dtype=np.float32),
        np.broadcast_to(np.asarray(day, dtype=np.float64), user.shape).copy(),
    )


@st.composite
def logs(draw: st.DrawFn, max_users: int = 6, max_items: int = 7) -> RatingLog:
    """Half-star ratings of distinct pairs in any order; some users and items may have none."""
    n_users, n_items = draw(st.integers(1, max_users)), draw(st.integers(1, max_items))
    n_ratings = draw(st.integers(1, n_users * n_items))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    user, item = np.divmod(rng.permutation(n_users * n_items)[:n_ratings], n_items)
    rating = rng.integers(1, 11, n_ratings) / 2
    day = 12_000 + 40 * rng.random(n_ratings)
    return log_of(user, item, rating, day, n_users=n_users, n_items=n_items)


def planted_log(
    n_users: int, n_items: int, *, n_factors: int, noise: float, share: float, seed: int
) -> tuple[RatingLog, RatingLog]:
    """Ratings 3 + b_u + b_i + p_u · q_i + noise of all pairs: a share of them, and the others."""
    rng = np.random.default_rng(seed)
    stars = 3 + 0.3 * rng.normal(size=(n_users, 1)) + 0.3 * rng.normal(size=n_items)
    stars += (
        0.8
        / np.sqrt(n_factors)
        * rng.normal(size=(n_users, n_factors))
        @ rng.normal(size=(n_factors, n_items))
    )
    stars += noise * rng.normal(size=stars.shape)
    user, item = np.divmod(np.arange(stars.size), n_items)
    log = log_of(user, item, stars.reshape(-1), n_users=n_users, n_items=n_items)
    learned = rng.random(stars.size) < share
    return log.rows(learned), log.rows(~learned)


def shuffled(log: RatingLog, seed: int = 0) -> RatingLog:
    return log.rows(np.random.default_rng(seed).permutation(log.rating.size))


def rmse(model: RatingModel, log: RatingLog) -> float:
    return float(np.sqrt(np.mean((model.predict(log.user, log.item, log.day) - log.rating) ** 2)))


def assert_same_log(one: RatingLog, other: RatingLog) -> None:
    for name, values in vars(one).items():
        assert_array_equal(values, getattr(other, name), err_msg=name)


def all_pairs(users: np.ndarray, n_items: int) -> tuple[np.ndarray, np.ndarray]:
    """User and item of each cell of ``predict_all(users)``, row by row."""
    return np.repeat(users, n_items), np.tile(np.arange(n_items), users.size)
