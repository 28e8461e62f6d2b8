"""What was looked for, so that no model knows what it is judged by, and what was found."""

from __future__ import annotations

from recsys_assets.contracts.schema import Column, Table

__all__ = ["TABLES"]

_LEAKAGE = Table(
    "leakage",
    "Checks that no model has seen the rows that judge it: one row each, measured beside what it may be.",
    (
        Column("family", "VARCHAR", "lists, stars, likes, clusters of users, or the catalogue"),
        Column(
            "fit",
            "VARCHAR",
            "tuning = learns from training rows, judged on validation rows; trial = learns from both, judged on test "
            "rows; none = learns from no ratings",
        ),
        Column(
            "check",
            "VARCHAR",
            "upstream …, order …, recomputed …, shuffled …, scrambled …: how it was looked for, and in what",
        ),
        Column("measured", "DOUBLE", "the figure; null = nothing to measure here", nullable=True),
        Column("bound", "DOUBLE", "what it may be at most; null = told, but not judged", nullable=True),
        Column("passed", "BOOLEAN", "whether measured is within its bound, or there is nothing to judge"),
        Column("description", "VARCHAR", "what is measured, in words"),
    ),
    key=("family", "fit", "check"),
)

TABLES = (_LEAKAGE,)
