"""Metadata of the better known movies, in the official TMDB-5000 layout."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from recsys_assets.sample.movies import Movies
from recsys_assets.sample.synopsis import draw_overview, draw_tagline
from recsys_assets.sample.tables import Table
from recsys_assets.sample.taste import Floats
from recsys_assets.sample.themes import GENRES, THEMES, Theme
from recsys_assets.sample.words import COMPANIES
from recsys_assets.sample.world import World

N_DESCRIBED = 700

TMDB_GENRE_NAMES: Mapping[str, str] = {
    "Children": "Family",
    "Film-Noir": "Crime",
    "IMAX": "Documentary",
    "Musical": "Music",
    "Sci-Fi": "Science Fiction",
}

# TMDB's own numbers, so that genre ids mean what they mean in the real archive.
TMDB_GENRE_IDS: Mapping[str, int] = {
    "Action": 28,
    "Adventure": 12,
    "Animation": 16,
    "Comedy": 35,
    "Crime": 80,
    "Documentary": 99,
    "Drama": 18,
    "Family": 10751,
    "Fantasy": 14,
    "Horror": 27,
    "Music": 10402,
    "Mystery": 9648,
    "Romance": 10749,
    "Science Fiction": 878,
    "Thriller": 53,
    "War": 10752,
    "Western": 37,
}

COSTLY_GENRES = ("Action", "Adventure", "Animation", "IMAX", "Sci-Fi")

LANGUAGES: tuple[tuple[str, str, str, str], ...] = (
    ("en", "English", "US", "United States of America"),
    ("en", "English", "GB", "United Kingdom"),
    ("fr", "Français", "FR", "France"),
    ("es", "Español", "ES", "Spain"),
    ("de", "Deutsch", "DE", "Germany"),
    ("sv", "svenska", "SE", "Sweden"),
)
LANGUAGE_SHARES = (0.66, 0.14, 0.07, 0.05, 0.04, 0.04)


def choose_described(rng: np.random.Generator, world: World) -> NDArray[np.int64]:
    """Row numbers, increasing, of the movies with metadata: duplicate titles first, then popular ones.

    A movie without a TMDB id is never chosen.
    """
    movies = world.movies
    n_ratings = np.bincount(world.ratings.movie, minlength=len(movies.title))
    twice = np.array([movies.title.count(title) > 1 for title in movies.title])
    known = np.log1p(n_ratings) + rng.gumbel(size=len(n_ratings))
    priority = np.where(movies.tmdb_id == 0, -np.inf, np.where(twice, np.inf, known))
    return np.sort(np.argsort(-priority, kind="stable")[:N_DESCRIBED])


def tmdb_movies_table(rng: np.random.Generator, world: World, described: NDArray[np.int64]) -> Table:
    """``tmdb_5000_movies.csv``, one row per described movie."""
    movies = world.movies
    n_ratings = np.bincount(world.ratings.movie, minlength=len(movies.title))
    rows = [_tmdb_row(rng, movies, movie, int(n_ratings[movie])) for movie in described.tolist()]
    return Table("tmdb_5000_movies.csv", tuple(rows[0]), tuple(tuple(row.values()) for row in rows))


def as_json(entries: Sequence[Mapping[str, object]]) -> str:
    """A nested column: ASCII JSON, as in the archive."""
    return json.dumps(entries)


def _tmdb_row(rng: np.random.Generator, movies: Movies, movie: int, n_ratings: int) -> dict[str, str]:
    genres = _chosen(GENRES, movies.genres[movie])
    themes = [theme for theme, has in zip(THEMES, movies.themes[movie], strict=True) if has]
    language, language_name, country, country_name = LANGUAGES[
        int(rng.choice(len(LANGUAGES), p=LANGUAGE_SHARES))
    ]
    quality = float(movies.quality[movie])
    budget, revenue = _draw_money(rng, genres, quality, n_ratings)
    return {
        "budget": str(budget),
        "genres": as_json(_tmdb_genres(genres)),
        "homepage": f"http://www.example.org/films/{movies.tmdb_id[movie]}" if rng.random() < 0.35 else "",
        "id": str(movies.tmdb_id[movie]),
        "keywords": as_json(_keywords(themes)),
        "original_language": language,
        "original_title": movies.title[movie],
        "overview": draw_overview(rng, genres, themes),
        "popularity": f"{(n_ratings + 1) ** 0.7 * rng.lognormal(sigma=0.4):.6f}",
        "production_companies": as_json(_draw_companies(rng)),
        "production_countries": as_json([{"iso_3166_1": country, "name": country_name}]),
        "release_date": str(movies.released_on[movie]),
        "revenue": str(revenue),
        "runtime": str(_draw_runtime(rng, genres)),
        "spoken_languages": as_json([{"iso_639_1": language, "name": language_name}]),
        "status": "Released",
        "tagline": draw_tagline(rng, themes),
        "title": movies.title[movie],
        "vote_average": f"{np.clip(6.2 + 0.8 * quality + 0.3 * rng.normal(), 1.0, 10.0):.1f}",
        "vote_count": str(round(12 * n_ratings * rng.lognormal(sigma=0.3))),
    }


def _tmdb_genres(genres: Iterable[str]) -> list[dict[str, object]]:
    names = dict.fromkeys(TMDB_GENRE_NAMES.get(genre, genre) for genre in genres)
    return [{"id": TMDB_GENRE_IDS[name], "name": name} for name in names]


def _keywords(themes: Iterable[Theme]) -> list[dict[str, object]]:
    vocabulary = {name: 100 + 7 * row for row, name in enumerate(dict.fromkeys(_all_keywords(THEMES)))}
    return [{"id": vocabulary[name], "name": name} for name in dict.fromkeys(_all_keywords(themes))]


def _all_keywords(themes: Iterable[Theme]) -> Iterable[str]:
    return (keyword for theme in themes for keyword in theme.keywords)


def _draw_companies(rng: np.random.Generator) -> list[dict[str, object]]:
    rows = rng.permutation(len(COMPANIES))[: rng.integers(1, 4)]
    return [{"name": COMPANIES[row], "id": 40 + 11 * row} for row in rows.tolist()]


def _draw_money(
    rng: np.random.Generator, genres: Sequence[str], quality: float, n_ratings: int
) -> tuple[int, int]:
    """Budget and revenue in dollars; 0, as in the archive, where nobody knows."""
    costly = sum(genre in COSTLY_GENRES for genre in genres)
    budget = 6e6 * rng.lognormal(sigma=0.7) * 2.0**costly * (1 + n_ratings / 100)
    revenue = budget * rng.lognormal(mean=0.5 + 0.3 * quality, sigma=0.7)
    known = rng.random(2) >= 0.2
    return int(known[0]) * 100_000 * round(budget / 1e5), int(known[1]) * round(revenue)


def _draw_runtime(rng: np.random.Generator, genres: Sequence[str]) -> int:
    mean = 88.0 if {"Animation", "Children", "Horror"} & set(genres) else 108.0
    return round(float(np.clip(mean + 14.0 * rng.normal(), 45.0, 220.0)))


def _chosen(names: Sequence[str], mask: Floats) -> list[str]:
    return [name for name, has in zip(names, mask, strict=True) if has]
