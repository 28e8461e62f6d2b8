"""The asset graph: what each asset says of itself, what reaches what, and what a whole run leaves behind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import dagster as dg
import pytest

from recsys_assets.contracts import PUBLISHED, TABLES, contract_of
from recsys_assets.definitions import defs
from recsys_assets.defs.drift.assets import MEASURES
from recsys_assets.defs.evaluation.gates import ENGINE
from recsys_assets.defs.fits import SERVED_FITS, TRIAL, Fit
from recsys_assets.defs.lifecycle.promotion import RIVAL
from recsys_assets.defs.resources import table_name
from recsys_assets.defs.split.assets import _interactions
from recsys_assets_tests.graph import (
    NDCG_AT_10,
    World,
    backtests,
    downstream,
    finished,
    key,
    slow,
    upstream,
    with_resources,
)

GRAPH = defs().resolve_asset_graph()
NAMES = [found.to_user_string() for found in GRAPH.toposorted_asset_keys]
SPECS = {spec.key: spec for spec in defs().resolve_all_asset_specs()}
IS_TABLE = [name for name in NAMES if {"duckdb", "table"} <= SPECS[key(name)].kinds]
CHECKS = {name: {check.name for check in GRAPH.get(key(name)).check_keys} for name in NAMES}
LISTS = [
    name for name in NAMES if "/" in name and name.endswith("_recommendations") and "cold_user" not in name
]
MODELS = [name for name in NAMES if name.endswith(("als_factors", "content_profiles", "hybrid_factors"))]
SLOW = slow()
ASKED_FOR = SLOW | backtests()
"""What a default run leaves as it is."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return finished(tmp_path_factory)[0]


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Another world in which the whole graph has run on the same data."""
    world = World.new(tmp_path_factory.mktemp("again") / "world", remembered=False)
    with world.instance:
        assert world.run("sample").success
        yield world


# What the graph says of itself.


def test_the_definitions_load() -> None:
    dg.Definitions.validate_loadable(defs())


@pytest.mark.parametrize("name", NAMES)
def test_every_asset_says_what_it_is(name: str) -> None:
    spec = SPECS[key(name)]
    assert spec.description and len(spec.description) > 20
    assert spec.group_name not in (None, "default")
    assert spec.owners and spec.kinds and spec.code_version
    assert (spec.automation_condition is None) == (name in ASKED_FOR)
    assert spec.partitions_def is not None


@pytest.mark.parametrize("name", IS_TABLE)
def test_every_table_has_a_contract_and_checks_made_from_it(name: str) -> None:
    contract = contract_of(table_name(key(name)))
    expected = {"schema"}
    expected |= {"keys"} if contract.key else set()
    expected |= {"references"} if contract.references else set()
    expected |= {"ranges"} if any(not column.nullable for column in contract.columns) else set()
    assert expected <= CHECKS[name]


def test_every_contract_is_that_of_a_table_of_the_graph_or_of_the_publication() -> None:
    assert {contract_of(table_name(key(name))).name for name in IS_TABLE} == TABLES.keys() - {
        "versions",
        "lineage",
        "publication",
    }


def test_every_check_blocks_but_those_that_only_warn() -> None:
    mild = {check for check in GRAPH.asset_check_keys if not GRAPH.get(check).blocking}
    assert mild == {
        dg.AssetCheckKey(key("like_comparisons"), "boost_matters"),
        dg.AssetCheckKey(key("catalogue_features"), "few_vectors_empty"),
        *(dg.AssetCheckKey(key("model_versions"), name) for name in (*ENGINE, RIVAL)),
        *(dg.AssetCheckKey(key("drift"), measure) for measure in MEASURES),
        dg.AssetCheckKey(key("backtest_report"), "windows_of_these_ratings"),
    }


def test_every_check_says_what_it_checks() -> None:
    assert not [check for check in GRAPH.asset_check_keys if not GRAPH.get(check).description]


@pytest.mark.parametrize("name", MODELS)
def test_the_ids_of_every_model_are_checked(name: str) -> None:
    assert "ids_aligned" in CHECKS[name]


@pytest.mark.parametrize("name", [*LISTS, "holdout_predicted_top", "predicted_ratings_top"])
def test_every_list_of_a_fit_is_checked_for_seen_movies(name: str) -> None:
    if name != "trial/cold_item_recommendations":  # of movies that nobody has rated
        assert "nothing_seen" in CHECKS[name]


def test_the_same_models_are_judged_and_published() -> None:
    judged, published = (
        {name.removeprefix(fit.name) for name in LISTS if name.startswith(fit.name)} for fit in SERVED_FITS
    )
    assert judged - {"/cold_item_recommendations"} == published


# What reaches what.


def test_only_judges_are_downstream_of_test_rows() -> None:
    of_lists = {"holdout", "ranking_evaluation", "ranking_comparisons"}
    of_stars = {
        "holdout_rating_predictions",
        "holdout_predicted_top",
        "rating_evaluation",
        "rating_comparisons",
        "rating_calibration",
    }
    of_likes = {"holdout_like_predictions", "like_evaluation", "like_comparisons", "like_claims"}
    of_all = {"evaluation", "comparisons", "gates", "claims", "evaluation_report"}
    of_all |= {"challengers", "promotion_comparisons", "champions", "promotions", "leakage"}
    publishers = {"model_packages", "like_packages", "list_packages", "published"}
    judges = of_lists | of_stars | of_likes | of_all | publishers
    assert downstream("test_ratings") - {"test_ratings"} == judges
    assert downstream("test_ratings") - {"test_ratings"} == judges_of("split")


def test_only_judges_are_downstream_of_the_folds() -> None:
    of_stars = {"fold_models", "fold_predictions", "cross_validation"}
    of_likes = {"like_fold_predictions", "like_cross_validation", "like_claims"}
    within = {"rating_folds"} | of_stars | of_likes
    outside = {"evaluation", "gates", "claims", "evaluation_report", "published"}
    outside |= {"model_packages", "like_packages", "list_packages", "champions", "promotions"}
    assert within == SLOW
    assert (
        downstream("official_folds") - {"official_folds"} == within | outside == judges_of("cross_validation")
    )


def judges_of(group: str) -> set[str]:
    """Those that the group's own check lets through."""
    return set(import_module(f"recsys_assets.defs.{group}.checks").JUDGES)


