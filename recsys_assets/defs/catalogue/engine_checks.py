"""Gates of the engine's features and clusters: contracts, usable vectors, and every movie in a cluster.

That many vectors are empty only warns: a sparse catalogue is no reason to publish nothing.
"""

import dagster as dg
import numpy as np

from recsys_assets.algorithms.catalogue.features import CatalogueFeatures
from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.partitions import DATASETS

MOST_EMPTY = 0.05
"""Part of the movies from which on it is worth a warning that they have a vector of zeros."""

contracts = [
    contract_check(dg.AssetKey("catalogue_figures")),
    contract_check(dg.AssetKey("catalogue_cluster_evidence")),
    contract_check(dg.AssetKey("catalogue_movie_clusters"), dg.AssetKey("catalogue_cluster_profiles")),
]


@dg.asset_check(
    asset="catalogue_features",
    blocking=True,
    partitions_def=DATASETS,
    additional_deps=["catalogue_movies"],
)
def vectors_usable(
    context: dg.AssetCheckExecutionContext, catalogue_features: CatalogueFeatures, project: Project
) -> dg.AssetCheckResult:
    """Each movie of the catalogue has one vector, at its place by TMDB id; all are finite."""
    tmdb_ids = project.warehouse.arrays(
        partition_of(context), "select tmdb_id from catalogue_movies order by tmdb_id"
    )["tmdb_id"]
    vectors = catalogue_features.vectors
    n_columns = catalogue_features.n_text + catalogue_features.n_genres + catalogue_features.n_numbers
    aligned = bool(np.array_equal(catalogue_features.tmdb_ids, tmdb_ids))
    finite = bool(np.isfinite(vectors).all())
    shaped = vectors.shape == (tmdb_ids.size, n_columns)
    return dg.AssetCheckResult(
        passed=aligned and finite and shaped,
        description=None if len(vectors) else "there is no catalogue: nothing to judge",
        metadata={
            "n_movies": int(tmdb_ids.size),
            "n_columns": n_columns,
            "aligned": aligned,
            "finite": finite,
        },
    )


@dg.asset_check(asset="catalogue_features", partitions_def=DATASETS)
def few_vectors_empty(
    context: dg.AssetCheckExecutionContext, catalogue_features: CatalogueFeatures
) -> dg.AssetCheckResult:
    """Few movies have a vector of zeros; nothing is known of such a movie that another shares: it is near to none."""
    n_movies = len(catalogue_features.vectors)
    n_empty = int(np.count_nonzero(~catalogue_features.vectors.any(axis=1)))
    return dg.AssetCheckResult(
        passed=n_empty <= MOST_EMPTY * n_movies,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{n_empty} of {n_movies} movies have nothing in their vectors" if n_empty else None,
        metadata={"n_movies": n_movies, "n_empty": n_empty},
    )


@dg.asset_check(
    asset="catalogue_movie_clusters",
    blocking=True,
    partitions_def=DATASETS,
    additional_deps=["catalogue_movies", "catalogue_cluster_profiles", "catalogue_cluster_evidence"],
)
def every_movie_clustered(context: dg.AssetCheckExecutionContext, project: Project) -> dg.AssetCheckResult:
    """Each movie is in one cluster; there are as many clusters as were chosen, and profiles count their movies."""
    rows = project.warehouse.frame(
        partition_of(context),
        """
        with counted as (select cluster, count(*) as n from catalogue_movie_clusters group by cluster)
        select (select count(*) from catalogue_movies anti join catalogue_movie_clusters using (tmdb_id)) as missing,
               (select count(*) from catalogue_cluster_profiles full join counted using (cluster)
                where n is distinct from n_movies) as miscounted,
               abs((select count(*) from counted)
                   - (select coalesce(sum(k), 0) from catalogue_cluster_evidence where chosen)) as too_many_or_few
        """,
    ).iloc[0]
    counts = {str(name): int(value) for name, value in rows.items()}
    faults = [f"{count} {name}" for name, count in counts.items() if count]
    return dg.AssetCheckResult(
        passed=not faults, description=", ".join(faults) or None, metadata=dict(counts)
    )
