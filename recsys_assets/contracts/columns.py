"""Columns that several tables share."""

from __future__ import annotations

from recsys_assets.contracts.schema import MAX_ID, Column, Reference

__all__ = [
    "CI_HIGH",
    "CI_LOW",
    "IN_MOVIES",
    "METRIC",
    "MODEL",
    "MOVIE",
    "N_USERS",
    "RANK",
    "RATED_AT",
    "RATING",
    "SCORE",
    "SEGMENT",
    "SPLIT",
    "USER",
    "K",
    "id_column",
    "time_column",
]


def id_column(name: str, comment: str) -> Column:
    return Column(name, "BIGINT", comment, minimum=0, maximum=MAX_ID)


def time_column(name: str, comment: str) -> Column:
    # A timestamp in milliseconds read as seconds lies far beyond 2100, a negative or zero one before 1990.
    return Column(name, "TIMESTAMP", comment, minimum="1990-01-01", maximum="2100-01-01")


USER = id_column("user_id", "the user's id as in the raw files")
MOVIE = id_column("movie_id", "the movie's id as in the raw files")
RATING = Column("rating", "FLOAT", "stars, in half-star steps", minimum=0.5, maximum=5.0, step=0.5)
RATED_AT = time_column("rated_at", "when the rating was given, UTC")
RANK = Column("rank", "INTEGER", "place in the list, from 1", minimum=1)
SCORE = Column("score", "FLOAT", "the strategy's score on its own scale; higher is better")
MODEL = Column(
    "model", "VARCHAR", "als, hybrid, popularity, … of lists; svdpp, blend, … of stars; ensemble, … of likes"
)
SPLIT = Column(
    "split",
    "VARCHAR",
    "rows judged on: test = each user's last 20 %; official_5fold, random_5fold = cross-validation; "
    "global_time = the latest fifth of all ratings",
)
SEGMENT = Column("segment", "VARCHAR", "all, or the part of users or movies that the figure is about")
METRIC = Column(
    "metric",
    "VARCHAR",
    "ndcg, precision, coverage, … of lists; rmse and mae in stars; auc, auc_per_user, log_loss, brier of likes",
)
K = Column("k", "INTEGER", "metric cut-off: the first k places of each list; 0 = of no list", minimum=0)
CI_LOW = Column("ci_low", "DOUBLE", "lower end of the 95 % bootstrap interval over users", nullable=True)
CI_HIGH = Column("ci_high", "DOUBLE", "upper end of the 95 % bootstrap interval over users", nullable=True)
N_USERS = Column("n_users", "INTEGER", "users the figure is a mean over", minimum=0)
IN_MOVIES = Reference("movie_id", "movies", "movie_id")
