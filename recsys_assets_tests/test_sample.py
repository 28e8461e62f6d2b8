"""The embedded sample: its bytes, its shape, its planted rows, and the signal that models are to find."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from recsys_assets.sample import SAMPLE_SEED, write_sample
from recsys_assets.sample.genome import draw_genome
from recsys_assets.sample.hostile import FAULTS
from recsys_assets.sample.themes import GENRES
from recsys_assets.sample.titles import movielens_title
from recsys_assets.sample.users import LAST_DAY, seconds
from recsys_assets.sample.world import World, build_world, stream

SAMPLE = Path(__file__).parents[1] / "data" / "sample"
HEADERS = {
    "ratings.csv": "userId,movieId,rating,timestamp",
    "movies.csv": "movieId,title,genres",
    "tags.csv": "userId,movieId,tag,timestamp",
    "links.csv": "movieId,imdbId,tmdbId",
    "genome-tags.csv": "tagId,tag",
    "genome-scores.csv": "movieId,tagId,relevance",
    "tmdb_5000_movies.csv": (
        "budget,genres,homepage,id,keywords,original_language,original_title,overview,popularity,"
        "production_companies,production_countries,release_date,revenue,runtime,spoken_languages,status,"
        "tagline,title,vote_average,vote_count"
    ),
    "tmdb_5000_credits.csv": "movie_id,title,cast,crew",
}


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(SAMPLE_SEED)


@pytest.fixture(scope="module")
def listed() -> set[tuple[str, int]]:
    """File and line of each hostile row that the README lists."""
    rows = re.findall(r"^\| `([\w.-]+)` \| (\d+) \|", (SAMPLE / "README.md").read_text("utf-8"), re.MULTILINE)
    return {(file, int(line)) for file, line in rows}


@cache
def lines_of(file: str) -> dict[int, list[str]]:
    """Rows of a file by line number; no field holds a line break."""
    with (SAMPLE / file).open(encoding="utf-8", newline="") as text:
        rows = {reader.line_num: row for reader in [csv.reader(text)] for row in reader}
    return {line: row for line, row in rows.items() if line > 1}


def clean_rows(file: str, listed: set[tuple[str, int]]) -> list[list[str]]:
    return [row for line, row in lines_of(file).items() if (file, line) not in listed]


@cache
def known_ids(file: str) -> set[str]:
    """Ids in the first column, of rows that have a name in the second."""
    return {row[0] for row in lines_of(file).values() if row[1]}


# Bytes


def test_committed_files_are_what_the_generator_writes(tmp_path: Path) -> None:
    write_sample(tmp_path, seed=SAMPLE_SEED)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        path.name: path.read_bytes() for path in SAMPLE.iterdir()
    }


def test_another_seed_is_another_world(world: World) -> None:
    other = build_world(SAMPLE_SEED + 1)
    assert other.movies.title != world.movies.title
    assert not np.array_equal(other.users.taste, world.users.taste)


def test_parts_draw_from_streams_of_their_own() -> None:
    draws = {
        part: stream(SAMPLE_SEED, part).random() for part in ("taste", "movies", "users", "ratings", "tags")
    }
    assert len(set(draws.values())) == len(draws)
    assert draws["users"] == stream(SAMPLE_SEED, "users").random()


@pytest.mark.parametrize("file", HEADERS)
def test_header_is_the_official_one_and_the_file_ends_with_a_newline(file: str) -> None:
    content = (SAMPLE / file).read_bytes()
    assert content.split(b"\n", 1)[0].decode() == HEADERS[file]
    assert content.endswith(b"\n")
    assert b"\r" not in content
    assert len(content) < 3_000_000


# Planted rows


def test_readme_lists_every_fault_once(listed: set[tuple[str, int]]) -> None:
    assert Counter(file for file, _ in listed) == {file: len(faults) for file, faults in FAULTS.items()}


def test_planted_rows_stand_in_the_middle(listed: set[tuple[str, int]]) -> None:
    for file, line in listed:
        assert 0.2 < line / len(lines_of(file)) < 0.8


@pytest.mark.parametrize("file", FAULTS)
def test_a_strict_reader_objects_to_the_listed_lines_alone(file: str, listed: set[tuple[str, int]]) -> None:
    assert set(objections(file)) == {line for name, line in listed if name == file}


def objections(file: str) -> Iterator[int]:
    """Lines that break a rule of the file, found without the generator's help."""
    rule, key_width = RULES[file], KEY_WIDTHS[file]
    kept: dict[tuple[str, ...], tuple[int, int]] = {}
    for line, row in lines_of(file).items():
        if len(row) != HEADERS[file].count(",") + 1 or not rule(row):
            yield line
            continue
        key = tuple(row[:key_width])
        # Of two ratings the latest counts, at one time the lower one; of other rows the upper one.
        claim = (int(row[3]), line) if file == "ratings.csv" else (0, -line)
        if key in kept:
            yield abs(min(claim, kept[key])[1])
        kept[key] = max(claim, kept.get(key, claim))


