"""Judge lists against held-out likes: every metric, segment and pair of models, with intervals over users."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from recsys_assets.algorithms.beyond_accuracy import (
    catalog_coverage,
    gini,
    intra_list_diversity,
    novelty,
    popularity_percentile,
)
from recsys_assets.algorithms.embeddings import Vectors
from recsys_assets.algorithms.interactions import Interactions, SparseRows
from recsys_assets.algorithms.metrics import RANKING_METRICS, hit_matrix, ranking_metrics
from recsys_assets.algorithms.significance import Intervals, bootstrap_means, paired_difference
from recsys_assets.algorithms.topn import Items

ALL = "all"
COLD_USER_LISTS = frozenset({"cold_start", "cold_popularity"})
COLD_ITEM_LIST = "cold_item_content"

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """One measured figure. Without an interval (a property of all lists together) the ends are NaN."""

    model: str
    segment: str
    metric: str
    k: int
    value: float
    ci_low: float
    ci_high: float
    n_users: int


@dataclass(frozen=True)
class Comparison:
    """The mean over users of model − baseline."""

    model: str
    baseline: str
    segment: str
    metric: str
    k: int
    difference: float
    ci_low: float
    ci_high: float
    n_users: int


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made."""

    n_resamples: int
    confidence: float
    seed: int


@dataclass(frozen=True)
class UserValues:
    """Each user's value of each series; NaN where the series isn't defined for the user.

    Attributes
    ----------
    series : (segment, metric, k) of each column
    values : shape (n_users, n_series)
    """

    series: tuple[tuple[str, str, int], ...]
    values: Values


def lists_from_rows(
    user: NDArray[np.integer], rank: NDArray[np.integer], item: NDArray[np.integer], *, n_users: int, n: int
) -> Items:
    """Arrange rows of lists as a matrix of shape (n_users, n); −1 where a user has no item at that rank.

    Parameters
    ----------
    user, item : shape (n_rows,), row and column numbers
    rank : shape (n_rows,), from 1; rows beyond rank n are left out
    """
    lists = np.full((n_users, n), -1, dtype=np.int32)
    kept = rank <= n
    lists[user[kept], rank[kept] - 1] = item[kept]
    return lists


def segment_users(n_ratings: NDArray[np.integer]) -> dict[str, NDArray[np.bool_]]:
    """Thirds of the users by the number of ratings learned from: light, medium and heavy.

    Users on a boundary belong to the lighter segment.

    Parameters
    ----------
    n_ratings : shape (n_users,)
    """
    low, high = np.quantile(n_ratings, [1 / 3, 2 / 3], method="inverted_cdf")
    return {
        "light_users": n_ratings <= low,
        "medium_users": (n_ratings > low) & (n_ratings <= high),
        "heavy_users": n_ratings > high,
    }


def segment_items(n_ratings: NDArray[np.integer], *, head_share: float) -> dict[str, NDArray[np.bool_]]:
    """Head, tail and cold items by the number of ratings learned from.

    The head is the ``head_share`` most rated of the rated items, ties by item number; the tail is the other
    rated ones; cold items have no rating.

    Parameters
    ----------
    n_ratings : shape (n_items,)
    """
    order = np.lexsort((np.arange(n_ratings.size), -n_ratings))
    head = np.zeros(n_ratings.size, dtype=bool)
    head[order[: round(head_share * np.count_nonzero(n_ratings))]] = True
    return {"head_items": head, "tail_items": (n_ratings > 0) & ~head, "cold_items": n_ratings == 0}


def ranking_values(
    lists: Items,
    relevant: SparseRows,
    *,
    ks: Sequence[int],
    segment_k: int,
    users: Mapping[str, NDArray[np.bool_]],
    items: Mapping[str, NDArray[np.bool_]],
    overall: str = ALL,
) -> UserValues:
    """Every ranking metric of every user: overall at all ``ks``, in each segment at ``segment_k``.

    In a segment of users the others are undefined. In a segment of items only likes of those items are relevant; the
    lists stay as they are.

    Parameters
    ----------
    lists : shape (n_users, n), item numbers, −1 for an empty place; n ≥ max(ks)
    relevant : shape (n_users, n_items), held-out likes
    users, items : masks of shape (n_users,) and (n_items,) by segment
    overall : name of the segment that all these users and items make up
    """
    series: list[tuple[str, str, int]] = []
    columns: list[Values] = []

    def add(segment: str, held_out: SparseRows, k: int, judged: NDArray[np.bool_] | None = None) -> None:
        n_relevant = np.diff(held_out.indptr)
        measured = ranking_metrics(hit_matrix(lists, held_out), n_relevant, k=k)
        for metric in RANKING_METRICS:
            series.append((segment, metric, k))
            columns.append(measured[metric] if judged is None else np.where(judged, measured[metric], np.nan))

    for k in ks:
        add(overall, relevant, k)
    for segment, judged in users.items():
        add(segment, relevant, segment_k, judged)
    for segment, kept in items.items():
        add(segment, likes_of(relevant, kept), segment_k)
    return UserValues(tuple(series), np.column_stack(columns))


