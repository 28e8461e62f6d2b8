"""Backtest a data set in this process: the windows that are out of date, a run each, then the report of all."""

from __future__ import annotations

import uuid
from typing import Any

import dagster as dg

from recsys_assets import launch
from recsys_assets.contracts import BACKTEST_TABLES, WINDOW_NAMES
from recsys_assets.defs.automation.jobs import backtest, backtest_report
from recsys_assets.defs.resources import lock_of
from recsys_assets.defs.staleness import stale_report_of_windows, stale_windows
from recsys_assets.defs.whole import ancestors
from recsys_assets.partitions import window_key
from recsys_assets.storage.files import locked

__all__ = [
    "board",
    "due_windows",
    "new_id",
    "plan_history",
    "report_due",
    "run_report",
    "run_window",
]

BACKTEST_TAG = "recsys/backtest"
"""What the runs of one backtest share."""


def plan_history(dataset: str, instance: dg.DagsterInstance) -> launch.Plan:
    """What must be made first: the ratings, tags and movies that windows are cut from."""
    graph = launch.defs().resolve_asset_graph()
    above = {key for name in BACKTEST_TABLES for key in ancestors(dg.AssetKey(name))}
    made_with = {made for key in above for made in graph.get(key).execution_set_asset_keys}
    return launch.plan(dataset, instance, only=made_with)


def due_windows(
    dataset: str, instance: dg.DagsterInstance, *, n_windows: int, force: bool = False
) -> dict[str, str]:
    """Which of the latest windows must be made, and why; with ``force``, all of them."""
    latest = WINDOW_NAMES[-n_windows:]
    if force:
        return dict.fromkeys(latest, "forced")
    stale = stale_windows(launch.defs(), instance, launch.project_here(), dataset)
    return {window: reason for window, reason in stale.items() if window in latest}


def report_due(dataset: str, instance: dg.DagsterInstance) -> str | None:
    """Why the report must be made again, if it must."""
    return stale_report_of_windows(launch.defs(), instance, launch.project_here(), dataset)


def run_window(
    dataset: str, window: str, instance: dg.DagsterInstance, *, backtest_id: str, on_step: launch.OnStep
) -> launch.Ran:
    """Make one window. The runs of one backtest share its id as a tag."""
    return launch.run_job(
        backtest.name,
        dataset,
        window_key(dataset, window),
        instance,
        tags={BACKTEST_TAG: backtest_id},
        on_step=on_step,
    )


def run_report(
    dataset: str, instance: dg.DagsterInstance, *, backtest_id: str, on_step: launch.OnStep
) -> launch.Ran:
    """Draw and compare the windows that there are."""
    return launch.run_job(
        backtest_report.name, dataset, dataset, instance, tags={BACKTEST_TAG: backtest_id}, on_step=on_step
    )


def new_id() -> str:
    return uuid.uuid4().hex[:8]


def board(dataset: str) -> list[tuple[Any, ...]]:
    """The windows that were made, the earliest first.

    Window, its first moment, warm users with a like in it; NDCG of popularity and of the hybrid, and the ends of the
    interval of their difference; RMSE of biases and of SVD++.
    """
    project = launch.project_here()
    with locked(lock_of(project.data, dataset)), project.warehouse.connect(dataset) as connection:
        return connection.execute(
            """
            with lists as (
                select "window", max(n_users) as n_users, max(value) filter (model = 'popularity') as popularity,
                       max(value) filter (model = 'hybrid') as hybrid
                from backtest_figures where metric = 'ndcg' and segment = 'warm_users' group by all
            ), stars as (
                select "window", max(value) filter (model = 'bias') as bias,
                       max(value) filter (model = 'svdpp') as svdpp
                from backtest_figures where metric = 'rmse' and segment = 'all' group by all
            ), gains as (
                select "window", ci_low, ci_high from backtest_comparisons
                where model = 'hybrid' and baseline = 'popularity' and metric = 'ndcg' and segment = 'warm_users'
            )
            select "window", starts_at, n_users, popularity, hybrid, ci_low, ci_high, bias, svdpp
            from backtest_windows left join lists using ("window") left join gains using ("window")
            left join stars using ("window")
            order by "window"
            """
        ).fetchall()
