"""Why a score is what it is: what each item that the user rated adds to it.

Where a model ranks by user_vector · item_vector and the user's vector is a sum over the items that the user liked,
x_u = Σ_j s_uj, the score is a sum over the same items: score(u, i) = Σ_j s_uj · y_i. The rows s_uj are the *shares* of
the likes in the user's vector. Neighbourhood models are sums over rated items as they stand, on top of the biases.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from recsys_assets.algorithms.embeddings import Embeddings, Vectors
from recsys_assets.algorithms.hybrid import user_scales
from recsys_assets.algorithms.interactions import Ids, Interactions, SparseRows
from recsys_assets.algorithms.rating_prediction.neighbors import Neighborhood

__all__ = [
    "EXPLAINED",
    "Explanation",
    "ListModels",
    "PartRows",
    "als_shares",
    "content_shares",
    "explain_lists",
    "explain_neighborhood",
    "explain_popularity",
    "list_models",
]

EXPLAINED: Final = ("als", "content", "hybrid")
"""The strategies whose scores are sums over liked items."""

NO_ITEM: Final = -1

Parts = NDArray[np.float64]


@dataclass(frozen=True)
class Explanation:
    """A score as a sum: score = constant + Σ parts.

    Attributes
    ----------
    items : shape (n_parts,), numbers of the rated items that contribute
    parts : shape (n_parts,), what each adds, on the score's scale; negative where it speaks against
    constant : what the score has whatever the user rated
    """

    items: NDArray[np.integer]
    parts: Parts
    constant: float = 0.0

    @property
    def score(self) -> float:
        return self.constant + float(self.parts.sum())

    def largest(self, n: int) -> tuple[Explanation, float]:
        """Keep the n parts that speak most for the item, the largest first, and return the sum of the others with them.

        Equal parts are ordered by item number.
        """
        order = np.lexsort((self.items, -self.parts))
        kept, others = order[:n], order[n:]
        return Explanation(self.items[kept], self.parts[kept], self.constant), float(self.parts[others].sum())


def als_shares(
    liked: NDArray[np.integer],
    item_factors: NDArray[np.float64],
    *,
    gram: NDArray[np.float64],
    regularization: float,
    alpha: float,
) -> Parts:
    """What each like adds to a user's ALS factors (Hu, Koren and Volinsky 2008, section 5, equation 7).

    With Y the item factors and C the diagonal of the user's confidences, x = Wα Σ_j y_j over the liked items j, where
    W = (YᵀCY + λI)⁻¹; the share of j is αWy_j, and y_iᵀWy_j is how alike the items i and j are to this user.

    Parameters
    ----------
    liked : shape (n_likes,), item numbers
    item_factors : shape (n_items, n_factors)
    gram : YᵀY, shape (n_factors, n_factors)

    Returns
    -------
    shape (n_likes, n_factors); rows add up to what `als.fold_in_users` solves for, before its rounding
    """
    factors = item_factors[liked]
    weighted = gram + regularization * np.eye(len(gram)) + (alpha - 1) * factors.T @ factors
    shares: Parts = alpha * np.linalg.solve(weighted, factors.T).T
    return shares


def content_shares(stars: Vectors, liked_vectors: Vectors, *, min_rating: float) -> Parts:
    """What each like adds to a user's content profile, as `content.user_profiles` weights it.

    Parameters
    ----------
    stars : shape (n_likes,), each at least `min_rating`
    liked_vectors : shape (n_likes, n_components)

    Returns
    -------
    shape (n_likes, n_components); rows add up to the profile, of unit length, or zeros if the likes cancel out
    """
    weighted = (1 + stars.astype(np.float64) - min_rating)[:, None] * liked_vectors
    length = float(np.linalg.norm(weighted.sum(axis=0)))
    return weighted / length if length > 0 else np.zeros_like(weighted)


@dataclass(frozen=True)
class ListModels:
    """The ranking models whose scores are sums over likes, with the ratings that they learned from.

    Attributes
    ----------
    user_ids, item_ids, ratings : as in `Interactions`
    item_factors : shape (n_items, n_factors), of ALS
    content_vectors : shape (n_items, n_components), zeros where nothing is known of the item
    hybrid_vectors : shape (n_items, n_dims), the hybrid's: both sides centred and next to each other, a side only if
        its weight isn't 0
    als_scale, content_scale : shape (n_users,), weight / σ_u: what the hybrid multiplies the user's vectors by
    regularization, alpha : of ALS
    min_rating : stars from which on a rating is a like
    """

    user_ids: Ids
    item_ids: Ids
    ratings: SparseRows
    item_factors: Vectors
    content_vectors: Vectors
    hybrid_vectors: Vectors
    als_scale: NDArray[np.float64]
    content_scale: NDArray[np.float64]
    regularization: float
    alpha: float
    min_rating: float

    def explain(self, strategy: str, user: int, items: NDArray[np.integer]) -> list[Explanation]:
        """Split the user's scores of some items into what each like adds.

        The hybrid's parts are of standardised scores: a like counts by how much more it says for the item than for an
        average one, so that there is no constant. A user without likes has no parts.

        Raises
        ------
        ValueError
            If the strategy is none of ``EXPLAINED``.
        """
        if strategy not in EXPLAINED:
            raise ValueError(f"{strategy!r} is not a sum over likes; those are {', '.join(EXPLAINED)}")
        liked, shares = self._shares(strategy, user)
        parts = self._vectors(strategy)[items].astype(np.float64) @ shares.T
        return [Explanation(liked, row) for row in parts]

    def _shares(self, strategy: str, user: int) -> tuple[NDArray[np.integer], Parts]:
        rated = slice(self.ratings.indptr[user], self.ratings.indptr[user + 1])
        stars = self.ratings.data[rated]
        likes = stars >= self.min_rating
        liked = self.ratings.indices[rated][likes]
        sides = {
            "als": lambda: als_shares(
                liked,
                self._factors,
                gram=self._gram,
                regularization=self.regularization,
                alpha=self.alpha,
            ),
            "content": lambda: content_shares(
                stars[likes], self.content_vectors[liked], min_rating=self.min_rating
            ),
        }
        if strategy != "hybrid":
            return liked, sides[strategy]()
        scales = {"als": self.als_scale, "content": self.content_scale}
        weighed = [side for side in sides if scales[side].any()]
        return liked, np.hstack([scales[side][user] * sides[side]() for side in weighed])

    def _vectors(self, strategy: str) -> Vectors:
        vectors = {
            "als": self.item_factors,
            "content": self.content_vectors,
            "hybrid": self.hybrid_vectors,
        }
        return vectors[strategy]

    @cached_property
    def _factors(self) -> NDArray[np.float64]:
        return self.item_factors.astype(np.float64)

    @cached_property
    def _gram(self) -> NDArray[np.float64]:
        gram: NDArray[np.float64] = self._factors.T @ self._factors
        return gram


def list_models(
    interactions: Interactions,
    als: Embeddings,
    content: Embeddings,
    hybrid: Embeddings,
    *,
    regularization: float,
    alpha: float,
    als_weight: float,
    content_weight: float,
    min_rating: float,
) -> ListModels:
    """Gather what the scores of ALS, content and their hybrid are made of.

    Parameters
    ----------
    interactions : the ratings that the models learned from
    hybrid : made of the other two by `hybrid.blend` with these weights

    Raises
    ------
    ValueError
        If the hybrid has another number of dimensions than the sides that have a weight.
    """
    sides = [(als, als_weight), (content, content_weight)]
    n_dims = sum(side.item_vectors.shape[1] for side, weight in sides if weight > 0)
    if hybrid.item_vectors.shape[1] != n_dims:
        raise ValueError(
            f"the hybrid has {hybrid.item_vectors.shape[1]} dimensions, its weighted sides {n_dims}: "
            "give the models that it was made of"
        )
    als_scale, content_scale = (
        weight * user_scales(side, als.recommendable).astype(np.float64) for side, weight in sides
    )
    return ListModels(
        interactions.user_ids,
        interactions.item_ids,
        interactions.ratings,
        als.item_vectors,
        content.item_vectors,
        hybrid.item_vectors,
        als_scale,
        content_scale,
        regularization,
        alpha,
        min_rating,
    )


@dataclass(frozen=True)
class PartRows:
    """The largest parts of many scores, one row each, and the sum of the others with them as the last row of a score.

    Attributes
    ----------
    pair : shape (n_rows,), which of the pairs asked for
    part_rank : shape (n_rows,), from 1 within the pair
    because : shape (n_rows,), number of the liked item; −1 in the row of the others
    part : shape (n_rows,)
    n_likes : shape (n_rows,), likes that the row stands for
    """

    pair: NDArray[np.intp]
    part_rank: NDArray[np.intp]
    because: NDArray[np.intp]
    part: Parts
    n_likes: NDArray[np.intp]


def explain_lists(
    models: ListModels,
    strategy: str,
    user: NDArray[np.integer],
    item: NDArray[np.integer],
    *,
    n_parts: int,
) -> PartRows:
    """Split the score of each pair (user[j], item[j]); pairs of users without likes have no rows.

    Parameters
    ----------
    user, item : shape (n_pairs,); a user's pairs stand together
    n_parts : rows of single likes for each pair, at most
    """
    rows: list[tuple[int, int, int, float, int]] = []
    starts = np.flatnonzero(np.diff(user, prepend=-1))
    ends = np.append(starts[1:], len(user))[: len(starts)]
    # Systems of a few dozen unknowns: BLAS threads only wait for each other.
    with threadpool_limits(limits=1, user_api="blas"):
        for first, last in zip(starts, ends, strict=True):
            explained = models.explain(strategy, int(user[first]), item[first:last])
            for pair, explanation in enumerate(explained, start=int(first)):
                rows += _rows(pair, explanation, n_parts)
    columns = list(zip(*rows, strict=True)) or [()] * 5
    pair_, rank, because, part, n_likes = columns
    return PartRows(
        np.array(pair_, dtype=np.intp),
        np.array(rank, dtype=np.intp),
        np.array(because, dtype=np.intp),
        np.array(part, dtype=np.float64),
        np.array(n_likes, dtype=np.intp),
    )


def _rows(pair: int, explanation: Explanation, n_parts: int) -> list[tuple[int, int, int, float, int]]:
    largest, others = explanation.largest(n_parts)
    rows = [
        (pair, rank, int(item), float(part), 1)
        for rank, (item, part) in enumerate(zip(largest.items, largest.parts, strict=True), start=1)
    ]
    n_others = explanation.items.size - largest.items.size
    return [*rows, (pair, len(rows) + 1, NO_ITEM, others, n_others)] if n_others else rows


def explain_neighborhood(model: Neighborhood, user: int, item: int) -> Explanation:
    """Split predicted stars into the baseline b_ui and what each rated neighbour adds: w_ij e_uj / (λ + Σ w).

    Raises
    ------
    ValueError
        If the neighbours are users: then other people's ratings contribute, which are nobody's to show.
    """
    if model.of_users:
        raise ValueError("the neighbours of this model are users; explain one whose neighbours are items")
    baseline = float(model.mean + np.float64(model.user_bias[user]) + model.item_bias[item])
    near = slice(model.neighbors.indptr[item], model.neighbors.indptr[item + 1])
    rated = slice(model.deviations.indptr[user], model.deviations.indptr[user + 1])
    known = dict(zip(model.deviations.indices[rated], model.deviations.data[rated], strict=True))
    neighbors, weights = model.neighbors.indices[near], model.neighbors.data[near].astype(np.float64)
    used = np.flatnonzero([neighbor in known for neighbor in neighbors])[: model.n_neighbors]
    if used.size < model.min_neighbors:
        return Explanation(np.empty(0, dtype=np.intp), np.empty(0), baseline)
    deviations = np.array([known[neighbor] for neighbor in neighbors[used]], dtype=np.float64)
    parts = weights[used] * deviations / (weights[used].sum() + model.damping)
    return Explanation(neighbors[used], parts, baseline)


def explain_popularity(ratings: SparseRows, item: int, *, min_rating: float) -> Explanation:
    """The number of likes of an item, the same for everybody: all of it is constant."""
    stars = ratings.data[ratings.indices == item]
    return Explanation(
        np.empty(0, dtype=np.intp), np.empty(0), constant=float(np.count_nonzero(stars >= min_rating))
    )
