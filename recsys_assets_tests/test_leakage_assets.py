"""The table of leaks on the finished sample, and injected leaks: each is found by the check that is named for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import numpy as np
import pytest

from recsys_assets.algorithms.content import ContentVectors
from recsys_assets.algorithms.embeddings import Embeddings
from recsys_assets.algorithms.interactions import Interactions
from recsys_assets.algorithms.leakage import rows_of_users
from recsys_assets.algorithms.liking import features as like_features
from recsys_assets.algorithms.liking.features import FEATURES, FeatureBuilder
from recsys_assets.algorithms.rating_prediction.factorization_machine import SideFeatures
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.contracts import contract_of
from recsys_assets.defs.classification.assets import LikeFeatures
from recsys_assets.defs.classification.builders import builder
from recsys_assets.defs.collaborative.assets import RecencyConfig
from recsys_assets.defs.fits import LIVE, TRIAL, TUNING, Fit
from recsys_assets.defs.leakage import (
    config,
    families,
    findings,
    order,
    recomputed,
    recount,
    settings,
    trials,
    worlds,
)
from recsys_assets.defs.rating_prediction import recipes
from recsys_assets.storage.arrays import load_artifact, save_artifact
from recsys_assets_tests.graph import World, every_check, finished, key, leaking

FAMILIES = ("lists", "stars", "likes", "clusters")
WAYS = ("upstream", "order", "recomputed", "shuffled", "scrambled")
NAMES = [feature.name for feature in FEATURES]
FEW = {"n_shuffles": 2, "max_rows": 12_000}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return finished(tmp_path_factory)[0]


@pytest.fixture
def leaky(world: World, tmp_path: Path) -> World:
    """A copy of the finished world, to put leaks into."""
    return world.copy(tmp_path / "world")


def failed(findings: Iterable[Any]) -> set[tuple[str, str, str]]:
    return {(one.family, one.fit, one.check) for one in findings if not one.passed}


# What the finished sample says.


def test_no_leak_is_found_in_what_was_made_of_the_sample(tmp_path_factory: pytest.TempPathFactory) -> None:
    world, outcome = finished(tmp_path_factory)
    checks = {check for asset, check in outcome.checks if asset == "leakage"}
    assert checks >= {f"{family}_{way}" for family in FAMILIES for way in WAYS} | {"catalogue_upstream"}
    assert world.query("sample", 'select family, fit, "check" from leakage where not passed') == []
    assert world.published("sample", "select count(*) from leakage") == world.query(
        "sample", "select count(*) from leakage"
    )


def test_every_family_is_looked_at_in_every_way(world: World) -> None:
    rows = world.query("sample", "select distinct family, fit, split(\"check\", ' ')[1] from leakage")
    of_both = {(family, fit, way) for family in FAMILIES for fit in ("tuning", "trial") for way in WAYS}
    # Test rows judge the trial: what is shuffled is judged on validation rows alone.
    expected = of_both - {(family, "trial", "shuffled") for family in FAMILIES}
    assert set(rows) == expected | {("catalogue", "none", "upstream")}
    assert findings.CHECKS.keys() == {*FAMILIES, "catalogue"}


def test_every_model_of_a_family_is_tried(world: World) -> None:
    tried = world.query(
        "sample",
        'select family, list("check"[10:]) from leakage where "check" like \'shuffled %\' group by family',
    )
    models = {family: set(names) for family, names in tried}
    stars = {name for (name,) in world.query("sample", "select distinct model from rating_settings")}
    blends = {name for (name,) in world.query("sample", "select distinct blend from rating_blends")}
    assert models == {
        "lists": {"als", "content", "hybrid", "popularity", "recent_popularity"},
        "stars": stars | blends,
        "likes": {name for (name,) in world.query("sample", "select model from like_settings")},
        "clusters": {"genre", "rating"},
    }
    assert len(stars) == 14


def test_what_passes_is_what_lies_within_its_bound(world: World) -> None:
    [(n_rows, n_judged, n_wrong)] = world.query(
        "sample",
        "select count(*), count(*) filter (bound is not null), "
        "count(*) filter (passed <> coalesce(measured <= bound, true)) from leakage",
    )
    assert n_rows > n_judged > 60
    assert n_wrong == 0


def test_rows_newer_than_what_they_describe_are_told_and_not_judged(world: World) -> None:
    rows = world.query(
        "sample", 'select "check", fit, measured from leakage where bound is null order by 1, 2'
    )
    assert [(check, fit) for check, fit, _ in rows] == [
        ("order learned rows described by later ones", "trial"),
        ("order learned rows described by later ones", "tuning"),
        ("order learned rows newer than judged ones", "trial"),
        ("order learned rows newer than judged ones", "tuning"),
    ]
    measured = {(check.split()[-2], fit): share for check, fit, share in rows}
    [(expected,)] = world.query(
        "sample",
        "select avg((select count(*) from train_ratings t where t.rated_at > v.rated_at)) "
        "/ (select count(*) from train_ratings) from validation_ratings v",
    )
    assert measured["judged", "tuning"] == pytest.approx(expected)
    assert all(0 < share < 1 for share in measured.values())


def test_a_finding_belongs_to_a_check() -> None:
    finding = findings.Finding
    with pytest.raises(ValueError, match="catalogue has no check 'shuffled'"):
        finding("catalogue", "none", "shuffled als", 0.0, 1.0, "no such check")
    assert not finding("lists", "trial", "shuffled als", np.nan, 1.0, "no number is within no bound").passed


# Leaks in what was made: each trial artifact replaced by that of all ratings.


def put(world: World, name: str, artifact: Any, fit: Fit = TRIAL) -> None:
    save_artifact(world.project.artifact_path("sample", fit.key(name)), artifact)


def take(world: World, name: str, kind: Any, fit: Fit = TRIAL) -> Any:
    return load_artifact(world.project.artifact_path("sample", fit.key(name)), kind)


def learned_from_everything(*names: str) -> Callable[[World], None]:
    """Put the live artifacts, which learned from all ratings, in place of the trial's."""

    def leak(world: World) -> None:
        for name in names:
            source, target = (world.project.artifact_path("sample", fit.key(name)) for fit in (LIVE, TRIAL))
            target.unlink()
            shutil.copy(source, target)

    return leak


