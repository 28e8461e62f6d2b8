"""What a catalogue looks like: its genres, casts and directors, described for people; no model learns from them."""

from __future__ import annotations

from dataclasses import replace

from recsys_assets.contracts.catalogue import IN_CATALOGUE, IN_PEOPLE, PERSON, TMDB
from recsys_assets.contracts.columns import RANK
from recsys_assets.contracts.schema import Column, Reference, Table

__all__ = ["MODERN", "OLD", "TABLES"]

OLD, MODERN = "old", "modern"
"""Eras: released before the year that the settings name, or in it and later."""

_NAME = Column("name", "VARCHAR", "the person's name; not unique")
_GENRE = Column("genre", "VARCHAR", "name of the genre")
_N_MOVIES = Column("n_movies", "INTEGER", "movies of the catalogue", minimum=1)
_SHARE = Column("share", "DOUBLE", "part of the catalogue's movies", minimum=0.0, maximum=1.0)
_ERA = Column("era", "VARCHAR", "old or modern, by the year of release")
_VOTE_AVERAGE = Column(
    "mean_vote", "DOUBLE", "mean of their movies' votes, 0–10", nullable=True, minimum=0.0, maximum=10.0
)

_CATALOGUE_STATISTICS = Table(
    "catalogue_statistics",
    "The catalogue in figures.",
    (
        Column("statistic", "VARCHAR", "n_movies, n_duplicated_titles, median_cast_size, …"),
        Column("value", "DOUBLE", "the figure, in its unit; null where there is nothing to measure", True),
        Column("unit", "VARCHAR", "movies, people, rows, share (0–1), …"),
        Column("meaning", "VARCHAR", "what is counted or measured"),
    ),
    key=("statistic",),
)
_CATALOGUE_DUPLICATE_TITLES = Table(
    "catalogue_duplicate_titles",
    "Movies that share their title with another: all are kept, because ids are keys and titles are not.",
    (
        Column("title", "VARCHAR", "the title", max_length=1000),
        TMDB,
        Column("year", "INTEGER", "year of release", nullable=True),
        replace(_N_MOVIES, comment="movies of that title", minimum=2),
    ),
    key=("tmdb_id",),
    references=(IN_CATALOGUE,),
    may_be_empty=True,
)
_CATALOGUE_GENRE_FREQUENCY = Table(
    "catalogue_genre_frequency",
    "How many movies have each genre; a movie counts for each of its genres.",
    (_GENRE, _N_MOVIES, _SHARE),
    key=("genre",),
    may_be_empty=True,
)
_CATALOGUE_ACTOR_DIRECTOR_PAIRS = Table(
    "catalogue_actor_director_pairs",
    "Actors and directors who worked together most often. Who directs themselves is no pair.",
    (
        RANK,
        replace(PERSON, name="actor_id", comment="the actor's TMDB id"),
        replace(_NAME, name="actor"),
        replace(PERSON, name="director_id", comment="the director's TMDB id"),
        replace(_NAME, name="director"),
        replace(_N_MOVIES, comment="movies of the catalogue with both"),
    ),
    key=("rank",),
    references=(
        Reference("actor_id", "people", "person_id"),
        Reference("director_id", "people", "person_id"),
    ),
    may_be_empty=True,
)
_CATALOGUE_CAST_SIZES = Table(
    "catalogue_cast_sizes",
    "How many movies of each era have a cast of each size.",
    (
        _ERA,
        Column("cast_size", "INTEGER", "people in the cast, each once", minimum=0),
        replace(_N_MOVIES, comment="movies with so many"),
    ),
    key=("era", "cast_size"),
    may_be_empty=True,
)
_CATALOGUE_ACTOR_GENRES = Table(
    "catalogue_actor_genres",
    "The busiest actors' genres: how much of their work is of one kind.",
    (
        RANK,
        PERSON,
        _NAME,
        replace(_N_MOVIES, comment="movies with a genre, in whose cast the actor is"),
        replace(_GENRE, name="main_genre", comment="the genre that most of them have"),
        replace(_SHARE, name="main_share", comment="part of the actor's movies that have it"),
        Column(
            "lift",
            "DOUBLE",
            "that part divided by the genre's part of the catalogue: above 1, more than chance has it",
            minimum=0.0,
        ),
    ),
    key=("person_id",),
    references=(IN_PEOPLE,),
    may_be_empty=True,
)
_CATALOGUE_ERAS = Table(
    "catalogue_eras",
    "Old and modern movies and their casts, side by side.",
    (
        _ERA,
        _N_MOVIES,
        Column("first_year", "INTEGER", "year of the oldest", minimum=1850, maximum=2100),
        Column("last_year", "INTEGER", "year of the youngest", minimum=1850, maximum=2100),
        Column("n_actors", "INTEGER", "people in their casts", minimum=0),
        Column("n_actors_of_both", "INTEGER", "of these, also in a cast of the other era", minimum=0),
        Column("mean_cast_size", "DOUBLE", "people per cast, mean", minimum=0.0),
        Column("median_cast_size", "DOUBLE", "people per cast, median", minimum=0.0),
        Column(
            "share_of_women",
            "DOUBLE",
            "women among the places in casts whose gender is known",
            nullable=True,
            minimum=0.0,
            maximum=1.0,
        ),
    ),
    key=("era",),
    may_be_empty=True,
)
_CATALOGUE_ERA_ACTORS = Table(
    "catalogue_era_actors",
    "The busiest actors of each era.",
    (_ERA, RANK, PERSON, _NAME, replace(_N_MOVIES, comment="movies of the era with the actor")),
    key=("era", "rank"),
    references=(IN_PEOPLE,),
    may_be_empty=True,
)
_CATALOGUE_TOP_DIRECTORS = Table(
    "catalogue_top_directors",
    "The directors of most movies.",
    (RANK, PERSON, _NAME, replace(_N_MOVIES, comment="movies directed"), _VOTE_AVERAGE),
    key=("rank",),
    references=(IN_PEOPLE,),
    may_be_empty=True,
)

TABLES = (
    _CATALOGUE_DUPLICATE_TITLES,
    _CATALOGUE_GENRE_FREQUENCY,
    _CATALOGUE_ACTOR_DIRECTOR_PAIRS,
    _CATALOGUE_CAST_SIZES,
    _CATALOGUE_ACTOR_GENRES,
    _CATALOGUE_ERAS,
    _CATALOGUE_ERA_ACTORS,
    _CATALOGUE_TOP_DIRECTORS,
    _CATALOGUE_STATISTICS,
)
