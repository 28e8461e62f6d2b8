"""Gates of backtests: contracts, no window that learned from its own time, no way from a window into a model."""

import dagster as dg
import pandas as pd

from recsys_assets.contracts import BACKTEST_TABLES
from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.resources import Project, partition_of, window_of
from recsys_assets.defs.whole import descendants
from recsys_assets.partitions import BACKTESTS, DATASETS
from recsys_assets.storage.warehouse import table_digest

JUDGES = {"backtest_report", "evaluation_report", "published"}
"""What may depend on windows: what shows and publishes their figures."""

contracts = [contract_check(*(dg.AssetKey(name) for name in BACKTEST_TABLES), partitions=BACKTESTS)]

_LEARNED_LATER = """
    newest_training_row >= trained_until or newest_training_row >= starts_at
    or coalesce(newest_training_tag >= trained_until, false) or starts_at < trained_until
"""


@dg.asset_check(
    asset="backtest_windows", blocking=True, partitions_def=BACKTESTS, additional_deps=["ratings", "tags"]
)
def learned_from_the_past(context: dg.AssetCheckExecutionContext, project: Project) -> dg.AssetCheckResult:
    """The newest rating and tag that were learned from are older than the window, and no rating is missing or extra.

    What the models were given is compared with what the tables hold: as many ratings before the window, the same newest
    one, as many within it.
    """
    found = project.warehouse.frame(
        partition_of(context),
        f"""
        select newest_training_row, newest_training_tag, trained_until, {_LEARNED_LATER} as learned_later,
               n_train - (select count(*) from ratings where rated_at < trained_until) as too_many_learned,
               n_judged - (select count(*) from ratings where rated_at between starts_at and ends_at)
                   as too_many_judged,
               newest_training_row is distinct from
                   (select max(rated_at) from ratings where rated_at < trained_until) as other_newest
        from backtest_windows where "window" = '{window_of(context)}'
        """,
    )
    return _verdict(found, window_of(context))


def _verdict(found: pd.DataFrame, window: str) -> dg.AssetCheckResult:
    if len(found) != 1:
        return dg.AssetCheckResult(passed=False, description=f"{len(found)} rows of {window}; it must be one")
    row = found.iloc[0]
    counts = {name: int(row[name]) for name in ("too_many_learned", "too_many_judged")}
    return dg.AssetCheckResult(
        passed=not (row["learned_later"] or row["other_newest"] or any(counts.values())),
        description=f"{window} learned from ratings up to {row['newest_training_row']}, "
        f"tags up to {row['newest_training_tag']}; it may from what is older than {row['trained_until']}",
        metadata=counts,
    )


@dg.asset_check(
    asset="backtest_report", blocking=True, partitions_def=DATASETS, additional_deps=["backtest_windows"]
)
def no_window_knew_its_future(
    context: dg.AssetCheckExecutionContext, project: Project
) -> dg.AssetCheckResult:
    """No window that is shown and published learned from a rating or tag of its own time or after."""
    faults = project.warehouse.arrays(
        partition_of(context),
        f'select "window" as name from backtest_windows where {_LEARNED_LATER} order by 1',
    )["name"]
    return dg.AssetCheckResult(
        passed=not faults.size,
        description=f"learned from what came later: {', '.join(faults)}" if faults.size else None,
        metadata={"windows_that_learned_later": int(faults.size)},
    )


@dg.asset_check(asset="backtest_report", blocking=True, partitions_def=DATASETS)
def windows_reach_no_model() -> dg.AssetCheckResult:
    """Only what shows and publishes figures is downstream of windows: nothing is chosen by them."""
    reached = {key.to_user_string() for name in BACKTEST_TABLES for key in descendants(dg.AssetKey(name))}
    faults = sorted(reached - JUDGES)
    return dg.AssetCheckResult(
        passed=not faults,
        description=f"windows reach {', '.join(faults)}" if faults else None,
        metadata={"assets_downstream_of_windows": len(reached)},
    )


@dg.asset_check(
    asset="backtest_report", partitions_def=DATASETS, additional_deps=["backtest_windows", "ratings"]
)
def windows_of_these_ratings(context: dg.AssetCheckExecutionContext, project: Project) -> dg.AssetCheckResult:
    """All windows were cut from the ratings that there are now. A warning asks for a backfill of those that weren't."""
    with project.warehouse.connect(partition_of(context)) as connection:
        older = connection.execute(
            'select "window" from backtest_windows where ratings_version <> ? order by 1',
            [table_digest(connection, "ratings")],
        ).fetchall()
    return dg.AssetCheckResult(
        passed=not older,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"of older ratings: {', '.join(name for (name,) in older)}; backfill them"
        if older
        else None,
        metadata={"windows_of_older_ratings": len(older)},
    )
