"""Champions on the sample: crowned, kept, promoted, blocked; what does not follow from its rows changes none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.embeddings import Embeddings
from recsys_assets.algorithms.evaluation import ALL
from recsys_assets.algorithms.interactions import Interactions
from recsys_assets.algorithms.promotion import Sampling, compare, spend_alpha
from recsys_assets.algorithms.topn import NO_ITEM, recommend
from recsys_assets.algorithms.user_sums import Evidence, evidence_of_lists
from recsys_assets.defs.champions.decision import CHAMPION, conclusion, gain_rows
from recsys_assets.defs.champions.evidence import Reference
from recsys_assets.defs.champions.tasks import TASKS
from recsys_assets.defs.relevance import relevant_matrix
from recsys_assets.storage.arrays import load_artifact, save_artifact
from recsys_assets.storage.promotions import Promotion, PromotionLog
from recsys_assets_tests.graph import NDCG_AT_10, World, finished, key, recsys

DECIDING = ["challengers", "champions"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return finished(tmp_path_factory)[0]


@pytest.fixture
def copy(world: World, tmp_path: Path) -> Iterator[World]:
    """The finished world, in which validation rows now find ALS best at ranking."""
    copy = world.copy(tmp_path / "world")
    assert champion(copy) == "hybrid"
    copy.query(
        "sample",
        "update validation_scores set challenger = strategy = 'als', value = if(strategy = 'als', 0.9, value) "
        "where task = 'ranking'",
    )
    with copy.instance:
        yield copy


def decisions(world: World, task: str = "ranking") -> list[Promotion]:
    return [one for one in PromotionLog(world.data, "sample").decisions() if one.task == task]


def champion(world: World, task: str = "ranking") -> str:
    [(strategy,)] = world.query("sample", f"select strategy from champions where task = '{task}'")
    return str(strategy)


def check(result: dg.ExecuteInProcessResult, task: str = "ranking") -> dg.AssetCheckEvaluation:
    [found] = [
        one
        for one in result.get_asset_check_evaluations()
        if (one.asset_key, one.check_name) == (key("challengers"), task)
    ]
    return found


def give_likes(world: World, users: str) -> None:
    """Put a held-out like into the first place of these users' lists by ALS, unless it is in the first ten."""
    world.query(
        "sample",
        f"""
        update holdout_recommendations as listed set movie_id = liked.movie_id from (
            select user_id, min(movie_id) as movie_id from test_ratings
            anti join (from holdout_recommendations where strategy = 'als') using (user_id, movie_id)
            where rating >= 4 and {users} group by user_id
        ) as liked
        where listed.user_id = liked.user_id and strategy = 'als' and rank = 1
        """,
    )
    tell_the_evaluation(world)


def tell_the_evaluation(world: World) -> None:
    from_rows = NDCG_AT_10.replace("holdout where part = 'test'", "test_ratings where true")
    [(figure,)] = world.query("sample", from_rows)
    world.query(
        "sample",
        f"update evaluation set value = {figure!r} "
        "where model = 'als' and metric = 'ndcg' and k = 10 and segment = 'all' and split = 'test'",
    )


# Crowned.


def test_the_first_run_crowns_what_validation_rows_find_best(world: World) -> None:
    rows = world.published(
        "sample", "select task, strategy, value > 0, n_users > 500 from champions order by 1"
    )
    assert [row[0] for row in rows] == ["content", "like", "ranking", "rating"]
    best = dict(world.published("sample", "select task, strategy from validation_scores where challenger"))
    assert {row[0]: row[1] for row in rows if row[0] in best} == best
    assert all(row[2:] == (True, True) for row in rows)
    assert world.published("sample", "select distinct decision, look from promotions") == [("first", 1)]
    for value, judged in world.published(
        "sample",
        "select c.value, e.value from champions c join evaluation e on model = strategy and e.metric = c.metric "
        "where segment = 'all' and split = 'test' and k = if(task = 'ranking', 10, 0)",
    ):
        assert value == judged


