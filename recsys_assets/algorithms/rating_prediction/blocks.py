"""What a factorisation machine knows of a rating, in blocks of features that many ratings share (Rendle 2013)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags, eye, hstack, vstack

from recsys_assets.algorithms.interactions import SparseRows
from recsys_assets.algorithms.rating_prediction.log import Days, Numbers, RatingLog

__all__ = ["Block", "Moments", "item_block", "user_block"]

_DAYS_PER_USER = 2**20
"""Room for each user's day numbers in a session's key: up to the year 4840."""


@dataclass(frozen=True)
class Block:
    """Features of each user, of each item, or of each moment.

    Attributes
    ----------
    features : shape (n_rows, n_features)
    group : shape (n_features,), which features share a prior: 0, …, 0, 1, …, 1, 2, …
    """

    features: SparseRows
    group: Numbers

    @property
    def n_rows(self) -> int:
        return int(self.features.shape[0])


def user_block(log: RatingLog, about_users: SparseRows) -> Block:
    """The user's id, what is known of the user, and the set N(u) of rated items, each weighing |N(u)|^(−½)."""
    return _with_set(log.matrix(np.ones_like(log.rating)), about_users)


def item_block(log: RatingLog, about_items: SparseRows) -> Block:
    """The item's id, what is known of it, and the set N(i) of users who rated it, each weighing |N(i)|^(−½)."""
    return _with_set(csr_matrix(log.matrix(np.ones_like(log.rating)).T), about_items)


@dataclass(frozen=True)
class Moments:
    """When ratings are given: a user's day (a session), and a stretch of time that all users share.

    Row numbers: first the sessions, then the bins, for other days within them, last any other time.

    Attributes
    ----------
    sessions : sorted keys of the (user, day) pairs that ratings were learned from
    first_day, days_per_bin, n_bins : the bins, from the first rating's day
    """

    sessions: NDArray[np.int64]
    first_day: float
    days_per_bin: float
    n_bins: int

    @classmethod
    def of(cls, log: RatingLog, *, days_per_bin: float, sessions: bool) -> Moments:
        """Bins from the log's first to its last rating, and if asked for its sessions."""
        first = float(np.floor(log.day.min()))
        n_bins = int(_bins(log.day.max(), first, days_per_bin)) + 1
        known = np.unique(_session(log.user, log.day)) if sessions else np.empty(0, dtype=np.int64)
        return cls(known, first, days_per_bin, n_bins)

    def row(self, user: NDArray[np.integer], day: Days) -> NDArray[np.intp]:
        """The row of each rating's moment."""
        key = _session(user, day)
        place = np.searchsorted(self.sessions, key)
        known = np.append(self.sessions, np.iinfo(np.int64).min)[place] == key
        bins = _bins(day, self.first_day, self.days_per_bin)
        in_bin = np.where((bins >= 0) & (bins < self.n_bins), bins, self.n_bins).astype(np.intp)
        return np.where(known, place, self.sessions.size + in_bin)

    def block(self) -> Block:
        """One feature for each bin and one for each session; the last row has none."""
        day = (self.sessions % _DAYS_PER_USER).astype(np.float64)
        bins = _bins(day, self.first_day, self.days_per_bin).astype(np.intp)
        shared = vstack([_one_hot(bins, self.n_bins), eye(self.n_bins + 1, self.n_bins, dtype=np.float32)])
        own = eye(self.sessions.size + self.n_bins + 1, self.sessions.size, dtype=np.float32)
        group = np.repeat([0, 1], [self.n_bins, self.sessions.size]).astype(np.int32)
        return Block(csr_matrix(hstack([shared, own], format="csr")), group)


def _session(user: NDArray[np.integer], day: Days) -> NDArray[np.int64]:
    key: NDArray[np.int64] = user.astype(np.int64) * _DAYS_PER_USER + np.floor(day).astype(np.int64)
    return key


def _bins(day: Days, first_day: float, days_per_bin: float) -> Days:
    bins: Days = np.floor((day - first_day) / days_per_bin)
    return bins


def _one_hot(codes: NDArray[np.integer], n: int) -> SparseRows:
    ones = np.ones(codes.size, dtype=np.float32)
    return csr_matrix((ones, (np.arange(codes.size), codes)), shape=(codes.size, n))


def _with_set(rated: SparseRows, about: SparseRows) -> Block:
    n_rated = np.maximum(np.diff(rated.indptr), 1)
    shares = diags(1 / np.sqrt(n_rated).astype(np.float32)) @ rated
    parts = [eye(rated.shape[0], format="csr", dtype=np.float32), about, shares]
    kept = [part for part in parts if part.shape[1]]
    group = np.repeat(np.arange(len(kept)), [part.shape[1] for part in kept]).astype(np.int32)
    return Block(csr_matrix(hstack(kept, format="csr", dtype=np.float32)), group)
