"""The world as tables in the official MovieLens layout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from recsys_assets.sample.genome import Genome
from recsys_assets.sample.themes import GENRES, THEMES
from recsys_assets.sample.titles import movielens_title, pick
from recsys_assets.sample.words import FREE_TAGS
from recsys_assets.sample.world import World

Row = tuple[str, ...]

N_TAGGINGS = 3000
LEAST_ACTIVITY_OF_TAGGERS = 100
SHARE_OF_TAGGERS = 0.3
SHARE_UNLISTED = 0.005


@dataclass(frozen=True)
class Table:
    """A file: its name, its header and its rows, as text."""

    name: str
    header: Row
    rows: tuple[Row, ...]


def ratings_table(world: World) -> Table:
    """``ratings.csv``, sorted by user and movie; user ids count from 1."""
    ratings = world.ratings
    rows = zip(
        _text(ratings.user + 1),
        _text(world.movies.movie_id[ratings.movie]),
        _text(ratings.stars),
        _text(ratings.rated_at),
        strict=True,
    )
    return Table("ratings.csv", ("userId", "movieId", "rating", "timestamp"), tuple(rows))


def movies_table(rng: np.random.Generator, world: World) -> Table:
    """``movies.csv``; the genres of a few movies were never filled in."""
    movies = world.movies
    listed = rng.random(len(movies.title)) >= SHARE_UNLISTED
    genres = [
        "|".join(genre for genre, has in zip(GENRES, row, strict=True) if has)
        if known
        else "(no genres listed)"
        for row, known in zip(movies.genres, listed, strict=True)
    ]
    titles = [movielens_title(*pair) for pair in zip(movies.title, movies.year.tolist(), strict=True)]
    rows = zip(_text(movies.movie_id), titles, genres, strict=True)
    return Table("movies.csv", ("movieId", "title", "genres"), tuple(rows))


def links_table(world: World) -> Table:
    """``links.csv``; a few movies have no TMDB id."""
    movies = world.movies
    rows = (
        (str(movie_id), f"{imdb_id:07d}", str(tmdb_id) if tmdb_id else "")
        for movie_id, imdb_id, tmdb_id in zip(
            movies.movie_id.tolist(), movies.imdb_id.tolist(), movies.tmdb_id.tolist(), strict=True
        )
    )
    return Table("links.csv", ("movieId", "imdbId", "tmdbId"), tuple(rows))


def tags_table(rng: np.random.Generator, world: World) -> Table:
    """``tags.csv``: active users name a theme of a movie that they rated, or say something free."""
    header = ("userId", "movieId", "tag", "timestamp")
    drawn = {(user, movie, tag): at for user, movie, tag, at in _draw_taggings(rng, world)}
    rows = ((str(user), str(movie), tag, str(at)) for (user, movie, tag), at in sorted(drawn.items()))
    return Table("tags.csv", header, tuple(rows))


def _draw_taggings(rng: np.random.Generator, world: World) -> Iterator[tuple[int, int, str, int]]:
    ratings = world.ratings
    n_users = len(world.users.n_ratings)
    active = np.bincount(ratings.user, minlength=n_users) >= LEAST_ACTIVITY_OF_TAGGERS
    tagger = active & (rng.random(n_users) < SHARE_OF_TAGGERS)
    for row in rng.choice(np.flatnonzero(tagger[ratings.user]), size=N_TAGGINGS):
        themes = [
            theme.tag
            for theme, has in zip(THEMES, world.movies.themes[ratings.movie[row]], strict=True)
            if has
        ]
        tag = pick(rng, themes) if rng.random() < 0.85 else pick(rng, FREE_TAGS)
        at = int(ratings.rated_at[row]) + int(rng.integers(10, 600))
        yield int(ratings.user[row]) + 1, int(world.movies.movie_id[ratings.movie[row]]), tag, at


def genome_tables(world: World, genome: Genome) -> tuple[Table, Table]:
    """``genome-tags.csv`` and ``genome-scores.csv``, the latter sorted by movie and tag."""
    tags = tuple((str(number), tag) for number, tag in enumerate(genome.tags, start=1))
    scores = (
        (str(movie_id), str(number), f"{relevance:.5f}")
        for movie_id, row in zip(world.movies.movie_id[genome.movie].tolist(), genome.relevance, strict=True)
        for number, relevance in enumerate(row.tolist(), start=1)
    )
    return (
        Table("genome-tags.csv", ("tagId", "tag"), tags),
        Table("genome-scores.csv", ("movieId", "tagId", "relevance"), tuple(scores)),
    )


def _text(values: np.ndarray) -> list[str]:
    return [str(value) for value in values.tolist()]
