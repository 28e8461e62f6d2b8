"""A data set in MovieLens' CSV layout of any size, drawn from a seed: a few hits, a long tail, a few busy users.

Movies follow a Zipf–Mandelbrot law, users a log-normal one; stars are a mean of 3.7 plus a user's, a movie's and
one more normal deviation, on the half-star grid. There are no tastes in it: it is for timing, not for quality.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import duckdb
import numpy as np
from numpy.typing import NDArray

__all__ = ["Size", "World", "write_data_set"]

USERS_PER_CHUNK = 8192
MAX_DENSITY = 0.25
FIRST_SECOND, LAST_SECOND = 946_684_800, 1_577_836_800  # the years 2000 to 2019
SECONDS_AS_MEMBER = 90 * 86_400


@dataclass(frozen=True)
class Size:
    """How much to generate.

    Raises
    ------
    ValueError
        If a user would be without ratings, or the matrix too dense to draw pairs of it by chance.
    """

    n_ratings: int
    n_users: int
    n_movies: int

    def __post_init__(self) -> None:
        most = int(MAX_DENSITY * self.n_users * self.n_movies)
        if not self.n_users <= self.n_ratings <= most:
            raise ValueError(
                f"{self.n_ratings} ratings of {self.n_users} users and {self.n_movies} movies: give at least one "
                f"rating a user and at most {most}, a quarter of all pairs"
            )

    @property
    def folder_name(self) -> str:
        return f"{self.n_ratings}-{self.n_users}-{self.n_movies}"

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Read the size from the name of a data set's folder."""
        return cls(*map(int, folder.name.split("-")))


class World:
    """Users and movies with their habits; users are 1 … n_users, movie ids have gaps as in MovieLens.

    Attributes
    ----------
    movie_ids : shape (n_movies,), ascending
    """

    def __init__(self, size: Size, *, seed: int) -> None:
        self.size = size
        self._rng = rng = np.random.default_rng(seed)
        ids = 1 + rng.choice(4 * size.n_movies, size.n_movies, replace=False)
        self.movie_ids = np.sort(ids).astype(np.int32)
        # As on MovieLens 25M, about a third of the users rate the top movie.
        flattening = size.n_movies / 150
        popularity = (rng.permutation(size.n_movies) + flattening) ** -2
        self._popularity: NDArray[np.float64] = np.cumsum(popularity) / popularity.sum()
        activity = np.cumsum(0.3 + rng.lognormal(sigma=1.2, size=size.n_users))
        self._activity: NDArray[np.float64] = activity / activity[-1]
        self._generosity = rng.normal(scale=0.4, size=size.n_users).astype(np.float32)
        self._quality = rng.normal(scale=0.4, size=size.n_movies).astype(np.float32)

    def draw_pairs(self, n_ratings: int) -> Iterator[NDArray[np.int64]]:
        """Draw distinct (user, movie) pairs as ``user * n_movies + movie``, ascending, some users at a time."""
        n_users = self.size.n_users
        bounds = np.append(np.arange(0, n_users, USERS_PER_CHUNK), n_users)
        spare = n_ratings - n_users
        n_drawn = bounds + np.rint(spare * np.append(0, self._activity)[bounds]).astype(np.int64)
        for first, last, wanted in zip(bounds[:-1], bounds[1:], np.diff(n_drawn), strict=True):
            # Everybody rates something; topping up by what is missing can never overshoot.
            pairs = np.sort(self._watched(np.arange(first, last)))
            while pairs.size < wanted:
                users = self._busy_users(int(wanted) - pairs.size, first, last)
                pairs = _distinct(np.concatenate([pairs, self._watched(users)]))
            yield pairs

    def rate(self, pairs: NDArray[np.int64]) -> dict[str, NDArray[np.generic]]:
        """Return columns ``userId, movieId, rating, timestamp`` for some pairs, in their order."""
        user, movie = np.divmod(pairs, self.size.n_movies)
        joined = np.unique(user)
        since = self._rng.integers(FIRST_SECOND, LAST_SECOND - SECONDS_AS_MEMBER, joined.size)
        stars = 3.7 + self._generosity[user] + self._quality[movie]
        stars += self._rng.standard_normal(pairs.size, dtype=np.float32)
        return {
            "userId": (user + 1).astype(np.int32),
            "movieId": self.movie_ids[movie],
            "rating": np.clip(np.rint(2 * stars), 1, 10) / 2,
            "timestamp": since[np.searchsorted(joined, user)]
            + self._rng.integers(0, SECONDS_AS_MEMBER, pairs.size),
        }

    def _busy_users(self, n: int, first: int, last: int) -> NDArray[np.int64]:
        low, high = np.append(0, self._activity)[[first, last]]
        users = np.searchsorted(self._activity, self._rng.uniform(low, high, n))
        users.clip(first, last - 1, out=users)
        return users

    def _watched(self, users: NDArray[np.int64]) -> NDArray[np.int64]:
        movies = np.searchsorted(self._popularity, self._rng.random(users.size))
        movies.clip(max=self.size.n_movies - 1, out=movies)
        movies += users * self.size.n_movies
        return movies


def _distinct(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    # np.unique hashes, which takes ten times as long on keys that are nearly all different.
    keys.sort()
    is_new: NDArray[np.bool_] = np.append(True, np.diff(keys) > 0)
    return keys[is_new]


def write_data_set(folder: Path, size: Size, *, seed: int) -> None:
    """Write ``ratings.csv``, ordered by user and movie, and ``movies.csv`` into a folder that doesn't exist yet."""
    world = World(size, seed=seed)
    folder.mkdir(parents=True)
    with duckdb.connect(str(folder / "generated.duckdb")) as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(
            'create table ratings ("userId" int, "movieId" int, rating decimal(2, 1), "timestamp" bigint)'
        )
        for pairs in world.draw_pairs(size.n_ratings):
            connection.register("chunk", world.rate(pairs))
            connection.execute("insert into ratings from chunk")
        connection.register("catalogue", {"movieId": world.movie_ids})
        for name, sql in (("ratings", "from ratings"), ("movies", _MOVIES)):
            connection.sql(sql).write_csv(str(folder / f"{name}.csv"), header=True)
    (folder / "generated.duckdb").unlink()


_MOVIES = """
select "movieId", 'Movie ' || "movieId" || ' (' || 1930 + "movieId" % 90 || ')' as title,
       ['Action', 'Comedy', 'Drama', 'Horror|Thriller'][1 + "movieId" % 4] as genres
from catalogue
"""
