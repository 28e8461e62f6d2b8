"""Why a movie is recommended: what a published file, the models beside it and the command say, in a finished world."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from recsys_assets import cli
from recsys_assets.algorithms.embeddings import Embeddings
from recsys_assets.algorithms.explanation import EXPLAINED, ListModels, explain_lists
from recsys_assets.algorithms.rating_prediction.neighbors import Neighborhood
from recsys_assets.defs.publish.explanations import MODELS
from recsys_assets.defs.strategies import STRATEGIES
from recsys_assets.storage.arrays import from_arrays, load_artifact
from recsys_assets.storage.explaining import Explainer, because_you_watched
from recsys_assets.storage.packages import read_package
from recsys_assets.storage.published import NotFoundError
from recsys_assets_tests.graph import World, cross_validated, every_check, finished, key, recsys, upstream

TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return finished(tmp_path_factory)[0]


@pytest.fixture(scope="module")
def explainer(world: World) -> Explainer:
    return Explainer(world.data, "sample")


@pytest.fixture(autouse=True)
def wide() -> None:
    cli.out.width = cli.err.width = 250


def place(world: World, strategy: str, rank: int) -> tuple[int, int, float]:
    """A user, the movie at that place of the user's list, and its score."""
    [found] = world.published(
        "sample",
        f"select user_id, movie_id, score from recommendations where strategy = '{strategy}' and rank = {rank} "
        "and user_id in (select user_id from explanations) order by user_id limit 1",
    )
    return found


# The published file alone.


def test_published_parts_add_up_to_the_published_scores(world: World) -> None:
    [(n_pairs, largest)] = world.published(
        "sample",
        "select count(*), max(abs(total - score) / greatest(1, abs(score))) from recommendations join "
        "(select strategy, user_id, movie_id, sum(part) as total from explanations group by all) "
        "using (strategy, user_id, movie_id)",
    )
    assert largest <= TOLERANCE
    [(due,)] = world.published(
        "sample",
        "select count(*) from recommendations where strategy in ('als', 'content', 'hybrid') and rank <= 10 "
        "and user_id in (select user_id from recommendations where strategy = 'als')",
    )
    assert n_pairs == due > 10_000


def test_parts_are_of_movies_that_the_user_liked_with_their_stars_and_times(world: World) -> None:
    [(n_rows, n_liked)] = world.query(
        "sample",
        "select count(*), count(*) filter (rating >= 4 and rating = because_rating and rated_at = because_rated_at) "
        "from explanations left join ratings on ratings.user_id = explanations.user_id "
        "and ratings.movie_id = because_movie_id where because_movie_id is not null",
    )
    assert n_rows == n_liked > 10_000


def test_the_rows_of_a_place_stand_for_all_likes_of_the_user(world: World) -> None:
    assert world.query(
        "sample",
        "with likes as (select user_id, count(*) as n from ratings where rating >= 4 group by all), "
        "counted as (select strategy, user_id, movie_id, sum(n_ratings) as n from explanations group by all) "
        "select count(*) from counted join likes using (user_id) where counted.n <> likes.n",
    ) == [(0,)]


def test_the_macro_tells_parts_and_versions_of_model_and_ratings(world: World) -> None:
    made = world.versions("sample")
    for strategy in EXPLAINED:
        user, movie, score = place(world, strategy, 3)
        rows = world.published(
            "sample",
            "select rank, part, model_data_version, ratings_data_version, model_run_id "
            f"from explain_recommendation({user}, {movie}) where strategy = '{strategy}'",
        )
        assert sum(row[1] for row in rows) == pytest.approx(score, rel=TOLERANCE)
        [(rank, model, ratings, run)] = {(row[0], *row[2:]) for row in rows}
        assert (rank, model, ratings) == (3, made[f"live/{MODELS[strategy]}"], made["ratings"])
        assert run


def test_because_you_watched_names_the_strongest_parts(world: World) -> None:
    user, movie, _ = place(world, "hybrid", 1)
    [(because,)] = world.published(
        "sample",
        f"select because from because_you_watched({user}) where strategy = 'hybrid' and movie_id = {movie}",
    )
    titles = world.published(
        "sample",
        "select title from explanations e join movies m on m.movie_id = because_movie_id "
        f"where strategy = 'hybrid' and user_id = {user} and e.movie_id = {movie} and part > 0 order by part_rank",
    )
    assert because == because_you_watched([title for (title,) in titles])
    assert because.startswith("Because you watched ") and " and " in because
    [(n_explained, n_sentences)] = world.published(
        "sample",
        f"select (select count(distinct (strategy, movie_id)) from explanations where user_id = {user}), "
        f"(select count(*) from because_you_watched({user}))",
    )
    assert n_explained == n_sentences == 30