def figures(model: str, measured: UserValues, bootstrap: Bootstrap) -> Iterator[Figure]:
    """The mean of each series over users, with its interval."""
    means = bootstrap_means(measured.values, **asdict(bootstrap))
    for (segment, metric, k), numbers in zip(measured.series, interval_rows(means), strict=True):
        yield Figure(model, segment, metric, k, *numbers)


def comparisons(
    model: str, baseline: str, measured: UserValues, other: UserValues, bootstrap: Bootstrap
) -> Iterator[Comparison]:
    """The paired difference of each series over the same users, with its interval.

    Raises
    ------
    ValueError
        If the two don't have the same series.
    """
    if measured.series != other.series:
        raise ValueError(f"{model} and {baseline} were measured on different series; measure both alike")
    differences = paired_difference(measured.values, other.values, **asdict(bootstrap))
    for (segment, metric, k), numbers in zip(measured.series, interval_rows(differences), strict=True):
        yield Comparison(model, baseline, segment, metric, k, *numbers)


def beyond_accuracy_figures(
    model: str,
    lists: Items,
    *,
    item_popularity: NDArray[np.integer],
    n_training_users: int,
    item_vectors: Vectors,
    k: int,
    bootstrap: Bootstrap,
) -> Iterator[Figure]:
    """Coverage, Gini, diversity, novelty and popularity of each list's first k places.

    Coverage and Gini belong to all lists together and have no interval.
    """
    top = lists[:, :k]
    n_users = int(np.count_nonzero((top >= 0).any(axis=1)))
    for metric, value in (
        ("coverage", catalog_coverage(top, item_popularity.size)),
        ("gini", gini(top, item_popularity.size)),
    ):
        yield Figure(model, ALL, metric, k, value, np.nan, np.nan, n_users)
    per_user = {
        "diversity": intra_list_diversity(top, item_vectors),
        "novelty": novelty(top, item_popularity, n_training_users),
        "popularity": popularity_percentile(top, item_popularity),
    }
    measured = UserValues(
        tuple((ALL, metric, k) for metric in per_user), np.column_stack(list(per_user.values()))
    )
    yield from figures(model, measured, bootstrap)


def chance_values(relevant: SparseRows, *, n_candidates: int, k: int) -> Values:
    """Expected hit rate at k of a list drawn at random from ``n_candidates`` items, for each user.

    With R relevant items the chance of no hit is hypergeometric, C(N − R, k) / C(N, k). NaN for a user without
    relevant items.

    Returns
    -------
    shape (n_users,)
    """
    n_relevant = np.diff(relevant.indptr).astype(np.float64)
    drawn = min(k, n_candidates)
    rest = n_candidates - n_relevant
    possible = rest >= drawn
    rest = np.where(possible, rest, float(drawn))
    log_miss = _log_choose(rest, drawn) - _log_choose(np.full_like(rest, n_candidates), drawn)
    hit = np.where(possible, 1 - np.exp(log_miss), 1.0)
    return np.where(n_relevant > 0, hit, np.nan)


def _log_choose(n: Values, k: int) -> Values:
    chosen: Values = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return chosen


def likes_of(relevant: SparseRows, kept: NDArray[np.bool_]) -> SparseRows:
    """Drop the stored entries of other items, keep the shape."""
    part = relevant.copy()
    part.data = part.data * kept[part.indices]
    part.eliminate_zeros()
    return part


def interval_rows(intervals: Intervals) -> Iterator[tuple[float, float, float, int]]:
    """Each series' value, both ends and number of users, one after the other."""
    for value, low, high, n in zip(intervals.value, intervals.low, intervals.high, intervals.n, strict=True):
        yield float(value), float(low), float(high), int(n)


