"""Drift: how far new ratings lie from those that were learned from, and how far chance alone would carry them.

A batch of ratings comes from few people, each of whom rates in their own way, so that it differs from the whole even
if nothing has changed. What chance explains is found by drawing batches like the new one from the old rows: for each
user of the new batch as many rows, of the same user if they are known, else of a random one. Of a large batch, samples
of its users stand for all: chance then reaches a little further, and the verdict errs on the side of ``stable``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recsys_assets.algorithms.interactions import Interactions

__all__ = [
    "DRIFTED",
    "STABLE",
    "STARS",
    "TOO_FEW",
    "Drift",
    "Judged",
    "Rows",
    "count_stars",
    "draw_batches",
    "group_rows",
    "judge_drift",
    "list_ndcg",
    "measure_lists",
    "measure_ratings",
    "population_stability_index",
    "sample_users",
]

DRIFTED, STABLE, TOO_FEW = "drifted", "stable", "too few"
STARS = np.arange(1, 11) / 2
"""What a rating can be."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Rows side by side by user: those of ``user_ids[u]`` are ``starts[u]`` to ``starts[u + 1]``.

    Attributes
    ----------
    user_ids : shape (n_users,), ascending, unique; each has a row
    starts : shape (n_users + 1,)
    order : shape (n_rows,), which of the given rows stands there
    """

    user_ids: NDArray[np.int64]
    starts: NDArray[np.int64]
    order: NDArray[np.int64]

    @property
    def sizes(self) -> NDArray[np.int64]:
        return np.diff(self.starts)


@dataclass(frozen=True)
class Judged:
    """Rows by which lists are judged.

    Attributes
    ----------
    user_ids : shape (n_rows,), in any order
    rank : shape (n_rows,), the movie's place in the user's list from 1; 0 = not in it
    liked : shape (n_rows,)
    """

    user_ids: NDArray[np.int64]
    rank: NDArray[np.int64]
    liked: NDArray[np.bool_]


@dataclass(frozen=True)
class Drift:
    """One measure of new ratings.

    Attributes
    ----------
    value : the measure; NaN where there is nothing to measure
    threshold : how large the measure may be
    chance_low, chance_high : where it lies if nothing has changed but who happened to rate; NaN if too few rated
    n_new : rows, users or movies that it was measured on
    verdict : ``drifted`` if the value lies both beyond the threshold and outside what chance explains, ``stable``, or
        ``too few``
    """

    value: float
    threshold: float
    chance_low: float
    chance_high: float
    n_new: int
    verdict: str


def population_stability_index(learned: ArrayLike, new: ArrayLike) -> Floats:
    """Return PSI = Σ_b (q_b − p_b) ln(q_b / p_b) of two distributions over bins, given as counts.

    0 if they are equal; else positive, whichever is called new (it is Jeffreys' divergence). Half a rating is added to
    each bin of both, without which an empty bin would make it infinite. As usually read: below 0.1 nothing has changed,
    0.1 to 0.25 something has, above 0.25 much has (Siddiqi 2006, "Credit Risk Scorecards", chapter 9). Those
    thresholds do not know how many were counted: if nothing has changed, PSI is distributed as (1 / n + 1 / m) χ² with
    bins − 1 degrees of freedom for n and m independent counts (Yurdakul and Naranjo 2020, "Statistical properties of
    the population stability index"), so that small samples pass them by chance.

    Parameters
    ----------
    learned, new : shape (..., n_bins), counts

    Raises
    ------
    ValueError
        If the numbers of bins differ.
    """
    p, q = np.asarray(learned, dtype=np.float64) + 0.5, np.asarray(new, dtype=np.float64) + 0.5
    if p.shape[-1] != q.shape[-1]:
        raise ValueError(
            f"learned has {p.shape[-1]} bins and new has {q.shape[-1]}; count both over the same bins"
        )
    p, q = p / p.sum(axis=-1, keepdims=True), q / q.sum(axis=-1, keepdims=True)
    return np.asarray(((q - p) * np.log(q / p)).sum(axis=-1))


def group_rows(user_ids: NDArray[np.int64], *, rng: np.random.Generator) -> Rows:
    """Put each user's rows side by side, in random order.

    Parameters
    ----------
    user_ids : shape (n_rows,), in any order
    """
    shuffled = rng.permutation(user_ids.size)
    order = shuffled[np.argsort(user_ids[shuffled], kind="stable")]
    users, first = np.unique(user_ids[order], return_index=True)
    return Rows(users, np.append(first, user_ids.size).astype(np.int64), order.astype(np.int64))


def sample_users(sizes: NDArray[np.int64], *, max_rows: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Choose users at random as long as their rows are ``max_rows`` at most, but one at least; all if all are.

    Parameters
    ----------
    sizes : shape (n_users,), rows of each
    """
    if sizes.sum() <= max_rows:
        return np.arange(sizes.size)
    users = rng.permutation(sizes.size)
    return users[: max(1, int(np.searchsorted(np.cumsum(sizes[users]), max_rows, side="right")))]


def draw_batches(
    old: Rows, new: Rows, *, n_draws: int, max_rows: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Draw batches like the new one from the old rows.

    For each user of the new batch, an old user: the same one if there are rows of them, else any. Of that user as many
    rows as the new batch has, side by side in their shuffled order from a random place on; all where they have fewer.
    If the new batch has more than ``max_rows`` rows, each drawn one is like another sample of its users.

    Yields
    ------
    which of the given old rows are drawn, and the user of the new batch (row number) for whom each is; both of shape
    (n_drawn,)

    Raises
    ------
    ValueError
        If there are no old rows.
    """
    if not old.order.size:
        raise ValueError("there are no old rows to draw from; compare with ratings that were learned from")
    known, place = _places(old.user_ids, new.user_ids)
    for _ in range(n_draws):
        users = sample_users(new.sizes, max_rows=max_rows, rng=rng)
        chosen = np.where(known[users], place[users], rng.integers(old.user_ids.size, size=users.size))
        available = old.sizes[chosen]
        taken = np.minimum(new.sizes[users], available)
        nth_user = np.repeat(np.arange(users.size), taken)
        nth = np.arange(nth_user.size) - np.repeat(np.cumsum(taken) - taken, taken)
        offset = rng.integers(available)
        row = old.starts[chosen][nth_user] + (offset[nth_user] + nth) % available[nth_user]
        yield old.order[row], users[nth_user]


def list_ndcg(
    user: NDArray[np.integer], rank: ArrayLike, liked: NDArray[np.bool_], *, n_users: int, k: int
) -> float:
    """Return the mean NDCG@k of lists, from the rows that judge them; NaN where nobody likes anything.

    Relevance is binary, the ideal list has the user's likes first, users without likes don't count: as in
    ``metrics.ranking_metrics``, but over rows instead of lists.

    Parameters
    ----------
    user : shape (n_rows,), row numbers from 0
    rank : shape (n_rows,), the movie's place in the user's list from 1; 0 = not in it
    """
    places = np.asarray(rank)
    found = liked & (places > 0) & (places <= k)
    gain = np.where(found, 1 / np.log2(1 + np.maximum(places, 1)), 0.0)
    n_liked = np.bincount(user[liked], minlength=n_users)
    ideal = np.concatenate([[0.0], np.cumsum(1 / np.log2(2 + np.arange(k)))])[np.minimum(n_liked, k)]
    dcg = np.bincount(user, weights=gain, minlength=n_users)
    return float(np.mean(dcg[n_liked > 0] / ideal[n_liked > 0])) if n_liked.any() else float("nan")


def judge_drift(
    value: float,
    chance: Callable[[], ArrayLike],
    *,
    threshold: float,
    confidence: float,
    n_new: int,
    min_new: int,
    two_sided: bool = False,
) -> Drift:
    """Compare a measure with its threshold and with what chance explains.

    Parameters
    ----------
    chance : draws what the measure comes to where nothing has changed, shape (n_draws,); not called where too few rated
    confidence : share of those draws that is called chance, e.g. 0.99
    min_new : with fewer, the verdict is ``too few``
    two_sided : whether the measure may fall as far as it may rise
    """
    nan = float("nan")
    if n_new < min_new or np.isnan(value):
        return Drift(value if n_new else nan, threshold, nan, nan, n_new, TOO_FEW)
    tails = (1 - confidence) / 2, (1 + confidence) / 2
    low, high = np.nanquantile(np.asarray(chance(), dtype=np.float64), tails).tolist()
    risen = value > max(threshold, high)
    fallen = two_sided and value < min(-threshold, low)
    return Drift(value, threshold, low, high, n_new, DRIFTED if risen or fallen else STABLE)


def measure_ratings(
    learned: Interactions,
    user_ids: NDArray[np.int64],
    item_ids: NDArray[np.int64],
    rating: NDArray[np.floating],
    *,
    psi_max: float,
    mean_shift_max: float,
    new_users_max: float,
    new_movies_max: float,
    min_ratings: int,
    min_counted: int,
    confidence: float,
    n_draws: int,
    max_rows: int,
    seed: int,
) -> dict[str, Drift]:
    """Measure new ratings against those that were learned from.

    ``rating_psi`` is the population stability index of the stars, ``mean_rating_shift`` the mean of the new ones − that
    of the learned, ``new_user_share`` the share of the users who rated, and ``new_movie_share`` that of the movies that
    were rated, of whom no rating was learned. The shares' chance is that of a true share as large as the threshold.
    With fewer than ``min_ratings`` new ratings, nothing is drawn.

    Parameters
    ----------
    user_ids, item_ids, rating : shape (n_new,) each
    max_rows : of more new ratings, batches are drawn like samples of their users with so many; values are those of all
    """
    rng = np.random.default_rng(seed)
    stars_learned = count_stars(learned.ratings.data)
    n_learned = np.diff(learned.ratings.indptr)
    drawn = np.zeros((0, STARS.size))
    if rating.size >= min_ratings:
        old = group_rows(np.repeat(learned.user_ids, n_learned), rng=rng)
        new = group_rows(user_ids, rng=rng)
        batches = draw_batches(old, new, n_draws=n_draws, max_rows=max_rows, rng=rng)
        drawn = np.array([count_stars(learned.ratings.data[row]) for row, _ in batches])

    def shift(counts: NDArray[np.integer] | Floats) -> Floats:
        return np.asarray(counts @ STARS / counts.sum(axis=-1) - stars_learned @ STARS / stars_learned.sum())

    def share(ids: NDArray[np.int64], known: NDArray[np.int64], threshold: float) -> Drift:
        found = np.unique(ids)
        return judge_drift(
            float(np.mean(~np.isin(found, known))) if found.size else float("nan"),
            lambda: rng.binomial(found.size, threshold, size=n_draws) / found.size,
            threshold=threshold,
            confidence=confidence,
            n_new=found.size,
            min_new=min_counted,
        )

    counts = count_stars(rating)
    nothing = float("nan")
    return {
        "rating_psi": judge_drift(
            float(population_stability_index(stars_learned, counts)),
            lambda: population_stability_index(stars_learned, drawn),
            threshold=psi_max,
            confidence=confidence,
            n_new=rating.size,
            min_new=min_ratings,
        ),
        "mean_rating_shift": judge_drift(
            float(shift(counts)) if rating.size else nothing,
            lambda: shift(drawn),
            threshold=mean_shift_max,
            confidence=confidence,
            n_new=rating.size,
            min_new=min_ratings,
            two_sided=True,
        ),
        "new_user_share": share(user_ids, learned.user_ids[n_learned > 0], new_users_max),
        "new_movie_share": share(item_ids, learned.item_ids[learned.item_activity()[0] > 0], new_movies_max),
    }


def measure_lists(
    old: Judged,
    new: Judged,
    *,
    k: int,
    lost_max: float,
    min_counted: int,
    confidence: float,
    n_draws: int,
    max_rows: int,
    seed: int,
) -> Drift:
    """Measure how much of their NDCG published lists have lost on ratings that came after them.

    ``1 − NDCG / expected NDCG``, where the expected one is the mean over batches like the new one that are drawn from
    the rows on which the lists were judged before they were published. NDCG depends on how many ratings a user is
    judged by, which such batches share with the new one. Of more than ``max_rows`` new rows, they are drawn like
    samples of the users with so many.
    """
    rng = np.random.default_rng(seed)
    groups, before = group_rows(new.user_ids, rng=rng), group_rows(old.user_ids, rng=rng)
    user = np.repeat(np.arange(groups.user_ids.size), groups.sizes)
    n_users = groups.user_ids.size

    def ndcg(judged: Judged, row: NDArray[np.int64], user: NDArray[np.int64]) -> float:
        return list_ndcg(user, judged.rank[row], judged.liked[row], n_users=n_users, k=k)

    n_counted = np.unique(new.user_ids[new.liked]).size
    enough = n_counted >= min_counted and old.user_ids.size > 0
    drawn = np.array([])
    if enough:
        batches = draw_batches(before, groups, n_draws=n_draws, max_rows=max_rows, rng=rng)
        drawn = np.array([ndcg(old, *batch) for batch in batches])
    expected = float(np.nanmean(drawn)) if enough else 0.0
    lost = 1 - ndcg(new, groups.order, user) / expected if expected > 0 else float("nan")
    return judge_drift(
        lost,
        lambda: 1 - drawn / expected,
        threshold=lost_max,
        confidence=confidence,
        n_new=n_counted,
        min_new=min_counted,
    )


def count_stars(rating: NDArray[np.floating]) -> NDArray[np.int64]:
    """How many ratings have each of the values of ``STARS``."""
    return np.bincount(np.rint(2 * rating).astype(np.int64), minlength=STARS.size + 1)[1:]


def _places(
    sorted_ids: NDArray[np.int64], ids: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Whether each id is among the sorted ones, and where; 0 if it isn't."""
    place = np.searchsorted(sorted_ids, ids)
    place[place == sorted_ids.size] = 0
    known = sorted_ids[place] == ids if sorted_ids.size else np.zeros(ids.size, dtype=bool)
    return known, np.where(known, place, 0)