@pytest.mark.parametrize(
    ("titles", "sentence"),
    [
        ([], "Nothing that you liked speaks for it"),
        (["Heat"], "Because you watched Heat"),
        (["Heat", "Ran"], "Because you watched Heat and Ran"),
        (["Heat", "Ran", "Alien", "Jaws"], "Because you watched Heat, Ran and Alien"),
    ],
)
def test_sentences_name_three_movies_at_most(titles: list[str], sentence: str) -> None:
    assert because_you_watched(titles) == sentence


@pytest.mark.parametrize("strategy", [*STRATEGIES, "item_knn_baseline"])
def test_lineage_is_all_that_the_graph_makes_a_strategy_of(world: World, strategy: str) -> None:
    asset = f"live/{strategy}" if strategy == "item_knn_baseline" else f"live/{strategy}_recommendations"
    rows = world.published("sample", f"select asset from lineage_of('{strategy}')")
    assert sorted(name for (name,) in rows) == sorted(upstream(asset) | {"published"})


@pytest.mark.parametrize("strategy", [*EXPLAINED, "popularity", "item_knn_baseline"])
def test_lineage_goes_from_the_raw_files_to_the_publication(world: World, strategy: str) -> None:
    rows = world.published(
        "sample", f"select asset, data_version, run_id, made_at from lineage_of('{strategy}')"
    )
    made, assets = world.versions("sample"), [row[0] for row in rows]
    assert assets[0] == "raw_files" and assets[-1] == "published" and "ratings" in assets
    assert all(made[asset] == version for asset, version, *_ in rows[:-1])
    assert [row[3] for row in rows] == sorted(row[3] for row in rows)
    assert any(asset.startswith("live/") and asset != "live/interactions" for asset in assets)


# Any pair, from the models beside the file.


@pytest.mark.parametrize("strategy", EXPLAINED)
def test_packaged_models_split_the_scores_of_1000_random_pairs(world: World, strategy: str) -> None:
    arrays, _ = read_package(world.data / "models" / "sample", "lists")
    models = from_arrays(ListModels, arrays)
    path = world.project.artifact_path("sample", key(f"live/{MODELS[strategy]}"))
    scorer = load_artifact(path, Embeddings)
    rng = np.random.default_rng(8)
    users, items = np.sort(rng.integers(scorer.n_users, size=1000)), rng.integers(scorer.n_items, size=1000)
    rows = explain_lists(models, strategy, users, items, n_parts=3)
    total = np.bincount(rows.pair, rows.part, minlength=1000)
    scores = scorer.pair_scores(users, items)
    assert np.all(np.abs(total - scores) <= TOLERANCE * np.maximum(1, np.abs(scores)))


def test_what_is_computed_from_the_package_is_what_was_published(world: World, explainer: Explainer) -> None:
    for strategy in EXPLAINED:
        user, movie, _ = place(world, strategy, 2)
        published = explainer._published(user, movie, strategy)[1]
        _, computed = explainer._computed(user, movie, strategy, 5)
        assert [row[:3] for row in computed] == [row[:3] for row in published]
        assert [row[4] for row in computed] == pytest.approx([row[4] for row in published], abs=1e-12)


def test_stars_by_neighbours_add_up_to_the_packaged_model_s_prediction(
    world: World, explainer: Explainer
) -> None:
    path = world.project.artifact_path("sample", key("live/item_knn_baseline"))
    model = load_artifact(path, Neighborhood)
    arrays, _ = read_package(world.data / "models" / "sample", "item_knn_baseline")
    rng = np.random.default_rng(9)
    for user, item in zip(rng.integers(600, size=5), rng.integers(1500, size=5), strict=True):
        why = explainer.explain(
            int(arrays["user_ids"][user]), str(arrays["item_ids"][item]), strategy="item_knn_baseline", n=3
        )
        [stars] = model.predict(np.array([user]), np.array([item]), np.zeros(1))
        assert sum(row[4] for row in why.answer.rows) == pytest.approx(stars, rel=TOLERANCE)
        given = world.query(
            "sample", f"select movie_id, rating from ratings where user_id = {arrays['user_ids'][user]}"
        )
        assert {row[0]: row[2] for row in why.answer.rows if row[0] is not None}.items() <= dict(
            given
        ).items()


# The command.


def test_the_command_says_why_with_parts_and_lineage(world: World) -> None:
    user, movie, score = place(world, "hybrid", 1)
    spoken = recsys(world, "explain", str(user), str(movie))
    assert spoken.code == 0, spoken.err
    first, because, *_ = spoken.out.splitlines()
    said, number = first.rsplit(" ", 1)
    assert said.endswith(f"({movie}) for user {user} of sample by hybrid, place 1: score")
    assert float(number) == pytest.approx(score, rel=1e-5)
    assert because.startswith("Because you watched ")
    assert "live/hybrid_factors" in spoken.out and "generation 1" in spoken.out


