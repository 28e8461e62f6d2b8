"""Automation: what asks for which run, and runs on one data set take turns."""

from __future__ import annotations

import datetime as dt
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from recsys_assets.definitions import defs
from recsys_assets.defs.resources import held
from recsys_assets.partitions import DATASETS
from recsys_assets.storage.files import is_locked
from recsys_assets_tests.graph import World, cross_validated, downstream, finished, leaking, slow

NEW_RATINGS = "userId,movieId,rating,timestamp\n1,2,4.0,1500000000\n"


SENSORS = {sensor.name: sensor for sensor in defs().sensors or []}
SCHEDULES = {schedule.name: schedule for schedule in defs().schedules or []}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return finished(tmp_path_factory)[0]


@pytest.fixture
def copy(world: World, tmp_path: Path) -> World:
    return world.copy(tmp_path / "world")


# What is defined.


def test_jobs_cover_the_graph_and_say_what_they_do() -> None:
    jobs = {job.name: job for job in defs().jobs or []}
    systems = {
        *("ingest", "exploration", "collaborative", "content", "catalogue", "lifecycle", "hybrid"),
        *("rating_prediction", "clusters", "classification", "cross_validation", "evaluation", "publish"),
        "ab_tests",
    }
    assert systems | {"everything", "full"} == jobs.keys()
    assert all(job.description for job in jobs.values())
    resolved = {name: set(defs().resolve_job_def(name).asset_layer.selected_asset_keys) for name in jobs}
    assert sum(len(resolved[name]) for name in systems) == len(resolved["full"])
    assert set().union(*(resolved[name] for name in systems)) == resolved["full"]
    assert resolved["full"] == defs().resolve_asset_graph().get_all_asset_keys()
    assert resolved["full"] - resolved["everything"] == resolved["cross_validation"]
    assert {made.to_user_string() for made in resolved["cross_validation"]} == slow()
    assert all(
        defs().resolve_job_def(name).partitions_def == DATASETS
        and defs().resolve_job_def(name).executor_def.name == "in_process"
        for name in jobs
    )


def test_sensors_and_schedules_say_what_they_do() -> None:
    assert SENSORS.keys() == {"inbox_sensor", "drift_sensor", "failed_runs", "refresh"}
    assert SCHEDULES.keys() == {"nightly"}
    assert all(one.description for one in (*SENSORS.values(), *SCHEDULES.values()))


# Refreshing what is out of date.


