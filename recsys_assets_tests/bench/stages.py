"""What is timed: each stage of the graph at scale, and the same work by the library called directly.

A stage reads what earlier ones left in the folder, does its work under the watch, and leaves its own result there, so
that each can run in a process of its own. Reading and saving are not timed, but count towards the process's peak.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import duckdb
import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from recsys_assets.algorithms.als import fit_als
from recsys_assets.algorithms.embeddings import Embeddings
from recsys_assets.algorithms.interactions import Interactions, build_interactions
from recsys_assets.algorithms.metrics import hit_matrix, ranking_metrics
from recsys_assets.algorithms.topn import recommend, similar_items
from recsys_assets.storage.arrays import load_artifact, save_artifact
from recsys_assets.storage.layouts import LAYOUTS
from recsys_assets.storage.loading import FileToRead, load_table
from recsys_assets.storage.warehouse import Warehouse, replace_tables
from recsys_assets_tests.bench.data import Size, World, write_data_set

__all__ = ["LIBRARY", "STAGES", "Watch", "generate"]

SEED = 7
N_FACTORS, ITERATIONS, REGULARIZATION, ALPHA = 64, 15, 50.0, 2.0
MIN_RATING = 4.0
TOP_N = 10
N_HELD_OUT_PER_USER = 10


@dataclass
class Watch:
    """Wall and processor seconds spent inside its ``with`` block; the latter over all threads."""

    wall_s: float = 0.0
    cpu_s: float = 0.0

    def __enter__(self) -> Self:
        self._started = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall_s = time.perf_counter() - self._started[0]
        self.cpu_s = time.process_time() - self._started[1]


@dataclass(frozen=True)
class TopLists:
    """Lists of items, shape (n_users, n)."""

    items: np.ndarray


def generate(folder: Path, size: Size, watch: Watch) -> None:
    with watch:
        write_data_set(folder, size, seed=SEED)


def ingest(folder: Path, watch: Watch) -> None:
    """CSV files into the warehouse's tables, and from there into the matrix, as the graph does it."""
    warehouse = Warehouse(folder)
    warehouse.path("bench").unlink(missing_ok=True)
    with watch:
        for raw in LAYOUTS["movielens-csv"]:
            if not raw.optional:
                file = FileToRead(folder / raw.file, raw.file, trusted=True, raw=raw)
                with warehouse.connect("bench") as connection:
                    replace_tables(connection, load_table(connection, raw.table, [file]))
        rows = warehouse.arrays("bench", "select user_id, movie_id, rating from ratings")
        interactions = build_interactions(
            rows["user_id"],
            rows["movie_id"],
            rows["rating"],
            user_ids=rows["user_id"],
            item_ids=warehouse.arrays("bench", "select movie_id from movies")["movie_id"],
        )
    save_artifact(folder / "interactions.npz", interactions)


def ingest_by_libraries(folder: Path, watch: Watch) -> None:
    """DuckDB's typed ``read_csv`` straight into SciPy's matrix, raw ids as row numbers, no table kept."""
    types = "{'userId': 'BIGINT', 'movieId': 'BIGINT', 'rating': 'DOUBLE', 'timestamp': 'BIGINT'}"
    with watch, duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        rows = connection.execute(
            f"from read_csv(?, auto_detect = false, header = true, delim = ',', columns = {types})",
            [str(folder / "ratings.csv")],
        ).fetchnumpy()
        user, movie, rating = (np.asarray(rows[name]) for name in ("userId", "movieId", "rating"))
        csr_matrix((rating.astype(np.float32), (user, movie)))


def als(folder: Path, watch: Watch) -> None:
    interactions = load_artifact(folder / "interactions.npz", Interactions)
    likes = interactions.likes(MIN_RATING)
    with watch:
        model = fit_als(
            likes,
            user_ids=interactions.user_ids,
            item_ids=interactions.item_ids,
            n_factors=N_FACTORS,
            regularization=REGULARIZATION,
            alpha=ALPHA,
            iterations=ITERATIONS,
            seed=SEED,
        )
    save_artifact(folder / "als.npz", model)


def als_by_library(folder: Path, watch: Watch) -> None:
    likes = load_artifact(folder / "interactions.npz", Interactions).likes(MIN_RATING)
    with threadpool_limits(limits=1, user_api="blas"):
        model = _library_model()
        with watch:
            model.fit(likes, show_progress=False)


def top_n(folder: Path, watch: Watch) -> None:
    """Lists for all users, without what they have seen."""
    model = load_artifact(folder / "als.npz", Embeddings)
    seen = load_artifact(folder / "interactions.npz", Interactions).ratings
    with watch:
        items, _ = recommend(model, seen, n=TOP_N)
    save_artifact(folder / "lists.npz", TopLists(items))


def top_n_by_library(folder: Path, watch: Watch) -> None:
    seen = load_artifact(folder / "interactions.npz", Interactions).ratings
    with threadpool_limits(limits=1, user_api="blas"):
        model = _fitted_library_model(folder)
        with watch:
            model.recommend(np.arange(seen.shape[0]), seen, N=TOP_N)


def neighbours(folder: Path, watch: Watch) -> None:
    """Each item's nearest items by the cosine of their factors."""
    model = load_artifact(folder / "als.npz", Embeddings)
    with watch:
        similar_items(model.item_vectors, n=TOP_N, eligible=model.recommendable)


def neighbours_by_library(folder: Path, watch: Watch) -> None:
    with threadpool_limits(limits=1, user_api="blas"):
        model = _fitted_library_model(folder)
        with watch, np.errstate(invalid="ignore"):
            model.similar_items(np.arange(len(model.item_factors)), N=TOP_N + 1)


def evaluation(folder: Path, watch: Watch) -> None:
    """Metrics of all users' lists against pairs drawn anew from the same popularity."""
    lists = load_artifact(folder / "lists.npz", TopLists).items
    interactions = load_artifact(folder / "interactions.npz", Interactions)
    world = World(Size.of(folder), seed=SEED)
    pairs = np.concatenate(list(world.draw_pairs(N_HELD_OUT_PER_USER * interactions.n_users)))
    held_out = np.divmod(pairs, interactions.n_items)
    relevant = csr_matrix((np.ones(pairs.size, np.float32), held_out), shape=interactions.ratings.shape)
    with watch:
        ranking_metrics(hit_matrix(lists, relevant), np.diff(relevant.indptr), k=TOP_N)


def _library_model() -> AlternatingLeastSquares:
    return AlternatingLeastSquares(
        factors=N_FACTORS,
        regularization=REGULARIZATION,
        alpha=ALPHA,
        iterations=ITERATIONS,
        random_state=SEED,
    )


def _fitted_library_model(folder: Path) -> AlternatingLeastSquares:
    ours, theirs = load_artifact(folder / "als.npz", Embeddings), _library_model()
    theirs.user_factors, theirs.item_factors = ours.user_vectors, ours.item_vectors
    return theirs


Stage = Callable[[Path, Watch], None]

STAGES: dict[str, Stage] = {
    "ingest": ingest,
    "als": als,
    "top_n": top_n,
    "neighbours": neighbours,
    "evaluation": evaluation,
}
"""In the order in which each can use the results of those before it."""

LIBRARY: dict[str, Stage] = {
    "ingest": ingest_by_libraries,
    "als": als_by_library,
    "top_n": top_n_by_library,
    "neighbours": neighbours_by_library,
}
"""The same work by the library called directly, where there is one that does it."""