def test_the_command_shows_champions_and_decisions_and_lists_are_the_champion_s(world: World) -> None:
    spoken = recsys(world, "champions")
    assert spoken.code == 0, spoken.err
    for task in ("ranking", "rating", "like", "content"):
        [(strategy,)] = world.published("sample", f"select strategy from champions where task = '{task}'")
        assert any(line.split()[:2] == [task, strategy] for line in spoken.out.splitlines())
        assert f"{task}, look 1, first: " in spoken.out
    assert recsys(world, "top", "5").out.startswith("hybrid for user 5 of sample")


# Kept.


def test_a_challenger_that_is_not_shown_to_be_better_warns_and_the_champion_stays(copy: World) -> None:
    result = copy.run("sample", DECIDING)
    assert result.success
    found = check(result)
    assert (found.passed, found.severity, found.blocking) == (False, dg.AssetCheckSeverity.WARN, True)
    assert "als against hybrid: ndcg" in found.description
    assert "blocked by ranking_beats_champion" in found.description
    assert "least gain among" in found.description and found.description.endswith("; hybrid stays")
    shown = {name: value.value for name, value in found.metadata.items()}
    assert shown["distance"] == shown["measured"] - shown["threshold"] < 0
    assert shown["level"] == pytest.approx(spend_alpha(0.05, 2))
    assert shown["weakest_segment"] in ("light_users", "medium_users", "heavy_users")
    assert champion(copy) == "hybrid"
    [_, kept] = decisions(copy)
    assert (kept.decision, kept.look, kept.blocked_by) == ("kept", 2, "ranking_beats_champion")
    # A warning is no reason to make it again, nor to hold back the publication.
    assert not {"challengers", "champions"} & copy.stale("sample").keys()
    assert copy.run("sample", ["published"]).success
    spoken = recsys(copy, "champions", "-n", "1")
    assert f"ranking, look 2, kept: {kept.reason}" in spoken.out


def test_the_same_versions_get_the_same_decision_and_are_one_look(copy: World) -> None:
    assert copy.run("sample", DECIDING).success
    before = decisions(copy), copy.versions("sample"), copy.query("sample", "from promotions")
    assert copy.run("sample", DECIDING).success
    assert (decisions(copy), copy.versions("sample"), copy.query("sample", "from promotions")) == before
    # Another version of the challenger is another look.
    give_likes(copy, "user_id = 5")
    assert copy.run("sample", DECIDING).success
    assert [one.look for one in decisions(copy)] == [1, 2, 3]


def test_automation_goes_on_behind_a_challenger_that_is_not_promoted(copy: World) -> None:
    def tick(cursor: Any) -> tuple[set[str], Any]:
        result = dg.evaluate_automation_conditions(
            defs=copy.definitions,
            instance=copy.instance,
            asset_selection=dg.AssetSelection.all(),
            cursor=cursor,
        )
        keys = copy.definitions.resolve_asset_graph().get_all_asset_keys()
        return {one.to_user_string() for one in keys if result.get_requested_partitions(one)}, result.cursor

    requested, cursor = tick(None)
    assert requested == set()
    assert not check(copy.run("sample", ["challengers"])).passed
    requested, _ = tick(cursor)
    assert {"champions", "promotions", "published"} <= requested


# Promoted.


def test_a_better_challenger_is_promoted_and_answers_by_default(copy: World) -> None:
    give_likes(copy, "user_id % 5 = 0")
    result = copy.run("sample", [*DECIDING, "published"])
    assert result.success
    assert check(result).passed
    assert copy.published("sample", "select strategy from champions where task = 'ranking'") == [("als",)]
    [_, promoted] = decisions(copy)
    assert (promoted.decision, promoted.challenger, promoted.champion) == ("promoted", "als", "hybrid")
    assert promoted.ci_low is not None and promoted.ci_low > 0
    assert recsys(copy, "top", "5").out.startswith("als for user 5 of sample")
    assert reference(copy).strategy == "als"


def test_a_run_that_was_killed_after_the_log_completes_what_it_began(copy: World) -> None:
    give_likes(copy, "user_id % 5 = 0")
    assert copy.run("sample", DECIDING).success
    before = decisions(copy), copy.query("sample", "from champions order by task")
    # As if it had ended before tables and reference were written.
    copy.query("sample", "update champions set strategy = 'hybrid'")
    (copy.data / "artifacts" / "sample" / "champions" / "ranking.npz").unlink()
    assert copy.run("sample", ["champions"]).success
    assert (decisions(copy), copy.query("sample", "from champions order by task")) == before
    assert reference(copy).strategy == "als"


