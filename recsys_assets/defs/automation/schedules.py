"""The nightly run: each data set that has been published is brought up to date."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from recsys_assets.defs.automation.jobs import everything
from recsys_assets.defs.resources import Project
from recsys_assets.partitions import DATASETS
from recsys_assets.storage.publishing import Publisher


@dg.schedule(
    job=everything,
    cron_schedule="0 3 * * *",
    execution_timezone="UTC",
    owners=["team:recsys"],
    description="Every night, the whole graph of each data set that has a publication.",
)
def nightly(
    context: dg.ScheduleEvaluationContext, project: Project
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Every night at 03:00 UTC, the whole graph of every data set that has a publication."""
    published = [
        dataset
        for dataset in DATASETS.get_partition_keys()
        if Publisher(project.folder / "published", dataset).current_path.exists()
    ]
    if not published:
        yield dg.SkipReason("No data set has been published yet: run the job `everything` on one first.")
    for dataset in published:
        yield dg.RunRequest(
            run_key=f"{context.scheduled_execution_time:%Y-%m-%d}/{dataset}", partition_key=dataset
        )
