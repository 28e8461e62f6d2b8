"""The parts that the ratings are split into."""

from __future__ import annotations

from dataclasses import replace

from recsys_assets.contracts.columns import IN_MOVIES, MOVIE, RATED_AT, RATING, USER
from recsys_assets.contracts.raw import RATINGS
from recsys_assets.contracts.schema import Column, Table

__all__ = ["TABLES"]


def _part(name: str, comment: str) -> Table:
    return replace(RATINGS, name=name, comment=comment)


_HOLDOUT = Table(
    "holdout",
    "The ratings that judged models have not learned from (test) or that chose their settings (validation).",
    (USER, MOVIE, RATING, RATED_AT, Column("part", "VARCHAR", "validation or test")),
    key=("user_id", "movie_id"),
    references=(IN_MOVIES,),
)

TABLES = (
    _part("train_ratings", "Each user's ratings before the held-out ones: what tuned models learn from."),
    _part("validation_ratings", "The 10 % before the test rows: they choose settings and weights."),
    _part("test_ratings", "Each user's last 20 % of ratings: they judge, nothing else."),
    _HOLDOUT,
)
