"""Who judges which movies of the catalogue, and what these are."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.interactions import SparseRows, positions
from recsys_assets.algorithms.sampling import sample_users
from recsys_assets.defs.resources import Project
from recsys_assets.defs.topn import LikeConfig

__all__ = ["RelevanceConfig", "genres_of_movies", "likes_of_movies"]


class RelevanceConfig(LikeConfig):
    """Who judges which movies, and how much chance there may be in it."""

    n: int = Field(
        10, ge=1, le=100, description="neighbours judged of each movie, and co-liked movies that count"
    )
    min_likes: int = Field(5, ge=1, description="likes that a movie needs to be judged")
    n_folds: int = Field(
        2, ge=2, description="parts of the users; others than the judges teach what is co-liked"
    )
    n_draws: int = Field(5, ge=1, description="draws of random neighbours")
    near: float = Field(0.9, ge=-1, le=1, description="cosine above which neighbours are judged on their own")
    damping: float = Field(
        5.0, gt=0, description="likes' worth of pull of a rarely liked movie's similarity to 0"
    )
    max_users: int = Field(2000, ge=2, description="users who take part, at most, drawn at random")
    n_resamples: int = Field(1000, ge=1, description="resamples of users that intervals are made of")
    seed: int = Field(0, ge=0, description="seed of folds, draws and resamples")


def likes_of_movies(
    project: Project, dataset: str, config: RelevanceConfig
) -> tuple[NDArray[np.int64], SparseRows]:
    """Movies to judge, by TMDB id, ascending, and who likes them: shape (n_users, n_movies)."""
    likes = project.warehouse.arrays(
        dataset,
        f"""
        select user_id, tmdb_id from ratings join catalogue_movies using (movie_id)
        where rating >= {config.like_rating}
        qualify count(*) over (partition by tmdb_id) >= {config.min_likes}
        """,
    )
    user_ids, user = np.unique(likes["user_id"], return_inverse=True)
    tmdb_ids, movie = np.unique(likes["tmdb_id"], return_inverse=True)
    ones = np.ones(user.size, dtype=np.float32)
    matrix = csr_matrix((ones, (user, movie)), shape=(user_ids.size, tmdb_ids.size))
    return tmdb_ids, csr_matrix(matrix[sample_users(user_ids.size, size=config.max_users, seed=config.seed)])


def genres_of_movies(project: Project, dataset: str, tmdb_ids: NDArray[np.int64]) -> SparseRows:
    """Which genres movies have, shape (n_movies, n_genres)."""
    rows = project.warehouse.arrays(dataset, "select tmdb_id, genre from catalogue_genres")
    judged = np.isin(rows["tmdb_id"], tmdb_ids)
    names, genre = np.unique(rows["genre"][judged], return_inverse=True)
    movie = positions(tmdb_ids, rows["tmdb_id"][judged], what="tmdb_id")
    return csr_matrix(
        (np.ones(movie.size, dtype=np.float32), (movie, genre)), shape=(tmdb_ids.size, names.size)
    )