class Ticks:
    """The refreshing sensor's ticks in a world, one after another."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cursor = None

    def requested(self) -> set[str]:
        result = dg.evaluate_automation_conditions(
            defs=self.world.definitions,
            instance=self.world.instance,
            asset_selection=dg.AssetSelection.all(),
            cursor=self.cursor,
        )
        self.cursor = result.cursor
        graph = self.world.definitions.resolve_asset_graph()
        partitions = {
            key.to_user_string(): result.get_requested_partitions(key) for key in graph.get_all_asset_keys()
        }
        assert set().union(*partitions.values()) <= {"sample"}
        return {name for name, keys in partitions.items() if keys}


def test_new_ratings_and_nothing_else_ask_for_all_that_is_made_of_them_once(copy: World) -> None:
    ticks = Ticks(copy)
    assert ticks.requested() == set()
    assert copy.run("sample", ["ratings"]).success
    made = {"ratings", "rejected_ratings"}
    assert ticks.requested() == downstream(*made) - made - slow()
    assert ticks.requested() == set()


def test_behind_a_gate_that_failed_nothing_is_asked_for(copy: World) -> None:
    ticks = Ticks(copy)
    ticks.requested()
    with leaking("test_ratings"):
        assert not copy.run("sample", ["test_ratings"]).success
    requested = ticks.requested()
    assert "tuning/interactions" in requested
    assert "evaluation" not in requested and "holdout" not in requested


# The inbox.


def drop(world: World, dataset: str, name: str, text: str = NEW_RATINGS) -> None:
    folder = world.data / "inbox" / dataset
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def inbox_requests(world: World) -> list[dg.RunRequest | dg.SkipReason]:
    with dg.build_sensor_context(instance=world.instance, resources={"project": world.project}) as context:
        return list(SENSORS["inbox_sensor"](context))


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[World]:
    world = World.new(tmp_path / "world", remembered=False)
    with world.instance:
        yield world


def test_an_empty_inbox_is_skipped_with_a_reason(empty: World) -> None:
    [skipped] = inbox_requests(empty)
    assert isinstance(skipped, dg.SkipReason)
    assert f"No CSV file waits under {empty.data / 'inbox'}" in str(skipped.skip_message)


def test_waiting_files_ask_for_one_run_a_data_set(empty: World) -> None:
    drop(empty, "sample", "a.csv")
    drop(empty, "sample", "b.csv")
    drop(empty, "ml-100k", "a.csv")
    requests = inbox_requests(empty)
    assert sorted(request.partition_key for request in requests) == ["ml-100k", "sample"]
    assert len({request.run_key for request in requests}) == 2


def test_the_same_files_have_the_same_run_key_and_other_files_another(empty: World) -> None:
    drop(empty, "sample", "a.csv")
    [first], [again] = inbox_requests(empty), inbox_requests(empty)
    assert first.run_key == again.run_key
    drop(empty, "sample", "a.csv", NEW_RATINGS + "1,3,4.0,1500000000\n")
    [changed] = inbox_requests(empty)
    drop(empty, "sample", "b.csv")
    [more] = inbox_requests(empty)
    assert len({first.run_key, changed.run_key, more.run_key}) == 3


def test_a_file_that_is_still_being_written_is_not_waited_for(empty: World) -> None:
    drop(empty, "sample", ".a.csv.part")
    drop(empty, "sample", "notes.txt")
    [skipped] = inbox_requests(empty)
    assert isinstance(skipped, dg.SkipReason)


# Nights and failures.


def nightly_requests(world: World) -> list[dg.RunRequest | dg.SkipReason]:
    at_three = dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC)
    with dg.build_schedule_context(
        instance=world.instance, scheduled_execution_time=at_three, resources={"project": world.project}
    ) as context:
        return list(SCHEDULES["nightly"](context))


def test_nights_without_a_publication_are_skipped_with_a_reason(empty: World) -> None:
    [skipped] = nightly_requests(empty)
    assert isinstance(skipped, dg.SkipReason)
    assert "No data set has been published yet" in str(skipped.skip_message)


def names(request: dg.RunRequest) -> set[str]:
    return {asked_for.to_user_string() for asked_for in request.asset_selection or ()}


def test_the_first_night_asks_for_cross_validation_and_what_it_changes(world: World) -> None:
    [request] = nightly_requests(world)
    assert (request.partition_key, request.run_key) == ("sample", "2026-01-02/sample")
    assert names(request) == downstream("rating_folds", "comparisons")  # which one step makes with evaluation
    assert SCHEDULES["nightly"].job_name == "full"
    assert SCHEDULES["nightly"].cron_schedule == "0 3 * * *"
    assert SCHEDULES["nightly"].execution_timezone == "UTC"


def test_nights_ask_only_for_what_is_out_of_date(copy: World) -> None:
    copy.edit(
        "datasets.toml", lambda text: text.replace("als_ndcg_at_10_min = 0.20", "als_ndcg_at_10_min = 0.19")
    )
    [request] = nightly_requests(copy)
    assert names(request) == downstream("rating_folds", "comparisons", "gate_thresholds")


def test_nights_on_which_nothing_is_out_of_date_are_skipped_with_a_reason(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    [skipped] = nightly_requests(cross_validated(tmp_path_factory)[0])
    assert isinstance(skipped, dg.SkipReason)
    assert skipped.skip_message == "All is up to date: sample."


def test_a_changed_rating_asks_for_cross_validation_at_night(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = cross_validated(tmp_path_factory)[0].copy(tmp_path / "world")
    drop(copy, "sample", "new.csv")
    [request] = nightly_requests(copy)
    assert names(request) == downstream("inbox") >= slow()


def test_a_failed_run_is_reported_with_its_data_set(copy: World, capsys: pytest.CaptureFixture[str]) -> None:
    copy.edit(
        "datasets.toml", lambda text: text.replace("als_ndcg_at_10_min = 0.20", "als_ndcg_at_10_min = 0.99")
    )
    result = copy.run("sample", ["gate_thresholds", "gates", "published"])
    assert not result.success
    context = dg.build_run_status_sensor_context(
        "failed_runs",
        dagster_event=result.get_run_failure_event(),
        dagster_instance=copy.instance,
        dagster_run=result.dagster_run,
    ).for_run_failure()
    with context:
        SENSORS["failed_runs"](context)
    said = capsys.readouterr().err
    assert "everything on sample failed" in said
    assert f"(run {result.run_id}); the last publication stays current" in said


# Turns.


def test_dagster_s_settings_hold_runs_on_one_data_set_apart(world: World) -> None:
    config = world.instance.get_concurrency_config().run_queue_config
    assert config.max_concurrent_runs > 1
    assert config.tag_concurrency_limits == [
        {"key": "dagster/partition", "value": {"applyLimitPerUniqueValue": True}, "limit": 1}
    ]
    assert world.instance.run_monitoring_enabled
    assert world.instance.run_retries_enabled
    assert not world.instance.telemetry_enabled


@contextmanager
def another_process_holds(lock: Path) -> Iterator[None]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    program = (
        "import fcntl, sys\n"
        "file = open(sys.argv[1], 'w')\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", program, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
        process.communicate("")


def of_run(dataset: str | None) -> Any:
    """What a resource is told of the run that asks for it."""
    run = SimpleNamespace(tags={"dagster/partition": dataset} if dataset else {})
    return SimpleNamespace(run=run, log=logging.getLogger("turns"))


def test_runs_of_two_processes_on_one_data_set_take_turns_and_on_two_do_not_wait(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    entered = threading.Event()

    def wait_for_turn() -> None:
        with held(str(tmp_path), of_run("one")):
            entered.set()

    waiting = threading.Thread(target=wait_for_turn, daemon=True)
    with caplog.at_level(logging.INFO, logger="turns"):
        with another_process_holds(tmp_path / "warehouse" / "one.lock"):
            with held(str(tmp_path), of_run("two")), held(str(tmp_path), of_run(None)):
                pass
            waiting.start()
            assert not entered.wait(0.3)
        assert entered.wait(10)
    waiting.join(timeout=10)
    assert [record.getMessage() for record in caplog.records] == ["Waiting for another run on one to end"]


def test_the_resources_of_one_run_share_its_turn(tmp_path: Path) -> None:
    lock = tmp_path / "warehouse" / "one.lock"
    with held(str(tmp_path), of_run("one")):
        with held(str(tmp_path), of_run("one")):
            assert is_locked(lock)
        assert is_locked(lock)
    assert not is_locked(lock)


def test_a_run_holds_its_data_set_and_lets_go_at_its_end(copy: World) -> None:
    lock = copy.data / "warehouse" / "sample.lock"
    held: list[bool] = []

    @dg.asset(partitions_def=DATASETS, required_resource_keys={"project"})
    def looks_at_the_lock() -> None:
        held.append(is_locked(lock))

    result = dg.materialize(
        [looks_at_the_lock],
        partition_key="sample",
        resources=copy.definitions.resources,
        instance=copy.instance,
    )
    assert result.success
    assert held == [True]
    assert not is_locked(lock)
