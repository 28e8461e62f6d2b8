"""Features of (user, item, day) pairs, made from learned ratings alone; of learned pairs, out of fold.

A row of features may know what `FEATURES` says of each, and never the pair's own rating: pairs that were not learned
from are described by all learned rows, learned pairs by the rows of the other folds (:func:`out_of_fold`). One builder
serves training, cross-validation, batch scoring and serving.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from recsys_assets.algorithms.interactions import SparseRows
from recsys_assets.algorithms.rating_prediction.biases import fit_biases
from recsys_assets.algorithms.rating_prediction.log import Days, RatingLog, RatingModel

__all__ = ["FEATURES", "TIME", "Feature", "FeatureBuilder", "Knowledge", "TagLog", "out_of_fold"]

Rows = NDArray[np.integer]
Values = NDArray[np.float32]

TIME = "time"


@dataclass(frozen=True)
class Feature:
    """One column: its name, the group it can be left out with, and what it may know and from when."""

    name: str
    group: str
    knows: str


_RATINGS_OF_USER = "the user's learned ratings, whenever given"
_RATINGS_OF_ITEM = "all users' learned ratings of the item, whenever given"
_GENRES = "the item's genres; learned ratings of any item of theirs, whenever given"
_TAGS = "tags that came with learned ratings; learned ratings of any item that bears them"

FEATURES: tuple[Feature, ...] = (
    Feature("user_n_ratings", "user", _RATINGS_OF_USER),
    Feature("user_like_rate", "user", _RATINGS_OF_USER),
    Feature("user_mean_stars", "user", _RATINGS_OF_USER),
    Feature("user_std_stars", "user", _RATINGS_OF_USER),
    Feature("item_n_ratings", "item", _RATINGS_OF_ITEM),
    Feature("item_like_rate", "item", _RATINGS_OF_ITEM),
    Feature("item_mean_stars", "item", _RATINGS_OF_ITEM),
    Feature("item_std_stars", "item", _RATINGS_OF_ITEM),
    Feature("genre_effect", "genre", f"{_GENRES}: mean residual of all users"),
    Feature("genre_affinity", "genre", f"{_GENRES}: mean residual of this user"),
    Feature("genre_share", "genre", "the item's genres; which genres the user's learned ratings are of"),
    Feature("decade_effect", "decade", "as genre_effect, for the item's decade"),
    Feature("decade_affinity", "decade", "as genre_affinity, for the item's decade"),
    Feature("decade_share", "decade", "as genre_share, for the item's decade"),
    Feature("tag_effect", "tag", f"{_TAGS}: mean residual of all users"),
    Feature("tag_affinity", "tag", f"{_TAGS}: mean residual of this user"),
    Feature("tag_share", "tag", "tags that came with learned ratings, and which the user's rated items bear"),
    Feature("bias", "collaborative", "all learned ratings, through damped user and item biases"),
    Feature("item_knn_baseline", "collaborative", "all learned ratings, through item neighbours"),
    Feature("biased_mf", "collaborative", "all learned ratings, through matrix factorisation"),
    Feature(
        "ordinal_fm", "collaborative", "all learned ratings and side features, through a Bayesian machine"
    ),
    Feature("day", TIME, "the day itself"),
    Feature("days_since_first", TIME, "days from the user's first learned rating; negative before it"),
    Feature("days_before_last", TIME, "days to the user's last learned rating; negative after it"),
    Feature("item_age", TIME, "days from the item's first learned rating; negative before it"),
    Feature("session_n_ratings", TIME, "the user's learned ratings of the same day, earlier and later"),
    Feature("session_effect", TIME, "mean residual of the user's learned ratings of the same day"),
    Feature("recent_effect", TIME, "mean residual of the user's last 3 learned ratings before this moment"),
    Feature("around_effect", TIME, "mean residual of the user's 3 learned ratings before and 3 after"),
    Feature("long_recent_effect", TIME, "mean residual of the user's last 10 learned ratings before"),
    Feature("long_around_effect", TIME, "mean residual of the user's 10 learned ratings before and 10 after"),
)
"""Residual = stars less biases. With a random split, ratings around a held-out one in time are learned: features of
the group `time` then look into its neighbourhood, so that figures are quoted without them too."""


@dataclass(frozen=True)
class TagLog:
    """Tags row by row: who gave which to what. All of shape (n_tags,), row numbers of users, items and tags."""

    user: Rows
    item: Rows
    tag: Rows


@dataclass(frozen=True)
class Knowledge:
    """What is known of items besides ratings.

    Attributes
    ----------
    genres, decades : shape (n_items, n_terms), 1 where an item has the term
    tags : all tags; only those of learned pairs are looked at
    """

    genres: SparseRows
    decades: SparseRows
    tags: TagLog


CollaborativeFits = Mapping[str, Callable[[RatingLog], RatingModel]]
"""How the models behind the group `collaborative` are fitted, by name of the feature, but for `bias`; a feature
without a model is missing everywhere."""


class FeatureBuilder:
    """Describes pairs by what a log of learned ratings says.

    Parameters
    ----------
    learned : the ratings to know
    like : stars from which a rating is a like
    smoothing : ratings' worth of the overall mean in each mean
    """

    def __init__(
        self,
        learned: RatingLog,
        knowledge: Knowledge,
        fits: CollaborativeFits,
        *,
        like: float,
        smoothing: float,
    ) -> None:
        self._learned = learned
        self._biases = fit_biases(learned, user_damping=smoothing, item_damping=smoothing, iterations=10)
        residual = learned.rating - self._biases.predict(learned.user, learned.item, learned.day)
        self._users = _aggregates(learned, learned.user, learned.n_users, like, smoothing)
        self._items = _aggregates(learned, learned.item, learned.n_items, like, smoothing)
        self._terms = [
            _Affinity(learned, residual, terms, smoothing)
            for terms in (knowledge.genres, knowledge.decades, _learned_tags(learned, knowledge.tags))
        ]
        self._models = {name: fit(learned) for name, fit in fits.items()}
        self._moments = _Moments(learned, residual, smoothing)

    @property
    def n_learned(self) -> NDArray[np.int64]:
        """Learned ratings of each user: those with none are cold."""
        return np.bincount(self._learned.user, minlength=self._learned.n_users)

    def pairs(self, user: Rows, item: Rows, day: Days) -> Values:
        """Features of pairs, shape (n, len(FEATURES)); NaN where nothing is known."""
        models = {name: model.predict(user, item, day) for name, model in self._models.items()}
        return self._table(user, item, day, models)

    def all_items(self, users: Rows, day: Days) -> Values:
        """Features of some users, each at the user's time, with all items: shape (n_users · n_items, len(FEATURES))."""
        n_items = self._learned.n_items
        models = {name: model.predict_all(users, day).ravel() for name, model in self._models.items()}
        user, when = np.repeat(users, n_items), np.repeat(day, n_items)
        return self._table(user, np.tile(np.arange(n_items), users.size), when, models)

    def _table(self, user: Rows, item: Rows, day: Days, models: Mapping[str, Values]) -> Values:
        columns = [self._users[user], self._items[item]]
        columns += [terms.of(user, item) for terms in self._terms]
        missing = np.full(user.size, np.nan, dtype=np.float32)
        collaborative = {"bias": self._biases.predict(user, item, day), **models}
        columns.append(
            np.column_stack(
                [collaborative.get(f.name, missing) for f in FEATURES if f.group == "collaborative"]
            )
        )
        columns.append(self._moments.of(user, item, day))
        table: Values = np.hstack(columns, dtype=np.float32)
        return table


