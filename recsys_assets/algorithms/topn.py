"""Top-N lists from inner products, by implicit's C++ partial sort."""

from __future__ import annotations

import numpy as np
from implicit.cpu.topk import topk
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, identity
from threadpoolctl import threadpool_limits

from recsys_assets.algorithms.embeddings import Embeddings, Vectors
from recsys_assets.algorithms.interactions import SparseRows
from recsys_assets.algorithms.metrics import hit_matrix, ranking_metrics

Items = NDArray[np.int32]
Lists = tuple[Items, Vectors]

NO_ITEM = np.int32(-1)
NO_SCORE = np.float32(-np.inf)
_USERS_PER_BLOCK = 256


def recommend(embeddings: Embeddings, seen: SparseRows, *, n: int) -> Lists:
    """List each user's n best items that are recommendable and that the user has not seen.

    Who is listed is decided by inner products in float32, among equal ones by item number. The scores of the
    listed are then summed again in float64, and lists ordered by them, descending; equal scores by item
    number. Two items whose scores differ by less than float32 resolves may so stand on either side of the cut.
    A list with fewer than n candidates ends in item −1 with score −∞. A user whose vector is zero gets an
    empty list (all −1): the scores say nothing of them, so they are to be served as cold users.

    Parameters
    ----------
    seen : shape (n_users, n_items); stored entries are left out whatever their value

    Returns
    -------
    items : shape (n_users, n), item numbers
    scores : shape (n_users, n)
    """
    candidates = np.flatnonzero(embeddings.recommendable)
    return _best_inner_products(
        embeddings.user_vectors, embeddings.item_vectors[candidates], candidates, seen[:, candidates], n=n
    )


def similar_items(item_vectors: Vectors, *, n: int, eligible: NDArray[np.bool_]) -> Lists:
    """List each item's n nearest eligible items by cosine, without the item itself.

    The similarity is v·w / (‖v‖ ‖w‖). Order, ties and padding are those of `recommend`. Rows of zeros and
    items that are not eligible have no neighbours and are nobody's neighbour.

    Parameters
    ----------
    item_vectors : shape (n_items, n_dims)
    eligible : shape (n_items,), bool

    Returns
    -------
    neighbours : shape (n_items, n), item numbers
    similarity : shape (n_items, n), −1 to 1
    """
    norms = np.linalg.norm(item_vectors, axis=1)
    candidates = np.flatnonzero(eligible & (norms > 0))
    unit = item_vectors[candidates] / norms[candidates, None]
    itself = identity(candidates.size, dtype=np.float32, format="csr")
    lists = _best_inner_products(unit, unit, candidates, csr_matrix(itself), n=n)
    return _spread(lists, rows=candidates, n_rows=norms.size)


def ndcg_of_lists(embeddings: Embeddings, seen: SparseRows, relevant: SparseRows, *, k: int) -> Vectors:
    """Return NDCG@k of `recommend`'s lists, one value for each user with a relevant item."""
    n_relevant = np.diff(relevant.indptr)
    items, _ = recommend(embeddings, seen, n=k)
    ndcg = ranking_metrics(hit_matrix(items, relevant), n_relevant, k=k)["ndcg"]
    return np.asarray(ndcg[n_relevant > 0], dtype=np.float32)


def _best_inner_products(
    queries: Vectors, vectors: Vectors, numbers: NDArray[np.intp], excluded: SparseRows, *, n: int
) -> Lists:
    known = np.flatnonzero(queries.any(axis=1))
    lists = np.full((len(queries), n), NO_ITEM), np.full((len(queries), n), NO_SCORE)
    if known.size and numbers.size:
        best = _top_k(queries[known], vectors, csr_matrix(excluded[known]), n=n)
        found, scores = _renumber(_rescored(queries[known], vectors, best), numbers)
        lists[0][known, : found.shape[1]], lists[1][known, : found.shape[1]] = found, scores
    return lists


def _top_k(queries: Vectors, vectors: Vectors, excluded: SparseRows, *, n: int) -> Lists:
    # One place more than asked for shows whether the cut falls between equal scores.
    n_places = min(n + 1, len(vectors))
    with threadpool_limits(limits=1, user_api="blas"):
        items, scores = topk(vectors, queries, n_places, filter_query_items=excluded)
        order = np.lexsort((items, -scores), axis=-1)
        items = np.take_along_axis(items, order, axis=1)
        scores = np.take_along_axis(scores, order, axis=1)
        empty = scores == -np.finfo(scores.dtype).max
        items[empty], scores[empty] = NO_ITEM, NO_SCORE
        if n_places > n:
            tied = np.flatnonzero((scores[:, n - 1] == scores[:, n]) & ~empty[:, n])
            for block in np.split(tied, range(_USERS_PER_BLOCK, tied.size, _USERS_PER_BLOCK)):
                items[block, :n], scores[block, :n] = _break_ties(
                    queries[block] @ vectors.T, excluded[block], items[block, :n]
                )
    return items[:, :n], scores[:, :n]


def _rescored(queries: Vectors, vectors: Vectors, lists: Lists) -> Lists:
    """Sum the listed items' scores again in float64: matrix products in float32 are off in the sixth digit."""
    items, scores = lists[0].copy(), lists[1].copy()
    for first in range(0, len(queries), _USERS_PER_BLOCK):
        block = slice(first, first + _USERS_PER_BLOCK)
        exact = np.einsum("ud,und->un", queries[block].astype(np.float64), vectors[items[block]])
        exact = np.where(items[block] == NO_ITEM, NO_SCORE, exact).astype(np.float32)
        order = np.lexsort((items[block], -exact), axis=-1)
        items[block] = np.take_along_axis(items[block], order, axis=1)
        scores[block] = np.take_along_axis(exact, order, axis=1)
    return items, scores


def _break_ties(scores: Vectors, excluded: SparseRows, listed: Items) -> Lists:
    """Choose the best of full rows of scores, the smaller number among equals, given any best list."""
    left_out = excluded.tocoo()
    scores[left_out.row, left_out.col] = NO_SCORE
    enough = np.take_along_axis(scores, listed, axis=1).min(axis=1, initial=np.inf, keepdims=True)
    row, item = np.nonzero(scores >= enough)
    return _ranked_rows(row, item, scores[row, item], n_rows=len(scores), n=listed.shape[1])


def _ranked_rows(
    row: NDArray[np.integer],
    item: NDArray[np.integer],
    score: NDArray[np.floating],
    *,
    n_rows: int,
    n: int,
) -> Lists:
    """Turn (row, item, score) entries into lists of the n best for each row."""
    order = np.lexsort((item, -score, row))
    row, item, score = row[order], item[order], score[order]
    place = np.arange(row.size) - np.searchsorted(row, row)
    kept = place < n
    items, scores = np.full((n_rows, n), NO_ITEM), np.full((n_rows, n), NO_SCORE)
    items[row[kept], place[kept]] = item[kept]
    scores[row[kept], place[kept]] = score[kept]
    return items, scores


def _renumber(lists: Lists, numbers: NDArray[np.intp]) -> Lists:
    items, scores = lists
    return np.where(items == NO_ITEM, NO_ITEM, numbers[items]).astype(np.int32), scores


def _spread(lists: Lists, *, rows: NDArray[np.intp], n_rows: int) -> Lists:
    """Put lists of some rows at their places among all rows; the others are empty."""
    items, scores = lists
    all_items = np.full((n_rows, items.shape[1]), NO_ITEM)
    all_scores = np.full((n_rows, items.shape[1]), NO_SCORE)
    all_items[rows], all_scores[rows] = items, scores
    return all_items, all_scores
