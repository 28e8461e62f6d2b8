"""Gates of the clusters: contracts, every user in them, and nobody in a group of their own."""

import dagster as dg

from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.partitions import DATASETS

SMALLEST = 3
"""Users: fewer are no group."""

contracts = [
    contract_check(dg.AssetKey("cluster_evidence")),
    contract_check(
        *(dg.AssetKey(name) for name in ("user_clusters", "cluster_profiles", "cluster_similarity"))
    ),
]


@dg.asset_check(asset="user_clusters", blocking=True, partitions_def=DATASETS, additional_deps=["ratings"])
def every_user_once(context: dg.AssetCheckExecutionContext, project: Project) -> dg.AssetCheckResult:
    """Every user with a rating has one row of each kind, and nobody else has any."""
    rows = project.warehouse.frame(
        partition_of(context),
        """
        with raters as (select distinct user_id from ratings), kinds as (select distinct kind from user_clusters)
        select (select count(*) from (from raters cross join kinds) anti join user_clusters using (kind, user_id))
                   as missing,
               (select count(*) from user_clusters anti join raters using (user_id)) as strangers,
               (select count(*) from user_clusters) - (select count(distinct (kind, user_id)) from user_clusters)
                   as repeated,
               (select count(*) from user_clusters where cluster < 0) as without_cluster
        """,
    ).iloc[0]
    counts = {str(name): int(value) for name, value in rows.items()}
    faults = [f"{counts[name]} {name}" for name in ("missing", "strangers", "repeated") if counts[name]]
    return dg.AssetCheckResult(
        passed=not faults, description=", ".join(faults) or None, metadata=dict(counts)
    )


@dg.asset_check(
    asset="cluster_profiles", blocking=True, partitions_def=DATASETS, additional_deps=["user_clusters"]
)
def large_enough(context: dg.AssetCheckExecutionContext, project: Project) -> dg.AssetCheckResult:
    """Each cluster has the users that are said to be in it, and at least 3, unless its kind has but one cluster."""
    rows = project.warehouse.frame(
        partition_of(context),
        f"""
        with counted as (
            select kind, cluster, n_users, count(user_id) as n
            from cluster_profiles left join user_clusters using (kind, cluster) group by all
        ), compared as (
            select *, count(*) over (partition by kind) as n_clusters from counted
        )
        select count(*) filter (n <> n_users) as miscounted,
               count(*) filter (n < {SMALLEST} and n_clusters > 1) as too_small, min(n) as smallest
        from compared
        """,
    ).iloc[0]
    counts = {str(name): int(value) for name, value in rows.items()}
    return dg.AssetCheckResult(
        passed=not (counts["miscounted"] or counts["too_small"]), metadata=dict(counts)
    )