def out_of_fold(
    learned: RatingLog,
    build: Callable[[RatingLog], FeatureBuilder],
    *,
    n_folds: int,
    seed: int,
    n_threads: int,
) -> Values:
    """Features of the learned pairs, each described by the rows of the other folds.

    Described by all rows, itself among them, a pair's features would hold its own label; by all rows but itself, a tree
    could read the label off the difference to the item's other rows.

    Returns
    -------
    shape (n_ratings, len(FEATURES))
    """
    fold = np.random.default_rng(seed).permutation(learned.rating.size) % n_folds
    values = np.empty((learned.rating.size, len(FEATURES)), dtype=np.float32)

    def describe(number: int) -> None:
        rows = fold == number
        values[rows] = build(learned.rows(~rows)).pairs(
            learned.user[rows], learned.item[rows], learned.day[rows]
        )

    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(describe, range(n_folds)))
    return values


def _aggregates(log: RatingLog, row: Rows, n: int, like: float, smoothing: float) -> Values:
    """Number, smoothed like rate, smoothed mean and standard deviation of the ratings of each row, shape (n, 4)."""
    rating = log.rating.astype(np.float64)
    count = np.bincount(row, minlength=n).astype(np.float64)
    total, squared, likes = (
        np.bincount(row, values, minlength=n) for values in (rating, rating**2, (rating >= like) * 1.0)
    )
    filled = np.maximum(count, 1)
    spread = np.sqrt(np.maximum(squared / filled - (total / filled) ** 2, 0))
    spread[count < 2] = np.nan
    like_rate = (likes + smoothing * (rating >= like).mean()) / (count + smoothing)
    mean = (total + smoothing * rating.mean()) / (count + smoothing)
    return np.column_stack([count, like_rate, mean, spread]).astype(np.float32)


