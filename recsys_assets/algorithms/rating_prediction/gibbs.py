"""Gibbs sampling of factorization machines over blocks of shared features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from recsys_assets.algorithms.rating_prediction.blocks import Block

__all__ = ["BlockState", "Sampler"]

Floats = NDArray[np.float64]

# Side by side, so that one line of the cache holds all that a draw reads of a row.
_SHARED = np.dtype(
    [
        (name, np.float64)
        for name in ("n", "sum", "square", "others", "others_squared", "error", "error_others")
    ]
)


@dataclass
class BlockState:
    """A block's current weights and what they come to in each of its rows.

    Attributes
    ----------
    weights : shape (n_features, 1 + n_factors); first the linear weight, then the factors
    sums : shape (1 + n_factors, n_rows), Σ_j x_j · weight_j
    squares : shape (1 + n_factors, n_rows), Σ_j x_j² · weight_j²
    """

    weights: Floats
    sums: Floats
    squares: Floats

    def own(self) -> Floats:
        """What the block adds to a rating by itself: its linear part and the interactions within, shape (n_rows,)."""
        within: Floats = self.sums[0] + 0.5 * (self.sums[1:] ** 2 - self.squares[1:]).sum(axis=0)
        return within


class Sampler:
    """Markov chain over the weights of ŷ = w₀ + Σ_j w_j x_j + Σ_{j<k} ⟨v_j, v_k⟩ x_j x_k (Rendle 2012, eq. 1).

    The features x of a rating are those of one row in each block. Weights of one group and factor share a normal prior
    whose mean and precision are sampled too, with the weak hyperpriors of Freudenthaler, Schmidt-Thieme & Rendle
    (2011): precisions Γ(½, ½), means N(0, 1 / precision).

    Parameters
    ----------
    rows : for each block, the row of each rating; shape (n_ratings,) each
    target : shape (n_ratings,), what ŷ is to explain
    initial_scale : standard deviation of the first factors
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        rows: Sequence[NDArray[np.intp]],
        target: Floats,
        *,
        n_factors: int,
        initial_scale: float,
        rng: np.random.Generator,
    ) -> None:
        self._rng = rng
        self._rows = [row.astype(np.int32) for row in rows]
        self._columns = [block.features.tocsc() for block in blocks]
        self._group = [block.group for block in blocks]
        self._n_ratings = [
            np.bincount(row, minlength=block.n_rows).astype(np.float64)
            for block, row in zip(blocks, rows, strict=True)
        ]
        self.intercept = 0.0
        self.precision = 1.0
        self.states = [self._initial(block, n_factors, initial_scale) for block in blocks]
        self.residual = target - self.predictions()

    def predictions(self) -> Floats:
        """ŷ of each rating, shape (n_ratings,)."""
        total = np.full(self._rows[0].size, self.intercept)
        for state, rows in zip(self.states, self._rows, strict=True):
            total += state.own()[rows]
        for one, (first, rows) in enumerate(zip(self.states, self._rows, strict=True)):
            for second, others in zip(self.states[one + 1 :], self._rows[one + 1 :], strict=True):
                total += np.einsum("fn,fn->n", first.sums[1:, rows], second.sums[1:, others])
        return total

    def sample_noise(self) -> None:
        """Draw the precision of the ratings around ŷ from its posterior Γ((1 + n)/2, (1 + Σ e²)/2)."""
        shape, rate = 0.5 * (1 + self.residual.size), 0.5 * (1 + float(np.square(self.residual).sum()))
        self.precision = float(self._rng.gamma(shape, 1 / rate))

    def sample_intercept(self) -> None:
        """Draw w₀ from its posterior; its prior is N(0, 1)."""
        free = self.residual + self.intercept
        variance = 1 / (1 + self.precision * free.size)
        drawn = float(self._rng.normal(variance * self.precision * free.sum(), np.sqrt(variance)))
        self.residual = free - drawn
        self.intercept = drawn

    def sample_weights(self) -> None:
        """Draw every weight from its posterior given all others, one after the other."""
        priors = [
            self._sample_priors(state.weights, group)
            for state, group in zip(self.states, self._group, strict=True)
        ]
        for factor in range(self.states[0].sums.shape[0]):
            total = np.zeros_like(self.residual)
            for state, rows in zip(self.states, self._rows, strict=True):
                _add_rows(total, state.sums[factor], rows)
            for number, (mean, precision) in enumerate(priors):
                self._sample_block(number, factor, total, mean[:, factor], precision[:, factor])

    def _sample_block(
        self, number: int, factor: int, total: Floats, prior_mean: Floats, prior_precision: Floats
    ) -> None:
        state, columns, rows = self.states[number], self._columns[number], self._rows[number]
        group, weights, linear = self._group[number], state.weights[:, factor], factor == 0
        shared = np.zeros(state.sums.shape[1], dtype=_SHARED)
        shared["n"], shared["sum"], shared["square"] = (
            self._n_ratings[number],
            state.sums[factor],
            state.squares[factor],
        )
        _collect(rows, total, self.residual, shared, linear)
        _draw(
            columns.indptr,
            columns.indices,
            columns.data,
            weights,
            prior_mean[group],
            prior_precision[group],
            self._rng.standard_normal(weights.size),
            self.precision,
            shared,
            linear,
        )
        own = 0.5 * (shared["sum"] ** 2 - state.sums[factor] ** 2 - shared["square"] + state.squares[factor])
        _propagate(rows, total, self.residual, state.sums[factor], shared["sum"], own, linear)
        state.sums[factor], state.squares[factor] = shared["sum"], shared["square"]

    def _sample_priors(self, weights: Floats, group: NDArray[np.int32]) -> tuple[Floats, Floats]:
        """Draw mean and precision of each group's prior, both of shape (n_groups, 1 + n_factors)."""
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        n = np.diff(starts, append=group.size)[:, None].astype(np.float64)
        total = np.add.reduceat(weights, starts, axis=0)
        squared = np.add.reduceat(weights**2, starts, axis=0)
        # Normal–gamma: the precision with the mean integrated out, then the mean given the precision.
        scatter = squared - total**2 / (n + 1)
        precision = self._rng.gamma(0.5 * (1 + n) * np.ones_like(total), 2 / (1 + scatter))
        mean = self._rng.normal(total / (n + 1), 1 / np.sqrt((n + 1) * precision))
        return mean, precision

    def _initial(self, block: Block, n_factors: int, scale: float) -> BlockState:
        weights = np.zeros((block.features.shape[1], 1 + n_factors))
        weights[:, 1:] = self._rng.normal(0, scale, (weights.shape[0], n_factors))
        features = block.features.astype(np.float64)
        sums = np.ascontiguousarray((features @ weights).T)
        squares = np.ascontiguousarray((features.multiply(features).tocsr() @ weights**2).T)
        # Factor by factor the weights are visited in a row.
        return BlockState(np.asfortranarray(weights), sums, squares)


