"""What models would have been worth at moments of the past."""

from __future__ import annotations

from dataclasses import replace

from recsys_assets.contracts.columns import SPLIT, time_column
from recsys_assets.contracts.judgement import COMPARISONS, EVALUATION
from recsys_assets.contracts.schema import Column, Table

__all__ = ["BACKTEST_TABLES", "TABLES", "WINDOW_NAMES"]

BACKTEST_TABLES = ("backtest_windows", "backtest_figures", "backtest_comparisons")
"""The tables of backtests: each window replaces its own rows."""
WINDOW_NAMES = tuple(f"w{number:02}" for number in range(1, 9))
"""Stretches of time that follow each other; where they begin and end, a data set's own ratings say."""

_WINDOW = Column("window", "VARCHAR", "w01, w02, …: stretches of time that follow each other")
_WINDOWS = Table(
    "backtest_windows",
    "The windows of the backtest: what models learned from and what they were judged on, one row a window.",
    (
        _WINDOW,
        time_column("trained_until", "ratings and tags strictly older than this were learned from, UTC"),
        time_column("starts_at", "the oldest rating that was judged, UTC"),
        time_column("ends_at", "the newest rating that was judged, UTC"),
        time_column("newest_training_row", "the newest rating that was learned from, UTC"),
        replace(
            time_column("newest_training_tag", "the newest tag that was learned from, UTC"), nullable=True
        ),
        Column("n_train", "INTEGER", "ratings that were learned from", minimum=1),
        Column("n_judged", "INTEGER", "ratings that were judged", minimum=1),
        Column("n_warm_users", "INTEGER", "users with judged ratings who had rated before", minimum=0),
        Column("n_new_users", "INTEGER", "users with judged ratings who had not", minimum=0),
        Column(
            "n_new_items", "INTEGER", "movies with judged ratings that nobody had rated before", minimum=0
        ),
        Column("als_regularization", "DOUBLE", "λ of ALS that each user's latest ratings before chose"),
        Column("als_alpha", "DOUBLE", "confidence of a like that they chose"),
        Column("hybrid_alpha", "DOUBLE", "weight of ALS in the hybrid that they chose", minimum=0, maximum=1),
        Column("star_settings", "VARCHAR", "settings of the models of stars that they chose, JSON by model"),
        Column("ratings_version", "VARCHAR", "digest of all ratings of which this is a window"),
    ),
    key=("window",),
    may_be_empty=True,
)


def _by_window(table: Table, name: str, comment: str) -> Table:
    return replace(
        table,
        name=name,
        comment=comment,
        columns=tuple(_WINDOW if column == SPLIT else column for column in table.columns),
        key=tuple("window" if column == SPLIT.name else column for column in table.key),
        may_be_empty=True,
    )


TABLES = (
    _WINDOWS,
    _by_window(
        EVALUATION, "backtest_figures", "Figures of models of a moment, judged on the window after it."
    ),
    _by_window(
        COMPARISONS, "backtest_comparisons", "Paired differences of models of a moment over the same users."
    ),
)
