"""The assets of likes: what they leave behind on a part of the sample, what they may know, what their checks find."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from recsys_assets.algorithms.liking.boost import boosted
from recsys_assets.algorithms.liking.features import FEATURES
from recsys_assets.algorithms.liking.learning import VARIANTS
from recsys_assets.defs.classification.rows import read_settings
from recsys_assets_tests.graph import World, every_check, upstream

MODELS = {*VARIANTS, "bias", "movie_mean", "ensemble", "cluster_hybrid", "constant_boost"}
SETTINGS = ("like_settings", "like_calibration", "like_blend")
JUDGED = ("holdout_like_predictions", "like_evaluation", "like_comparisons")
LISTS = [
    f"{fit}/{name}_recommendations"
    for fit in ("trial", "live")
    for name in ("like_ensemble", "cluster_hybrid")
]
LAST_USER = 70

FEATURES_QUICK = {"fm_samples": 4, "fm_burn_in": 2, "fm_kept": 2, "epochs": 5, "n_factors": 8}
TREES_QUICK = FEATURES_QUICK | {"n_tree_threads": 1}
QUICK: dict[str, Any] = {
    **{f"{fit}__like_features": FEATURES_QUICK for fit in ("tuning", "trial", "live")},
    "choose_like_models": TREES_QUICK | {"max_trees": 20, "min_child_weight": 5.0},
    **{f"fit_like_models_{fit}": TREES_QUICK | {"min_child_weight": 5.0} for fit in ("trial", "live")},
    **dict.fromkeys(("predict_like_holdout", "recommend_likes"), TREES_QUICK),
    "evaluate_likes": {"n_resamples": 100},
}


def cut(world: World) -> None:
    """Leave the first users' rows of the sample alone."""
    for name in ("ratings.csv", "tags.csv"):
        path = world.data / "sample" / name
        head, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [row for row in rows if (user := row.split(",")[0]).isdigit() and int(user) <= LAST_USER]
        path.write_text("".join([head, *kept]), encoding="utf-8")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, dg.ExecuteInProcessResult]]:
    """A world in which the like models and all that they are made of have run on a part of the sample."""
    world = World.new(tmp_path_factory.mktemp("likes") / "world", remembered=False)
    cut(world)
    with world.instance:
        yield world, world.run("sample", upstream(*SETTINGS, *JUDGED, *LISTS), config=QUICK)


@pytest.fixture
def world(ran: tuple[World, dg.ExecuteInProcessResult]) -> World:
    return ran[0]


def checked(world: World, asset: str) -> dict[str, dg.AssetCheckEvaluation]:
    """What the checks of an asset and of what is made with it say."""
    with world.instance:
        found = world.check("sample", [asset]).get_asset_check_evaluations()
    return {check.check_name: check for check in found}


def test_all_is_made_and_every_check_passes(ran: tuple[World, dg.ExecuteInProcessResult]) -> None:
    world, result = ran
    assert result.success
    found = every_check(result)
    assert found.keys() >= {
        ("like_comparisons", "boost_matters"),
        *((name, "nothing_seen") for name in LISTS),
    }
    assert [check for check, passed in found.items() if not passed and check[1] != "boost_matters"] == []
    assert {*SETTINGS, *JUDGED, *LISTS} <= world.versions("sample").keys()


def test_each_model_predicts_each_test_row_once(world: World) -> None:
    [(n_test,)] = world.query("sample", "select count(*) from test_ratings")
    counts = world.query(
        "sample",
        "select model, count(*), count(distinct (user_id, movie_id)) from holdout_like_predictions "
        "semi join test_ratings using (user_id, movie_id) group by model",
    )
    assert n_test > 0
    assert {model: rest for model, *rest in counts} == {model: [n_test, n_test] for model in MODELS}
    assert world.query("sample", "select count(*) from holdout_like_predictions") == [(n_test * len(MODELS),)]
    [(n_wrong,)] = world.query(
        "sample",
        "select count(*) from holdout_like_predictions p join test_ratings t using (user_id, movie_id) "
        "where p.liked != (t.rating >= 4) or p.probability not between 0 and 1",
    )
    assert n_wrong == 0


def test_models_tell_likes_better_than_movies_alone(world: World) -> None:
    aucs = dict(
        world.query(
            "sample", "select model, value from like_evaluation where metric = 'auc' and segment = 'all'"
        )
    )
    assert aucs.keys() == MODELS
    assert aucs["ensemble"] > aucs["movie_mean"] > 0.5


@pytest.mark.parametrize(
    ("name", "learned"), [("trial", "train_ratings union all from validation_ratings"), ("live", "ratings")]
)
def test_lists_are_complete_and_show_nothing_seen(world: World, name: str, learned: str) -> None:
    for strategy in ("like_ensemble", "cluster_hybrid"):
        lists = f"{name}__{strategy}_recommendations"
        assert world.query(
            "sample", f"select count(*) from {lists} semi join (from {learned}) using (user_id, movie_id)"
        ) == [(0,)]
        shapes = world.query(
            "sample",
            "select distinct count(*), count(distinct movie_id), min(rank), max(rank) "
            f"from {lists} group by user_id",
        )
        assert shapes == [(20, 20, 1, 20)]
        assert world.query("sample", f"select count(distinct user_id) from {lists}") == world.query(
            "sample", f"select count(distinct user_id) from (from {learned})"
        )


