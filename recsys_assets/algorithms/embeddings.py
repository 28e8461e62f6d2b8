"""The one shape of every ranking model: a vector for each user and each item."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recsys_assets.algorithms.interactions import Ids

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Embeddings:
    """A ranking model in which score(user, item) = user_vectors[user] · item_vectors[item].

    Attributes
    ----------
    user_ids : shape (n_users,)
    item_ids : shape (n_items,)
    user_vectors : shape (n_users, n_dims); a row of zeros is a user of whom the model knows nothing
    item_vectors : shape (n_items, n_dims)
    recommendable : shape (n_items,), bool; False where the model knows nothing of the item: it is never
    listed

    Raises
    ------
    ValueError
        If the shapes don't agree; the message carries them.
    """

    user_ids: Ids
    item_ids: Ids
    user_vectors: Vectors
    item_vectors: Vectors
    recommendable: NDArray[np.bool_]

    def __post_init__(self) -> None:
        n_dims = self.user_vectors.shape[1]
        expected = ((self.n_users, n_dims), (self.n_items, n_dims), (self.n_items,))
        got = (self.user_vectors.shape, self.item_vectors.shape, self.recommendable.shape)
        if got != expected:
            raise ValueError(
                f"user_vectors, item_vectors and recommendable have shapes {got}; {self.n_users} users and "
                f"{self.n_items} items need {expected}"
            )

    @property
    def n_users(self) -> int:
        return self.user_ids.size

    @property
    def n_items(self) -> int:
        return self.item_ids.size

    def of_users(self, users: NDArray[np.integer]) -> Embeddings:
        """Return the model of some users, by row number."""
        return replace(self, user_ids=self.user_ids[users], user_vectors=self.user_vectors[users])

    def only(self, candidates: NDArray[np.bool_]) -> Embeddings:
        """Return the model that lists none but these items, a mask of shape (n_items,)."""
        return replace(self, recommendable=self.recommendable & candidates)

    def scores(self, users: NDArray[np.integer]) -> Vectors:
        """Return the scores of all items, shape (len(users), n_items); hold few users at a time."""
        scores: Vectors = self.user_vectors[users] @ self.item_vectors.T
        return scores

    def pair_scores(self, users: NDArray[np.integer], items: NDArray[np.integer]) -> Vectors:
        """Return the score of each (users[j], items[j]), shape (len(users),)."""
        scores: Vectors = np.einsum("jd,jd->j", self.user_vectors[users], self.item_vectors[items])
        return scores


def require_same_ids(one: Embeddings, other: Embeddings) -> None:
    """Raise ValueError unless two models have the same users and items in the same order."""
    if not (np.array_equal(one.user_ids, other.user_ids) and np.array_equal(one.item_ids, other.item_ids)):
        raise ValueError(
            f"the models have different ids ({one.n_users} × {one.n_items} and {other.n_users} × "
            f"{other.n_items} users × items); build both over the same vocabularies"
        )


def planted_users(model: Embeddings, *, n: int) -> tuple[Embeddings, Ids]:
    """Plant users exactly where items stand, so that each has one known best item.

    On unit-length item vectors the best inner product of an item's own vector is with itself. Items whose direction
    another item shares have no single best one and are not planted upon.

    Parameters
    ----------
    n : how many users at most, spread evenly over the recommendable items

    Returns
    -------
    the model of the planted users; the raw id of the item that each must be recommended, shape (at most n,)
    """
    norms = np.linalg.norm(model.item_vectors, axis=1)
    unit = np.divide(
        model.item_vectors, norms[:, None], out=np.zeros_like(model.item_vectors), where=norms[:, None] > 0
    )
    candidates = np.flatnonzero(model.recommendable & (norms > 0))
    sample = candidates[np.linspace(0, candidates.size - 1, min(n, candidates.size)).astype(int)]
    closest = np.sort(unit[sample] @ unit[candidates].T, axis=1)
    alone = closest[:, -2] < 1 - 1e-5 if candidates.size > 1 else np.ones(sample.size, dtype=bool)
    items = sample[alone]
    planted = Embeddings(np.arange(items.size), model.item_ids, unit[items], unit, model.recommendable)
    return planted, model.item_ids[items]
