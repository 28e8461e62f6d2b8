"""The API over a made publication: lists as published, errors in one shape, limits, keys, feedback, experiments."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.als import fold_in_users
from recsys_assets.serving.api import create_api
from recsys_assets.serving.fast_lane import recommendations_fast
from recsys_assets.serving.generations import Served
from recsys_assets.serving.guards import MAX_BODY_BYTES
from recsys_assets.serving.settings import Experiment, ServeSettings
from recsys_assets.storage.feedback import FeedbackLog
from recsys_assets.storage.forgetting import Forgotten
from recsys_assets_tests.made_publication import MadePublication, write_registry
from recsys_assets_tests.serving import Caller, calling, listed

N_USERS, N_MOVIES = 1000, 400
STRATEGIES = ("als", "content", "hybrid", "popularity", "recent_popularity", "rating")
UNKNOWN = 10**9


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    write_registry(folder, "mine")
    made = MadePublication(folder, "mine", N_USERS, N_MOVIES)
    made.publish(made.warehouse(folder / "warehouse.duckdb"), made.models())
    return folder


@pytest.fixture(scope="module")
def with_settings(data: Path) -> ServeSettings:
    return ServeSettings(data, "mine")


@pytest.fixture(scope="module")
def api(with_settings: ServeSettings) -> Any:
    return create_api(with_settings)


@pytest.fixture(scope="module")
def ask(api: Any) -> Iterator[Caller]:
    with calling(api) as caller:
        yield caller


@pytest.fixture(scope="module")
def served(api: Any) -> Served:
    found: Served = api.state.context.generations.current("mine")
    return found


def problem(response: Any, status: int) -> dict[str, Any]:
    """The error's content, in the one shape that errors have."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    content: dict[str, Any] = response.json()
    assert content["status"] == status and content["title"] and content["detail"] and content["type"]
    return content


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_lists_of_a_thousand_users_are_the_published_ones(ask, served, strategy):
    published = listed(served, strategy)
    assert len(published) == N_USERS
    for user_id, expected in published.items():
        items = ask.json(f"/v1/users/{user_id}/recommendations", n=20, strategy=strategy)["items"]
        assert [(item["movie_id"], item["score"]) for item in items] == expected
        assert [item["rank"] for item in items] == list(range(1, 21))


@pytest.mark.parametrize(
    "query", [{}, {"n": 3}, {"strategy": "als"}, {"n": 7, "strategy": "rating"}, {"n": 100}]
)
@pytest.mark.parametrize("user_id", [1, N_USERS, UNKNOWN])
def test_the_fast_lane_answers_as_the_route_does(api, ask, query, user_id):
    path = f"/v1/users/{user_id}/recommendations"
    text = "&".join(f"{name}={value}" for name, value in query.items())
    fast = recommendations_fast(api.state.context, path.encode(), text.encode())
    # An offset of nothing is more than the fast lane knows.
    slow = ask.get(path, **query, offset=0).content
    assert fast == slow == ask.get(path, **query).content


@pytest.mark.parametrize(
    "query",
    ["n=0", "n=101", "n=-1", "n=5strategy=als", "strategy=nobody", "dataset=theirs", "n=1&n=2", "n=%35"],
)
def test_what_the_fast_lane_is_not_sure_of_is_left_to_the_route(api, query):
    path = b"/v1/users/1/recommendations"
    assert recommendations_fast(api.state.context, path, query.encode()) is None
    assert recommendations_fast(api.state.context, b"/v1/users/9007199254740993/recommendations", b"") is None


def test_pages_of_a_list_are_the_list(ask):
    whole = ask.json("/v1/users/5/recommendations", n=20)
    assert whole["total"] == 20 and whole["next_cursor"] is None
    pages, cursor = [], {}
    while True:
        page = ask.json("/v1/users/5/recommendations", n=7, **cursor)
        pages += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert pages == whole["items"]
    assert ask.json("/v1/users/5/recommendations", n=5, offset=15)["items"] == whole["items"][15:]
    assert ask.json("/v1/users/5/recommendations", offset=20)["items"] == []


@pytest.mark.parametrize(
    "cursor", ["x", "mine-000001.", "mine-000001.9999999", "mine-000001.-1", "../1", "é.1"]
)
def test_cursors_that_nobody_gave_are_refused(ask, cursor):
    problem(ask.get("/v1/users/5/recommendations", cursor=cursor), 422)