def test_the_command_reads_published_files_only(world: World, tmp_path: Path) -> None:
    copy = world.copy(tmp_path / "world")
    copy.project.warehouse.path("sample").unlink()
    for strategy in (*EXPLAINED, "popularity", "item_knn_baseline"):
        user, _, _ = place(copy, "hybrid", 1)
        [(other,)] = copy.published(
            "sample",
            "select max(movie_id) from movies where movie_id not in "
            f"(select movie_id from explanations where user_id = {user})",
        )
        spoken = recsys(copy, "explain", str(user), str(other), "--strategy", strategy, "--n", "2")
        assert spoken.code == 0, spoken.err
    assert not copy.project.warehouse.path("sample").exists()


def test_a_movie_that_was_rated_already_is_explained_and_said_to_be_seen(world: World) -> None:
    [(user, movie, rating)] = world.query(
        "sample", "select user_id, movie_id, rating from ratings where rating >= 4 order by all limit 1"
    )
    spoken = recsys(world, "explain", str(user), str(movie), "--strategy", "als")
    assert f"(rated already, {rating:g} stars: no list shows it)" in spoken.out


def test_what_cannot_be_explained_is_one_line_that_says_why(world: World) -> None:
    [(unmoved,)] = world.query(
        "sample",
        "select min(user_id) from (select user_id from ratings group by user_id having max(rating) < 4)",
    )
    for arguments, words in (
        (["1", "1", "--strategy", "like_ensemble"], "there are als, content, hybrid"),
        (["99999999", "11487"], "user 99999999 is not known"),
        (["1", "' or 1=1; drop table movies; --"], "no movie"),
        ([str(unmoved), "11487"], "has liked nothing"),
    ):
        spoken = recsys(world, "explain", *arguments)
        assert (spoken.code, spoken.out) == (1, "")
        assert words in spoken.err


def test_models_of_another_publication_explain_nothing(world: World, tmp_path: Path) -> None:
    copy = world.copy(tmp_path / "world")
    user, movie, _ = place(copy, "als", 20)
    explainer = Explainer(copy.data, "sample")
    assert explainer.explain(user, str(movie), strategy="als", n=3).because
    path = copy.data / "models" / "sample" / "lists.json"
    about = json.loads(path.read_text(encoding="utf-8"))
    about["data_versions"]["als"] = "another"
    path.write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(NotFoundError, match="not the published one"):
        explainer.explain(user, str(movie), strategy="als", n=3)
    path.unlink()
    with pytest.raises(NotFoundError, match="no package of lists"):
        explainer.explain(user, str(movie), strategy="als", n=3)
    user, movie, _ = place(copy, "als", 1)
    assert explainer.explain(user, str(movie), strategy="als", n=3).because  # from the publication


# The gates.


FIRST_USER = "user_id = (select min(user_id) from explanations)"


@pytest.mark.parametrize(
    "tampering",
    [
        f"update explanations set part = part + 1e-4 where part_rank = 1 and {FIRST_USER}",
        "delete from explanations where (strategy, user_id, movie_id) in "
        f"(select (strategy, user_id, movie_id) from recommendations where rank = 2 and {FIRST_USER})",
        "update explanations set movie_id = (select max(movie_id) from movies where movie_id not in "
        f"(select movie_id from recommendations)) where strategy = 'als' and {FIRST_USER}",
    ],
)
def test_parts_that_do_not_add_up_fail_their_check(world: World, tmp_path: Path, tampering: str) -> None:
    copy = world.copy(tmp_path / "world")
    copy.query("sample", tampering)
    checks = every_check(copy.check("sample", ["explanations"]))
    assert checks["explanations", "parts_add_up"] is False


def test_the_evidence_of_every_claim_is_a_query_on_the_published_file(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    world, _ = cross_validated(tmp_path_factory)
    rows = world.published("sample", "select claim_id, measured, verdict, evidence from claims")
    measured = [row for row in rows if row[2] != "not measured yet"]
    assert {row[0] for row in measured} >= {"A2", "A11.1", "A11.2", "A11.3", "B10.1", "D1", "D4.1", "D6"}
    for _, figure, verdict, evidence in measured:
        assert figure and verdict in ("reproduced", "not reproduced", "not meaningful")
        assert world.published("sample", evidence)
    report = (world.data / "reports" / "sample.html").read_text(encoding="utf-8")
    assert '<section id="claims">' in report


def test_a_verdict_without_a_figure_fails_its_check(world: World, tmp_path: Path) -> None:
    copy = world.copy(tmp_path / "world")
    copy.query("sample", "update claims set measured = null where claim_id = 'D6'")
    checks = every_check(copy.check("sample", ["claims"]))
    assert checks["claims", "every_claim_is_judged_by_rows"] is False
