"""Titles are found whatever their case, accents and typos; a query is text, never a pattern or a statement."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from random import Random

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_assets.storage.publishing import Publisher
from recsys_assets.storage.title_search import MAX_FOUND, SEARCH_TITLES, folded, names, trigrams
from recsys_assets.storage.warehouse import Select
from recsys_assets_tests.made_catalogue import FILES, staged

SAMPLE = Path(__file__).parent.parent / "data" / "sample"
TITLES = [
    "Toy Story (1995)",
    "Toy Story 2 (1999)",
    "Matrix, The (1999)",
    "Max (2015)",
    "Heat (1995)",
    "Amelie (Fabuleux destin d'Amélie Poulain, Le) (2001)",
    "Lord of the Rings: The Two Towers, The (2002)",
    "Ocean's Eleven (2001)",
    "Seven (a.k.a. Se7en) (1995)",
    "8 1/2 (8½) (1963)",
    "100% (2001)",
    "100 Girls (2000)",
    "snake_case (2003)",
    "snakeXcase (2003)",
    "Who's That Knocking? (1967)",
    "'Til Death; drop table titles; -- (2004)",
    "Straße der Ølprøver (1980)",
    "!!! (2011)",
    "(1995)",
    "千と千尋の神隠し (2001)",
]


def sql_value(connection: duckdb.DuckDBPyConnection, expression: str, text: str) -> object:
    row = connection.execute(f"select {expression} from (select ? as text)", [text]).fetchone()
    return row[0] if row else None


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Movies named as above, numbered from 1, and the macro."""
    lines = "".join(
        '{},"{}",Drama\n'.format(number, title.replace('"', '""')) for number, title in enumerate(TITLES, 1)
    )
    files = {"movies.csv": "movieId,title,genres\n" + lines, "ratings.csv": FILES["ratings.csv"]}
    with staged(tmp_path_factory.mktemp("titles"), files) as connection:
        connection.execute(SEARCH_TITLES)
        yield connection


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    wanted = ("movies.csv", "links.csv", "tmdb_5000_movies.csv", "tmdb_5000_credits.csv")
    files = {name: (SAMPLE / name).read_text("utf-8") for name in wanted}
    files |= {"ratings.csv": FILES["ratings.csv"]}
    with staged(tmp_path_factory.mktemp("sample_titles"), files) as connection:
        connection.execute(SEARCH_TITLES)
        yield connection


def found(connection: duckdb.DuckDBPyConnection, query: str | None) -> list[str]:
    return [
        title for (title,) in connection.execute("select title from search_titles(?)", [query]).fetchall()
    ]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("The MATRIX", "the matrix"),
        ("Matrix, The", "the matrix"),
        ("Amélie", "amelie"),
        ("Ame\u0301lie", "amelie"),
        ("Ocean's Eleven", "oceans eleven"),
        ("WALL·E", "wall e"),
        ("Straße der Ølprøver", "strasse der olprover"),
        ("  so   much — space ", "so much space"),
        ("!!!", "!!!"),
        ("   ", None),
        ("", None),
    ],
)
def test_folding_leaves_letters_and_digits(text: str, plain: str | None) -> None:
    with duckdb.connect() as connection:
        assert sql_value(connection, folded("text"), text) == plain


def test_a_title_has_the_names_in_and_before_its_brackets_with_articles_in_front() -> None:
    with duckdb.connect() as connection:
        title = "City of Lost Children, The (Cité des enfants perdus, La) (1995)"
        assert set(sql_value(connection, names("text"), title)) >= {  # type: ignore[call-overload]
            "the city of lost children",
            "city of lost children",
            "la cite des enfants perdus",
        }
        assert "se7en" in sql_value(connection, names("text"), "Seven (a.k.a. Se7en) (1995)")  # type: ignore[operator]
        assert sql_value(connection, names("text"), "(1995)") == ["1995"]


def test_trigrams_are_those_of_the_padded_words() -> None:
    with duckdb.connect() as connection:
        assert sql_value(connection, trigrams("text"), "a heat") == sorted(
            {"  a", " a ", "  h", " he", "hea", "eat", "at "}
        )


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("toy story", "Toy Story (1995)"),
        ("TOY STORY", "Toy Story (1995)"),
        ("toy stroy", "Toy Story (1995)"),
        ("toystory", "Toy Story (1995)"),
        ("the matrix", "Matrix, The (1999)"),
        ("Matrix, The", "Matrix, The (1999)"),
        ("matrx", "Matrix, The (1999)"),
        ("haet", "Heat (1995)"),
        ("amelie", TITLES[5]),
        ("AMÉLIE", TITLES[5]),
        ("fabuleux destin", TITLES[5]),
        ("lord of teh rings", "Lord of the Rings: The Two Towers, The (2002)"),
        ("two towers", "Lord of the Rings: The Two Towers, The (2002)"),
        ("oceans eleven", "Ocean's Eleven (2001)"),
        ("se7en", "Seven (a.k.a. Se7en) (1995)"),
        ("8½", "8 1/2 (8½) (1963)"),
        ("strase der olprover", "Straße der Ølprøver (1980)"),
        ("!!!", "!!! (2011)"),
        ("千と千尋", "千と千尋の神隠し (2001)"),
        ("1995", "(1995)"),
        ("Toy Story 2 (1999)", "Toy Story 2 (1999)"),
        ("max 2015", "Max (2015)"),
        ("Matrix, The (1999)", "Matrix, The (1999)"),
        ("matrx 1999", "Matrix, The (1999)"),
    ],
)
def test_a_title_is_found_by_what_people_type(
    query: str, title: str, world: duckdb.DuckDBPyConnection
) -> None:
    assert found(world, query)[0] == title


