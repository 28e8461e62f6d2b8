"""Two content engines beside each other, by what people like: the same movies, the same users."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recsys_assets.algorithms.catalogue.relevance import lift_totals, random_neighbors
from recsys_assets.algorithms.embeddings import Vectors
from recsys_assets.algorithms.evaluation import ALL
from recsys_assets.algorithms.interactions import SparseRows
from recsys_assets.algorithms.promotion import Gain, Sampling, gain_of_resamples
from recsys_assets.algorithms.significance import resample_totals
from recsys_assets.algorithms.topn import similar_items

__all__ = ["compare_engines"]


def compare_engines(
    likes: SparseRows,
    fold: NDArray[np.integer],
    challenger: Vectors,
    champion: Vectors,
    genres: SparseRows,
    *,
    n: int,
    n_draws: int,
    alpha: float,
    sampling: Sampling,
) -> Gain:
    """Compare the lift of both engines' neighbours over movies of the same genre, see `judge_lift`.

    The draw from the same genre is one for both, and users are resampled whole, alike for both. NaN, and a p-value of
    1, where no pair of neighbours is expected to be liked by anyone.

    Parameters
    ----------
    likes : shape (n_users, n_movies), ones
    fold : shape (n_users,)
    challenger, champion : shape (n_movies, any), vectors of the same movies
    genres : shape (n_movies, n_genres)
    n, n_draws : neighbours of a movie; n · n_draws are drawn from the same genre
    alpha : level of the one-sided end
    """
    everything = np.ones(len(champion), dtype=bool)
    rng = np.random.default_rng(sampling.seed)
    methods = {
        "challenger": similar_items(challenger, n=n, eligible=everything)[0],
        "champion": similar_items(champion, n=n, eligible=everything)[0],
        "same_genre": random_neighbors(genres, n=n * n_draws, rng=rng),
    }
    n_folds = int(fold.max(initial=0)) + 1
    columns, lifts_of = lift_totals(likes, fold, {name: [items] * n_folds for name, items in methods.items()})

    def over_same_genre(totals: NDArray[np.float64]) -> NDArray[np.float64]:
        lift = lifts_of(totals)
        with np.errstate(divide="ignore", invalid="ignore"):
            one, other = (lift[name] / lift["same_genre"] for name in ("challenger", "champion"))
        return np.column_stack([one, other, one - other])

    value, resampled = resample_totals(
        columns, over_same_genre, n_resamples=sampling.enough_for(alpha), seed=sampling.seed
    )
    return gain_of_resamples(
        ALL,
        (float(value[0]), float(value[1]), float(value[2])),
        resampled[:, 2],
        alpha=alpha,
        confidence=sampling.confidence,
        n_users=likes.shape[0],
    )