def mean_over_all_rows(side: str) -> Callable[[World], None]:
    """Put the mean stars over all rows, held-out ones among them, into the trial's features of likes."""

    def leak(world: World) -> None:

        log, everything = take(world, "rating_log", RatingLog), take(world, "rating_log", RatingLog, LIVE)
        values = take(world, "like_features", LikeFeatures).values.copy()
        rows, of_all = getattr(log, side), getattr(everything, side)
        n = np.bincount(of_all, minlength=max(log.n_users, log.n_items))
        means = np.bincount(of_all, everything.rating, minlength=n.size) / np.maximum(n, 1)
        values[:, NAMES.index(f"{side}_mean_stars")] = means[rows]
        put(world, "like_features", LikeFeatures(values))

    return leak


def cold_start_of_everything(world: World) -> None:
    world.query("sample", "create or replace table trial__cold_start as from live__cold_start")


ALL_ROWS: dict[str, tuple[Callable[[World], None], set[tuple[str, str]]]] = {
    "popularity counted over all rows": (
        learned_from_everything("popularity_scores"),
        {("lists", "recomputed popularity_scores")},
    ),
    "recency weights past the cut": (
        learned_from_everything("recent_popularity_scores"),
        {("lists", "recomputed recent_popularity_scores")},
    ),
    "test stars in ALS": (
        learned_from_everything("als_factors"),
        {("lists", "recomputed als_factors"), ("lists", "recomputed hybrid_factors")},
    ),
    "a user's own tags on held-out movies": (
        learned_from_everything("content_vectors"),
        # Profiles are sums of the vectors.
        {("lists", "recomputed content_vectors"), ("lists", "recomputed content_profiles")},
    ),
    "profiles of all likes": (
        learned_from_everything("content_profiles"),
        {("lists", "recomputed content_profiles"), ("lists", "recomputed hybrid_factors")},
    ),
    "a hybrid of live models": (
        learned_from_everything("hybrid_factors"),
        {("lists", "recomputed hybrid_factors")},
    ),
    "a cold-start list of all rows": (cold_start_of_everything, {("lists", "recomputed cold_start")}),
    "biases over all rows": (learned_from_everything("bias"), {("stars", "recomputed bias")}),
    "item means over all rows": (learned_from_everything("item_mean"), {("stars", "recomputed item_mean")}),
    "user means over all rows": (learned_from_everything("user_mean"), {("stars", "recomputed user_mean")}),
    "the mean of all rows": (learned_from_everything("global_mean"), {("stars", "recomputed global_mean")}),
    "aging biases over all rows": (
        learned_from_everything("time_damped_bias"),
        {("stars", "recomputed time_damped_bias")},
    ),
    "movie means over all rows in like features": (
        mean_over_all_rows("item"),
        {("likes", "recomputed movie means")},
    ),
    "user means over all rows in like features": (
        mean_over_all_rows("user"),
        {("likes", "recomputed user means")},
    ),
    "cluster means over all rows": (
        learned_from_everything("genre_clusters"),
        {("clusters", "recomputed genre preferences")},
    ),
}


