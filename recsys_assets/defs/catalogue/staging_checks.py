"""Gates of the catalogue's tables: their contracts, and that every movie can be found by a name."""

import dagster as dg

from recsys_assets.contracts.catalogue import TABLES
from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.partitions import DATASETS

contracts = [contract_check(*(dg.AssetKey(table.name) for table in TABLES))]


@dg.asset_check(asset="titles", blocking=True, partitions_def=DATASETS, additional_deps=["catalogue_movies"])
def every_movie_has_a_name(context: dg.AssetCheckExecutionContext, project: Project) -> dg.AssetCheckResult:
    """Each movie of the data set and each of the catalogue has a name to be found by, and each of its names once."""
    with project.warehouse.connect(partition_of(context)) as connection:
        faults = connection.execute(
            """
            select (select count(*) from movies anti join titles using (movie_id)) as movies_without,
                   (select count(*) from catalogue_movies anti join titles using (tmdb_id)) as catalogue_movies_without,
                   (select count(*) - count(distinct (movie_id, tmdb_id, folded)) from titles) as repeated
            """
        ).df()
    counts = {str(name): int(value) for name, value in faults.iloc[0].items()}
    return dg.AssetCheckResult(passed=not any(counts.values()), metadata=counts)
