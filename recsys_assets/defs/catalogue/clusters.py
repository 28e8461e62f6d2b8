"""Clusters of the catalogue's movies: one tree by Ward, the number of clusters by evidence, and who is in them."""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from recsys_assets.algorithms.catalogue.features import CatalogueFeatures
from recsys_assets.algorithms.catalogue.ward import CatalogueClusters, cut, grow_ward_tree, weigh_cuts
from recsys_assets.algorithms.clustering import Evidence, Rows
from recsys_assets.contracts import TABLES
from recsys_assets.defs.catalogue.documents import STAGED
from recsys_assets.defs.catalogue.profile_query import profile_query
from recsys_assets.defs.common import artifact, spec
from recsys_assets.defs.resources import Project, partition_of, table_metadata
from recsys_assets.defs.versions import code_version
from recsys_assets.partitions import DATASETS
from recsys_assets.report.catalogue_engine_plots import evidence_by_k
from recsys_assets.report.plots import markdown_image
from recsys_assets.storage.warehouse import Select, replace_tables, table_digest

CODE = code_version(__name__)
CODE_SHOWN = code_version(__name__, "recsys_assets.report.catalogue_engine_plots")
GROUP = "catalogue"
DESCRIPTIONS = ("catalogue_movie_clusters", "catalogue_cluster_profiles")


class WardConfig(dg.Config):
    """How Ward's tree is grown, which cuts are tried, and what a cut must show to be chosen."""

    ks: list[int] = Field(
        [*range(2, 11), 12, 15, 20, 25, 30, 40, 50, 60, 70, 80], description="numbers of clusters to try"
    )
    min_stability: float = Field(
        0.6, ge=0, le=1, description="agreement of halves from which a number is stable"
    )
    min_movies: int = Field(
        20,
        ge=1,
        description="movies that the smallest cluster must hold: two lists of ten, so that one is filled",
    )
    n_repeats: int = Field(3, ge=1, description="halvings that stability is a mean over")
    n_judged: int = Field(6000, ge=10, description="movies that numbers are tried on, at most")
    exact_up_to: int = Field(
        10_000, ge=2, description="movies; a tree of more is one of groups. All distances take 8 n² bytes"
    )
    n_groups: int = Field(1000, ge=2, description="groups that the leaves are then, by KMeans of batches")
    seed: int = Field(0, ge=0, description="seed of whatever is drawn")


class ProfileConfig(dg.Config):
    """What is told of a cluster."""

    n_told: int = Field(5, ge=1, le=50, description="genres, keywords, people and movies named, of each")
    n_cast: int = Field(5, ge=0, description="places of the cast that count")


def clustered(rows: Rows, config: WardConfig) -> tuple[list[Evidence], NDArray[np.int32]]:
    """Evidence for each number, and the clusters of the chosen one; without movies neither has rows."""
    if not len(rows):
        return [], np.empty(0, dtype=np.int32)
    grown = {"exact_up_to": config.exact_up_to, "n_groups": config.n_groups, "seed": config.seed}
    tree = grow_ward_tree(rows, **grown)
    evidence = weigh_cuts(
        rows,
        tree,
        ks=config.ks,
        min_stability=config.min_stability,
        min_movies=config.min_movies,
        n_repeats=config.n_repeats,
        n_judged=config.n_judged,
        **grown,
    )
    return evidence, cut(tree, next(one.k for one in evidence if one.chosen))


def evidence_rows(evidence: Sequence[Evidence]) -> pd.DataFrame:
    return pd.DataFrame(
        [(one.k, one.silhouette, one.stability, one.smallest, one.chosen) for one in evidence],
        columns=TABLES["catalogue_cluster_evidence"].column_names,
    )


@dg.multi_asset(
    name="choose_catalogue_clusters",
    outs={
        "catalogue_cluster_evidence": dg.AssetOut.from_spec(
            spec(
                "catalogue_cluster_evidence",
                group_name=GROUP,
                kinds={"duckdb", "table", "matplotlib"},
                description=TABLES["catalogue_cluster_evidence"].comment,
                code_version=CODE_SHOWN,
            )
        ),
        "catalogue_clusters": dg.AssetOut.from_spec(
            spec(
                "catalogue_clusters",
                group_name=GROUP,
                kinds={"numpy", "scipy"},
                description="Ward's clusters of the catalogue's movies, in the number that the evidence chose.",
                code_version=CODE,
            ),
            io_manager_key="arrays",
        ),
    },
    partitions_def=DATASETS,
)
def choose_catalogue_clusters(
    config: WardConfig, catalogue_features: CatalogueFeatures
) -> Iterator[dg.MaterializeResult[Any]]:
    """Grow one tree and cut it at each number; the number is chosen by silhouette and stability, never by ratings."""
    tmdb_ids, rows = catalogue_features.tmdb_ids, catalogue_features.vectors.astype(np.float64)
    evidence, clusters = clustered(rows, config)
    table = evidence_rows(evidence)
    made = CatalogueClusters(tmdb_ids, clusters)
    sizes = np.bincount(clusters).tolist()
    yield artifact(table, _shown(table))._replace(asset_key=dg.AssetKey("catalogue_cluster_evidence"))
    yield artifact(made, {"n_clusters": made.n_clusters, "sizes": sizes})._replace(
        asset_key=dg.AssetKey("catalogue_clusters")
    )


def _shown(table: pd.DataFrame) -> dict[str, Any]:
    if table["silhouette"].isna().all():
        return {}
    best = table[table["chosen"]].iloc[0]
    plot = evidence_by_k(table["k"], table["silhouette"], table["stability"], table["chosen"])
    return {
        "k": int(best["k"]),
        "silhouette": float(best["silhouette"]),
        "stability": float(best["stability"]),
        "plot": dg.MetadataValue.md(
            markdown_image(plot, "Silhouette and stability by number of clusters of movies")
        ),
    }


@dg.multi_asset(
    name="describe_catalogue_clusters",
    specs=[
        spec(
            name,
            deps=["catalogue_clusters", *STAGED],
            group_name=GROUP,
            kinds={"duckdb", "table"},
            description=TABLES[name].comment,
            code_version=CODE,
        )
        for name in DESCRIPTIONS
    ],
    partitions_def=DATASETS,
)
def describe_catalogue_clusters(
    context: dg.AssetExecutionContext,
    config: ProfileConfig,
    catalogue_clusters: CatalogueClusters,
    project: Project,
) -> Iterator[dg.MaterializeResult[None]]:
    """Tell which movies are in each cluster, and what it has more of than the catalogue."""
    members = pd.DataFrame({"tmdb_id": catalogue_clusters.tmdb_ids, "cluster": catalogue_clusters.cluster})
    with project.warehouse.connect(partition_of(context)) as connection:
        tables: dict[str, Select | pd.DataFrame] = {
            "catalogue_movie_clusters": members,
            "catalogue_cluster_profiles": profile_query(n_told=config.n_told, n_cast=config.n_cast),
        }
        replace_tables(connection, tables)
        for name in DESCRIPTIONS:
            yield dg.MaterializeResult(
                asset_key=name,
                metadata=table_metadata(connection, name),
                data_version=dg.DataVersion(table_digest(connection, name)),
            )
