"""The content engine: what answers "movies like this", in one piece, as it is registered and served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys_assets.algorithms.catalogue.features import CatalogueFeatures
from recsys_assets.algorithms.catalogue.ward import CatalogueClusters
from recsys_assets.algorithms.embeddings import Vectors
from recsys_assets.algorithms.interactions import Ids

__all__ = ["NO_MOVIE", "NO_YEAR", "ContentEngine", "assemble_engine", "empty_engine"]

NO_MOVIE = -1
"""Movie id of a catalogue movie that the data set doesn't have."""
NO_YEAR = -1


@dataclass(frozen=True)
class ContentEngine:
    """Vectors and clusters of movies, and how people name these movies.

    Attributes
    ----------
    tmdb_ids : shape (n_movies,), ascending
    movie_ids : shape (n_movies,), −1 where the data set doesn't have the movie
    titles : shape (n_movies,), not unique
    years : shape (n_movies,), −1 where not known
    vectors : shape (n_movies, n_dims); their cosine is the similarity
    clusters : shape (n_movies,)
    """

    tmdb_ids: Ids
    movie_ids: Ids
    titles: NDArray[Any]
    years: NDArray[np.int32]
    vectors: Vectors
    clusters: NDArray[np.int32]


def assemble_engine(
    features: CatalogueFeatures,
    clusters: CatalogueClusters,
    *,
    tmdb_ids: Ids,
    movie_ids: Ids,
    titles: NDArray[Any],
    years: NDArray[np.integer],
) -> ContentEngine:
    """Put vectors, clusters and names together, by TMDB id.

    Parameters
    ----------
    tmdb_ids, movie_ids, titles, years : shape (n_movies,), in whatever order

    Raises
    ------
    ValueError
        If the three are not about the same movies.
    """
    if not np.array_equal(np.sort(tmdb_ids), features.tmdb_ids):
        raise ValueError(
            f"features have {features.tmdb_ids.size} movies and the catalogue {tmdb_ids.size} others"
        )
    if not np.array_equal(clusters.tmdb_ids, features.tmdb_ids):
        raise ValueError(
            f"features have {features.tmdb_ids.size} movies and clusters {clusters.tmdb_ids.size} others"
        )
    order = np.argsort(tmdb_ids)
    return ContentEngine(
        features.tmdb_ids,
        movie_ids[order].astype(np.int64),
        titles[order].astype(str),
        years[order].astype(np.int32),
        features.vectors,
        clusters.cluster,
    )


def empty_engine() -> ContentEngine:
    """The engine that knows no movie."""
    ids, numbers = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32)
    vectors = np.empty((0, 0), dtype=np.float32)
    return ContentEngine(ids, ids, np.empty(0, dtype=str), numbers, vectors, numbers)
