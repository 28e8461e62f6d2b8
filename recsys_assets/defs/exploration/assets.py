"""What the ratings look like: tables and plots of all of them, held-out ones included.

They describe. Nothing that is learned or chosen may depend on them: they have seen the rows that judge.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import duckdb
from pydantic import Field

from recsys_assets.contracts import TABLES
from recsys_assets.contracts.exploration import DAY
from recsys_assets.contracts.exploration import TABLES as EXPLORATION
from recsys_assets.defs.common import spec
from recsys_assets.defs.exploration.queries import exploration_queries
from recsys_assets.defs.resources import Project, partition_of, table_metadata
from recsys_assets.defs.versions import code_version
from recsys_assets.partitions import DATASETS
from recsys_assets.report.exploration import FIGURES, statistics_markdown
from recsys_assets.report.plots import markdown_image
from recsys_assets.storage.warehouse import replace_tables, table_digest

CODE = code_version(__name__, "recsys_assets.report.exploration")


class ExplorationConfig(dg.Config):
    """What counts as rare, and how much of the matrix is shown."""

    rare_below: int = Field(5, ge=1, description="a movie with fewer ratings is rarely rated")
    heatmap_users: int = Field(30, ge=1, le=60, description="most active users in the heatmap")
    heatmap_movies: int = Field(40, ge=1, le=60, description="most rated movies in the heatmap")


@dg.multi_asset(
    specs=[
        spec(
            table.name,
            deps=["ratings", "movies"],
            group_name="exploration",
            kinds={"duckdb", "table"} | ({"matplotlib"} if table.name in FIGURES else set()),
            description=TABLES[table.name].comment,
            code_version=CODE,
        )
        for table in EXPLORATION
    ],
    partitions_def=DATASETS,
)
def explore(
    context: dg.AssetExecutionContext, config: ExplorationConfig, project: Project
) -> Iterator[dg.MaterializeResult[None]]:
    """Describe all ratings of a data set, in tables that one transaction writes. No model learns from them."""
    queries = exploration_queries(
        rare_below=config.rare_below, n_users=config.heatmap_users, n_movies=config.heatmap_movies
    )
    with project.warehouse.connect(partition_of(context)) as connection:
        replace_tables(connection, queries)
        for name in queries:
            yield dg.MaterializeResult(
                asset_key=name,
                metadata=table_metadata(connection, name) | _shown(connection, name),
                data_version=dg.DataVersion(table_digest(connection, name)),
            )


def _shown(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, Any]:
    """What people look at beside the preview: the table's plot, or all statistics."""
    table = connection.execute(f'from "{name}"').df()
    if name in FIGURES:
        figure = FIGURES[name]
        return {"plot": dg.MetadataValue.md(markdown_image(figure.png(table), figure.title))}
    if name == "dataset_statistics":
        numbers = table[table["unit"] != DAY]
        return {
            "statistics": dg.MetadataValue.md(statistics_markdown(table)),
            **dict(zip(numbers["statistic"], numbers["value"].tolist(), strict=True)),
        }
    return {}
