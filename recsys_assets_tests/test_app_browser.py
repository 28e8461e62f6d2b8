"""The web app in a browser, over a server, over what the graph has published of the sample."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from playwright.sync_api import Browser, Route, expect

from recsys_assets_tests.app_browser import CHROMIUM, PAGES, Visit, browser, served, visit
from recsys_assets_tests.graph import World, finished

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}"),
]

USER = 42
UNKNOWN = 987654
HOSTILE = '<img src=x onerror="window.stolen=1"><script>window.stolen=1</script>\'&quot; {{7*7}} ${7*7}'
HOSTILE_FIELDS = ("title", "name", "character", "overview", "tagline", "because", "statement", "description")
STRATEGIES = ("Hybrid", "ALS", "Content", "Like-classifier", "Rating")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return finished(tmp_path_factory)[0].copy(tmp_path_factory.mktemp("app") / "world")


@pytest.fixture(scope="module")
def published(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """What is served, in a file of its own: one process opens a file in one way only, and the server locks its."""
    beside = tmp_path_factory.mktemp("published") / "sample.duckdb"
    shutil.copy(world.data / "published" / "sample.duckdb", beside)
    with duckdb.connect(str(beside), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def site(world: World) -> Iterator[str]:
    with served(world.data) as address:
        yield address


@pytest.fixture(scope="module")
def chromium(site: str) -> Iterator[Browser]:
    """A browser, after the world is made: its event loop runs in this thread, and lets no run of the graph have one."""
    with browser() as launched:
        yield launched


@pytest.fixture
def at(chromium: Browser, site: str) -> Iterator[Visit]:
    with visit(chromium, site, user=USER) as opened:
        yield opened


def one(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return row[0]


def detailed(connection: duckdb.DuckDBPyConnection) -> int:
    """A movie of which everything is known, the most rated one that the user has not rated."""
    return int(
        one(
            connection,
            f"""select movie_id from movie_details join default_ratings using (movie_id)
            join recommendations r using (movie_id)
            where r.user_id = {USER} and r.strategy = 'hybrid' and len(directors) > 0 order by n_ratings desc""",
        )
    )


@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_is_whole(
    chromium: Browser, site: str, published: duckdb.DuckDBPyConnection, width: int
) -> None:
    movie = detailed(published)
    person = one(published, "select person_id from people order by n_directed desc, person_id limit 1")
    with visit(chromium, site, width=width, user=USER) as at:
        for path in (*PAGES, f"/movie/{movie}", f"/people/{person}", "/search?q=harbour"):
            at.go(path)
            page = at.page
            assert page.locator("h1").count() == 1, path
            assert page.locator("h1").inner_text(), path
            assert page.get_by_role("alert").count() == 0, (path, page.get_by_role("alert").all_inner_texts())
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is too wide"
            assert page.evaluate(NAMELESS) == [], path
        assert at.complaints == []
        assert at.foreign == []


NAMELESS = """
() => [...document.querySelectorAll('a, button, input, select, [role=slider]')]
    .filter(one => one.offsetParent !== null)
    .filter(one => !(one.getAttribute('aria-label') || one.textContent.trim() || one.labels?.length
        || one.closest('label')))
    .map(one => one.outerHTML.slice(0, 120))
