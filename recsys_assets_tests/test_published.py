"""A movie is found by its title, in files with and without the search, in older layouts, and never by a pattern."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from recsys_assets.storage.published import NotFoundError, Published
from recsys_assets.storage.title_search import SEARCH_TITLES
from recsys_assets_tests.made_catalogue import FILES, staged

TITLES = [
    "Toy Story (1995)",
    "Toy Story 2 (1999)",
    "Toy Story 3 (2010)",
    "Matrix, The (1999)",
    "Heat (1986)",
    "Heat (1995)",
    "100% (2001)",
    "100 Girls (2000)",
    "snake_case (2003)",
    "snakeXcase (2003)",
]


def published(folder: Path, *, searchable: bool) -> Published:
    """A publication of movies named as above, numbered from 1."""
    lines = "".join(f'{number},"{title}",Drama\n' for number, title in enumerate(TITLES, 1))
    files = {"movies.csv": "movieId,title,genres\n" + lines, "ratings.csv": FILES["ratings.csv"]}
    answer = Published(folder, "made")
    answer.path.parent.mkdir(parents=True)
    with staged(folder, files) as connection:
        connection.execute(f"attach '{answer.path}' as made")
        connection.execute("create table made.movies as from movies")
        connection.execute("create table made.titles as from titles")
    if searchable:
        with duckdb.connect(str(answer.path)) as connection:
            connection.execute(SEARCH_TITLES)
    return answer


@pytest.fixture(scope="module")
def searchable(tmp_path_factory: pytest.TempPathFactory) -> Published:
    return published(tmp_path_factory.mktemp("searchable"), searchable=True)


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """As files were published before titles could be searched."""
    return published(tmp_path_factory.mktemp("older"), searchable=False)


@pytest.fixture(params=["searchable", "older"])
def either(request: pytest.FixtureRequest) -> Published:
    answer: Published = request.getfixturevalue(request.param)
    return answer


@pytest.mark.parametrize(
    ("asked", "title"),
    [
        ("toy story", "Toy Story (1995)"),
        ("Toy Story 2", "Toy Story 2 (1999)"),
        ("HEAT (1995)", "Heat (1995)"),
        ("matrix", "Matrix, The (1999)"),
        ("snake_case", "snake_case (2003)"),
        ("3", "Toy Story 3 (2010)"),
    ],
)
def test_the_whole_of_a_title_names_its_movie_though_others_hold_it(
    either: Published, asked: str, title: str
) -> None:
    assert either.movie(asked) == (TITLES.index(title) + 1, title)


@pytest.mark.parametrize(
    ("asked", "title"), [("toy stroy", "Toy Story (1995)"), ("the matirx", "Matrix, The (1999)")]
)
def test_a_mistyped_title_is_found(searchable: Published, asked: str, title: str) -> None:
    assert searchable.movie(asked)[1] == title


@pytest.mark.parametrize(("asked", "n"), [("heat", 2), ("toy", 3), ("story", 3)])
def test_titles_that_match_equally_well_are_listed(either: Published, asked: str, n: int) -> None:
    with pytest.raises(NotFoundError, match=f"^{n} movies match '{asked}', give an id: "):
        either.movie(asked)


@pytest.mark.parametrize("asked", [".*", "t_y", "%y%", "'; drop table movies; --"])
def test_no_sign_is_a_pattern_or_a_statement(either: Published, asked: str) -> None:
    with pytest.raises(NotFoundError, match=r"^no movie "):
        either.movie(asked)
    assert either.movie("1") == (1, TITLES[0])


@pytest.mark.parametrize(("asked", "title"), [("%", "100% (2001)"), ("_", "snake_case (2003)")])
def test_without_the_search_a_sign_is_itself(older: Published, asked: str, title: str) -> None:
    assert older.movie(asked)[1] == title


def test_what_is_only_a_little_like_a_title_is_not_taken_for_it(searchable: Published) -> None:
    with pytest.raises(NotFoundError, match=r"^no movie 'a story of toys' in made; near it are 1: Toy Story"):
        searchable.movie("a story of toys")
