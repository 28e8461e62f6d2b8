"""Cross-validation: folds that hide what they test, figures over them, made when asked for and then left alone."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from rating_logs import planted_log
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.rating_prediction.factorization_machine import SideFeatures
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.defs.rating_prediction.recipes import MODELS, Knowledge
from recsys_assets_tests.graph import (
    FEW_MODELS_OF_STARS,
    World,
    cross_validated,
    downstream,
    every_check,
    finished,
    leaking,
    slow,
    upstream,
)
from recsys_assets_tests.made_datasets import FOLDS, RATINGS, world_of

JUDGED = set(MODELS) - {"content_knn"} | {"blend"}
"""Content vectors of the data set as a whole know nothing of folds, so that content neighbours stay out of them."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The sample after a full run: it has no folds of its own."""
    return cross_validated(tmp_path_factory)[0]


@pytest.fixture
def copy(world: World, tmp_path: Path) -> World:
    return world.copy(tmp_path / "world")


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A made data set in the layout of MovieLens 100K, with the folds that its authors cut, up to the figures."""
    world = world_of(tmp_path_factory.mktemp("official") / "world", "ml-100k")
    result = world.run("ml-100k", upstream("cross_validation"), with_slow=True)
    assert result.success
    assert all(every_check(result).values())
    return world


def table(world: World, sql: str, dataset: str = "sample") -> pd.DataFrame:
    return world.project.warehouse.frame(dataset, sql)


# Folds.


def test_random_folds_deal_every_rating_once_into_parts_of_equal_size(world: World) -> None:
    assert world.query("sample", "select distinct split from rating_folds") == [("random_5fold",)]
    assert world.query(
        "sample", "select user_id, movie_id, rating, rated_at from rating_folds order by all"
    ) == (world.query("sample", "select user_id, movie_id, rating, rated_at from ratings order by all"))
    sizes = dict(world.query("sample", "select fold, count(*) from rating_folds group by fold"))
    assert sizes.keys() == {"1", "2", "3", "4", "5"}
    assert max(sizes.values()) - min(sizes.values()) <= 1


def test_folds_are_dealt_at_random_and_by_the_seed(copy: World) -> None:
    before = copy.versions("sample")["rating_folds"]
    [(correlation,)] = copy.query("sample", "select corr(fold::int, rating) from rating_folds")
    assert abs(correlation) < 0.02  # five standard deviations of a correlation of 66,135 rows
    for seed, same in ((1, False), (0, True)):
        assert copy.run(
            "sample", ["rating_folds"], config={"deal_folds": {"seed": seed}}, with_slow=True
        ).success
        assert (copy.versions("sample")["rating_folds"] == before) == same


def test_official_folds_are_those_of_their_files(official: World) -> None:
    folds = official.query("ml-100k", "select fold, user_id, movie_id, rating from rating_folds order by all")
    expected = sorted(
        (fold, user, movie, float(stars))
        for number, fold in enumerate(FOLDS)
        for user, movie, stars, _ in RATINGS[number :: len(FOLDS)]
    )
    assert folds == expected
    assert official.query("ml-100k", "select distinct split from rating_folds") == [("official_5fold",)]
    assert official.query("ml-100k", "select distinct split from cross_validation") == [("official_5fold",)]


# What is learned within a fold.


def one_fold(log: RatingLog, test: RatingLog, **changed: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    module = import_module("recsys_assets.defs.cross_validation.assets")
    config = module.CrossValidationConfig(**FEW_MODELS_OF_STARS, **changed)
    nothing = SideFeatures(
        csr_matrix((log.n_users, 0), dtype=np.float32), csr_matrix((log.n_items, 0), dtype=np.float32)
    )
    chosen, predicted = module._one_fold(log, test, config, Knowledge(nothing, None))
    return chosen.drop(columns="fit_seconds"), predicted


def test_the_stars_of_a_fold_s_own_rows_change_nothing_that_is_chosen_or_predicted() -> None:
    log, test = planted_log(30, 20, n_factors=2, noise=0.3, share=0.7, seed=0)
    chosen, predicted = one_fold(log, test)
    other, again = one_fold(log, replace(test, rating=test.rating[::-1].copy()))
    pd.testing.assert_frame_equal(other, chosen)
    pd.testing.assert_frame_equal(again.drop(columns="rating"), predicted.drop(columns="rating"))
    assert not np.array_equal(again["rating"], predicted["rating"])


def test_the_stars_of_the_other_rows_and_the_seed_do() -> None:
    log, test = planted_log(30, 20, n_factors=2, noise=0.3, share=0.7, seed=0)
    chosen, predicted = one_fold(log, test)
    for other, again in (one_fold(replace(log, rating=6 - log.rating), test), one_fold(log, test, seed=1)):
        assert not other["inner_rmse"].equals(chosen["inner_rmse"])
        assert not again["predicted"].equals(predicted["predicted"])


def test_each_fold_chose_settings_and_weights_of_its_own(world: World) -> None:
    models = table(world, "from fold_models")
    assert models.groupby("fold")["model"].agg(set).to_dict() == dict.fromkeys("12345", JUDGED - {"blend"})
    weights = models.set_index(["fold", "model"])["weight"].unstack()
    assert (weights >= 0).all(axis=None)
    assert not weights.duplicated().any()
    tried = {"biased_mf": "mf_regularizations", "svdpp": "svdpp_regularizations"}
    for name, candidates in tried.items():
        chosen = [json.loads(text)["regularization"] for text in models[models["model"] == name]["settings"]]
        assert set(chosen) <= set(FEW_MODELS_OF_STARS[candidates])


def test_the_blend_s_stars_are_the_fold_s_weights_of_its_models_stars(world: World) -> None:
    weights = table(world, "from fold_models").set_index(["fold", "model"])["weight"].unstack()
    stars = table(
        world, "pivot fold_predictions on model using first(predicted) group by fold, user_id, movie_id"
    )
    means = table(
        world,
        "select f.fold, avg(r.rating) as mean from (select distinct fold from rating_folds) f "
        "join rating_folds r on r.fold <> f.fold group by f.fold",
    ).set_index("fold")["mean"]
    for fold, rows in stars.groupby("fold"):
        deviations = rows[weights.columns].to_numpy() - means[fold]
        blend = means[fold] + deviations @ weights.loc[fold].to_numpy()
        assert_allclose(rows["blend"], blend.clip(0.5, 5), atol=1e-4)


# Figures.


@pytest.mark.parametrize(("name", "dataset"), [("world", "sample"), ("official", "ml-100k")])
def test_there_is_a_row_a_fold_and_the_mean_spread_and_pooled_error_over_them(
    name: str, dataset: str, request: pytest.FixtureRequest
) -> None:
    judged: World = request.getfixturevalue(name)
    figures = table(judged, "from cross_validation", dataset)
    predicted = table(judged, "select *, (predicted::double - rating) as off from fold_predictions", dataset)
    found = figures.set_index(["model", "segment", "metric"])["value"]
    folds = sorted(predicted["fold"].unique())
    assert set(figures["model"]) == set(predicted["model"]) == JUDGED
    assert set(figures["segment"]) == {*folds, "all"}
    for model, rows in predicted.groupby("model"):
        over_folds = rows.groupby("fold")["off"].agg(
            rmse=lambda off: np.sqrt(np.mean(off**2)), mae=lambda off: off.abs().mean()
        )
        for metric in ("rmse", "mae"):
            assert [found[model, fold, metric] for fold in folds] == pytest.approx(
                over_folds[metric].to_list()
            )
            assert found[model, "all", metric] == pytest.approx(over_folds[metric].mean())
            assert found[model, "all", f"{metric}_std"] == pytest.approx(over_folds[metric].std())
        assert found[model, "all", "rmse_pooled"] == pytest.approx(np.sqrt(np.mean(rows["off"] ** 2)))
    assert figures.groupby("model").size().unique().tolist() == [2 * len(folds) + 6]


def test_the_blend_errs_least_over_the_folds(world: World) -> None:
    means = table(world, "from cross_validation where segment = 'all' and metric = 'rmse'").set_index(
        "model"
    )["value"]
    assert means.idxmin() == "blend"


# Made when asked for, and then left alone.


def test_a_full_run_adds_cross_validation_and_all_that_shows_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    before, _ = finished(tmp_path_factory)
    stale = before.stale("sample", with_slow=True)
    assert stale.keys() == downstream("rating_folds", "comparisons")
    assert {name for name, why in stale.items() if why == "never made"} == slow()
    after, outcome = cross_validated(tmp_path_factory)
    assert outcome.success
    assert all(outcome.checks.values())
    assert after.versions("sample").keys() - before.versions("sample").keys() == slow()
    assert after.published("sample", "select generation from publication") == [(2,)]


MADE = "from cross_validation union all by name from like_cross_validation"


def test_its_figures_are_published_beside_the_others(world: World) -> None:
    columns = "model, split, segment, metric, value"
    published = world.published(
        "sample", f"select {columns} from evaluation where split <> 'test' order by all"
    )
    assert published == world.query("sample", f"select {columns} from ({MADE}) order by all")
    [(n_made, n_judged)] = world.published(
        "sample",
        "select count(distinct asset) filter (asset in ('rating_folds', 'fold_predictions', 'cross_validation')), "
        "count(distinct asset) filter (asset = 'rating_evaluation') from versions",
    )
    assert (n_made, n_judged) == (3, 1)


def test_it_is_told_of_in_every_model_s_package(world: World) -> None:
    package = json.loads((world.data / "models" / "sample" / "svdpp.json").read_text(encoding="utf-8"))
    figures = {(row["split"], row["metric"]): row["value"] for row in package["metrics"]}
    [(value,)] = world.query(
        "sample",
        "select value from cross_validation where model = 'svdpp' and segment = 'all' and metric = 'rmse'",
    )
    assert figures["random_5fold", "rmse"] == value
    assert ("test", "rmse") in figures


def test_after_it_nothing_is_out_of_date_for_either_run(world: World) -> None:
    assert world.stale("sample") == {}
    assert world.stale("sample", with_slow=True) == {}


def test_a_run_of_everything_leaves_it_alone_and_keeps_its_figures(copy: World) -> None:
    before = copy.versions("sample")
    copy.edit(
        "datasets.toml", lambda text: text.replace("als_ndcg_at_10_min = 0.20", "als_ndcg_at_10_min = 0.19")
    )
    stale = copy.stale("sample")
    assert stale.keys() == downstream("gate_thresholds") == copy.stale("sample", with_slow=True).keys()
    assert copy.run("sample", {*stale, "evaluation"}).success
    after = copy.versions("sample")
    assert [name for name in slow() | {"evaluation"} if after[name] != before[name]] == []
    figures = "select count(*) from evaluation where split = 'random_5fold'"
    assert copy.published("sample", figures) == copy.query(
        "sample", f"select count(*) from ({MADE}) where split = 'random_5fold'"
    )
    assert copy.stale("sample") == copy.stale("sample", with_slow=True) == {}


def test_a_changed_rating_makes_it_out_of_date_for_a_full_run_alone(copy: World) -> None:
    folder = copy.data / "inbox" / "sample"
    folder.mkdir(parents=True)
    (folder / "new.csv").write_text("userId,movieId,rating,timestamp\n1,2,4.0,1500000000\n")
    assert copy.stale("sample").keys() == downstream("inbox") - slow()
    assert copy.stale("sample", with_slow=True).keys() == downstream("inbox") >= slow()


# What gates catch.


def test_a_row_that_is_missing_or_in_another_fold_is_caught(copy: World) -> None:
    assert every_check(copy.check("sample", ["fold_predictions"]))[
        "fold_predictions", "every_row_in_its_fold"
    ]
    copy.query("sample", "delete from fold_predictions where model = 'svdpp' and rowid % 5000 = 0")
    [(n_missing,)] = copy.query(
        "sample",
        "select count(*) from rating_folds "
        "anti join (from fold_predictions where model = 'svdpp') using (user_id, movie_id)",
    )
    copy.query(
        "sample",
        "update fold_predictions set fold = if(fold = '1', '2', '1') where model = 'bias' and user_id = 1",
    )
    [(n_astray,)] = copy.query(
        "sample", "select count(*) from fold_predictions where model = 'bias' and user_id = 1"
    )
    result = copy.check("sample", ["fold_predictions"])
    assert [check for check, passed in every_check(result).items() if not passed] == [
        ("fold_predictions", "every_row_in_its_fold")
    ]
    [check] = [one for one in result.get_asset_check_evaluations() if not one.passed]
    assert check.metadata["rows_missing_or_astray"].value == n_missing + 2 * n_astray
    assert n_missing > 0 and n_astray > 0


@pytest.mark.parametrize("dep", ["rating_folds", "official_folds", "fold_predictions"])
@pytest.mark.parametrize("name", ["live/leaky", "clusters"])
def test_a_model_that_learns_from_folds_is_caught(dep: str, name: str) -> None:
    checks = import_module("recsys_assets.defs.cross_validation.checks")
    assert checks.reach_no_model().passed
    with leaking(dep, name=name):
        found = checks.reach_no_model()
    assert not found.passed
    assert found.description == f"folds reach {name}"


def test_folds_that_reach_a_model_stop_the_run(copy: World) -> None:
    with leaking("rating_folds"):
        result = copy.run("sample", ["rating_folds", "cross_validation"], with_slow=True)
    assert not result.success
    assert [check for check, passed in every_check(result).items() if not passed] == [
        ("rating_folds", "reach_no_model")
    ]
    assert not result.asset_materializations_for_node("evaluate_folds")
