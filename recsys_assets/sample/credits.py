"""Cast and crew of the described movies, in the official TMDB-5000 layout."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recsys_assets.sample.people import People, cast_people, draw_name, draw_people
from recsys_assets.sample.tables import Row, Table
from recsys_assets.sample.taste import Floats
from recsys_assets.sample.tmdb import as_json
from recsys_assets.sample.world import World

N_ACTORS, N_CREW = 500, 240
FEWEST_CAST, MOST_CAST = 4, 10

JOBS: tuple[tuple[str, str], ...] = (
    ("Director", "Directing"),
    ("Screenplay", "Writing"),
    ("Producer", "Production"),
    ("Director of Photography", "Camera"),
    ("Original Music Composer", "Sound"),
)


def tmdb_credits_table(rng: np.random.Generator, world: World, described: NDArray[np.int64]) -> Table:
    """``tmdb_5000_credits.csv``, in the order of ``tmdb_5000_movies.csv``."""
    actors = draw_people(rng, N_ACTORS, first_id=1000)
    crew = draw_people(rng, N_CREW, first_id=100_000)
    movies = world.movies
    rows: list[Row] = [
        (
            str(movies.tmdb_id[movie]),
            movies.title[movie],
            _draw_cast(rng, actors, movies.taste[movie]),
            _draw_crew(rng, crew, movies.taste[movie]),
        )
        for movie in described.tolist()
    ]
    return Table("tmdb_5000_credits.csv", ("movie_id", "title", "cast", "crew"), tuple(rows))


def _draw_cast(rng: np.random.Generator, actors: People, taste: Floats) -> str:
    chosen = cast_people(rng, actors, taste, int(rng.integers(FEWEST_CAST, MOST_CAST + 1)))
    return as_json(
        [
            {
                "cast_id": order + 1,
                "character": draw_name(rng),
                "credit_id": _draw_credit_id(rng),
                "gender": int(actors.gender[person]),
                "id": int(actors.person_id[person]),
                "name": actors.name[person],
                "order": order,
            }
            for order, person in enumerate(chosen.tolist())
        ]
    )


def _draw_crew(rng: np.random.Generator, crew: People, taste: Floats) -> str:
    chosen = cast_people(rng, crew, taste, len(JOBS))
    return as_json(
        [
            {
                "credit_id": _draw_credit_id(rng),
                "department": department,
                "gender": int(crew.gender[person]),
                "id": int(crew.person_id[person]),
                "job": job,
                "name": crew.name[person],
            }
            for (job, department), person in zip(JOBS, chosen.tolist(), strict=True)
        ]
    )


def _draw_credit_id(rng: np.random.Generator) -> str:
    return rng.bytes(12).hex()
