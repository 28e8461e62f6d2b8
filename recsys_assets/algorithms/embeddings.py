"""The one shape of every ranking model: a vector for each user and each item."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recsys_assets.algorithms.interactions import Ids, Numbers, SparseRows

Vectors = NDArray[np.float32]

_SHIFTS = (-3, -2, -1, 1, 2, 3)


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


@dataclass(frozen=True)
class Alignment:
    """Whether vectors stand at their own ids, by what their scores say of the likes that were learned from.

    Attributes
    ----------
    auc : the probability that a user's like scores above an item that they don't like, ties counting half
    items_margin : `auc` less the highest that another order of the item vectors reaches
    users_margin : the same of the user vectors
    """

    auc: float
    items_margin: float
    users_margin: float

    @property
    def holds(self) -> bool:
        """Whether no other order explains the likes better than the one there is."""
        return self.items_margin >= 0 and self.users_margin >= 0


def alignment(
    model: Embeddings, likes: SparseRows, *, n_pairs: int, n_shuffles: int, tolerance: float, seed: int
) -> Alignment:
    """Compare the order of a model's vectors with other orders, by how they explain the learned likes.

    The other orders are shifts by one to three places either way, and shuffles. Shuffles alone would not do: ids often
    ascend with popularity or age, so that vectors that are off by one still explain more than shuffled ones; but then
    the shift back explains most. Vectors in an order that has nothing to do with ids explain more than all
    shuffles with probability 1 / (`n_shuffles` + 1) (a permutation test; Phipson and Smyth 2010).

    All orders are judged on the same pairs. A side on which order makes no difference, such as users in a model that
    isn't personal, has a margin of 0. Without likes, or without users of whom the model knows something, `auc` is 0.5
    and both margins are 0. Of a few users or items some other order may explain more by chance.

    Parameters
    ----------
    likes : shape (n_users, n_items), the stored entries are likes
    n_pairs : pairs of a like and an item to draw: users evenly, then one of their likes and any item; a pair is left
        out where the item is liked too
    n_shuffles : shuffles of each side
    tolerance : a shift counts as so much less than its AUC, as neighbours may be all but alike
    """
    rng = np.random.default_rng(seed)
    known = np.flatnonzero(model.user_vectors.any(axis=1))
    user, liked, unliked = _draw_pairs(likes, known, n_pairs, rng)
    if user.size == 0:
        return Alignment(0.5, 0.0, 0.0)

    def auc(users: Numbers, items: Numbers) -> float:
        moved = users[user]
        above = model.pair_scores(moved, items[liked]) - model.pair_scores(moved, items[unliked])
        return float(1 + np.sign(above).mean(dtype=np.float64)) / 2

    users, items = np.arange(model.n_users), np.arange(model.n_items)
    stored = auc(users, items)
    best_items = max(
        auc(users, other) - less for other, less in _orders(items, items, n_shuffles, tolerance, rng)
    )
    best_users = max(
        auc(other, items) - less for other, less in _orders(users, known, n_shuffles, tolerance, rng)
    )
    return Alignment(stored, stored - best_items, stored - best_users)


def _draw_pairs(
    likes: SparseRows, known: Numbers, n_pairs: int, rng: np.random.Generator
) -> tuple[Numbers, Numbers, Numbers]:
    n_likes = np.diff(likes.indptr)
    with_likes = known[n_likes[known] > 0]
    if with_likes.size == 0:
        return with_likes, with_likes, with_likes
    user = rng.choice(with_likes, size=n_pairs)
    liked = likes.indices[likes.indptr[user] + rng.integers(n_likes[user])]
    unliked = rng.integers(likes.shape[1], size=user.size)
    kept = np.asarray(likes[user, unliked]).ravel() == 0
    return user[kept], liked[kept], unliked[kept]


def _orders(
    rows: Numbers, shuffled: Numbers, n_shuffles: int, tolerance: float, rng: np.random.Generator
) -> Iterator[tuple[Numbers, float]]:
    """Yield other orders of rows, with what is taken off their AUC: shifts of all, and shuffles of some."""
    for places in _SHIFTS:
        yield np.roll(rows, places), tolerance
    for _ in range(n_shuffles):
        other = rows.copy()
        other[shuffled] = rng.permutation(shuffled)
        yield other, 0.0