@contextmanager
def opened(world: World, fit: Fit) -> Iterator[tuple[Any, Any]]:
    """What recounting needs: a look at the fit, and the world with held-out rows scrambled."""
    used = settings.Settings(world.instance, "sample")
    parts = " union all ".join(f"from {part}" for part in worlds.may_learn(fit))
    project = world.project
    with (
        worlds.scrambled_world(project, "sample", fit) as other,
        project.warehouse.connect("sample") as connection,
    ):
        rows = recount.Recount(connection, parts, 4.0)
        yield recomputed.Look(project, "sample", fit, rows, used, 1e-4), other


@pytest.mark.parametrize("leak", sorted(ALL_ROWS))
def test_a_statistic_over_all_rows_is_recomputed_otherwise(leaky: World, leak: str) -> None:
    put_in, expected = ALL_ROWS[leak]
    put_in(leaky)
    with leaky.instance, opened(leaky, TRIAL) as (look, other):
        found = failed(recomputed.recomputed(look, other))
    assert found == {(family, "trial", check) for family, check in expected}


def test_rows_that_judge_are_found_among_those_learned(leaky: World) -> None:

    learned_from_everything("interactions", "rating_log")(leaky)
    matrix, log = take(leaky, "interactions", Interactions), take(leaky, "rating_log", RatingLog)
    with leaky.project.warehouse.connect("sample") as connection:
        found = list(order.learned_in_order(connection, TRIAL, matrix, log))
    ways = ("order held-out rows learned", "order newest learned row")
    assert failed(found) == {(family, "trial", way) for family in FAMILIES for way in ways}
    [(n_test,)] = leaky.query("sample", "select count(*) from test_ratings")
    assert {one.measured for one in found if one.check == ways[0]} == {n_test}


def test_one_row_too_many_is_found(leaky: World) -> None:

    matrix = take(leaky, "interactions", Interactions)
    log, everything = take(leaky, "rating_log", RatingLog), take(leaky, "rating_log", RatingLog, LIVE)
    newest = int(np.flatnonzero(everything.user == 7)[everything.day[everything.user == 7].argmax()])
    columns = ("user", "item", "rating", "day")
    row = {name: np.append(getattr(log, name), getattr(everything, name)[newest]) for name in columns}
    more = replace(log, **row)
    with leaky.project.warehouse.connect("sample") as connection:
        found = list(order.learned_in_order(connection, TRIAL, matrix, more))
    # The user's newest rating of all is later than the first that judges.
    ways = ("order held-out rows learned", "order newest learned row")
    assert failed(found) == {(family, "trial", way) for family in FAMILIES[1:] for way in ways}
    assert {one.measured for one in found if not one.passed} == {1}


def test_time_features_that_look_ahead_are_found(world: World) -> None:

    everything = take(world, "rating_log", RatingLog, LIVE)
    judged = worlds.judged_rows(world.project, "sample", TUNING, everything)
    knowledge = worlds.knowledge_of(world.project, "sample", everything)
    values = take(world, "like_features", LikeFeatures, TUNING).values
    found = order.looks_back(TUNING, everything, judged, knowledge, values, like=4.0, smoothing=5.0)
    assert failed(found) == {("likes", "tuning", "order time features look back")}


# Leaks in code: what learns has been given more than it may know.


@pytest.fixture(scope="module")
def inputs(world: World) -> SimpleNamespace:
    """What the tuning fit learns from, here and with held-out rows scrambled, and the rows that judge it."""

    log = take(world, "rating_log", RatingLog, TUNING)
    side = load_artifact(world.project.artifact_path("sample", key("side_features")), SideFeatures)
    how = {"over": log, "side": side, "content": take(world, "content_vectors", ContentVectors, TUNING)}
    here = worlds.read_inputs(world.project, "sample", TUNING, **how)
    with worlds.scrambled_world(world.project, "sample", TUNING) as other:
        there = worlds.read_inputs(other, "sample", TUNING, **how)
    judged = worlds.judged_rows(world.project, "sample", TUNING, log)
    users = rows_of_users(log, max_rows=config.LeakageConfig().max_rows, seed=0)
    return SimpleNamespace(
        here=here.of_users(users),
        there=there.of_users(users),
        judged=judged.rows(users[judged.user]),
        choices=families.read_choices(world.project, "sample", like=4.0),
        config=config.LeakageConfig(),
    )


