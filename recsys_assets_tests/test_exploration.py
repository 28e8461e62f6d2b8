"""What the ratings look like: every figure by its definition, and a section that shows them and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from random import Random

import dagster as dg
import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_assets.contracts import TABLES, rules
from recsys_assets.contracts.exploration import TABLES as EXPLORATION
from recsys_assets.definitions import defs
from recsys_assets.defs.exploration.queries import exploration_queries
from recsys_assets.defs.resources import build_resources
from recsys_assets.report import exploration as section
from recsys_assets.report import exploration_plots, style
from recsys_assets.storage.warehouse import replace_tables, table_digest
from recsys_assets_tests import graph
from recsys_assets_tests.graph import World, downstream, every_check, key

NAMES = [table.name for table in EXPLORATION]
LARGEST_PNG = 40 * 1024
HOSTILE = """<script>alert('x')</script>"><img src=x onerror=1></svg> & $x^2$"""
GENRES = (["Drama"], ["Comedy", "Drama"], [], ["Horror"])
MOVIES = pd.DataFrame(
    {
        "movie_id": range(1, 13),
        "title": [f"Movie {number} (2001)" for number in range(1, 13)],
        "genres": [GENRES[number % 4] for number in range(12)],
    }
)
RATINGS = st.dictionaries(
    st.tuples(st.integers(1, 9), st.integers(1, 12)),
    st.tuples(st.integers(1, 10), st.integers(800_000_000, 900_000_000)),
    min_size=1,
)
Tables = dict[str, pd.DataFrame]


def make_ratings(rated: dict[tuple[int, int], tuple[int, int]]) -> pd.DataFrame:
    """Ratings from half-stars and seconds by user and movie."""
    frame = pd.DataFrame([(*pair, *given) for pair, given in rated.items()])
    frame = frame.set_axis(["user_id", "movie_id", "rating", "rated_at"], axis=1)
    return frame.assign(rating=frame["rating"] / 2, rated_at=pd.to_datetime(frame["rated_at"], unit="s"))


def warehouse(ratings: pd.DataFrame, movies: pd.DataFrame = MOVIES) -> duckdb.DuckDBPyConnection:
    """A database of ratings and movies, explored."""
    connection = duckdb.connect()
    connection.execute("create table ratings as select * replace (rating::float as rating) from ratings")
    connection.execute("create table movies as select * replace (genres::varchar[] as genres) from movies")
    replace_tables(connection, exploration_queries(rare_below=5, n_users=4, n_movies=6))
    return connection


def explored(ratings: pd.DataFrame, movies: pd.DataFrame = MOVIES) -> Tables:
    with warehouse(ratings, movies) as connection:
        return {name: connection.execute(f"from {name}").df() for name in NAMES}


def statistics(tables: Tables) -> dict[str, float]:
    return tables["dataset_statistics"].set_index("statistic")["value"].to_dict()


@cache
def made() -> Tables:
    rng = np.random.default_rng(0)
    pairs = [(user, movie) for user in range(1, 10) for movie in range(1, 12) if rng.random() < 0.6]
    return explored(
        make_ratings(
            {pair: (int(rng.integers(1, 11)), 800_000_000 + 10**6 * i) for i, pair in enumerate(pairs)}
        )
    )


# --- figures by their definitions -------------------------------------------------------------------------


def test_statistics_have_their_closed_forms() -> None:
    # User u of 4 rates the movies 1 to 2u with u stars, on the u-th day of 1998: 2 + 4 + 6 + 8 ratings.
    days = {user: int(pd.Timestamp(1998, 1, user, 23).timestamp()) for user in range(1, 5)}
    rated = {(user, movie): (2 * user, days[user]) for user in days for movie in range(1, 2 * user + 1)}
    assert statistics(explored(make_ratings(rated))) == pytest.approx(
        {
            "n_ratings": 20,
            "n_users": 4,
            "n_movies_rated": 8,
            "n_movies": 12,
            "sparsity": 12 / 32,
            "mean_stars": 60 / 20,
            "median_stars": 3,
            "std_stars": 1,
            "first_day": 365 * 28 + 7,
            "last_day": 365 * 28 + 7 + 3,
            "mean_ratings_per_user": 5,
            "median_ratings_per_user": 5,
            "mean_ratings_per_movie": 20 / 8,
            "median_ratings_per_movie": 2.5,
            "n_movies_unrated": 4,
            "n_movies_rarely_rated": 12,
            "share_of_movies_with_half_the_ratings": 3 / 12,  # 4 + 4 < 10 ≤ 4 + 4 + 3
        },
        abs=1e-12,
    )


