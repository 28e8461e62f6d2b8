"""Who rates what, when, and with how many stars."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from recsys_assets.sample.movies import Movies
from recsys_assets.sample.taste import Floats, unit
from recsys_assets.sample.users import LAST_DAY, Users, seconds

YEAR = 365.25 * 86_400
DAY = 86_400
RATINGS_PER_SESSION = 40
SECONDS_PER_RATING = 40
TASTE_WEIGHT, FIRST_TASTE_WEIGHT = 3.6, 2.3
POPULARITY_WEIGHT, FIRST_POPULARITY_WEIGHT = 1.0, 1.4
NOVELTY_WEIGHT = 1.2
NOVELTY_YEARS = 1.5
TREND_ORIGIN = 37.0  # years since 1970
GREATEST_SHARE_SEEN = 0.8


@dataclass(frozen=True)
class Ratings:
    """Sorted by user and movie; a pair occurs once.

    Attributes
    ----------
    user, movie : shape (n_ratings,), row numbers of ``Users`` and ``Movies``
    stars : shape (n_ratings,), 0.5 to 5.0 in half steps
    rated_at : shape (n_ratings,), seconds since 1970
    """

    user: NDArray[np.int64]
    movie: NDArray[np.int64]
    stars: Floats
    rated_at: NDArray[np.int64]


def draw_ratings(rng: np.random.Generator, movies: Movies, users: Users) -> Ratings:
    """Let every user choose movies, session by session, and rate them."""
    visits = [_visits(rng, movies, users, user) for user in range(len(users.n_ratings))]
    user = np.repeat(np.arange(len(visits)), [len(chosen) for chosen, _ in visits])
    movie = np.concatenate([chosen for chosen, _ in visits])
    rated_at = np.concatenate([at for _, at in visits])
    order = np.lexsort((movie, user))
    user, movie, rated_at = user[order], movie[order], rated_at[order]
    return Ratings(user, movie, _draw_stars(rng, movies, users, user, movie, rated_at), rated_at)


def _visits(
    rng: np.random.Generator, movies: Movies, users: Users, user: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Movies that one user rates and when, in the order of rating."""
    unseen = np.ones(len(movies.title), dtype=np.bool_)
    chosen, rated_at = [], []
    for n, start, first in _sessions(rng, int(users.n_ratings[user]), int(users.joined_at[user])):
        appeal = np.where(unseen, _appeal(movies, users, user, start, first=first), -np.inf)
        picked = _choose(rng, appeal, n)
        unseen[picked] = False
        chosen.append(picked)
        rated_at.append(
            start + np.cumsum(rng.exponential(SECONDS_PER_RATING, size=len(picked))).astype(np.int64)
        )
    return np.concatenate(chosen), np.concatenate(rated_at)


def _sessions(rng: np.random.Generator, n_ratings: int, joined_at: int) -> Iterator[tuple[int, int, bool]]:
    """Size and start of each of a user's sessions, and whether it is the first, on average the largest."""
    n_later = rng.poisson(n_ratings / RATINGS_PER_SESSION)
    share = rng.dirichlet(np.r_[2.0, np.full(n_later, 0.6)])
    gaps = np.r_[0.0, DAY * (1 + rng.lognormal(mean=3.0, sigma=1.5, size=n_later))]
    time_left = seconds(LAST_DAY) - joined_at
    offsets = np.cumsum(gaps) * min(1.0, time_left / max(gaps.sum(), 1.0))
    ends = np.r_[0, np.rint(np.cumsum(share) * n_ratings).astype(np.int64)]
    for (begin, end), offset in zip(pairwise(ends), offsets, strict=True):
        yield int(end - begin), joined_at + int(offset), begin == 0


def _appeal(movies: Movies, users: Users, user: int, at: int, *, first: bool) -> Floats:
    """Log-odds of choosing each movie at a time, shape (n_movies,).

    w_p (log popularity + trend × decades) + w_t ⟨taste of user at that time, taste of movie⟩
    + w_n e^(−age / 1.5 years), and −inf before the release. A first session leans on popularity:
    newcomers are shown what is well known.
    """
    age = (at - movies.released_on.astype("datetime64[s]").astype(np.int64)) / YEAR
    decades = (at / YEAR - TREND_ORIGIN) / 10
    popularity = movies.log_popularity + movies.trend * decades
    match = movies.taste @ taste_at(users, np.array([user]), np.array([at]))[0]
    novelty = NOVELTY_WEIGHT * np.exp(-np.maximum(age, 0.0) / NOVELTY_YEARS)
    w_popularity = FIRST_POPULARITY_WEIGHT if first else POPULARITY_WEIGHT
    w_taste = FIRST_TASTE_WEIGHT if first else TASTE_WEIGHT
    return np.where(age > 0, w_popularity * popularity + w_taste * match + novelty, -np.inf)


def taste_at(users: Users, user: NDArray[np.int64], at: NDArray[np.int64]) -> Floats:
    """Taste of users at times, drifted since they joined, shape (len(user), n_factors), unit length."""
    decades = (at - users.joined_at[user]) / (10 * YEAR)
    return unit(users.taste[user] + decades[:, None] * users.drift[user])


def _choose(rng: np.random.Generator, appeal: Floats, n: int) -> NDArray[np.int64]:
    """Draw without replacement, odds e^appeal, in the order drawn (Gumbel top-n = Plackett–Luce)."""
    n_open = int(GREATEST_SHARE_SEEN * np.isfinite(appeal).sum())
    return np.argsort(-(appeal + rng.gumbel(size=len(appeal))), kind="stable")[: min(n, n_open)]


def _draw_stars(
    rng: np.random.Generator,
    movies: Movies,
    users: Users,
    user: NDArray[np.int64],
    movie: NDArray[np.int64],
    rated_at: NDArray[np.int64],
) -> Floats:
    """Round quality + taste + bias + noise to stars.

    The noise is skewed to the left, as MovieLens ratings are: disappointment runs deeper than delight.
    """
    match: Floats = np.einsum("nf,nf->n", taste_at(users, user, rated_at), movies.taste[movie])
    noise = 0.65 * (np.euler_gamma - rng.gumbel(size=len(user)))
    liking = 3.15 + users.bias[user] + 0.35 * movies.quality[movie] + 1.1 * users.spread[user] * match + noise
    step = np.where(rng.random(len(user)) < users.whole_stars[user], 1.0, 0.5)
    stars: Floats = np.clip(step * np.rint(liking / step), 0.5, 5.0)
    return stars
