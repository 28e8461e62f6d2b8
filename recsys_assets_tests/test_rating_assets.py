"""Models of stars in the graph: what chooses them, what they predict and list, and what their gates catch."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from rating_logs import log_of

from recsys_assets.algorithms.content import ContentVectors
from recsys_assets.algorithms.rating_prediction.ensemble import Choice, Tried, fit_models
from recsys_assets.algorithms.rating_prediction.factorization_machine import SideFeatures
from recsys_assets.algorithms.rating_prediction.lists import default_ratings as expected_stars
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.defs.fits import SERVED_FITS, Fit
from recsys_assets.defs.provenance import latest_materializations
from recsys_assets.defs.rating_evaluation.assets import COMPARED
from recsys_assets.defs.rating_prediction.models import chosen_settings
from recsys_assets.defs.rating_prediction.recipes import (
    MODELS,
    Knowledge,
    RatingModelsConfig,
    recipes,
    recipes_as_chosen,
)
from recsys_assets.defs.rating_prediction.rows import blend_rows, error_rows, settings_rows
from recsys_assets.storage.arrays import content_digest, load_artifact, save_artifact
from recsys_assets.storage.promotions import PromotionLog
from recsys_assets_tests.graph import (
    World,
    downstream,
    every_check,
    finished,
    key,
    slow,
    upstream,
)
from recsys_assets_tests.made_datasets import NEWCOMER, RATINGS, world_of

BLENDS = {"blend", "hybrid_published", "hybrid_fitted"}
LEARNED = "(from train_ratings union all from validation_ratings)"
SLOW_MODELS = {name for name, kind in MODELS.items() if kind.slow}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return finished(tmp_path_factory)[0]


def table(world: World, sql: str, dataset: str = "sample") -> pd.DataFrame:
    return world.project.warehouse.frame(dataset, sql)


def artifact(world: World, name: str, kind: type[Any]) -> Any:
    return load_artifact(world.project.artifact_path("sample", key(name)), kind)


# What held-out rows choose.


def test_of_each_models_candidates_the_one_with_the_least_error_is_chosen(world: World) -> None:
    settings = table(world, "from rating_settings")
    assert set(settings["model"]) == set(MODELS)
    for _, tried in settings.groupby("model"):
        chosen = tried[tried["chosen"]]
        assert chosen["rmse"].to_list() == [tried["rmse"].min()]
        assert tried["candidate"].to_list() == list(range(1, len(tried) + 1))
        assert tried["settings"].is_unique
    assert settings["model"].value_counts().max() > 1


def test_the_published_hybrid_weighs_as_published_and_the_fitted_one_otherwise(world: World) -> None:
    blends = table(world, "from rating_blends").set_index(["blend", "model"])["weight"]
    assert blends["hybrid_published"].to_dict() == {"biased_mf": 0.7, "content_knn": 0.3}
    assert set(blends["hybrid_fitted"].index) == {"biased_mf", "content_knn"}
    assert blends["hybrid_fitted"].to_dict() != blends["hybrid_published"].to_dict()
    assert set(blends["blend"].index) == set(MODELS)
    assert (blends >= 0).all()
    assert blends["blend"].sum() == pytest.approx(1, abs=0.2)


def test_errors_are_given_for_every_validation_row_by_how_often_its_movie_was_rated(world: World) -> None:
    found = world.query("sample", "select min_ratings, n from rating_errors order by 1")
    activity = "select movie_id, count(*) as n_ratings from train_ratings group by 1"
    expected = world.query(
        "sample",
        "select case when n_ratings >= 100 then 100 when n_ratings >= 50 then 50 when n_ratings >= 20 then 20 "
        "when n_ratings >= 5 then 5 else 0 end as min_ratings, count(*) as n from "
        f"(select coalesce(n_ratings, 0) as n_ratings from validation_ratings left join ({activity}) using (movie_id)) "
        "group by 1 order by 1",
    )
    assert found == expected
    assert sum(n for _, n in found) == table(world, "from validation_ratings").shape[0]


def made_choice(*names: str) -> tuple[Choice, RatingLog, RatingLog]:
    """What four held-out ratings chose, two candidates a model; models are off by 1 star, by half, and not at all."""
    log = log_of([0, 0, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1, 1], [1, 2, 3, 3, 3, 4, 5], n_users=3, n_items=4)
    held_out = log_of([0, 1, 2, 2], [0, 1, 2, 0], [2, 4, 3, 5], n_users=3, n_items=4)
    off = np.array([1, -1, -1, -1], dtype=np.float32)
    tried = [
        Tried(name, {"b": 1, "a": number}, rmse=1.0 + number, fit_seconds=0.5, chosen=number == 0)
        for name in names
        for number in (0, 1)
    ]
    predictions = {name: held_out.rating + off / 2**place for place, name in enumerate(names)}
    weights = {name: 1.0 if place == 0 else 0.0 for place, name in enumerate(names)}
    return Choice(tuple(tried), predictions, weights), log, held_out


def test_candidates_are_counted_and_their_settings_kept_as_json_that_does_not_depend_on_their_order() -> None:
    rows = settings_rows(made_choice("bias", "svd")[0])
    assert rows.to_dict("list") == {
        "model": ["bias", "bias", "svd", "svd"],
        "settings": ['{"a": 0, "b": 1}', '{"a": 1, "b": 1}'] * 2,
        "rmse": [1.0, 2.0] * 2,
        "fit_seconds": [0.5] * 4,
        "chosen": [True, False] * 2,
        "candidate": [1, 2] * 2,
    }
    assert chosen_settings(rows) == {"bias": {"a": 0, "b": 1}, "svd": {"a": 0, "b": 1}}


def test_without_content_there_is_no_hybrid() -> None:
    assert set(blend_rows(*made_choice("bias", "biased_mf"))["blend"]) == {"blend"}
    assert set(blend_rows(*made_choice("biased_mf", "content_knn"))["blend"]) == BLENDS


def test_the_fitted_hybrid_errs_least_on_held_out_rows() -> None:
    choice, log, held_out = made_choice("biased_mf", "content_knn")
    exact = replace(choice, predictions=choice.predictions | {"content_knn": held_out.rating})
    rows = blend_rows(exact, log, held_out).set_index(["blend", "model"])["weight"]
    assert rows["hybrid_fitted"].to_dict() == pytest.approx({"biased_mf": 0, "content_knn": 1}, abs=1e-6)


def test_errors_by_activity_in_closed_form() -> None:
    """The blend is the first model, off by 1 but clipped to 1 … 5; item 0 was rated 5 times, 1 twice, 2 never."""
    rows = error_rows(*made_choice("biased_mf", "bias"))
    assert rows.to_dict("list") == {
        "min_ratings": [0, 5],
        "rmse": [pytest.approx(1), pytest.approx(1)],
        "n": [2, 2],
    }


def test_slow_models_are_tried_up_to_their_limit_and_content_neighbours_where_there_is_content() -> None:
    config, side = RatingModelsConfig(slow_up_to=100), SideFeatures(np.empty(0), np.empty(0))
    vectors = ContentVectors(np.empty((0, 1), dtype=np.float32), 0.0)
    with_content, without = Knowledge(side, vectors), Knowledge(side, None)
    assert names_of(recipes(config, with_content, n_ratings=100)) == set(MODELS)
    assert names_of(recipes(config, without, n_ratings=100)) == set(MODELS) - {"content_knn"}
    assert names_of(recipes(config, with_content, n_ratings=101)) == set(MODELS) - SLOW_MODELS
    assert SLOW_MODELS and not SLOW_MODELS & {"bias", "biased_mf", "svdpp"}


def names_of(tried: Iterable[Any]) -> set[str]:
    return {recipe.name for recipe in tried}


# Models.


@pytest.mark.parametrize("fit", SERVED_FITS, ids=[fit.name for fit in SERVED_FITS])
def test_models_are_fitted_with_what_was_chosen_and_nothing_else(world: World, fit: Fit) -> None:
    """Fitted once more from the artifacts that they learn from, they come out the same to the last bit."""
    settings = chosen_settings(table(world, "from rating_settings"))
    knowledge = Knowledge(
        artifact(world, "side_features", SideFeatures),
        artifact(world, f"{fit.name}/content_vectors", ContentVectors),
    )
    log = artifact(world, f"{fit.name}/rating_log", RatingLog)
    made = latest_materializations(world.instance, [fit.key(name) for name in MODELS], "sample")
    versions = world.versions("sample")
    for name, (model, _) in fit_models(
        recipes_as_chosen(settings, knowledge), settings, log, n_threads=1
    ).items():
        assert versions[f"{fit.name}/{name}"] == content_digest(model), name
        metadata = made[fit.key(name)].asset_materialization.metadata
        assert metadata["settings"].value == settings[name]


@pytest.mark.parametrize(
    ("fit", "rows"), [("tuning", "train_ratings"), ("trial", LEARNED), ("live", "ratings")]
)
def test_each_fit_learns_from_its_own_rows(world: World, fit: str, rows: str) -> None:
    log = artifact(world, f"{fit}/rating_log", RatingLog)
    expected = table(world, f"select * from {rows} order by user_id, movie_id")
    assert log.user_ids[log.user].tolist() == expected["user_id"].to_list()
    assert log.item_ids[log.item].tolist() == expected["movie_id"].to_list()
    assert log.rating.tolist() == expected["rating"].to_list()
    assert (
        log.item_ids.tolist() == table(world, "select movie_id from movies order by 1")["movie_id"].to_list()
    )
    days = (expected["rated_at"] - pd.Timestamp(0)) / pd.Timedelta(days=1)
    assert_allclose(log.day, days, rtol=1e-12)


# Predicted stars of test rows.


def test_every_model_and_blend_predicts_every_test_row_within_the_scale(world: World) -> None:
    [(n_rows,)] = world.query("sample", "select count(*) from test_ratings")
    counts = world.query(
        "sample",
        "select model, count(*), count(*) filter (predicted between 0.5 and 5) from holdout_rating_predictions p "
        "join test_ratings t using (user_id, movie_id) where p.rating = t.rating group by model",
    )
    assert {model: (n, within) for model, n, within in counts} == dict.fromkeys(
        set(MODELS) | BLENDS, (n_rows, n_rows)
    )


def test_the_hybrid_s_stars_are_its_weights_of_its_models_stars(world: World) -> None:
    stars = table(
        world,
        "pivot (from holdout_rating_predictions where model in ('hybrid_published', 'biased_mf', 'content_knn')) "
        "on model using first(predicted) group by user_id, movie_id",
    )
    inside = stars[(stars > 0.5).all(axis=1) & (stars[["biased_mf", "content_knn"]] < 5).all(axis=1)]
    assert len(inside) > 0.9 * len(stars)
    expected = 0.7 * inside["biased_mf"] + 0.3 * inside["content_knn"]
    assert_allclose(inside["hybrid_published"], expected, atol=1e-5)


def test_errors_recomputed_from_published_rows_are_the_published_figures(world: World) -> None:
    figures = world.published(
        "sample",
        "select model, metric, value from evaluation "
        "where metric in ('rmse', 'mae') and segment = 'all' and split = 'test' order by all",
    )
    recomputed = world.published(
        "sample",
        "unpivot (select model, sqrt(avg((predicted::double - rating) ** 2)) as rmse, "
        "avg(abs(predicted::double - rating)) as mae from holdout_rating_predictions group by model) "
        "on mae, rmse into name metric value value order by all",
    )
    assert {row[:2] for row in figures} == {
        (model, m) for model in set(MODELS) | BLENDS for m in ("mae", "rmse")
    }
    assert [row[:2] for row in recomputed] == [row[:2] for row in figures]
    assert_allclose([row[2] for row in recomputed], [row[2] for row in figures], rtol=1e-9)


def test_the_blend_errs_less_than_biases_beyond_doubt(world: World) -> None:
    pairs = table(world, "from comparisons where metric = 'rmse' and segment = 'all'").set_index(
        ["model", "baseline"]
    )
    assert set(pairs.index) == set(COMPARED)
    assert pairs.loc[("blend", "bias"), "ci_high"] < 0
    errors = table(world, "from evaluation where metric = 'rmse' and segment = 'all'").set_index("model")[
        "value"
    ]
    for model, baseline in COMPARED:
        assert pairs.loc[(model, baseline), "difference"] == pytest.approx(errors[model] - errors[baseline])


# Lists.


def test_judged_lists_have_n_movies_a_user_that_were_not_rated_before_best_first(world: World) -> None:
    [(n_users,)] = world.query("sample", "select count(distinct user_id) from ratings")
    lists = world.query(
        "sample",
        "select model, count(distinct user_id), count(*), min(rank), max(rank), count(distinct (user_id, movie_id)) "
        "from holdout_predicted_top group by model",
    )
    assert {model: tuple(rest) for model, *rest in lists} == dict.fromkeys(
        set(MODELS) | BLENDS, (n_users, 20 * n_users, 1, 20, 20 * n_users)
    )
    assert world.query(
        "sample", f"select count(*) from holdout_predicted_top semi join {LEARNED} using (user_id, movie_id)"
    ) == [(0,)]
    rising = (
        "select count(*) from (select predicted - lag(predicted) over (partition by model, user_id order by rank) as d "
        "from holdout_predicted_top) where d > 0"
    )
    assert world.query("sample", rising) == [(0,)]


def test_the_list_of_a_constant_model_is_its_users_first_unrated_movies(world: World) -> None:
    """The mean says the same of all: places go by number."""
    expected = (
        f"select user_id, movie_id from (select distinct user_id from ratings) cross join movies anti join {LEARNED} "
        "using (user_id, movie_id) qualify row_number() over (partition by user_id order by movie_id) <= 20 "
        "order by all"
    )
    found = "select user_id, movie_id from holdout_predicted_top where model = 'global_mean' order by all"
    assert world.query("sample", found) == world.query("sample", expected)


def test_published_lists_have_n_movies_that_were_never_rated_with_stars_confidence_and_error(
    world: World,
) -> None:
    lists = table(world, "from predicted_ratings_top order by user_id, rank")
    n_users = table(world, "select distinct user_id from ratings").shape[0]
    assert lists["rank"].to_list() == list(range(1, 21)) * n_users
    assert lists["user_id"].is_monotonic_increasing
    assert not lists.duplicated(["user_id", "movie_id"]).any()
    assert not lists.merge(table(world, "from ratings"), on=["user_id", "movie_id"]).size
    assert (lists["source"] == "personal").all()
    assert (lists.groupby("user_id")["predicted_rating"].diff().dropna() <= 0).all()
    assert (lists["confidence"] == np.where(lists["predicted_rating"] >= 4, "high", "medium")).all()
    assert set(lists["confidence"]) == {"high", "medium"}


def test_the_error_to_expect_is_that_of_movies_rated_about_as_often(world: World) -> None:
    expected = world.query(
        "sample",
        "select user_id, rank, (select arg_max(rmse, min_ratings) from rating_errors where min_ratings <= n_ratings) "
        "from predicted_ratings_top join default_ratings using (movie_id) order by all",
    )
    found = world.query(
        "sample", "select user_id, rank, expected_error from predicted_ratings_top order by all"
    )
    assert_allclose(np.array(found), np.array(expected, dtype=np.float64), rtol=1e-6)
    assert len({error for *_, error in found}) > 1


# People and movies without a history, in a world of 40 people of whom one has rated 3 movies.


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world in which models of stars were made, judged and listed of a data set in the layout of MovieLens 1M."""
    world = world_of(tmp_path_factory.mktemp("made") / "world", "ml-1m")
    names = upstream(
        "rating_comparisons", "predicted_ratings_top", "default_ratings", "live/svdpp_similar_movies"
    )
    result = world.run("ml-1m", names, config={"live__cold_start": {"min_ratings": 5, "min_mean": 3.0}})
    assert result.success
    assert all(every_check(result).values())
    return world


