"""Biased matrix factorisation and SVD++, by stochastic gradient descent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import diags

from recsys_assets.algorithms.rating_prediction.log import Days, RatingLog, Stars

__all__ = ["LatentFactors", "fit_latent_factors"]


@dataclass(frozen=True)
class LatentFactors:
    """The stars μ + b_u + b_i + p_u · q_i (Koren, Bell & Volinsky 2009, eq. 4).

    In SVD++ the user's factors hold what the set N(u) of rated items says: p_u + |N(u)|^(−½) Σ y_j over its items
    (Koren 2008, eq. 15). A user or item without ratings has bias 0 and factors 0.

    Attributes
    ----------
    mean : μ, stars
    user_bias : shape (n_users,)
    item_bias : shape (n_items,)
    user_factors : shape (n_users, n_factors)
    item_factors : shape (n_items, n_factors)
    """

    mean: float
    user_bias: Stars
    item_bias: Stars
    user_factors: Stars
    item_factors: Stars

    def predict(self, user: NDArray[np.integer], item: NDArray[np.integer], day: Days) -> Stars:
        """Expected stars of each pair, whatever the day."""
        stars: Stars = np.einsum("nf,nf->n", self.user_factors[user], self.item_factors[item])
        stars += np.float32(self.mean) + self.user_bias[user] + self.item_bias[item]
        return stars

    def predict_all(self, users: NDArray[np.integer], day: Days) -> Stars:
        """Expected stars of some users for all items, shape (len(users), n_items)."""
        stars: Stars = self.user_factors[users] @ self.item_factors.T
        stars += np.float32(self.mean) + self.user_bias[users][:, None] + self.item_bias
        return stars


def fit_latent_factors(
    log: RatingLog,
    *,
    implicit: bool,
    n_factors: int,
    epochs: int,
    learning_rate: float,
    decay: float,
    regularization: float,
    initial_scale: float,
    seed: int,
) -> LatentFactors:
    """Minimise Σ e² + λ (b_u² + b_i² + |p_u|² + |q_i|²) over the ratings, e being the error of the prediction.

    One step along the gradient for each rating, user by user in an order drawn anew for each epoch (Koren, Bell &
    Volinsky 2009, eq. 5). With ``implicit`` it is SVD++: the gradient with respect to the y_j is summed over a user's
    ratings and applied once when they are through, so that an epoch costs as much as without them, not |N(u)| times;
    λ |y_j|² counts once for each user who rated j. The order of the log's rows makes no difference.

    Parameters
    ----------
    learning_rate : step of the first epoch; each later epoch's is ``decay`` times the one before
    initial_scale : standard deviation of the first factors

    Raises
    ------
    FloatingPointError
        If the factors diverge; a smaller learning rate mends it.
    ValueError
        If the log has no ratings.
    """
    if not log.rating.size:
        raise ValueError("0 ratings to learn factors from; give at least one")
    log = log.rows(np.lexsort((log.item, log.user)))
    rng = np.random.default_rng(seed)
    order = rng.permutation(log.rating.size)
    by_user = order[np.argsort(log.user[order], kind="stable")]
    starts = np.searchsorted(log.user[by_user], np.arange(log.n_users + 1))
    user_factors, item_factors = (
        _first_factors(rated, n, n_factors, initial_scale, rng)
        for rated, n in ((log.user, log.n_users), (log.item, log.n_items))
    )
    implicit_factors = _first_factors(log.item, log.n_items, n_factors, initial_scale, rng)[
        : log.n_items if implicit else 0
    ]
    model = LatentFactors(
        float(log.rating.mean(dtype=np.float64)),
        np.zeros(log.n_users, dtype=np.float32),
        np.zeros(log.n_items, dtype=np.float32),
        user_factors,
        item_factors,
    )
    for epoch in range(epochs):
        _epoch(
            rng.permutation(log.n_users),
            starts,
            log.item[by_user],
            log.rating[by_user],
            np.float32(model.mean),
            model.user_bias,
            model.item_bias,
            user_factors,
            item_factors,
            implicit_factors,
            np.float32(learning_rate * decay**epoch),
            np.float32(regularization),
        )
    learned = (model.user_bias, model.item_bias, user_factors, item_factors, implicit_factors)
    if not all(np.isfinite(part).all() for part in learned):
        raise FloatingPointError(
            f"the factors diverged at a learning rate of {learning_rate:g}; take a smaller one"
        )
    if implicit:
        share = diags(1 / np.sqrt(np.maximum(np.diff(starts), 1)).astype(np.float32))
        user_factors += share @ (log.matrix(np.ones_like(log.rating)) @ implicit_factors)
    return model


def _first_factors(
    rated: NDArray[np.int32], n: int, n_factors: int, scale: float, rng: np.random.Generator
) -> Stars:
    factors: Stars = rng.normal(0, scale, (n, n_factors)).astype(np.float32)
    factors[np.bincount(rated, minlength=n) == 0] = 0
    return factors


@njit(cache=True, nogil=True)
def _epoch(  # type: ignore[no-untyped-def]
    users,
    starts,
    item,
    rating,
    mean,
    user_bias,
    item_bias,
    user_factors,
    item_factors,
    implicit_factors,
    step,
    regularization,
):
    n_factors = item_factors.shape[1]
    implicit = implicit_factors.shape[0] > 0
    profile = np.empty(n_factors, dtype=np.float32)
    gradient = np.empty(n_factors, dtype=np.float32)
    for u in users:
        first, last = starts[u], starts[u + 1]
        if first == last:
            continue
        share = np.float32(1 / np.sqrt(last - first))
        profile[:] = 0
        gradient[:] = 0
        if implicit:
            for n in range(first, last):
                profile += implicit_factors[item[n]]
            profile *= share
        for n in range(first, last):
            i = item[n]
            error = rating[n] - mean - user_bias[u] - item_bias[i]
            for f in range(n_factors):
                error -= (user_factors[u, f] + profile[f]) * item_factors[i, f]
            user_bias[u] += step * (error - regularization * user_bias[u])
            item_bias[i] += step * (error - regularization * item_bias[i])
            for f in range(n_factors):
                p, q = user_factors[u, f], item_factors[i, f]
                gradient[f] += error * q
                user_factors[u, f] = p + step * (error * q - regularization * p)
                item_factors[i, f] = q + step * (error * (p + profile[f]) - regularization * q)
        if implicit:
            for n in range(first, last):
                y = implicit_factors[item[n]]
                for f in range(n_factors):
                    y[f] += step * (share * gradient[f] - regularization * y[f])
