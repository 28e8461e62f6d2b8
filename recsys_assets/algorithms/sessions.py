"""Recommendations to somebody whose ratings no model has learned from: their vectors are solved for, nothing is fitted.

With a handful of ratings a session has what a user of the models has: ALS factors by the closed form that the models'
own users have (`als.fold_in_users`), a content profile as `content.user_profiles` makes it, and the hybrid's sum of
both, standardised as `hybrid.blend` does. What all sessions share is computed once, with the models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsys_assets.algorithms.embeddings import Vectors
from recsys_assets.algorithms.explanation import EXPLAINED, ListModels, content_shares

__all__ = ["FoldIn", "prepare_fold_in", "session_scores"]

SESSION_STRATEGIES: Final = EXPLAINED
"""Strategies that need no more of a user than ratings: als, content, hybrid."""

# As in `hybrid.user_scales`: less deviation than this share of the largest score there could be is rounding.
_LEAST_DEVIATION = 1e-5


@dataclass(frozen=True)
class FoldIn:
    """What every session's solution shares.

    Attributes
    ----------
    gram : YᵀY of the ALS item factors, shape (n_factors, n_factors)
    als_covariance : of the item factors over the catalogue, shape (n_factors, n_factors)
    content_covariance : of the content vectors over the catalogue, shape (n_components, n_components)
    als_longest, content_longest : length of the longest vector of the catalogue
    als_weight, content_weight : the hybrid's
    """

    gram: NDArray[np.float64]
    als_covariance: NDArray[np.float64]
    content_covariance: NDArray[np.float64]
    als_longest: float
    content_longest: float
    als_weight: float
    content_weight: float


def prepare_fold_in(models: ListModels, *, als_weight: float, content_weight: float) -> FoldIn:
    """Compute what sessions share; the catalogue is the items that ALS knows, as for the hybrid.

    Raises
    ------
    ValueError
        If ALS knows no item.
    """
    catalogue = models.item_factors.any(axis=1)
    if not catalogue.any():
        raise ValueError(f"ALS knows none of {catalogue.size} items; fit on some likes first")
    factors = models.item_factors.astype(np.float64)
    als, content = factors[catalogue], models.content_vectors[catalogue].astype(np.float64)
    return FoldIn(
        factors.T @ factors,
        _covariance(als),
        _covariance(content),
        float(np.linalg.norm(als, axis=1).max()),
        float(np.linalg.norm(content, axis=1).max()),
        als_weight,
        content_weight,
    )


def session_scores(
    models: ListModels, shared: FoldIn, strategy: str, items: NDArray[np.integer], stars: Vectors
) -> Vectors | None:
    """Score all items for somebody who gave these stars, −∞ where the strategy knows nothing of the item.

    Parameters
    ----------
    items, stars : shape (n_ratings,), each item once

    Returns
    -------
    shape (n_items,), or None if the ratings say nothing that the strategy could use: no like, or of unknown items

    Raises
    ------
    ValueError
        If the strategy is none of ``SESSION_STRATEGIES``.
    """
    if strategy not in SESSION_STRATEGIES:
        raise ValueError(f"{strategy!r} can't be folded in; there are {', '.join(SESSION_STRATEGIES)}")
    liked = items[stars >= models.min_rating]
    als = als_vector(models.item_factors[liked], shared, models)
    content = content_shares(
        stars[stars >= models.min_rating], models.content_vectors[liked], min_rating=models.min_rating
    ).sum(axis=0)
    if strategy == "als":
        return _scored(models.item_factors, als)
    if strategy == "content":
        return _scored(models.content_vectors, content)
    sides = [
        (shared.als_weight, als, shared.als_covariance, shared.als_longest),
        (shared.content_weight, content, shared.content_covariance, shared.content_longest),
    ]
    user = np.concatenate([weight * _scale(*side) * side[0] for weight, *side in sides if weight > 0])
    scores = _scored(models.hybrid_vectors, user)
    if scores is None:
        return None
    known = (shared.als_weight > 0) & models.item_factors.any(axis=1)
    known |= (shared.content_weight > 0) & models.content_vectors.any(axis=1)
    scores[~known] = -np.inf
    return scores


def als_vector(liked: Vectors, shared: FoldIn, models: ListModels) -> NDArray[np.float64]:
    """Solve for a session's ALS factors: x = (YᵀY + (α − 1) LᵀL + λI)⁻¹ α Σ L, with the rows L of the liked items.

    Returns
    -------
    shape (n_factors,), float64; zeros without likes. In float32 it is `als.fold_in_users`' row.
    """
    factors = liked.astype(np.float64)
    weighted = shared.gram + models.regularization * np.eye(len(shared.gram))
    weighted += (models.alpha - 1) * factors.T @ factors
    solved: NDArray[np.float64] = np.linalg.solve(weighted, models.alpha * factors.sum(axis=0))
    return solved


def _scored(item_vectors: Vectors, user: NDArray[np.float64]) -> Vectors | None:
    if not user.any():
        return None
    scores: Vectors = np.asarray(item_vectors @ user.astype(np.float32))
    return np.where(np.asarray(item_vectors.any(axis=1)), scores, np.float32(-np.inf))


def _scale(user: NDArray[np.float64], covariance: NDArray[np.float64], longest: float) -> float:
    """1 / σ_u, with σ_u² = uᵀ Cov u; 0 where the user's scores don't vary."""
    deviation = max(float(user @ covariance @ user), 0.0) ** 0.5
    return 1 / deviation if deviation > _LEAST_DEVIATION * longest * float(np.linalg.norm(user)) else 0.0


def _covariance(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = vectors - vectors.mean(axis=0)
    covariance: NDArray[np.float64] = centred.T @ centred / len(vectors)
    return covariance
