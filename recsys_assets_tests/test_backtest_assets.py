"""Backtests in the graph: a window a partition, what its checks catch, what is out of date, what is published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from recsys_assets.algorithms.backtesting.history import History
from recsys_assets.algorithms.backtesting.windows import cut_windows
from recsys_assets.contracts import BACKTEST_TABLES, WINDOW_NAMES, contract_of
from recsys_assets.definitions import defs
from recsys_assets.defs.backtest.config import STAR_MODELS
from recsys_assets.defs.backtest.rows import read_history
from recsys_assets.defs.provenance import DATA_VERSION_TAG, latest_materializations
from recsys_assets.defs.staleness import stale_report_of_windows, stale_windows
from recsys_assets.partitions import window_key
from recsys_assets_tests.graph import QUIET, World, backtests, every_check, finished, key, recsys, slow

QUICK: dict[str, Any] = {
    "regularizations": [30.0],
    "alphas": [5.0],
    "n_seeds": 1,
    "n_factors": 16,
    "n_resamples": 200,
    "stars": {
        "dampings": [5.0],
        "shrinkages": [50.0],
        "exponents": [1.0],
        "neighbor_dampings": [0.2],
        "n_factors": 10,
        "epochs": 10,
        "mf_learning_rates": [0.02],
        "mf_regularizations": [0.1],
        "svdpp_learning_rates": [0.005],
        "svdpp_regularizations": [0.1],
    },
}
MADE = WINDOW_NAMES[-3:]
PAST, LATER = "learned_from_the_past", "no_window_knew_its_future"


def report(world: World, dataset: str = "sample") -> dg.ExecuteInProcessResult:
    job = world.definitions.resolve_job_def("backtest_report")
    return job.execute_in_process(
        instance=world.instance, partition_key=dataset, run_config=QUIET, raise_on_error=False
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The finished world after the last three windows and their report: read it, or copy it."""
    world = finished(tmp_path_factory)[0].copy(tmp_path_factory.mktemp("backtested") / "world")
    with world.instance:
        for window in MADE:
            result = world.backtest("sample", window, QUICK)
            assert result.success
            assert all(every_check(result).values())
        assert report(world).success
        yield world


@pytest.fixture
def copy(world: World, tmp_path: Path) -> Iterator[World]:
    copy = world.copy(tmp_path / "world")
    with copy.instance:
        yield copy


def rows(world: World) -> dict[str, list[tuple[Any, ...]]]:
    return {name: world.query("sample", f"from {name} order by all") for name in BACKTEST_TABLES}


def versions(world: World, window: str) -> set[str]:
    made = latest_materializations(
        world.instance, [key(name) for name in BACKTEST_TABLES], window_key("sample", window)
    )
    assert len(made) == len(BACKTEST_TABLES)
    return {entry.asset_materialization.tags[DATA_VERSION_TAG] for entry in made.values()}  # type: ignore


def due(world: World) -> dict[str, str]:
    return stale_windows(world.definitions, world.instance, world.project, "sample")


# What a window leaves behind.


def test_windows_are_cut_from_the_data_set_s_own_times_and_learn_from_what_is_older(world: World) -> None:
    history = read_history(world.project.warehouse, "sample")
    cut = cut_windows(history.ratings.rated_at, n_windows=len(WINDOW_NAMES), initial_share=0.4)
    found = world.query(
        "sample",
        'select "window", epoch_us(trained_until), epoch_us(starts_at), epoch_us(ends_at), '
        "epoch_us(newest_training_row), n_train, n_judged from backtest_windows order by 1",
    )
    assert [row[0] for row in found] == list(MADE)
    for (_, trained_until, starts_at, ends_at, newest, n_train, n_judged), bounds in zip(
        found, cut[-3:], strict=True
    ):
        assert (trained_until, starts_at) == (bounds.cut_off, bounds.cut_off)
        assert newest < trained_until <= ends_at < bounds.until
        assert n_train == (history.ratings.rated_at < bounds.cut_off).sum()
        assert n_judged == bounds.judged(history.ratings).rated_at.size
    assert np.ptp([row[6] for row in found]) <= 1