def test_nothing_judged_is_made_of_ratings_but_through_the_split() -> None:
    parts = {key(name) for name in ("train_ratings", "validation_ratings", "test_ratings")}
    reached, pending = set(), [key("ratings")]
    while pending:
        children = GRAPH.get(pending.pop()).child_keys - reached - parts
        reached |= children
        pending += children
    assert key("live/interactions") in reached
    assert not [found for found in reached if found.path[0] in ("tuning", "trial")]
    assert not reached & {
        key(name)
        for name in (
            *("als_settings", "hybrid_weights", "rating_settings", "rating_blends", "rating_errors"),
            *("side_features", "holdout_recommendations", "rating_evaluation", "rating_comparisons"),
        )
    }


def test_validation_rows_reach_tuning_only_as_judges_of_settings() -> None:
    readers = {child.to_user_string() for child in GRAPH.get(key("validation_ratings")).child_keys}
    assert {name for name in readers if not name.startswith("trial/")} == {
        "als_settings",
        "hybrid_weights",
        "rating_settings",
        "rating_blends",
        "rating_errors",
        "like_settings",
        "like_calibration",
        "like_blend",
        "validation_scores",
        "holdout",
        "leakage",
    }
    assert not [
        name
        for name in downstream("validation_ratings")
        if name.startswith("tuning/") and "als_factors" not in name
    ]


def test_what_is_judged_never_knows_the_live_models() -> None:
    judgements = upstream("evaluation", "comparisons", "gates", "cross_validation")
    assert not [name for name in judgements if name.startswith("live/")]


def test_what_is_published_stands_behind_the_gates() -> None:
    assert "gates" in upstream("published")
    assert GRAPH.get(key("published")).child_keys == set()


# What a whole run leaves behind.


def test_the_whole_graph_runs_and_every_check_passes(tmp_path_factory: pytest.TempPathFactory) -> None:
    world, outcome = finished(tmp_path_factory)
    assert outcome.success
    checks = outcome.checks
    assert checks.keys() == {
        (name, check) for name in NAMES if name not in ASKED_FOR for check in CHECKS[name]
    }
    assert [check for check, passed in checks.items() if not passed] == []
    assert world.versions("sample").keys() == set(NAMES) - ASKED_FOR


def test_published_tables_obey_their_contracts_and_are_explained(world: World) -> None:
    columns: dict[str, list[tuple[str, str, str]]] = {}
    for table, *column in world.published(
        "sample",
        "select table_name, column_name, data_type, comment from duckdb_columns() where not internal "
        "order by table_name, column_index",
    ):
        columns.setdefault(table, []).append(tuple(column))
    assert columns == {
        name: [(column.name, column.type, column.comment) for column in contract_of(name).columns]
        for name in PUBLISHED
    }
    comments = dict(world.published("sample", "select table_name, comment from duckdb_tables()"))
    assert comments == {name: contract_of(name).comment for name in PUBLISHED}


