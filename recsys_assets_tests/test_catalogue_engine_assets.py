"""The engine's assets: what they leave behind on the sample and without a catalogue, and what their checks find out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from recsys_assets.algorithms.catalogue.features import CatalogueFeatures
from recsys_assets.algorithms.catalogue.ward import CatalogueClusters
from recsys_assets.defs.catalogue.figures import CLAIMED, _claimed
from recsys_assets.report import catalogue_engine
from recsys_assets.storage.arrays import load_artifact, save_artifact
from recsys_assets_tests.graph import World, every_check, key, upstream

TABLES = (
    "catalogue_figures",
    "catalogue_cluster_evidence",
    "catalogue_movie_clusters",
    "catalogue_cluster_profiles",
)
ARRAYS = ("catalogue_features", "catalogue_clusters")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, dg.ExecuteInProcessResult]]:
    """A world in which the engine and all that it is made of have run on the sample."""
    world = World.new(tmp_path_factory.mktemp("engine") / "world", remembered=False)
    with world.instance:
        yield world, world.run("sample", upstream(*TABLES, *ARRAYS))


@pytest.fixture
def world(ran: tuple[World, dg.ExecuteInProcessResult]) -> World:
    return ran[0]


def artifact(world: World, kind: type[Any]) -> Any:
    name = "catalogue_features" if kind is CatalogueFeatures else "catalogue_clusters"
    return load_artifact(world.project.artifact_path("sample", key(name)), kind)


def frames(world: World) -> dict[str, pd.DataFrame]:
    return {
        name: world.project.warehouse.frame("sample", f"from {name}") for name in catalogue_engine.REPORTED
    }


def test_all_is_made_and_every_check_passes(ran: tuple[World, dg.ExecuteInProcessResult]) -> None:
    world, result = ran
    assert result.success
    checks = every_check(result)
    assert {
        ("catalogue_features", "vectors_usable"),
        ("catalogue_features", "few_vectors_empty"),
        ("catalogue_movie_clusters", "every_movie_clustered"),
    } <= checks.keys()
    assert all(checks.values())
    assert {*TABLES, *ARRAYS} <= world.versions("sample").keys()


def test_every_movie_of_the_catalogue_has_a_vector_of_unit_length_and_a_cluster(world: World) -> None:
    ids = [row[0] for row in world.query("sample", "select tmdb_id from catalogue_movies order by tmdb_id")]
    features, clusters = artifact(world, CatalogueFeatures), artifact(world, CatalogueClusters)
    assert_array_equal(features.tmdb_ids, ids)
    assert_array_equal(clusters.tmdb_ids, ids)
    assert_allclose(np.linalg.norm(features.vectors, axis=1), 1, atol=1e-5)
    found = dict(world.query("sample", "from catalogue_movie_clusters"))
    assert found == dict(zip(ids, clusters.cluster.tolist(), strict=True))


def test_the_chosen_number_has_a_higher_silhouette_than_ten_clusters(world: World) -> None:
    evidence = frames(world)["catalogue_cluster_evidence"].set_index("k")
    (chosen,) = evidence.index[evidence["chosen"]]
    assert chosen == artifact(world, CatalogueClusters).n_clusters
    assert evidence.loc[chosen, "silhouette"] > evidence.loc[10, "silhouette"]
    assert evidence.loc[chosen, "stability"] >= 0.6


def test_movies_with_shared_genres_and_keywords_are_nearer_than_others(world: World) -> None:
    features = artifact(world, CatalogueFeatures)
    place = {tmdb_id: row for row, tmdb_id in enumerate(features.tmdb_ids.tolist())}
    pairs = world.query(
        "sample",
        "select a.tmdb_id, b.tmdb_id from catalogue_keywords as a join catalogue_keywords as b using (keyword_id) "
        "where a.tmdb_id < b.tmdb_id",
    )
    rows = np.array([(place[a], place[b]) for a, b in pairs])
    cosines = features.vectors @ features.vectors.T
    assert cosines[rows[:, 0], rows[:, 1]].mean() > cosines.mean() + 0.1


def test_profiles_name_what_a_cluster_has_more_of(world: World) -> None:
    profiles = frames(world)["catalogue_cluster_profiles"]
    assert profiles["n_movies"].is_monotonic_decreasing
    for cluster, genre in zip(profiles["cluster"], profiles["top_genres"].str[0], strict=True):
        ((inside, everywhere),) = world.query(
            "sample",
            f"""
            with has as (
                select cluster, tmdb_id in (select tmdb_id from catalogue_genres where genre = '{genre}') as it
                from catalogue_movie_clusters
            )
            select avg(it::int) filter (cluster = {cluster}), avg(it::int) from has
            """,
        )
        assert inside > everywhere


def test_nothing_is_claimed_of_another_catalogue_and_all_of_the_one_it_was_claimed_of(world: World) -> None:
    figures = frames(world)["catalogue_figures"]
    assert figures["claimed"].isna().all()
    figures.loc[figures["name"] == "n_movies", "value"] = 4803.0
    claimed = figures.assign(claimed=_claimed(figures)).dropna(subset=["claimed"])
    assert set(claimed["setting"]) == {"published"}
    assert (
        dict(zip(zip(claimed["name"], claimed["k"], strict=True), claimed["claimed"], strict=True)) == CLAIMED
    )


def test_other_weights_give_other_vectors_and_ratings_give_none(world: World, tmp_path: Path) -> None:
    graph = upstream("catalogue_clusters")
    assert not {"ratings", "tags"} & set(graph)
    before = artifact(world, CatalogueFeatures)
    copy = world.copy(tmp_path / "world")
    with copy.instance:
        settings = {"catalogue_features": {"text_weight": 0.0, "number_weight": 0.0}}
        assert copy.run("sample", ["catalogue_features"], config=settings).success
    after = artifact(copy, CatalogueFeatures)
    assert not after.vectors[:, : after.n_text].any() and before.vectors[:, : before.n_text].any()
    genres = after.vectors[:, after.n_text : after.n_text + after.n_genres]
    assert_allclose(
        (genres > 0) / np.sqrt(np.maximum((genres > 0).sum(axis=1, keepdims=True), 1)), genres, atol=1e-6
    )


def test_without_a_catalogue_all_is_made_and_empty(tmp_path: Path) -> None:
    world = World.new(tmp_path / "world", remembered=False)
    for file in (world.data / "sample").glob("tmdb_*.csv"):
        file.unlink()
    with world.instance:
        result = world.run("sample", upstream(*TABLES, *ARRAYS))
    assert result.success
    assert all(every_check(result).values())
    assert not any(world.query("sample", f"from {name}") for name in TABLES)
    assert (
        artifact(world, CatalogueFeatures).vectors.shape[0]
        == artifact(world, CatalogueClusters).n_clusters
        == 0
    )


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("delete from catalogue_movie_clusters where cluster = 0", "every_movie_clustered"),
        ("update catalogue_cluster_profiles set n_movies = n_movies + 1", "every_movie_clustered"),
        ("update catalogue_cluster_evidence set chosen = (k = 2)", "every_movie_clustered"),
        (
            "delete from catalogue_movies where tmdb_id in (select min(tmdb_id) from catalogue_movies)",
            "vectors_usable",
        ),
    ],
)
def test_checks_find_what_was_broken(world: World, change: str, broken: str, tmp_path: Path) -> None:
    copy = world.copy(tmp_path / "world")
    with copy.instance:
        copy.query("sample", change)
        checks = every_check(copy.check("sample", ["catalogue_movie_clusters", "catalogue_features"]))
    assert broken in {name for (_, name), passed in checks.items() if not passed}


def test_movies_of_which_nothing_is_known_warn_and_block_nothing(world: World, tmp_path: Path) -> None:
    copy = world.copy(tmp_path / "world")
    features = artifact(copy, CatalogueFeatures)
    n_empty = 1 + len(features.vectors) // 20
    vectors = features.vectors.copy()
    vectors[:n_empty] = 0
    save_artifact(
        copy.project.artifact_path("sample", key("catalogue_features")), replace(features, vectors=vectors)
    )
    with copy.instance:
        result = copy.check("sample", ["catalogue_features"])
    found = {one.check_name: one for one in result.get_asset_check_evaluations()}
    assert found["vectors_usable"].passed
    assert not found["few_vectors_empty"].passed
    assert found["few_vectors_empty"].severity == dg.AssetCheckSeverity.WARN
    assert found["few_vectors_empty"].metadata["n_empty"].value == n_empty


def test_the_report_tells_figures_clusters_and_the_choice(world: World) -> None:
    tables = frames(world)
    section = catalogue_engine.the_engine(tables)
    evidence = tables["catalogue_cluster_evidence"]
    best = evidence[evidence["chosen"]].iloc[0]
    assert f"in {best['k']} clusters: silhouette {best['silhouette']:.4f}" in section.finding
    for words in ("Published settings", "Claimed", "Chosen settings", "Stability of 10 clusters"):
        assert words in section.markdown and words in section.html
    assert section.html.count("<svg") == 2
    assert (
        str(tables["catalogue_cluster_profiles"]["example_movies"][0][0]).split(",")[0].split("'")[0]
        in section.html
    )
    assert catalogue_engine.is_there(tables)
    assert not catalogue_engine.is_there({name: table[:0] for name, table in tables.items()})