def test_every_model_has_its_figures_in_every_window(world: World) -> None:
    found = world.query("sample", 'select distinct "window", model, metric, segment from backtest_figures')
    for window in MADE:
        own = {row[1:] for row in found if row[0] == window}
        for model in ("popularity", "recent_popularity", "als", "content", "hybrid"):
            metrics = {"ndcg", "recall", "hit_rate", "coverage"}
            assert {(model, metric, "warm_users") for metric in metrics} <= own
        assert {("cold_start", metric, "new_users") for metric in ("ndcg", "recall", "hit_rate")} <= own
        for model in STAR_MODELS:
            assert {(model, metric, "all") for metric in ("rmse", "mae")} <= own
    [(n_outside,)] = world.query(
        "sample",
        "select count(*) from backtest_figures where not ci_low <= value or not value <= ci_high "
        "or n_users not between 0 and 600",
    )
    assert n_outside == 0


def test_numbers_of_users_are_those_of_the_window(world: World) -> None:
    [(n_wrong,)] = world.query(
        "sample",
        """
        select count(*) from backtest_windows as w
        where n_warm_users + n_new_users <> (
            select count(distinct user_id) from ratings where rated_at between starts_at and ends_at
        ) or n_new_users <> (
            select count(distinct user_id) from ratings where rated_at between starts_at and ends_at
            and user_id not in (select user_id from ratings where rated_at < trained_until)
        ) or exists (
            from backtest_figures as f where f."window" = w."window" and metric = 'rmse' and segment = 'all'
            and n_users <> n_warm_users + n_new_users
        )
        """,
    )
    assert n_wrong == 0


def test_a_window_made_again_is_the_same_bytes_and_the_others_stay(copy: World) -> None:
    before = rows(copy), {window: versions(copy, window) for window in MADE}
    result = copy.backtest("sample", MADE[1], QUICK)
    assert result.success
    assert (rows(copy), {window: versions(copy, window) for window in MADE}) == before
    assert due(copy).keys() == set(WINDOW_NAMES) - set(MADE)


def test_other_settings_make_another_window(copy: World) -> None:
    before = versions(copy, MADE[0])
    assert copy.backtest("sample", MADE[0], QUICK | {"alphas": [1.0]}).success
    assert versions(copy, MADE[0]) != before


# What checks catch.


