"""Movies like this one, by the catalogue's vectors: over the whole catalogue, and within clusters."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field

from recsys_assets.algorithms.catalogue.features import CatalogueFeatures
from recsys_assets.algorithms.catalogue.neighbors import (
    EXACT,
    NeighborSearch,
    neighbor_recall,
    neighbors_within_clusters,
    search_neighbors,
)
from recsys_assets.algorithms.catalogue.ward import CatalogueClusters
from recsys_assets.algorithms.interactions import Ids
from recsys_assets.algorithms.topn import Lists
from recsys_assets.contracts import TABLES
from recsys_assets.defs.common import artifact, spec
from recsys_assets.defs.topn import TopNConfig, similarity_rows
from recsys_assets.defs.versions import code_version
from recsys_assets.partitions import DATASETS

__all__ = ["GROUP", "NeighborsConfig"]

CODE = code_version(__name__)
GROUP = "catalogue"
CUT_OFFS = (5, 10, 20)


class NeighborsConfig(TopNConfig):
    """How many neighbours, and how they are searched for."""

    approximate_above: int = Field(
        100_000,
        ge=1,
        description="with more movies the search is approximate, if the extra ann is installed; "
        "with 40 thousand the exact one is still the faster",
    )
    breadth: int = Field(64, ge=1, description="candidates that the approximate search keeps in view")
    n_sampled: int = Field(
        1000, ge=1, description="movies that the approximate search's recall is measured on"
    )
    seed: int = Field(0, ge=0, description="seed of that sample")


@dg.multi_asset(
    name="find_catalogue_neighbors",
    outs={
        name: dg.AssetOut.from_spec(
            spec(
                name,
                group_name=GROUP,
                kinds={"duckdb", "table"},
                description=TABLES[name].comment,
                code_version=CODE,
            )
        )
        for name in ("catalogue_similar_movies", "catalogue_recall")
    },
    partitions_def=DATASETS,
)
def find_catalogue_neighbors(
    config: NeighborsConfig, catalogue_features: CatalogueFeatures, catalogue_clusters: CatalogueClusters
) -> Iterator[dg.MaterializeResult[Any]]:
    """List each movie's nearest in the catalogue and in its cluster; measure what the restriction misses."""
    vectors, tmdb_ids = catalogue_features.vectors, catalogue_features.tmdb_ids
    everywhere = search_neighbors(
        vectors,
        n=config.n,
        approximate_above=config.approximate_above,
        breadth=config.breadth,
        n_sampled=config.n_sampled,
        seed=config.seed,
    )
    within = neighbors_within_clusters(vectors, catalogue_clusters.cluster, n=config.n)
    lists = {"content_global": everywhere.lists, "content_cluster": within}
    similar = pd.concat([_rows(method, own, tmdb_ids) for method, own in lists.items()], ignore_index=True)
    recall = _recall_rows(everywhere, within, config.n)
    yield artifact(similar, _how(everywhere, config))._replace(
        asset_key=dg.AssetKey("catalogue_similar_movies")
    )
    yield artifact(recall, {"recall": dict(zip(recall["search"], recall["recall"], strict=True))})._replace(
        asset_key=dg.AssetKey("catalogue_recall")
    )


def _how(search: NeighborSearch, config: NeighborsConfig) -> dict[str, Any]:
    large = len(search.lists[0]) > config.approximate_above
    missing = " for want of the extra ann" if large and search.how == EXACT else ""
    return {
        "search": f"{search.how}{missing}",
        "recall": search.recall,
        "recall_measured_on": search.n_sampled,
    }


def _rows(method: str, lists: Lists, tmdb_ids: Ids) -> pd.DataFrame:
    rows = similarity_rows(lists, tmdb_ids)
    rows.columns = pd.Index(["tmdb_id", "rank", "similar_tmdb_id", "similarity"])
    rows.insert(0, "method", method)
    return rows


def _recall_rows(everywhere: NeighborSearch, within: Lists, n: int) -> pd.DataFrame:
    """The recall of the global search itself, and at each cut-off of the search within clusters."""
    rows: list[tuple[Any, ...]] = []
    n_movies = len(everywhere.lists[0])
    if n_movies:
        rows.append(
            ("content_global", n, everywhere.recall, everywhere.how, everywhere.n_sampled or n_movies)
        )
    for k in (k for k in CUT_OFFS if k <= n and n_movies > 1):
        recall = neighbor_recall(within[0][:, :k], everywhere.lists[0][:, :k])
        rows.append(("content_cluster", k, recall, EXACT, n_movies))
    return pd.DataFrame(rows, columns=TABLES["catalogue_recall"].column_names)
