"""The invented users: what they like, how they use the stars, how much and since when they rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys_assets.sample.taste import Floats, TasteSpace, noise, unit

FIRST_DAY, LAST_DAY = np.datetime64("1996-04-01"), np.datetime64("2018-09-20")
LEAST_ACTIVITY, MEDIAN_ACTIVITY, GREATEST_ACTIVITY = 8, 70, 1200


@dataclass(frozen=True)
class Users:
    """One entry per user in every field.

    Attributes
    ----------
    community : shape (n_users,), row of the taste space's communities
    taste : shape (n_users, n_factors), unit length, on the day of joining
    drift : shape (n_users, n_factors), added to the taste per decade
    bias : shape (n_users,), stars above what others give
    spread : shape (n_users,), how strongly taste shows in the stars
    whole_stars : shape (n_users,), how likely a rating is given in whole stars
    n_ratings : shape (n_users,)
    joined_at : shape (n_users,), seconds since 1970
    """

    community: NDArray[np.int64]
    taste: Floats
    drift: Floats
    bias: Floats
    spread: Floats
    whole_stars: Floats
    n_ratings: NDArray[np.int64]
    joined_at: NDArray[np.int64]


def draw_users(rng: np.random.Generator, space: TasteSpace, n_users: int) -> Users:
    """Draw users around the communities' tastes; activity is log-normal and clipped."""
    community = rng.integers(len(space.communities), size=n_users)
    activity = MEDIAN_ACTIVITY * rng.lognormal(sigma=0.95, size=n_users)
    days = (LAST_DAY - FIRST_DAY).astype(np.int64)
    return Users(
        community=community,
        taste=unit(space.communities[community] + 0.6 * noise(rng, n_users)),
        drift=0.4 * noise(rng, n_users),
        bias=rng.normal(scale=0.4, size=n_users),
        spread=rng.lognormal(sigma=0.3, size=n_users),
        whole_stars=rng.beta(0.6, 0.8, size=n_users),
        n_ratings=np.clip(activity, LEAST_ACTIVITY, GREATEST_ACTIVITY).astype(np.int64),
        joined_at=seconds(FIRST_DAY) + rng.integers(86_400 * days, size=n_users),
    )


def seconds(day: np.datetime64) -> int:
    """Seconds since 1970 at the day's start."""
    return int(day.astype("datetime64[s]").astype(np.int64))
