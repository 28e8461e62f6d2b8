"""Do similar items get liked together? Neighbours judged by users, not by the similarity that made them.

Users are cut into folds. Each fold in turn judges; neighbours that are learned from likes are learned from the users of
the other folds. Neighbours by content learn nothing from ratings, and are the same for all judges.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from recsys_assets.algorithms.catalogue.neighbors import neighbors_within_clusters
from recsys_assets.algorithms.embeddings import Embeddings, Vectors
from recsys_assets.algorithms.interactions import SparseRows
from recsys_assets.algorithms.metrics import hit_matrix
from recsys_assets.algorithms.significance import Intervals, bootstrap_means, bootstrap_totals
from recsys_assets.algorithms.topn import NO_ITEM, Items, Lists, recommend, similar_items

__all__ = [
    "Judgement",
    "co_liked_neighbors",
    "fold_of_users",
    "judge_lift",
    "judge_precision",
    "lift_totals",
    "neighbors_to_judge",
    "random_neighbors",
]

Figure = tuple[str, str, str | None]

_ROWS_PER_BLOCK = 512


@dataclass(frozen=True)
class Judgement:
    """Figures of methods.

    Attributes
    ----------
    figures : what each figure is: its name, its method, and the method that it is compared with, if any
    intervals : fields of shape (n_figures,)
    """

    figures: tuple[Figure, ...]
    intervals: Intervals


def fold_of_users(n_users: int, *, n_folds: int, seed: int) -> NDArray[np.intp]:
    """Deal users to folds at random, evenly: shape (n_users,), 0 to n_folds − 1."""
    return np.random.default_rng(seed).permutation(np.arange(n_users) % n_folds)


def co_liked_neighbors(likes: SparseRows, *, n: int, damping: float) -> Lists:
    """List each item's n most co-liked items by a damped cosine, those without a common like left out.

    s_ij = c_ij / √((n_i + λ)(n_j + λ)) with the c_ij users who like both: the cosine of the columns of likes as if λ
    more users liked each item and nothing else, so that one common like of two rare items isn't the highest.

    Parameters
    ----------
    likes : shape (n_users, n_items), ones
    damping : λ, likes

    Returns
    -------
    neighbours, similarity : shape (n_items, n); order, ties and padding are those of `recommend`
    """
    n_likes = np.bincount(likes.indices, minlength=likes.shape[1])
    scale = np.sqrt(n_likes + damping)
    rows = (likes.T.toarray() / scale[:, None]).astype(np.float32)
    numbers = np.arange(likes.shape[1])
    itself = csr_matrix((np.ones(numbers.size, dtype=np.float32), (numbers, numbers)))
    items, similarity = recommend(Embeddings(numbers, numbers, rows, rows, n_likes > 0), itself, n=n)
    unlike = ~(similarity > 0)
    return np.where(unlike, NO_ITEM, items), np.where(unlike, -np.inf, similarity).astype(np.float32)


def random_neighbors(membership: SparseRows, *, n: int, rng: np.random.Generator) -> Items:
    """Draw n items for each item without replacement from those that share a group with it, itself left out.

    Parameters
    ----------
    membership : shape (n_items, n_groups), an item belongs to the groups that are stored: its genres, its cluster, or
        the one group of all items

    Returns
    -------
    shape (n_items, n), item numbers; −1 where fewer than n share a group
    """
    groups = csr_matrix(membership, dtype=np.float32)
    n_items = groups.shape[0]
    drawn = np.full((n_items, n), NO_ITEM)
    for start in range(0, n_items, _ROWS_PER_BLOCK):
        rows = np.arange(start, min(start + _ROWS_PER_BLOCK, n_items))
        lots = rng.random((rows.size, n_items))
        lots[(groups[rows] @ groups.T).toarray() == 0] = np.inf
        lots[np.arange(rows.size), rows] = np.inf
        order = np.argpartition(lots, min(n, n_items - 1), axis=1)[:, :n]
        order = np.where(np.isinf(np.take_along_axis(lots, order, axis=1)), NO_ITEM, order)
        drawn[rows, : order.shape[1]] = order
    return drawn


def neighbors_to_judge(
    likes: SparseRows,
    fold: NDArray[np.integer],
    vectors: Vectors,
    genres: SparseRows,
    partitions: Mapping[str, NDArray[np.integer]],
    rivals: Mapping[str, Vectors],
    *,
    n: int,
    n_draws: int,
    near: float,
    damping: float,
    seed: int,
) -> dict[str, list[Items]]:
    """List neighbours of the same items by each method, from no knowledge to most, for the judges of each fold.

    Methods are random, same_genre, same_‹partition› and content_‹partition›, ‹vectors›_global and ‹vectors›_global_near
    (of the former's neighbours those whose cosine exceeds `near`) for content and each rival, and collaborative, which
    alone learns from likes: from those of the users of other folds. Random methods draw `n_draws` times n neighbours,
    so that chance weighs little.

    Parameters
    ----------
    likes : shape (n_users, n_items), ones
    fold : shape (n_users,)
    vectors : shape (n_items, n_dims)
    genres : shape (n_items, n_genres), an item has the genres that are stored
    partitions : clusters of the items by the name of the partition, each of shape (n_items,)
    rivals : other vectors of the items, in the form of `vectors`, by name
    """
    rng = np.random.default_rng(seed)
    everything = np.ones(len(vectors), dtype=bool)
    nearest = {
        name: similar_items(own, n=n, eligible=everything)
        for name, own in {"content": vectors, **rivals}.items()
    }
    groups: dict[str, SparseRows] = {
        "random": csr_matrix(np.ones((len(vectors), 1), dtype=np.float32)),
        "same_genre": genres,
        **{f"same_{name}": _membership(cluster) for name, cluster in partitions.items()},
    }
    lists = {
        **{name: random_neighbors(members, n=n * n_draws, rng=rng) for name, members in groups.items()},
        **{
            f"content_{name}": neighbors_within_clusters(vectors, cluster, n=n)[0]
            for name, cluster in partitions.items()
        },
        **{f"{name}_global": items for name, (items, _) in nearest.items()},
        **{
            f"{name}_global_near": np.where(cosine > near, items, NO_ITEM)
            for name, (items, cosine) in nearest.items()
        },
    }
    folds = range(int(fold.max(initial=0)) + 1)
    learned = [
        co_liked_neighbors(csr_matrix(likes[fold != number]), n=n, damping=damping)[0] for number in folds
    ]
    return {name: [items for _ in folds] for name, items in lists.items()} | {"collaborative": learned}


def judge_lift(
    likes: SparseRows,
    fold: NDArray[np.integer],
    methods: Mapping[str, Sequence[Items]],
    *,
    baseline: str,
    contrasts: Sequence[tuple[str, str]],
    n_resamples: int,
    confidence: float,
    seed: int,
) -> Judgement:
    """Return how much more often neighbours are liked together than if likes were independent.

    Of a method, with P_f the pairs (i, j) of an item and its neighbour that the users of fold f judge,

        lift = Σ_f Σ_{(i, j) ∈ P_f} c_ij / Σ_f Σ_{(i, j) ∈ P_f} n_i n_j / N_f

    where c_ij of the N_f users like both and n_i like i. The sums are pooled: a pair weighs as much as it is expected
    to be liked, and rare items don't make the figure noisy. Active users like much of everything, so that even random
    pairs lift above 1; hence the ratio to a baseline's lift. Intervals are of users resampled whole: with the weights w
    of a resample, c_ij = Σ_u w_u L_ui L_uj, n = Lᵀw and N_f = Σ w are exact, and all figures are of the same resamples.

    Parameters
    ----------
    likes : shape (n_users, n_items), ones
    fold : shape (n_users,), the fold in which a user judges
    methods : the neighbours of each fold, n_folds arrays of shape (n_items, any), −1 where there is none
    baseline : the method that ratios are taken to
    contrasts : pairs of methods (one, other) whose difference of lifts is wanted

    Returns
    -------
    figures named lift, lift_ratio (of the method's lift to the baseline's) and lift_difference (of the contrasts); NaN
    where no pair of a method is expected to be liked by anyone
    """
    columns, lifts_of = lift_totals(likes, fold, methods)

    def figures(totals: NDArray[np.float64]) -> NDArray[np.float64]:
        lift = lifts_of(totals)
        over = [_ratio(one, lift[baseline]) for one in lift.values()]
        return np.column_stack([*lift.values(), *over, *(lift[a] - lift[b] for a, b in contrasts)])

    names: tuple[Figure, ...] = (
        *(("lift", name, None) for name in methods),
        *(("lift_ratio", name, baseline) for name in methods),
        *(("lift_difference", one, other) for one, other in contrasts),
    )
    return Judgement(
        names,
        bootstrap_totals(columns, figures, n_resamples=n_resamples, confidence=confidence, seed=seed),
    )


def lift_totals(
    likes: SparseRows, fold: NDArray[np.integer], methods: Mapping[str, Sequence[Items]]
) -> tuple[NDArray[np.float64], Callable[[NDArray[np.float64]], dict[str, NDArray[np.float64]]]]:
    """What each user adds to the lifts of `judge_lift`, and each method's lift as a function of totals over users.

    Returns
    -------
    columns : shape (n_users, n_columns)
    lifts : from totals of shape (n, n_columns) to each method's lifts, shape (n,)
    """
    n_folds = int(fold.max(initial=0)) + 1
    pairs = {name: [_adjacency(items, likes.shape[1]) for items in lists] for name, lists in methods.items()}
    of_fold = [
        csr_matrix(likes.multiply((fold == number)[:, None]), dtype=np.float64) for number in range(n_folds)
    ]
    observed = [
        sum(_co_likes(rows, own) for rows, own in zip(of_fold, by_fold, strict=True))
        for by_fold in pairs.values()
    ]
    judging = (fold[:, None] == np.arange(n_folds)).astype(np.float64)

    def lifts(totals: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        seen, n_users, n_likes = np.split(totals, [len(pairs), len(pairs) + n_folds], axis=1)
        of_items = n_likes.reshape(len(totals), n_folds, -1)
        return {
            name: _ratio(seen[:, number], _expected(of_items, n_users, by_fold))
            for number, (name, by_fold) in enumerate(pairs.items())
        }

    return np.column_stack([*observed, judging, hstack(of_fold).toarray()]), lifts


def judge_precision(
    likes: SparseRows,
    fold: NDArray[np.integer],
    methods: Mapping[str, Sequence[Items]],
    *,
    k: int,
    damping: float,
    contrasts: Sequence[tuple[str, str]],
    n_resamples: int,
    confidence: float,
    seed: int,
) -> Judgement:
    """Return the share of neighbours that are among the k items most co-liked by the judging users.

    The truth of an item in a fold is `co_liked_neighbors` of that fold's users; an item is judged where it has k of
    them. A method's precision there is hits / max(k, n_listed) of its n_listed neighbours: places that stay empty are
    misses, and of a draw of more than k it is what k of them would have on average. Intervals are of judged items
    resampled with all their folds: they say how sure a mean over items is, with the users' likes as they are.

    Returns
    -------
    figures named precision, and precision_difference (of the contrasts)
    """
    n_folds = int(fold.max(initial=0)) + 1
    shares = np.full((likes.shape[1], len(methods), n_folds), np.nan)
    for number in range(n_folds):
        truth, _ = co_liked_neighbors(csr_matrix(likes[fold == number]), n=k, damping=damping)
        judged = (truth != NO_ITEM).all(axis=1)
        relevant = _adjacency(truth, likes.shape[1])
        for place, lists in enumerate(methods.values()):
            hits = hit_matrix(lists[number], relevant).sum(axis=1)
            n_listed = np.count_nonzero(lists[number] != NO_ITEM, axis=1)
            shares[judged, place, number] = (hits / np.maximum(n_listed, k))[judged]
    of_items = _mean_of_folds(shares)
    where = {name: place for place, name in enumerate(methods)}
    contrast = [of_items[:, where[one]] - of_items[:, where[other]] for one, other in contrasts]
    names: tuple[Figure, ...] = (
        *(("precision", name, None) for name in methods),
        *(("precision_difference", one, other) for one, other in contrasts),
    )
    return Judgement(
        names,
        bootstrap_means(
            np.column_stack([of_items, *contrast]),
            n_resamples=n_resamples,
            confidence=confidence,
            seed=seed,
        ),
    )


def _membership(cluster: NDArray[np.integer]) -> SparseRows:
    rows = np.arange(cluster.size)
    return csr_matrix((np.ones(cluster.size, dtype=np.float32), (rows, cluster)))


def _adjacency(items: Items, n_items: int) -> SparseRows:
    """Ones where j is among the neighbours of i, shape (n_items, n_items)."""
    row, place = np.nonzero(items != NO_ITEM)
    return csr_matrix(
        (np.ones(row.size, dtype=np.float32), (row, items[row, place])), shape=(n_items, n_items)
    )


def _co_likes(likes: SparseRows, pairs: SparseRows) -> NDArray[np.float64]:
    """Of how many pairs each user likes both, shape (n_users,)."""
    return np.asarray((likes @ pairs).multiply(likes).sum(axis=1), dtype=np.float64).ravel()


def _expected(
    n_likes: NDArray[np.float64], n_users: NDArray[np.float64], pairs: Sequence[SparseRows]
) -> NDArray[np.float64]:
    """Co-likes of independent likes, summed over pairs and folds: shape (n_resamples,)."""
    total = np.zeros(len(n_likes))
    for number, of_fold in enumerate(pairs):
        likes = n_likes[:, number]
        of_pairs = np.asarray((likes @ of_fold) * likes).sum(axis=1)
        total += _ratio(of_pairs, n_users[:, number], empty=0.0)
    return total


def _mean_of_folds(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    n_judged = np.count_nonzero(~np.isnan(shares), axis=2)
    return _ratio(np.nansum(shares, axis=2), n_judged)


def _ratio(
    total: NDArray[np.float64], count: NDArray[np.number], *, empty: float = np.nan
) -> NDArray[np.float64]:
    out = np.full(np.broadcast_shapes(total.shape, count.shape), empty)
    np.divide(total, count, out=out, where=count > 0)
    return out
