"""The API over the sample that the whole graph has made: answers are those of the published tables."""

from __future__ import annotations

import gc
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from recsys_assets.algorithms.explanation import EXPLAINED
from recsys_assets.defs.strategies import SIMILARITY_METHODS, STRATEGIES
from recsys_assets.serving.api import create_api
from recsys_assets.serving.generations import Served
from recsys_assets.serving.settings import ServeSettings
from recsys_assets.storage.erasure import Eraser
from recsys_assets.storage.publishing import Publisher
from recsys_assets_tests.graph import World, finished
from recsys_assets_tests.serving import Caller, calling, listed

USER = 42


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    # Arrays are mapped and a database is opened: neither is to be done to the world that all share.
    return finished(tmp_path_factory)[0].copy(tmp_path_factory.mktemp("served") / "world")


@pytest.fixture(scope="module")
def served_by(world: World) -> Iterator[tuple[Caller, Served]]:
    api = create_api(ServeSettings(world.data))
    with calling(api) as caller:
        yield caller, api.state.context.generations.current("sample")


@pytest.fixture(scope="module")
def ask(served_by: tuple[Caller, Served]) -> Caller:
    return served_by[0]


@pytest.fixture(scope="module")
def served(served_by: tuple[Caller, Served]) -> Served:
    return served_by[1]


@pytest.mark.parametrize("strategy", [*STRATEGIES, "rating"])
def test_every_users_list_is_the_published_one(ask, served, strategy):
    published = listed(served, strategy)
    for user_id in served.models.user_ids.tolist():
        answer = ask.json(f"/v1/users/{user_id}/recommendations", n=20, strategy=strategy)
        found = [(item["movie_id"], item["score"]) for item in answer["items"]]
        if user_id in published:
            assert found == published[user_id]
            assert answer["strategy_used"] == strategy and answer["fallback_reason"] is None
        else:
            assert answer["strategy_used"] == "cold_start"
            assert answer["fallback_reason"] == f"{strategy} knows nothing of user {user_id}"


def test_predicted_stars_carry_their_published_confidence(ask, served):
    rows = served.rows(
        "select rank, predicted_rating, confidence from predicted_ratings_top where user_id = ? order by rank",
        [USER],
    )
    items = ask.json(f"/v1/users/{USER}/recommendations", strategy="rating")["items"]
    assert [(i["rank"], i["predicted_rating"], i["confidence"]) for i in items] == [
        (row["rank"], row["predicted_rating"], row["confidence"]) for row in rows
    ]
    aliases = ask.json(f"/recommend/{USER}", n=20)["recommendations"]
    assert [(i["predicted_rating"], i["confidence"]) for i in aliases] == [
        (row["predicted_rating"], row["confidence"]) for row in rows
    ]


@pytest.mark.parametrize("strategy", EXPLAINED)
def test_filtered_lists_go_on_where_published_ones_end(ask, served, strategy):
    published = [movie for movie, _ in listed(served, strategy)[USER]]
    computed = ask.json(f"/v1/users/{USER}/recommendations", strategy=strategy, year_min=1850, n=100)
    assert computed["total"] == 200
    undated = {row["movie_id"] for row in served.rows("select movie_id from movies where year is null")}
    found = [item["movie_id"] for item in computed["items"]]
    assert found[: len(published)] == [movie for movie in published if movie not in undated]


@pytest.mark.parametrize("strategy", EXPLAINED)
def test_explanations_add_up_to_the_published_score_and_name_the_same_movies(ask, served, strategy):
    items = ask.json(f"/v1/users/{USER}/recommendations", strategy=strategy)["items"]
    for item in items[:5]:
        why = ask.json(f"/v1/explain/{USER}/{item['movie_id']}", strategy=strategy, n=3)
        total = why["constant"] + sum(part["part"] for part in why["parts"]) + why["others"]
        assert abs(total - item["score"]) < 1e-6 * max(1, abs(item["score"]))
        assert item["because"] == f"Because you watched {why['parts'][0]['title']}"
        sentence = served.rows(
            "select because from because_you_watched(?) where strategy = ? and movie_id = ?",
            [USER, strategy, item["movie_id"]],
        )
        assert why["because"] == sentence[0]["because"]
    assert {row["asset"] for row in why["lineage"]} >= {"ratings", "published"}


