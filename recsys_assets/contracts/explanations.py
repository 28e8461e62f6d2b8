"""What each movie that a user liked adds to the scores of the user's list."""

from __future__ import annotations

from dataclasses import replace

from recsys_assets.contracts.columns import IN_MOVIES, MOVIE, RATED_AT, RATING, USER
from recsys_assets.contracts.schema import MAX_ID, Column, Reference, Table

__all__ = ["TABLES"]

_EXPLANATIONS = Table(
    "explanations",
    "Why the first movies of a user's lists are there: what each movie that the user liked adds to the score. The "
    "largest parts have a row each, all others one together; the parts of a movie add up to its score.",
    (
        Column("strategy", "VARCHAR", "als, content or hybrid"),
        USER,
        replace(MOVIE, comment="the recommended movie"),
        Column(
            "part_rank",
            "INTEGER",
            "from 1, the largest part first; the last row may be that of all others",
            minimum=1,
        ),
        Column(
            "because_movie_id",
            "BIGINT",
            "the liked movie that adds the part; null = all others together",
            nullable=True,
            minimum=0,
            maximum=MAX_ID,
        ),
        replace(RATING, name="because_rating", comment="stars that the user gave to it", nullable=True),
        replace(RATED_AT, name="because_rated_at", comment="when, UTC", nullable=True),
        Column("part", "DOUBLE", "what it adds to the score; negative = it speaks against the movie"),
        Column("n_ratings", "INTEGER", "ratings that the row stands for", minimum=1),
    ),
    key=("strategy", "user_id", "movie_id", "part_rank"),
    references=(IN_MOVIES, Reference("because_movie_id", "movies", "movie_id")),
)

TABLES = (_EXPLANATIONS,)
