"""Neighbours by content and their relevance as assets, on a made world in which tastes are planted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import numpy as np
import pytest

from recsys_assets.algorithms.content import ContentVectors
from recsys_assets.contracts import TABLES
from recsys_assets.contracts.catalogue_neighbours import METHODS
from recsys_assets.defs.evaluation.gates import GATES, PROMOTION
from recsys_assets.storage.arrays import load_artifact
from recsys_assets_tests import made_datasets
from recsys_assets_tests.graph import World, every_check, key, upstream
from recsys_assets_tests.made_catalogue import credits_csv, movies_csv

N_MOVIES, N_USERS, OFFSET = 40, 60, 1000
"""Movie m of the data set is movie m + 1000 of the catalogue."""
STRANGER = 1500
"""A movie of the catalogue that the data set doesn't have."""
MADE = ("catalogue_similar_movies", "catalogue_recall", "catalogue_relevance", "catalogue_claims")
CONTENT = "tuning/content_vectors"
DATASET = "sample"


def taste_of(number: int) -> int:
    return number % 2


def write_files(folder: Path) -> None:
    """Users like the movies of their taste, of which keywords tell; all movies share one genre, some have two."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    words = [f"word{n}" for n in range(12)]
    movies = range(1, N_MOVIES + 1)
    about = {m: rng.choice(words[taste_of(m) :: 2], 4, replace=False).tolist() for m in movies}
    about[STRANGER - OFFSET] = words[:4]
    texts = {
        "movies.csv": ["movieId,title,genres", *(f"{m},Movie {m} (2001),Drama" for m in movies)],
        "links.csv": ["movieId,imdbId,tmdbId", *(f"{m},{m:07d},{m + OFFSET}" for m in movies)],
        "ratings.csv": [
            "userId,movieId,rating,timestamp",
            *(
                f"{u},{m},{4.5 if taste_of(u) == taste_of(m) else 2.0},{10**9 + 86_400 * (u + place)}"
                for u in range(1, N_USERS + 1)
                for place, m in enumerate(rng.permutation(N_MOVIES)[:24] + 1)
            ),
        ],
    }
    for name, lines in texts.items():
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    genre = json.dumps([{"id": 18, "name": "Drama"}])
    (folder / "tmdb_5000_movies.csv").write_text(
        movies_csv(
            *(
                {
                    "id": m + OFFSET,
                    "title": f"Movie {m}",
                    "genres": genre,
                    "overview": " ".join(about[m]),
                    "keywords": json.dumps([{"id": int(w[4:]) + 1, "name": w} for w in about[m]]),
                }
                for m in about
            )
        ),
        encoding="utf-8",
    )
    (folder / "tmdb_5000_credits.csv").write_text(credits_csv(), encoding="utf-8")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, dg.ExecuteInProcessResult]]:
    world = World(tmp_path_factory.mktemp("relevance") / "world")
    world.home.mkdir(parents=True)
    world.data.mkdir()
    write_files(world.root / "files")
    off = "\n".join(f'{gate} = "off"' for gate in (*GATES, *PROMOTION))
    entry = 'title = "Made"\nlayout = "movielens-csv"\nlicence = "made"\nsource = { folder = "%s" }'
    (world.data / "datasets.toml").write_text(
        f"[gates]\n{off}\n[datasets.{DATASET}]\n{entry % (world.root / 'files')}\n"
    )
    with world.instance:
        yield world, world.run(DATASET, upstream(*MADE, "catalogue_movie_clusters", CONTENT))


@pytest.fixture
def world(ran: tuple[World, dg.ExecuteInProcessResult]) -> World:
    return ran[0]


def test_they_are_made_and_every_check_passes(ran: tuple[World, dg.ExecuteInProcessResult]) -> None:
    world, result = ran
    assert result.success
    checks = every_check(result)
    assert ("catalogue_similar_movies", "neighbours_are_others") in checks
    assert all(checks.values())
    assert set(MADE) <= world.versions(DATASET).keys()


def test_every_movie_of_the_catalogue_has_neighbours(world: World) -> None:
    movies = world.query(DATASET, "select distinct tmdb_id from catalogue_similar_movies order by tmdb_id")
    assert [m for (m,) in movies] == [*range(OFFSET + 1, OFFSET + N_MOVIES + 1), STRANGER]


def test_neighbours_within_clusters_are_of_the_own_cluster(world: World) -> None:
    strangers = """
        select count(*) from catalogue_similar_movies as s
        join catalogue_movie_clusters as a on a.tmdb_id = s.tmdb_id
        join catalogue_movie_clusters as b on b.tmdb_id = similar_tmdb_id
        where method = 'content_cluster' and {condition}
    """
    assert world.query(DATASET, strangers.format(condition="a.cluster <> b.cluster")) == [(0,)]
    assert world.query(DATASET, strangers.format(condition="a.cluster = b.cluster")) > [(0,)]


def test_planted_tastes_are_found_by_content(world: World) -> None:
    found = dict(
        world.query(
            DATASET, "select method, value from catalogue_relevance where metric = 'lift_over_same_genre'"
        )
    )
    assert found.keys() == METHODS.keys()
    assert found["same_genre"] == 1
    assert found["random"] == pytest.approx(1, abs=0.05)
    assert found["content_global"] > 1.5
    assert found["collaborative"] > 1.5
    (low,) = world.query(
        DATASET,
        "select ci_low from catalogue_relevance where metric = 'lift_over_same_genre' and method = 'content_global'",
    )[0]
    assert low > 1.3


def test_only_movies_that_users_like_are_judged(world: World) -> None:
    judged = world.query(DATASET, "select distinct n_users from catalogue_relevance")
    assert judged == [(N_USERS,)]
    (most,) = world.query(DATASET, "select max(n_movies) from catalogue_relevance")[0]
    assert most <= N_MOVIES


def test_claims_about_other_movies_are_not_meaningful(world: World) -> None:
    assert world.query(DATASET, "select distinct verdict from catalogue_claims") == [("not meaningful",)]


def test_the_check_finds_movies_that_are_like_themselves(world: World, tmp_path: Path) -> None:
    other = world.copy(tmp_path / "world")
    with other.instance:
        other.query(DATASET, "update catalogue_similar_movies set similar_tmdb_id = tmdb_id where rank = 2")
        checks = every_check(other.check(DATASET, ["catalogue_similar_movies"]))
    assert not checks["catalogue_similar_movies", "neighbours_are_others"]


def test_content_knows_more_with_the_catalogue(world: World) -> None:
    """Titles and genres don't tell tastes apart; the catalogue's words do."""
    vectors = load_artifact(world.project.artifact_path(DATASET, key(CONTENT)), ContentVectors).item_vectors
    cosine = vectors @ vectors.T
    tastes = np.arange(1, N_MOVIES + 1) % 2
    mates = tastes[:, None] == tastes[None, :]
    assert cosine[mates].min() > cosine[~mates].max()


def test_without_a_catalogue_tables_are_empty_and_checks_pass(tmp_path: Path) -> None:
    world = made_datasets.world_of(tmp_path / "world", "ml-100k")
    with world.instance:
        result = world.run("ml-100k", upstream(*MADE))
    assert result.success
    assert all(every_check(result).values())
    for name in MADE:
        assert world.query("ml-100k", f"from {name}") == []
        assert TABLES[name].may_be_empty
