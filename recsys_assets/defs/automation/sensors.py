"""Sensors: new ratings in the inbox, runs that failed, and refreshes of whatever is out of date."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dagster as dg

from recsys_assets.defs.automation.jobs import SLOW_GROUPS, everything
from recsys_assets.defs.provenance import evaluations, latest_materializations
from recsys_assets.defs.resources import Project
from recsys_assets.defs.staleness import stale_assets
from recsys_assets.defs.whole import descendants, whole_definitions
from recsys_assets.partitions import DATASETS
from recsys_assets.storage.inbox import Inbox
from recsys_assets.storage.publishing import Publisher

STATE_TAG = "recsys/inbox_state"
DRIFT_TAG = "recsys/drifted"
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
        n_waiting += len(box.pending())
        yield from _taking_in(context.instance, box)
    if not n_waiting:
        yield dg.SkipReason(f"No CSV file waits under {project.folder / 'inbox'}.")


@dg.sensor(
    job=everything,
    minimum_interval_seconds=60,
    description="In place of inbox_sensor: takes new ratings in and measures their drift, refreshes only if they have.",
)
def drift_sensor(
    context: dg.SensorEvaluationContext, project: Project
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """New ratings of what has been published: taken in and measured, and refreshed once they have drifted.

    The refresh makes again what is made of ratings and out of date, nothing else, once for each time that drift was
    measured: if a gate stops it, the next new ratings or the nightly run try again.
    """
    quiet = True
    for dataset in DATASETS.get_partition_keys():
        if not Publisher(project.folder / "published", dataset).current():
            continue
        box = Inbox(project.folder, dataset)
        requests = list(_taking_in(context.instance, box, assets=_MEASURED)) or list(
            _refreshing(context.instance, project, dataset)
        )
        quiet &= not requests
        yield from requests
    if quiet:
        yield dg.SkipReason("No new ratings of what has been published, or none that have drifted.")


_DRIFT = dg.AssetKey("drift")
_MEASURED = [dg.AssetKey(name) for name in ("inbox", "ratings", "rejected_ratings", "drift")]


def _taking_in(
    instance: dg.DagsterInstance, box: Inbox, *, assets: Sequence[dg.AssetKey] | None = None
) -> Iterator[dg.RunRequest]:
    """One run for all files that wait, and again after a failure, three times in all."""
    if not box.pending():
        return
    state = f"{box.dataset}/{box.pending_state()}"
    failed = instance.get_runs_count(
        dg.RunsFilter(tags={STATE_TAG: state}, statuses=[dg.DagsterRunStatus.FAILURE])
    )
    if failed < MAX_TRIES:
        yield dg.RunRequest(
            run_key=f"{state}/{failed}",
            partition_key=box.dataset,
            tags={STATE_TAG: state},
            asset_selection=assets,
        )


def _slow() -> set[dg.AssetKey]:
    graph = whole_definitions().resolve_asset_graph()
    return {key for key in graph.get_all_asset_keys() if graph.get(key).group_name in SLOW_GROUPS}


def _refreshing(instance: dg.DagsterInstance, project: Project, dataset: str) -> Iterator[dg.RunRequest]:
    """One run for what is out of date and made of ratings, if these have drifted since the publication."""
    measured = latest_materializations(instance, [_DRIFT], dataset)
    warned = [one.check_name for one in evaluations(instance, measured) if not one.passed]
    if not warned:
        return
    stale = stale_assets(whole_definitions(), instance, project, dataset, left_out=_slow())
    due = [key for key in stale if key in descendants(dg.AssetKey("ratings"))]
    if due:
        yield dg.RunRequest(
            run_key=f"{dataset}/drift/{measured[_DRIFT].run_id}",
            partition_key=dataset,
            tags={DRIFT_TAG: ", ".join(sorted(warned))},
            asset_selection=due,
        )


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
