"""Movies as vectors of their text, genres and numbers: the same ones for clustering and for similarity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys_assets.algorithms.embeddings import Vectors
from recsys_assets.algorithms.interactions import Ids

__all__ = ["CatalogueFeatures"]


@dataclass(frozen=True)
class CatalogueFeatures:
    """One row a movie: components of its text, then genres, then numbers, all with their weights.

    Attributes
    ----------
    tmdb_ids : shape (n_movies,), ascending
    vectors : shape (n_movies, n_text + n_genres + n_numbers), weights applied
    explained_shares : shape (n_text,), share of the variance of the TF-IDF columns that each component explains
    n_text, n_genres, n_numbers : columns of each kind
    """

    tmdb_ids: Ids
    vectors: Vectors
    explained_shares: NDArray[np.float64]
    n_text: int
    n_genres: int
    n_numbers: int

    @property
    def explained_share(self) -> float:
        """What all components explain of the TF-IDF columns' variance, 0 to 1."""
        return float(self.explained_shares.sum())
