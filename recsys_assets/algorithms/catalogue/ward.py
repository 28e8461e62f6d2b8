"""Ward's hierarchical clustering: one tree, cut at every number of clusters.

Up to a number of rows the tree is exact, in the memory of all their distances: 8 n² bytes (n = 10,000: 0.8 GB). Of more
rows, KMeans of batches makes groups first, and Ward's tree is that of the groups, each with the weight of its rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.cluster import MiniBatchKMeans
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from recsys_assets.algorithms.clustering import Evidence, Rows, best_evidence, distances
from recsys_assets.algorithms.interactions import Ids, Numbers
from recsys_assets.algorithms.sampling import sample_users

__all__ = [
    "CatalogueClusters",
    "WardTree",
    "cut",
    "grow_ward_tree",
    "silhouettes",
    "weigh_cuts",
]

_BLOCK = 512
"""Rows whose distances to all others are held at a time."""


@dataclass(frozen=True)
class CatalogueClusters:
    """Clusters of movies, numbered from the largest, 0, to the smallest.

    Attributes
    ----------
    tmdb_ids : shape (n_movies,), those of the features
    cluster : shape (n_movies,)
    """

    tmdb_ids: Ids
    cluster: NDArray[np.int32]

    @property
    def n_clusters(self) -> int:
        return int(self.cluster.max(initial=-1)) + 1


@dataclass(frozen=True)
class WardTree:
    """Which leaves are joined, the closest first.

    Attributes
    ----------
    leaf : shape (n_rows,), the leaf that a row is in; each row is its own where the tree is exact
    joins : shape (n_leaves − 1, 2), a leaf of each of the two clusters that become one
    """

    leaf: Numbers
    joins: Numbers

    @property
    def n_leaves(self) -> int:
        return len(self.joins) + 1


def grow_ward_tree(rows: Rows, *, exact_up_to: int, n_groups: int, seed: int) -> WardTree:
    """Join, again and again, the two clusters whose union adds least to the squared distances from centroids.

    ΔE(a, b) = n_a n_b / (n_a + n_b) · ‖μ_a − μ_b‖² (Ward 1963).

    Parameters
    ----------
    rows : shape (n_rows, n_columns), at least one
    exact_up_to : with more rows than that, groups of KMeans of batches (Sculley 2010) are the leaves
    n_groups : how many; fewer where KMeans leaves some empty
    """
    with threadpool_limits(limits=1):
        if len(rows) <= exact_up_to:
            joins = _pairs(linkage(rows, "ward")) if len(rows) > 1 else np.empty((0, 2), dtype=np.int64)
            return WardTree(np.arange(len(rows)), joins)
        n_groups = min(n_groups, len(rows))
        groups = MiniBatchKMeans(n_groups, n_init=1, batch_size=4 * n_groups, random_state=seed)
        _, leaf, size = np.unique(groups.fit_predict(rows), return_inverse=True, return_counts=True)
        return WardTree(leaf, _join_groups(_centroids(rows, leaf), size))


def cut(tree: WardTree, k: int) -> NDArray[np.int32]:
    """Undo the last joins, so that k clusters are left: shape (n_rows,), numbered from the largest to the smallest.

    Raises
    ------
    ValueError
        If the tree doesn't have k leaves.
    """
    if not 1 <= k <= tree.n_leaves:
        raise ValueError(f"k must be within 1 to {tree.n_leaves}, the tree's leaves; got {k}")
    a, b = tree.joins[: tree.n_leaves - k].T
    joined = csr_matrix((np.ones(len(a), dtype=bool), (a, b)), shape=(tree.n_leaves, tree.n_leaves))
    _, cluster = connected_components(joined, directed=False)
    cluster = cluster[tree.leaf]
    place = np.empty(k, dtype=np.int32)
    place[np.argsort(-np.bincount(cluster, minlength=k), kind="stable")] = np.arange(k)
    numbered: NDArray[np.int32] = place[cluster]
    return numbered


def silhouettes(
    rows: Rows, partitions: Sequence[NDArray[np.int32]], *, n_judged: int, seed: int
) -> list[float]:
    """Mean silhouette (Rousseeuw 1987) of each partition, by Euclidean distance.

    s = (b − a) / max(a, b) with a row's mean distance a to the others of its cluster and b to the nearest other
    cluster; 0 for a row alone in its cluster. Distances are computed once for all partitions, block by block.

    Parameters
    ----------
    rows : shape (n_rows, n_columns)
    partitions : shape (n_rows,) each, clusters from 0
    n_judged : of more rows, a sample of so many is judged, as if there were no others

    Returns
    -------
    one for each partition; NaN for one cluster
    """
    judged = sample_users(len(rows), size=n_judged, seed=seed)
    rows, numbered = rows[judged], [_compressed(partition[judged]) for partition in partitions]
    sizes = [np.bincount(partition) for partition in numbered]
    members = [_members(partition) for partition in numbered]
    totals = np.zeros(len(partitions))
    with threadpool_limits(limits=1):
        for start in range(0, len(rows), _BLOCK):
            block = np.arange(start, min(start + _BLOCK, len(rows)))
            away = distances(rows[block], rows)
            # Rounding leaves a row a little away from itself.
            away[np.arange(block.size), block] = 0
            totals += [
                _silhouette(away @ of, partition[block], size).sum()
                for of, partition, size in zip(members, numbered, sizes, strict=True)
            ]
    return [
        float(total / len(rows)) if size.size > 1 else float("nan")
        for total, size in zip(totals, sizes, strict=True)
    ]


def weigh_cuts(
    rows: Rows,
    tree: WardTree,
    *,
    ks: Sequence[int],
    min_stability: float,
    min_movies: int,
    n_repeats: int,
    n_judged: int,
    exact_up_to: int,
    n_groups: int,
    seed: int,
) -> list[Evidence]:
    """Judge numbers of clusters, and choose one.

    Silhouette: of the tree's cuts. Stability: the rows are halved at random, a tree of each half is cut, all rows go to
    the nearest centroid of each half's clusters, and the two partitions are compared; the mean over repeats (Lange et
    al. 2004, with the adjusted Rand index of Hubert & Arabie 1985). No figure of what users liked is looked at.

    The choice: among numbers whose stability is at least ``min_stability`` and whose smallest cluster holds at least
    ``min_movies`` rows, the one of the highest silhouette; if there is none, the most stable one. Among equals the
    smallest.

    Parameters
    ----------
    rows : shape (n_rows, n_columns), those of the tree
    ks : numbers to try; those that half of the rows' tree, or the distinct rows, can't fill are left out, and if none
        is left, all are one cluster
    n_judged : silhouette and stability are those of a sample of at most so many rows

    Returns
    -------
    one for each number tried, ascending
    """
    judged = sample_users(len(rows), size=n_judged, seed=seed)
    most = min(tree.n_leaves, n_groups, len(np.unique(rows[judged], axis=0))) // 4
    tried = sorted(k for k in ks if 2 <= k <= most)
    if not tried:
        return [Evidence(1, np.nan, 1.0, 1.0, chosen=True)]
    cuts = [cut(tree, k) for k in tried]
    shares = [np.bincount(clusters).min() / len(rows) for clusters in cuts]
    found = silhouettes(rows, cuts, n_judged=n_judged, seed=seed)
    grown = {"exact_up_to": exact_up_to, "n_groups": n_groups, "seed": seed}
    halves = _halves(rows[judged], tried, np.random.default_rng(seed), n_repeats, grown)
    agreements = np.mean(list(halves), axis=0)
    evidence = [
        Evidence(k, silhouette, float(stability), float(share), chosen=False)
        for k, silhouette, stability, share in zip(tried, found, agreements, shares, strict=True)
    ]
    best = best_evidence(evidence, min_stability=min_stability, min_share=min_movies / len(rows))
    return [replace(one, chosen=one is best) for one in evidence]


def _pairs(merges: Rows) -> Numbers:
    """Two leaves for each of SciPy's merges, which name clusters by the merges that made them."""
    n_leaves = len(merges) + 1
    leaf_of = np.arange(n_leaves + len(merges))
    pairs = np.empty((len(merges), 2), dtype=np.int64)
    for number, (a, b) in enumerate(merges[:, :2].astype(np.int64)):
        pairs[number] = leaf_of[a], leaf_of[b]
        leaf_of[n_leaves + number] = leaf_of[a]
    return pairs


