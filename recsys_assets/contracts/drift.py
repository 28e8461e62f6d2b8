"""How far new ratings lie from those that the publication before was made of."""

from __future__ import annotations

from recsys_assets.contracts.schema import Column, Table

__all__ = ["TABLES"]

_DRIFT = Table(
    "drift",
    "Ratings that came after the publication before this one, against those that it was made of: one row a measure.",
    (
        Column("measure", "VARCHAR", "what is measured"),
        Column("value", "DOUBLE", "the measure; empty where there is nothing to measure", nullable=True),
        Column("threshold", "DOUBLE", "how large the measure may be"),
        Column(
            "chance_low",
            "DOUBLE",
            "lower end of where the measure lies in 99 % of batches in which nothing has changed",
            nullable=True,
        ),
        Column("chance_high", "DOUBLE", "upper end of it", nullable=True),
        Column("n_new", "INTEGER", "ratings, users or movies that were measured", minimum=0),
        Column(
            "verdict",
            "VARCHAR",
            "drifted = beyond the threshold and beyond chance; stable; too few to tell; "
            "not compared = the publication can't be read",
        ),
        Column("description", "VARCHAR", "the measure in words"),
    ),
    key=("measure",),
)

TABLES = (_DRIFT,)
