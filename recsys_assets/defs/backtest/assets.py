"""Backtests: one window a partition, models of a moment judged by what came after; and their figures over time."""

import time
from collections.abc import Iterator
from dataclasses import asdict

import dagster as dg
import pandas as pd

from recsys_assets.algorithms.backtesting.lists import fit_lists, judge_lists_of_moment
from recsys_assets.algorithms.backtesting.stars import fit_stars, judge_stars_of_moment
from recsys_assets.algorithms.backtesting.windows import cut_windows, describe
from recsys_assets.contracts import BACKTEST_TABLES, TABLES
from recsys_assets.defs.backtest.config import BacktestConfig
from recsys_assets.defs.backtest.rows import read_history, window_row, windows_version
from recsys_assets.defs.common import OWNERS, frame_digest, spec
from recsys_assets.defs.resources import Project, partition_of, table_metadata, window_of
from recsys_assets.defs.versions import code_version
from recsys_assets.partitions import BACKTEST_GROUP, BACKTESTS, DATASETS, WINDOWS
from recsys_assets.report.backtest import backtest_section
from recsys_assets.storage.warehouse import replace_rows, table_digest

CODE = code_version(__name__)
BASELINE, STAR_BASELINE = "popularity", "bias"


@dg.multi_asset(
    name="backtest_window",
    specs=[
        dg.AssetSpec(
            name,
            deps=["ratings", "tags", "movies"],
            partitions_def=BACKTESTS,
            owners=OWNERS,
            group_name=BACKTEST_GROUP,
            kinds={"duckdb", "table"},
            description=TABLES[name].comment,
            code_version=CODE,
        )
        for name in BACKTEST_TABLES
    ],
    partitions_def=BACKTESTS,
)
def backtest_window(
    context: dg.AssetExecutionContext, config: BacktestConfig, project: Project
) -> Iterator[dg.MaterializeResult[None]]:
    """Fit models of lists and stars on what is older than the window, and judge them on the window."""
    dataset, window = partition_of(context), window_of(context)
    started = time.perf_counter()
    history = read_history(project.warehouse, dataset)
    names = WINDOWS.get_partition_keys()
    windows = cut_windows(history.ratings.rated_at, n_windows=len(names), initial_share=config.initial_share)
    bounds = windows[names.index(window)]
    past, judged = history.before(bounds.cut_off), bounds.judged(history.ratings)
    facts = describe(past, judged)
    context.log.info(f"{window}: {facts.n_train:,} ratings to learn from, {facts.n_judged:,} to judge on")
    lists = fit_lists(past, config.lists())
    stars = fit_stars(
        past,
        config.stars.recipes(n_ratings=facts.n_train),
        inner_share=config.inner_share,
        n_threads=config.stars.n_threads,
    )
    of_lists = judge_lists_of_moment(
        lists,
        judged,
        like_rating=config.like_rating,
        k=config.k,
        baseline=BASELINE,
        bootstrap=config.bootstrap(),
    )
    of_stars = judge_stars_of_moment(
        stars, judged, baseline=STAR_BASELINE, n_bins=config.n_bins, bootstrap=config.bootstrap()
    )
    seconds = time.perf_counter() - started
    with project.warehouse.connect(dataset) as connection:
        row = window_row(
            bounds,
            facts,
            lists.als,
            lists.alpha,
            stars.settings,
            ratings_version=table_digest(connection, "ratings"),
        )
        frames = {
            "backtest_windows": row,
            "backtest_figures": pd.DataFrame([asdict(one) for one in (*of_lists.figures, *of_stars.figures)]),
            "backtest_comparisons": pd.DataFrame(
                [asdict(one) for one in (*of_lists.comparisons, *of_stars.comparisons)]
            ),
        }
        tables = {name: frame.assign(window=window) for name, frame in frames.items()}
        replace_rows(connection, tables, column="window", value=window)
        for name, frame in tables.items():
            yield dg.MaterializeResult(
                asset_key=name,
                metadata=table_metadata(connection, name)
                | {"rows_of_window": len(frame), "seconds": seconds}
                | _headline(name, frame),
                data_version=dg.DataVersion(frame_digest(frame)),
            )


def _headline(name: str, frame: pd.DataFrame) -> dict[str, float]:
    """The figures whose course over the windows the UI plots."""
    if name == "backtest_windows":
        counted = ["n_train", "n_judged", "n_warm_users", "n_new_users", "n_new_items"]
        return {column: int(frame[column].iloc[0]) for column in counted}
    if name != "backtest_figures":
        return {}
    lists = frame[(frame["metric"] == "ndcg") & frame["value"].notna()]
    stars = frame[(frame["metric"] == "rmse") & (frame["segment"] == "all")]
    named = [*(lists["model"] + "_ndcg_" + lists["segment"]), *(stars["model"] + "_rmse")]
    values = [*lists["value"].astype(float).tolist(), *stars["value"].astype(float).tolist()]
    return dict(zip(named, values, strict=True))


@dg.multi_asset(
    name="report_backtest",
    specs=[
        # Nothing but the job of backtests starts work of minutes, or what follows it: no automation condition.
        spec(
            "backtest_report",
            deps=list(BACKTEST_TABLES),
            group_name=BACKTEST_GROUP,
            kinds={"matplotlib"},
            description="The windows' figures over time: each strategy's lists and each model's stars, with "
            "intervals, and how much better than popularity, or than biases, each one was.",
            code_version=code_version("recsys_assets.report.backtest"),
        ).replace_attributes(automation_condition=None)
    ],
    partitions_def=DATASETS,
)
def report_backtest(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[None]:
    """Draw the windows that were made."""
    dataset = partition_of(context)
    with project.warehouse.connect(dataset) as connection:
        tables = {name: connection.execute(f'from "{name}"').df() for name in BACKTEST_TABLES}
    return dg.MaterializeResult(
        metadata={
            "report": dg.MetadataValue.md(backtest_section(tables).markdown),
            "windows": len(tables["backtest_windows"]),
        },
        data_version=dg.DataVersion(windows_version(project.warehouse, dataset)),
    )
