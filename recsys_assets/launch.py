"""Run the whole graph on one data set, in this process, making only what is out of date."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from recsys_assets.definitions import defs
from recsys_assets.defs.automation.jobs import everything
from recsys_assets.defs.resources import Project
from recsys_assets.defs.staleness import stale_assets
from recsys_assets.settings import archives_folder, data_folder, project_folder

__all__ = ["Outcome", "Plan", "launch", "plan", "prepare_home"]

OnStep = Callable[[str, str], None]
"""Told of each step's start and end: its name, and ``started``, ``done`` or ``failed``."""


@dataclass(frozen=True)
class Plan:
    """What a run would make, and why; upstream first."""

    dataset: str
    reasons: dict[dg.AssetKey, str]
    n_steps: int
    n_assets: int


@dataclass(frozen=True)
class Outcome:
    """How a run ended. ``problems`` says in words which gates and steps failed."""

    run_id: str
    succeeded: bool
    published: bool
    problems: tuple[str, ...]


def prepare_home() -> Path:
    """Give Dagster a home in the data folder, with the project's dagster.yaml.

    A home that DAGSTER_HOME names is the user's own: it gets the file only if it has none.
    """
    own = os.environ.get("DAGSTER_HOME")
    home = Path(own or data_folder() / "dagster").absolute()
    home.mkdir(parents=True, exist_ok=True)
    if not own or not (home / "dagster.yaml").exists():
        shutil.copyfile(project_folder() / "dagster.yaml", home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def plan(dataset: str, instance: dg.DagsterInstance, *, force: bool) -> Plan:
    """Find out what a run on the data set has to make; with ``force``, everything."""
    definitions = defs()
    project = Project(data=str(data_folder()), archives=str(archives_folder() or ""))
    graph = definitions.resolve_asset_graph()
    if force:
        reasons = dict.fromkeys(graph.toposorted_asset_keys, "forced")
    else:
        reasons = stale_assets(definitions, instance, project, dataset)
    job = definitions.resolve_job_def(everything.name).get_subset(asset_selection=set(reasons))
    return Plan(dataset, reasons, len(job.all_node_defs) if reasons else 0, len(graph.toposorted_asset_keys))


def launch(planned: Plan, instance: dg.DagsterInstance, *, on_step: OnStep) -> Outcome:
    """Run the planned assets and their checks, in this process."""
    run_id = str(uuid.uuid4())
    problems: list[str] = []
    made: set[dg.AssetKey] = set()

    def follow(event: dg.EventLogEntry) -> None:
        happened = event.dagster_event
        if happened is None:
            return
        if happened.is_step_start:
            on_step(str(happened.step_key), "started")
        elif happened.is_step_success:
            on_step(str(happened.step_key), "done")
        elif happened.is_step_failure:
            on_step(str(happened.step_key), "failed")
            problems.extend(_failure(event))
        if event.asset_materialization:
            made.add(event.asset_materialization.asset_key)
        evaluation = event.asset_check_evaluation
        if evaluation and not evaluation.passed:
            name = evaluation.asset_key.to_user_string()
            problems.append(f"gate on {name}: {evaluation.description or evaluation.check_name}")

    instance.add_event_listener(run_id, follow)
    result = (
        defs()
        .resolve_job_def(everything.name)
        .execute_in_process(
            instance=instance,
            run_id=run_id,
            partition_key=planned.dataset,
            asset_selection=list(planned.reasons),
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
    )
    published = dg.AssetKey("published") in made
    return Outcome(run_id, result.success, published, tuple(dict.fromkeys(problems)))


def _failure(event: dg.EventLogEntry) -> list[str]:
    data = event.dagster_event.step_failure_data if event.dagster_event else None
    error = data.error if data else None
    while error is not None and error.cause is not None:
        error = error.cause
    if error is None or error.cls_name == "DagsterAssetCheckFailedError":
        return []  # the failed check has said it already
    if data is not None and data.user_failure_data is not None and data.user_failure_data.description:
        return [data.user_failure_data.description]
    return [f"{event.step_key}: {error.message.strip()}"]