def test_a_newcomer_gets_the_cold_start_list_without_what_they_have_rated(made: World) -> None:
    newcomer = table(made, f"from predicted_ratings_top where user_id = {NEWCOMER} order by rank", "ml-1m")
    rated = {movie for user, movie, *_ in RATINGS if user == NEWCOMER}
    cold = table(made, "from live__cold_start order by rank", "ml-1m")
    expected = [movie for movie in cold["movie_id"] if movie not in rated]
    assert newcomer["movie_id"].to_list() == expected
    assert newcomer["rank"].to_list() == list(range(1, len(expected) + 1))
    assert (newcomer["source"] == "cold_start").all()
    assert 0 < len(expected) < len(cold)
    of_anybody = table(made, "from default_ratings", "ml-1m").set_index("movie_id")["predicted_rating"]
    assert newcomer["predicted_rating"].to_list() == of_anybody[expected].to_list()
    others = table(
        made, f"select distinct source from predicted_ratings_top where user_id <> {NEWCOMER}", "ml-1m"
    )
    assert others["source"].to_list() == ["personal"]


@pytest.mark.parametrize(("personal_from", "source"), [(3, "personal"), (4, "cold_start")])
def test_lists_become_personal_with_so_many_ratings(
    made: World, tmp_path: Path, personal_from: int, source: str
) -> None:
    copy = made.copy(tmp_path / "world")
    settings = {"personal_from": personal_from, "high_from": 3.5}
    assert copy.run("ml-1m", ["predicted_ratings_top"], config={"predicted_ratings_top": settings}).success
    lists = table(copy, "from predicted_ratings_top", "ml-1m")
    assert set(lists[lists["user_id"] == NEWCOMER]["source"]) == {source}
    assert (lists["confidence"] == np.where(lists["predicted_rating"] >= 3.5, "high", "medium")).all()


