"""Matrix factorisation of likes by alternating least squares (Hu, Koren and Volinsky, 2008).

The objective, with p_ui = 1 where user u likes item i and 0 elsewhere, is

    Σ_{u,i} c_ui (p_ui − x_u · y_i)² + λ (Σ_u ‖x_u‖² + Σ_i ‖y_i‖²)

with confidence c_ui = α for a like and 1 elsewhere. This is implicit's convention; the paper's is 1 + α, so
that its α is one less than ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from recsys_assets.algorithms.embeddings import Embeddings, Vectors
from recsys_assets.algorithms.interactions import Ids, SparseRows
from recsys_assets.algorithms.sampling import sample_users
from recsys_assets.algorithms.topn import ndcg_of_lists


@dataclass(frozen=True)
class AlsSettings:
    """The regularisation λ and the confidence α of a like."""

    regularization: float
    alpha: float


@dataclass(frozen=True)
class AlsTuning:
    """Validation NDCG@k of each candidate, averaged over seeds.

    Attributes
    ----------
    regularization, alpha, ndcg : shape (n_candidates,), in the order in which the candidates were given
    """

    regularization: NDArray[np.float64]
    alpha: NDArray[np.float64]
    ndcg: NDArray[np.float64]

    @property
    def best(self) -> AlsSettings:
        """The settings with the highest NDCG; the first of equals."""
        winner = int(np.argmax(self.ndcg))
        return AlsSettings(float(self.regularization[winner]), float(self.alpha[winner]))


def fit_als(
    likes: SparseRows,
    *,
    user_ids: Ids,
    item_ids: Ids,
    n_factors: int,
    regularization: float,
    alpha: float,
    iterations: int,
    seed: int,
) -> Embeddings:
    """Factorise likes into `n_factors` dimensions.

    A user or item without likes gets a vector of zeros, and such an item isn't recommendable.
    After the last iteration the user factors are solved once more by `fold_in_users`, against the final item
    factors: implicit's own solution is off by up to 2e-5 of a score. So a user's vector is an exact function of
    their likes and the item factors, the same for a new user with the same likes, and a score is the sum of what
    each like adds to it (`explanation.als_shares`).

    Parameters
    ----------
    likes : shape (n_users, n_items), stored ones
    iterations : updates of both sides

    Returns
    -------
    Embeddings of `n_factors` dimensions; the same bytes for the same seed
    """
    # implicit runs its own threads over rows; BLAS threads beneath them get in each other's way.
    with threadpool_limits(limits=1, user_api="blas"):
        model = AlternatingLeastSquares(
            factors=n_factors,
            regularization=regularization,
            alpha=alpha,
            iterations=iterations,
            random_state=seed,
        )
        model.fit(likes, show_progress=False)
        user_factors = fold_in_users(likes, model.item_factors, regularization=regularization, alpha=alpha)
    liked = np.bincount(likes.indices, minlength=item_ids.size) > 0
    return Embeddings(user_ids, item_ids, user_factors, model.item_factors, liked)


def fold_in_users(
    likes: SparseRows, item_factors: Vectors, *, regularization: float, alpha: float
) -> Vectors:
    """Solve for the factors of users who weren't there when the items were fitted.

    With Y the item factors and C the diagonal of confidences, in float64 (Hu et al. 2008, equation 4)::

        x = (YᵀY + Yᵀ(C − I)Y + λI)⁻¹ Yᵀ C p

    Parameters
    ----------
    likes : shape (n_new_users, n_items), stored ones; a user without likes gets zeros
    item_factors : shape (n_items, n_factors)

    Returns
    -------
    shape (n_new_users, n_factors)
    """
    factors = item_factors.astype(np.float64)
    shared = factors.T @ factors + regularization * np.eye(factors.shape[1])
    solved = np.zeros((likes.shape[0], factors.shape[1]), dtype=np.float32)
    for user in np.flatnonzero(np.diff(likes.indptr)):
        liked = factors[likes.indices[likes.indptr[user] : likes.indptr[user + 1]]]
        solved[user] = np.linalg.solve(shared + (alpha - 1) * liked.T @ liked, alpha * liked.sum(axis=0))
    return solved


def tune_als(
    likes: SparseRows,
    seen: SparseRows,
    relevant: SparseRows,
    *,
    n_factors: int,
    iterations: int,
    candidates: Sequence[tuple[float, float]],
    k: int,
    seeds: Sequence[int],
    max_users: int,
) -> AlsTuning:
    """Measure each candidate (regularization, alpha) by mean NDCG@k on held-out likes.

    Each candidate is fitted once per seed and its NDCG averaged: on a small data set one seed moves NDCG by
    as much as a step of the grid does. Above `max_users` users, a sample of users drawn with the first seed
    stands for all: implicit's λ isn't scaled by counts, so that what suits the sample's items is then
    weaker, relative to their data, for all users.

    Parameters
    ----------
    likes : shape (n_users, n_items), training likes, to fit
    seen : shape (n_users, n_items), training ratings, not to be listed
    relevant : shape (n_users, n_items), validation likes

    Raises
    ------
    ValueError
        If there are no candidates, no seeds, or no user has a validation like.
    """
    if not candidates or not seeds:
        raise ValueError(f"tuning needs candidates and seeds; got {len(candidates)} and {len(seeds)}")
    users = sample_users(likes.shape[0], size=max_users, seed=seeds[0])
    likes, seen, relevant = likes[users], seen[users], relevant[users]
    if not relevant.nnz:
        raise ValueError(f"none of {users.size} users has a validation like; hold out more ratings")
    ids = np.arange(likes.shape[0]), np.arange(likes.shape[1])

    def mean_ndcg(regularization: float, alpha: float, seed: int) -> float:
        model = fit_als(
            likes,
            user_ids=ids[0],
            item_ids=ids[1],
            n_factors=n_factors,
            regularization=regularization,
            alpha=alpha,
            iterations=iterations,
            seed=seed,
        )
        return float(ndcg_of_lists(model, seen, relevant, k=k).mean())

    ndcg = [[mean_ndcg(*candidate, seed) for seed in seeds] for candidate in candidates]
    regularization, alpha = np.asarray(candidates, dtype=np.float64).T
    return AlsTuning(regularization, alpha, np.mean(ndcg, axis=1))
