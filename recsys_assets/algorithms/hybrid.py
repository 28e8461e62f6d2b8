"""A weighted sum of two models' standardised scores, which is again a pair of embeddings.

Models score on scales of their own, so each is standardised per user before it is weighted:

    score(u, i) = α z_c(u, i) + β z_t(u, i)        z(u, i) = (s(u, i) − μ_u) / σ_u

with μ_u and σ_u over the catalogue R, the items that the collaborative model knows. As s(u, i) = u · v_i,
they have closed forms, μ_u = u · v̄ and σ_u² = uᵀ Cov(V_R) u, so that z(u, i) = (u / σ_u) · (v_i − v̄):
standardising only scales the users' vectors and shifts the items', and the blend is the two side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recsys_assets.algorithms.embeddings import Embeddings, Vectors, require_same_ids
from recsys_assets.algorithms.interactions import SparseRows
from recsys_assets.algorithms.topn import ndcg_of_lists


@dataclass(frozen=True)
class HybridWeights:
    """The chosen weights, and the validation NDCG@k of every candidate.

    Attributes
    ----------
    alpha, beta : weight of the collaborative and of the content model; they add up to 1
    candidate_alpha : shape (n_candidates,), descending
    candidate_ndcg : shape (n_candidates,), mean over users
    standard_error : shape (n_candidates,), of the mean over users of the difference to the best candidate
    """

    alpha: float
    beta: float
    candidate_alpha: NDArray[np.float64]
    candidate_ndcg: NDArray[np.float64]
    standard_error: NDArray[np.float64]


def standardise(model: Embeddings, catalogue: NDArray[np.bool_]) -> Embeddings:
    """Rescale a model so that each user's scores over the catalogue have mean 0 and standard deviation 1.

    A user whose scores don't vary over the catalogue, one with a zero vector for instance, gets zeros. An
    item that the model doesn't know (`recommendable` is False) gets z = 0, an average item's score.

    Parameters
    ----------
    catalogue : shape (n_items,), bool; at least one True

    Raises
    ------
    ValueError
        If the catalogue is empty.
    """
    vectors = _known_vectors(model, catalogue)
    centred = np.where(model.recommendable[:, None], model.item_vectors - vectors.mean(axis=0), 0)
    return replace(
        model,
        user_vectors=model.user_vectors * user_scales(model, catalogue)[:, None],
        item_vectors=centred.astype(np.float32),
    )


def user_scales(model: Embeddings, catalogue: NDArray[np.bool_]) -> Vectors:
    """Return what `standardise` multiplies each user's vector by: 1 / σ_u, shape (n_users,); 0 where nothing varies.

    Raises
    ------
    ValueError
        If the catalogue is empty.
    """
    vectors = _known_vectors(model, catalogue)
    deviation: Vectors = np.linalg.norm(model.user_vectors @ _covariance_root(vectors), axis=1)
    # Rounding leaves a hair of deviation where there is none: compare with the largest score there could be.
    largest = np.linalg.norm(model.user_vectors, axis=1) * np.linalg.norm(vectors, axis=1).max()
    return np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 1e-5 * largest)


def blend(collaborative: Embeddings, content: Embeddings, *, alpha: float, beta: float) -> Embeddings:
    """Return the model whose score is α z_c + β z_t.

    Both are standardised over the items that the collaborative model knows. A cold item, known to the content
    model only, gets z_c = 0, so that its content alone places it, and as the best warm items have a z_c of
    several standard deviations, few cold items reach the top of a list. A user unknown to one model is ranked
    by the other. An item is recommendable if a model with a positive weight knows it.

    Raises
    ------
    ValueError
        If the models have different ids, a weight is negative, or both are zero.
    """
    require_same_ids(collaborative, content)
    if min(alpha, beta) < 0 or alpha + beta == 0:
        raise ValueError(f"weights must be at least 0 and not both 0; got alpha {alpha} and beta {beta}")
    parts = [standardise(model, collaborative.recommendable) for model in (collaborative, content)]
    return _join(parts, alpha=alpha, beta=beta)


def fit_weights(
    collaborative: Embeddings,
    content: Embeddings,
    seen: SparseRows,
    relevant: SparseRows,
    *,
    alphas: Sequence[float],
    min_beta: float,
    k: int,
) -> HybridWeights:
    """Choose α, with β = 1 − α, by mean NDCG@k on held-out likes and the one-standard-error rule.

    Each bit of content has to be more than noise: chosen is the largest α whose NDCG is within one standard
    error of the best, where the standard error is that of the paired difference over users (Hastie, Tibshirani
    and Friedman 2009, section 7.10). Of the candidates only those with β of at least ``min_beta`` can be chosen:
    without any content the blend could never list an item that nobody has rated.

    Parameters
    ----------
    collaborative, content : fitted on training rows
    seen : shape (n_users, n_items), training ratings
    relevant : shape (n_users, n_items), validation likes
    alphas : within 0 to 1; to contain both ends, so that each model alone is measured
    min_beta : 0 to 1

    Raises
    ------
    ValueError
        If an end is missing, an alpha is outside 0 to 1, or no user has a validation like.
    """
    candidates = np.unique(np.asarray(alphas, dtype=np.float64))[::-1]
    if candidates.size < 2 or candidates[0] != 1 or candidates[-1] != 0:
        raise ValueError(f"alphas must run from 0 to 1 and contain both; got {list(alphas)}")
    if not relevant.nnz:
        raise ValueError(f"none of {relevant.shape[0]} users has a validation like; hold out more ratings")
    require_same_ids(collaborative, content)
    parts = [standardise(model, collaborative.recommendable) for model in (collaborative, content)]
    ndcg = np.stack(
        [ndcg_of_lists(_join(parts, alpha=a, beta=1 - a), seen, relevant, k=k) for a in candidates]
    ).astype(np.float64)
    mean = ndcg.mean(axis=1)
    blends = 1 - candidates >= min_beta - 1e-9
    best = int(np.where(blends, mean, -np.inf).argmax())
    standard_error = (ndcg - ndcg[best]).std(axis=1) / np.sqrt(ndcg.shape[1])
    alpha = float(candidates[np.argmax(blends & (mean >= mean[best] - standard_error))])
    return HybridWeights(alpha, 1 - alpha, candidates, mean, standard_error)


def contributions(
    collaborative: Embeddings,
    content: Embeddings,
    users: NDArray[np.integer],
    items: NDArray[np.integer],
    *,
    alpha: float,
    beta: float,
) -> Vectors:
    """Split the blend's score of each (users[j], items[j]) into α z_c and β z_t.

    Returns
    -------
    shape (len(users), 2); collaborative, content. Rows add up to the score of `blend` but for rounding.
    """
    require_same_ids(collaborative, content)
    parts = [standardise(model, collaborative.recommendable) for model in (collaborative, content)]
    weighted = [
        np.float32(weight) * part.pair_scores(users, items)
        for weight, part in zip((alpha, beta), parts, strict=True)
    ]
    return np.stack(weighted, axis=1)


def _known_vectors(model: Embeddings, catalogue: NDArray[np.bool_]) -> NDArray[np.float64]:
    if not catalogue.any():
        raise ValueError(f"none of {catalogue.size} items is in the catalogue; fit on some likes first")
    return model.item_vectors[catalogue].astype(np.float64)


def _covariance_root(vectors: NDArray[np.float64]) -> Vectors:
    """Return R with R Rᵀ = Cov(V), so that ‖uᵀR‖ is the standard deviation of V u."""
    centred = vectors - vectors.mean(axis=0)
    variances, axes = np.linalg.eigh(centred.T @ centred / len(vectors))
    root: Vectors = (axes * np.sqrt(np.maximum(variances, 0))).astype(np.float32)
    return root


def _join(parts: Sequence[Embeddings], *, alpha: float, beta: float) -> Embeddings:
    weighted = [(weight, part) for weight, part in zip((alpha, beta), parts, strict=True) if weight > 0]
    return Embeddings(
        parts[0].user_ids,
        parts[0].item_ids,
        np.hstack([np.float32(weight) * part.user_vectors for weight, part in weighted]),
        np.hstack([part.item_vectors for _, part in weighted]),
        np.any([part.recommendable for _, part in weighted], axis=0),
    )