def test_who_is_champion_outlives_the_warehouse_and_everything_learned(copy: World) -> None:
    give_likes(copy, "user_id % 5 = 0")
    assert copy.run("sample", DECIDING).success
    log = PromotionLog(copy.data, "sample")
    standing = log.champion("ranking")
    assert recsys(copy, "forget", "5", "--no-run").code == 0
    assert not copy.project.warehouse.path("sample").exists()
    assert not (copy.data / "artifacts" / "sample").exists()
    assert log.champion("ranking") == standing is not None


# Blocked.


def test_a_challenger_that_costs_light_users_too_much_is_not_promoted_though_ndcg_rises(copy: World) -> None:
    learned = "(from train_ratings union all from validation_ratings)"
    light = f"(select user_id from {learned} group by user_id order by count(*), user_id limit 150)"
    copy.query("sample", f"delete from holdout_recommendations where strategy = 'als' and user_id in {light}")
    give_likes(copy, f"user_id not in {light}")
    result = copy.run("sample", DECIDING)
    assert result.success
    [_, kept] = decisions(copy)
    assert kept.difference is not None and kept.difference > 0.01
    assert kept.ci_low is not None and kept.ci_low > 0
    assert (kept.decision, kept.blocked_by) == ("kept", "ranking_light_users_loss_max")
    assert kept.weakest_segment == "light_users"
    assert kept.distance is not None and kept.distance < 0
    assert "least gain among light_users" in check(result).description
    assert champion(copy) == "hybrid"


@pytest.mark.parametrize(
    ("gate", "threshold"), [("ranking_coverage_loss_max", -1.0), ("ranking_ms_per_user_max", 0.0)]
)
def test_a_challenger_beyond_a_guardrail_of_all_lists_is_not_promoted(
    copy: World, gate: str, threshold: float
) -> None:
    give_likes(copy, "user_id % 5 = 0")
    copy.edit(
        "datasets.toml",
        lambda text: text.replace("gates = { als_ndcg", f"gates = {{ {gate} = {threshold}, als_ndcg", 1),
    )
    assert copy.run("sample", DECIDING).success
    [_, kept] = decisions(copy)
    assert (kept.decision, kept.blocked_by) == ("kept", gate)
    assert kept.distance is not None and kept.distance < 0


# What may not be acted on.


def reference(world: World) -> Reference:
    return load_artifact(world.data / "artifacts" / "sample" / "champions" / "ranking.npz", Reference)


def test_a_champion_that_got_worse_on_the_same_rows_stops_champions_and_publication(
    world: World, tmp_path: Path
) -> None:
    copy = world.copy(tmp_path / "world")
    kept = reference(copy)
    better = replace(kept, version="hybrid-before", total=np.minimum(kept.total * 1.2, kept.weight))
    save_artifact(copy.data / "artifacts" / "sample" / "champions" / "ranking.npz", better)
    before = decisions(copy), copy.query("sample", "from champions")
    result = copy.run("sample", [*DECIDING, "published"])
    assert not result.success
    found = check(result)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert found.description.startswith("the champion hybrid-")
    assert "is worse on the same test rows than hybrid-before was" in found.description
    assert "mend what changed, or raise the threshold" in found.description
    assert (decisions(copy), copy.query("sample", "from champions")) == before
    alone = copy.run("sample", ["published"])
    [failure] = [one.step_failure_data for one in alone.all_events if one.is_step_failure]
    assert "Not published: challengers: ranking failed" in failure.user_failure_data.description
    assert "its check ranking has not passed" in copy.stale("sample")["challengers"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("update challengers set n_learned = 3", "3 test rows are among those that als learned from"),
        ("update challengers set decision = 'promoted', blocked_by = null", "promoted instead of kept"),
        (
            "update promotion_comparisons set passed = true where gate = 'ranking_beats_champion'",
            "the decision doesn't follow from its rows: ranking_beats_champion",
        ),
        (
            "update validation_scores set value = 0.95 where strategy = 'content'",
            "als is not the best of ranking on validation rows",
        ),
        (
            "update challengers set challenger_value = challenger_value + 0.01",
            "the evaluation has another ndcg of als than it was judged by",
        ),
    ],
)
def test_what_does_not_follow_from_its_rows_fails_its_check_and_changes_no_champion(
    copy: World, change: str, said: str
) -> None:
    assert copy.run("sample", ["challengers"]).success
    before = decisions(copy)
    copy.query("sample", f"{change} {'and' if ' where ' in change else 'where'} task = 'ranking'")
    found = check(copy.check("sample", ["challengers"]))
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert said in found.description
    alone = copy.run("sample", ["champions"])
    [failure] = [one.step_failure_data for one in alone.all_events if one.is_step_failure]
    assert "No champion was changed: ranking: " in failure.user_failure_data.description
    assert said in failure.user_failure_data.description
    assert decisions(copy) == before


