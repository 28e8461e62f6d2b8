"""Ratings as ordered categories: cut points of a latent normal scale (ordinal probit)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

__all__ = ["CutPoints", "expected_level"]

Floats = NDArray[np.float64]

_TINY = 1e-12
_FAR = 38.0
"""Standard deviations beyond which Φ is 0 in double precision, and its inverse infinite."""


class CutPoints:
    """Markov chain over the cut points γ of P(level ≤ k) = Φ(γ_k − f), f being the latent mean (Albert & Chib 1993).

    The cut points are drawn with the latent values integrated out (Cowles 1996), by a random walk whose steps follow
    the inverse of the observed information: the latent values then mix in a few steps.

    Parameters
    ----------
    level : shape (n_ratings,), from 0; every level up to the highest occurs
    """

    def __init__(self, level: NDArray[np.integer], *, rng: np.random.Generator) -> None:
        self._rng = rng
        self._level = level
        counts = np.bincount(level)
        self.values = ndtri(np.cumsum(counts)[:-1] / counts.sum())
        self._step = np.zeros((self.values.size, self.values.size))

    def adapt(self, latent: Floats) -> None:
        """Fit the random walk's steps to the information that the ratings hold about the cut points now."""
        information = _information(self.values, self._level, latent)
        # 2.38² / d is the scale at which a random walk in d dimensions mixes best (Roberts, Gelman & Gilks 1997).
        self._step = np.linalg.cholesky(np.linalg.inv(information)) * 2.38 / np.sqrt(self.values.size)

    def sample(self, latent: Floats) -> None:
        """One Metropolis step given the latent means, shape (n_ratings,)."""
        proposed = self.values + self._step @ self._rng.standard_normal(self.values.size)
        if (np.diff(proposed) <= 0).any():
            return
        gain = _log_likelihood(proposed, self._level, latent) - _log_likelihood(
            self.values, self._level, latent
        )
        if np.log(self._rng.random()) < gain:
            self.values = proposed

    def sample_latent(self, latent: Floats) -> Floats:
        """Draw each rating's latent value from N(f, 1) between the cut points of its level."""
        low, high = _ends(self.values, self._level, latent)
        # In the upper tail Φ is 1 to the last digit; there the mirrored interval has all digits.
        mirrored = low > 0
        low, high = np.where(mirrored, -high, low), np.where(mirrored, -low, high)
        below, above = ndtr(low), ndtr(high)
        drawn = ndtri(below + self._rng.random(latent.size) * (above - below))
        drawn = np.clip(drawn, np.maximum(low, -_FAR), np.minimum(high, _FAR))
        values: Floats = latent + np.where(mirrored, -drawn, drawn)
        return values


def expected_level(cut_points: Floats, latent: Floats, levels: Floats) -> Floats:
    """The mean of ``levels`` under P(level ≤ k) = Φ(γ_k − f), of the shape of ``latent``.

    By summation by parts that is the highest level less Σ_k Φ(γ_k − f) (level_{k+1} − level_k).

    Parameters
    ----------
    cut_points : shape (n_levels − 1,), rising
    levels : shape (n_levels,), stars, rising
    """
    expected = np.full(latent.shape, levels[-1], dtype=np.float64)
    for cut, gap in zip(cut_points, np.diff(levels), strict=True):
        expected -= gap * ndtr(cut - latent)
    return expected


def _ends(cut_points: Floats, level: NDArray[np.integer], latent: Floats) -> tuple[Floats, Floats]:
    padded = np.concatenate([[-np.inf], cut_points, [np.inf]])
    return padded[level] - latent, padded[level + 1] - latent


def _log_likelihood(cut_points: Floats, level: NDArray[np.integer], latent: Floats) -> float:
    low, high = _ends(cut_points, level, latent)
    return float(np.log(np.maximum(ndtr(high) - ndtr(low), _TINY)).sum())


def _information(cut_points: Floats, level: NDArray[np.integer], latent: Floats) -> Floats:
    """Outer products of the scores ∂ log P / ∂γ, summed over ratings: the observed information's usual estimate."""
    low, high = _ends(cut_points, level, latent)
    chance = np.maximum(ndtr(high) - ndtr(low), _TINY)
    upper, lower = _density(high) / chance, -_density(low) / chance
    n = cut_points.size
    information = np.zeros((n + 2, n + 2))
    # A rating of level k moves with γ_k below it and γ_{k+1} above it; the padding takes the infinite ends.
    np.add.at(information, (level, level), lower**2)
    np.add.at(information, (level + 1, level + 1), upper**2)
    np.add.at(information, (level, level + 1), lower * upper)
    np.add.at(information, (level + 1, level), lower * upper)
    return information[1:-1, 1:-1]


def _density(z: Floats) -> Floats:
    density: Floats = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    return density
