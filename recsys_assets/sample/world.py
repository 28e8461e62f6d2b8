"""The latent-preference world behind the sample: movies, users and ratings drawn from one seed."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

import numpy as np

from recsys_assets.sample.movies import Movies, draw_movies
from recsys_assets.sample.taste import TasteSpace, draw_taste_space
from recsys_assets.sample.users import Users, draw_users
from recsys_assets.sample.viewing import Ratings, draw_ratings

N_USERS = 600
N_MOVIES = 1500


@dataclass(frozen=True)
class World:
    """All that the tables are written from."""

    space: TasteSpace
    movies: Movies
    users: Users
    ratings: Ratings


def build_world(seed: int) -> World:
    """Draw the taste space, then movies and users in it, then who rates what."""
    space = draw_taste_space(stream(seed, "taste"))
    movies = draw_movies(stream(seed, "movies"), space, N_MOVIES)
    users = draw_users(stream(seed, "users"), space, N_USERS)
    return World(space, movies, users, draw_ratings(stream(seed, "ratings"), movies, users))


def stream(seed: int, part: str) -> np.random.Generator:
    """A generator of a part's own, so that a change of one part leaves the draws of the others."""
    return np.random.default_rng([seed, crc32(part.encode())])