def test_every_movie_has_default_stars_from_its_ratings_or_else_its_genres(world: World) -> None:
    found = world.query("sample", "select movie_id, n_ratings, source from default_ratings order by movie_id")
    expected = world.query(
        "sample",
        "select movie_id, count(rating), if(count(rating) > 0, 'ratings', 'genres') from movies "
        "left join ratings using (movie_id) group by movie_id order by movie_id",
    )
    assert found == expected
    assert {source for *_, source in found} == {"ratings", "genres"}
    log, side = artifact(world, "live/rating_log", RatingLog), artifact(world, "side_features", SideFeatures)
    stars = table(world, "from default_ratings order by movie_id")["predicted_rating"]
    assert_allclose(stars, expected_stars(log, side.items, damping=10), rtol=1e-6)


def test_similar_movies_are_those_whose_factors_point_the_same_way(made: World) -> None:
    rows = table(made, "from live__svdpp_similar_movies order by movie_id, rank", "ml-1m")
    path = made.project.artifact_path("ml-1m", key("live/svdpp"))
    with np.load(path, allow_pickle=False) as stored:
        factors = stored["item_factors"] / np.linalg.norm(stored["item_factors"], axis=1, keepdims=True)
    cosine = factors @ factors.T
    assert_allclose(rows["similarity"], cosine[rows["movie_id"] - 1, rows["similar_movie_id"] - 1], atol=1e-5)
    np.fill_diagonal(cosine, -2)
    first = rows[rows["rank"] == 1]
    assert (first["similar_movie_id"] - 1).to_list() == cosine.argmax(axis=1)[first["movie_id"] - 1].tolist()


