"""The space of tastes: genres, themes and communities of users are directions in it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys_assets.sample.themes import COMMUNITIES, GENRES, THEMES

Floats = NDArray[np.float64]

N_FACTORS = 12


@dataclass(frozen=True)
class TasteSpace:
    """Unit vectors in the space of tastes; the match of a user and a movie is a scalar product.

    Attributes
    ----------
    genres : shape (n_genres, n_factors)
    themes : shape (n_themes, n_factors), each near the genres it is at home in
    communities : shape (n_communities, n_factors), towards the genres sought, away from those avoided
    """

    genres: Floats
    themes: Floats
    communities: Floats


def draw_taste_space(rng: np.random.Generator) -> TasteSpace:
    """Draw the directions of genres, and from them those of themes and communities."""
    genres = noise(rng, len(GENRES))
    sought = membership([community.seeks for community in COMMUNITIES], GENRES)
    avoided = membership([community.avoids for community in COMMUNITIES], GENRES)
    return TasteSpace(
        genres=genres,
        themes=unit(unit(home_genres() @ genres) + 0.7 * noise(rng, len(THEMES))),
        communities=unit(unit((sought - 0.5 * avoided) @ genres) + 0.7 * noise(rng, len(COMMUNITIES))),
    )


def home_genres() -> Floats:
    """1.0 where a theme is at home in a genre, shape (n_themes, n_genres)."""
    return membership([theme.genres for theme in THEMES], GENRES)


def membership(groups: Sequence[Collection[str]], names: Sequence[str]) -> Floats:
    """1.0 where a group holds a name, shape (n_groups, n_names)."""
    return np.array([[name in group for name in names] for group in groups], dtype=np.float64)


def noise(rng: np.random.Generator, n: int) -> Floats:
    """Directions without preference, shape (n, n_factors), each of length 1."""
    return unit(rng.normal(size=(n, N_FACTORS)))


def unit(vectors: Floats) -> Floats:
    """Scale each row to length 1."""
    lengths: Floats = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / lengths