@njit(cache=True, nogil=True)
def _add_rows(total, sums, rows):  # type: ignore[no-untyped-def]
    """``total += sums[rows]`` without the copy."""
    for n in range(rows.size):
        total[n] += sums[rows[n]]


@njit(cache=True, nogil=True)
def _collect(rows, total, residual, shared, linear):  # type: ignore[no-untyped-def]
    """Sum o, o², e and e·o over each block row's ratings; o = what the other blocks' features sum up to."""
    for n in range(rows.size):
        row = shared[rows[n]]
        others = 1.0 if linear else total[n] - row.sum
        row.others += others
        row.others_squared += others * others
        row.error += residual[n]
        row.error_others += residual[n] * others


@njit(cache=True, nogil=True)
def _draw(  # type: ignore[no-untyped-def]
    indptr, indices, data, weights, prior_mean, prior_precision, noise, precision, shared, linear
):
    """One weight of the factor after the other: ∂ŷ/∂v_j = x_j (o + s), with s the rest of the block's sum."""
    for j in range(weights.size):
        old = weights[j]
        curvature = 0.0
        slope = 0.0
        for k in range(indptr[j], indptr[j + 1]):
            x = data[k]
            row = shared[indices[k]]
            s = 0.0 if linear else row.sum - old * x
            curvature += x * x * (row.n * s * s + 2 * s * row.others + row.others_squared)
            slope += x * (s * row.error + row.error_others)
        posterior = prior_precision[j] + precision * curvature
        centre = (precision * (slope + curvature * old) + prior_precision[j] * prior_mean[j]) / posterior
        weights[j] = centre + noise[j] / np.sqrt(posterior)
        change = weights[j] - old
        change_squared = weights[j] * weights[j] - old * old
        for k in range(indptr[j], indptr[j + 1]):
            x = data[k]
            row = shared[indices[k]]
            s = 0.0 if linear else row.sum - old * x
            row.error -= change * x * (row.n * s + row.others)
            row.error_others -= change * x * (s * row.others + row.others_squared)
            row.sum += change * x
            row.square += change_squared * x * x


@njit(cache=True, nogil=True)
def _propagate(rows, total, residual, before, after, own, linear):  # type: ignore[no-untyped-def]
    """Take a block's change into the residuals and the running totals of all ratings."""
    for n in range(rows.size):
        row = rows[n]
        change = after[row] - before[row]
        residual[n] -= change if linear else change * (total[n] - before[row]) + own[row]
        total[n] += change