@settings(max_examples=15)
@given(RATINGS)
def test_every_table_is_what_its_definition_says(rated: dict[tuple[int, int], tuple[int, int]]) -> None:
    ratings = make_ratings(rated)
    tables = explored(ratings)
    by_movie = ratings.groupby("movie_id")["rating"]
    n_ratings = MOVIES["movie_id"].map(by_movie.size()).fillna(0).set_axis(MOVIES["movie_id"])

    stars = ratings["rating"].value_counts().sort_index()
    assert tables["rating_distribution"]["stars"].tolist() == stars.index.tolist()
    assert tables["rating_distribution"]["n_ratings"].tolist() == stars.tolist()
    assert tables["rating_distribution"]["share_of_ratings"].sum() == pytest.approx(1)

    activity = ratings["user_id"].value_counts().value_counts().sort_index()
    assert tables["user_activity"].to_numpy().tolist() == [list(row) for row in activity.items()]

    popularity = tables["movie_popularity"]
    assert popularity["rank"].tolist() == list(range(1, 13))
    assert popularity["movie_id"].tolist() == sorted(
        n_ratings.index, key=lambda movie: (-n_ratings[movie], movie)
    )
    assert popularity["n_ratings"].tolist() == n_ratings[popularity["movie_id"]].tolist()
    expected = popularity["movie_id"].map(by_movie.mean())
    np.testing.assert_allclose(popularity["mean_rating"], expected)
    np.testing.assert_allclose(
        popularity["cumulative_share"], popularity["n_ratings"].cumsum() / len(ratings)
    )

    rare = tables["rarely_rated_movies"]
    assert dict(zip(rare["movie_id"], rare["n_ratings"], strict=True)) == n_ratings[n_ratings < 5].to_dict()

    months = ratings.groupby(ratings["rated_at"].dt.strftime("%Y-%m-01"))["rating"].agg(["size", "mean"])
    over_time = tables["ratings_over_time"]
    assert over_time["month"].dt.strftime("%Y-%m-%d").tolist() == months.index.tolist()
    np.testing.assert_allclose(over_time[["n_ratings", "mean_rating"]], months)

    genres = ratings.merge(MOVIES).explode("genres").groupby("genres")["rating"].agg(["size", "mean"])
    shares = tables["genre_shares"].set_index("genre")
    assert shares["n_movies"].to_dict() == {"Drama": 6, "Comedy": 3, "Horror": 3}
    rated_genres = shares[shares["n_ratings"] > 0]
    assert rated_genres["n_ratings"].to_dict() == genres["size"].to_dict()
    np.testing.assert_allclose(rated_genres["mean_rating"], genres["mean"][rated_genres.index])
    np.testing.assert_allclose(shares["share_of_ratings"], shares["n_ratings"] / len(ratings))

    found = statistics(tables)
    assert found["std_stars"] == pytest.approx(ratings["rating"].std(ddof=0), abs=1e-7)
    assert found["median_ratings_per_user"] == ratings["user_id"].value_counts().median()


@settings(max_examples=15)
@given(RATINGS)
def test_the_heatmap_is_the_corner_of_the_most_active_and_the_most_rated(
    rated: dict[tuple[int, int], tuple[int, int]],
) -> None:
    ratings = make_ratings(rated)
    heatmap = explored(ratings)["rating_heatmap"]
    users, movies = (
        ratings.groupby(name)
        .size()
        .reset_index()
        .sort_values([0, name], ascending=[False, True])[name]
        .tolist()
        for name in ("user_id", "movie_id")
    )
    pairs = [(user, movie) for user in users[:4] for movie in movies[:6]]
    assert heatmap[["user_id", "movie_id"]].apply(tuple, axis=1).tolist() == pairs
    assert heatmap["user_rank"].tolist() == [users.index(user) + 1 for user, _ in pairs]
    stars = [rated.get(pair, (np.nan,))[0] / 2 for pair in pairs]
    np.testing.assert_array_equal(heatmap["rating"], stars)


@settings(max_examples=8)
@given(RATINGS, st.randoms(use_true_random=False))
def test_row_order_is_irrelevant_and_every_row_obeys_its_contract(
    rated: dict[tuple[int, int], tuple[int, int]], random: Random
) -> None:
    shuffled = random.sample(list(rated.items()), len(rated))
    with warehouse(make_ratings(rated)) as one, warehouse(make_ratings(dict(shuffled))) as other:
        for name in NAMES:
            assert other.execute(f"from {name}").fetchall() == one.execute(f"from {name}").fetchall()
            contract = TABLES[name]
            columns = ", ".join(contract.key)
            assert (
                one.execute(f"select {columns} from {name} group by all having count(*) > 1").fetchall() == []
            )
            for rule in rules(contract):
                assert one.execute(f"from {name} where {rule.violated_by}").fetchall() == [], rule.meaning