def _join_groups(centroids: Rows, sizes: Numbers) -> Numbers:
    """Joins of groups that hold several rows each, by the chain of nearest neighbours (Murtagh 1983).

    O(n²) time for n groups, and no more memory than their centroids take.
    """
    centre, size = centroids.copy(), sizes.astype(np.float64)
    joins: list[tuple[int, int]] = []
    heights: list[float] = []
    chain = [0]
    while len(joins) < len(sizes) - 1:
        if not chain:
            chain = [int(np.flatnonzero(size)[0])]
        last = chain[-1]
        cost = _cost(centre, size, last)
        # Of equals the one that the chain came from, or the chain would go on for ever.
        nearest = chain[-2] if len(chain) > 1 and cost[chain[-2]] <= cost.min() else int(cost.argmin())
        if len(chain) == 1 or nearest != chain[-2]:
            chain.append(nearest)
            continue
        chain = chain[:-2]
        joins.append((nearest, last))
        heights.append(cost[nearest])
        both = size[nearest] + size[last]
        centre[nearest] = (size[nearest] * centre[nearest] + size[last] * centre[last]) / both
        size[nearest], size[last] = both, 0
    return np.array(joins, dtype=np.int64).reshape(-1, 2)[np.argsort(heights, kind="stable")]


def _cost(centre: Rows, size: Rows, of: int) -> Rows:
    """What joining each group with one of them costs; infinite with itself and with groups that are no more."""
    cost = np.square(centre - centre[of]).sum(axis=1) * size * size[of] / (size + size[of])
    gone = size == 0
    gone[of] = True
    return np.where(gone, np.inf, cost)


