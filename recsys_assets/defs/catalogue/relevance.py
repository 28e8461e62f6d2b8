"""Do people like a movie's neighbours too? Judged by likes of both among all users of a fold, who rated both or not."""

import dagster as dg
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.catalogue.features import CatalogueFeatures
from recsys_assets.algorithms.catalogue.relevance import (
    fold_of_users,
    judge_lift,
    judge_precision,
    neighbors_to_judge,
)
from recsys_assets.algorithms.catalogue.ward import CatalogueClusters, cut, grow_ward_tree
from recsys_assets.algorithms.interactions import SparseRows, positions
from recsys_assets.algorithms.sampling import sample_users
from recsys_assets.contracts import TABLES
from recsys_assets.defs.catalogue.clusters import WardConfig
from recsys_assets.defs.catalogue.documents import STAGED, features_of
from recsys_assets.defs.catalogue.figures import PublishedConfig
from recsys_assets.defs.catalogue.neighbors import GROUP
from recsys_assets.defs.catalogue.relevance_rows import CONTRASTS, relevance_rows
from recsys_assets.defs.common import artifact, dataset_asset
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.topn import LikeConfig
from recsys_assets.defs.versions import code_version
from recsys_assets.report import catalogue_relevance_plots
from recsys_assets.report.plots import markdown_image

CODE = code_version(__name__, "recsys_assets.report.catalogue_relevance_plots")
CONFIDENCE = 0.95
PUBLISHED_CLUSTERS = 10


class RelevanceConfig(LikeConfig):
    """Who judges which movies, and how much chance there may be in it."""

    n: int = Field(
        10, ge=1, le=100, description="neighbours judged of each movie, and co-liked movies that count"
    )
    min_likes: int = Field(5, ge=1, description="likes that a movie needs to be judged")
    n_folds: int = Field(
        2, ge=2, description="parts of the users; others than the judges teach what is co-liked"
    )
    n_draws: int = Field(5, ge=1, description="draws of random neighbours")
    near: float = Field(0.9, ge=-1, le=1, description="cosine above which neighbours are judged on their own")
    damping: float = Field(
        5.0, gt=0, description="likes' worth of pull of a rarely liked movie's similarity to 0"
    )
    max_users: int = Field(2000, ge=2, description="users who take part, at most, drawn at random")
    n_resamples: int = Field(1000, ge=1, description="resamples of users that intervals are made of")
    seed: int = Field(0, ge=0, description="seed of folds, draws and resamples")


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
    tmdb_ids, likes = _likes(project, dataset, config)
    if not tmdb_ids.size:
        return artifact(pd.DataFrame(columns=TABLES["catalogue_relevance"].column_names))
    known = positions(catalogue_features.tmdb_ids, tmdb_ids, what="tmdb_id")
    fold = fold_of_users(likes.shape[0], n_folds=config.n_folds, seed=config.seed)
    methods = neighbors_to_judge(
        likes,
        fold,
        catalogue_features.vectors[known],
        _genres(project, dataset, tmdb_ids),
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


def _likes(project: Project, dataset: str, config: RelevanceConfig) -> tuple[NDArray[np.int64], SparseRows]:
    """Movies to judge, by TMDB id, ascending, and who likes them: shape (n_users, n_movies)."""
    likes = project.warehouse.arrays(
        dataset,
        f"""
        select user_id, tmdb_id from ratings join catalogue_movies using (movie_id)
        where rating >= {config.like_rating}
        qualify count(*) over (partition by tmdb_id) >= {config.min_likes}
        """,
    )
    user_ids, user = np.unique(likes["user_id"], return_inverse=True)
    tmdb_ids, movie = np.unique(likes["tmdb_id"], return_inverse=True)
    ones = np.ones(user.size, dtype=np.float32)
    matrix = csr_matrix((ones, (user, movie)), shape=(user_ids.size, tmdb_ids.size))
    return tmdb_ids, csr_matrix(matrix[sample_users(user_ids.size, size=config.max_users, seed=config.seed)])


def _published_clusters(features: CatalogueFeatures, grown: WardConfig) -> NDArray[np.int32]:
    """As many clusters as others published, of the same vectors as the chosen ones."""
    rows = features.vectors.astype(np.float64)
    tree = grow_ward_tree(rows, exact_up_to=grown.exact_up_to, n_groups=grown.n_groups, seed=grown.seed)
    return cut(tree, min(PUBLISHED_CLUSTERS, tree.n_leaves))


def _genres(project: Project, dataset: str, tmdb_ids: NDArray[np.int64]) -> SparseRows:
    """Which genres movies have, shape (n_movies, n_genres)."""
    rows = project.warehouse.arrays(dataset, "select tmdb_id, genre from catalogue_genres")
    judged = np.isin(rows["tmdb_id"], tmdb_ids)
    names, genre = np.unique(rows["genre"][judged], return_inverse=True)
    movie = positions(tmdb_ids, rows["tmdb_id"][judged], what="tmdb_id")
    return csr_matrix(
        (np.ones(movie.size, dtype=np.float32), (movie, genre)), shape=(tmdb_ids.size, names.size)
    )


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
