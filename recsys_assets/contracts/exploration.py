"""What all ratings look like: descriptions for people, of which no model learns."""

from __future__ import annotations

from dataclasses import replace

from recsys_assets.contracts.columns import IN_MOVIES, MOVIE, RANK, RATING, USER
from recsys_assets.contracts.schema import Column, Table

__all__ = ["DAY", "TABLES"]

DAY = "days since 1970-01-01"
"""The unit of a statistic that is a date."""

_TITLE = Column("title", "VARCHAR", "title as in the raw file, year included", max_length=1000)
_N_RATINGS = Column("n_ratings", "BIGINT", "ratings counted", minimum=1)
_N_RATINGS_OR_NONE = replace(_N_RATINGS, minimum=0)
_MEAN_RATING = Column("mean_rating", "DOUBLE", "their mean, stars", minimum=0.5, maximum=5.0)
_MEAN_RATING_OR_NONE = replace(_MEAN_RATING, nullable=True)
_SHARE_OF_RATINGS = Column("share_of_ratings", "DOUBLE", "part of all ratings", minimum=0.0, maximum=1.0)

_DATASET_STATISTICS = Table(
    "dataset_statistics",
    "The data set in figures, held-out ratings included.",
    (
        Column("statistic", "VARCHAR", "n_ratings, sparsity, median_stars, …"),
        Column("value", "DOUBLE", "the figure, in its unit"),
        Column("unit", "VARCHAR", f"ratings, users, movies, stars, share (0–1), {DAY}, …"),
        Column("meaning", "VARCHAR", "what is counted or measured"),
    ),
    key=("statistic",),
)
_RATING_DISTRIBUTION = Table(
    "rating_distribution",
    "How often each number of stars was given.",
    (replace(RATING, name="stars"), _N_RATINGS, _SHARE_OF_RATINGS),
    key=("stars",),
)
_USER_ACTIVITY = Table(
    "user_activity",
    "How many users gave so many ratings.",
    (
        replace(_N_RATINGS, comment="ratings that each of these users gave"),
        Column("n_users", "BIGINT", "users who gave so many", minimum=1),
    ),
    key=("n_ratings",),
)
_MOVIE_POPULARITY = Table(
    "movie_popularity",
    "The catalogue from the most to the least rated movie, unrated ones last.",
    (
        RANK,
        MOVIE,
        _TITLE,
        _N_RATINGS_OR_NONE,
        _MEAN_RATING_OR_NONE,
        replace(
            _SHARE_OF_RATINGS, name="cumulative_share", comment="part of all ratings that ranks so far hold"
        ),
    ),
    key=("movie_id",),
    references=(IN_MOVIES,),
)
_RATING_HEATMAP = Table(
    "rating_heatmap",
    "The most active users' ratings of the most rated movies, pair by pair: the dense corner of the matrix.",
    (
        Column("user_rank", "INTEGER", "the user's place by number of ratings, from 1", minimum=1),
        Column("movie_rank", "INTEGER", "the movie's place by number of ratings, from 1", minimum=1),
        USER,
        MOVIE,
        _TITLE,
        replace(RATING, nullable=True, comment="stars; null where the user has not rated the movie"),
    ),
    key=("user_id", "movie_id"),
    references=(IN_MOVIES,),
)
_RARELY_RATED_MOVIES = Table(
    "rarely_rated_movies",
    "Movies with too few ratings to learn much from, unrated ones included.",
    (MOVIE, _TITLE, _N_RATINGS_OR_NONE),
    key=("movie_id",),
    references=(IN_MOVIES,),
    may_be_empty=True,
)
_RATINGS_OVER_TIME = Table(
    "ratings_over_time",
    "Ratings month by month; months without a rating have no row.",
    (
        Column("month", "DATE", "first day of the month, UTC", minimum="1990-01-01", maximum="2100-01-01"),
        _N_RATINGS,
        _MEAN_RATING,
    ),
    key=("month",),
)
_GENRE_SHARES = Table(
    "genre_shares",
    "What each genre holds of the catalogue and of the ratings; a movie counts for each of its genres.",
    (
        Column("genre", "VARCHAR", "name of the genre"),
        Column("n_movies", "BIGINT", "movies of the genre, rated or not", minimum=1),
        _N_RATINGS_OR_NONE,
        _SHARE_OF_RATINGS,
        _MEAN_RATING_OR_NONE,
    ),
    key=("genre",),
    may_be_empty=True,
)

TABLES = (
    _DATASET_STATISTICS,
    _RATING_DISTRIBUTION,
    _USER_ACTIVITY,
    _MOVIE_POPULARITY,
    _RATING_HEATMAP,
    _RARELY_RATED_MOVIES,
    _RATINGS_OVER_TIME,
    _GENRE_SHARES,
)