def test_ndcg_recomputed_from_published_rows_is_the_published_figure(world: World) -> None:
    [(recomputed,)] = world.published("sample", NDCG_AT_10)
    [(published,)] = world.published(
        "sample",
        "select value from evaluation where model = 'als' and metric = 'ndcg' and k = 10 and segment = 'all'",
    )
    assert recomputed == pytest.approx(published, abs=1e-9)
    assert 0.1 < published < 1


def test_no_published_recommendation_was_rated_before(world: World) -> None:
    assert world.query(
        "sample", "select count(*) from recommendations semi join ratings using (user_id, movie_id)"
    ) == [(0,)]
    assert world.query(
        "sample",
        "select count(*) from holdout_recommendations semi join "
        "(from train_ratings union all from validation_ratings) using (user_id, movie_id) "
        "where strategy not in ('cold_start', 'cold_popularity')",
    ) == [(0,)]


def test_the_planted_hostile_rows_are_refused_and_no_others(world: World) -> None:
    readme = (world.data / "sample" / "README.md").read_text(encoding="utf-8")
    planted = re.findall(r"^\| `([\w-]+\.csv)` \| (\d+) \| .* \| (.*) \|$", readme, flags=re.MULTILINE)
    # Of two ratings of one movie the latest counts: it is the line above the planted one that is refused.
    expected = {
        (file, int(line) - (file == "ratings.csv" and fault.endswith("line above")))
        for file, line, fault in planted
    }
    rejected = " union all ".join(f"from {name}" for name in TABLES if name.startswith("rejected_"))
    found = world.query("sample", f"select file, line, text, reason from ({rejected})")
    assert len(planted) == len(found) == 19
    assert {(file, line) for file, line, _, _ in found} == expected
    assert all(text and reason for _, _, text, reason in found)


@pytest.mark.parametrize(
    ("lists", "fallback", "rows"),
    [
        ("live__hybrid_recommendations", "live__cold_start", "ratings"),
        (
            "trial__hybrid_recommendations",
            "trial__cold_start",
            "(from train_ratings union all from validation_ratings)",
        ),
    ],
)
def test_users_who_like_nothing_get_the_cold_start_list(
    world: World, lists: str, fallback: str, rows: str
) -> None:
    without_likes = f"select user_id from {rows} group by user_id having max(rating) < 4"
    served = world.query(
        "sample",
        f"select user_id, movie_id, score from {lists} where user_id in ({without_likes}) order by user_id, rank",
    )
    expected = world.query(
        "sample",
        f"select user_id, c.movie_id, 0.0 from ({without_likes}) u cross join {fallback} c "
        f"anti join {rows} r on r.user_id = u.user_id and r.movie_id = c.movie_id order by user_id, c.rank",
    )
    assert served == expected != []


def test_the_settings_that_validation_chose_are_the_ones_used(world: World) -> None:
    for table in ("als_settings", "hybrid_weights"):
        assert world.published("sample", f"select count(*) from {table} where chosen") == [(1,)]
    [(beta,)] = world.published("sample", "select beta from hybrid_weights where chosen")
    assert beta >= 0.05 - 1e-9


def test_the_publication_knows_where_it_comes_from(world: World) -> None:
    recorded = dict(world.published("sample", "select asset, data_version from versions"))
    made = world.versions("sample")
    looked_at_alone = made.keys() - upstream("published")
    assert looked_at_alone == {
        "catalogue_crew",
        "like_packages",
        "list_packages",
        "model_packages",
        "rarely_rated_movies",
    }
    assert recorded == {name: made[name] for name in made if name not in looked_at_alone | {"published"}}


# The same data give the same artifacts, and test rows change nothing that is judged.


@pytest.mark.slow
def test_two_runs_from_the_same_data_have_equal_data_versions(world: World, again: World) -> None:
    assert again.versions("sample") == world.versions("sample")


@pytest.mark.slow
@pytest.mark.parametrize("table", sorted(set(PUBLISHED) - {"versions", "publication"}))
def test_two_runs_from_the_same_data_publish_the_same_bytes(world: World, again: World, table: str) -> None:
    # A float's text is the shortest that gives its bytes back. When it was and how long it took are facts of the run.
    of_the_run = "('fit_seconds', 'created_at', 'run_id', 'decided_at', 'promoted_at', 'seconds_per_user')"
    rows = f"select rowid as place, columns(lambda name: name not in {of_the_run}) from {table}"
    text = f"select count(*), md5(string_agg(t::varchar, chr(10) order by place)) from ({rows}) t"
    assert again.published("sample", text) == world.published("sample", text)


@dataclass(frozen=True)
class Scrambled:
    world: World
    before: dict[str, str]
    after: dict[str, str]