def test_a_digest_is_that_of_the_rows_in_any_order() -> None:
    with duckdb.connect() as connection:
        connection.execute("create table a as from (values (1, 'x'), (2, null))")
        connection.execute("create table b as from (values (2, null), (1, 'x'))")
        connection.execute("create table c as from (values (1, 'x'), (2, 'x'))")
        first, same, other = (table_digest(connection, name) for name in "abc")
    assert first == same != other


# --- plots ------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Collects tags, text and attributes, and fails on a tag that closes what is not open."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.handle_startendtag(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("name", section.FIGURES)
def test_a_plot_is_small_the_same_each_time_and_in_the_palette(name: str) -> None:
    figure, table = section.FIGURES[name], made()[name]
    png, svg = figure.png(table), figure.svg(table)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(png) <= LARGEST_PNG
    assert (figure.png(table), figure.svg(table)) == (png, svg)
    assert Page(svg).open == []
    assert set(re.findall(r": (#[0-9a-f]{6})", svg)) <= {"#000000"}


def test_every_plot_of_the_exploration_is_shown() -> None:
    own = {getattr(exploration_plots, name) for name in exploration_plots.__all__}
    assert own <= {figure.plot for figure in section.FIGURES.values()}


def test_the_activity_plot_states_the_users_and_their_median() -> None:
    assert "6 users, median 30 ratings" in exploration_plots.user_activity.svg([7, 30, 900], [2, 2, 2])


@pytest.mark.parametrize("n_ratings", [[1], [1, 2], [3], [97], [1, 1_000_000]])
def test_the_activity_plot_takes_any_range(n_ratings: list[int]) -> None:
    svg = exploration_plots.user_activity.svg(n_ratings, [5] * len(n_ratings))
    assert f"{5 * len(n_ratings)} users" in svg


def test_the_heatmap_draws_one_square_a_rating() -> None:
    def n_squares(rating: list[float]) -> int:
        svg = exploration_plots.rating_heatmap.svg([1, 2, 1, 2], [1, 1, 2, 2], ["a", "a", "b", "b"], rating)
        assert f"{np.isfinite(rating).mean():.0%} rated" in svg
        return svg.count("z\n") + svg.count('z"')

    full = n_squares([0.5, 2.0, 2.0, 5.0])
    assert [full - n_squares([np.nan, 2.0, 2.0, 5.0]), full - n_squares([np.nan] * 4)] == [1, 4]


def test_the_heatmap_names_movies_without_their_year() -> None:
    svg = exploration_plots.rating_heatmap.svg([1, 1], [1, 2], ["2001 (1968)", "M" * 40], [4.0, np.nan])
    assert ">2001</text>" in svg
    assert f">{'M' * 25}…</text>" in svg


def test_the_genre_plot_has_the_largest_twenty_on_top() -> None:
    names = [f"genre {number}" for number in range(25)]
    svg = exploration_plots.genre_shares.svg(names, np.linspace(0, 0.24, 25), [np.nan, *[3.5] * 24])
    assert svg.index("genre 24<") < svg.index("genre 6<") < svg.index("genre 5<")
    assert "genre 4<" not in svg
    assert "24.0%, 3.50 stars" in svg
    assert ">0.0%</text>" in exploration_plots.genre_shares.svg(["Drama"], [0.0], [np.nan])


# --- the section ------------------------------------------------------------------------------------------


def test_the_section_states_each_statistic_in_its_unit() -> None:
    text = section.exploration_markdown(made())
    found = statistics(made())
    for line in [
        f"| Ratings | {found['n_ratings']:,.0f} |",
        f"| Sparsity: pairs of a user and a rated movie without a rating | {found['sparsity']:.1%} |",
        f"| Mean rating | {found['mean_stars']:.2f} |",
        f"| Ratings per user, mean | {found['mean_ratings_per_user']:.1f} |",
        "| First rating | 1995-05-09 |",
        "| Movies with fewer than 5 ratings, unrated ones included |",
    ]:
        assert line in text
    assert text.count("](data:image/png;base64,") == len(section.FIGURES)


def test_the_html_section_says_the_same_and_loads_nothing() -> None:
    markup = section.exploration_section(made())
    page = Page(markup)
    assert page.open == []
    assert page.tags.isdisjoint({"script", "link", "iframe", "img", "image", "object"})
    assert re.search(r"https?://|url\((?!#)|data:", markup) is None
    assert markup.count("<figure>") == len(section.FIGURES)
    assert set(re.findall(r"var\((--[a-z0-9-]+)\)", markup)) <= {f"--{name}" for name in style.PALETTE}
    for meaning in made()["dataset_statistics"]["meaning"]:
        assert meaning[1:] in page.text


