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
_TMDB_ID = Column("tmdb_id", "BIGINT", "TMDB id", minimum=1, maximum=MAX_ID)
_TMDB_TITLE = Column("title", "VARCHAR", "title; not unique", max_length=1000)
_TMDB_MOVIES = Table(
    "tmdb_movies",
    "TMDB's metadata of movies, lists as JSON. Homepage, production, spoken languages and status are left out.",
    (
        _TMDB_ID,
        _TMDB_TITLE,
        Column("original_title", "VARCHAR", "in the original language", nullable=True, max_length=1000),
        Column("original_language", "VARCHAR", "ISO 639-1 code", nullable=True, max_length=10),
        Column("overview", "VARCHAR", "synopsis", nullable=True, max_length=20_000),
        Column("tagline", "VARCHAR", "advertising line", nullable=True, max_length=5_000),
        Column(
            "release_date",
            "DATE",
            "first release",
            nullable=True,
            minimum="1850-01-01",
            maximum="2100-01-01",
        ),
        Column("runtime", "DOUBLE", "minutes; 0 = not known", nullable=True, minimum=0.0),
        Column("budget", "BIGINT", "US dollars; 0 = not known", nullable=True, minimum=0, maximum=10**12),
        Column("revenue", "BIGINT", "US dollars; 0 = not known", nullable=True, minimum=0, maximum=10**12),
        Column("popularity", "DOUBLE", "TMDB's measure of attention", nullable=True, minimum=0.0),
        Column("vote_average", "DOUBLE", "0 to 10", nullable=True, minimum=0.0, maximum=10.0),
        Column("vote_count", "BIGINT", "votes", nullable=True, minimum=0),
        Column("genres", "VARCHAR", "JSON list of {id, name}", nullable=True),
        Column("keywords", "VARCHAR", "JSON list of {id, name}", nullable=True),
    ),
    key=("tmdb_id",),
    may_be_empty=True,
)
_TMDB_CREDITS = Table(
    "tmdb_credits",
    "Who made TMDB's movies, as JSON.",
    (
        _TMDB_ID,
        _TMDB_TITLE,
        Column("cast", "VARCHAR", "JSON list of {id, name, gender, character, order, …}", nullable=True),
        Column("crew", "VARCHAR", "JSON list of {id, name, gender, department, job, …}", nullable=True),
    ),
    key=("tmdb_id",),
    may_be_empty=True,
)
_TMDB_POSTERS = Table(
    "tmdb_posters",
    "Posters of TMDB's movies.",
    (
        _TMDB_ID,
        Column("poster_path", "VARCHAR", "path on TMDB's image server, from the slash on", max_length=200),
    ),
    key=("tmdb_id",),
    may_be_empty=True,
)
_READ = (
    *(_MOVIES, RATINGS, _TAGS, _LINKS, _GENOME_TAGS, _GENOME_SCORES, _USERS, _OFFICIAL_FOLDS),
    *(_TMDB_MOVIES, _TMDB_CREDITS, _TMDB_POSTERS),
)

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
