"""Gates of what is about to be published, and a look at what was."""

import dagster as dg

from recsys_assets.contracts import PUBLISHED, contract_of
from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.partitions import DATASETS
from recsys_assets.storage.publishing import Publisher, published_faults

contracts = [contract_check(dg.AssetKey(name)) for name in ("recommendations", "similar_movies")]


@dg.asset_check(asset="published", partitions_def=DATASETS)
def answers(context: dg.AssetCheckExecutionContext, project: Project) -> dg.AssetCheckResult:
    """The stable path opens read-only, has every table with its rows, and every table and column a comment."""
    path = Publisher(project.folder / "published", partition_of(context)).current_path
    tables = [contract_of(name) for name in PUBLISHED]
    faults = published_faults(path, [table.name for table in tables])
    return dg.AssetCheckResult(
        passed=not faults, description="; ".join(faults) or None, metadata={"tables": len(tables)}
    )
