"""Run the whole graph on one data set, in this process, making only what is out of date."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Set
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log import SqliteEventLogStorage

from recsys_assets.definitions import defs
from recsys_assets.defs.automation.jobs import SLOW_GROUPS, full
from recsys_assets.defs.resources import Project, lock_of
from recsys_assets.defs.staleness import stale_assets
from recsys_assets.partitions import BACKTEST_GROUP
from recsys_assets.settings import archives_folder, data_folder, project_folder
from recsys_assets.storage.erasure import Eraser
from recsys_assets.storage.files import is_locked, locked
from recsys_assets.storage.publishing import Publisher

__all__ = [
    "Forgot",
    "OnStep",
    "Outcome",
    "Plan",
    "Ran",
    "defs",
    "forget",
    "launch",
    "log_held_open",
    "plan",
    "prepare_home",
    "project_here",
    "run_job",
    "traces",
]

_HOST_TAG = "recsys/host"
_PROCESS_TAG = "recsys/process"

CROSS_VALIDATION, BACKTEST = "fold_models", "backtest_windows"
"""The tables that a warehouse has if the slow evaluation, or a backtest, was made."""

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
class Ran:
    """How one run of a job ended; ``problems`` says which gates and steps failed."""

    run_id: str
    succeeded: bool
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """How a run ended. ``published`` = what it made answers now; ``problems`` says which gates and steps failed."""

    run_id: str
    succeeded: bool
    published: bool
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Forgot:
    """The data sets that a user was taken out of; those among them whose slow evaluation, or backtest, went too."""

    datasets: tuple[str, ...]
    cross_validated: tuple[str, ...]
    backtested: tuple[str, ...]


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


def plan(
    dataset: str,
    instance: dg.DagsterInstance,
    *,
    force: bool = False,
    with_slow: bool = False,
    only: Set[dg.AssetKey] | None = None,
) -> Plan:
    """Find out what a run on the data set has to make; with ``force``, everything; of ``only`` some assets, if given.

    The slow evaluation is left as it is, made or not, unless it is asked for. Backtests have runs of their own.
    """
    definitions = defs()
    project = project_here()
    graph = definitions.resolve_asset_graph()
    groups = {BACKTEST_GROUP} if with_slow else {BACKTEST_GROUP, *SLOW_GROUPS}
    left_out = frozenset(
        key
        for key in graph.get_all_asset_keys()
        if graph.get(key).group_name in groups or (only is not None and key not in only)
    )
    keys = [key for key in graph.toposorted_asset_keys if key not in left_out]
    if force:
        reasons = dict.fromkeys(keys, "forced")
    else:
        reasons = stale_assets(definitions, instance, project, dataset, left_out=left_out)
    job = definitions.resolve_job_def(full.name).get_subset(asset_selection=set(reasons))
    return Plan(dataset, reasons, len(job.all_node_defs) if reasons else 0, len(keys))


def launch(planned: Plan, instance: dg.DagsterInstance, *, on_step: OnStep) -> Outcome:
    """Run the planned assets and their checks, in this process."""
    ran = run_job(
        full.name, planned.dataset, planned.dataset, instance, assets=list(planned.reasons), on_step=on_step
    )
    publisher = Publisher(data_folder() / "published", planned.dataset)
    return Outcome(ran.run_id, ran.succeeded, publisher.answers_with(ran.run_id), ran.problems)


def run_job(
    job: str,
    dataset: str,
    partition_key: str,
    instance: dg.DagsterInstance,
    *,
    assets: list[dg.AssetKey] | None = None,
    tags: dict[str, str] | None = None,
    on_step: OnStep,
) -> Ran:
    """Run a job, or some of its assets, on one partition of a data set, in this process."""
    run_id = str(uuid.uuid4())
    problems: list[str] = []

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
        evaluation = event.asset_check_evaluation
        if evaluation and not evaluation.passed:
            name = evaluation.asset_key.to_user_string()
            problems.append(f"gate on {name}: {evaluation.description or evaluation.check_name}")

    _bury_dead_runs(instance)
    if is_locked(lock_of(str(data_folder()), dataset)):
        on_step(f"waiting for another run on {dataset}", "started")
    instance.add_event_listener(run_id, follow)
    with log_held_open(instance, run_id):
        result = (
            defs()
            .resolve_job_def(job)
            .execute_in_process(
                instance=instance,
                run_id=run_id,
                partition_key=partition_key,
                asset_selection=assets,
                tags={_HOST_TAG: socket.gethostname(), _PROCESS_TAG: str(os.getpid())} | (tags or {}),
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                raise_on_error=False,
            )
        )
    return Ran(run_id, result.success, tuple(dict.fromkeys(problems)))


def forget(dataset: str, user_id: int) -> Forgot:
    """Erase a user from a data set and all that hold the same users, between runs.

    What was made of them goes too, but for publications: the next run replaces those. A data set that the user is out
    of already stays as it is.
    """
    project = project_here()
    eraser = Eraser(project.raw_files)
    concerned = eraser.concerned(dataset, user_id)
    cross_validated, backtested = [], []
    for spec in concerned:
        with locked(lock_of(project.data, spec.name)):
            if eraser.is_out(spec, user_id):
                continue
            tables = project.warehouse.tables(spec.name)
            if CROSS_VALIDATION in tables:
                cross_validated.append(spec.name)
            if BACKTEST in tables:
                backtested.append(spec.name)
            eraser.erase(spec, user_id)
    return Forgot(tuple(spec.name for spec in concerned), tuple(cross_validated), tuple(backtested))


def traces(dataset: str, user_id: int) -> list[str]:
    """What is stored of a data set that still names the user."""
    project = project_here()
    with locked(lock_of(project.data, dataset)):
        return Eraser(project.raw_files).traces(project.registry.dataset(dataset), user_id)


def project_here() -> Project:
    """The project of this process's data folder."""
    return Project(data=str(data_folder()), archives=str(archives_folder() or ""))


@contextmanager
def log_held_open(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Keep a connection to each file of the event log while a run writes to it.

    Dagster opens and closes them for each event; the last one to close an SQLite file folds its write-ahead log back
    into it, which takes longer than the event.
    """
    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        yield
        return
    instance.event_log_storage.get_logs_for_run(run_id)  # makes the run's file
    folder = Path(storage.path_for_shard(run_id)).parent
    files = [folder / f"{run_id}.db", folder / "index.db", folder.parent / "runs.db"]
    with ExitStack() as held:
        for file in files:
            connection = held.enter_context(closing(sqlite3.connect(file)))
            connection.execute("select count(*) from sqlite_master").fetchone()
        yield


def _bury_dead_runs(instance: dg.DagsterInstance) -> None:
    """End the runs of command lines that were killed: nobody else would, and runs on their data set would wait."""
    started = dg.RunsFilter(tags={_HOST_TAG: socket.gethostname()}, statuses=[dg.DagsterRunStatus.STARTED])
    for run in instance.get_runs(filters=started):
        if not _is_alive(int(run.tags[_PROCESS_TAG])):
            instance.report_run_failed(run, "the command line that ran it is gone")


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


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