def test_the_ratings_of_a_user_as_a_session_give_the_users_list(ask, served):
    counts = np.diff(served.models.ratings.indptr)
    user_id = int(served.models.user_ids[np.flatnonzero((counts > 60) & (counts <= 100))[0]])
    ratings = ask.json(f"/v1/users/{user_id}/ratings", n=100)
    assert ratings["total"] == len(ratings["items"]) > 60
    body = [{"movie_id": item["movie_id"], "rating": item["rating"]} for item in ratings["items"]]
    for strategy in EXPLAINED:
        answer = ask.post("/v1/recommendations/session", {"ratings": body, "strategy": strategy}).json()
        published = listed(served, strategy)[user_id]
        assert [item["movie_id"] for item in answer["items"]] == [movie for movie, _ in published]
        scores = [item["score"] for item in answer["items"]]
        np.testing.assert_allclose(scores, [score for _, score in published], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", SIMILARITY_METHODS)
def test_neighbours_are_the_published_ones(ask, served, method):
    (row,) = served.rows("select min(movie_id) as movie_id from similar_movies where method = ?", [method])
    rows = served.rows(
        "select similar_movie_id, similarity from similar_movies where method = ? and movie_id = ? order by rank",
        [method, row["movie_id"]],
    )
    answer = ask.json(f"/v1/movies/{row['movie_id']}/similar", method=method, n=100)
    assert [(i["movie_id"], i["similarity"]) for i in answer["items"]] == [
        (one["similar_movie_id"], one["similarity"]) for one in rows
    ]


def test_a_mistyped_title_is_found_and_its_page_has_all_that_is_known(ask, served):
    found = ask.json("/v1/search", q="half-lit turnstlie")["items"][0]
    assert found["title"] == "Half-Lit Turnstile, The (1997)"
    (row,) = served.rows("select movie_id, tmdb_id from movie_details where movie_id is not null limit 1")
    page = ask.json(f"/v1/movies/{row['movie_id']}")
    assert page["overview"] and page["directors"] and page["cast"]
    assert page["tmdb_url"] == f"https://www.themoviedb.org/movie/{row['tmdb_id']}"
    assert sum(bar["n_ratings"] for bar in page["rating_histogram"]) == page["n_ratings"]
    knowing = "select distinct method from similar_movies where movie_id = ? order by method"
    assert page["methods"] == [one["method"] for one in served.rows(knowing, [row["movie_id"]])]


def test_what_a_user_gave_one_movie_is_answered_however_many_they_rated(ask, served):
    rated = ask.json(f"/v1/users/{USER}/ratings", n=100)
    last = rated["items"][-1]
    assert rated["total"] > len(rated["items"])
    alone = ask.json(f"/v1/users/{USER}/ratings", movie_id=last["movie_id"])
    assert [(one["movie_id"], one["rating"]) for one in alone["items"]] == [
        (last["movie_id"], last["rating"])
    ]
    listed = ask.json(f"/v1/users/{USER}/recommendations", n=1)["items"]
    assert ask.json(f"/v1/users/{USER}/ratings", movie_id=listed[0]["movie_id"])["items"] == []


def test_people_are_found_by_role_with_their_movies(ask, served):
    for role in ("actor", "director"):
        counted = "n_acted" if role == "actor" else "n_directed"
        (best,) = served.rows(
            f"select person_id, name from people order by {counted} desc, person_id limit 1"
        )
        assert ask.json("/v1/people", role=role, n=1)["items"][0]["person_id"] == best["person_id"]
        mistyped = best["name"][:3] + best["name"][4:]
        assert best["person_id"] in {
            one["person_id"] for one in ask.json("/v1/people", role=role, q=mistyped)["items"]
        }
        answer = ask.json(f"/v1/people/{best['person_id']}/movies", n=500)
        assert len(answer["items"]) == answer["total"]
        assert any(role in movie["roles"] for movie in answer["items"])
        assert ask.json(f"/{role}/", name=best["name"])["items"]
    assert ask.get(f"/v1/people/{2**40}/movies").status_code == 404


def test_figures_are_those_of_the_tables(ask, served):
    evaluation = ask.json("/v1/evaluation")
    boards = evaluation["leaderboards"]
    (best,) = served.rows(
        "select model, value from evaluation where metric = 'ndcg' and k = 10 and split = 'test' and segment = 'all' "
        "order by value desc, model limit 1"
    )
    assert boards["lists"][0]["metrics"]["ndcg@10"]["value"] == best["value"]
    assert [row["split"] for row in boards["stars"]] == ["test"] * len(boards["stars"])
    errors = [row["metrics"]["rmse"]["value"] for row in boards["stars"]]
    assert errors == sorted(errors)
    assert len(evaluation["gates"]) == len(served.table("gates"))
    data = ask.json("/v1/data")
    assert data["long_tail"][-1]["share_of_ratings"] == 1
    assert {row["statistic"]: row["value"] for row in data["dataset_statistics"]}["n_users"] == 600
    champion = ask.json("/v1/models/champion")
    assert champion["default_strategy"] == served.default_strategy
    assert [row["alias"] for row in champion["content_engine"]] == ["champion"]
    strategies = ask.json("/v1/models")["strategies"]
    assert {row["strategy"] for row in strategies} == {*STRATEGIES, "rating"}
    assert ask.json("/v1/experiments")["experiments"] == []


def test_feedback_becomes_ratings_with_the_next_run_of_the_inbox(world, tmp_path):
    copy = world.copy(tmp_path / "copy")
    api = create_api(ServeSettings(copy.data))
    with calling(api) as ask:
        (movie,) = ask.json(f"/v1/users/{USER}/recommendations", n=1, strategy="als")["items"]
        body = {
            "feedback_id": str(uuid.uuid4()),
            "user_id": USER,
            "movie_id": movie["movie_id"],
            "rating": 1.5,
        }
        assert ask.post("/v1/feedback", body).status_code == 202
    assert copy.stale("sample").keys() >= {"experiments"}
    api.state.context.deliver()
    assert copy.stale("sample")["inbox"] == "new files"
    result = copy.run("sample", ["inbox", "ratings"])
    assert result.success
    where = f"user_id = {USER} and movie_id = {movie['movie_id']}"
    assert copy.query("sample", f"select rating from ratings where {where}") == [(1.5,)]


def like_something(world: World, *user_ids: int) -> None:
    """Feedback of these users, given to a server that is closed again."""
    with calling(create_api(ServeSettings(world.data))) as ask:
        movie = ask.json("/v1/movies", n=1)["items"][0]["movie_id"]
        for user_id in user_ids:
            body = {"feedback_id": str(uuid.uuid4()), "user_id": user_id, "movie_id": movie, "rating": 4.0}
            assert ask.post("/v1/feedback", body).status_code == 202
    del ask
    gc.collect()  # one process opens a database file in one way at a time


def test_a_user_who_is_forgotten_is_out_of_feedback_and_known_to_be_in_arrays(world, tmp_path):
    copy, newcomer = world.copy(tmp_path / "copy"), 10**7
    like_something(copy, newcomer, USER)
    eraser = Eraser(copy.project.raw_files)
    spec = copy.project.registry.dataset("sample")
    named = {Path(trace).name for trace in eraser.traces(spec, newcomer)}
    assert ".feedback.csv" in named and any(name.startswith("events-") for name in named)
    assert "sample-000001.arrays" not in named
    eraser.erase(spec, newcomer)
    assert eraser.traces(spec, newcomer) == []
    assert any(trace.endswith("sample-000001.arrays") for trace in eraser.traces(spec, USER))
    current = Publisher(copy.data / "published", "sample").current()
    assert current is not None and current.names({USER}) and not current.names({newcomer})
