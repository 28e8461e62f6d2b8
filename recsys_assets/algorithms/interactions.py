"""The user × item matrix of ratings, with the raw ids of its rows and columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

Ids = NDArray[np.int64]
Numbers = NDArray[np.intp]
SparseRows = csr_matrix[np.float32]

_IDS_PER_LOOKUP = 4


@dataclass(frozen=True)
class Interactions:
    """Ratings as a sparse matrix whose rows are users and whose columns are items.

    Attributes
    ----------
    user_ids : shape (n_users,), sorted, unique
    item_ids : shape (n_items,), sorted, unique
    ratings : shape (n_users, n_items), stars; an unrated pair is not stored
    """

    user_ids: Ids
    item_ids: Ids
    ratings: SparseRows

    @property
    def n_users(self) -> int:
        return self.user_ids.size

    @property
    def n_items(self) -> int:
        return self.item_ids.size

    def likes(self, min_rating: float) -> SparseRows:
        """Return ones where a rating is at least `min_rating` stars, shape (n_users, n_items)."""
        liked = self.ratings.data >= min_rating
        n_liked_before = np.concatenate([[0], np.cumsum(liked)])
        row_starts = n_liked_before[self.ratings.indptr].astype(self.ratings.indptr.dtype)
        columns = self.ratings.indices[liked]
        return csr_matrix(
            (np.ones(columns.size, dtype=np.float32), columns, row_starts), shape=self.ratings.shape
        )

    def of_users(self, users: NDArray[np.integer]) -> Interactions:
        """Keep the rows of some users, by row number, and all items."""
        return Interactions(self.user_ids[users], self.item_ids, csr_matrix(self.ratings[users]))

    def item_activity(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return each item's number of ratings and their mean, NaN without ratings; both of shape (n_items,)."""
        n_ratings = np.bincount(self.ratings.indices, minlength=self.n_items)
        total = np.bincount(self.ratings.indices, weights=self.ratings.data, minlength=self.n_items)
        mean = np.divide(total, n_ratings, out=np.full(self.n_items, np.nan), where=n_ratings > 0)
        return n_ratings, mean

    def users(self, user_ids: ArrayLike) -> Numbers:
        """Return the row numbers of raw user ids; ValueError if one is not in the vocabulary."""
        return positions(self.user_ids, user_ids, what="user_id")

    def items(self, item_ids: ArrayLike) -> Numbers:
        """Return the column numbers of raw item ids; ValueError if one is not in the vocabulary."""
        return positions(self.item_ids, item_ids, what="item_id")


def build_interactions(
    user_id: ArrayLike, item_id: ArrayLike, rating: ArrayLike, *, user_ids: ArrayLike, item_ids: ArrayLike
) -> Interactions:
    """Arrange ratings as a matrix over given vocabularies of users and items.

    The vocabularies are given, not inferred, so that matrices of different parts of one data set have the
    same rows and columns; a user or item without ratings is an empty row or column.

    Parameters
    ----------
    user_id, item_id, rating : shape (n_ratings,), in any order; ratings in stars
    user_ids, item_ids : raw ids of the rows and columns, in any order

    Raises
    ------
    ValueError
        If an id is not in its vocabulary, or a user rated an item twice; with the count and an example.
    """
    rows = np.unique(np.asarray(user_ids, dtype=np.int64))
    columns = np.unique(np.asarray(item_ids, dtype=np.int64))
    user = positions(rows, user_id, what="user_id").astype(np.int32)
    item = positions(columns, item_id, what="item_id").astype(np.int32)
    ratings = csr_matrix(
        (np.asarray(rating, dtype=np.float32), (user, item)), shape=(rows.size, columns.size)
    )
    # SciPy adds up repeated entries, so that a repeated pair shows as a missing entry.
    if ratings.nnz < user.size:
        raise ValueError(_repeated_pair(rows[user], columns[item], n_repeated=user.size - ratings.nnz))
    return Interactions(rows, columns, ratings)


def positions(vocabulary: Ids, ids: ArrayLike, *, what: str) -> Numbers:
    """Return where each id stands in a sorted vocabulary.

    Raises
    ------
    ValueError
        If an id is not in the vocabulary; with the number of such ids and the first of them.
    """
    wanted = np.asarray(ids, dtype=np.int64)
    if vocabulary.size == 0 and wanted.size:
        raise ValueError(f"the {what} vocabulary is empty, but {wanted.size} ids were looked up in it")
    found = _places(vocabulary, wanted)
    unknown = vocabulary[found] != wanted
    if unknown.any():
        raise ValueError(
            f"{np.count_nonzero(unknown)} of {wanted.size} {what} values are not in the vocabulary of "
            f"{vocabulary.size}, for example {wanted[unknown].flat[0]}; build it from all rows, or drop these"
        )
    return found


def _places(vocabulary: Ids, wanted: Ids) -> Numbers:
    """Return where known ids stand; some valid place for the others."""
    if wanted.size == 0:
        return np.empty(wanted.shape, dtype=np.intp)
    low, high = int(vocabulary[0]), int(vocabulary[-1])
    if high - low > _IDS_PER_LOOKUP * (vocabulary.size + wanted.size):
        return np.minimum(np.searchsorted(vocabulary, wanted), vocabulary.size - 1)
    # Where ids lie close together, a table of all of them answers twenty times as fast as bisection.
    place = np.zeros(high - low + 1, dtype=np.intp)
    place[vocabulary - low] = np.arange(vocabulary.size)
    return place[np.clip(wanted, low, high) - low]


def _repeated_pair(user_id: Ids, item_id: Ids, *, n_repeated: int) -> str:
    order = np.lexsort((item_id, user_id))
    same = (np.diff(user_id[order]) == 0) & (np.diff(item_id[order]) == 0)
    example = order[np.flatnonzero(same)[0]]
    return (
        f"{n_repeated} ratings repeat a (user, item) pair, for example user_id {user_id[example]} and "
        f"item_id {item_id[example]}; keep one rating for each pair"
    )
