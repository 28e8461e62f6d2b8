"""Typed tables from raw files; refused rows beside them, each with file, line and reason."""

from collections.abc import Iterator

import dagster as dg

from recsys_assets.contracts import TABLES
from recsys_assets.contracts.raw import RATINGS, RAW_TABLES
from recsys_assets.defs.common import dataset_asset, spec
from recsys_assets.defs.resources import Project, partition_of, table_metadata
from recsys_assets.defs.versions import code_version
from recsys_assets.partitions import DATASETS
from recsys_assets.report.style import markdown_table
from recsys_assets.storage.inbox import Inbox, outcomes_frame
from recsys_assets.storage.loading import load_table
from recsys_assets.storage.warehouse import replace_tables

CODE = code_version(__name__)


@dataset_asset(
    group_name="staging",
    kinds={"file"},
    deps=["movies"],
    code_version=CODE,
)
def inbox(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[None]:
    """New ratings, dropped as CSV files into data/inbox/<data set>/.

    A file that holds without a fault is appended, exactly once; one with a fault is moved to `refused/` with a list of
    lines and reasons beside it, and none of its rows count.
    """
    dataset = partition_of(context)
    box = Inbox(project.folder, dataset)
    with project.warehouse.connect(dataset) as connection:
        outcomes = box.take_in(connection)
    for outcome in outcomes:
        context.log.info(f"{outcome.file}: {outcome.status} {outcome.reason}".rstrip())
    return dg.MaterializeResult(
        data_version=dg.DataVersion(box.state()),
        metadata={
            "files": dg.MetadataValue.md(markdown_table(outcomes_frame(outcomes), formats={})),
            "n_appended": sum(outcome.status == "appended" for outcome in outcomes),
            "n_refused": sum(outcome.status == "refused" for outcome in outcomes),
            "n_files_that_count": len(box.appended()),
        },
    )


def _staged(table: str) -> dg.AssetsDefinition:
    names = [table, f"rejected_{table}"]
    upstream = ["raw_files", *(reference.table for reference in TABLES[table].references)]
    upstream += ["inbox"] if table == RATINGS.name else []

    @dg.multi_asset(
        name=f"load_{table}",
        specs=[
            spec(
                name,
                deps=upstream,
                group_name="staging",
                kinds={"duckdb", "table"},
                description=TABLES[name].comment,
                code_version=CODE,
            )
            for name in names
        ],
        partitions_def=DATASETS,
    )
    def load(context: dg.AssetExecutionContext, project: Project) -> Iterator[dg.MaterializeResult[None]]:
        data = project.spec(context)
        files = project.raw_files.to_read(data, table)
        if table == RATINGS.name:
            files += Inbox(project.folder, data.name).appended()
        with project.warehouse.connect(data.name) as connection:
            replace_tables(connection, load_table(connection, table, files))
            for name in names:
                yield dg.MaterializeResult(asset_key=name, metadata=table_metadata(connection, name))

    return load


staged = [_staged(table) for table in RAW_TABLES]
