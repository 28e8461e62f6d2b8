"""A small data set, written in the layouts of MovieLens 100K and 1M: the same people, movies and ratings in both."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from recsys_assets.defs.evaluation.gates import GATES, PROMOTION
from recsys_assets_tests.graph import World

__all__ = ["FOLDS", "MOVIES", "NEWCOMER", "RATINGS", "USERS", "world_of"]

N_USERS, N_MOVIES, N_RATED = 40, 30, 16
NEWCOMER = N_USERS
"""The user who has rated 3 movies."""
FOLDS = ("u1", "u2", "u3", "u4", "u5")
_OCCUPATIONS = {"artist": 2, "lawyer": 11, "writer": 20}
_GENRES = ("Comedy", "Drama", "War", "Western")
_FLAGS_BEFORE = {"Comedy": 5, "Drama": 8, "War": 17, "Western": 18}
"""How many flags of u.item stand before that of the genre."""

USERS = {
    user: ((25, 35, 56)[user % 3], "FM"[user % 2], list(_OCCUPATIONS)[user % 3])
    for user in range(1, N_USERS + 1)
}
"""Age, the lower end of a bracket as in MovieLens 1M; gender; occupation."""
MOVIES = {
    movie: (f"Café {movie} ({1950 + movie})", sorted({_GENRES[movie % 4], _GENRES[movie % 3]}))
    for movie in range(1, N_MOVIES + 1)
}
"""Title with an accent that is one byte in these layouts, and one or two genres."""


def _ratings() -> list[tuple[int, int, int, int]]:
    rng = np.random.default_rng(3)
    leaning, quality = rng.normal(0, 0.5, N_USERS), rng.normal(0, 0.8, N_MOVIES)
    taste, kind = rng.choice([-1, 1], N_USERS), rng.choice([-1, 1], N_MOVIES)
    rows = []
    for user in range(N_USERS):
        n_rated = 3 if user + 1 == NEWCOMER else N_RATED
        for place, movie in enumerate(rng.permutation(N_MOVIES)[:n_rated]):
            stars = (
                3.3 + leaning[user] + quality[movie] + 0.5 * taste[user] * kind[movie] + rng.normal(0, 0.4)
            )
            day = 86_400 * (user + place)
            rows.append((user + 1, int(movie) + 1, int(np.clip(round(stars), 1, 5)), 900_000_000 + day))
    return rows


RATINGS = _ratings()
"""User, movie, stars, seconds."""


def world_of(root: Path, layout: str) -> World:
    """A world in which nothing has run, whose one data set is called after its layout, and without gates."""
    world = World(root)
    world.home.mkdir(parents=True)
    files = root / "files"
    files.mkdir()
    {"ml-100k": _write_100k, "ml-1m": _write_1m}[layout](files)
    world.data.mkdir()
    off = "\n".join(f'{gate} = "off"' for gate in (*GATES, *PROMOTION))
    entry = f'title = "Made"\nlayout = "{layout}"\nlicence = "made"\nsource = {{ folder = "{files}" }}'
    (world.data / "datasets.toml").write_text(f"[gates]\n{off}\n[datasets.{layout}]\n{entry}\n")
    return world


def _write_100k(folder: Path) -> None:
    def flags(genres: list[str]) -> str:
        raised = {_FLAGS_BEFORE[genre] for genre in genres}
        return "|".join(str(int(place in raised)) for place in range(19))

    _write(
        folder / "u.item",
        (f"{movie}|{title}|01-Jan-1997||http://|{flags(of)}" for movie, (title, of) in MOVIES.items()),
    )
    _write(folder / "u.user", (f"{user}|{age}|{sex}|{work}|V1" for user, (age, sex, work) in USERS.items()))
    rows = ["\t".join(map(str, row)) for row in RATINGS]
    _write(folder / "u.data", rows)
    for number, fold in enumerate(FOLDS):
        _write(folder / f"{fold}.test", rows[number :: len(FOLDS)])


def _write_1m(folder: Path) -> None:
    _write(
        folder / "movies.dat", (f"{movie}::{title}::{'|'.join(of)}" for movie, (title, of) in MOVIES.items())
    )
    _write(
        folder / "users.dat",
        (f"{user}::{sex}::{age}::{_OCCUPATIONS[work]}::V1" for user, (age, sex, work) in USERS.items()),
    )
    _write(folder / "ratings.dat", ("::".join(map(str, row)) for row in RATINGS))


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="latin-1")
