"""Where a publication comes from."""

from __future__ import annotations

from recsys_assets.contracts.schema import Column, Table

__all__ = ["TABLES"]

_VERSIONS = Table(
    "versions",
    "Where this publication comes from: one row an asset that it was made of.",
    (
        Column("asset", "VARCHAR", "asset of the graph"),
        Column("code_version", "VARCHAR", "digest of the code that made it", nullable=True),
        Column("data_version", "VARCHAR", "digest of what it is made of", nullable=True),
        Column("run_id", "VARCHAR", "Dagster run that made it", nullable=True),
        Column("materialized_at", "TIMESTAMP", "when, UTC", nullable=True),
    ),
    key=("asset",),
)
_LINEAGE = Table(
    "lineage",
    "What each strategy's lists are made of, directly or not: every asset of the graph above them, and their own.",
    (
        Column("strategy", "VARCHAR", "as in the table recommendations; item_knn_baseline predicts stars"),
        Column("asset", "VARCHAR", "asset of the graph, as in the table versions"),
    ),
    key=("strategy", "asset"),
)
_PUBLICATION = Table(
    "publication",
    "One row about this file.",
    (
        Column("dataset", "VARCHAR", "name of the data set in data/datasets.toml"),
        Column("generation", "INTEGER", "counts publications of this data set, from 1", minimum=1),
        Column("published_at", "TIMESTAMP", "when, UTC"),
        Column("run_id", "VARCHAR", "Dagster run that published it"),
        Column("licence", "VARCHAR", "licence of the ratings"),
    ),
    key=("dataset",),
)

TABLES = (_VERSIONS, _LINEAGE, _PUBLICATION)