# A hundred challengers.


def lists_of(scores: np.ndarray[Any, Any], items: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The ten best of each user's candidates."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    return np.take_along_axis(items, order, axis=1)


@pytest.fixture(scope="module")
def hundred(
    world: World,
) -> tuple[Callable[[np.ndarray[Any, Any]], Evidence], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """How the champion's candidates are judged in the order of other scores; its own, in deviations; who likes them."""
    artifacts = world.data / "artifacts" / "sample" / "trial"
    model = load_artifact(artifacts / "hybrid_factors.npz", Embeddings)
    interactions = load_artifact(artifacts / "interactions.npz", Interactions)
    relevant = relevant_matrix(
        world.project.warehouse.frame("sample", "from test_ratings"), interactions, 4.0
    )
    items, scores = recommend(model, interactions.ratings, n=50)
    # The hybrid's scores are standardised: a unit is a user's standard deviation over all movies.
    scores = np.where(items == NO_ITEM, -100, scores).astype(np.float64)

    def judge(changed: np.ndarray[Any, Any]) -> Evidence:
        lists = lists_of(changed, items)
        return evidence_of_lists(lists, csr_matrix(relevant), interactions.ratings, k=10, head_share=0.2)

    liked = np.take_along_axis(relevant.toarray() > 0, np.maximum(items, 0), axis=1) & (items != NO_ITEM)
    return judge, scores, liked


def decided(world: World, challenger: Evidence, standing: Evidence) -> str:
    """What is decided of a challenger at the first look, with the sample's thresholds."""
    task = TASKS["ranking"]
    gains = compare(
        challenger, standing, task.scale, alpha=spend_alpha(0.05, 1), sampling=Sampling(660, 0.95, 0)
    )
    thresholds = world.project.registry.dataset("sample").thresholds
    rows = gain_rows(task, gains, ("challenger", "hybrid"), thresholds, role=CHAMPION)
    return str(conclusion(rows, role=CHAMPION)["decision"])


def test_of_a_hundred_challengers_that_are_the_champion_plus_noise_at_most_five_are_promoted(
    world: World, hundred: Any
) -> None:
    judge, scores, _ = hundred
    rng = np.random.default_rng(0)
    standing = judge(scores)
    found = [
        decided(world, judge(scores + 0.1 * rng.standard_normal(scores.shape)), standing) for _ in range(100)
    ]
    assert set(found) <= {"kept", "promoted"}
    assert found.count("promoted") <= 5


def test_of_a_hundred_challengers_with_five_percent_more_ndcg_at_least_ninety_are_promoted(
    world: World, hundred: Any
) -> None:
    judge, scores, liked = hundred
    rng = np.random.default_rng(1)
    standing, metric = judge(scores), TASKS["ranking"].scale
    wanted = 1.05 * metric.of(standing[ALL])

    def planted() -> Evidence:
        noisy = scores + 0.1 * rng.standard_normal(scores.shape)
        low, high = 0.0, 4.0
        for _ in range(8):
            middle = (low + high) / 2
            low, high = (
                (low, middle) if metric.of(judge(noisy + middle * liked)[ALL]) > wanted else (middle, high)
            )
        return judge(noisy + high * liked)

    challengers = [planted() for _ in range(100)]
    gains = [metric.of(one[ALL]) / metric.of(standing[ALL]) - 1 for one in challengers]
    assert 0.045 < np.mean(gains) < 0.06
    assert sum(decided(world, one, standing) == "promoted" for one in challengers) >= 90
