"""Invented titles, in natural order and in the MovieLens form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recsys_assets.sample.words import ADJECTIVES, KIN, NOUNS, PLACES, TRADES

PATTERNS: tuple[str, ...] = (
    "The {adjective} {noun}",
    "The {adjective} {noun}",
    "{adjective} {noun}",
    "A {noun} in {place}",
    "The {trade}'s {kin}",
    "The {trade} of {place}",
    "The {noun} and the {other}",
    "{noun}, {other} and Sons",
    "Farewell, {place}",
    'The Trade They Called "{trade}"',
    "{trade} in {place}",
    "An {adjective} {trade}",
)


def draw_titles(rng: np.random.Generator, n: int) -> list[str]:
    """Compose ``n`` different titles, in natural order ("The Clockmaker's Daughter")."""
    titles: dict[str, None] = {}
    while len(titles) < n:
        titles[_compose(rng)] = None
    return list(titles)


def movielens_title(title: str, year: int) -> str:
    """Move a leading article behind the name and append the year: ``Clockmaker's Daughter, The (1994)``."""
    article, _, name = title.partition(" ")
    return f"{name}, {article} ({year})" if article in ("The", "A", "An") else f"{title} ({year})"


def _compose(rng: np.random.Generator) -> str:
    pattern = pick(rng, PATTERNS)
    adjective, noun, trade = pick(rng, ADJECTIVES), pick(rng, NOUNS), pick(rng, TRADES)
    if pattern.startswith("An ") and adjective[0] not in "AEIOU":
        pattern = pattern.replace("An ", "A ", 1)
    if pattern.startswith("A {noun}") and noun[0] in "AEIOU":
        pattern = pattern.replace("A ", "An ", 1)
    return pattern.format(
        adjective=adjective,
        noun=noun,
        trade=trade,
        other=pick(rng, [word for word in NOUNS if word != noun]),
        kin=pick(rng, KIN),
        place=pick(rng, PLACES),
    )


def pick(rng: np.random.Generator, words: Sequence[str]) -> str:
    """One of the words, all equally likely."""
    return words[int(rng.integers(len(words)))]