def is_rating(row: list[str]) -> bool:
    return (
        row[0].isdecimal()
        and row[1] in known_ids("movies.csv")
        and row[2] in {f"{half / 2:.1f}" for half in range(1, 11)}
        and row[3].isdecimal()
        and int(row[3]) < 2**31
    )


KEY_WIDTHS = {"ratings.csv": 2, "movies.csv": 1, "tags.csv": 3, "links.csv": 1, "genome-scores.csv": 2}
RULES: dict[str, Callable[[list[str]], bool]] = {
    "ratings.csv": is_rating,
    "movies.csv": lambda row: row[1] != "",
    "tags.csv": lambda row: 0 < len(row[2]) <= 400,
    "links.csv": lambda row: row[0] in known_ids("movies.csv") and len(row[1]) == 7,
    "genome-scores.csv": lambda row: row[1] in known_ids("genome-tags.csv") and 0 <= float(row[2]) <= 1,
}


def test_without_the_planted_rows_the_ratings_are_the_world_but_for_the_one_given_again(
    world: World, listed: set[tuple[str, int]]
) -> None:
    rows = clean_rows("ratings.csv", listed)
    ratings = world.ratings
    assert [int(row[0]) - 1 for row in rows] == ratings.user.tolist()
    assert [int(row[1]) for row in rows] == world.movies.movie_id[ratings.movie].tolist()
    stars, rated_at = (np.array([float(row[column]) for row in rows]) for column in (2, 3))
    [again] = np.flatnonzero(rated_at != ratings.rated_at)
    assert rated_at[again] > ratings.rated_at[again]
    assert np.flatnonzero(stars != ratings.stars).tolist() == [again]


# Shape


def test_sizes(world: World) -> None:
    assert len(world.users.n_ratings) == 600
    assert len(world.movies.title) == 1500
    assert 60_000 <= len(world.ratings.user) <= 80_000


def test_popularity_has_a_long_tail_and_cold_items(world: World) -> None:
    n_ratings = np.sort(np.bincount(world.ratings.movie, minlength=1500))[::-1]
    assert 0.72 < n_ratings[:300].sum() / n_ratings.sum() < 0.82
    assert 30 <= (n_ratings == 0).sum() <= 150
    assert (n_ratings < 5).sum() > 200


def test_activity_runs_from_light_to_heavy(world: World) -> None:
    n_ratings = np.bincount(world.ratings.user, minlength=600)
    assert n_ratings.min() == 8
    assert (n_ratings < 20).sum() >= 30
    assert 60 <= np.median(n_ratings) <= 85
    assert n_ratings.max() > 800


def test_stars_are_half_steps_distributed_as_on_movielens(world: World) -> None:
    stars, counts = np.unique(world.ratings.stars, return_counts=True)
    assert stars.tolist() == [half / 2 for half in range(1, 11)]
    assert stars[counts.argmax()] == 4.0
    assert world.ratings.stars.mean() == pytest.approx(3.5, abs=0.1)
    assert world.ratings.stars.std() == pytest.approx(1.04, abs=0.1)


def test_a_pair_is_rated_once_after_release_and_before_the_end(world: World) -> None:
    ratings = world.ratings
    released_at = world.movies.released_on[ratings.movie].astype("datetime64[s]").astype(np.int64)
    assert len(np.unique(np.c_[ratings.user, ratings.movie], axis=0)) == len(ratings.user)
    assert (ratings.rated_at > released_at).all()
    assert (ratings.rated_at >= world.users.joined_at[ratings.user]).all()
    assert ratings.rated_at.max() < seconds(LAST_DAY) + 86_400


def test_users_rate_in_sessions(world: World) -> None:
    user, at = world.ratings.user, np.sort(world.ratings.rated_at + world.ratings.user * 2**32)
    gap = np.diff(at)[np.diff(np.sort(user)) == 0]
    assert (gap < 600).mean() > 0.9
    assert (gap > 86_400).sum() > 600


def test_titles_have_commas_quotes_accents_and_duplicates(world: World, listed: set[tuple[str, int]]) -> None:
    titles = [row[1] for row in clean_rows("movies.csv", listed)]
    assert all(re.fullmatch(r".+ \((19[4-9]\d|20[01]\d)\)", title) for title in titles)
    assert any(", The (" in title for title in titles)
    assert any('"' in title for title in titles)
    assert any(not title.isascii() for title in titles)
    assert len(titles) == len(set(titles)) == len(set(world.movies.title)) + 3


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("The Clockmaker's Daughter", "Clockmaker's Daughter, The (1994)"),
        ("An Ivory Diver", "Ivory Diver, An (1994)"),
        ("Theodolite", "Theodolite (1994)"),
    ],
)
def test_movielens_titles_end_with_the_article(title: str, expected: str) -> None:
    assert movielens_title(title, 1994) == expected


def test_genres_are_movielens_names(listed: set[tuple[str, int]]) -> None:
    genres = Counter(name for row in clean_rows("movies.csv", listed) for name in row[2].split("|"))
    assert set(genres) == {*GENRES, "(no genres listed)"}
    assert 1 <= genres["(no genres listed)"] <= 20