def test_an_unknown_user_gets_a_cold_start_list_that_says_so(ask, served):
    answer = ask.json(f"/v1/users/{UNKNOWN}/recommendations")
    assert answer["strategy_used"] == "cold_start"
    assert answer["fallback_reason"] == f"user {UNKNOWN} is not known on mine"
    cold = [row["movie_id"] for row in served.rows("select movie_id from cold_start order by rank")]
    assert [item["movie_id"] for item in answer["items"]] == cold
    assert {item["score"] for item in answer["items"]} == {None}
    assert ask.json(f"/v1/users/{UNKNOWN}") == {"user_id": UNKNOWN, "known": False, "n_ratings": 0}


@pytest.mark.parametrize("strategy", ["als", "hybrid", "popularity"])
def test_filters_keep_what_fits_and_leave_out_what_was_rated(ask, strategy):
    answer = ask.json("/v1/users/7/recommendations", strategy=strategy, genre="drama", year_min=1990, n=100)
    items = answer["items"]
    assert items and all("Drama" in item["genres"] and item["year"] >= 1990 for item in items)
    assert answer["total"] == len(items)
    rated = {item["movie_id"] for item in ask.json("/v1/users/7/ratings")["items"]}
    assert rated and not rated & {item["movie_id"] for item in items}
    scores = [item["score"] for item in items]
    assert scores == sorted(scores, reverse=True)


def test_rated_movies_come_back_where_they_can_be_scored(ask):
    rated = {item["movie_id"] for item in ask.json("/v1/users/7/ratings")["items"]}
    found = ask.json("/v1/users/7/recommendations", strategy="als", exclude_seen="false", n=100)
    assert found["fallback_reason"] is None
    everything = {item["movie_id"] for item in found["items"]}
    assert rated & everything
    other = ask.json("/v1/users/7/recommendations", strategy="popularity", exclude_seen="false")
    assert other["fallback_reason"] == "popularity has no scores of movies that the user has rated"


def test_diversity_permutes_a_list_and_exploration_replaces_places(ask):
    path = "/v1/users/9/recommendations"
    plain = [item["movie_id"] for item in ask.json(path)["items"]]
    varied = [item["movie_id"] for item in ask.json(path, diversity=0.9)["items"]]
    assert sorted(varied) == sorted(plain) and varied != plain and varied[0] == plain[0]
    explored = ask.json(path, explore=0.5, seed=3)["items"]
    assert explored == ask.json(path, explore=0.5, seed=3)["items"]
    new = [item for item in explored if item["explored"]]
    assert new and all(item["score"] is None for item in new)
    assert not {item["movie_id"] for item in new} & set(plain)
    kept = [(place, item["movie_id"]) for place, item in enumerate(explored) if not item["explored"]]
    assert kept == [(place, plain[place]) for place, _ in kept]


def test_a_session_is_the_closed_form_of_als(ask, served):
    models = served.models
    wanted = [{"movie_id": movie, "rating": stars} for movie, stars in ((3, 5.0), (50, 4.0), (90, 1.0))]
    answer = ask.post("/v1/recommendations/session", {"ratings": wanted, "n": 100, "strategy": "als"}).json()
    likes = csr_matrix(([1.0, 1.0], [2, 49], [0, 2]), shape=(1, N_MOVIES), dtype=np.float32)
    user = fold_in_users(likes, models.item_factors, regularization=models.regularization, alpha=models.alpha)
    scores = np.asarray(models.item_factors @ user[0])
    for item in answer["items"]:
        assert abs(item["score"] - scores[item["movie_id"] - 1]) < 1e-5
    left = np.delete(scores, [2, 49, 89])
    assert abs(answer["items"][0]["score"] - left.max()) < 1e-5
    assert answer["total"] == 200 and answer["fallback_reason"] is None


