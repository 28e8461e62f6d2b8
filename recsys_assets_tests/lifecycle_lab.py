"""A made-up catalogue in which the content engine's versions are registered, judged and promoted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from recsys_assets.algorithms.catalogue.features import CatalogueFeatures
from recsys_assets.algorithms.catalogue.ward import CatalogueClusters
from recsys_assets.contracts import TABLES
from recsys_assets.definitions import defs
from recsys_assets.defs.lifecycle.store import model_registry
from recsys_assets.defs.resources import build_resources
from recsys_assets.partitions import DATASETS
from recsys_assets.storage.warehouse import Warehouse
from recsys_assets_tests.graph import key

__all__ = [
    "GOOD",
    "MOVIE_IDS",
    "THRESHOLDS",
    "TMDB_IDS",
    "VECTORS",
    "Lab",
    "clusters",
    "features",
    "figure_tables",
]

TMDB_IDS = np.arange(10, 16)
MOVIE_IDS = np.array([1, 2, -1, 4, 5, 6])
VECTORS = np.array([(3, 0), (3, 1), (3, 2), (0, 2), (1, 2), (2, 2.5)], dtype=np.float32)
GOOD = {"silhouette": 0.2, "lift": 1.5, "lift_ci_low": 1.2}
THRESHOLDS = {"catalogue_silhouette_min": 0.05, "catalogue_lift_over_same_genre_min": 1.0}
OURS = (
    *("content_engine_version", "model_versions", "content_engine_champion"),
    *("live/content_global_similar_movies", "live/content_cluster_similar_movies"),
)


def features(vectors: np.ndarray[Any, Any] = VECTORS) -> CatalogueFeatures:
    return CatalogueFeatures(TMDB_IDS[: len(vectors)], vectors, np.array([0.5]), 1, 1, 0)


def clusters(n: int = len(TMDB_IDS)) -> CatalogueClusters:
    return CatalogueClusters(TMDB_IDS[:n], np.array([0, 0, 0, 1, 1, 1], dtype=np.int32)[:n])


def figure_tables(figures: Mapping[str, float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables that hold these figures, and others beside them."""
    evidence = [(10, 0.9, 0.5, 0.1, False), (2, figures["silhouette"], 0.9, 0.4, True)]
    lifts = [
        ("random", 0.4, 0.3),
        ("content_cluster", 9.0, 8.0),
        ("content_global", figures["lift"], figures["lift_ci_low"]),
    ]
    return (
        pd.DataFrame(evidence, columns=TABLES["catalogue_cluster_evidence"].column_names),
        pd.DataFrame(
            [
                (method, "lift_over_same_genre", "same_genre", lift, low, lift + 1, 5, 20, 9)
                for method, lift, low in lifts
            ],
            columns=TABLES["catalogue_relevance"].column_names,
        ),
    )


FEW = {"n": 1, "min_likes": 1, "least_resamples": 200}
"""Of five movies only the nearest neighbour tells engines apart."""


@dataclass
class Lab:
    """A data folder in which what is upstream of the lifecycle is made up."""

    data: Path
    instance: dg.DagsterInstance = field(default_factory=dg.DagsterInstance.ephemeral)

    def run(
        self, vectors: np.ndarray[Any, Any] = VECTORS, *, only: str | None = None, **figures: float
    ) -> dg.ExecuteInProcessResult:
        """Make the versions, the decision and the lists of these vectors and figures, with their checks."""
        ours = {key(name) for name in OURS}
        shipped = defs()
        assets = [
            one for one in shipped.assets or [] if isinstance(one, dg.AssetsDefinition) and one.keys & ours
        ]
        checks = [
            one for one in shipped.asset_checks or [] if {spec.asset_key for spec in one.check_specs} & ours
        ]
        return dg.materialize(
            [*_upstream(vectors, GOOD | figures), *assets, *checks],
            instance=self.instance,
            selection=[key(only)] if only else None,
            partition_key="sample",
            resources=build_resources(data=self.data, archives=None),
            run_config={
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                "ops": {} if only not in (None, "model_versions") else {"model_versions": {"config": FEW}},
            },
            raise_on_error=False,
        )

    def versions(self) -> list[dict[str, Any]]:
        rows = Warehouse(self.data / "warehouse").frame("sample", "from model_versions order by version")
        return rows.astype(object).where(rows.notna(), None).to_dict("records")

    def champion(self) -> int | None:
        return model_registry(self.data, "sample").champion()

    def similar(self, method: str) -> list[tuple[int, int]]:
        """(movie_id, similar_movie_id) in the order of movies and ranks."""
        rows = Warehouse(self.data / "warehouse").frame(
            "sample", f"from live__content_{method}_similar_movies order by movie_id, rank"
        )
        return list(rows[["movie_id", "similar_movie_id"]].itertuples(index=False, name=None))

    def threshold(self, gate: str, value: float) -> None:
        path = self.data / "datasets.toml"
        text = "".join(f"{name} = {THRESHOLDS[name]}\n" for name in THRESHOLDS if name != gate)
        path.write_text(_REGISTRY.format(f"{text}{gate} = {value}\n"), encoding="utf-8")


_REGISTRY = """
[gates]
{}
[datasets.sample]
title = "made up"
layout = "movielens-csv"
licence = "none"
source = {{ folder = "sample" }}
"""


def _upstream(vectors: np.ndarray[Any, Any], figures: Mapping[str, float]) -> list[dg.AssetsDefinition]:
    n = len(vectors)
    movies = pd.DataFrame(None, index=range(n), columns=TABLES["catalogue_movies"].column_names)
    movies["tmdb_id"], movies["title"] = TMDB_IDS[:n], list("ABCDEF")[:n]
    movies["movie_id"] = pd.array(MOVIE_IDS[:n], dtype="Int64")
    movies["movie_id"] = movies["movie_id"].where(MOVIE_IDS[:n] >= 0)
    evidence, relevance = figure_tables(figures)
    tables = {
        "ratings": _ratings(),
        "catalogue_genres": pd.DataFrame({"tmdb_id": TMDB_IDS, "genre": "Drama"}),
        "movies": pd.DataFrame({"movie_id": range(1, 10), "title": "X", "year": 2000, "genres": [[]] * 9}),
        "catalogue_movies": movies,
        "catalogue_figures": pd.DataFrame(columns=TABLES["catalogue_figures"].column_names),
        "catalogue_cluster_evidence": evidence if n else evidence.iloc[:0],
        "catalogue_relevance": relevance if n else relevance.iloc[:0],
    }
    arrays = {"catalogue_features": features(vectors), "catalogue_clusters": clusters(n)}
    made = [
        *((name, "io_manager", table) for name, table in tables.items()),
        *((name, "arrays", one) for name, one in arrays.items()),
    ]

    def asset(name: str, manager: str, value: Any) -> dg.AssetsDefinition:
        @dg.asset(name=name, io_manager_key=manager, partitions_def=DATASETS)
        def make() -> Any:
            return value

        return make

    return [asset(*one) for one in made]


def _ratings() -> pd.DataFrame:
    """Of thirty users half like the first two movies, the others the last three: neighbours should be of one half."""
    liked = [(user, movie) for user in range(30) for movie in ((1, 2) if user % 2 else (4, 5, 6))]
    table = pd.DataFrame(liked, columns=["user_id", "movie_id"])
    return table.assign(rating=5.0, rated_at=pd.Timestamp("2020-01-01"))