# On large data slow models are left out.


def test_on_large_data_slow_models_are_left_out_and_nothing_is_out_of_date(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = finished(tmp_path_factory)[0].copy(tmp_path / "world")
    before = {path.name.split("-")[0] for path in (copy.data / "models" / "sample").glob("*.json")}
    assert before == {f"{name}.json" for name in [*MODELS, "blend", "lists"]}
    # A data set of its own: here the blend of all models was crowned, and what is left of it is worse on the same rows.
    PromotionLog(copy.data, "sample").path.unlink()
    # Long enough that what is left of the blend still beats biases, which a gate demands.
    config = {"choose_rating_models": {"slow_up_to": 0, "epochs": 40}}
    result = copy.run("sample", downstream("rating_settings") - slow(), config=config)
    assert result.success, [check for check, passed in every_check(result).items() if not passed]
    left = set(MODELS) - SLOW_MODELS
    assert copy.published("sample", "select count(distinct model) from rating_settings") == [(len(left),)]
    models = copy.published("sample", "select distinct model from holdout_rating_predictions")
    predicted = {model for (model,) in models}
    assert predicted == left | {"blend"}
    assert copy.published("sample", "select generation from publication") == [(2,)]
    assert copy.stale("sample") == {}
    packages = {path.stem for path in (copy.data / "models" / "sample").glob("*.json")}
    assert packages == left | {"blend", "lists"}
    artifacts = copy.data / "artifacts" / "sample" / "live"
    assert {path.stem for path in artifacts.glob("*.npz")} & set(MODELS) == left


# What gates catch.


def checked(world: World, *assets: str) -> dict[tuple[str, str], dg.AssetCheckEvaluation]:
    """The checks of these assets that fail."""
    result = world.check("sample", assets)
    return {
        (check.asset_key.to_user_string(), check.check_name): check
        for check in result.get_asset_check_evaluations()
        if not check.passed
    }


FAULTS = {
    "a row is missing": (
        "every_test_row",
        "delete from holdout_rating_predictions where model = 'svdpp' and rowid = "
        "(select max(rowid) from holdout_rating_predictions where model = 'svdpp')",
        "svdpp left out test rows",
    ),
    "stars given are others": (
        "every_test_row",
        "update holdout_rating_predictions set rating = 5.5 - rating where model = 'bias' and user_id = 1",
        "bias left out test rows",
    ),
    "estimates are all tied": (
        "estimates_tell",
        "update holdout_rating_predictions set predicted = 3.5 where model = 'biased_mf' and rowid % 3 > 0",
        "biased_mf say nothing of who rates what",
    ),
    "estimates turn the wrong way": (
        "estimates_tell",
        "update holdout_rating_predictions set predicted = 5.5 - predicted where model in ('blend', 'item_knn')",
        "blend, item_knn say nothing of who rates what",
    ),
    "a list shows what was rated": (
        "nothing_seen",
        "update holdout_predicted_top set movie_id = (select min(movie_id) from train_ratings t "
        "where t.user_id = holdout_predicted_top.user_id) where user_id = 1 and rank = 1 and model = 'bias'",
        None,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_with_judged_stars_is_caught_and_said(world: World, tmp_path: Path, fault: str) -> None:
    name, sql, said = FAULTS[fault]
    copy = world.copy(tmp_path / "world")
    copy.query("sample", sql)
    caught = checked(copy, "holdout_rating_predictions")
    assert {check for _, check in caught} == {name}
    [check] = caught.values()
    assert check.description == said
    assert check.blocking


def rolled(model: Any, n_items: int) -> Any:
    """The model with all that it knows of each item one place off."""
    arrays = {field.name: getattr(model, field.name) for field in fields(model)}
    of_items = {
        name: np.roll(value, 1, axis=value.shape.index(n_items))
        for name, value in arrays.items()
        if isinstance(value, np.ndarray) and n_items in value.shape
    }
    assert of_items
    return replace(model, **of_items)


def test_a_blend_whose_movies_have_slipped_does_not_know_what_it_learned(
    world: World, tmp_path: Path
) -> None:
    copy = world.copy(tmp_path / "world")
    assert checked(copy, "predicted_ratings_top") == {}
    [(n_items,)] = copy.query("sample", "select count(*) from movies")
    used = table(copy, "from rating_blends where blend = 'blend' and weight > 0")["model"]
    for name in used:
        path = copy.project.artifact_path("sample", key(f"live/{name}"))
        save_artifact(path, rolled(load_artifact(path, MODELS[name].type), n_items))
    caught = checked(copy, "predicted_ratings_top")
    assert caught.keys() == {("predicted_ratings_top", "knows_what_it_learned")}
    [check] = caught.values()
    assert check.blocking
    assert check.metadata["blend_rmse"].value > check.metadata["bias_rmse"].value
    assert f"RMSE {check.metadata['blend_rmse'].value:.3f} against" in check.description


def test_settings_are_json_of_the_same_keys_for_each_of_a_models_candidates(world: World) -> None:
    for _, tried in table(world, "from rating_settings").groupby("model"):
        assert len({tuple(json.loads(text)) for text in tried["settings"]}) == 1
