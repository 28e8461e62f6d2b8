"""Baselines: how much a user and an item lie above or below the mean rating."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys_assets.algorithms.rating_prediction.log import Days, RatingLog, Stars

__all__ = ["Biases", "fit_biases"]


@dataclass(frozen=True)
class Biases:
    """The stars μ + b_u + b_i (Koren 2010, eq. 1). A user or item without ratings has bias 0.

    Attributes
    ----------
    mean : μ, stars
    user_bias : shape (n_users,)
    item_bias : shape (n_items,)
    """

    mean: float
    user_bias: Stars
    item_bias: Stars

    def predict(self, user: NDArray[np.integer], item: NDArray[np.integer], day: Days) -> Stars:
        """Expected stars of each pair, whatever the day."""
        stars: Stars = np.float32(self.mean) + self.user_bias[user] + self.item_bias[item]
        return stars

    def predict_all(self, users: NDArray[np.integer], day: Days) -> Stars:
        """Expected stars of some users for all items, shape (len(users), n_items)."""
        stars: Stars = np.float32(self.mean) + self.user_bias[users][:, None] + self.item_bias[None, :]
        return stars


def fit_biases(
    log: RatingLog,
    *,
    user_damping: float,
    item_damping: float,
    iterations: int,
    half_life_days: float = np.inf,
) -> Biases:
    """Damped biases by alternating least squares.

    Each round sets b_i = Σ w (r − μ − b_u) / (λ_i + Σ w) over the item's ratings, then b_u likewise: the minimum of
    Σ w (r − μ − b_u − b_i)² + λ_u Σ b_u² + λ_i Σ b_i² in each (Koren 2010, section 2.1). μ is the weighted mean.
    A rating weighs w = 2^(−age / half life), its age counted from the last rating of the log; with an infinite half
    life all weigh 1. An infinite damping leaves those biases at 0.

    Raises
    ------
    ValueError
        If the log has no ratings.
    """
    if not log.rating.size:
        raise ValueError("0 ratings to learn biases from; give at least one")
    weight = np.exp2((log.day - log.day.max()) / half_life_days)
    rating = log.rating.astype(np.float64)
    mean = float(np.average(rating, weights=weight))
    user_bias, item_bias = np.zeros(log.n_users), np.zeros(log.n_items)
    user_weight = _sums(log.user, weight, log.n_users)
    item_weight = _sums(log.item, weight, log.n_items)
    for _ in range(iterations):
        rest = weight * (rating - mean - user_bias[log.user])
        item_bias = _damped(_sums(log.item, rest, log.n_items), item_weight, item_damping)
        rest = weight * (rating - mean - item_bias[log.item])
        user_bias = _damped(_sums(log.user, rest, log.n_users), user_weight, user_damping)
    return Biases(mean, user_bias.astype(np.float32), item_bias.astype(np.float32))


def _sums(place: NDArray[np.integer], values: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    return np.bincount(place, values, minlength=n).astype(np.float64, copy=False)


def _damped(total: NDArray[np.float64], weight: NDArray[np.float64], damping: float) -> NDArray[np.float64]:
    biases = np.zeros_like(total)
    np.divide(total, damping + weight, out=biases, where=weight > 0)
    return biases