class _Affinity:
    """How the terms of items, such as genres, go with residuals: of all users, and of each user."""

    def __init__(
        self, learned: RatingLog, residual: NDArray[np.floating], terms: SparseRows, smoothing: float
    ) -> None:
        n_terms = np.asarray(terms.sum(axis=1)).ravel()
        scale = np.zeros(n_terms.size, dtype=np.float32)
        np.divide(1, n_terms, out=scale, where=n_terms > 0)
        self._weights = csr_matrix(terms.multiply(scale[:, None]), dtype=np.float32)
        totals, counts = (learned.matrix(values) @ terms for values in (residual, np.ones(residual.size)))
        self._effect = _damped(totals.sum(axis=0), counts.sum(axis=0), smoothing).ravel()
        n_rated = np.maximum(np.diff(learned.matrix().indptr), 1)[:, None]
        numbers = counts.toarray()
        self._share = (numbers / n_rated).astype(np.float32)
        self._affinity = _damped(totals.toarray(), numbers, smoothing)
        self._none = n_terms == 0

    def of(self, user: Rows, item: Rows) -> Values:
        """Effect, affinity and share of the item's terms, weighing alike; NaN for an item without terms."""
        weights = self._weights[item]
        values = np.column_stack(
            [
                weights @ self._effect,
                _row_sums(weights, self._affinity, user),
                _row_sums(weights, self._share, user),
            ]
        )
        values[self._none[item]] = np.nan
        return values.astype(np.float32)


def _row_sums(weights: SparseRows, table: Values, user: Rows) -> Values:
    """Σ_t weights[n, t] · table[user[n], t], without a dense copy of the weights."""
    row = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))
    products = weights.data * table[user[row], weights.indices]
    return np.bincount(row, products, minlength=weights.shape[0]).astype(np.float32)


def _damped(total: NDArray[np.floating], count: NDArray[np.floating], smoothing: float) -> Values:
    return np.asarray(total / (np.asarray(count) + smoothing), dtype=np.float32)


def _learned_tags(learned: RatingLog, tags: TagLog) -> SparseRows:
    """Items × tags, from tags that a user gave to what the same user's learned rating is of."""
    pair = learned.user.astype(np.int64) * learned.n_items + learned.item
    kept = np.isin(tags.user.astype(np.int64) * learned.n_items + tags.item, pair)
    n_tags = int(tags.tag.max(initial=-1)) + 1
    ones = np.ones(int(kept.sum()), dtype=np.float32)
    given = csr_matrix((ones, (tags.item[kept], tags.tag[kept])), shape=(learned.n_items, max(n_tags, 1)))
    given.data[:] = 1
    return given


class _Moments:
    """Recency and session: what the user rated when."""

    _WINDOWS: Sequence[int] = (3, 10)

    def __init__(self, learned: RatingLog, residual: NDArray[np.floating], smoothing: float) -> None:
        order = np.lexsort((learned.day, learned.user))
        self._user, self._day = learned.user[order], learned.day[order]
        self._sums = np.concatenate([[0.0], np.cumsum(residual[order], dtype=np.float64)])
        self._starts = np.searchsorted(self._user, np.arange(learned.n_users + 1))
        self._item_first = np.full(learned.n_items, np.inf)
        np.minimum.at(self._item_first, learned.item, learned.day)

    def of(self, user: Rows, item: Rows, day: Days) -> Values:
        """The features of the group `time`; the means of a user without learned ratings are 0, times NaN."""
        first, last = self._starts[user], self._starts[user + 1]
        known = last > first
        place = self._place(user, day)
        bounded = np.minimum(first, self._day.size - 1), np.maximum(last - 1, 0)
        times = [
            np.where(known, day - self._day[bounded[0]], np.nan),
            np.where(known, self._day[bounded[1]] - day, np.nan),
            np.where(np.isfinite(self._item_first[item]), day - self._item_first[item], np.nan),
        ]
        opened, closed = self._place(user, np.floor(day)), self._place(user, np.floor(day) + 1)
        columns = [day, *times, closed - opened, self._mean(opened, closed)]
        for window in self._WINDOWS:
            low, high = np.maximum(place - window, first), np.minimum(place + window, last)
            columns += [self._mean(low, place), self._mean(low, high)]
        return np.column_stack(columns).astype(np.float32)

    def _place(self, user: Rows, day: Days) -> NDArray[np.intp]:
        """Where among the rows, by user and day, the user's ratings from that moment on begin."""
        # Days fit into the fraction of a double beside any user's number: one sorted key serves both.
        span = 1 << 20
        return np.searchsorted(
            self._user.astype(np.float64) * span + self._day, user.astype(np.float64) * span + day
        )

    def _mean(self, low: Rows, high: Rows) -> NDArray[np.float64]:
        """Mean residual of a stretch of rows, drawn towards 0 by one rating's worth."""
        means: NDArray[np.float64] = (self._sums[high] - self._sums[low]) / (high - low + 1)
        return means
