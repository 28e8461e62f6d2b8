"""Gates hold: what fails is not published, says so in words, and every planted fault is caught by its check."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from recsys_assets.algorithms.embeddings import Embeddings
from recsys_assets.defs.evaluation.gates import GATES, PROMOTION, Measured, judge
from recsys_assets.storage.arrays import load_artifact, save_artifact
from recsys_assets_tests.graph import World, downstream, every_check, finished, leaking, recsys


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return finished(tmp_path_factory)[0]


def failed(result: dg.ExecuteInProcessResult) -> set[tuple[str, str]]:
    return {check for check, passed in every_check(result).items() if not passed}


# Judging.

OFF = dict.fromkeys([*GATES, *PROMOTION], "off")


def measured(**changed: object) -> Measured:
    evaluation = pd.DataFrame(
        [
            ("als", "test", "ndcg", 10, "all", 0.25),
            ("hybrid", "test", "ndcg", 10, "all", 0.26),
            ("blend", "test", "rmse", 0, "all", 0.85),
            ("blend", "test", "rmse", 0, "head", 0.7),
            ("blend", "test", "coverage", 10, "all_items", 0.2),
        ],
        columns=["model", "split", "metric", "k", "segment", "value"],
    )
    comparisons = pd.DataFrame(
        [
            ("als", "popularity", "ndcg", 10, "all", 0.05, 0.01, 0.09),
            ("blend", "bias", "rmse", 0, "all", -0.03, -0.05, -0.01),
        ],
        columns=["model", "baseline", "metric", "k", "segment", "difference", "ci_low", "ci_high"],
    )
    return replace(Measured(evaluation, comparisons, n_ratings=100, n_rejected=2, n_read=200), **changed)


@pytest.mark.parametrize(
    ("gate", "threshold", "value", "passed"),
    [
        ("ratings_min", 100, 100, True),
        ("ratings_min", 101, 100, False),
        ("rejected_share_max", 0.01, 0.01, True),
        ("rejected_share_max", 0.009, 0.01, False),
        ("als_ndcg_at_10_min", 0.25, 0.25, True),
        ("als_ndcg_at_10_min", 0.2501, 0.25, False),
        ("als_beats_popularity_min", 0.0, 0.01, True),
        ("als_beats_popularity_min", 0.01, 0.01, False),
        ("blend_rmse_max", 0.85, 0.85, True),
        ("blend_rmse_max", 0.84, 0.85, False),
        ("blend_beats_bias_min", 0.0, 0.01, True),
        ("blend_beats_bias_min", 0.01, 0.01, False),
        ("blend_coverage_at_10_min", 0.2, 0.2, True),
        ("blend_coverage_at_10_min", 0.21, 0.2, False),
    ],
)
def test_a_gate_passes_on_its_side_of_the_threshold_and_at_it_unless_it_has_to_beat_it(
    gate: str, threshold: float, value: float, passed: bool
) -> None:
    [row] = judge(measured(), OFF | {gate: threshold}).itertuples()
    assert (row.measured, row.threshold, row.passed) == (value, threshold, passed)
    assert (row.distance >= 0) == passed or row.distance == 0
    assert abs(row.distance) == pytest.approx(abs(value - threshold))


def test_a_figure_that_does_not_exist_never_passes() -> None:
    rows = judge(measured(), OFF | {"cold_users_hit_rate_at_10_min": -1.0, "hybrid_minus_als_min": -1.0})
    assert rows["measured"].isna().all()
    assert not rows["passed"].any()


def test_a_gate_that_is_off_is_not_judged() -> None:
    assert len(judge(measured(), OFF)) == 0


def of_folds(value: float, split: str = "official_5fold") -> pd.DataFrame:
    """The figures, and a blend's over five folds."""
    figures = measured().evaluation
    over_folds = figures[(figures["metric"] == "rmse") & (figures["segment"] == "all")]
    return pd.concat([figures, over_folds.assign(split=split, value=value)])


@pytest.mark.parametrize(("value", "passed"), [(0.879, True), (0.88, True), (0.881, False), (np.nan, False)])
def test_a_gate_of_the_folds_judges_the_figure_of_the_folds(value: float, passed: bool) -> None:
    thresholds = {"blend_rmse_official_5fold_max": 0.88, "blend_rmse_max": 0.9}
    rows = judge(measured(evaluation=of_folds(value)), OFF | thresholds).set_index("gate")
    assert rows["passed"].to_dict() == {"blend_rmse_max": True, "blend_rmse_official_5fold_max": passed}
    assert rows["measured"][list(thresholds)].to_list() == pytest.approx([value, 0.85], nan_ok=True)


