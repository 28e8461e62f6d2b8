"""The invented movies: content, taste, quality, and how many people come to hear of them, and when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys_assets.sample.taste import Floats, TasteSpace, home_genres, membership, noise, unit
from recsys_assets.sample.themes import GENRE_MIXES, GENRES
from recsys_assets.sample.titles import draw_titles

N_UNSEEN = 30
N_DUPLICATE_TITLES = 3
HEAD, TAIL = 0.9, 6.0
FIRST_YEAR, LAST_YEAR = 1940, 2018


@dataclass(frozen=True)
class Movies:
    """One entry per movie in every field.

    Attributes
    ----------
    movie_id : shape (n_movies,), increasing, with gaps
    imdb_id, tmdb_id : shape (n_movies,), all different; a ``tmdb_id`` of 0 means that there is none
    title : in natural order, without the year; ``N_DUPLICATE_TITLES`` of them occur twice
    released_on : shape (n_movies,), days
    genres : shape (n_movies, n_genres), 1.0 where the movie has the genre
    themes : shape (n_movies, n_themes), 1.0 where the movie has the theme
    taste : shape (n_movies, n_factors), unit length
    quality : shape (n_movies,), standard normal
    log_popularity : shape (n_movies,), log of a Zipf weight; −inf where no user will ever come across it
    trend : shape (n_movies,), how much ``log_popularity`` grows per decade
    """

    movie_id: NDArray[np.int64]
    imdb_id: NDArray[np.int64]
    tmdb_id: NDArray[np.int64]
    title: tuple[str, ...]
    released_on: NDArray[np.datetime64]
    genres: Floats
    themes: Floats
    taste: Floats
    quality: Floats
    log_popularity: Floats
    trend: Floats

    @property
    def year(self) -> NDArray[np.int64]:
        """Year of release, shape (n_movies,)."""
        return self.released_on.astype("datetime64[Y]").astype(np.int64) + 1970


def draw_movies(rng: np.random.Generator, space: TasteSpace, n_movies: int) -> Movies:
    """Draw movies whose taste is one part genres, one part themes and one part their own.

    The own part is what content cannot tell and ratings can.
    """
    genres = _draw_genres(rng, n_movies)
    themes = _draw_themes(rng, genres)
    content = unit(unit(genres @ space.genres) + unit(themes @ space.themes))
    quality = rng.normal(size=n_movies)
    return Movies(
        movie_id=np.cumsum(rng.geometric(0.05, size=n_movies)),
        imdb_id=_draw_ids(rng, n_movies, below=5_000_000),
        tmdb_id=np.where(rng.random(n_movies) < 0.01, 0, _draw_ids(rng, n_movies, below=400_000)),
        title=_draw_titles(rng, n_movies),
        released_on=_draw_release_days(rng, n_movies),
        genres=genres,
        themes=themes,
        taste=unit(content + 0.6 * noise(rng, n_movies)),
        quality=quality,
        log_popularity=_draw_log_popularity(rng, quality),
        trend=rng.normal(scale=0.4, size=n_movies),
    )


def _draw_ids(rng: np.random.Generator, n: int, *, below: int) -> NDArray[np.int64]:
    return rng.choice(np.arange(1, below), size=n, replace=False)


def _draw_titles(rng: np.random.Generator, n: int) -> tuple[str, ...]:
    titles = draw_titles(rng, n - N_DUPLICATE_TITLES)
    return (*titles, *titles[:N_DUPLICATE_TITLES])


def _draw_release_days(rng: np.random.Generator, n: int) -> NDArray[np.datetime64]:
    first = np.datetime64(f"{FIRST_YEAR}-01-01")
    n_days = (np.datetime64(f"{LAST_YEAR}-09-01") - first).astype(np.int64)
    return first + (n_days * rng.beta(2.5, 1.0, size=n)).astype(np.int64)


def _draw_genres(rng: np.random.Generator, n: int) -> Floats:
    mixes = membership(GENRE_MIXES, GENRES)[rng.integers(len(GENRE_MIXES), size=n)]
    kept = mixes * (rng.random(mixes.shape) < 0.8)
    gained = rng.random(mixes.shape) < 0.01
    genres = np.maximum(kept, gained)
    return np.where(genres.any(axis=1, keepdims=True), genres, mixes)


def _draw_themes(rng: np.random.Generator, genres: Floats) -> Floats:
    """Give each movie three to six themes, mostly at home in its genres."""
    affinity = 2.5 * np.minimum(genres @ home_genres().T, 1.5) + rng.gumbel(
        size=(len(genres), len(home_genres()))
    )
    rank = np.argsort(np.argsort(-affinity, axis=1, kind="stable"), axis=1)
    return (rank < rng.integers(3, 7, size=(len(genres), 1))).astype(np.float64)


def _draw_log_popularity(rng: np.random.Generator, quality: Floats) -> Floats:
    """Zipf weights, good movies first more often than not; the last ``N_UNSEEN`` stay unseen."""
    n = len(quality)
    rank = np.argsort(np.argsort(-(0.5 * quality + rng.normal(size=n)), kind="stable"))
    weight = -HEAD * np.log1p(rank / 15.0) - TAIL * rank / n
    return np.where(rank < n - N_UNSEEN, weight, -np.inf)
