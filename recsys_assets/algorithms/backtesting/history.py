"""Ratings, tags and movies with their times, and what of them was known at a moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recsys_assets.algorithms.interactions import Ids, Interactions, build_interactions
from recsys_assets.algorithms.splitting import TEST, split_by_user_time

__all__ = ["Catalogue", "History", "Moments", "Ratings", "Tags"]

Moments = NDArray[np.int64]
"""Microseconds since 1970-01-01 UTC."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Ratings:
    """Ratings row by row, all fields of shape (n_ratings,); ``rating`` in stars."""

    user_id: Ids
    item_id: Ids
    rating: NDArray[np.float32]
    rated_at: Moments

    def rows(self, chosen: Mask) -> Ratings:
        return Ratings(self.user_id[chosen], self.item_id[chosen], self.rating[chosen], self.rated_at[chosen])


@dataclass(frozen=True)
class Tags:
    """Tags that users gave to items, all fields of shape (n_tags,)."""

    user_id: Ids
    item_id: Ids
    tag: NDArray[np.object_]
    tagged_at: Moments

    def rows(self, chosen: Mask) -> Tags:
        return Tags(self.user_id[chosen], self.item_id[chosen], self.tag[chosen], self.tagged_at[chosen])


@dataclass(frozen=True)
class Catalogue:
    """Items by ascending id.

    Attributes
    ----------
    item_id : shape (n_items,), sorted, unique
    title, genres : one an item
    year : shape (n_items,), of release; NaN where unknown
    """

    item_id: Ids
    title: Sequence[str]
    genres: Sequence[Sequence[str]]
    year: NDArray[np.float64]

    def rows(self, chosen: Mask) -> Catalogue:
        kept = np.flatnonzero(chosen).tolist()
        return Catalogue(
            self.item_id[kept],
            [self.title[item] for item in kept],
            [self.genres[item] for item in kept],
            self.year[kept],
        )


@dataclass(frozen=True)
class History:
    """All that models of a backtest may know, each part with its time."""

    ratings: Ratings
    tags: Tags
    catalogue: Catalogue

    def before(self, moment: int) -> History:
        """What was known at a moment: strictly older ratings and tags, and the items that there were.

        There was an item if somebody had rated it, or if it was released in the moment's year or before; one without a
        year has always been there.
        """
        ratings = self.ratings.rows(self.ratings.rated_at < moment)
        year = np.datetime64(moment, "us").astype("datetime64[Y]").astype(np.int64) + 1970
        released = np.isnan(self.catalogue.year) | (self.catalogue.year <= year)
        rated = np.isin(self.catalogue.item_id, ratings.item_id)
        catalogue = self.catalogue.rows(released | rated)
        tags = self.tags.rows((self.tags.tagged_at < moment) & np.isin(self.tags.item_id, catalogue.item_id))
        return History(ratings, tags, catalogue)

    def hold_out_latest(self, share: float) -> tuple[History, Ratings]:
        """Part each user's latest ratings from the others: what settings are fitted on, and what chooses them."""
        latest = (
            split_by_user_time(
                self.ratings.user_id,
                self.ratings.rated_at,
                self.ratings.item_id,
                test_share=share,
                validation_share=0,
            )
            == TEST
        )
        return replace(self, ratings=self.ratings.rows(~latest)), self.ratings.rows(latest)

    def interactions(self, ratings: Ratings) -> Interactions:
        """Ratings as a matrix over the users who rated by now and the items of the catalogue.

        Raises
        ------
        ValueError
            If there is a rating of another user or item.
        """
        return build_interactions(
            ratings.user_id,
            ratings.item_id,
            ratings.rating,
            user_ids=self.ratings.user_id,
            item_ids=self.catalogue.item_id,
        )
