"""Neighbourhoods: stars from what the user gave to similar items, or what similar users gave to the item."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from recsys_assets.algorithms.embeddings import Vectors
from recsys_assets.algorithms.interactions import SparseRows
from recsys_assets.algorithms.rating_prediction.biases import Biases, fit_biases
from recsys_assets.algorithms.rating_prediction.log import Days, RatingLog, Stars

__all__ = [
    "Neighborhood",
    "content_neighbors",
    "fit_cosine_neighbors",
    "fit_neighborhood",
    "fit_residual_neighbors",
]

Parts = tuple[NDArray[np.integer], NDArray[np.integer], NDArray[np.float32]]

_CELLS_PER_CHUNK = 1 << 22


@dataclass(frozen=True)
class Neighborhood:
    """The stars b_ui + Σ_j w_ij (r_uj − b_uj) / (λ + Σ_j w_ij), with b_ui = μ + b_u + b_i (Koren 2010, eq. 3).

    The sums run over the ``n_neighbors`` items j most similar to i among those that u rated, as far as they stand in
    the neighbours of i. With fewer than ``min_neighbors`` of them the prediction is b_ui; so it is for users and items
    without ratings. If ``of_users``, users and items change roles: the sums run over the users most similar to u among
    those who rated i.

    Attributes
    ----------
    neighbors : shape (n_items, n_items), or (n_users, n_users); row i holds the weights w_ij > 0 of i's neighbours,
        by falling similarity, equal ones by number
    deviations : r − b of every rating, shape (n_users, n_items), or (n_items, n_users)
    mean : μ, stars
    user_bias : shape (n_users,)
    item_bias : shape (n_items,)
    damping : λ, a weight that holds predictions back to b_ui
    """

    neighbors: SparseRows
    deviations: SparseRows
    mean: float
    user_bias: Stars
    item_bias: Stars
    of_users: bool
    n_neighbors: int
    min_neighbors: int
    damping: float

    def predict(self, user: NDArray[np.integer], item: NDArray[np.integer], day: Days) -> Stars:
        """Expected stars of each pair, whatever the day."""
        row, column = (item, user) if self.of_users else (user, item)
        by_row = np.argsort(row, kind="stable")
        stars = self._baseline.predict(user, item, day)
        stars[by_row] += _mean_deviations(
            row[by_row].astype(np.int32),
            column[by_row].astype(np.int32),
            _parts(self.deviations),
            _parts(self.neighbors),
            *self._rule,
        )
        return stars

    def predict_all(self, users: NDArray[np.integer], day: Days) -> Stars:
        """Expected stars of some users for all items, shape (len(users), n_items).

        As `predict`, but for the last digit: the sums are taken in another order.
        """
        stars = self._baseline.predict_all(users, day)
        items = np.arange(self.item_bias.size)
        rows, columns = (items, users) if self.of_users else (users, items)
        deviations = _all_mean_deviations(
            rows.astype(np.int32),
            columns.astype(np.int32),
            _parts(self.deviations),
            _parts(self.neighbors),
            _parts(csr_matrix(self.neighbors[columns].T)),
            *self._rule,
        )
        stars += deviations.T if self.of_users else deviations
        return stars

    @property
    def _baseline(self) -> Biases:
        return Biases(self.mean, self.user_bias, self.item_bias)

    @property
    def _rule(self) -> tuple[int, int, float]:
        return self.n_neighbors, self.min_neighbors, self.damping


def fit_cosine_neighbors(
    log: RatingLog, *, of_users: bool, n_neighbors: int, min_neighbors: int, min_support: int, n_stored: int
) -> Neighborhood:
    """The textbook's neighbours: a mean of neighbours' ratings, weighted by the cosine over what both have.

    s_ij = Σ r_ui r_uj / √(Σ r_ui² Σ r_uj²), all sums over the users who rated both i and j (over the items that both
    users rated, if ``of_users``), and 0 with fewer than ``min_support`` of them. The prediction is Σ s_ij r_uj / Σ s_ij
    over the nearest rated neighbours; with fewer than ``min_neighbors`` it is the mean of all ratings.

    Parameters
    ----------
    n_stored : neighbours kept of each item, or user; fewer make a smaller model and quicker predictions, and may leave
        out some of the nearest rated ones

    Raises
    ------
    ValueError
        If the log has no ratings, or as in :func:`fit_neighborhood`.
    """
    mean = fit_biases(log, user_damping=np.inf, item_damping=np.inf, iterations=0)
    ratings = _facing(log.matrix(), of_users)
    trust = np.arange(ratings.shape[0] + 1) >= min_support
    return fit_neighborhood(
        log,
        mean,
        _corated_neighbors(ratings, trust.astype(np.float64), n_stored=n_stored),
        of_users=of_users,
        n_neighbors=n_neighbors,
        min_neighbors=min_neighbors,
        exponent=1,
        damping=0,
    )


def fit_residual_neighbors(
    log: RatingLog,
    biases: Biases,
    *,
    of_users: bool,
    shrinkage: float,
    n_neighbors: int,
    exponent: float,
    damping: float,
    n_stored: int,
) -> Neighborhood:
    """Neighbours by the correlation of what the biases leave over, shrunk where few rated both.

    With e = r − b the similarity is s_ij = (n − 1) / (n − 1 + shrinkage) · Σ e_ui e_uj / √(Σ e_ui² Σ e_uj²), all sums
    over the n users who rated both (Koren 2010, "Factor in the neighbors", section 2.2). Only positive similarities
    count, so that one co-rating makes no neighbour.

    Parameters
    ----------
    n_stored : as in :func:`fit_cosine_neighbors`

    Raises
    ------
    ValueError
        As in :func:`fit_neighborhood`.
    """
    residuals = _deviations(log, biases, of_users)
    others = np.maximum(np.arange(residuals.shape[0] + 1) - 1.0, 0)
    trust = others / (np.maximum(others, 1) + shrinkage)
    return fit_neighborhood(
        log,
        biases,
        _corated_neighbors(residuals, trust, n_stored=n_stored),
        of_users=of_users,
        n_neighbors=n_neighbors,
        min_neighbors=1,
        exponent=exponent,
        damping=damping,
    )


def fit_neighborhood(
    log: RatingLog,
    biases: Biases,
    neighbors: SparseRows,
    *,
    of_users: bool,
    n_neighbors: int,
    min_neighbors: int,
    exponent: float,
    damping: float,
) -> Neighborhood:
    """The model of given neighbours, such as :func:`content_neighbors`.

    Parameters
    ----------
    neighbors : similarities s_ij > 0, each row falling; shape (n_items, n_items), or (n_users, n_users)
    exponent : w_ij = s_ij ** exponent; more than 1 trusts the nearest neighbours more
    damping : λ, in units of w

    Raises
    ------
    ValueError
        If a row of similarities rises or holds one that is not positive, their number isn't that of the items (or
        users), ``min_neighbors`` isn't within 1 to ``n_neighbors`` or the damping is negative.
    """
    if not 1 <= min_neighbors <= n_neighbors:
        raise ValueError(
            f"min_neighbors must be within 1 to n_neighbors = {n_neighbors}; got {min_neighbors}"
        )
    if damping < 0:
        raise ValueError(f"damping must not be negative; got {damping}; 0 is a plain weighted mean")
    _check_similarity(neighbors, n=log.n_users if of_users else log.n_items)
    weights = neighbors.copy()
    weights.data **= np.float32(exponent)
    weights.eliminate_zeros()
    return Neighborhood(
        weights,
        _deviations(log, biases, of_users),
        biases.mean,
        biases.user_bias,
        biases.item_bias,
        of_users,
        n_neighbors,
        min_neighbors,
        float(damping),
    )


def content_neighbors(item_vectors: Vectors, *, eligible: NDArray[np.bool_], n_stored: int) -> SparseRows:
    """Each item's most similar eligible items by the cosine of their vectors, without the item itself.

    Only positive cosines count. Items that are not eligible have neighbours too, but are nobody's neighbour: with the
    rated items as eligible ones, an item that nobody rated gets its stars from rated items.

    Parameters
    ----------
    item_vectors : shape (n_items, n_dims), rows of unit length or zero
    eligible : shape (n_items,)
    n_stored : neighbours kept of each item

    Returns
    -------
    shape (n_items, n_items), rows falling, equal cosines by item number
    """
    n_items = len(item_vectors)

    def chunks() -> Iterator[Vectors]:
        for items in _chunks(n_items):
            cosines = item_vectors[items] @ item_vectors.T
            cosines[:, ~eligible] = 0
            cosines[np.arange(items.size), items] = 0
            yield cosines

    with threadpool_limits(limits=1, user_api="blas"):
        return _nearest(chunks(), n_items, n_stored)


def _corated_neighbors(values: SparseRows, trust: NDArray[np.float64], *, n_stored: int) -> SparseRows:
    """Nearest columns by the cosine over the rows where both have a value, times the trust in that many rows."""
    n_columns = values.shape[1]
    by_column = _parts(csr_matrix(values.T))

    def chunks() -> Iterator[Vectors]:
        for columns in _chunks(n_columns):
            yield _corated_cosines(columns, by_column, _parts(values), trust)

    return _nearest(chunks(), n_columns, n_stored)


def _nearest(chunks: Iterable[Vectors], n_items: int, n_stored: int) -> SparseRows:
    """Keep the largest positive entries of each row of a similarity that comes in chunks of rows."""
    if n_stored < 1:
        raise ValueError(f"n_stored must be at least 1; got {n_stored}; some hundreds are usual")
    n_kept = min(n_stored, n_items)
    counts, items, similarities = [np.zeros(1, np.int64)], [np.empty(0, np.int32)], [np.empty(0, np.float32)]
    for chunk in chunks:
        # The bits of positive floats rise with them, so one whole number orders by similarity, then by item.
        key = (-np.maximum(chunk, 0).view(np.int32).astype(np.int64) << 32) | np.arange(n_items)
        key.partition(n_kept - 1, axis=1)
        key = np.sort(key[:, :n_kept], axis=1)
        counts.append(np.count_nonzero(key < 0, axis=1))
        nearest = key[key < 0]
        items.append((nearest & 0xFFFFFFFF).astype(np.int32))
        similarities.append((-(nearest >> 32)).astype(np.int32).view(np.float32))
    parts = (np.concatenate(similarities), np.concatenate(items), np.cumsum(np.concatenate(counts)))
    return csr_matrix(parts, shape=(n_items, n_items))


def _chunks(n_items: int) -> Iterator[NDArray[np.intp]]:
    size = max(1, _CELLS_PER_CHUNK // max(n_items, 1))
    for first in range(0, n_items, size):
        yield np.arange(first, min(first + size, n_items))


def _deviations(log: RatingLog, biases: Biases, of_users: bool) -> SparseRows:
    return _facing(log.matrix(log.rating - biases.predict(log.user, log.item, log.day)), of_users)


def _facing(matrix: SparseRows, of_users: bool) -> SparseRows:
    """Turn those whose neighbours are wanted into columns."""
    return csr_matrix(matrix.T) if of_users else matrix


def _check_similarity(neighbors: SparseRows, *, n: int) -> None:
    if neighbors.shape != (n, n):
        raise ValueError(
            f"the similarity has shape {neighbors.shape}; give one row and column for each of {n}"
        )
    if not np.all(neighbors.data > 0):
        raise ValueError(
            f"{np.count_nonzero(~(neighbors.data > 0))} similarities are not positive; leave those out"
        )
    rising = np.flatnonzero(np.diff(neighbors.data) > 0) + 1
    within = np.setdiff1d(rising, neighbors.indptr)
    if within.size:
        raise ValueError(
            f"similarity rises {within.size} times within a row; sort each row, the most similar first"
        )


def _parts(matrix: SparseRows) -> Parts:
    return matrix.indptr, matrix.indices, matrix.data


@njit(cache=True, nogil=True)
def _corated_cosines(chosen, by_column, by_row, trust):  # type: ignore[no-untyped-def]
    column_starts, rows, own_values = by_column
    row_starts, columns, values = by_row
    n_columns = len(column_starts) - 1
    cosines = np.zeros((len(chosen), n_columns), dtype=np.float32)
    support = np.zeros(n_columns, dtype=np.int64)
    sums = np.zeros((n_columns, 3))
    for place, column in enumerate(chosen):
        for entry in range(column_starts[column], column_starts[column + 1]):
            own = np.float64(own_values[entry])
            for co_rated in range(row_starts[rows[entry]], row_starts[rows[entry] + 1]):
                other, value = columns[co_rated], np.float64(values[co_rated])
                support[other] += 1
                sums[other, 0] += own * value
                sums[other, 1] += own * own
                sums[other, 2] += value * value
        for other in np.flatnonzero(support):
            squares = sums[other, 1] * sums[other, 2]
            if other != column and squares > 0:
                cosines[place, other] = trust[support[other]] * sums[other, 0] / np.sqrt(squares)
            support[other] = 0
            sums[other] = 0
    return cosines


@njit(cache=True, nogil=True)
def _mean_deviations(  # type: ignore[no-untyped-def]
    row, column, deviations, neighbors, n_neighbors, min_neighbors, damping
):
    """Of each pair, pairs of the same row standing together."""
    starts, rated, values = deviations
    known = np.full(len(neighbors[0]) - 1, np.nan, dtype=np.float32)
    means = np.zeros(len(row), dtype=np.float32)
    for pair in range(len(row)):
        if pair == 0 or row[pair] != row[pair - 1]:
            known[:] = np.nan
            for entry in range(starts[row[pair]], starts[row[pair] + 1]):
                known[rated[entry]] = values[entry]
        means[pair] = _nearest_mean(column[pair], known, neighbors, n_neighbors, min_neighbors, damping)
    return means


@njit(cache=True, nogil=True)
def _all_mean_deviations(  # type: ignore[no-untyped-def]
    rows, columns, deviations, neighbors, followers, n_neighbors, min_neighbors, damping
):
    """Of all rows × columns; followers of j are the places in columns of those with j among their neighbours.

    Adding each rating to its followers takes a fraction of the steps of looking for each column's neighbours among
    the ratings, as most are unrated. Only columns with more than enough rated neighbours need the nearest.
    """
    starts, rated, values = deviations
    follower_starts, places, weights = followers
    means = np.zeros((len(rows), len(columns)), dtype=np.float32)
    known = np.empty(len(neighbors[0]) - 1, dtype=np.float32)
    for number, row in enumerate(rows):
        known[:] = np.nan
        found = np.zeros(len(columns), dtype=np.int64)
        sums = np.zeros((len(columns), 2))
        for entry in range(starts[row], starts[row + 1]):
            value = known[rated[entry]] = values[entry]
            for follower in range(follower_starts[rated[entry]], follower_starts[rated[entry] + 1]):
                place, weight = places[follower], np.float64(weights[follower])
                found[place] += 1
                sums[place, 0] += weight * value
                sums[place, 1] += weight
        for place, column in enumerate(columns):
            if found[place] > n_neighbors:
                means[number, place] = _nearest_mean(
                    column, known, neighbors, n_neighbors, min_neighbors, damping
                )
            elif found[place] >= min_neighbors:
                means[number, place] = sums[place, 0] / (sums[place, 1] + damping)
    return means


@njit(cache=True, nogil=True)
def _nearest_mean(column, known, neighbors, n_neighbors, min_neighbors, damping):  # type: ignore[no-untyped-def]
    starts, nearest, weights = neighbors
    found, total, weight = 0, 0.0, 0.0
    for entry in range(starts[column], starts[column + 1]):
        value = known[nearest[entry]]
        if not np.isnan(value):
            found += 1
            total += np.float64(weights[entry]) * value
            weight += weights[entry]
            if found == n_neighbors:
                break
    return total / (weight + damping) if found >= min_neighbors else 0.0
