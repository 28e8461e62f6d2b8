"""Gates of what is about to be published, and a look at what was."""

from pathlib import Path

import dagster as dg
import duckdb

from recsys_assets.contracts import PUBLISHED, contract_of
from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.partitions import DATASETS
from recsys_assets.storage.publishing import NoGenerationError, Publisher, published_faults

contracts = [contract_check(dg.AssetKey(name)) for name in ("recommendations", "similar_movies")]


@dg.asset_check(asset="published", blocking=True, partitions_def=DATASETS)
def answers(context: dg.AssetCheckExecutionContext, project: Project) -> dg.AssetCheckResult:
    """The stable path opens read-only, has every table with its rows, and every table and column a comment.

    If not, and if this run published the generation, it is withdrawn: the one before it answers again. What another run
    published may only be older than today's contracts: it stays.
    """
    publisher = Publisher(project.folder / "published", partition_of(context))
    faults = _faults(publisher.current_path)
    fate = _withdraw(publisher, context.run.run_id, "; ".join(faults)) if faults else None
    return dg.AssetCheckResult(
        passed=not faults,
        description="; ".join(filter(None, [*faults, fate])) or None,
        metadata={"tables": len(PUBLISHED)},
    )


def _faults(path: Path) -> list[str]:
    try:
        return published_faults(path, [contract_of(name).name for name in PUBLISHED])
    except duckdb.Error as error:
        return [f"{path.name} can't be read: {error}"]


def _withdraw(publisher: Publisher, run_id: str, reason: str) -> str:
    current = publisher.current()
    if not publisher.answers_with(run_id):
        return (
            "not withdrawn, for this run did not publish it: publish anew, or go back with `recsys rollback`"
        )
    try:
        restored = publisher.roll_back(run_id=run_id, reason=reason)
    except NoGenerationError as error:
        if current:
            publisher.history.add("withdrawn", current.number, run_id=run_id, reason=reason)
        return f"it stays, for {error}"
    return f"generation {current.number if current else '?'} withdrawn, {restored.number} is current again"
