"""The ledger of published claims."""

from __future__ import annotations

from recsys_assets.contracts.schema import Column, Table

__all__ = ["TABLES"]

_CLAIMS = Table(
    "claims",
    "What the authors of published systems of this kind claim, beside what was measured on this data set.",
    (
        Column(
            "claim_id", "VARCHAR", "letter of the system, and number of the requirement that it belongs to"
        ),
        Column("system", "VARCHAR", "what kind of system made the claim, and on which data"),
        Column("statement", "VARCHAR", "what is claimed"),
        Column("claimed", "VARCHAR", "the figure as published"),
        Column("measured", "VARCHAR", "the figure here; null = not measured yet", nullable=True),
        Column("verdict", "VARCHAR", "reproduced, not reproduced, not meaningful, or not measured yet"),
        Column("note", "VARCHAR", "the reason for the verdict; where nothing is measured, what must be run"),
        Column("evidence", "VARCHAR", "a query on the published file that shows the rows behind the figure"),
    ),
    key=("claim_id",),
)

TABLES = (_CLAIMS,)