def test_links_cover_every_movie_and_a_few_lack_a_tmdb_id(listed: set[tuple[str, int]]) -> None:
    links = clean_rows("links.csv", listed)
    assert {row[0] for row in links} == known_ids("movies.csv")
    assert 1 <= sum(row[2] == "" for row in links) <= 30


def test_tags_are_by_active_users(world: World, listed: set[tuple[str, int]]) -> None:
    tags = clean_rows("tags.csv", listed)
    n_ratings = np.bincount(world.ratings.user)
    assert 2500 < len(tags) <= 3000
    assert min(n_ratings[int(row[0]) - 1] for row in tags) >= 100


def test_genome_covers_most_movies_with_every_tag(listed: set[tuple[str, int]]) -> None:
    scores = clean_rows("genome-scores.csv", listed)
    assert set(Counter(row[0] for row in scores).values()) == {len(known_ids("genome-tags.csv"))}
    assert len({row[0] for row in scores}) == round(0.85 * 1500)
    assert all(0 < float(row[2]) < 1 for row in scores)


# Metadata


def test_metadata_joins_links_by_tmdb_id_where_titles_do_not(listed: set[tuple[str, int]]) -> None:
    columns = HEADERS["tmdb_5000_movies.csv"].split(",")
    movies = [dict(zip(columns, row, strict=True)) for row in lines_of("tmdb_5000_movies.csv").values()]
    linked = {row[2] for row in clean_rows("links.csv", listed)}
    ids, titles = {movie["id"] for movie in movies}, Counter(movie["title"] for movie in movies)
    assert len(movies) == len(ids) == 700
    assert ids <= linked - {""}
    assert sorted(titles.values())[-4:] == [1, 2, 2, 2]
    assert [row[:2] for row in lines_of("tmdb_5000_credits.csv").values()] == [
        [movie["id"], movie["title"]] for movie in movies
    ]


def test_nested_columns_are_json_lists() -> None:
    columns = HEADERS["tmdb_5000_movies.csv"].split(",")
    for row in lines_of("tmdb_5000_movies.csv").values():
        movie = dict(zip(columns, row, strict=True))
        assert json.loads(movie["genres"])
        assert json.loads(movie["keywords"])
        assert {"iso_639_1", "name"} == json.loads(movie["spoken_languages"])[0].keys()


def test_every_movie_has_a_cast_and_one_director() -> None:
    for _, _, cast, crew in lines_of("tmdb_5000_credits.csv").values():
        people = [person["name"] for person in json.loads(cast)]
        assert 4 <= len(people) == len(set(people)) <= 10
        assert [person["job"] for person in json.loads(crew)].count("Director") == 1


# Signal


def test_communities_choose_alike(world: World) -> None:
    """With popularity taken out, choices of one community agree far more (cosine) than those of strangers."""
    chosen = np.zeros((600, 1500))
    chosen[world.ratings.user, world.ratings.movie] = 1.0
    surprise = chosen - chosen.sum(axis=1, keepdims=True) * chosen.mean(axis=0) / chosen.mean(axis=0).sum()
    surprise /= np.linalg.norm(surprise, axis=1, keepdims=True)
    cosine = surprise @ surprise.T
    same = world.users.community[:, None] == world.users.community
    strangers = ~same
    np.fill_diagonal(same, False)
    assert cosine[same].mean() > 2 * abs(cosine[strangers].mean()) + 0.01


def test_taste_shows_in_the_stars(world: World) -> None:
    ratings = world.ratings
    match = np.einsum("nf,nf->n", world.users.taste[ratings.user], world.movies.taste[ratings.movie])
    assert np.corrcoef(match, ratings.stars)[0, 1] > 0.15
    assert np.corrcoef(world.movies.quality[ratings.movie], ratings.stars)[0, 1] > 0.2


def test_genome_tells_part_of_the_taste_and_not_all(world: World) -> None:
    genome = draw_genome(stream(SAMPLE_SEED, "genome"), world)
    relevance = np.c_[np.ones(len(genome.movie)), genome.relevance]
    taste = world.movies.taste[genome.movie]
    fitted = relevance @ np.linalg.lstsq(relevance, taste, rcond=None)[0]
    explained = 1 - ((taste - fitted) ** 2).sum() / ((taste - taste.mean(axis=0)) ** 2).sum()
    assert 0.5 < explained < 0.95


def test_first_ratings_lean_on_popularity(world: World) -> None:
    ratings = world.ratings
    n_ratings = np.bincount(ratings.movie, minlength=1500)
    order = np.lexsort((ratings.rated_at, ratings.user))
    start = np.searchsorted(ratings.user, np.arange(600))
    first_five = order[(start[:, None] + np.arange(5)).ravel()]
    last_three = order[(np.append(start[1:], len(order))[:, None] - 1 - np.arange(3)).ravel()]
    assert n_ratings[ratings.movie[first_five]].mean() > 1.2 * n_ratings[ratings.movie[last_three]].mean()
