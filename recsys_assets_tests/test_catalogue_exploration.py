"""What a catalogue looks like: every figure by its definition, and a section that shows them and nothing else."""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from statistics import mean, median

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from recsys_assets.contracts.catalogue_exploration import MODERN, OLD
from recsys_assets.contracts.catalogue_exploration import TABLES as EXPLORATION
from recsys_assets.definitions import defs
from recsys_assets.defs.catalogue.exploration_queries import catalogue_exploration_queries
from recsys_assets.defs.contract_checks import _FAULTS, _meanings
from recsys_assets.report import catalogue_exploration as section
from recsys_assets.report import catalogue_exploration_plots as drawings
from recsys_assets.report import sections, style
from recsys_assets.storage.warehouse import replace_tables
from recsys_assets_tests.graph import World, downstream, every_check
from recsys_assets_tests.made_catalogue import FILES, credits_csv, movies_csv, staged

NAMES = [table.name for table in EXPLORATION]
LARGEST_PNG = 40 * 1024
HOSTILE = """<script>alert('x')</script>"><img src=x onerror=1></svg> & $x^2$ | `a`"""
BARE = {name: FILES[name] for name in ("movies.csv", "ratings.csv", "links.csv")}
GENRES = ("Comedy", "Drama", "Horror")
Tables = dict[str, pd.DataFrame]


def explored(folder: Path, files: Mapping[str, str]) -> Tables:
    """The tables of the exploration, each of which obeys its contract."""
    with staged(folder, files) as connection:
        replace_tables(
            connection, catalogue_exploration_queries(modern_from=2000, n_listed=4, least_movies=2)
        )
        faults = [
            f"{table.name}: {fault}"
            for table in EXPLORATION
            for kind in _meanings(table)
            for fault in _FAULTS[kind](connection, table.name, table)
        ]
        assert faults == []
        return {name: connection.execute(f"from {name}").df() for name in (*NAMES, "catalogue_problems")}


def rows(table: pd.DataFrame, *columns: str) -> list[tuple[object, ...]]:
    return list(table[list(columns)].itertuples(index=False, name=None))


def statistics(tables: Tables) -> dict[str, float]:
    return tables["catalogue_statistics"].set_index("statistic")["value"].to_dict()