def test_the_whole_title_comes_before_one_that_only_has_the_words(world: duckdb.DuckDBPyConnection) -> None:
    rows = world.execute("select title, score from search_titles('toy story')").fetchall()
    assert [title for title, _ in rows[:2]] == ["Toy Story (1995)", "Toy Story 2 (1999)"]
    assert rows[0][1] == 1 > rows[1][1] >= 0.8


@pytest.mark.parametrize(
    "query",
    ["%", "_", "%%%", "*", ".*", "[a-z]+", "(?i).", "\\", "'", '"', "';", "?", "--", "\x00", "{}"],
)
def test_signs_alone_find_nothing(query: str, world: duckdb.DuckDBPyConnection) -> None:
    assert found(world, query) == []


@pytest.mark.parametrize("query", [None, "", "   ", "\n\t"])
def test_nothing_asked_is_nothing_found(query: str | None, world: duckdb.DuckDBPyConnection) -> None:
    assert found(world, query) == []


def test_wildcards_stand_for_nothing_but_themselves(world: duckdb.DuckDBPyConnection) -> None:
    assert found(world, "T%Story")[0] == found(world, "t story")[0]
    assert found(world, "snake_case") == found(world, "snake case") != found(world, "snakeXcase")
    assert found(world, "100%")[0] == found(world, "100")[0] == "100% (2001)"
    assert "Heat (1995)" not in found(world, "H.*t|Max")
    assert "Heat (1995)" not in found(world, "h__t")


@pytest.mark.parametrize(
    "query",
    [
        "'; drop table titles; --",
        "') union select * from titles --",
        "x' or 1=1 --",
        "read_csv('/etc/passwd')",
        "${jndi:ldap://x}",
        "a" * 100_000,
        "é" * 5_000,
        "'Til Death; drop table titles; --",
    ],
)
def test_hostile_text_is_only_text(query: str, world: duckdb.DuckDBPyConnection) -> None:
    before = world.execute("select count(*) from titles").fetchone()
    found(world, query)
    assert world.execute("select count(*) from titles").fetchone() == before


def test_a_title_that_looks_like_a_statement_is_found_by_it(world: duckdb.DuckDBPyConnection) -> None:
    assert found(world, "til death; drop table titles; --")[0] == TITLES[15]


@settings(max_examples=40)
@given(st.text(max_size=30))
def test_any_text_is_answered_with_each_movie_at_most_once(
    world: duckdb.DuckDBPyConnection, query: str
) -> None:
    rows = world.execute("from search_titles(?)", [query]).fetchall()
    assert len({row[:2] for row in rows}) == len(rows) <= MAX_FOUND
    scores = [row[4] for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)


def mistyped(title: str, rng: Random) -> str:
    """The title with two of its inner letters swapped, and all of it in lower case without accents."""
    plain = unicodedata.normalize("NFKD", title.lower()).encode("ascii", "ignore").decode()
    places = [i for i in range(1, len(plain) - 2) if plain[i : i + 2].isalpha() and plain[i] != plain[i + 1]]
    place = rng.choice(places)
    return plain[:place] + plain[place + 1] + plain[place] + plain[place + 2 :]


def test_mistyped_titles_of_the_sample_are_found_among_the_first_three(
    sample: duckdb.DuckDBPyConnection,
) -> None:
    rng = Random(7)
    movies = sample.execute("select tmdb_id, title from catalogue_movies order by tmdb_id").fetchall()
    chosen = rng.sample(movies, 60)
    places = []
    for tmdb_id, title in chosen:
        rows = sample.execute("select tmdb_id from search_titles(?)", [mistyped(title, rng)]).fetchall()
        places.append([row[0] for row in rows].index(tmdb_id) if (tmdb_id,) in rows else MAX_FOUND)
    assert sum(place < 3 for place in places) >= 0.97 * len(chosen)
    assert sum(place == 0 for place in places) >= 0.9 * len(chosen)


def test_every_title_of_the_sample_is_found_by_itself(sample: duckdb.DuckDBPyConnection) -> None:
    movies = sample.execute("select movie_id, title from movies order by movie_id").fetchall()
    for movie_id, title in Random(8).sample(movies, 40):
        rows = sample.execute("select movie_id, score from search_titles(?)", [title]).fetchall()
        assert movie_id in {found for found, score in rows if score == 1}


def test_the_published_file_answers_by_itself(sample: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    warehouse = tmp_path / "sample.duckdb"
    sample.execute(f"attach '{warehouse}' as copy")
    for table in ("movies", "titles"):
        sample.execute(f"create table copy.{table} as from {table}")
    sample.execute("detach copy")
    publisher = Publisher(tmp_path / "published", "sample")
    tables = {table: Select(f"from warehouse.{table}") for table in ("movies", "titles")}
    publisher.make_current(1, publisher.stage(1, warehouse, tables))
    with duckdb.connect(str(publisher.current_path), read_only=True) as reader:
        reader.execute("set enable_external_access = false")
        reader.execute("set lock_configuration = true")
        titles = found(reader, "the half-lit turnstlie")
    assert sorted(titles[:2]) == ["Half-Lit Turnstile, The (1961)", "Half-Lit Turnstile, The (1997)"]
