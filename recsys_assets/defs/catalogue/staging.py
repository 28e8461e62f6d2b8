"""The catalogue's raw files, JSON cells and all, as tables joined to the data set's movies by TMDB id."""

from collections.abc import Iterator

import dagster as dg

from recsys_assets.contracts import TABLES
from recsys_assets.contracts.catalogue import TABLES as CATALOGUE
from recsys_assets.defs.catalogue.staging_queries import PARSED, staging_queries
from recsys_assets.defs.common import spec
from recsys_assets.defs.resources import Project, partition_of, table_metadata
from recsys_assets.defs.versions import code_version
from recsys_assets.partitions import DATASETS
from recsys_assets.report.style import markdown_table
from recsys_assets.storage.warehouse import replace_tables, table_digest

CODE = code_version(__name__)


@dg.multi_asset(
    specs=[
        spec(
            table.name,
            deps=["tmdb_movies", "tmdb_credits", "tmdb_posters", "movies", "links"],
            group_name="catalogue",
            kinds={"duckdb", "table"},
            description=TABLES[table.name].comment,
            code_version=CODE,
        )
        for table in CATALOGUE
    ],
    partitions_def=DATASETS,
)
def stage_catalogue(
    context: dg.AssetExecutionContext, project: Project
) -> Iterator[dg.MaterializeResult[None]]:
    """Parse the catalogue's lists, join it by TMDB id, list what is odd; empty tables where there is no catalogue."""
    queries = staging_queries()
    with project.warehouse.connect(partition_of(context)) as connection:
        for name, sql in PARSED.items():
            connection.execute(f"create temp table {name} as {sql}")
        replace_tables(connection, queries)
        problems = connection.execute(
            "select problem, handling, count(*) as n_rows, any_value(detail order by detail) as example "
            "from catalogue_problems group by all order by n_rows desc, problem"
        ).df()
        for name in queries:
            found = {"problems": dg.MetadataValue.md(markdown_table(problems, formats={}))}
            yield dg.MaterializeResult(
                asset_key=name,
                metadata=table_metadata(connection, name) | (found if name == "catalogue_problems" else {}),
                data_version=dg.DataVersion(table_digest(connection, name)),
            )
