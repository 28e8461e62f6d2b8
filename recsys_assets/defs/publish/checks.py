"""Gates of what is about to be published, and a look at what was."""

import dagster as dg

from recsys_assets.contracts import PUBLISHED
from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.publish.withdrawal import faults_of_publication, withdraw
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.partitions import DATASETS
from recsys_assets.storage.publishing import Publisher

contracts = [contract_check(dg.AssetKey(name)) for name in ("recommendations", "similar_movies")]


@dg.asset_check(asset="published", blocking=True, partitions_def=DATASETS)
def answers(context: dg.AssetCheckExecutionContext, project: Project) -> dg.AssetCheckResult:
    """The stable path opens read-only, has every table with its rows, and every table and column a comment.

    If not, and if this run published the generation, it is withdrawn: the one before it answers again. What another run
    published may only be older than today's contracts: it stays.
    """
    publisher = Publisher(project.folder / "published", partition_of(context))
    run_id = context.run.run_id
    faults = faults_of_publication(publisher.current_path)
    fate = None
    if faults and publisher.answers_with(run_id):
        fate = withdraw(publisher, run_id=run_id, reason="; ".join(faults))
    elif faults:
        fate = (
            "not withdrawn, for this run did not publish it: publish anew, or go back with `recsys rollback`"
        )
    elif (current := publisher.current()) and publisher.answers_with(run_id):
        publisher.history.add("checked", current.number, run_id=run_id)
    return dg.AssetCheckResult(
        passed=not faults,
        description="; ".join(filter(None, [*faults, fate])) or None,
        metadata={"tables": len(PUBLISHED)},
    )