def shuffled(inputs: SimpleNamespace, family: Any) -> list[Any]:
    return list(trials.shuffled(family, TUNING, inputs.here, inputs.judged, inputs.choices, inputs.config))


def scrambled(inputs: SimpleNamespace, family: Any) -> Any:
    return trials.scrambled(family, TUNING, inputs.here, inputs.there, inputs.judged, inputs.choices)


def test_likes_joined_to_shuffled_rows_are_found(
    inputs: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A join by user and movie brings each row's own stars back, those of held-out rows too."""
    judged = inputs.judged
    told = {
        (user, item): stars
        for user, item, stars in zip(
            judged.user.tolist(), judged.item.tolist(), judged.rating.tolist(), strict=True
        )
    }
    family = families.FAMILIES["likes"]

    def shuffle(log: RatingLog, *, seed: int) -> RatingLog:
        other = family.shuffle(log, seed=seed)
        told.update(
            zip(
                zip(other.user.tolist(), other.item.tolist(), strict=True), other.rating.tolist(), strict=True
            )
        )
        return other

    class Joined(FeatureBuilder):
        def pairs(self, user: Any, item: Any, day: Any) -> Any:
            values = super().pairs(user, item, day)
            values[:, 0] = [told.get(pair, np.nan) for pair in zip(user.tolist(), item.tolist(), strict=True)]
            return values

    def joined(*arguments: Any) -> FeatureBuilder:
        features = builder(*arguments)
        features.__class__ = Joined
        return features

    monkeypatch.setattr(families, "builder", joined)
    found = shuffled(inputs, replace(family, shuffle=shuffle))
    assert {check for _, _, check in failed(found)} == {one.check for one in found}
    assert min(one.measured for one in found) > 0.4


def test_where_all_held_out_rows_are_likes_there_is_nothing_to_tell(inputs: SimpleNamespace) -> None:
    liked = replace(inputs.judged, rating=np.full_like(inputs.judged.rating, 5))
    found = shuffled(SimpleNamespace(**vars(inputs) | {"judged": liked}), families.FAMILIES["clusters"])
    assert [(one.measured, one.bound, one.passed) for one in found] == [(None, None, True)] * 2
    assert "no user has rows of both kinds" in found[0].description


def of_everything(name: str) -> Callable[[World, pytest.MonkeyPatch], None]:
    """A model of lists that looks into a table of all ratings, whatever rows it is given."""

    def leak(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        function, artifact = {
            "popularity": ("popularity", "popularity_scores"),
            "recent_popularity": ("recent_popularity", "recent_popularity_scores"),
            "als": ("fit_als", "als_factors"),
            "content": ("content_embeddings", "content_profiles"),
        }[name]
        known = take(world, artifact, Embeddings, LIVE)
        monkeypatch.setattr(families, function, lambda *_, **__: known)

    return leak


@pytest.mark.parametrize("name", ["popularity", "recent_popularity", "als", "content"])
def test_lists_that_look_into_all_ratings_are_found(
    world: World,
    inputs: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    of_everything(name)(world, monkeypatch)
    found = failed(shuffled(inputs, families.FAMILIES["lists"]))
    assert ("lists", "tuning", f"shuffled {name}") in found
    # What is blended of it leaks too; the others don't.
    assert found <= {("lists", "tuning", f"shuffled {model}") for model in (name, "hybrid")}


def test_stars_that_look_into_all_ratings_are_found(
    world: World, inputs: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:

    everything = take(world, "rating_log", RatingLog, LIVE)
    honest = recipes.fit_biases
    monkeypatch.setattr(recipes, "fit_biases", lambda _, **how: honest(everything, **how))
    tried = shuffled(inputs, families.FAMILIES["stars"])
    found = {check.removeprefix("shuffled ") for _, _, check in failed(tried)}
    assert {"user_mean", "item_mean", "bias", "time_damped_bias", "item_knn_baseline", "content_knn"} <= found
    assert not found & {
        "global_mean",
        "user_knn",
        "item_knn",
        "svd",
        "biased_mf",
        "svdpp",
        "bayesian_fm",
        "ordinal_fm",
    }


def test_clusters_that_look_into_all_ratings_are_found(
    world: World, inputs: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = take(world, "rating_log", RatingLog, LIVE)
    honest = families.fit_cluster_liking
    # Each user a cluster of their own: what the cluster likes is what the user likes, held-out rows among it.
    judged = inputs.judged

    def alone(log: RatingLog, clusters: Any, **how: Any) -> Any:
        liking = honest(everything, clusters, **how)
        return replace(
            liking,
            cluster=np.arange(log.n_users, dtype=np.int32),
            likes=(everything.matrix() >= 4).astype(float).toarray(),
            n_ratings=(everything.matrix() > 0).astype(float).toarray(),
            learned=inputs.here.log.matrix(np.ones(inputs.here.log.rating.size)) * 0,
        )

    monkeypatch.setattr(families, "fit_cluster_liking", alone)
    found = failed(shuffled(inputs, families.FAMILIES["clusters"]))
    assert judged.rating.size > 0
    assert found == {("clusters", "tuning", f"shuffled {kind}") for kind in ("genre", "rating")}


def test_what_models_are_given_changes_with_held_out_stars_if_a_fit_reads_them(leaky: World) -> None:
    """A fit whose rows are all ratings: its own artifacts say so, and so do those of the scrambled world."""

    careless = Fit("trial", ("ratings",))
    learned_from_everything("interactions", "rating_log", "content_vectors")(leaky)
    matrix, log = take(leaky, "interactions", Interactions), take(leaky, "rating_log", RatingLog)
    side = load_artifact(leaky.project.artifact_path("sample", key("side_features")), SideFeatures)
    how = {"over": log, "side": side, "content": take(leaky, "content_vectors", ContentVectors)}
    here = worlds.read_inputs(leaky.project, "sample", careless, **how)
    with worlds.scrambled_world(leaky.project, "sample", careless) as other:
        there = worlds.read_inputs(other, "sample", careless, **how)
    found = failed(trials.given(careless, matrix, here, there))
    assert found == {(family, "trial", "scrambled given") for family in FAMILIES}
    with leaky.instance, opened(leaky, careless) as (look, other):
        again = failed(recomputed.recomputed(look, other))
    # The content is learned again by the same careless code: in a world with other tags on held-out movies.
    assert ("lists", "trial", "recomputed content_vectors") in again
    assert ("lists", "trial", "recomputed interactions") in again
    assert ("stars", "trial", "recomputed rating_log") in again


def test_features_that_count_tags_of_held_out_movies_are_found(
    inputs: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = like_features._learned_tags

    def all_tags(learned: RatingLog, tags: Any) -> Any:
        everything = replace(learned, user=tags.user, item=tags.item)
        return honest(everything, tags)

    assert scrambled(inputs, families.FAMILIES["likes"]).passed
    monkeypatch.setattr(like_features, "_learned_tags", all_tags)
    found = scrambled(inputs, families.FAMILIES["likes"])
    assert failed([found]) == {("likes", "tuning", "scrambled learned")}
    assert "features" in found.description


@pytest.mark.parametrize("name", FAMILIES)
def test_models_of_held_out_stars_change_with_them(inputs: SimpleNamespace, name: str) -> None:
    """With held-out rows among those that are learned, as a wrong mask would take them, every family is found out."""

    def with_judged(log: RatingLog, other: RatingLog) -> RatingLog:
        columns = ("user", "item", "rating", "day")
        return replace(log, **{c: np.concatenate([getattr(log, c), getattr(other, c)]) for c in columns})

    turned = replace(inputs.judged, rating=(5.5 - inputs.judged.rating).astype(np.float32))
    careless = SimpleNamespace(
        here=replace(inputs.here, log=with_judged(inputs.here.log, inputs.judged)),
        there=replace(inputs.there, log=with_judged(inputs.there.log, turned)),
        judged=inputs.judged,
        choices=inputs.choices,
    )
    found = scrambled(careless, families.FAMILIES[name])
    assert failed([found]) == {(name, "tuning", "scrambled learned")}


@pytest.mark.parametrize(
    ("deps", "group", "expected"),
    [
        (("test_ratings",), "collaborative", {("lists", "trial")}),
        (("ratings",), "rating_prediction", {("stars", "trial")}),
        (("live/rating_log",), "clusters", {("clusters", "trial")}),
        (("train_ratings",), "classification", set()),
    ],
)
def test_a_model_downstream_of_rows_that_judge_it_is_found(
    deps: tuple[str, ...], group: str, expected: set[tuple[str, str]]
) -> None:
    with leaking(*deps, name="trial/leaky_factors", group=group):
        found = failed(order.upstream((TUNING, TRIAL)))
    assert found == {(*one, "upstream held-out rows") for one in expected}


def test_a_catalogue_that_reads_ratings_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = order.ancestors
    monkeypatch.setattr(
        order,
        "ancestors",
        lambda asset, **how: (
            honest(asset, **how) | ({key("ratings")} if asset == key("catalogue_features") else set())
        ),
    )
    assert failed(order.upstream((TUNING,))) == {("catalogue", "none", "upstream ratings")}


# The scrambled world itself.


def test_the_scrambled_world_differs_in_held_out_rows_and_nothing_else(world: World) -> None:
    with worlds.scrambled_world(world.project, "sample", TUNING) as other:
        for name in ("movies", "users", "catalogue_movies", "train_ratings"):
            mine, theirs = (p.warehouse.frame("sample", f"from {name}") for p in (world.project, other))
            assert theirs.equals(mine)
        for name in ("validation_ratings", "test_ratings"):
            mine, theirs = (
                p.warehouse.frame("sample", f"from {name} order by user_id, movie_id")
                for p in (world.project, other)
            )
            assert len(mine) > 1000
            assert (mine["rating"] + theirs["rating"] == 5.5).all()
            assert theirs.drop(columns="rating").equals(mine.drop(columns="rating"))
        tags = [p.warehouse.frame("sample", "from tags order by all") for p in (world.project, other)]
        assert sorted(tags[0]["tag"]) == sorted(tags[1]["tag"])
        assert tags[0][["user_id", "movie_id"]].equals(tags[1][["user_id", "movie_id"]])
        learned = [
            p.warehouse.frame(
                "sample", "from tags semi join train_ratings using (user_id, movie_id) order by all"
            )
            for p in (world.project, other)
        ]
        assert learned[0].equals(learned[1])
        assert not tags[0].equals(tags[1])
        folder = other.folder
    assert not folder.exists()


# What a leak does to a run.


def test_a_leak_holds_back_the_publication(leaky: World) -> None:
    learned_from_everything("popularity_scores")(leaky)
    with leaky.instance:
        result = leaky.run("sample", ["leakage", "evaluation_report", "published"], config={"leakage": FEW})
        assert not result.success
        found = {
            e.check_name: e for e in result.get_asset_check_evaluations() if e.asset_key == key("leakage")
        }
        assert {name for name, check in found.items() if not check.passed} == {"lists_recomputed"}
        check = found["lists_recomputed"]
        assert check.blocking and check.severity == dg.AssetCheckSeverity.ERROR
        assert "popularity_scores" in (check.description or "")
        assert check.metadata["measured"].value > check.metadata["bound"].value
        made = {event.asset_key for event in result.get_asset_materialization_events()}
        assert made == {key("leakage")}
        # Nor does a run of its own publish what a leak was found in.
        alone = leaky.run("sample", ["published"])
        assert not alone.success
        assert key("leakage") in {key(name) for name in leaky.stale("sample")}


def test_a_check_without_rows_does_not_pass(leaky: World) -> None:
    leaky.query("sample", "delete from leakage where family = 'stars' and \"check\" like 'shuffled %'")
    with leaky.instance:
        checks = every_check(leaky.check("sample", ["leakage"]))
    assert {name for (_, name), passed in checks.items() if not passed} == {"stars_shuffled"}


def test_settings_of_an_artifact_are_those_that_its_run_was_given(leaky: World) -> None:

    given = {"half_life_days": 30.0, "like_rating": 3.0}
    with leaky.instance:
        leaky.run(
            "sample", ["trial/recent_popularity_scores"], config={"trial__recent_popularity_scores": given}
        )
        used = settings.Settings(leaky.instance, "sample")
        found = used.of(TRIAL.key("recent_popularity_scores"), RecencyConfig)
        assert (found.half_life_days, found.like_rating) == (30.0, 3.0)
        assert used.of(TRIAL.key("popularity_scores"), RecencyConfig) == RecencyConfig.model_validate({})
        with opened(leaky, TRIAL) as (look, other):
            assert failed(recomputed.recomputed(look, other)) == set()


def test_the_table_is_explained() -> None:
    contract = contract_of("leakage")
    assert contract.column_names == ["family", "fit", "check", "measured", "bound", "passed", "description"]
    assert all(column.comment for column in contract.columns)
