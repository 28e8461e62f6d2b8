"""What the catalogue looks like, as tables and plots. They describe: nothing is learned or chosen by them."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import duckdb
from pydantic import Field

from recsys_assets.contracts import TABLES
from recsys_assets.contracts.catalogue_exploration import TABLES as EXPLORATION
from recsys_assets.defs.catalogue.exploration_queries import catalogue_exploration_queries
from recsys_assets.defs.common import spec
from recsys_assets.defs.resources import Project, partition_of, table_metadata
from recsys_assets.defs.versions import code_version
from recsys_assets.partitions import DATASETS
from recsys_assets.report.catalogue_exploration import FIGURES, catalogue_statistics_markdown
from recsys_assets.report.plots import markdown_image
from recsys_assets.storage.warehouse import replace_tables, table_digest

CODE = code_version(__name__, "recsys_assets.report.catalogue_exploration")
STAGED = (
    *(
        "catalogue_movies",
        "catalogue_genres",
        "catalogue_keywords",
        "catalogue_cast",
        "people",
        "movie_people",
    ),
    *("catalogue_problems", "rejected_tmdb_movies", "rejected_tmdb_credits"),
)


class CatalogueExplorationConfig(dg.Config):
    """Where eras part, and how much is listed."""

    modern_from: int = Field(2000, ge=1850, le=2100, description="first year of the modern era")
    n_listed: int = Field(20, ge=1, le=200, description="pairs, actors and directors in each list")
    least_movies: int = Field(5, ge=1, description="movies that an actor needs to have a main genre")


@dg.multi_asset(
    specs=[
        spec(
            table.name,
            deps=STAGED,
            group_name="catalogue",
            kinds={"duckdb", "table"} | ({"matplotlib"} if table.name in FIGURES else set()),
            description=TABLES[table.name].comment,
            code_version=CODE,
        )
        for table in EXPLORATION
    ],
    partitions_def=DATASETS,
)
def explore_catalogue(
    context: dg.AssetExecutionContext, config: CatalogueExplorationConfig, project: Project
) -> Iterator[dg.MaterializeResult[None]]:
    """Describe the catalogue, in tables that one transaction writes; without a catalogue they are empty."""
    queries = catalogue_exploration_queries(
        modern_from=config.modern_from, n_listed=config.n_listed, least_movies=config.least_movies
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
    if name in FIGURES and len(table):
        figure = FIGURES[name]
        return {"plot": dg.MetadataValue.md(markdown_image(figure.png(table), figure.title))}
    if name == "catalogue_statistics":
        known = table.dropna(subset=["value"])
        return {
            "statistics": dg.MetadataValue.md(catalogue_statistics_markdown(table)),
            **dict(zip(known["statistic"], known["value"].tolist(), strict=True)),
        }
    return {}