@pytest.mark.parametrize("evaluation", [measured().evaluation, of_folds(0.5, split="random_5fold")])
def test_a_gate_of_folds_that_nobody_asked_for_or_that_are_not_the_official_ones_is_not_judged(
    evaluation: pd.DataFrame,
) -> None:
    judged = judge(measured(evaluation=evaluation), OFF | {"blend_rmse_official_5fold_max": 0.1})
    assert judged.empty


def test_a_threshold_that_guards_nothing_and_a_gate_without_threshold_are_refused() -> None:
    with pytest.raises(ValueError, match="look at 'als_ndcg_min'"):
        judge(measured(), OFF | {"als_ndcg_min": 0.1})
    with pytest.raises(ValueError, match="look at 'ratings_min'"):
        judge(measured(), {name: "off" for name in OFF if name != "ratings_min"})


def test_every_gate_has_a_threshold_in_the_registry(world: World) -> None:
    assert world.project.registry.dataset("sample").gates.keys() == OFF.keys()


# A threshold that is not reached.


class Refused(NamedTuple):
    world: World
    code: int
    out: str
    err: str
    before: tuple[str, str]


def current(world: World) -> tuple[str, str]:
    """Which generation answers, and its bytes."""
    path = world.data / "published" / "sample.duckdb"
    return str(path.readlink()), hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def refused(world: World, tmp_path_factory: pytest.TempPathFactory) -> Refused:
    """A world whose threshold was set too high, after `recsys run`."""
    copy = world.copy(tmp_path_factory.mktemp("refused") / "world")
    before = current(copy)
    copy.edit(
        "datasets.toml", lambda text: text.replace("als_ndcg_at_10_min = 0.20", "als_ndcg_at_10_min = 0.99")
    )
    return Refused(copy, *recsys(copy, "run", "--dataset", "sample"), before)


def test_a_gate_that_fails_names_itself_the_figure_and_the_threshold(refused: Refused) -> None:
    [(figure,)] = refused.world.query("sample", "select measured from gates where not passed")
    assert refused.code == 1
    assert f"als_ndcg_at_10_min: measured {figure:.4g}, must be >= 0.99" in refused.err
    assert "Nothing was published; the last one stays current" in refused.err
    assert "Traceback" not in refused.err
    assert "Published" not in refused.out


def test_a_gate_that_fails_leaves_the_publication_as_it_was(refused: Refused) -> None:
    assert current(refused.world) == refused.before
    assert refused.world.published("sample", "select generation from publication") == [(1,)]


def test_the_gates_are_to_be_tried_again_and_nothing_before_them(refused: Refused) -> None:
    stale = refused.world.stale("sample")
    assert stale.keys() == downstream("gates")
    assert stale["gates"] == "its check als_ndcg_at_10_min has not passed"


def test_publishing_alone_still_refuses(refused: Refused, tmp_path: Path) -> None:
    copy = refused.world.copy(tmp_path / "world")
    result = copy.run("sample", ["published"])
    assert not result.success
    [failure] = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert failure.user_failure_data.description == (
        "Not published: gates: als_ndcg_at_10_min failed; the last publication stays current."
    )
    assert current(copy) == refused.before


def test_once_the_threshold_holds_again_the_next_generation_is_published(
    refused: Refused, tmp_path: Path
) -> None:
    copy = refused.world.copy(tmp_path / "world")
    copy.edit(
        "datasets.toml", lambda text: text.replace("als_ndcg_at_10_min = 0.99", "als_ndcg_at_10_min = 0.20")
    )
    spoken = recsys(copy, "run")
    assert spoken.code == 0, spoken.err
    assert f"{len(downstream('gate_thresholds'))} of" in spoken.out
    assert copy.published("sample", "select generation from publication") == [(2,)]
    assert copy.stale("sample") == {}


def test_a_model_that_fails_its_gate_warns_and_everything_else_is_published(
    world: World, tmp_path: Path
) -> None:
    copy = world.copy(tmp_path / "world")
    lists = "from similar_movies where method = 'content_global' order by all"
    before = copy.published("sample", lists)
    copy.edit(
        "datasets.toml",
        lambda text: text.replace("catalogue_silhouette_min = 0.05", "catalogue_silhouette_min = 0.99"),
    )
    spoken = recsys(copy, "run")
    assert spoken.code == 0, spoken.err
    [(figure, reason)] = copy.published("sample", "select silhouette, reason from model_versions")
    assert reason == (
        f"catalogue_silhouette_min: measured {figure:.4g}, must be >= 0.99 ({figure - 0.99:+.3g}); "
        "the champion stays version 1"
    )
    assert f"gate on model_versions: {reason}" in spoken.err
    assert copy.published("sample", "select generation from publication") == [(2,)]
    assert len(before) > 1000
    assert copy.published("sample", lists) == before
    assert copy.stale("sample") == {}