@pytest.mark.parametrize(
    "ratings", [[], [{"movie_id": 3, "rating": 2.0}], [{"movie_id": UNKNOWN, "rating": 5.0}]]
)
def test_a_session_without_anything_to_go_by_is_a_cold_start(ask, ratings):
    answer = ask.post("/v1/recommendations/session", {"ratings": ratings}).json()
    assert answer["strategy_used"] == "cold_start"
    assert answer["fallback_reason"].startswith("als needs a rating of at least 4 stars")
    assert not {rating["movie_id"] for rating in ratings} & {item["movie_id"] for item in answer["items"]}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/users/1/recommendations?strategy=nobody", 404),
        ("/v1/users/1/recommendations?genre=Opera", 404),
        ("/v1/users/1/recommendations?dataset=theirs", 404),
        ("/v1/users/1/recommendations?dataset=../../etc", 422),
        ("/v1/users/1/recommendations?n=0", 422),
        ("/v1/users/1/recommendations?n=101", 422),
        ("/v1/users/1/recommendations?diversity=nan", 422),
        ("/v1/users/9007199254740993/recommendations", 422),
        ("/v1/users/" + "9" * 5000, 422),
        ("/v1/users/one", 422),
        ("/v1/movies/999999", 404),
        ("/v1/movies/1/similar?method=magic", 404),
        ("/v1/movies?sort=best", 422),
        ("/v1/search", 422),
        ("/v1/search?q=" + "x" * 201, 422),
        ("/v1/explain/1/1?strategy=rating", 422),
        (f"/v1/explain/{UNKNOWN}/1", 404),
        ("/v1/nothing", 404),
        ("/posters/1", 404),
        ("/recommend/?title=%20", 404),
        ("/v1/users/1?" + "x" * 5000, 414),
    ],
)
def test_errors_have_one_shape_and_say_what_is_wrong(ask, path, status):
    problem(ask.get(path), status)


def test_other_methods_are_refused(ask):
    problem(ask.request("DELETE", "/v1/users/1"), 405)
    problem(ask.post("/v1/users/1/recommendations", {}), 405)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"ratings": [{"movie_id": 1, "rating": NaN}]}',
        b'{"ratings": [{"movie_id": 1, "rating": 4.3}]}',
        b'{"ratings": [{"movie_id": 1, "rating": 4, "more": 1}]}',
        b'{"ratings": [{"movie_id": 18446744073709551616, "rating": 4}]}',
        b'{"ratings": "\\ud800"}',
        b"\xff\xfe",
    ],
)
def test_bodies_that_are_not_what_they_should_be_are_refused(ask, body):
    headers = {"content-type": "application/json"}
    problem(ask.request("POST", "/v1/recommendations/session", content=body, headers=headers), 422)


def test_bodies_that_are_too_long_are_refused_whether_they_say_so_or_not(ask):
    content = b" " * (MAX_BODY_BYTES + 1)

    async def chunks() -> Any:
        for start in range(0, len(content), 1000):
            yield content[start : start + 1000]

    headers = {"content-type": "application/json"}
    for body in (content, chunks()):
        problem(ask.request("POST", "/v1/recommendations/session", content=body, headers=headers), 413)


@pytest.mark.parametrize(("length", "status"), [("9" * 5000, 413), ("70000", 413), ("x", 200), ("0015", 200)])
def test_a_length_that_is_none_does_no_harm(ask, length, status):
    headers = {"content-type": "application/json", "content-length": length}
    body = b'{"ratings": []}'
    response = ask.request("POST", "/v1/recommendations/session", content=body, headers=headers)
    assert response.status_code == status