"""


def test_each_strategy_lists_what_is_published(at: Visit, published: duckdb.DuckDBPyConnection) -> None:
    at.go("/")
    seen = {}
    for name in STRATEGIES:
        at.page.locator(".toggle-strategy label", has_text=name).click()
        expect(at.page.locator("[aria-label='For you'] .tag")).to_have_text(name)
        seen[name] = [int(movie) for movie in at.settle().movies("For you")]
    columns = {"Hybrid": "hybrid", "ALS": "als", "Content": "content", "Like-classifier": "like_ensemble"}
    for name, strategy in columns.items():
        rows = published.execute(
            "select movie_id from recommendations where strategy = ? and user_id = ? order by rank",
            [strategy, USER],
        ).fetchall()
        assert seen[name] == [row[0] for row in rows]
    assert len({tuple(movies) for movies in seen.values()}) == len(STRATEGIES)
    at.page.reload()
    at.settle()
    assert at.page.locator(".toggle-strategy input:checked").get_attribute("value") == "rating"


def test_a_list_is_narrowed_to_a_genre_and_to_years(at: Visit, published: duckdb.DuckDBPyConnection) -> None:
    at.go("/")
    whole = at.movies("For you")
    at.page.get_by_label("Genre").select_option("Comedy")
    expect(at.page.locator("[aria-label='For you'] .card").first).not_to_have_attribute(
        "data-movie", whole[0]
    )
    at.page.get_by_label("Years").select_option("2000")
    expect(at.page.locator("[aria-label='For you'] .region[aria-busy='false']")).to_be_visible()
    at.page.wait_for_function(
        "() => [...document.querySelectorAll('[aria-label=\"For you\"] .card-facts')]"
        ".every(one => Number(one.textContent.slice(0, 4)) >= 2000)"
    )
    narrowed = [int(movie) for movie in at.settle().movies("For you")]
    assert len(narrowed) == 20
    fitting = published.execute(
        "select movie_id from movies where list_contains(genres, 'Comedy') and year >= 2000"
    ).fetchall()
    assert set(narrowed) <= {row[0] for row in fitting}


def test_cards_say_score_and_reason(at: Visit, published: duckdb.DuckDBPyConnection) -> None:
    at.go("/")
    score = one(
        published,
        f"select score from recommendations where strategy = 'hybrid' and user_id = {USER} and rank = 1",
    )
    first = at.page.locator("[aria-label='For you'] .card").first
    expect(first.locator(".card-score")).to_have_text(f"{score:.2f}")
    expect(first.locator(".card-note")).to_contain_text("Because you watched")
    headings = at.page.locator("h2").all_inner_texts()
    assert sum(heading.startswith("Because you watched") for heading in headings) == 2
    assert {"For you", "Trending", "New", "Popular"} <= set(headings)


def test_an_unknown_user_is_told_that_the_list_is_for_newcomers(
    at: Visit, published: duckdb.DuckDBPyConnection
) -> None:
    at.go("/")
    at.page.locator(".user-button").click()
    dialog = at.named("dialog", "Who is watching?")
    dialog.get_by_label("Find a user by id").fill(str(UNKNOWN))
    dialog.get_by_role("button", name=f"User {UNKNOWN}").click()
    expect(at.page.locator("[aria-label='For you'] .tag")).to_have_text("Newcomers' list")
    at.settle()
    expect(at.page.locator("[aria-label='For you'] .row-about")).to_contain_text(f"{UNKNOWN} is not known")
    cold = published.execute("select movie_id from cold_start order by rank").fetchall()
    assert [int(movie) for movie in at.movies("For you")] == [row[0] for row in cold]
    at.page.reload()
    expect(at.page.locator(".user-button")).to_contain_text(f"User {UNKNOWN}")
    assert at.complaints == []


def test_the_list_of_a_newcomer_follows_every_star(chromium: Browser, site: str) -> None:
    with visit(chromium, site, user=None) as at:
        at.go("/start")
        side = at.page.locator(".start-side")
        expect(side.locator(".tag")).to_have_text("Newcomers' list")
        lists = [at.movies("Your list")]
        for place in range(5):
            stars = at.page.locator(".choice .stars").nth(place)
            stars.press("End" if place % 2 == 0 else "ArrowRight")
            expect(stars).to_have_attribute("aria-valuenow", "5" if place % 2 == 0 else "0.5")
            expect(side).to_contain_text(f"From {place + 1} rating")
            lists.append(at.settle().movies("Your list"))
        expect(side.locator(".tag")).to_contain_text("Personal")
        assert lists[0] != lists[1] != lists[3] != lists[5]
        given = at.page.locator(".choice[data-movie]").evaluate_all(
            "all => all.map(one => one.dataset.movie)"
        )
        assert not set(given[:5]) & set(lists[-1])
        at.named("button", "Watch with this list").click()
        expect(at.page.locator(".user-button")).to_contain_text("Guest")
        at.settle()
        assert at.movies("For you")[:10] == lists[-1]
        at.go("/compare")
        columns = at.page.locator(".versus-column").evaluate_all("all => all.map(one => one.ariaLabel)")
        assert columns == ["Hybrid", "ALS", "Content"]
        assert at.movies("ALS") == lists[-1]
        assert at.complaints == []


def test_search_finds_a_mistyped_title_and_people(at: Visit, published: duckdb.DuckDBPyConnection) -> None:
    movie, title = published.execute(
        "select movie_id, regexp_replace(title, ',? ?(The|A|An)? \\(\\d+\\)$', '') as bare from movies "
        "group by all having length(bare) > 16 order by movie_id limit 1"
    ).fetchall()[0]
    mistyped = title[:5] + title[6] + title[5] + title[7:]
    at.go("/search")
    assert at.page.evaluate("document.activeElement.id") == "query"
    at.page.keyboard.type(mistyped)
    expect(at.page.locator("[aria-label='Movies'] .card").first).to_have_attribute("data-movie", str(movie))
    assert re.search(r"#/search\?q=.+", at.page.url)
    name = one(published, "select name from people order by n_acted desc, person_id limit 1")
    at.page.get_by_label("Title or name").fill(name)
    expect(at.page.locator("[aria-label='People']")).to_contain_text(name)
    at.page.get_by_label("Title or name").fill("qqqqqqzzzzzzxxxx")
    expect(at.page.locator(".empty")).to_contain_text("Nothing is called like")
    assert at.complaints == []


def test_an_answer_that_comes_late_changes_nothing(at: Visit) -> None:
    def slow(route: Route) -> None:
        waiting.append(route)

    waiting: list[Route] = []
    at.go("/search")
    at.answer("/v1/search.*q=harbour", slow)
    field = at.page.get_by_label("Title or name")
    field.fill("harbour")
    expect(at.page.locator(".search-found .ghost").first).to_be_visible()
    field.fill("qqqqqqzzzzzzxxxxx")
    expect(at.page.locator(".search-told")).to_have_text("0 movies · 0 people")
    for route in waiting:
        route.continue_()
    field.fill("harbour x")
    at.page.evaluate("location.hash = '#/data'")
    expect(at.page.locator(".fact").first).to_be_visible()
    at.page.wait_for_timeout(400)
    assert at.page.url.endswith("#/data")
    assert at.complaints == []


def test_a_director_leads_to_their_movies(at: Visit, published: duckdb.DuckDBPyConnection) -> None:
    name, movies = published.execute(
        "select name, list(distinct movie_id order by movie_id) filter (role = 'director') as directed "
        "from people join movie_people using (person_id) where movie_id is not null "
        "group by person_id, name having count(distinct movie_id) between 20 and 90 "
        "order by len(directed) desc, person_id limit 1"
    ).fetchall()[0]
    at.go("/people")
    at.page.locator("label", has_text="Directors").click()
    at.settle().page.get_by_label("Name").fill(name)
    at.named("link", re.compile(re.escape(name))).first.click()
    expect(at.page.locator("h1")).to_have_text(name)
    assert sorted(int(movie) for movie in at.movies("Directed")) == movies
    at.page.locator("[aria-label='Directed'] .card-link").first.click()
    expect(at.page.locator(".credits")).to_contain_text(name)


def test_the_parts_of_an_explanation_add_up(at: Visit, published: duckdb.DuckDBPyConnection) -> None:
    for strategy, label in (("hybrid", "Hybrid"), ("als", "ALS"), ("content", "Content")):
        movie, score = published.execute(
            "select movie_id, score from recommendations where strategy = ? and user_id = ? and rank = 3",
            [strategy, USER],
        ).fetchall()[0]
        at.go(f"/movie/{movie}?strategy={strategy}")
        why = at.page.locator(".why")
        parts = [
            float(text.replace("−", "-").replace("+", ""))
            for text in why.locator(".bar-figure").all_inner_texts()
        ]
        assert len(parts) >= 2
        assert sum(parts) == pytest.approx(score, abs=0.0006 * len(parts))
        assert float(why.locator(".why-sum strong").inner_text()) == pytest.approx(score, abs=0.001)
        expect(why.locator(".why-sum")).to_contain_text(f"{label} score")


def test_methods_of_similarity_answer_differently(at: Visit, published: duckdb.DuckDBPyConnection) -> None:
    at.go(f"/movie/{detailed(published)}")
    section = "Movies like this one"
    first = at.movies(section)
    at.page.locator(f"[aria-label='{section}'] label", has_text="Content").click()
    expect(at.page.locator(f"[aria-label='{section}'] .row-about")).to_contain_text("tags, genres")
    assert at.settle().movies(section) not in ([], first)


def test_stars_reach_the_server_once_and_stay(
    at: Visit, world: World, published: duckdb.DuckDBPyConnection
) -> None:
    movie = detailed(published)
    at.go(f"/movie/{movie}")
    stars = at.named("slider", re.compile("Your stars"))
    stars.focus()
    at.page.keyboard.press("End")
    expect(at.page.locator(".rate-told")).to_contain_text("Saved: 5 stars")
    at.page.reload()
    expect(stars).to_have_attribute("aria-valuenow", "5")
    found = [
        row
        for path in (world.data / "feedback" / "sample").rglob("*")
        if path.is_file()
        for row in path.read_text(encoding="utf-8").splitlines()
        if re.search(rf"\b{USER}\b.*\b{movie}\b|\b{movie}\b.*\b{USER}\b", row)
    ]
    assert len(found) == 1


def test_stars_that_are_not_saved_are_taken_back_and_sent_again(
    at: Visit, published: duckdb.DuckDBPyConnection
) -> None:
    at.go(f"/movie/{detailed(published)}")
    sent: list[str] = []

    def refuse(route: Route) -> None:
        sent.append(json.loads(route.request.post_data or "{}")["feedback_id"])
        route.abort()

    at.answer("/v1/feedback", refuse)
    stars = at.named("slider", re.compile("Your stars"))
    before = stars.get_attribute("aria-valuenow")
    stars.press("Home")
    expect(at.page.locator(".rate-told")).to_contain_text("Not saved")
    assert stars.get_attribute("aria-valuenow") == before
    at.page.locator(".rate-told button").click()
    expect(at.page.locator(".rate-told")).to_contain_text("Not saved")
    assert len(sent) == 2 and len(set(sent)) == 1
    at.again("/v1/feedback")
    at.page.locator(".rate-told button").click()
    expect(at.page.locator(".rate-told")).to_contain_text("Saved: 0.5 stars")
    expect(stars).to_have_attribute("aria-valuenow", "0.5")


def test_a_refusal_says_why_and_can_be_tried_again(at: Visit) -> None:
    problem = {
        "type": "about:blank",
        "title": "Not ready",
        "status": 503,
        "detail": "nothing is published yet",
    }
    at.answer(
        "/v1/users/.*/recommendations",
        lambda route: route.fulfill(
            status=503, content_type="application/problem+json", body=json.dumps(problem)
        ),
    )
    at.go("/")
    alert = at.page.locator("[aria-label='For you'] [role=alert]")
    expect(alert).to_contain_text("Not ready")
    expect(alert).to_contain_text("nothing is published yet")
    assert at.movies("Popular")
    at.again("/v1/users/.*/recommendations")
    alert.get_by_role("button", name="Try again").click()
    expect(at.page.locator("[aria-label='For you'] .card").first).to_be_visible()


def test_where_data_need_a_key_people_can_give_it(chromium: Browser, world: World) -> None:
    with served(world.data, api_key="open sesame") as site, visit(chromium, site, user=USER) as at:
        at.go("/data")
        key = at.page.get_by_label("API key")
        key.fill("guessed")
        key.press("Enter")
        expect(at.page.get_by_role("alert")).to_contain_text("No key")
        key.fill("open sesame")
        key.press("Enter")
        expect(at.page.locator(".fact").first).to_be_visible()
        assert "sesame" not in at.page.url + at.page.evaluate("JSON.stringify(localStorage)")


def test_a_movie_that_is_not_there_is_said_to_be_missing(at: Visit) -> None:
    at.go("/movie/999999999")
    expect(at.page.get_by_role("alert")).to_contain_text("No such movie")


def test_without_the_server_the_last_answer_stays_and_is_said_to_be_old(at: Visit) -> None:
    at.go("/data")
    facts = at.page.locator(".fact").first.inner_text()
    at.page.evaluate("() => { const now = Date.now; Date.now = () => now() + 3_600_000; }")
    at.answer("/(v1|health)/", lambda route: route.abort())
    at.page.evaluate("location.hash = '#/nowhere'")
    at.page.evaluate("location.hash = '#/data'")
    expect(at.page.locator(".notice-old")).to_contain_text("This is what it said at")
    assert at.page.locator(".fact").first.inner_text() == facts
    at.page.evaluate("location.hash = '#/people'")
    expect(at.page.get_by_role("alert")).to_contain_text("The server does not answer")
    at.again("/(v1|health)/")
    at.page.locator(".notice button").click()
    expect(at.page.locator(".person").first).to_be_visible()
    expect(at.page.locator(".notice")).to_have_count(0)


def test_a_newer_publication_is_announced_and_shown(at: Visit) -> None:
    at.go("/")

    def newer(route: Route) -> None:
        answer = route.fetch()
        body = answer.text().replace("sample-000001", "sample-000002")
        route.fulfill(response=answer, body=body)

    at.answer("/v1/", newer)
    at.page.evaluate("location.hash = '#/evaluation'")
    notice = at.page.locator(".notice-new")
    expect(notice).to_contain_text("Newer recommendations have been published")
    notice.get_by_role("button", name="Show them").click()
    expect(at.page.locator(".figures-from")).to_contain_text("sample-000002")
    expect(at.page.locator(".notice")).to_have_count(0)


def test_figures_are_those_of_the_tables(at: Visit, published: duckdb.DuckDBPyConnection) -> None:
    at.go("/evaluation")
    for label, model, segment in (("all", "hybrid", "all"), ("light users", "als", "light_users")):
        value, low, high, n_users = published.execute(
            "select value, ci_low, ci_high, n_users from evaluation where split = 'test' and metric = 'ndcg' "
            "and k = 10 and model = ? and segment = ?",
            [model, segment],
        ).fetchall()[0]
        at.page.get_by_label("Users or movies").select_option(label=label)
        name = {"hybrid": "Hybrid", "als": "ALS"}[model]
        # The champion of lists has a star behind its name, those of likes and of stars have theirs elsewhere.
        assert at.page.locator(".interval-name .toggle-mark").count() == 1
        named = at.page.locator(".interval-name", has_text=re.compile(rf"^{name}( ★|$)"))
        row = at.page.locator(".interval", has=named).first
        expect(row).to_contain_text(f"{value:.3f}")
        expect(row).to_contain_text(f"{low:.3f} to {high:.3f}")
        expect(at.page.locator("[aria-label='Leaderboards'] .panel-about").first).to_contain_text(
            f"test split{'' if segment == 'all' else ', segment light users'}, {n_users} users"
        )
    at.page.locator("label", has_text="Stars").click()
    expect(at.page.locator("[aria-label='Leaderboards'] .panel-about").first).to_contain_text("RMSE")
    n_gates, held = published.execute("select count(*), count(*) filter (passed) from gates").fetchall()[0]
    assert at.page.locator(".gate").count() == n_gates
    expect(at.page.locator("[aria-label='Gates']")).to_contain_text(f"{held} of {n_gates} hold")
    assert at.page.locator("[aria-label='Claims'] tbody tr").count() == one(
        published, "select count(*) from claims"
    )


LATER = {
    "backtest_windows": [
        {"window": f"w0{place}", "starts_at": f"20{10 + place}-03-01T00:00:00", "n_judged": 900}
        for place in (1, 2, 3)
    ],
    "backtest_figures": [
        {
            "window": f"w0{place}",
            "model": model,
            "segment": "warm_users",
            "metric": "ndcg",
            "k": 10,
            "value": value,
        }
        | {"ci_low": value - 0.02, "ci_high": value + 0.02, "n_users": 100 * place}
        for place in (1, 2, 3)
        for model, value in (("hybrid", 0.2 + place / 100), ("popularity", 0.1))
    ],
    "champions": [
        {
            "task": "ranking",
            "strategy": "hybrid",
            "metric": "ndcg",
            "value": 0.2371,
            "ci_low": 0.22,
            "ci_high": 0.25,
        }
        | {"n_users": 581, "promoted_at": "2026-01-02T03:04:05", "reason": "better by 0.064 than popularity"}
    ],
    "promotions": [
        {"task": "ranking", "look": look, "decided_at": f"2026-01-0{look}T03:04:05", "challenger": "als"}
        | {"champion": "hybrid", "difference": -0.0013, "ci_low": -0.0035, "n_users": 581, "decision": "kept"}
        | {"reason": f"look {look}: not shown to be better"}
        for look in (1, 2)
    ],
    "leakage": [
        {"family": "stars", "fit": "trial", "check": "shuffled labels", "measured": 0.5012, "bound": 0.53}
        | {"passed": True, "description": "AUC of held-out likes after stars were permuted"},
        {"family": "likes", "fit": "trial", "check": "recomputed means", "measured": 0.2, "bound": 0.0}
        | {"passed": False, "description": "largest difference of a movie's mean"},
    ],
}
"""Tables that a publication may have; the figures are made up."""


@pytest.mark.parametrize("width", [1440, 390])
def test_what_later_stages_publish_is_drawn(chromium: Browser, site: str, width: int) -> None:
    def published_later(route: Route) -> None:
        answer = route.fetch()
        rows = LATER["backtest_figures"] if "warm_users" in route.request.url else []
        later = LATER | {"backtest_figures": rows}
        route.fulfill(response=answer, body=json.dumps(answer.json() | later))

    with visit(chromium, site, width=width, user=USER) as at:
        at.answer("/v1/evaluation", published_later)
        at.go("/evaluation")
        time = at.page.locator("[aria-label='Over time']")
        expect(time).to_contain_text("3 windows of time")
        expect(time).to_contain_text("over 100 to 300 users a window")
        expect(time.locator(".legend li")).to_have_text(["Hybrid", "Popularity"])
        assert time.locator("circle.dot").count() == 6
        champions = at.page.locator("[aria-label='Champions']")
        expect(champions).to_contain_text("NDCG 0.237 (0.220 to 0.250), 581 users")
        expect(champions.locator("table").first.locator("tbody tr").first).to_contain_text("look 2")
        expect(at.page.locator(".interval-strong .toggle-mark").first).to_be_attached()
        leaks = at.page.locator("[aria-label='Leakage']")
        expect(leaks).to_contain_text("1 of 2 searches")
        expect(leaks.locator("tbody tr").first.locator(".verdict")).to_have_text("leaks")
        assert at.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert at.complaints == []


def test_names_are_text_whatever_they_look_like(at: Visit, published: duckdb.DuckDBPyConnection) -> None:
    def spoil(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: spoil(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [HOSTILE if key == "genres" else spoil(one, key) for one in value]
        return HOSTILE if key in HOSTILE_FIELDS and isinstance(value, str) else value

    def hostile(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=json.dumps(spoil(answer.json())))

    at.answer("/v1/", hostile)
    person = one(published, "select min(person_id) from people")
    pages = ("/", "/search?q=a", "/people", f"/people/{person}", "/start", "/compare", "/evaluation", "/data")
    for path in (*pages, f"/movie/{detailed(published)}"):
        at.go(path)
        expect(at.page.locator("main").get_by_text(HOSTILE[:20]).first).to_be_attached()
        assert at.page.evaluate("window.stolen") is None
        assert at.page.locator("main img, main script, #app iframe").count() == 0, path
        assert at.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is too wide"
    assert at.complaints == []


def test_the_keyboard_is_enough(at: Visit) -> None:
    at.go("/")
    at.page.keyboard.press("Tab")
    assert at.page.evaluate("document.activeElement.textContent") == "Skip to the content"
    at.page.keyboard.press("Enter")
    assert at.page.evaluate("document.activeElement.id") == "main"
    at.page.locator(".toggle-strategy input:checked").focus()
    at.page.keyboard.press("ArrowRight")
    expect(at.page.locator("[aria-label='For you'] .tag")).to_have_text("ALS")
    assert at.page.evaluate("document.activeElement.value") == "als"
    at.page.keyboard.press("/")
    expect(at.page.locator("#query")).to_be_focused()
    at.page.locator(".user-button").focus()
    at.page.keyboard.press("Enter")
    expect(at.named("dialog", "Who is watching?")).to_be_visible()
    at.page.keyboard.press("Escape")
    expect(at.page.locator("dialog")).to_have_count(0)
    expect(at.page.locator(".user-button")).to_be_focused()


def test_titles_are_said_as_people_say_them(at: Visit) -> None:
    at.go("/nowhere")
    said = at.page.evaluate(
        """async titles => {
            const { spoken, figure } = await import('/js/format.js');
            return [...titles.map(spoken), ...[66135, 0.23714, -0.5, 0.0000948, null, 0].map(one => figure(one))];
        }""",
        [
            "Eleventh Granary, The (1973)",
            "City of Lost Children, The (Cité des enfants perdus, La) (1995)",
            "Signal, Apiary and Sons (1980)",
            "Avventura, L' (1960)",
            "(1999)",
            "",
        ],
    )
    assert said[:6] == [
        "The Eleventh Granary",
        "The City of Lost Children",
        "Signal, Apiary and Sons",
        "L'Avventura",
        "(1999)",
        "",
    ]
    assert said[6:] == ["66,135", "0.237", "−0.500", "0.000095", "–", "0"]


def test_a_comparison_shares_out_the_same_movies(at: Visit) -> None:
    at.go("/compare")
    lists = {name: at.movies(name) for name in STRATEGIES}
    assert all(len(movies) == 10 for movies in lists.values())
    shared = len(set(lists["Hybrid"]) & set(lists["ALS"]))
    cell = at.page.locator(".heat tbody tr").first.locator("td").nth(1)
    expect(cell).to_have_text(f"{10 * shared} %")
    at.page.locator("[aria-label='ALS'] a").first.focus()
    first = lists["ALS"][0]
    marked = at.page.locator(".same").evaluate_all("all => all.map(one => one.dataset.movie)")
    assert marked == [first] * sum(first in movies for movies in lists.values())
