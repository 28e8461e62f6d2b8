"""Tables as read from raw files, and the rows of those files that were refused."""

from __future__ import annotations

from recsys_assets.contracts.columns import IN_MOVIES, MOVIE, RATED_AT, RATING, USER, id_column, time_column
from recsys_assets.contracts.schema import MAX_ID, Column, Reference, Table

__all__ = ["RATINGS", "RAW_TABLES", "TABLES"]

RATINGS = Table(
    "ratings",
    "One row a user and movie: the latest rating. Rows that were refused stand in rejected_ratings.",
    (USER, MOVIE, RATING, RATED_AT),
    key=("user_id", "movie_id"),
    references=(IN_MOVIES,),
)
_MOVIES = Table(
    "movies",
    "The catalogue: one row a movie, rated or not.",
    (
        MOVIE,
        Column("title", "VARCHAR", "title as in the raw file, year included", max_length=1000),
        Column("year", "INTEGER", "year of release, from the title", True, minimum=1850, maximum=2100),
        Column("genres", "VARCHAR[]", "genre names; empty where the raw file lists none"),
    ),
    key=("movie_id",),
)
_TAGS = Table(
    "tags",
    "Free-text tags that users gave to movies.",
    (
        USER,
        MOVIE,
        Column("tag", "VARCHAR", "the tag as typed", max_length=400),
        time_column("tagged_at", "when the tag was given, UTC"),
    ),
    key=("user_id", "movie_id", "tag"),
    references=(IN_MOVIES,),
    may_be_empty=True,
)
_LINKS = Table(
    "links",
    "Ids of the movie elsewhere.",
    (
        MOVIE,
        Column("imdb_id", "VARCHAR", "IMDb id without the leading tt, zero-padded", nullable=True),
        Column("tmdb_id", "BIGINT", "TMDB id", nullable=True, minimum=1, maximum=MAX_ID),
    ),
    key=("movie_id",),
    references=(IN_MOVIES,),
    may_be_empty=True,
)
_GENOME_TAGS = Table(
    "genome_tags",
    "The tags of the tag genome (Vig, Sen & Riedl 2012).",
    (id_column("tag_id", "the genome tag's id"), Column("tag", "VARCHAR", "the tag", max_length=400)),
    key=("tag_id",),
    may_be_empty=True,
)
_GENOME_SCORES = Table(
    "genome_scores",
    "How strongly a movie has the property that a genome tag names.",
    (
        MOVIE,
        id_column("tag_id", "the genome tag's id"),
        Column("relevance", "FLOAT", "0 = not at all, 1 = fully", minimum=0.0, maximum=1.0),
    ),
    key=("movie_id", "tag_id"),
    references=(IN_MOVIES, Reference("tag_id", "genome_tags", "tag_id")),
    may_be_empty=True,
)
_USERS = Table(
    "users",
    "Who the users are, where the data set says it. Zip codes are left out.",
    (
        USER,
        Column(
            "age",
            "INTEGER",
            "years; in ML-1M the lower end of a bracket: 1, 18, 25, 35, 45, 50 or 56 for 56 and over",
            nullable=True,
            minimum=1,
            maximum=120,
        ),
        Column("gender", "VARCHAR", "F or M", nullable=True),
        Column("occupation", "VARCHAR", "in the data set's own words", nullable=True, max_length=100),
    ),
    key=("user_id",),
    may_be_empty=True,
)
_OFFICIAL_FOLDS = Table(
    "official_folds",
    "Test rows of the folds that the data set's authors cut. A fold's training rows are all other rows of ratings that "
    "stand in some fold. Stars and time are those of the fold's file, whatever was rated again since.",
    (Column("fold", "VARCHAR", "u1 … u5 in ML-100K"), USER, MOVIE, RATING, RATED_AT),
    key=("fold", "user_id", "movie_id"),
    references=(IN_MOVIES,),
    may_be_empty=True,
)
_READ = (_MOVIES, RATINGS, _TAGS, _LINKS, _GENOME_TAGS, _GENOME_SCORES, _USERS, _OFFICIAL_FOLDS)

RAW_TABLES = tuple(table.name for table in _READ)
"""Names of the tables that are read from raw files; each has its rejected rows beside it."""


def _rejected(table: Table) -> Table:
    return Table(
        f"rejected_{table.name}",
        f"Rows of raw files that are not in {table.name}, with the reason.",
        (
            Column("file", "VARCHAR", "name of the raw file"),
            Column("line", "BIGINT", "line in that file, from 1; 0 = the file as a whole", minimum=0),
            Column("text", "VARCHAR", "the line as it stands, cut at 1,000 characters", nullable=True),
            Column("reason", "VARCHAR", "what is wrong with it"),
        ),
        may_be_empty=True,
    )


TABLES = (*_READ, *(_rejected(table) for table in _READ))