@dataclass(frozen=True)
class Judgement:
    """All figures and comparisons of one evaluation."""

    figures: tuple[Figure, ...]
    comparisons: tuple[Comparison, ...]


def lists_by_strategy(
    strategy: NDArray[np.object_],
    user: NDArray[np.integer],
    rank: NDArray[np.integer],
    item: NDArray[np.integer],
    *,
    n_users: int,
    n: int,
) -> dict[str, Items]:
    """Arrange the rows of each strategy as a matrix, as `lists_from_rows` does."""
    return {
        str(name): lists_from_rows(
            user[rows := strategy == name], rank[rows], item[rows], n_users=n_users, n=n
        )
        for name in np.unique(strategy)
    }


def judge_lists(
    lists: Mapping[str, Items],
    relevant: SparseRows,
    interactions: Interactions,
    *,
    item_vectors: Vectors,
    compared: Sequence[tuple[str, str]],
    ks: Sequence[int],
    k: int,
    head_share: float,
    bootstrap: Bootstrap,
) -> Judgement:
    """Measure every strategy, and the compared pairs over the same users.

    ``cold_start`` and ``cold_popularity`` are judged as the segment cold_users: what all users would have got, had
    nothing been known of them. ``cold_item_content`` is judged on likes of cold items alone, beside the ``chance`` of a
    list drawn at random from the cold items; without such lists (no item is cold) there are no figures of them.

    Parameters
    ----------
    lists : shape (n_users, n) each, item numbers, −1 for an empty place
    relevant : shape (n_users, n_items), held-out likes
    interactions : what the models learned from
    item_vectors : shape (n_items, n_dims), rows of unit length or zero, for diversity
    compared : pairs (model, baseline)
    """
    n_user_ratings = np.diff(interactions.ratings.indptr)
    n_item_ratings, _ = interactions.item_activity()
    item_segments = segment_items(n_item_ratings, head_share=head_share)
    cold_items = item_segments.pop("cold_items")
    user_segments = segment_users(n_user_ratings)

    def measure(name: str) -> UserValues:
        if name in COLD_USER_LISTS:
            return ranking_values(
                lists[name], relevant, ks=ks, segment_k=k, users={}, items={}, overall="cold_users"
            )
        if name == COLD_ITEM_LIST:
            held_out = likes_of(relevant, cold_items)
            return ranking_values(
                lists[name], held_out, ks=ks, segment_k=k, users={}, items={}, overall="cold_items"
            )
        return ranking_values(
            lists[name], relevant, ks=ks, segment_k=k, users=user_segments, items=item_segments
        )

    measured = {name: measure(name) for name in lists}
    all_figures = [figure for name in lists for figure in figures(name, measured[name], bootstrap)]
    for name in sorted(lists.keys() - COLD_USER_LISTS - {COLD_ITEM_LIST}):
        all_figures += beyond_accuracy_figures(
            name,
            lists[name],
            item_popularity=n_item_ratings,
            n_training_users=interactions.n_users,
            item_vectors=item_vectors,
            k=k,
            bootstrap=bootstrap,
        )
    pairs = [
        pair
        for model, baseline in (*compared, ("cold_start", "cold_popularity"))
        for pair in comparisons(model, baseline, measured[model], measured[baseline], bootstrap)
    ]
    if COLD_ITEM_LIST in lists:
        chance = _chance(relevant, cold_items, k=k)
        all_figures += figures("chance", chance, bootstrap)
        content = _series(measured[COLD_ITEM_LIST], chance.series)
        pairs += comparisons(COLD_ITEM_LIST, "chance", content, chance, bootstrap)
    return Judgement(tuple(all_figures), tuple(pairs))


def _chance(relevant: SparseRows, cold_items: NDArray[np.bool_], *, k: int) -> UserValues:
    n_candidates = int(np.count_nonzero(cold_items))
    expected = chance_values(likes_of(relevant, cold_items), n_candidates=n_candidates, k=k)
    return UserValues((("cold_items", "hit_rate", k),), expected[:, None])


def _series(measured: UserValues, wanted: tuple[tuple[str, str, int], ...]) -> UserValues:
    columns = [measured.series.index(series) for series in wanted]
    return UserValues(wanted, measured.values[:, columns])
