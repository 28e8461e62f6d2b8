"""Overview and tagline of a movie, written from its genres and themes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recsys_assets.sample.themes import Theme
from recsys_assets.sample.titles import pick
from recsys_assets.sample.words import GIVEN_NAMES, PLACES, PROTAGONISTS

OVERVIEWS: tuple[str, ...] = (
    "In {place}, {hero} named {name} is drawn into {first}. What begins with {second} turns into {third}.",
    "{name}, {hero}, stumbles on {first} and must face {second} before {third} changes everything.",
    "After {first}, {name} returns to {place}. There {hero}, {second} and {third} are waiting.",
    "{name} wanted a quiet year in {place}. Now {hero} brings news of {first}, {second} and {third}.",
    "The story of {name}, {hero} from {place}: {first}, {second}, and at last {third}.",
)

TAGLINES: tuple[str, ...] = (
    "Nothing prepares you for {first}.",
    "First came {first}. Then came {second}.",
    "Every ending begins with {first}.",
    "Between {first} and {second} lies one night.",
    "Don't look for {first}. It has found you.",
)


def draw_overview(rng: np.random.Generator, genres: Sequence[str], themes: Sequence[Theme]) -> str:
    """Two sentences or one, with a phrase for each of three of the themes."""
    first, second, third = _draw_phrases(rng, themes, 3)
    text = pick(rng, OVERVIEWS).format(
        place=pick(rng, PLACES),
        name=pick(rng, GIVEN_NAMES),
        hero=pick(rng, PROTAGONISTS[pick(rng, genres)]),
        first=first,
        second=second,
        third=third,
    )
    return text[0].upper() + text[1:]


def draw_tagline(rng: np.random.Generator, themes: Sequence[Theme]) -> str:
    """A sentence on one or two of the themes; one movie in six has none."""
    if rng.random() < 1 / 6:
        return ""
    first, second = _draw_phrases(rng, themes, 2)
    return pick(rng, TAGLINES).format(first=first, second=second)


def _draw_phrases(rng: np.random.Generator, themes: Sequence[Theme], n: int) -> list[str]:
    return [pick(rng, themes[number].phrases) for number in rng.permutation(len(themes))[:n]]