@pytest.mark.parametrize("render", [section.exploration_section, section.exploration_markdown])
def test_the_same_tables_give_the_same_bytes_and_stay_as_they_are(render: Callable[[Tables], str]) -> None:
    tables = {name: frame.copy() for name, frame in made().items()}
    assert render(tables) == render(made())
    for name, frame in tables.items():
        pd.testing.assert_frame_equal(frame, made()[name])


def test_a_missing_table_is_named() -> None:
    with pytest.raises(KeyError, match="genre_shares"):
        section.exploration_section({name: made()[name] for name in NAMES if name != "genre_shares"})


def test_hostile_titles_and_genres_are_shown_and_not_run() -> None:
    hostile = {
        "genre_shares": made()["genre_shares"].assign(genre=HOSTILE),
        "rating_heatmap": made()["rating_heatmap"].assign(title=HOSTILE),
    }
    calm, wild = (Page(section.exploration_section(made() | changed)) for changed in ({}, hostile))
    assert wild.open == []
    assert wild.tags == calm.tags
    assert wild.attributes == calm.attributes
    assert HOSTILE[:20] in wild.text


def test_movies_without_genres_leave_the_other_figures() -> None:
    tables = explored(make_ratings({(1, 1): (8, 800_000_000)}), MOVIES.assign(genres=[[]] * 12))
    assert tables["genre_shares"].empty
    assert Page(section.exploration_section(tables)).open == []


# --- the graph --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, dg.ExecuteInProcessResult]]:
    world = World.new(tmp_path_factory.mktemp("exploration") / "world", remembered=False)
    with world.instance:
        yield world, world.run("sample", ["raw_files", "movies", "inbox", "ratings", *NAMES])


def test_one_step_makes_all_tables_and_their_checks_pass(
    ran: tuple[World, dg.ExecuteInProcessResult],
) -> None:
    world, result = ran
    assert result.success
    made_by_step = {
        event.asset_key.to_user_string() for event in result.asset_materializations_for_node("explore")
    }
    assert made_by_step == set(NAMES)
    checks = {check: passed for check, passed in every_check(result).items() if check[0] in NAMES}
    assert {name for name, _ in checks} == set(NAMES)
    assert all(checks.values())
    assert world.query(
        "sample", "select value::int from dataset_statistics where statistic = 'n_ratings'"
    ) == (world.query("sample", "select count(*)::int from ratings"))


def test_what_is_shown_of_each_table(ran: tuple[World, dg.ExecuteInProcessResult]) -> None:
    world, result = ran
    shown = {
        event.asset_key.to_user_string(): event.metadata
        for event in result.asset_materializations_for_node("explore")
    }
    for name, metadata in shown.items():
        assert ("plot" in metadata) == (name in section.FIGURES)
        assert {"preview", "dagster/row_count", "dagster/column_schema"} <= metadata.keys()
    assert shown["dataset_statistics"]["sparsity"].value == pytest.approx(
        world.query("sample", "select value from dataset_statistics where statistic = 'sparsity'")[0][0]
    )
    assert "Median rating" in shown["dataset_statistics"]["statistics"].value
    assert "first_day" not in shown["dataset_statistics"]


def test_nothing_learned_or_judged_is_made_of_the_exploration() -> None:
    assert downstream(*NAMES) <= {*NAMES, "claims", "evaluation_report", "published"}


def test_the_job_makes_the_exploration_alone() -> None:
    job = defs().resolve_job_def("exploration")
    assert set(job.asset_layer.selected_asset_keys) == {key(name) for name in NAMES}


# --- real data --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_movielens_100k_looks_as_it_is_known_to(
    datasets_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (datasets_folder / "ml-100k.zip").is_file():
        pytest.skip("ml-100k.zip is not in the folder that RECSYS_DATASETS names")
    monkeypatch.setattr(
        graph,
        "build_resources",
        lambda *, data, archives: build_resources(data=data, archives=archives or datasets_folder),
    )
    world = World.new(tmp_path / "world", remembered=False)
    with world.instance:
        assert world.run("ml-100k", ["raw_files", "movies", "inbox", "ratings", *NAMES]).success
    found = dict(world.query("ml-100k", "select statistic, value from dataset_statistics"))
    assert found["sparsity"] == pytest.approx(0.937, abs=5e-4)
    assert (found["n_ratings"], found["n_users"], found["n_movies_rated"]) == (100_000, 943, 1682)
    assert found["n_movies_rarely_rated"] == 333
    assert world.query("ml-100k", "select n_ratings from rating_distribution") == [
        (6110,),
        (11370,),
        (27145,),
        (34174,),
        (21201,),
    ]
    [days] = world.query(
        "ml-100k",
        "select date '1970-01-01' + min(value)::int, date '1970-01-01' + max(value)::int "
        "from dataset_statistics where statistic like '%_day'",
    )
    assert [f"{day:%Y-%m-%d}" for day in days] == ["1997-09-20", "1998-04-22"]
