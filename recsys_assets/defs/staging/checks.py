"""Gates of the staged tables: contracts, and folds that part the ratings. How much was refused is a later gate."""

import dagster as dg

from recsys_assets.contracts.raw import RATINGS, RAW_TABLES
from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.partitions import DATASETS
from recsys_assets.storage.inbox import Inbox
from recsys_assets.storage.loading import load_table

contracts = [contract_check(dg.AssetKey(table), dg.AssetKey(f"rejected_{table}")) for table in RAW_TABLES]


@dg.asset_check(asset="official_folds", blocking=True, partitions_def=DATASETS, additional_deps=["ratings"])
def disjoint_ratings(context: dg.AssetCheckExecutionContext, project: Project) -> dg.AssetCheckResult:
    """Each row stands in one fold only, and in `ratings` with the same stars and time.

    Where a user rated the movie again through the inbox, the newer rating stands in `ratings`: counted, but no fault.
    """
    dataset = partition_of(context)
    appended = Inbox(project.folder, dataset).appended()
    with project.warehouse.connect(dataset) as connection:
        again = load_table(connection, RATINGS.name, appended)[RATINGS.name].sql
        faults = connection.execute(
            f"""
            with compared as (
                select f.user_id, f.movie_id, r.rating is null as lost,
                       r.rating <> f.rating or r.rated_at <> f.rated_at as differs,
                       r.rated_at >= f.rated_at
                       and (r.user_id, r.movie_id, r.rating, r.rated_at) in ({again}) as rated_again
                from official_folds as f left join ratings as r using (user_id, movie_id)
            )
            select count(*) filter (lost) as not_in_ratings,
                   count(*) filter (differs and not rated_again) as other_than_in_ratings,
                   count(*) - count(distinct (user_id, movie_id)) as in_two_folds,
                   count(*) filter (differs and rated_again) as rated_again
            from compared
            """
        ).df()
    counts = {str(name): int(value) for name, value in faults.iloc[0].items()}
    return dg.AssetCheckResult(passed=sum(counts.values()) == counts["rated_again"], metadata=counts)
