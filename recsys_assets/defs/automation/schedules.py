"""The nightly run: each data set that has been published is brought up to date, the slow evaluation with it."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from recsys_assets.defs.automation.jobs import full
from recsys_assets.defs.resources import Project
from recsys_assets.defs.staleness import stale_assets
from recsys_assets.defs.whole import whole_definitions
from recsys_assets.partitions import DATASETS
from recsys_assets.storage.publishing import Publisher


@dg.schedule(
    job=full,
    cron_schedule="0 3 * * *",
    execution_timezone="UTC",
    owners=["team:recsys"],
    description="Every night, what is out of date of each data set that has a publication, cross-validation too.",
)
def nightly(
    context: dg.ScheduleEvaluationContext, project: Project
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Every night at 03:00 UTC, of every data set that has a publication, what is out of date.

    What has the same code and the same data as when it was made stays as it is, the slow evaluation above all.
    """
    published = [
        dataset
        for dataset in DATASETS.get_partition_keys()
        if Publisher(project.folder / "published", dataset).current_path.exists()
    ]
    if not published:
        yield dg.SkipReason("No data set has been published yet: run the job `everything` on one first.")
        return
    stale = {
        dataset: stale_assets(whole_definitions(), context.instance, project, dataset)
        for dataset in published
    }
    for dataset, reasons in stale.items():
        if reasons:
            yield dg.RunRequest(
                run_key=f"{context.scheduled_execution_time:%Y-%m-%d}/{dataset}",
                partition_key=dataset,
                asset_selection=list(reasons),
            )
    if not any(stale.values()):
        yield dg.SkipReason(f"All is up to date: {', '.join(published)}.")