# Planted faults, all in one world.

FAULTS = {
    ("trial/als_recommendations", "nothing_seen"): (
        "update trial__als_recommendations set movie_id = (select min(movie_id) from train_ratings t "
        "where t.user_id = trial__als_recommendations.user_id) where user_id = 1 and rank = 1"
    ),
    ("test_ratings", "split_by_time"): "insert into train_ratings from test_ratings limit 1",
    ("genome_scores", "ranges"): "update genome_scores set relevance = 1.5 where rowid = 0",
    ("links", "keys"): "insert into links from links limit 1",
    ("similar_movies", "references"): "update similar_movies set similar_movie_id = 77777777 where rowid = 3",
    ("live/cold_start", "schema"): "alter table live__cold_start alter n_ratings type bigint",
    ("comparisons", "schema"): "delete from comparisons",
    ("rejected_tags", "ranges"): "insert into rejected_tags values ('tags.csv', -1, null, 'no such line')",
}
SHUFFLED = ("tuning/als_factors", "ids_aligned")


@pytest.fixture(scope="module")
def faulty(world: World, tmp_path_factory: pytest.TempPathFactory) -> dg.ExecuteInProcessResult:
    """All checks of the assets with a planted fault, and of some without."""
    copy = world.copy(tmp_path_factory.mktemp("faulty") / "world")
    for fault in FAULTS.values():
        copy.query("sample", fault)
    path = copy.data / "artifacts" / "sample" / "tuning" / "als_factors.npz"
    model = load_artifact(path, Embeddings)
    save_artifact(path, replace(model, item_ids=np.roll(model.item_ids, 1)))
    return copy.check("sample", {asset for asset, _ in (*FAULTS, SHUFFLED)} | {"movies", "trial/als_factors"})


def test_every_planted_fault_is_caught_by_its_check_and_by_no_other(
    faulty: dg.ExecuteInProcessResult,
) -> None:
    assert failed(faulty) == {*FAULTS, SHUFFLED}


def test_every_planted_fault_is_said_in_numbers(faulty: dg.ExecuteInProcessResult) -> None:
    found = {
        (check.asset_key.to_user_string(), check.check_name): check
        for check in faulty.get_asset_check_evaluations()
    }
    assert found["genome_scores", "ranges"].description == "1 rows: relevance is outside 0.0 – 1.0"
    assert found["links", "keys"].description == "1 keys occur more than once"
    assert found["similar_movies", "references"].description == (
        "1 rows: similar_movie_id is not in movies.movie_id"
    )
    assert found["comparisons", "schema"].description == "the table has no rows"
    assert found["trial/als_recommendations", "nothing_seen"].metadata["rows_seen"].value == 1
    assert found["test_ratings", "split_by_time"].metadata["doubled"].value == 1
    assert found[SHUFFLED].metadata["ids_are_equal"].value is False


def test_a_model_that_learns_from_test_rows_is_caught(world: World, tmp_path: Path) -> None:
    copy = world.copy(tmp_path / "world")
    with leaking("test_ratings"):
        result = copy.run("sample", ["test_ratings", "holdout"])
    assert not result.success
    assert failed(result) == {("test_ratings", "reaches_no_model")}
    [check] = [one for one in result.get_asset_check_evaluations() if one.check_name == "reaches_no_model"]
    assert check.description == "test rows reach leaky_factors"
    assert not result.asset_materializations_for_node("holdout")


@pytest.mark.parametrize(
    ("name", "dep", "said"),
    [
        ("trial/leaky", "trial/interactions", None),
        ("clusters", "ratings", None),
        ("clusters", "holdout", "test rows reach clusters"),
        ("trial/leaky", "test_ratings", "test rows reach trial/leaky"),
        ("trial/leaky", "ratings", "trial/leaky sees all ratings past the split"),
        ("tuning/leaky", "dataset_statistics", "tuning/leaky sees all ratings past the split"),
        ("tuning/leaky", "live/popularity_scores", "tuning/leaky is made of live/popularity_scores"),
    ],
)
def test_each_way_past_the_split_is_said(name: str, dep: str, said: str | None) -> None:
    with leaking(dep, name=name):
        found = import_module("recsys_assets.defs.split.checks").reaches_no_model()
    assert found.passed == (said is None)
    assert found.description == said or said in found.description