def _silhouette(totals: Rows, own: Numbers, sizes: Numbers) -> Rows:
    """Silhouettes of rows from their summed distances to the members of each cluster, shape (n_rows, n_clusters)."""
    if sizes.size == 1:
        return np.zeros(len(own))
    row = np.arange(len(own))
    inside = totals[row, own] / np.maximum(sizes[own] - 1, 1)
    others = totals / sizes
    others[row, own] = np.inf
    outside = others.min(axis=1)
    larger = np.maximum(inside, outside)
    mean: Rows = np.divide(
        outside - inside, larger, out=np.zeros_like(larger), where=(sizes[own] > 1) & (larger > 0)
    )
    return mean


def _halves(
    rows: Rows, ks: Sequence[int], rng: np.random.Generator, n_repeats: int, grown: dict[str, int]
) -> Iterator[list[float]]:
    """How far partitions of all rows agree that were learned from two halves, for each number of clusters."""
    for _ in range(n_repeats):
        halves = [rows[half] for half in np.array_split(rng.permutation(len(rows)), 2)]
        trees = [grow_ward_tree(half, **grown) for half in halves]
        yield [
            adjusted_rand_score(
                *(
                    distances(rows, _centroids(half, cut(tree, k))).argmin(axis=1)
                    for half, tree in zip(halves, trees, strict=True)
                )
            )
            for k in ks
        ]


def _centroids(rows: Rows, cluster: Numbers | NDArray[np.int32]) -> Rows:
    means: Rows = (_members(cluster).T @ rows) / np.bincount(cluster)[:, None]
    return means


def _members(cluster: Numbers | NDArray[np.int32]) -> csr_matrix:
    """Ones where a row is of a cluster, shape (n_rows, n_clusters)."""
    return csr_matrix((np.ones(len(cluster)), (np.arange(len(cluster)), cluster)))


def _compressed(cluster: NDArray[np.int32]) -> Numbers:
    """Clusters numbered again without those that no row is in."""
    return np.unique(cluster, return_inverse=True)[1]
