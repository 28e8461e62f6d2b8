"""Bayesian factorisation machines: regression on stars, and ordinal probit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.interactions import SparseRows
from recsys_assets.algorithms.rating_prediction.blocks import Moments, item_block, user_block
from recsys_assets.algorithms.rating_prediction.gibbs import Sampler
from recsys_assets.algorithms.rating_prediction.log import Days, RatingLog, Stars
from recsys_assets.algorithms.rating_prediction.ordinal import CutPoints, expected_level

__all__ = ["FactorizationMachine", "SideFeatures", "fit_factorization_machine"]

Rows = NDArray[np.integer]

_NODES = 2048
_REACH = 6.0
"""Beyond six standard deviations from all cut points an expected rating is flat to the eighth digit."""


@dataclass(frozen=True)
class SideFeatures:
    """What is known of users and items besides ratings; matrices without columns where nothing is.

    Attributes
    ----------
    users : shape (n_users, n_user_features), such as age bracket, gender and occupation
    items : shape (n_items, n_item_features), such as genres and decade
    """

    users: SparseRows
    items: SparseRows

    @classmethod
    def none(cls, log: RatingLog) -> SideFeatures:
        """Nothing is known."""
        users, items = (csr_matrix(np.zeros((n, 0), np.float32)) for n in (log.n_users, log.n_items))
        return cls(users, items)


@dataclass(frozen=True)
class FactorizationMachine:
    """Draws from the posterior of a factorisation machine; a prediction is the mean over the draws.

    Each draw says, of a rating with the features of user u, item i and moment m, with all that lies within one of the
    three summed up beforehand::

        f = w₀ + a_u + a_i + a_m + v_u · v_i + v_u · v_m + v_i · v_m

    Regression predicts f stars. Ordinal probit predicts the mean of the levels under P(level ≤ k) = Φ(γ_k − f).

    Attributes
    ----------
    levels : shape (n_levels,), stars, rising; empty for regression
    cut_points : shape (n_draws, n_levels − 1), γ
    intercept : shape (n_draws,), w₀
    user_own, item_own, moment_own : shape (n_draws, n_rows), a
    user_factors, item_factors, moment_factors : shape (n_draws, n_rows, n_factors), v
    sessions, first_day, days_per_bin, n_bins : the moments, see `Moments`
    """

    levels: Stars
    cut_points: Stars
    intercept: Stars
    user_own: Stars
    item_own: Stars
    moment_own: Stars
    user_factors: Stars
    item_factors: Stars
    moment_factors: Stars
    sessions: NDArray[np.int64]
    first_day: float
    days_per_bin: float
    n_bins: int

    @property
    def moments(self) -> Moments:
        return Moments(self.sessions, self.first_day, self.days_per_bin, self.n_bins)

    def predict(self, user: Rows, item: Rows, day: Days) -> Stars:
        """Expected stars of each pair at its time, shape (n,)."""
        moment = self.moments.row(user, day)
        total = np.zeros(user.size, dtype=np.float32)
        for draw in range(self.intercept.size):
            visitor, own = self._visitor(draw, user, moment)
            latent = own + self.item_own[draw][item]
            latent += np.einsum("nf,nf->n", visitor, self.item_factors[draw][item])
            self._add_stars(total, latent, draw)
        return total / np.float32(self.intercept.size)

    def predict_all(self, users: Rows, day: Days) -> Stars:
        """Expected stars of some users, each at the user's time, for all items: shape (len(users), n_items)."""
        moment = self.moments.row(users, day)
        total = np.zeros((users.size, self.item_own.shape[1]), dtype=np.float32)
        for draw in range(self.intercept.size):
            visitor, own = self._visitor(draw, users, moment)
            latent = visitor @ self.item_factors[draw].T
            latent += own[:, None] + self.item_own[draw]
            self._add_stars(total.reshape(-1), latent.reshape(-1), draw)
        return total / np.float32(self.intercept.size)

    def _visitor(self, draw: int, user: Rows, moment: Rows) -> tuple[Stars, Stars]:
        """What the user and the moment bring along: factors that meet the item's, and a constant."""
        of_user, of_moment = self.user_factors[draw][user], self.moment_factors[draw][moment]
        own = self.intercept[draw] + self.user_own[draw][user] + self.moment_own[draw][moment]
        return of_user + of_moment, own + np.einsum("nf,nf->n", of_user, of_moment)

    def _add_stars(self, total: Stars, latent: Stars, draw: int) -> None:
        if not self.levels.size:
            total += latent
            return
        # Φ for every pair and cut point would take most of the time; a table of their sum is as good.
        cuts = self.cut_points[draw].astype(np.float64)
        nodes = np.linspace(cuts[0] - _REACH, cuts[-1] + _REACH, _NODES)
        stars = expected_level(cuts, nodes, self.levels.astype(np.float64)).astype(np.float32)
        _add_interpolated(total, latent, np.float32(nodes[0]), np.float32(nodes[1] - nodes[0]), stars)