class Made:
    """A catalogue of random movies, and what its files are."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.year = {i: int(rng.choice([1980, 1999, 2000, 2010])) for i in range(1, 13)}
        self.genres = {i: sorted(rng.choice(GENRES, rng.integers(1, 3), replace=False)) for i in self.year}
        self.cast = {i: rng.choice(6, rng.integers(0, 5), replace=False).tolist() for i in self.year}
        self.directors = {i: rng.choice(6, rng.integers(0, 3), replace=False).tolist() for i in self.year}
        self.vote = {i: int(rng.integers(2, 20)) / 2 for i in self.year}
        self.files = BARE | {
            "tmdb_5000_movies.csv": movies_csv(
                *(
                    {
                        "id": i,
                        "title": f"Movie {i % 10}",
                        "release_date": f"{year}-06-01",
                        "genres": json.dumps([{"id": 1, "name": genre} for genre in self.genres[i]]),
                        "vote_average": self.vote[i],
                    }
                    for i, year in self.year.items()
                )
            ),
            "tmdb_5000_credits.csv": credits_csv(
                *(
                    {
                        "movie_id": i,
                        "title": f"Movie {i % 10}",
                        "cast": json.dumps(
                            [_person(who) | {"order": n} for n, who in enumerate(self.cast[i])]
                        ),
                        "crew": json.dumps(
                            [
                                _person(who) | {"job": "Director", "department": "Directing"}
                                for who in self.directors[i]
                            ]
                        ),
                    }
                    for i in self.year
                )
            ),
        }

    def era(self, movie: int) -> str:
        return OLD if self.year[movie] < 2000 else MODERN


def _person(who: int) -> dict[str, object]:
    return {"id": who, "name": f"Person {who}", "gender": who % 3}


@pytest.fixture(scope="module", params=range(4))
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Made, Tables]:
    made = Made(request.param)
    return made, explored(tmp_path_factory.mktemp("random"), made.files)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    return explored(tmp_path_factory.mktemp("made"), Made(9).files)


# --- figures by their definitions -------------------------------------------------------------------------


def test_titles_that_several_movies_have_are_listed_with_all_of_them(both: tuple[Made, Tables]) -> None:
    made, tables = both
    shared = sorted((f"Movie {i % 10}", made.year[i], i) for i in made.year if i % 10 in (1, 2))
    assert rows(tables["catalogue_duplicate_titles"], "title", "year", "tmdb_id") == shared
    assert statistics(tables)["n_duplicated_titles"] == 2


def test_genres_are_counted_movie_by_movie(both: tuple[Made, Tables]) -> None:
    made, tables = both
    counts = Counter(genre for genres in made.genres.values() for genre in genres)
    found = tables["catalogue_genre_frequency"]
    assert dict(rows(found, "genre", "n_movies")) == counts
    np.testing.assert_allclose(found["share"], found["n_movies"] / 12)
    assert found["n_movies"].is_monotonic_decreasing


def test_pairs_are_those_of_two_people_in_one_movie(both: tuple[Made, Tables]) -> None:
    made, tables = both
    counts = Counter(
        (actor, director)
        for i in made.year
        for actor, director in product(made.cast[i], made.directors[i])
        if actor != director
    )
    expected = sorted(((*pair, n) for pair, n in counts.items()), key=lambda row: (-row[2], *row[:2]))[:4]
    assert rows(tables["catalogue_actor_director_pairs"], "actor_id", "director_id", "n_movies") == expected


def test_cast_sizes_and_eras_are_those_of_the_movies(both: tuple[Made, Tables]) -> None:
    made, tables = both
    sizes = Counter((made.era(i), len(cast)) for i, cast in made.cast.items())
    found = tables["catalogue_cast_sizes"]
    assert {(era, size): n for era, size, n in rows(found, "era", "cast_size", "n_movies")} == sizes
    eras = tables["catalogue_eras"].set_index("era")
    actors = {
        era: {who for i, cast in made.cast.items() if made.era(i) == era for who in cast}
        for era in eras.index
    }
    for era, row in eras.iterrows():
        own = [i for i in made.year if made.era(i) == era]
        casts = [len(made.cast[i]) for i in own]
        known = [who % 3 for i in own for who in made.cast[i] if who % 3]
        assert row["n_movies"] == len(own)
        assert (row["first_year"], row["last_year"]) == (
            min(made.year[i] for i in own),
            max(made.year[i] for i in own),
        )
        assert (row["n_actors"], row["n_actors_of_both"]) == (
            len(actors[str(era)]),
            len(set.intersection(*actors.values())),
        )
        assert row["mean_cast_size"] == pytest.approx(mean(casts))
        assert row["median_cast_size"] == median(casts)
        assert row["share_of_women"] == pytest.approx(known.count(1) / len(known))


def test_the_busiest_actors_of_each_era_and_their_main_genres(both: tuple[Made, Tables]) -> None:
    made, tables = both
    worked = Counter((made.era(i), who) for i, cast in made.cast.items() for who in cast)
    for era in (OLD, MODERN):
        own = sorted(((who, n) for (of, who), n in worked.items() if of == era), key=lambda r: (-r[1], r[0]))
        found = tables["catalogue_era_actors"]
        assert rows(found[found["era"] == era], "person_id", "n_movies") == own[:4]
    frequency = Counter(genre for genres in made.genres.values() for genre in genres)
    for row in tables["catalogue_actor_genres"].itertuples():
        movies = [i for i, cast in made.cast.items() if row.person_id in cast]
        kinds = Counter(genre for i in movies for genre in made.genres[i])
        genre = min(kinds, key=lambda name: (-kinds[name], name))
        assert (row.n_movies, row.main_genre) == (len(movies), genre)
        assert row.n_movies >= 2
        assert row.main_share == pytest.approx(kinds[genre] / len(movies))
        assert row.lift == pytest.approx(row.main_share / (frequency[genre] / 12))


def test_directors_are_ranked_by_number_of_movies(both: tuple[Made, Tables]) -> None:
    made, tables = both
    directed = {who: [made.vote[i] for i in made.year if who in made.directors[i]] for who in range(6)}
    ranked = sorted(
        ((who, len(votes), mean(votes)) for who, votes in directed.items() if votes),
        key=lambda row: (-row[1], -row[2], row[0]),
    )
    found = tables["catalogue_top_directors"]
    assert rows(found, "person_id", "n_movies") == [row[:2] for row in ranked[:4]]
    np.testing.assert_allclose(found["mean_vote"], [row[2] for row in ranked[:4]])


def test_statistics_count_what_is_there_and_what_is_not(tmp_path: Path) -> None:
    second = FILES["tmdb_5000_movies.csv"].splitlines(keepends=True)[2]
    files = FILES | {"tmdb_5000_movies.csv": FILES["tmdb_5000_movies.csv"] + second}
    tables = explored(tmp_path, files)
    expected = {
        "n_movies": 5,
        "n_movies_joined": 2,
        "n_people": 3,
        "n_actors": 3,
        "n_directors": 2,
        "n_genres": 2,
        "n_duplicated_titles": 1,
        "n_duplicated_ids": 1,
        "n_duplicated_credits": 0,
        "n_without_budget": 1,
        "n_without_runtime": 1,
        "n_without_release_date": 1,
        "n_without_genres": 1,
        "mean_cast_size": 1,
        "median_cast_size": 1,
        "n_problems": len(tables["catalogue_problems"]),
    }
    found = statistics(tables)
    assert {name: found[name] for name in expected} == expected


# --- plots and the section --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", section.FIGURES)
def test_a_plot_is_small_the_same_each_time_and_in_the_palette(name: str, tables: Tables) -> None:
    figure, table = section.FIGURES[name], tables[name]
    png, svg = figure.png(table), figure.svg(table)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(png) <= LARGEST_PNG
    assert (figure.png(table), figure.svg(table)) == (png, svg)
    assert set(re.findall(r": (#[0-9a-f]{6})", svg)) <= {"#000000"}


def test_every_plot_is_shown() -> None:
    own = {getattr(drawings, name) for name in drawings.__all__}
    assert own == {figure.plot for figure in section.FIGURES.values()}


def test_bars_say_what_they_measure() -> None:
    svg = drawings.genre_frequency.svg([f"genre {n}" for n in range(20)], range(2000, 0, -100), [0.5] * 20)
    assert "2,000 (50%)" in svg
    assert "genre 14<" in svg
    assert "genre 15<" not in svg
    assert "3, vote 6.5" in drawings.top_directors.svg(["A", "B"], [3, 1], [6.5, np.nan])
    assert "88% Comedy" in drawings.actor_genres.svg(["A"], ["Comedy"], [0.875])


def test_casts_of_one_era_or_one_size_can_be_drawn() -> None:
    svg = drawings.cast_sizes.svg([OLD, OLD], [3, 5], [1, 3])
    assert "Old, median 5" in svg
    assert "Modern" not in svg
    assert "Modern, median 0" in drawings.cast_sizes.svg([MODERN], [0], [2])


def test_the_section_says_what_the_tables_hold(tables: Tables) -> None:
    written = section.the_catalogue(tables)
    assert written.finding.startswith("12 movies by ")
    assert "2 titles stand for several movies, 0 ids occurred twice" in written.finding
    assert written.html.count("<figure>") == len(section.FIGURES)
    for line in ("| Movies of the catalogue | 12 |", "| Duplicate title |", "| Movie 1 | "):
        assert line in written.markdown
    assert set(re.findall(r"var\((--[a-z0-9-]+)\)", written.html)) <= {f"--{name}" for name in style.PALETTE}
    assert re.search(r"https?://|url\((?!#)|data:", written.html) is None


def test_hostile_names_are_shown_and_not_run(tables: Tables) -> None:
    wild = tables | {
        "catalogue_top_directors": tables["catalogue_top_directors"].assign(name=HOSTILE),
        "catalogue_duplicate_titles": tables["catalogue_duplicate_titles"].assign(title=HOSTILE),
    }
    written = section.the_catalogue(wild)
    assert "<script>" not in written.html
    assert "<img" not in written.html
    assert "<script>" not in written.markdown


def test_the_same_tables_give_the_same_section_and_stay_as_they_are(tables: Tables) -> None:
    given = {name: frame.copy() for name, frame in tables.items()}
    assert section.the_catalogue(given) == section.the_catalogue(tables)
    for name, frame in given.items():
        pd.testing.assert_frame_equal(frame, tables[name])


def test_without_a_catalogue_there_are_no_rows_and_no_section(tmp_path: Path, tables: Tables) -> None:
    bare = explored(tmp_path, BARE)
    assert {name for name in NAMES if len(bare[name])} == {"catalogue_statistics"}
    assert statistics(bare)["n_movies"] == 0
    assert not section.is_there(bare)
    assert not section.is_there({})
    assert section.is_there(tables)
    assert "NaN" not in section.catalogue_statistics_markdown(bare["catalogue_statistics"])


def test_the_report_reads_the_tables_of_the_section() -> None:
    assert set(section.REPORTED) <= set(sections.REPORTED)


# --- the graph --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, dg.ExecuteInProcessResult]]:
    world = World.new(tmp_path_factory.mktemp("catalogue_exploration") / "world", remembered=False)
    ingested = ["raw_files", "movies", "inbox", "ratings", "links"]
    ingested += ["tmdb_movies", "tmdb_credits", "tmdb_posters", "catalogue_movies"]
    with world.instance:
        yield world, world.run("sample", [*ingested, *NAMES])


def test_one_step_makes_all_tables_and_their_checks_pass(
    ran: tuple[World, dg.ExecuteInProcessResult],
) -> None:
    _, result = ran
    assert result.success
    shown = {
        event.asset_key.to_user_string(): event.metadata
        for event in result.asset_materializations_for_node("explore_catalogue")
    }
    assert shown.keys() == set(NAMES)
    assert {name for name, metadata in shown.items() if "plot" in metadata} == section.FIGURES.keys()
    assert shown["catalogue_statistics"]["n_duplicated_titles"].value == 3
    checks = {check: passed for check, passed in every_check(result).items() if check[0] in NAMES}
    assert {name for name, _ in checks} == set(NAMES)
    assert all(checks.values())


def test_nothing_learned_or_judged_is_made_of_the_exploration() -> None:
    assert downstream(*NAMES) <= {*NAMES, "evaluation_report", "published"}


def test_the_job_of_the_catalogue_makes_them() -> None:
    selected = defs().resolve_job_def("catalogue").asset_layer.selected_asset_keys
    assert {dg.AssetKey(name) for name in NAMES} <= set(selected)


@pytest.mark.slow
def test_tmdb_5000_looks_as_it_is_known_to(datasets_folder: Path, tmp_path: Path) -> None:
    if not (datasets_folder / "tmdb-5000.zip").is_file():
        pytest.skip("tmdb-5000.zip is not in the folder that RECSYS_DATASETS names")
    with zipfile.ZipFile(datasets_folder / "tmdb-5000.zip") as archive:
        names = ("tmdb_5000_movies.csv", "tmdb_5000_credits.csv")
        files = {name: archive.read(f"tmdb-5000/{name}").decode() for name in names}
    tables = explored(tmp_path, BARE | files)
    found = statistics(tables)
    assert (found["n_movies"], found["n_people"], found["n_directors"]) == (4803, 104_842, 2578)
    assert set(tables["catalogue_duplicate_titles"]["title"]) == {"Batman", "Out of the Blue", "The Host"}
    assert rows(tables["catalogue_genre_frequency"].head(1), "genre", "n_movies") == [("Drama", 2297)]
    assert rows(tables["catalogue_top_directors"].head(1), "name", "n_movies") == [("Steven Spielberg", 27)]
    assert rows(tables["catalogue_actor_director_pairs"].head(1), "actor", "director", "n_movies") == [
        ("Danny Trejo", "Robert Rodriguez", 10)
    ]
    assert rows(tables["catalogue_eras"], "era", "n_movies", "median_cast_size") == [
        (OLD, 1308, 17),
        (MODERN, 3494, 16),
    ]