def test_settings_come_back_from_their_tables(world: World) -> None:
    settings = read_settings(*(world.project.warehouse.frame("sample", f"from {name}") for name in SETTINGS))
    assert settings.n_trees.keys() == set(VARIANTS)
    assert VARIANTS[settings.classifier].objective == "like"
    assert VARIANTS[settings.regressor].objective == "stars"
    assert settings.calibrators.keys() == {*VARIANTS, "bias"}
    for curve in settings.calibrators.values():
        assert np.all(np.diff(curve.score) > 0) and np.all(np.diff(curve.probability) >= 0)
    chosen = world.query(
        "sample",
        "select parameter, clusters, value from like_blend b where log_loss = "
        "(select min(log_loss) from like_blend where parameter = b.parameter) and chosen order by parameter",
    )
    assert chosen == [
        ("boost_strength", settings.boost_kind, settings.boost_strength),
        ("classifier_weight", "none", settings.weight),
    ]


def test_importance_is_of_the_features_that_the_live_classifier_sees(world: World) -> None:
    [(classifier,)] = world.query(
        "sample", "select model from like_settings where chosen and objective = 'like'"
    )
    rows = world.query("sample", "select feature, feature_group, knows from like_importance")
    used = [FEATURES[column] for column in VARIANTS[classifier].columns]
    assert sorted(rows) == sorted((feature.name, feature.group, feature.knows) for feature in used)
    [(gain, contribution)] = world.query(
        "sample", "select sum(gain), max(mean_contribution) from like_importance"
    )
    assert gain == pytest.approx(1)
    assert contribution > 0


def test_no_test_row_reaches_the_models_that_are_judged() -> None:
    trees = [f"trial/{name}" for name in VARIANTS]
    learned = upstream("tuning/like_features", "trial/like_features", *SETTINGS, *trees, *LISTS[:2])
    assert {"validation_ratings", "trial/genre_clusters"} <= learned
    assert "test_ratings" not in learned
    assert not [name for name in learned if name.startswith("live/")]
    assert "validation_ratings" not in upstream("tuning/like_features")
    # Live lists stand on all rows; but what chose their settings does not.
    assert "test_ratings" not in upstream(*LISTS[2:])
    assert "test_ratings" in upstream("holdout_like_predictions")


def test_no_boost_is_the_ensemble_and_a_warning(world: World, tmp_path: Path) -> None:
    copy = world.copy(tmp_path / "world")
    copy.query(
        "sample",
        "update like_blend set chosen = (value = 0 and clusters = 'genre') where parameter = 'boost_strength'",
    )
    with copy.instance:
        result = copy.run("sample", ["holdout_like_predictions", "like_comparisons"], config=QUICK)
    assert result.success
    [found] = [e for e in result.get_asset_check_evaluations() if e.check_name == "boost_matters"]
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert found.metadata["share_of_users_with_another_list"].value == 0
    assert found.metadata["constant_boost_changes_a_ranking"].value is False
    assert copy.query(
        "sample",
        "select count(*) from (select user_id, rank, movie_id from trial__like_ensemble_recommendations "
        "except from (select user_id, rank, movie_id from trial__cluster_hybrid_recommendations))",
    ) == [(0,)]


def test_a_constant_boost_that_ranks_otherwise_is_a_warning(world: World, tmp_path: Path) -> None:
    copy = world.copy(tmp_path / "world")
    copy.query(
        "sample",
        "update like_comparisons set difference = 0.01 where model = 'constant_boost' and metric = 'auc_per_user'",
    )
    assert not checked(copy, "like_comparisons")["boost_matters"].passed


def test_the_constant_boost_never_changes_a_ranking(world: World) -> None:
    [(n_pairs, n_swapped, largest)] = world.query(
        "sample",
        """
        with wide as (
            select user_id, movie_id, max(probability) filter (where model = 'ensemble') as p,
                max(probability) filter (where model = 'constant_boost') as q
            from holdout_like_predictions group by all
        )
        select count(*), count(*) filter (where a.q > b.q), max(abs(a.p - a.q))
        from wide a join wide b using (user_id) where a.p < b.p
        """,
    )
    assert n_pairs > 100
    assert n_swapped == 0
    assert largest > 0.01


def test_any_constant_factor_keeps_the_order_of_single_precision_probabilities() -> None:
    one = np.float32(0.9)
    probability = [one := np.nextafter(one, np.float32(1)) for _ in range(2000)]
    for factor in (1.0, 1.1, 1.4):
        raised = boosted(np.array(probability, dtype=np.float64), np.full(2000, np.log(factor)), strength=1)
        assert np.all(np.diff(raised) > 0)
