"""Do people like a movie's neighbours too? Judged by likes of both among all users of a fold, who rated both or not."""

import dagster as dg
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys_assets.algorithms.catalogue.features import CatalogueFeatures
from recsys_assets.algorithms.catalogue.relevance import (
    fold_of_users,
    judge_lift,
    judge_precision,
    neighbors_to_judge,
)
from recsys_assets.algorithms.catalogue.ward import CatalogueClusters, cut, grow_ward_tree
from recsys_assets.algorithms.interactions import positions
from recsys_assets.contracts import TABLES
from recsys_assets.defs.catalogue.clusters import WardConfig
from recsys_assets.defs.catalogue.documents import STAGED, features_of
from recsys_assets.defs.catalogue.figures import PublishedConfig
from recsys_assets.defs.catalogue.judges import RelevanceConfig, genres_of_movies, likes_of_movies
from recsys_assets.defs.catalogue.neighbors import GROUP
from recsys_assets.defs.catalogue.relevance_rows import CONTRASTS, relevance_rows
from recsys_assets.defs.common import artifact, dataset_asset
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.versions import code_version
from recsys_assets.report import catalogue_relevance_plots
from recsys_assets.report.plots import markdown_image

CODE = code_version(__name__, "recsys_assets.report.catalogue_relevance_plots")
CONFIDENCE = 0.95
PUBLISHED_CLUSTERS = 10


@dataset_asset(
    group_name=GROUP,
    kinds={"duckdb", "table", "matplotlib"},
    deps=["ratings", *STAGED],
    code_version=CODE,
    description=TABLES["catalogue_relevance"].comment,
)
def catalogue_relevance(
    context: dg.AssetExecutionContext,
    config: RelevanceConfig,
    catalogue_features: CatalogueFeatures,
    catalogue_clusters: CatalogueClusters,
    project: Project,
) -> dg.MaterializeResult[pd.DataFrame]:
    dataset = partition_of(context)
    tmdb_ids, likes = likes_of_movies(project, dataset, config)
    if not tmdb_ids.size:
        return artifact(pd.DataFrame(columns=TABLES["catalogue_relevance"].column_names))
    known = positions(catalogue_features.tmdb_ids, tmdb_ids, what="tmdb_id")
    fold = fold_of_users(likes.shape[0], n_folds=config.n_folds, seed=config.seed)
    methods = neighbors_to_judge(
        likes,
        fold,
        catalogue_features.vectors[known],
        genres_of_movies(project, dataset, tmdb_ids),
        {
            "cluster_10": _published_clusters(catalogue_features, WardConfig.model_validate({}))[known],
            "cluster": catalogue_clusters.cluster[known],
        },
        {"published": features_of(project, dataset, PublishedConfig.model_validate({})).vectors[known]},
        n=config.n,
        n_draws=config.n_draws,
        near=config.near,
        damping=config.damping,
        seed=config.seed,
    )
    lift = judge_lift(
        likes,
        fold,
        methods,
        baseline="same_genre",
        contrasts=CONTRASTS,
        n_resamples=config.n_resamples,
        confidence=CONFIDENCE,
        seed=config.seed,
    )
    # Lists of a few near neighbours have mostly empty places: their precision would say how few they are.
    whole = {name: lists for name, lists in methods.items() if not name.endswith("_near")}
    precision = judge_precision(
        likes,
        fold,
        whole,
        k=config.n,
        damping=config.damping,
        contrasts=CONTRASTS,
        n_resamples=config.n_resamples,
        confidence=CONFIDENCE,
        seed=config.seed,
    )
    rows = relevance_rows(methods, lift, precision, n_users=likes.shape[0], k=config.n)
    return artifact(rows, _shown(rows))


def _published_clusters(features: CatalogueFeatures, grown: WardConfig) -> NDArray[np.int32]:
    """As many clusters as others published, of the same vectors as the chosen ones."""
    rows = features.vectors.astype(np.float64)
    tree = grow_ward_tree(rows, exact_up_to=grown.exact_up_to, n_groups=grown.n_groups, seed=grown.seed)
    return cut(tree, min(PUBLISHED_CLUSTERS, tree.n_leaves))


def _shown(rows: pd.DataFrame) -> dict[str, dg.MarkdownMetadataValue | float]:
    drawn = {
        "lift_plot": catalogue_relevance_plots.lift_by_method(rows),
        "precision_plot": catalogue_relevance_plots.precision_by_method(rows),
    }
    lift = rows[(rows["method"] == "content_global") & (rows["metric"] == "lift_over_same_genre")].iloc[0]
    figures = {
        "lift_over_same_genre": float(lift["value"]),
        "lift_over_same_genre_low": float(lift["ci_low"]),
    }
    return {name: dg.MetadataValue.md(markdown_image(png, name)) for name, png in drawn.items()} | figures
