"""Nearest items by cosine: over all items, within clusters, and approximately where there are very many."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.embeddings import Embeddings, Vectors
from recsys_assets.algorithms.sampling import sample_users
from recsys_assets.algorithms.topn import NO_ITEM, NO_SCORE, Items, Lists, recommend, similar_items

__all__ = [
    "APPROXIMATE",
    "EXACT",
    "NeighborSearch",
    "approximate_neighbors",
    "approximation_is_installed",
    "nearest",
    "neighbor_recall",
    "neighbors_within_clusters",
    "search_neighbors",
]

EXACT, APPROXIMATE = "exact", "approximate"

_LINKS = 32
_BREADTH_OF_BUILDING = 128
_PLACES_BEYOND = 16


@dataclass(frozen=True)
class NeighborSearch:
    """Neighbours of every item, how they were found, and how many of the true ones they are.

    Attributes
    ----------
    lists : those of `similar_items`, or nearly so
    how : exact or approximate
    recall : mean share of an item's exact neighbours that were found, over the sample; 1 where the search is exact
    n_sampled : items that the recall is a mean over; 0 where nothing needed measuring
    """

    lists: Lists
    how: str
    recall: float
    n_sampled: int


def neighbors_within_clusters(vectors: Vectors, cluster: NDArray[np.integer], *, n: int) -> Lists:
    """List each item's n nearest items of its own cluster by cosine, as `similar_items` does over all items.

    An item that shares its cluster with fewer than n others has a list that ends in −1.

    Parameters
    ----------
    vectors : shape (n_items, n_dims); a row of zeros has no neighbours
    cluster : shape (n_items,)
    """
    items = np.full((len(vectors), n), NO_ITEM)
    scores = np.full((len(vectors), n), NO_SCORE)
    for members in _members(cluster):
        found, similarity = similar_items(vectors[members], n=n, eligible=np.ones(members.size, dtype=bool))
        items[members] = np.where(found == NO_ITEM, NO_ITEM, members[found])
        scores[members] = similarity
    return items, scores


def nearest(vectors: Vectors, rows: NDArray[np.integer], *, n: int) -> Lists:
    """List the n nearest items of some items only, as `similar_items` does of all of them.

    Returns
    -------
    neighbours, similarity : shape (len(rows), n)
    """
    unit = _unit(vectors)
    itself = csr_matrix(
        (np.ones(rows.size, dtype=np.float32), (np.arange(rows.size), rows)), shape=(rows.size, len(vectors))
    )
    known = np.any(unit != 0, axis=1)
    model = Embeddings(rows.astype(np.int64), np.arange(len(vectors)), unit[rows], unit, known)
    return recommend(model, itself, n=n)


def search_neighbors(
    vectors: Vectors, *, n: int, approximate_above: int, breadth: int, n_sampled: int, seed: int
) -> NeighborSearch:
    """List each item's n nearest items by cosine: exactly, or approximately where there are very many.

    The exact search takes time that grows with the square of the number of items, in blocks, so that its memory does
    not. The approximate one is used where there are more than `approximate_above` items and usearch is installed
    (the extra `ann`), and its recall is measured against the exact search on a sample of the items.

    Parameters
    ----------
    vectors : shape (n_items, n_dims)
    breadth : candidates that the approximate search keeps in view; more of them raise its recall and its time
    n_sampled : items that its recall is measured on, at most
    seed : of the sample
    """
    if len(vectors) <= approximate_above or not approximation_is_installed():
        everything = np.ones(len(vectors), dtype=bool)
        return NeighborSearch(similar_items(vectors, n=n, eligible=everything), EXACT, 1.0, 0)
    lists = approximate_neighbors(vectors, n=n, breadth=breadth)
    sample = sample_users(len(vectors), size=n_sampled, seed=seed)
    recall = neighbor_recall(lists[0][sample], nearest(vectors, sample, n=n)[0])
    return NeighborSearch(lists, APPROXIMATE, recall, sample.size)


def approximation_is_installed() -> bool:
    """Whether `approximate_neighbors` can be used: it needs the extra `ann`."""
    return importlib.util.find_spec("usearch") is not None


def approximate_neighbors(vectors: Vectors, *, n: int, breadth: int) -> Lists:
    """List about the n nearest items of each by cosine, from a navigable small-world graph (usearch).

    Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using hierarchical navigable small
    world graphs", 2018. The graph is built in the order of the items by one thread, so that it is the same each time.
    What it finds is ranked by the exact cosine; order, ties and padding are those of `similar_items`.

    Parameters
    ----------
    vectors : shape (n_items, n_dims); a row of zeros has no neighbours and is nobody's neighbour
    breadth : candidates in view while searching, at least n

    Raises
    ------
    ImportError
        If usearch isn't installed.
    """
    items = np.full((len(vectors), n), NO_ITEM)
    scores = np.full((len(vectors), n), NO_SCORE)
    unit = _unit(vectors)
    known = np.flatnonzero(np.any(unit != 0, axis=1))
    if known.size > 1:
        found = _search(unit[known], n_places=min(n + _PLACES_BEYOND, known.size), breadth=breadth)
        items[known], scores[known] = _exactly_ranked(unit, known, known[found], n=n)
    return items, scores


def neighbor_recall(found: Items, truth: Items) -> float:
    """Return the mean share of an item's true neighbours that were found.

    Items without a true neighbour don't count; NaN where none has any.

    Parameters
    ----------
    found : shape (n_items, n), item numbers, −1 where there is none
    truth : shape (n_items, k), in the same form
    """
    hit = (found[:, :, None] == truth[:, None, :]) & (truth != NO_ITEM)[:, None, :]
    n_true = np.count_nonzero(truth != NO_ITEM, axis=1)
    judged = n_true > 0
    shares = hit.any(axis=1).sum(axis=1)[judged] / n_true[judged]
    return float(shares.mean()) if shares.size else float("nan")


def _members(cluster: NDArray[np.integer]) -> list[NDArray[np.intp]]:
    order = np.argsort(cluster, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(cluster[order])) + 1)


def _unit(vectors: Vectors) -> Vectors:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    return unit


def _search(unit: Vectors, *, n_places: int, breadth: int) -> NDArray[np.intp]:
    """Row numbers of what is nearest to each row, shape (n_rows, n_places); places left empty hold the row itself."""
    index = _usearch().Index(
        ndim=unit.shape[1],
        metric="ip",
        dtype="f32",
        connectivity=_LINKS,
        expansion_add=_BREADTH_OF_BUILDING,
        expansion_search=max(breadth, n_places),
    )
    index.add(np.arange(len(unit), dtype=np.uint64), unit, threads=1)
    found = index.search(unit, n_places, threads=1)
    filled = np.arange(n_places) < np.asarray(found.counts)[:, None]
    return np.where(filled, found.keys, np.arange(len(unit))[:, None]).astype(np.intp)


def _exactly_ranked(unit: Vectors, rows: NDArray[np.intp], candidates: NDArray[np.intp], *, n: int) -> Lists:
    """Rank each row's candidates by inner product, the smaller number among equals, the row itself left out."""
    scores = np.stack(
        [np.einsum("rd,rd->r", unit[rows], unit[column]) for column in candidates.T], axis=1
    ).astype(np.float32)
    scores[candidates == rows[:, None]] = NO_SCORE
    order = np.lexsort((candidates, -scores), axis=-1)[:, :n]
    items, scores = np.take_along_axis(candidates, order, axis=1), np.take_along_axis(scores, order, axis=1)
    padding = ((0, 0), (0, n - items.shape[1]))
    items = np.pad(np.where(scores == NO_SCORE, NO_ITEM, items), padding, constant_values=NO_ITEM)
    return items.astype(np.int32), np.pad(scores, padding, constant_values=NO_SCORE)


def _usearch() -> Any:
    try:
        return importlib.import_module("usearch.index")
    except ModuleNotFoundError as error:
        raise ImportError("usearch is not installed: install the extra, recsys-assets[ann]") from error