def fit_factorization_machine(
    log: RatingLog,
    side: SideFeatures,
    *,
    ordinal: bool,
    n_factors: int,
    n_samples: int,
    burn_in: int,
    n_kept: int,
    days_per_bin: float,
    sessions: bool,
    initial_scale: float,
    seed: int,
) -> FactorizationMachine:
    """Sample the posterior by Gibbs sampling (Freudenthaler, Schmidt-Thieme & Rendle 2011; Rendle 2012).

    Features of a rating: ids of user and item, `SideFeatures`, the sets of items and users rated with each other, the
    stretch of ``days_per_bin`` days, and with ``sessions`` the user's day. The two sets are those of the log alone.
    The order of the log's rows makes no difference.

    Parameters
    ----------
    ordinal : explain the rank of the stars among the levels that occur, rather than their number
    n_samples : draws after the first ``burn_in``, of which ``n_kept``, evenly spread, make up the model

    Raises
    ------
    ValueError
        If the log has no ratings, more draws are to be kept than are sampled, or all ratings are equal and the model
        is ordinal.
    """
    if not log.rating.size:
        raise ValueError("0 ratings to learn weights from; give at least one")
    if not 1 <= n_kept <= n_samples:
        raise ValueError(f"{n_kept} draws of {n_samples} can't be kept; keep 1 to {n_samples}")
    log = log.rows(np.lexsort((log.item, log.user)))
    rng = np.random.default_rng(seed)
    moments = Moments.of(log, days_per_bin=days_per_bin, sessions=sessions)
    blocks = [user_block(log, side.users), item_block(log, side.items), moments.block()]
    rows = [log.user.astype(np.intp), log.item.astype(np.intp), moments.row(log.user, log.day)]
    levels, level = np.unique(log.rating, return_inverse=True)
    if ordinal and levels.size < 2:
        raise ValueError(
            f"all {level.size} ratings are {levels[0]:g} stars; an ordinal model needs two levels"
        )
    centre = 0.0 if ordinal else float(log.rating.mean(dtype=np.float64))
    target = np.zeros(level.size) if ordinal else log.rating.astype(np.float64) - centre
    sampler = Sampler(blocks, rows, target, n_factors=n_factors, initial_scale=initial_scale, rng=rng)
    chain = _ordinal_chain(sampler, level, burn_in, rng) if ordinal else _regression_chain(sampler)
    kept = set(burn_in + np.linspace(n_samples / n_kept, n_samples, n_kept).round().astype(int) - 1)
    draws = [
        _draw(sampler, cuts, centre)
        for number, cuts in zip(range(burn_in + n_samples), chain, strict=False)
        if number in kept
    ]
    return FactorizationMachine(
        levels=levels if ordinal else levels[:0],
        **{part: np.stack([draw[part] for draw in draws]) for part in draws[0]},
        sessions=moments.sessions,
        first_day=moments.first_day,
        days_per_bin=moments.days_per_bin,
        n_bins=moments.n_bins,
    )


def _regression_chain(sampler: Sampler) -> Iterator[NDArray[np.float64]]:
    while True:
        sampler.sample_noise()
        sampler.sample_intercept()
        sampler.sample_weights()
        yield np.empty(0)


def _ordinal_chain(
    sampler: Sampler, level: NDArray[np.integer], burn_in: int, rng: np.random.Generator
) -> Iterator[NDArray[np.float64]]:
    # The cut points take the place of an intercept, and the latent scale that of a noise: both would drift otherwise.
    cuts = CutPoints(level, rng=rng)
    latent = sampler.predictions()
    number = 0
    while True:
        if number < max(burn_in, 1):
            cuts.adapt(latent)
        cuts.sample(latent)
        target = cuts.sample_latent(latent)
        sampler.residual = target - latent
        sampler.sample_weights()
        latent = target - sampler.residual
        number += 1
        yield cuts.values


def _draw(sampler: Sampler, cuts: NDArray[np.float64], centre: float) -> dict[str, Any]:
    states = dict(zip(("user", "item", "moment"), sampler.states, strict=True))
    return {
        "cut_points": cuts.astype(np.float32),
        "intercept": np.float32(centre + sampler.intercept),
        **{f"{name}_own": state.own().astype(np.float32) for name, state in states.items()},
        **{
            f"{name}_factors": np.ascontiguousarray(state.sums[1:].T, np.float32)
            for name, state in states.items()
        },
    }


@njit(cache=True, nogil=True)
def _add_interpolated(total, latent, first, gap, values):  # type: ignore[no-untyped-def]
    """``total += np.interp(latent, first + gap · [0, 1, …], values)``, flat beyond both ends."""
    last = values.size - 1
    for n in range(latent.size):
        place = min(max((latent[n] - first) / gap, np.float32(0)), np.float32(last))
        left = min(int(place), last - 1)
        share = place - left
        total[n] += values[left] * (1 - share) + values[left + 1] * share
