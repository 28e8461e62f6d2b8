"""Sensors: new ratings in the inbox, runs that failed, and refreshes of whatever is out of date."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from recsys_assets.defs.automation.jobs import everything
from recsys_assets.defs.resources import Project
from recsys_assets.partitions import DATASETS
from recsys_assets.storage.inbox import Inbox

STATE_TAG = "recsys/inbox_state"
MAX_TRIES = 3


@dg.sensor(
    job=everything,
    minimum_interval_seconds=30,
    description="New ratings in data/inbox/<data set>/: takes them in and refreshes what depends on them.",
)
def inbox_sensor(
    context: dg.SensorEvaluationContext, project: Project
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Files in data/inbox/<data set>/: one run takes in all that wait there and refreshes what depends on them.

    The run key names the waiting files, their state and the tries that failed on them, so that each set of files is
    asked for once, and again after a failure, three times in all.
    """
    n_waiting = 0
    for dataset in DATASETS.get_partition_keys():
        box = Inbox(project.folder, dataset)
        waiting = box.pending()
        n_waiting += len(waiting)
        if waiting:
            state = f"{dataset}/{box.pending_state()}"
            failed = context.instance.get_runs_count(
                dg.RunsFilter(tags={STATE_TAG: state}, statuses=[dg.DagsterRunStatus.FAILURE])
            )
            if failed < MAX_TRIES:
                yield dg.RunRequest(
                    run_key=f"{state}/{failed}", partition_key=dataset, tags={STATE_TAG: state}
                )
    if not n_waiting:
        yield dg.SkipReason(f"No CSV file waits under {project.folder / 'inbox'}.")


@dg.run_failure_sensor(
    name="failed_runs",
    minimum_interval_seconds=30,
    description="Says in the daemon's log which run failed on which data set and why.",
)
def failed_runs(context: dg.RunFailureSensorContext) -> None:
    """Say in the daemon's log which run failed on which data set and why: the place to hook an alert in."""
    dataset = context.dagster_run.tags.get("dagster/partition", "no data set")
    context.log.error(
        f"{context.dagster_run.job_name} on {dataset} failed: {context.failure_event.message} "
        f"(run {context.dagster_run.run_id}); the last publication stays current"
    )


refresh = dg.AutomationConditionSensorDefinition(
    "refresh",
    target=dg.AssetSelection.all(),
    description="Makes again what is out of date, as far as the gates above it hold.",
)
