"""A catalogue becomes typed tables: ids are keys, what is odd is listed, nothing is mended in silence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from random import Random

import dagster as dg
import duckdb
import pytest

from recsys_assets.contracts.catalogue import TABLES as CATALOGUE
from recsys_assets.defs.contract_checks import _FAULTS, _meanings
from recsys_assets.defs.resources import build_resources
from recsys_assets_tests import graph
from recsys_assets_tests.graph import World, every_check
from recsys_assets_tests.made_catalogue import ADA, BEN, CY, FILES, credits_csv, movies_csv, staged

NAMES = [table.name for table in CATALOGUE]
INGESTED = ["raw_files", "movies", "inbox", "ratings", "links", "tmdb_movies", "tmdb_credits", "tmdb_posters"]
BARE = {name: FILES[name] for name in ("movies.csv", "ratings.csv", "links.csv")}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with staged(tmp_path_factory.mktemp("catalogue")) as connection:
        yield connection


def rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[object, ...]]:
    return connection.execute(sql).fetchall()


def faults(connection: duckdb.DuckDBPyConnection) -> list[str]:
    return [
        f"{table.name}: {fault}"
        for table in CATALOGUE
        for kind in _meanings(table)
        for fault in _FAULTS[kind](connection, table.name, table)
    ]


def test_every_table_obeys_its_contract(made: duckdb.DuckDBPyConnection) -> None:
    assert faults(made) == []


def test_movies_are_joined_by_id_and_zero_is_unknown(made: duckdb.DuckDBPyConnection) -> None:
    assert rows(
        made,
        "select tmdb_id, movie_id, title, release_date, year, runtime, budget, revenue, vote_average "
        "from catalogue_movies",
    ) == [
        (21, 1, "The Host", date(1999, 7, 27), 1999, 90.0, 1000, 2000, 6.5),
        (22, None, "The host", None, None, 90.0, None, None, None),
        (23, None, "Broken", date(2001, 2, 3), 2001, 90.0, 1000, 2000, 6.5),
        (24, 2, "Amélie", date(2001, 2, 3), 2001, None, 1000, 2000, 6.5),
        (25, None, "Uncredited", date(2001, 2, 3), 2001, 90.0, 1000, 2000, 6.5),
    ]


def test_lists_are_rows_and_broken_ones_are_empty(made: duckdb.DuckDBPyConnection) -> None:
    assert rows(made, "from catalogue_genres") == [
        (21, "Drama"),
        (21, "Horror"),
        (22, "Drama"),
        (24, "Drama"),
        (25, "Drama"),
    ]
    assert rows(made, "from catalogue_keywords where tmdb_id in (23, 25)") == [(25, 8, "whale")]


def test_a_person_has_one_place_in_a_cast_with_all_characters(made: duckdb.DuckDBPyConnection) -> None:
    assert rows(made, "from catalogue_cast") == [
        (21, 1, BEN, "Man / Brother"),
        (21, 2, ADA, "Park"),
        (22, 1, CY, None),
        (22, 2, ADA, "Ghost"),
        (24, 1, ADA, None),
    ]


def test_people_and_what_they_did(made: duckdb.DuckDBPyConnection) -> None:
    assert rows(made, "from people") == [
        (ADA, "Ada Ångström", "F", 3, 3, 0),
        (BEN, "Ben O'Brien", "M", 2, 1, 1),
        (CY, "Cy", None, 2, 1, 1),
    ]
    assert rows(made, "select * exclude character from movie_people where role <> 'actor'") == [
        (21, 1, "director", 1, CY),
        (21, 1, "writer", 1, CY),
        (24, 2, "director", 1, BEN),
        (24, 2, "producer", 1, BEN),
    ]
    # One row a job; Foley is a job of the crew, but no role.
    assert rows(made, "select person_id, department, job from catalogue_crew where tmdb_id = 21") == [
        (BEN, "Sound", "Foley"),
        (CY, "Directing", "Director"),
        (CY, "Writing", "Screenplay"),
        (CY, "Writing", "Story"),
    ]


def test_details_gather_what_a_page_shows(made: duckdb.DuckDBPyConnection) -> None:
    assert rows(
        made,
        "select tmdb_id, movie_id, imdb_id, genres, directors, top_cast, poster_path from movie_details",
    ) == [
        (21, 1, "0000001", ["Drama", "Horror"], ["Cy"], ["Ben O'Brien", "Ada Ångström"], "/host.jpg"),
        (22, None, None, ["Drama"], [], ["Cy", "Ada Ångström"], None),
        (23, None, None, [], [], [], None),
        (24, 2, "0000002", ["Drama"], ["Ben O'Brien"], ["Ada Ångström"], None),
        (25, None, None, ["Drama"], [], [], None),
    ]


def test_what_is_odd_is_listed_once_with_what_was_done(made: duckdb.DuckDBPyConnection) -> None:
    assert rows(made, "select problem, tmdb_id, detail from catalogue_problems order by all") == [
        ("broken_list", 23, "cast is not a JSON list"),
        ("broken_list", 23, "genres is not a JSON list"),
        ("broken_list", 23, "keywords is not a JSON list"),
        ("credits_without_movie", 99, "Unknown is not in tmdb_5000_movies.csv"),
        ("duplicate_title", 21, "The Host is the title of 2 movies"),
        ("duplicate_title", 22, "The host is the title of 2 movies"),
        ("incomplete_entry", 23, "entry 1 of the crew list lacks an id, a name, a department or a job"),
        ("incomplete_entry", 25, "entry 1 of the keyword list lacks an id or a name"),
        ("incomplete_entry", 25, "entry 3 of the keyword list lacks an id or a name"),
        ("missing_genres", 23, "Broken has no genres"),
        ("missing_overview", 23, "Broken has no overview"),
        ("missing_release_date", 22, "The host has no release date"),
        ("missing_runtime", 24, "Amélie has no runtime"),
        ("movie_without_credits", 25, "Uncredited is not in tmdb_5000_credits.csv"),
        ("other_title", 24, "Amelie is called Amélie in tmdb_5000_movies.csv"),
        ("repeated_credit", 21, "Cy (13) stands 2 times as Director, Directing"),
        ("repeated_person", 21, "Ben O'Brien (12) stands in the cast 3 times"),
        ("shared_tmdb_id", 24, "the movies 2, 4 have one TMDB id"),
    ]
    assert rows(made, "from catalogue_problems where handling is null") == []


def test_one_person_of_two_names_and_genders_is_called_by_the_most_frequent(tmp_path: Path) -> None:
    def cast(name: str, gender: int) -> str:
        return f'[{{"id": 5, "name": "{name}", "gender": {gender}}}]'

    given = [(1, "Zoë", 1), (2, "Zoë", 1), (3, "Zoe", 2), (4, "Zoe", 0), (5, "Zoë", 0)]
    files = {
        "tmdb_5000_movies.csv": movies_csv(*({"id": i, "title": f"M{i}"} for i, *_ in given)),
        "tmdb_5000_credits.csv": credits_csv(
            *({"movie_id": i, "title": f"M{i}", "cast": cast(name, sex)} for i, name, sex in given)
        ),
    }
    with staged(tmp_path, BARE | files) as connection:
        assert rows(connection, "select name, gender, n_movies from people") == [("Zoë", "F", 5)]
        assert rows(connection, "select problem, detail from catalogue_problems where tmdb_id is null") == [
            ("several_genders", "person 5, Zoe, has several genders"),
            ("several_names", "person 5 is called Zoe, Zoë"),
        ]


def test_the_order_of_lines_does_not_matter(made: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    def shuffled(text: str) -> str:
        header, *lines = text.splitlines(keepends=True)
        return "".join([header, *Random(1).sample(lines, len(lines))])

    with staged(tmp_path, {name: shuffled(text) for name, text in FILES.items()}) as other:
        for name in NAMES:
            assert rows(other, f"from {name}") == rows(made, f"from {name}")


def test_without_a_catalogue_all_is_empty_but_the_data_set_s_own_titles(tmp_path: Path) -> None:
    with staged(tmp_path, BARE) as connection:
        counts = {name: rows(connection, f"select count(*) from {name}")[0][0] for name in NAMES}
        assert faults(connection) == []
        assert {name for name, n in counts.items() if n} == {"titles"}
        assert rows(connection, "select distinct movie_id from titles order by all") == [
            (1,),
            (2,),
            (3,),
            (4,),
        ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("99,Some title,[],[],extra", "malformed: expected movie_id,title,cast_list,crew_list"),
        ("1e3,Some title,[],[]", "malformed: expected movie_id,title,cast_list,crew_list"),
        ("98,,[],[]", "title is empty"),
        ("0,Some title,[],[]", "tmdb_id is outside 1 – 9007199254740992"),
        ("21,The Host,[],[]", "tmdb_id stands in an earlier line"),
    ],
)
def test_a_faulty_line_is_refused_by_file_and_number(line: str, reason: str, tmp_path: Path) -> None:
    files = FILES | {"tmdb_5000_credits.csv": FILES["tmdb_5000_credits.csv"] + line + "\n"}
    with staged(tmp_path, files) as connection:
        [(file, number, text, why)] = rows(connection, "from rejected_tmdb_credits")
    assert (file, number, text) == ("tmdb_5000_credits.csv", 7, line)
    assert str(why).replace("(", "").replace(")", "").startswith(reason)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("budget", "-1", "malformed"),
        ("release_date", "03/02/2001", "malformed"),
        ("runtime", "NaN", "malformed"),
        ("vote_average", "11", "vote_average is outside"),
    ],
)
def test_a_movie_with_an_impossible_figure_is_refused(
    field: str, value: str, reason: str, tmp_path: Path
) -> None:
    files = BARE | {
        "tmdb_5000_movies.csv": movies_csv(
            {"id": 1, "title": "Good"}, {"id": 2, "title": "Bad", field: value}
        )
    }
    with staged(tmp_path, files) as connection:
        [(number, why)] = rows(connection, "select line, reason from rejected_tmdb_movies")
        assert rows(connection, "select title from catalogue_movies") == [("Good",)]
    assert number == 3
    assert str(why).startswith(reason)


# --- the graph --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, dg.ExecuteInProcessResult]]:
    world = World.new(tmp_path_factory.mktemp("staging") / "world", remembered=False)
    with world.instance:
        yield world, world.run("sample", [*INGESTED, *NAMES])


def test_one_step_makes_the_sample_s_catalogue_and_its_checks_pass(
    ran: tuple[World, dg.ExecuteInProcessResult],
) -> None:
    world, result = ran
    assert result.success
    made_by_step = {
        event.asset_key.to_user_string()
        for event in result.asset_materializations_for_node("stage_catalogue")
    }
    assert made_by_step == set(NAMES)
    checks = {check: passed for check, passed in every_check(result).items() if check[0] in NAMES}
    assert {name for name, _ in checks} == set(NAMES)
    assert all(checks.values())
    assert world.query("sample", "select count(*), count(movie_id) from catalogue_movies") == [(700, 700)]


def test_titles_that_the_sample_s_catalogue_has_twice_stay_two_movies(
    ran: tuple[World, dg.ExecuteInProcessResult],
) -> None:
    counts = ran[0].query(
        "sample",
        "select count(*), count(distinct p.tmdb_id) from catalogue_problems as p join catalogue_movies using (tmdb_id) "
        "where problem = 'duplicate_title' group by title",
    )
    assert counts == [(2, 2)] * 3


@pytest.mark.parametrize(
    ("fault", "counted"),
    [
        ("delete from titles where movie_id = 5", "movies_without"),
        ("insert into titles from titles limit 1", "repeated"),
    ],
)
def test_a_movie_that_cannot_be_found_stops_the_run(
    fault: str, counted: str, ran: tuple[World, dg.ExecuteInProcessResult], tmp_path: Path
) -> None:
    world = ran[0].copy(tmp_path / "world")
    with world.instance:
        world.query("sample", fault)
        result = world.check("sample", ["titles"])
        failed = {check for check, passed in every_check(result).items() if not passed}
        assert failed == {("titles", "every_movie_has_a_name")}
        [check] = [
            c for c in result.get_asset_check_evaluations() if c.check_name == "every_movie_has_a_name"
        ]
    assert check.metadata[counted].value >= 1


# --- real data --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_tmdb_5000_is_what_it_is_known_to_be(
    datasets_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("tmdb-5000.zip", "ml-latest-small.zip"):
        if not (datasets_folder / name).is_file():
            pytest.skip(f"{name} is not in the folder that RECSYS_DATASETS names")
    monkeypatch.setattr(
        graph,
        "build_resources",
        lambda *, data, archives: build_resources(data=data, archives=archives or datasets_folder),
    )
    world = World.new(tmp_path / "world", remembered=False)
    with world.instance:
        result = world.run("tmdb-5000", [*INGESTED, *NAMES])
    assert result.success
    assert all(every_check(result).values())
    counts = {
        table: world.query("tmdb-5000", f"select count(*) from {table}")[0][0]
        for table in ("catalogue_movies", "people", "catalogue_cast", "rejected_tmdb_movies")
    }
    assert counts == {
        "catalogue_movies": 4803,
        "people": 104_842,
        "catalogue_cast": 106_084,
        "rejected_tmdb_movies": 0,
    }
    assert world.query("tmdb-5000", "select count(movie_id) from catalogue_movies")[0][0] == 3536
    assert world.query(
        "tmdb-5000",
        "select title, list(tmdb_id order by tmdb_id) from catalogue_problems join catalogue_movies using (tmdb_id) "
        "where problem = 'duplicate_title' group by title order by title",
    ) == [("Batman", [268, 2661]), ("Out of the Blue", [10844, 39269]), ("The Host", [1255, 72710])]
