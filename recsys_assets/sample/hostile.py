"""Rows that no pipeline may trust, planted in the middle of otherwise clean tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from recsys_assets.sample.tables import Row, Table
from recsys_assets.sample.world import World

UNKNOWN_MOVIE_ID = "9999999"
UNTITLED_MOVIE_ID = "9999998"
UNKNOWN_TAG_ID = "9999"
NINETY_DAYS = 90 * 86_400


class Fault(NamedTuple):
    """What is wrong, and how such a row is made from a clean row and the id of an unrated movie.

    Where it ``displaces`` the clean row, that one is to be refused: the latest rating of a movie counts.
    """

    what: str
    spoil: Callable[[Row, str], Row]
    displaces: bool = False


class Planted(NamedTuple):
    """A row to be refused, as it stands in a file; lines count from 1, the header's."""

    file: str
    line: int
    row: Row
    what: str


FAULTS: Mapping[str, tuple[Fault, ...]] = {
    "ratings.csv": (
        Fault("rating above 5.0", lambda clean, unseen: (clean[0], unseen, "7.5", clean[3])),
        Fault("rating below 0.5", lambda clean, unseen: (clean[0], unseen, "0", clean[3])),
        Fault("rating between half-stars", lambda clean, unseen: (clean[0], unseen, "3.3", clean[3])),
        Fault("user id in scientific notation", lambda clean, unseen: ("1e3", unseen, "4.0", clean[3])),
        Fault("timestamp before 1970", lambda clean, unseen: (clean[0], unseen, "4.0", "-86400")),
        Fault("timestamp in milliseconds", lambda clean, unseen: (clean[0], unseen, "4.0", f"{clean[3]}000")),
        Fault("column missing", lambda clean, unseen: (clean[0], unseen, "4.0")),
        Fault("column too many", lambda clean, unseen: (clean[0], unseen, "4.0", clean[3], "extra")),
        Fault("exact copy of the line below, which counts", lambda clean, unseen: clean, displaces=True),
        Fault(
            "rated again later: the line below counts",
            lambda clean, unseen: _rate_again(clean),
            displaces=True,
        ),
        Fault("rating in words", lambda clean, unseen: (clean[0], unseen, "four", clean[3])),
        Fault(
            "movie absent from movies.csv",
            lambda clean, unseen: (clean[0], UNKNOWN_MOVIE_ID, "4.0", clean[3]),
        ),
    ),
    "movies.csv": (
        Fault(
            "movie id of the line above", lambda clean, unseen: (clean[0], "Impostor, The (1999)", "Drama")
        ),
        Fault("empty title", lambda clean, unseen: (UNTITLED_MOVIE_ID, "", "Drama")),
    ),
    "tags.csv": (
        Fault("empty tag", lambda clean, unseen: (clean[0], clean[1], "", clean[3])),
        Fault(
            "tag of 500 characters",
            lambda clean, unseen: (clean[0], clean[1], "endless " * 62 + "tale", clean[3]),
        ),
    ),
    "links.csv": (
        Fault("movie absent from movies.csv", lambda clean, unseen: (UNKNOWN_MOVIE_ID, "9999999", "999999")),
    ),
    "genome-scores.csv": (
        Fault("relevance above 1", lambda clean, unseen: (unseen, clean[1], "1.70000")),
        Fault("tag absent from genome-tags.csv", lambda clean, unseen: (clean[0], UNKNOWN_TAG_ID, "0.50000")),
    ),
}


def plant(world: World, table: Table) -> tuple[Table, list[Planted]]:
    """Insert the table's hostile rows over its middle half, each behind the clean row it is made from.

    Apart from copies, a hostile row names a key (user and movie, movie and tag) that no clean row names, so that
    leaving out what is to be refused restores the world, but for the stars and time of what was rated again.
    """
    faults = FAULTS.get(table.name, ())
    rows, planted = list(table.rows), []
    for number, (fault, unseen) in enumerate(zip(faults, unrated_movie_ids(world), strict=False)):
        at = number + len(table.rows) // 4 + number * len(table.rows) // (2 * len(faults))
        row = fault.spoil(rows[at - 1], unseen)
        rows.insert(at, row)
        refused = at - fault.displaces
        planted.append(Planted(table.name, refused + 2, rows[refused], fault.what))
    return replace(table, rows=tuple(rows)), planted


def unrated_movie_ids(world: World) -> list[str]:
    """Ids of the movies without a rating, increasing."""
    n_ratings = np.bincount(world.ratings.movie, minlength=len(world.movies.title))
    return [str(movie_id) for movie_id in world.movies.movie_id[n_ratings == 0].tolist()]


def _rate_again(clean: Row) -> Row:
    user_id, movie_id, stars, rated_at = clean
    return user_id, movie_id, "2.0" if stars != "2.0" else "4.5", str(int(rated_at) + NINETY_DAYS)