def test_an_injected_later_rating_is_caught_and_neither_shown_nor_published(
    copy: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = History.before
    monkeypatch.setattr(History, "before", lambda self, moment: before(self, moment + 1))
    result = copy.backtest("sample", MADE[2], QUICK)
    assert not result.success
    assert [name for name, passed in every_check(result).items() if not passed] == [
        ("backtest_windows", PAST)
    ]
    shown = report(copy)
    assert not shown.success
    assert not every_check(shown)["backtest_report", LATER]
    stale = copy.stale("sample")
    assert {"evaluation_report", "published"} <= stale.keys()
    assert not copy.run("sample", ["evaluation_report", "published"]).success
    assert copy.published("sample", "select generation from publication") == [(1,)]
    assert due(copy)[MADE[2]] == f"its check {PAST} has not passed"


def test_an_injected_later_tag_is_caught(copy: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = History.before

    def with_all_tags(self: History, moment: int) -> History:
        past = before(self, moment)
        known = [item_id in past.catalogue.item_id for item_id in self.tags.item_id]
        return replace(past, tags=self.tags.rows(known))

    monkeypatch.setattr(History, "before", with_all_tags)
    result = copy.backtest("sample", MADE[0], QUICK)
    assert not result.success
    assert not every_check(result)["backtest_windows", PAST]


def test_a_rating_that_is_missing_is_caught(copy: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = History.before

    def without_the_oldest(self: History, moment: int) -> History:
        past = before(self, moment)
        return replace(past, ratings=past.ratings.rows(past.ratings.rated_at > past.ratings.rated_at.min()))

    monkeypatch.setattr(History, "before", without_the_oldest)
    assert not every_check(copy.backtest("sample", MADE[0], QUICK))["backtest_windows", PAST]


def test_windows_reach_nothing_that_chooses() -> None:
    graph = defs().resolve_asset_graph()
    reached: set[dg.AssetKey] = set()
    pending = [key(name) for name in BACKTEST_TABLES]
    while pending:
        children = graph.get(pending.pop()).child_keys - reached
        reached |= children
        pending += children
    # Not before defs() has loaded it, which keeps Dagster's warnings of previewed parameters to itself.
    judges = import_module("recsys_assets.defs.backtest.checks").JUDGES
    assert {found.to_user_string() for found in reached} == judges


# What is out of date, and what is published.


def test_what_was_made_is_up_to_date_and_default_runs_leave_windows_alone(world: World) -> None:
    assert due(world) == dict.fromkeys(WINDOW_NAMES[:-3], "never made")
    assert stale_report_of_windows(world.definitions, world.instance, world.project, "sample") is None
    for with_slow in (False, True):
        assert not backtests() & world.stale("sample", with_slow=with_slow).keys()


def test_new_ratings_make_all_windows_out_of_date_and_the_report_says_so(copy: World) -> None:
    [(user_id, movie_id)] = copy.query(
        "sample",
        "select users.user_id, movies.movie_id from (select distinct user_id from ratings) as users, movies "
        "where not exists (from ratings as r where r.user_id = users.user_id and r.movie_id = movies.movie_id) "
        "order by all limit 1",
    )
    folder = copy.data / "inbox" / "sample"
    folder.mkdir(parents=True)
    (folder / "new.csv").write_text(f"userId,movieId,rating,timestamp\n{user_id},{movie_id},4.0,1700000000\n")
    assert copy.run("sample", ["inbox", "ratings"]).success
    assert due(copy) == dict.fromkeys(WINDOW_NAMES[:-3], "never made") | dict.fromkeys(
        MADE, "ratings changed"
    )
    shown = report(copy)
    assert shown.success
    [warned] = [one for one in shown.get_asset_check_evaluations() if not one.passed]
    assert (warned.check_name, warned.severity) == ("windows_of_these_ratings", dg.AssetCheckSeverity.WARN)
    assert warned.description == f"of older ratings: {', '.join(MADE)}; backfill them"


def test_a_report_that_shows_other_windows_is_out_of_date(copy: World) -> None:
    copy.query("sample", f"delete from backtest_figures where \"window\" = '{MADE[0]}'")
    said = stale_report_of_windows(copy.definitions, copy.instance, copy.project, "sample")
    assert said == "windows changed"


def test_the_next_run_publishes_windows_and_shows_them(copy: World) -> None:
    stale = copy.stale("sample")
    assert stale == dict.fromkeys(("evaluation_report", "published"), "backtest_report changed") | {
        "published": stale["published"]
    }
    assert copy.run("sample", stale).success
    for name in BACKTEST_TABLES:
        assert copy.published("sample", f"from {name} order by all") == copy.query(
            "sample", f"from {name} order by all"
        )
        comment = f"select comment from duckdb_tables() where table_name = '{name}'"
        assert copy.published("sample", comment) == [(contract_of(name).comment,)]
    page = (copy.data / "reports" / "sample.html").read_text(encoding="utf-8")
    assert "<h2>Backtest</h2>" in page
    assert "3 windows from" in page
    assert copy.stale("sample") == {}
    assert not {"backtest_windows"} & copy.stale("sample", with_slow=True).keys() - slow()


# The command.


def test_the_command_leaves_what_is_up_to_date_and_shows_it(copy: World) -> None:
    spoken = recsys(copy, "backtest", "--windows", "3")
    assert (spoken.code, spoken.err.strip()) == (0, "")
    assert "sample: all 3 windows are up to date; nothing was made again." in spoken.out
    [(hybrid,)] = copy.query(
        "sample",
        "select value from backtest_figures where model = 'hybrid' and metric = 'ndcg' and segment = 'warm_users' "
        f"and \"window\" = '{MADE[0]}'",
    )
    [line] = [line for line in spoken.out.splitlines() if line.split()[:1] == [MADE[0]]]
    assert f"{hybrid:.3f}" in line.split()


def test_the_command_makes_what_is_gone_and_draws_it(copy: World) -> None:
    copy.query("sample", f"delete from backtest_windows where \"window\" = '{MADE[2]}'")
    assert due(copy)[MADE[2]] == "its rows are gone"
    spoken = recsys(copy, "backtest", "--windows", "2")
    assert spoken.code == 0, spoken.err
    assert "sample: 1 of 2 windows made in" in spoken.out
    assert due(copy).keys() == set(WINDOW_NAMES) - set(MADE)
    assert stale_report_of_windows(copy.definitions, copy.instance, copy.project, "sample") is None
    runs = copy.instance.get_runs(dg.RunsFilter(job_name="backtest"), limit=1)
    assert runs[0].tags["dagster/partition/dataset"] == "sample"
    assert "recsys/backtest" in runs[0].tags