LEARNED = sorted(
    name
    for name in NAMES
    if name.startswith(("tuning/", "trial/"))
    or name in ("als_settings", "hybrid_weights", "holdout_recommendations", "side_features")
    or name in ("rating_settings", "rating_blends", "rating_errors", "holdout_predicted_top")
    or name in ("like_settings", "like_calibration", "like_blend", "cluster_evidence")
)
TOLD_BY_TEST_ROWS = (
    *(
        "holdout",
        "holdout_rating_predictions",
        "holdout_like_predictions",
        "ranking_evaluation",
        "like_evaluation",
    ),
    *("live/interactions", "live/rating_log", "live/popularity_scores", "live/recent_popularity_scores"),
    "live/genre_clusters",
)


@pytest.fixture(scope="module")
def scrambled(world: World, tmp_path_factory: pytest.TempPathFactory) -> Scrambled:
    """A world whose test rows have other stars, with all made again that doesn't judge."""
    copy = world.copy(tmp_path_factory.mktemp("scrambled") / "world")
    held_out = {
        (str(user), str(movie))
        for user, movie in world.query("sample", "select user_id, movie_id from test_ratings")
    }

    def scramble(text: str) -> str:
        rows = [line.split(",") for line in text.splitlines()]
        other = {"0.5": "5.0", "1.0": "4.5", "1.5": "4.0", "2.0": "4.0", "2.5": "4.0"}
        return (
            "\n".join(
                ",".join(
                    [*row[:2], other.get(row[2], "1.0"), row[3]]
                    if tuple(row[:2]) in held_out and len(row) == 4
                    else row
                )
                for row in rows
            )
            + "\n"
        )

    copy.edit("sample/ratings.csv", scramble)
    result = copy.run("sample", upstream(*LEARNED, *TOLD_BY_TEST_ROWS))
    failed = [event.step_key for event in result.all_events if event.is_step_failure]
    assert failed == ["holdout_rating_predictions_estimates_tell"]  # stars turned round are no stars to tell
    return Scrambled(copy, world.versions("sample"), copy.versions("sample"))


def test_scrambled_test_rows_change_only_the_test_rows(scrambled: Scrambled) -> None:
    counts = "select count(*), sum(user_id), sum(movie_id), max(rated_at) from test_ratings"
    assert scrambled.after["test_ratings"] != scrambled.before["test_ratings"]
    for part in ("train_ratings", "validation_ratings"):
        assert scrambled.after[part] == scrambled.before[part]
    assert scrambled.world.query("sample", counts)[0][0] > 1000


@pytest.mark.parametrize("name", LEARNED)
def test_scrambled_test_rows_change_nothing_that_is_learned_or_listed(
    scrambled: Scrambled, name: str
) -> None:
    assert scrambled.after[name] == scrambled.before[name]


@pytest.mark.parametrize("name", TOLD_BY_TEST_ROWS)
def test_scrambled_test_rows_change_what_judges_and_what_is_published(
    scrambled: Scrambled, name: str
) -> None:
    assert scrambled.after[name] != scrambled.before[name]


def test_scrambled_test_rows_change_no_predicted_star(world: World, scrambled: Scrambled) -> None:
    predicted = "select model, user_id, movie_id, predicted from holdout_rating_predictions order by all"
    assert scrambled.after["holdout_rating_predictions"] != scrambled.before["holdout_rating_predictions"]
    assert scrambled.world.query("sample", predicted) == world.query("sample", predicted)


def test_a_fit_that_learned_from_test_rows_would_be_found_out(
    world: World, scrambled: Scrambled, tmp_path: Path
) -> None:
    leaky = _interactions(Fit(TRIAL.name, (*TRIAL.learns_from, "test_ratings")))
    versions = set()
    for name, one in (("world", world), ("scrambled", scrambled.world)):
        copy = one.copy(tmp_path / name)
        result = dg.materialize(
            [leaky],
            partition_key="sample",
            resources=with_resources([leaky], copy.data).resources,
            instance=copy.instance,
        )
        [made] = result.asset_materializations_for_node("trial__interactions")
        versions.add((made.tags or {})["dagster/data_version"])
    assert len(versions) == 2


# Settings.


def test_other_settings_make_another_artifact_and_the_defaults_the_old_one(
    world: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = world.copy(tmp_path_factory.mktemp("settings") / "world")
    settings = {
        "live__popularity_scores": {"like_rating": 3.0},
        "live__als_recommendations": {"n": 5},
        "live__cold_start": {"min_ratings": 200},
        "live__genome_similar_movies": {"n": 5},
    }
    names = [op.replace("__", "/") for op in settings]
    before = copy.versions("sample")
    assert copy.run("sample", names, config=settings).success
    changed = copy.versions("sample")
    assert [name for name in before if changed[name] != before[name]] == [
        name for name in before if name in names
    ]
    assert copy.query("sample", "select max(rank) from live__als_recommendations") == [(5,)]
    assert copy.run("sample", names).success
    assert copy.versions("sample") == before