HOSTILE = (
    "'; drop table movies; --",
    "\"); select * from read_text('/etc/passwd'); --",
    "%",
    "_",
    ".*",
    "\\",
    "\x00",
    "\ud800",
    "${jndi:ldap://x}",
    "<img src=x onerror=alert(1)>",
    "../../../../etc/passwd",
    "‮gnidaer",
    "𝕸𝖔𝖛𝖎𝖊",
    "movie 1" + "\u0301" * 50,
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_searched_for_and_nothing_more(ask, served, text):
    n_movies = len(served.table("movies"))
    encoded = text.encode("utf-8", "surrogatepass")
    query = "".join(f"%{byte:02X}" for byte in encoded)
    for path in (f"/v1/search?q={query}", f"/search/?query={query}"):
        assert ask.get(path).status_code == 200
    for path in (f"/recommend/?title={query}", f"/v1/users/1/recommendations?genre={query}"):
        assert ask.get(path).status_code in (200, 404, 422)
    assert len(served.table("movies")) == n_movies


@given(st.text(max_size=60))
@settings(max_examples=60)
def test_any_text_can_be_searched_for(ask, text):
    response = ask.get("/v1/search", q=text.encode("utf-8", "replace").decode())
    assert response.status_code == 200
    assert response.json()["total"] == len(response.json()["items"])


def test_what_a_query_could_reach_is_locked(served):
    for sql in (
        "from read_text('/etc/hostname')",
        "set enable_external_access = true",
        "create table x (i int)",
    ):
        with pytest.raises(Exception, match=r"disabled|locked|read-only|Cannot"):
            served.rows(sql)


def test_short_paths_answer_in_the_form_of_the_published_systems(ask):
    stars = ask.json("/recommend/3", n=5)
    assert stars["count"] == 5 == len(stars["recommendations"])
    assert all(
        item.keys() == {"item_id", "title", "predicted_rating", "confidence"}
        and item["confidence"] == ("high" if item["predicted_rating"] >= 4 else "medium")
        for item in stars["recommendations"]
    )
    unknown = ask.json(f"/recommend/{UNKNOWN}", n=2)
    assert [item["predicted_rating"] for item in unknown["recommendations"]] == [3.5, 3.5]
    assert unknown["fallback_reason"]
    assert ask.json("/similar/3", n=1)["count"] == 1
    problem(ask.get("/similar/999999"), 404)


def test_the_document_describes_every_route_and_has_examples(ask):
    document = ask.json("/openapi.json")
    assert document["openapi"].startswith("3.1")
    assert {"/v1/users/{user_id}/recommendations", "/v1/feedback", "/recommend/{user_id}", "/metrics"} <= set(
        document["paths"]
    )
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation.get("description"), path
    assert document["components"]["schemas"]["Feedback"]["examples"]


def feedback(**given: Any) -> dict[str, Any]:
    return {"feedback_id": str(uuid.uuid4()), "user_id": 1, "movie_id": 2} | given


def test_feedback_is_accepted_once_and_delivered(ask, api, data):
    body = feedback(rating=4.5)
    first, again = (ask.post("/v1/feedback", body) for _ in range(2))
    assert (first.status_code, first.json()["status"]) == (202, "accepted")
    assert (again.status_code, again.json()["status"]) == (202, "already accepted")
    api.state.context.deliver()
    (path,) = (data / "inbox" / "mine").glob("feedback-*.csv")
    header, row = path.read_text().splitlines()
    assert header == "userId,movieId,rating,timestamp" and row.startswith("1,2,4.5,")


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, 422),
        ({"rating": 4.0, "event": "opened"}, 422),
        ({"rating": 5.5}, 422),
        ({"event": "bought"}, 422),
        ({"event": "shown", "exposure_id": "a.b.c.d"}, 422),
        ({"event": "shown", "movie_id": UNKNOWN}, 404),
        ({"event": "shown", "user_id": -1}, 422),
        ({"event": "shown", "feedback_id": "one"}, 422),
    ],
)
def test_feedback_that_says_nothing_is_refused_and_not_recorded(ask, data, given, status):
    state = FeedbackLog(data, "mine").state()
    problem(ask.post("/v1/feedback", feedback(**given)), status)
    assert FeedbackLog(data, "mine").state() == state


def test_a_forgotten_user_is_not_recorded_again(ask, data):
    Forgotten(data, "mine").add(999)
    problem(ask.post("/v1/feedback", feedback(user_id=999, rating=4.0)), 410)
    log = FeedbackLog(data, "mine")
    assert not any(line.startswith("999,") for path in log.files() for line in path.read_text().splitlines())


def test_an_experiment_deals_users_to_variants_and_logs_their_exposure(with_settings, data):
    running = replace(with_settings, experiment=Experiment("lists-1", ("als", "content")))
    with calling(create_api(running)) as ask:
        dealt = {}
        for user_id in range(1, 401):
            answer = ask.json(f"/v1/users/{user_id}/recommendations", n=1)
            assert answer["strategy_used"] == answer["experiment"]["variant"]
            dealt[user_id] = answer["experiment"]
        assert ask.json("/v1/users/1/recommendations", n=1)["experiment"] == dealt[1]
        counts = Counter(one["variant"] for one in dealt.values())
        assert set(counts) == {"als", "content"} and abs(counts["als"] - 200) < 4 * 10
        chosen = ask.json("/v1/users/1/recommendations", strategy="hybrid")
        assert chosen["experiment"] is None and chosen["strategy_used"] == "hybrid"
        mark = dealt[1]["exposure_id"]
        assert ask.post("/v1/feedback", feedback(event="shown", exposure_id=mark)).status_code == 202
        problem(ask.post("/v1/feedback", feedback(user_id=2, event="shown", exposure_id=mark)), 422)
    line = FeedbackLog(data, "mine").files()[0].read_text().splitlines()[-1]
    assert line.split(",")[:7] == ["1", "2", "shown", "", "lists-1", dealt[1]["variant"], "mine-000001"]


