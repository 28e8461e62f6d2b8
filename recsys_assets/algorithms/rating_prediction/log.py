"""Ratings row by row, and what every model of them offers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.interactions import Ids, SparseRows

__all__ = ["Days", "Numbers", "RatingLog", "RatingModel", "Stars"]

Numbers = NDArray[np.int32]
Days = NDArray[np.float64]
Stars = NDArray[np.float32]


@dataclass(frozen=True)
class RatingLog:
    """Ratings row by row. A user or item without any row is one that models know nothing of.

    Attributes
    ----------
    user_ids : shape (n_users,), sorted, unique
    item_ids : shape (n_items,), sorted, unique
    user, item : shape (n_ratings,), row numbers of the two
    rating : shape (n_ratings,), stars
    day : shape (n_ratings,), when, in days since 1970-01-01 UTC, with fractions
    """

    user_ids: Ids
    item_ids: Ids
    user: Numbers
    item: Numbers
    rating: Stars
    day: Days

    @property
    def n_users(self) -> int:
        return self.user_ids.size

    @property
    def n_items(self) -> int:
        return self.item_ids.size

    @property
    def scale(self) -> tuple[float, float]:
        """Lowest and highest rating given."""
        return float(self.rating.min()), float(self.rating.max())

    def rows(self, chosen: NDArray[np.integer] | NDArray[np.bool_]) -> RatingLog:
        """Some of the ratings, by row number or mask; all users and items stay."""
        return replace(
            self,
            user=self.user[chosen],
            item=self.item[chosen],
            rating=self.rating[chosen],
            day=self.day[chosen],
        )

    def matrix(self, values: NDArray[np.floating] | None = None) -> SparseRows:
        """The ratings, or other values of the same rows, as a matrix of shape (n_users, n_items)."""
        data = (self.rating if values is None else values).astype(np.float32)
        return csr_matrix((data, (self.user, self.item)), shape=(self.n_users, self.n_items))


class RatingModel(Protocol):
    """A fitted model. Predictions are stars, not clipped to the scale."""

    def predict(self, user: NDArray[np.integer], item: NDArray[np.integer], day: Days) -> Stars:
        """Expected stars of each pair at that time, shape (n,)."""
        ...

    def predict_all(self, users: NDArray[np.integer], day: Days) -> Stars:
        """Expected stars of some users, each at the user's time, for all items: shape (len(users), n_items)."""
        ...
