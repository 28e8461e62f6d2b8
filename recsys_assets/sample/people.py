"""The invented people who make the movies; each has a taste, and works on movies near it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys_assets.sample.taste import Floats, noise
from recsys_assets.sample.titles import pick
from recsys_assets.sample.words import GIVEN_NAMES, SURNAME_ENDINGS, SURNAME_STEMS

AFFINITY = 6.0


@dataclass(frozen=True)
class People:
    """One entry per person in every field.

    Attributes
    ----------
    person_id : shape (n_people,), increasing
    name : all different
    gender : shape (n_people,), TMDB's code 0, 1 or 2
    taste : shape (n_people, n_factors), unit length
    fame : shape (n_people,), added to the log-odds of a job
    """

    person_id: NDArray[np.int64]
    name: tuple[str, ...]
    gender: NDArray[np.int64]
    taste: Floats
    fame: Floats


def draw_people(rng: np.random.Generator, n: int, *, first_id: int) -> People:
    """Draw people with different names and increasing ids from ``first_id``."""
    return People(
        person_id=first_id + np.cumsum(rng.geometric(0.02, size=n)),
        name=_draw_names(rng, n),
        gender=rng.integers(3, size=n),
        taste=noise(rng, n),
        fame=rng.normal(size=n),
    )


def cast_people(rng: np.random.Generator, people: People, taste: Floats, n: int) -> NDArray[np.int64]:
    """Row numbers of ``n`` different people for a movie of the given taste, most prominent first."""
    log_odds = AFFINITY * people.taste @ taste + people.fame
    return np.argsort(-(log_odds + rng.gumbel(size=len(log_odds))), kind="stable")[:n]


def draw_name(rng: np.random.Generator) -> str:
    """A given name and an invented surname."""
    return f"{pick(rng, GIVEN_NAMES)} {pick(rng, SURNAME_STEMS)}{pick(rng, SURNAME_ENDINGS)}"


def _draw_names(rng: np.random.Generator, n: int) -> tuple[str, ...]:
    names: dict[str, None] = {}
    while len(names) < n:
        names[draw_name(rng)] = None
    return tuple(names)
