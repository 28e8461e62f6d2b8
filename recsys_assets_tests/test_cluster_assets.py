"""The assets of clusters: what they leave behind on the sample, what they may know, and what their checks find out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from recsys_assets.algorithms.liking.clusters import UNKNOWN, UserClusters, fit_user_clusters
from recsys_assets.definitions import defs
from recsys_assets.defs.clusters.rows import profile_rows
from recsys_assets.report import cluster_plots
from recsys_assets.storage.arrays import load_artifact
from recsys_assets_tests.graph import World, every_check, key, upstream
from recsys_assets_tests.rating_logs import log_of

KINDS = ("genre", "rating")
TABLES = ("cluster_evidence", "user_clusters", "cluster_profiles", "cluster_similarity")
ARRAYS = [f"{fit}/{kind}_clusters" for fit in ("tuning", "trial", "live") for kind in KINDS]
LARGEST_PNG = 40 * 1024


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, dg.ExecuteInProcessResult]]:
    """A world in which the clusters and all that they are made of have run on the sample."""
    world = World.new(tmp_path_factory.mktemp("clusters") / "world", remembered=False)
    with world.instance:
        yield world, world.run("sample", upstream(*TABLES, *ARRAYS))


@pytest.fixture
def world(ran: tuple[World, dg.ExecuteInProcessResult]) -> World:
    return ran[0]


def clusters_of(world: World, name: str) -> UserClusters:
    return load_artifact(world.project.artifact_path("sample", key(name)), UserClusters)


def test_the_clusters_are_made_and_every_check_passes(ran: tuple[World, dg.ExecuteInProcessResult]) -> None:
    world, result = ran
    assert result.success
    checks = every_check(result)
    assert {("user_clusters", "every_user_once"), ("cluster_profiles", "large_enough")} <= checks.keys()
    assert all(checks.values())
    assert {*TABLES, *ARRAYS} <= world.versions("sample").keys()


def test_one_number_a_kind_is_chosen_and_all_fits_use_it(world: World) -> None:
    chosen = dict(world.query("sample", "select kind, k from cluster_evidence where chosen"))
    assert chosen.keys() == set(KINDS)
    for name in ARRAYS:
        kind = name.split("/")[1].removesuffix("_clusters")
        assert 1 < clusters_of(world, name).n_clusters <= chosen[kind]


def test_the_tables_say_what_the_live_arrays_hold(world: World) -> None:
    for kind in KINDS:
        live = clusters_of(world, f"live/{kind}_clusters")
        rows = world.query(
            "sample", f"select user_id, cluster from user_clusters where kind = '{kind}' order by 1"
        )
        assert rows == list(zip(live.user_ids.tolist(), live.cluster.tolist(), strict=True))
        sizes = world.query(
            "sample", f"select n_users from cluster_profiles where kind = '{kind}' order by cluster"
        )
        assert [n for (n,) in sizes] == live.sizes.tolist()
        similarity = world.query(
            "sample",
            f"select similarity from cluster_similarity where kind = '{kind}' order by cluster, other",
        )
        np.testing.assert_array_equal(np.ravel(similarity), live.similarity.ravel())


def test_profiles_name_what_a_cluster_likes_more_than_others(world: World) -> None:
    profiles = world.query(
        "sample",
        "select p.*, (select avg(rating) from ratings join user_clusters u using (user_id) "
        "where u.kind = p.kind and u.cluster = p.cluster) as stars from cluster_profiles p",
    )
    titles = dict(world.query("sample", "select movie_id, title from movies"))
    for _, _, _, mean, _, genres, stars, ids, movies, lifts, expected in profiles:
        assert mean == pytest.approx(expected, abs=1e-6)
        assert len(genres) == len(stars) > 0 and len(ids) == len(movies) == len(lifts) == 10
        assert movies == [titles[movie] for movie in ids]
        for values in (stars, lifts):
            assert values == sorted(values, reverse=True) and values[-1] > 0


def test_no_test_row_reaches_the_clusters_that_are_judged() -> None:
    learned = upstream("cluster_evidence", *(name for name in ARRAYS if not name.startswith("live/")))
    assert "test_ratings" not in learned
    assert not [name for name in learned if name.startswith("live/")]
    tuning = upstream("cluster_evidence", *(name for name in ARRAYS if name.startswith("tuning/")))
    assert "validation_ratings" not in tuning


def test_two_runs_make_the_same(world: World, tmp_path: Any) -> None:
    copy = world.copy(tmp_path / "world")
    with copy.instance:
        assert copy.run("sample", [*TABLES, *ARRAYS]).success
        assert copy.versions("sample").items() <= world.versions("sample").items()


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (
            "delete from user_clusters where rowid = (select min(rowid) from user_clusters where cluster = 0)",
            {("user_clusters", "every_user_once")},  # what stands behind it isn't looked at any more
        ),
        ("insert into user_clusters values ('genre', 999999999, -1)", {("user_clusters", "every_user_once")}),
        (
            "update user_clusters set cluster = 1 - cluster where cluster in (0, 1)",
            {("cluster_profiles", "large_enough")},
        ),
        (
            "update cluster_profiles set n_users = n_users + 1 where cluster = 0",
            {("cluster_profiles", "large_enough")},
        ),
        (
            "insert into cluster_profiles select * replace (99 as cluster, 2 as n_users) from cluster_profiles limit 1",
            {("cluster_profiles", "large_enough")},
        ),
    ],
)
def test_a_fault_is_found_out(world: World, tmp_path: Any, fault: str, found: set[tuple[str, str]]) -> None:
    copy = world.copy(tmp_path / "world")
    copy.query("sample", fault)
    with copy.instance:
        checks = every_check(copy.check("sample", ["user_clusters", "cluster_profiles"]))
    assert {check for check, passed in checks.items() if not passed} == found


def test_the_job_makes_the_clusters_alone() -> None:
    job = defs().resolve_job_def("clusters")
    assert set(job.asset_layer.selected_asset_keys) == {key(name) for name in (*TABLES, *ARRAYS)}


def test_plots_are_shown_beside_the_tables(ran: tuple[World, dg.ExecuteInProcessResult]) -> None:
    shown = {
        event.asset_key.to_user_string(): event.materialization.metadata
        for event in ran[1].get_asset_materialization_events()
        if event.asset_key
    }
    for name in ("cluster_evidence", "cluster_profiles", "cluster_similarity"):
        for kind in KINDS:
            assert str(shown[name][f"{kind}_plot"].value).startswith("![")
        assert {"preview", "dagster/row_count"} <= shown[name].keys()


def test_nobody_of_known_taste_makes_one_empty_cluster() -> None:
    log = log_of([0, 1], [0, 0], [3.0, 4.0])
    clusters = fit_user_clusters(
        np.zeros((2, 0)), log.user_ids, k=2, min_users=3, n_init=1, mini_batch_above=9, seed=0
    )
    table = profile_rows(
        {"genre": clusters},
        {"genre": np.zeros((1, 0))},
        log,
        genre_names=np.array([], dtype=object),
        titles=np.array(["A"]),
        n_genres=3,
        n_movies=3,
        like=4.0,
        damping=5,
    )
    assert (clusters.cluster == UNKNOWN).all()
    [row] = table.to_dict("records")
    assert (row["n_users"], row["ratings_per_user"], row["top_genres"], row["top_movies"]) == (0, 0, [], [])
    assert pd.isna(row["mean_rating"])


@pytest.mark.parametrize("n_clusters", [1, 3, 12])
def test_a_plot_is_small_escaped_and_the_same_each_time(n_clusters: int) -> None:
    rng = np.random.default_rng(0)
    ks = np.arange(1, n_clusters + 1)
    plots = {
        cluster_plots.cluster_evidence: (ks, np.append(np.nan, 0.1 / ks[1:]), 0.9 / ks, ks == 1),
        cluster_plots.cluster_genres: (
            rng.normal(size=(n_clusters, 19)),
            [f"<Genre> {n}" for n in range(19)],
            10**ks,
        ),
        cluster_plots.cluster_similarity: (np.eye(n_clusters),),
    }
    assert {plot.__name__ for plot in plots} == set(cluster_plots.__all__)
    for plot, arguments in plots.items():
        png, svg = plot(*arguments), plot.svg(*arguments)
        assert png.startswith(b"\x89PNG\r\n\x1a\n") and len(png) <= LARGEST_PNG
        assert (plot(*arguments), plot.svg(*arguments)) == (png, svg)
        assert "<Genre>" not in svg
