"""``python -m recsys_assets_tests.bench.reranking``: what diversity and exploration cost and bring, on published lists.

Judged lists of the hybrid (`holdout_recommendations`, of models that never saw test rows) are re-ranked as the server
re-ranks served ones, and NDCG@10 on test likes is compared, over the same users, with that of the lists as they were.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.interactions import positions
from recsys_assets.algorithms.metrics import hit_matrix, ranking_metrics
from recsys_assets.algorithms.reranking import explore, maximal_marginal_relevance
from recsys_assets.algorithms.significance import paired_difference
from recsys_assets.serving.recommending import EXPLORED_FROM
from recsys_assets.settings import data_folder
from recsys_assets.storage.publishing import Publisher
from recsys_assets.storage.serving_arrays import ServingArrays, read_serving_arrays

__all__ = ["main"]

K = 10
DIVERSITIES = (0.1, 0.3, 0.5, 0.7)
EPSILONS = (0.05, 0.1, 0.2)
Items = NDArray[np.int32]
Rerank = Callable[[int, Items, NDArray[np.float64]], Items]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m recsys_assets_tests.bench.reranking", description=__doc__
    )
    parser.add_argument("--dataset", default="sample")
    dataset = parser.parse_args(arguments).dataset
    current = Publisher(data_folder() / "published", dataset).current()
    if current is None:
        raise FileNotFoundError(f"{dataset} has not been published: recsys run --dataset {dataset}")
    arrays = read_serving_arrays(current.arrays)
    Console().print(_table(dataset, arrays, _judged(current.path, arrays)))
    return 0


@dataclass(frozen=True)
class Judged:
    """Of users with test likes: lists and scores, shape (n_users, depth); test likes; what they had rated before."""

    items: Items
    scores: NDArray[np.float64]
    relevant: csr_matrix
    seen: list[NDArray[np.integer]]


def _judged(path: Path, arrays: ServingArrays) -> Judged:
    least, item_ids = arrays.models.min_rating, arrays.models.item_ids
    with duckdb.connect(str(path), read_only=True) as connection:
        listed = connection.execute(
            "select user_id, rank, movie_id, score from holdout_recommendations where strategy = 'hybrid' "
            "and user_id in (select user_id from holdout where part = 'test' and rating >= ?)",
            [least],
        ).fetchnumpy()
        held_out = connection.execute(
            "select user_id, movie_id, rating from holdout where part = 'test'"
        ).fetchnumpy()
    users = np.unique(listed["user_id"])
    place = np.asarray(listed["rank"]).astype(int) - 1
    shape = users.size, int(place.max()) + 1
    items, scores = np.full(shape, -1, dtype=np.int32), np.full(shape, -np.inf)
    row = positions(users, listed["user_id"], what="user_id")
    items[row, place] = positions(arrays.models.item_ids, listed["movie_id"], what="movie_id")
    scores[row, place] = listed["score"]
    known = np.isin(held_out["user_id"], users)
    user = positions(users, held_out["user_id"][known], what="user_id")
    item = positions(item_ids, held_out["movie_id"][known], what="movie_id")
    liked = np.asarray(held_out["rating"])[known] >= least
    ones = np.ones(np.count_nonzero(liked), dtype=np.float32)
    relevant = csr_matrix((ones, (user[liked], item[liked])), shape=(users.size, item_ids.size))
    rated = arrays.models.ratings[positions(arrays.models.user_ids, users, what="user_id")]
    seen = [
        np.setdiff1d(rated.indices[rated.indptr[row] : rated.indptr[row + 1]], item[user == row])
        for row in range(users.size)
    ]
    return Judged(items, scores, relevant, seen)


def _table(dataset: str, arrays: ServingArrays, judged: Judged) -> Table:
    items, scores, relevant = judged.items, judged.scores, judged.relevant
    vectors, popular = arrays.models.content_vectors, arrays.catalogue.popular[:EXPLORED_FROM]

    def diverse(d: float) -> Rerank:
        return lambda _, row, score: row[
            maximal_marginal_relevance(score, vectors[row], diversity=d, n=row.size)
        ]

    def explored(epsilon: float) -> Rerank:
        def way(user: int, row: Items, _: NDArray[np.float64]) -> Items:
            unseen = popular[~np.isin(popular, judged.seen[user])]
            return explore(row, unseen, epsilon=epsilon, seed=user)[0].astype(np.int32)

        return way

    ways: dict[str, Rerank] = {
        "as ranked": lambda _, row, __: row,
        **{f"diversity {d:g}": diverse(d) for d in DIVERSITIES},
        **{f"explore {epsilon:g}": explored(epsilon) for epsilon in EPSILONS},
    }
    table = Table(title=f"hybrid lists of {len(items):,} users of {dataset}, first {K} places, test likes")
    for heading in ("", f"NDCG@{K}", "difference", "95 % interval", "likeness within lists", "µs a list"):
        table.add_column(heading)
    before = None
    for name, way in ways.items():
        started = time.perf_counter()
        lists = _reranked(items, scores, way)
        micros = (time.perf_counter() - started) / len(items) * 1e6
        ndcg = ranking_metrics(hit_matrix(lists, relevant), np.diff(relevant.indptr), k=K)["ndcg"]
        before = ndcg if before is None else before
        found = paired_difference(ndcg, before, n_resamples=2000, confidence=0.95, seed=0)
        table.add_row(
            name,
            f"{ndcg.mean():.4f}",
            f"{float(found.value):+.4f}",
            f"{float(found.low):+.4f} to {float(found.high):+.4f}",
            f"{_likeness(lists[:, :K], vectors):.3f}",
            f"{micros:.0f}",
        )
    return table


def _reranked(items: Items, scores: NDArray[np.float64], way: Rerank) -> Items:
    lists = np.full_like(items, -1)
    for user, row in enumerate(items):
        kept = row >= 0
        lists[user, : np.count_nonzero(kept)] = way(user, row[kept], scores[user, kept])
    return lists


def _likeness(lists: Items, vectors: NDArray[np.float32]) -> float:
    """Mean cosine of the pairs of movies of a list, mean over users."""
    means = []
    for row in lists:
        own = vectors[row[row >= 0]].astype(np.float64)
        unit = own / np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-12)
        pairs = unit @ unit.T
        means.append(pairs[np.triu_indices(len(own), 1)].mean())
    return float(np.mean(means))


if __name__ == "__main__":
    sys.exit(main())