def test_with_a_key_nothing_is_answered_without_it_but_health(with_settings):
    with calling(create_api(replace(with_settings, api_key="sécret"))) as ask:
        for path in ("/v1/users/1/recommendations", "/v1/users", "/metrics", "/openapi.json", "/recommend/1"):
            assert problem(ask.get(path), 401)["title"] == "No key"
            for wrong in ("", "secret", "sécret "):
                problem(ask.request("GET", path, headers={"x-api-key": wrong.encode()}), 401)
            for headers in (
                {"x-api-key": "sécret".encode()},
                {"authorization": b"Bearer " + "sécret".encode()},
            ):
                assert ask.request("GET", path, headers=headers).status_code == 200
        assert ask.get("/health/live").status_code == ask.get("/health/ready").status_code == 200


def test_pages_of_other_origins_may_call_only_if_they_are_named(with_settings, ask):
    headers = {"origin": "https://films.example"}
    assert "access-control-allow-origin" not in ask.request("GET", "/v1/users", headers=headers).headers
    named = replace(with_settings, cors_origins=("https://films.example",))
    with calling(create_api(named)) as allowed:
        answer = allowed.request("GET", "/v1/users", headers=headers)
        assert answer.headers["access-control-allow-origin"] == "https://films.example"
        other = allowed.request("GET", "/v1/users", headers={"origin": "https://other.example"})
        assert "access-control-allow-origin" not in other.headers


def test_more_requests_than_can_be_answered_are_told_to_come_back(with_settings):
    with calling(create_api(replace(with_settings, max_concurrent=0))) as ask:
        response = ask.get("/v1/users/1/recommendations")
        problem(response, 429)
        assert response.headers["retry-after"] == "1"


def test_answers_carry_headers_that_keep_browsers_from_guessing(ask):
    for path in ("/v1/users/1/recommendations", "/v1/users", "/v1/nothing"):
        headers = ask.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]


def test_what_is_asked_is_counted(ask):
    def count(route: str) -> float:
        lines = ask.get("/metrics").text.splitlines()
        prefix = f'recsys_requests_total{{route="{route}",status="200"}} '
        return sum(float(line.removeprefix(prefix)) for line in lines if line.startswith(prefix))

    before = count("/v1/users/{user_id}"), count("fast")
    ask.json("/v1/users/1")
    ask.json("/v1/users/1/recommendations")
    assert (count("/v1/users/{user_id}"), count("fast")) == (before[0] + 1, before[1] + 1)


def test_a_data_set_without_a_publication_is_not_ready(tmp_path):
    write_registry(tmp_path, "mine")
    with calling(create_api(ServeSettings(tmp_path, "mine"))) as ask:
        for path in ("/health/ready", "/v1/users/1/recommendations", "/v1/evaluation"):
            found = problem(ask.get(path), 503)
            assert found["detail"] == "mine has not been published: recsys run --dataset mine"
        assert ask.get("/health/live").status_code == 200
        assert ask.json("/v1/datasets")["items"][0]["served"] is False


@pytest.mark.parametrize("prefix", ["", "1", "10", "100", "1000", "2", "99", "0", "01", "x", "１", "9" * 17])
def test_users_are_found_by_what_their_id_begins_with(ask, prefix):
    expected = [user for user in range(1, N_USERS + 1) if str(user).startswith(prefix)]
    answer = ask.json("/v1/users", q=prefix, n=100)
    found = [one["user_id"] for one in answer["items"]]
    assert answer["total"] == len(expected)
    assert found == sorted(expected)[:100]
    assert all(one["n_ratings"] == 5 for one in answer["items"])
