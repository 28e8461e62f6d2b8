"""Drift in the graph: what it compares, that it warns, and what the sensor then asks for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import duckdb
import numpy as np
import pytest

from recsys_assets.algorithms.interactions import build_interactions
from recsys_assets.definitions import defs
from recsys_assets.defs.drift.assets import MEASURES, NOT_COMPARED, _new_ratings
from recsys_assets.report.drift import star_shares
from recsys_assets.storage.publishing import Publisher
from recsys_assets.storage.warehouse import Warehouse
from recsys_assets_tests.graph import World, downstream, every_check, finished, slow

SENSORS = {sensor.name: sensor for sensor in defs().sensors or []}
MEASURED = ["inbox", "ratings", "rejected_ratings", "drift"]
SECONDS = 1_700_000_000


@pytest.fixture
def copy(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = finished(tmp_path_factory)[0].copy(tmp_path / "world")
    with world.instance:
        yield world


def drop(world: World, *, n_users: int, shift: float, seed: int = 0) -> None:
    """New ratings of known users, for movies that they had not rated: stars of their own, shifted."""
    rng = np.random.default_rng(seed)
    rated: dict[int, dict[int, float]] = {}
    for user, movie, stars in world.query(
        "sample", "select user_id, movie_id, rating from ratings order by all"
    ):
        rated.setdefault(user, {})[movie] = stars
    movies = sorted({movie for own in rated.values() for movie in own})
    lines = []
    for user in rng.choice(sorted(rated), n_users, replace=False).tolist():
        unseen = sorted(set(movies) - rated[user].keys())
        stars = rng.choice(list(rated[user].values()), 12)
        for movie, star in zip(rng.choice(unseen, 12, replace=False), stars, strict=True):
            lines.append(f"{user},{movie},{np.clip(star + shift, 0.5, 5)},{SECONDS}\n")
    folder = world.data / "inbox" / "sample"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "new.csv").write_text("userId,movieId,rating,timestamp\n" + "".join(lines))


def asked(world: World) -> list[dg.RunRequest | dg.SkipReason]:
    with dg.build_sensor_context(instance=world.instance, resources={"project": world.project}) as context:
        return list(SENSORS["drift_sensor"](context))


def take_in(world: World) -> dict[str, bool]:
    """Run what the sensor asks for when files wait; the checks of drift."""
    [request] = asked(world)
    assert isinstance(request, dg.RunRequest)
    names = [key.to_user_string() for key in request.asset_selection or ()]
    assert (request.partition_key, names) == ("sample", MEASURED)
    result = world.run("sample", names)
    assert result.success
    return {name: passed for (asset, name), passed in every_check(result).items() if asset == "drift"}


def table(world: World) -> dict[str, tuple[float | None, int, str]]:
    rows = world.query("sample", "select measure, value, n_new, verdict from drift")
    return {measure: (value, n_new, verdict) for measure, *(value, n_new, verdict) in rows}


def test_a_publication_keeps_the_ratings_that_it_was_made_of(copy: World) -> None:
    current = Publisher(copy.data / "published", "sample").current()
    assert current is not None
    artifact = copy.data / "artifacts" / "sample" / "live" / "interactions.npz"
    assert current.learned.read_bytes() == artifact.read_bytes()


def test_before_there_is_anything_new_nothing_is_said(copy: World) -> None:
    assert table(copy) == dict.fromkeys(MEASURES, (None, 0, "too few"))
    [skipped] = asked(copy)
    assert isinstance(skipped, dg.SkipReason)
    assert copy.run("sample", ["drift"]).success
    assert table(copy) == dict.fromkeys(MEASURES, (None, 0, "too few"))


def test_ratings_like_those_before_are_taken_in_and_nothing_is_refreshed(copy: World) -> None:
    drop(copy, n_users=15, shift=0.0)
    assert all(take_in(copy).values())
    said = table(copy)
    assert {said[name][1:] for name in ("rating_psi", "mean_rating_shift")} == {(15 * 12, "stable")}
    assert said["ndcg_lost"][2] == "too few"
    assert "live/interactions" in copy.stale("sample")
    [skipped] = asked(copy)
    assert isinstance(skipped, dg.SkipReason)


def test_shifted_ratings_warn_and_ask_once_for_what_is_made_of_ratings_and_out_of_date(copy: World) -> None:
    drop(copy, n_users=60, shift=-1.0)
    checks = take_in(copy)
    assert {"rating_psi", "mean_rating_shift"} <= {name for name, passed in checks.items() if not passed}
    assert table(copy)["mean_rating_shift"][0] == pytest.approx(-1.0, abs=0.3)
    [request] = asked(copy)
    assert isinstance(request, dg.RunRequest)
    due = {key.to_user_string() for key in request.asset_selection or ()}
    assert due == downstream("ratings") - set(MEASURED) - slow()
    assert "mean_rating_shift" in request.tags["recsys/drifted"]
    [again] = asked(copy)
    assert isinstance(again, dg.RunRequest)
    assert again.run_key == request.run_key


def test_lists_that_miss_what_users_like_now_are_noticed(copy: World) -> None:
    drop(copy, n_users=200, shift=0.0)
    checks = take_in(copy)
    assert not checks["ndcg_lost"]
    value, n_new, verdict = table(copy)["ndcg_lost"]
    assert verdict == "drifted"
    assert n_new > 100
    assert value is not None
    assert 0.25 < value <= 1


def unreadable(world: World) -> dict[str, Callable[[], None]]:
    """Ways in which the current publication may not tell what it was made of."""
    current = Publisher(world.data / "published", "sample").current()
    assert current is not None

    def replace(path: Path, content: bytes) -> None:
        path.unlink()
        path.write_bytes(content)

    def save_other_fields() -> None:
        current.learned.unlink()
        np.savez(current.learned, ids=np.arange(3))

    def drop_lists() -> None:
        current.path.chmod(0o644)
        with duckdb.connect(str(current.path)) as connection:
            connection.execute("drop table holdout_recommendations")

    return {
        "empty arrays": lambda: replace(current.learned, b""),
        "no archive": lambda: replace(current.learned, b"PK\x03\x04 and no more"),
        "other fields": save_other_fields,
        "no database": lambda: replace(current.path, b"no database"),
        "a table less": drop_lists,
    }


@pytest.mark.parametrize("way", ["empty arrays", "no archive", "other fields", "no database", "a table less"])
def test_a_publication_that_cannot_be_read_is_warned_of_and_blocks_nothing(copy: World, way: str) -> None:
    drop(copy, n_users=60, shift=-1.0)
    unreadable(copy)[way]()
    result = copy.run("sample", MEASURED)
    assert result.success
    assert table(copy) == dict.fromkeys(MEASURES, (None, 0, NOT_COMPARED))
    checks = {
        one.check_name: one for one in result.get_asset_check_evaluations() if one.check_name in MEASURES
    }
    assert checks.keys() == MEASURES.keys()
    assert not any(one.passed for one in checks.values())
    [event] = [
        one for one in result.get_asset_materialization_events() if one.asset_key == dg.AssetKey("drift")
    ]
    assert event.materialization.metadata["against_generation"].value == 0
    warned = [
        one.user_message for one in copy.instance.all_logs(result.run_id) if one.level == logging.WARNING
    ]
    assert any("Nothing is compared: generation 1 can't be read" in message for message in warned)


def test_new_is_what_was_not_learned_and_what_was_given_other_stars(tmp_path: Path) -> None:
    learned = build_interactions(
        [1, 1, 2], [7, 8, 7], np.array([4, 3, 5], np.float32), user_ids=[1, 2], item_ids=[7, 8, 9]
    )
    warehouse = Warehouse(tmp_path)
    rows = "(1, 7, 4), (1, 8, 2), (1, 9, 4), (2, 7, 5), (3, 7, 5), (2, 10, 1)"
    with warehouse.connect("mine") as connection:
        connection.execute(f"create table ratings as from (values {rows}) as t(user_id, movie_id, rating)")
    new = _new_ratings(warehouse, "mine", learned)
    found = list(zip(new["user_id"], new["movie_id"], new["is_new_pair"], strict=True))
    assert found == [(1, 8, False), (1, 9, True), (2, 10, True), (3, 7, True)]
    nobody = build_interactions([], [], np.array([], np.float32), user_ids=[], item_ids=[])
    assert _new_ratings(warehouse, "mine", nobody).empty


def test_a_warning_holds_nothing_back(copy: World) -> None:
    graph = defs().resolve_asset_graph()
    specs = [spec for definition in defs().asset_checks or [] for spec in definition.check_specs]
    warnings = [spec for spec in specs if spec.asset_key == dg.AssetKey("drift") and spec.name in MEASURES]
    assert len(warnings) == len(MEASURES)
    assert not any(spec.blocking for spec in warnings)
    assert dg.AssetKey("published") in graph.get(dg.AssetKey("drift")).child_keys


def test_both_distributions_are_drawn() -> None:
    drawn = star_shares.svg([1.0, 2.0], [3, 1], [0, 2])
    assert "Learned from: 4 ratings" in drawn
    assert "New: 2 ratings" in drawn
    assert "New: 0 ratings" in star_shares.svg([1.0, 2.0], [3, 1], [0, 0])
    assert star_shares([1.0, 2.0], [3, 1], [0, 2]).startswith(b"\x89PNG")
