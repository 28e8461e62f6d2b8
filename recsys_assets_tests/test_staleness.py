"""What is out of date, and why: neither more nor less is made again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from pathlib import Path

import dagster as dg
import pytest

from recsys_assets_tests.graph import World, downstream, finished, key, leaking, slow, with_resources


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return finished(tmp_path_factory)[0]


@pytest.fixture
def copy(world: World, tmp_path: Path) -> World:
    return world.copy(tmp_path / "world")


def follows(*names: str) -> set[str]:
    """These assets and all that a run must make after them."""
    return downstream(*names) - slow()


def recoded(world: World, *names: str) -> dg.Definitions:
    """The definitions in which the code of these assets has changed."""

    def change(spec: dg.AssetSpec) -> dg.AssetSpec:
        changed = spec.key.to_user_string() in names
        return spec.replace_attributes(code_version="changed") if changed else spec

    return with_resources(list(dg.map_asset_specs(change, world.definitions.assets)), world.data)


def test_after_a_run_nothing_is_stale(world: World) -> None:
    assert world.stale("sample") == {}


def test_of_a_data_set_that_has_not_run_everything_is(world: World) -> None:
    stale = world.stale("mini")
    assert stale.keys() == set(world.versions("sample"))
    assert stale["als_settings"] == "never made"


def raise_threshold(world: World) -> None:
    world.edit(
        "datasets.toml", lambda text: text.replace("als_ndcg_at_10_min = 0.20", "als_ndcg_at_10_min = 0.21")
    )


def drop_ratings(world: World) -> None:
    folder = world.data / "inbox" / "sample"
    folder.mkdir(parents=True)
    (folder / "new.csv").write_text("userId,movieId,rating,timestamp\n1,2,4.0,1500000000\n")


def change_source(world: World) -> None:
    world.edit("sample/tags.csv", lambda text: text + text.splitlines()[-1].replace(",", ",9", 1) + "\n")


def lose_warehouse(world: World) -> None:
    (world.data / "warehouse" / "sample.duckdb").unlink()


def lose_table(world: World) -> None:
    with world.project.warehouse.connect("sample") as connection:
        connection.execute('drop table "live__als_recommendations"')


def lose_raw_file(world: World) -> None:
    (world.data / "raw" / "sample" / "links.csv").unlink()


def lose_publication(world: World) -> None:
    (world.data / "published" / "sample.duckdb").unlink()


@pytest.mark.parametrize(
    ("event", "roots", "reason"),
    [
        (raise_threshold, ["gate_thresholds"], "gate_thresholds changed"),
        (drop_ratings, ["inbox"], "new files"),
        (change_source, ["raw_files"], "the source changed"),
        (lose_raw_file, ["raw_files"], "the source changed"),
        (lose_warehouse, ["raw_files"], "the warehouse is gone"),
        (lose_table, ["live/als_recommendations"], "its table is gone"),
        (lose_publication, ["published"], "nothing is published"),
    ],
)
def test_what_happened_outside_makes_what_reads_it_stale_and_all_that_follows(
    copy: World, event: Callable[[World], None], roots: Collection[str], reason: str
) -> None:
    event(copy)
    stale = copy.stale("sample")
    assert stale.keys() == follows(*roots)
    assert {name for name, why in stale.items() if why == reason} == set(roots)


@pytest.mark.parametrize(("made", "noticed"), [([], True), (["movies"], True), (["fold_models"], False)])
def test_of_what_was_made_seldom_a_lost_table_is_noticed_too(
    tmp_path: Path, made: list[str], noticed: bool
) -> None:
    new = World.new(tmp_path / "world", remembered=False)
    new.instance.report_runless_asset_event(
        dg.AssetMaterialization(
            "fold_models", partition="sample", metadata={"dagster/table_name": "fold_models"}
        )
    )
    for table in made:
        with new.project.warehouse.connect("sample") as connection:
            connection.execute(f"create table {table} (n int)")
    stale = new.stale("sample", with_slow=True)
    assert (stale["fold_models"] == "its table is gone") == noticed


def test_a_change_of_another_data_set_is_none_of_this_one(copy: World) -> None:
    folder = copy.data / "inbox" / "mini"
    folder.mkdir(parents=True)
    (folder / "new.csv").write_text("userId,movieId,rating,timestamp\n1,2,4.0,1500000000\n")
    copy.edit(
        "datasets.toml", lambda text: text.replace("als_ndcg_at_10_min = 0.11", "als_ndcg_at_10_min = 0.12")
    )
    assert copy.stale("sample") == {}


def test_changed_code_makes_its_assets_stale_and_all_that_follows(world: World) -> None:
    stale = world.stale("sample", recoded(world, "hybrid_weights"))
    assert stale.keys() == follows("hybrid_weights")
    assert stale["hybrid_weights"] == "code changed"
    assert stale["live/hybrid_factors"] == "hybrid_weights is made again"


def test_what_one_step_makes_is_stale_together(world: World) -> None:
    stale = world.stale("sample", recoded(world, "validation_ratings"))
    assert stale.keys() == follows("train_ratings", "validation_ratings", "test_ratings")
    assert stale["train_ratings"] == "made together with validation_ratings"


def test_reasons_stand_in_the_order_of_the_graph(world: World) -> None:
    stale = list(world.stale("sample", recoded(world, "ratings")))
    graph = world.definitions.resolve_asset_graph()
    for name in stale:
        parents = {parent.to_user_string() for parent in graph.get(key(name)).parent_keys}
        assert not parents & set(stale[stale.index(name) :])


@pytest.mark.parametrize("like_rating", [4.0, 3.75])
def test_an_artifact_that_comes_out_the_same_leaves_what_follows_fresh(
    copy: World, like_rating: float
) -> None:
    before = copy.versions("sample")
    # No rating lies between 3.75 and 4 stars, so that both settings find the same likes.
    config = {"trial__popularity_scores": {"like_rating": like_rating}}
    assert copy.run("sample", ["trial/popularity_scores"], config=config).success
    assert copy.versions("sample") == before
    assert copy.stale("sample") == {}


def test_an_artifact_that_comes_out_otherwise_makes_what_follows_stale(copy: World) -> None:
    assert copy.run(
        "sample",
        ["live/popularity_scores"],
        config={"live__popularity_scores": {"like_rating": 3.0}},
    ).success
    stale = copy.stale("sample")
    assert stale.keys() == follows("live/popularity_scores") - {"live/popularity_scores"}
    assert stale["live/popularity_recommendations"] == "live/popularity_scores changed"


def test_a_check_that_failed_makes_its_step_stale_and_the_rest_can_be_run(copy: World) -> None:
    with leaking("test_ratings"):
        assert not copy.run("sample", ["test_ratings"]).success
    stale = copy.stale("sample")
    assert stale["test_ratings"] == "its check reaches_no_model has not passed"
    assert stale.keys() == follows("train_ratings", "validation_ratings", "test_ratings")
    assert copy.run("sample", ["test_ratings"]).success
    assert copy.stale("sample") == {}


def test_a_file_that_is_gone_is_made_again(copy: World) -> None:
    assert copy.run("sample", ["trial/popularity_scores"]).success
    (copy.data / "artifacts" / "sample" / "trial" / "popularity_scores.npz").unlink()
    stale = copy.stale("sample")
    assert stale["trial/popularity_scores"] == "its file is gone"
    assert stale.keys() == follows("trial/popularity_scores")


def test_a_lost_manifest_is_not_a_lost_world(copy: World) -> None:
    shutil.rmtree(copy.data / "raw")
    assert copy.stale("sample").keys() == follows("raw_files")
    assert copy.run("sample", ["raw_files"]).success
    assert copy.stale("sample") == {}
