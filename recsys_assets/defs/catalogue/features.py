"""Movies of the catalogue as vectors, and what they come to beside the published settings."""

import dagster as dg
import numpy as np
import pandas as pd
from pydantic import Field

from recsys_assets.algorithms.catalogue.features import CatalogueFeatures
from recsys_assets.algorithms.catalogue.ward import cut, grow_ward_tree, silhouettes
from recsys_assets.contracts import TABLES
from recsys_assets.contracts.catalogue_engine import CHOSEN, PUBLISHED_SETTING
from recsys_assets.defs.catalogue.documents import STAGED, FeaturesConfig, features_of
from recsys_assets.defs.common import artifact, dataset_asset
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.versions import code_version
from recsys_assets.report import catalogue_engine_plots
from recsys_assets.report.plots import markdown_image

CODE = code_version(__name__)
CODE_SHOWN = code_version(__name__, "recsys_assets.report.catalogue_engine_plots")
GROUP = "catalogue"

CLAIMED = {"n_movies": 4803.0, "n_columns": 224.0, "explained_share": 0.2558}
CLAIMED_K, CLAIMED_SILHOUETTE = 10, 0.0838


class PublishedConfig(FeaturesConfig):
    """The settings that others published, as far as they did; figures are measured with them, nothing is served."""

    min_movies: int = Field(1, ge=1, description="a term must occur with at least so many movies")
    max_terms: int = Field(
        4000,
        ge=1,
        description="terms kept; not published: this number comes near the claimed explained share",
    )
    number_weight: float = Field(1.0, ge=0, description="weight of each number, of mean 0 and variance 1")
    unit_length: bool = Field(False, description="weights multiply the columns as they are")
    ks: list[int] = Field(
        [*range(2, 11), 12, 15, 20, 25, 30, 40, 50, 60, 70, 80], description="numbers of clusters looked at"
    )
    n_judged: int = Field(6000, ge=10, description="movies that silhouettes are measured on, at most")
    exact_up_to: int = Field(10_000, ge=2, description="with more movies, Ward's tree is one of groups")
    n_groups: int = Field(1000, ge=2, description="how many groups")


@dataset_asset(
    group_name=GROUP,
    kinds={"numpy", "scikitlearn", "matplotlib"},
    deps=STAGED,
    io_manager_key="arrays",
    code_version=CODE_SHOWN,
)
def catalogue_features(
    context: dg.AssetExecutionContext, config: FeaturesConfig, project: Project
) -> dg.MaterializeResult[CatalogueFeatures]:
    """A vector for each movie of the catalogue: components of its text, its genres and its numbers, weighed.

    Clusters and neighbours go by these vectors alike. Texts, genres and whole rows are of unit length: the cosine of
    two movies is a mean of their cosines by text and by genres in the proportion of the squared weights, and Ward's
    distances are those of the cosine.
    """
    features = features_of(project, partition_of(context), config)
    if not features.n_text:
        return artifact(features)
    plot = catalogue_engine_plots.explained_variance(
        features.explained_shares, claimed=CLAIMED["explained_share"]
    )
    return artifact(
        features,
        {
            "n_movies": len(features.vectors),
            "n_columns": features.vectors.shape[1],
            "explained_share": features.explained_share,
            "plot": dg.MetadataValue.md(markdown_image(plot, "Explained variance by components")),
        },
    )


@dataset_asset(
    group_name=GROUP,
    kinds={"duckdb", "table", "matplotlib"},
    deps=STAGED,
    code_version=CODE_SHOWN,
    description=TABLES["catalogue_figures"].comment,
)
def catalogue_figures(
    context: dg.AssetExecutionContext,
    config: PublishedConfig,
    catalogue_features: CatalogueFeatures,
    catalogue_cluster_evidence: pd.DataFrame,
    project: Project,
) -> dg.MaterializeResult[pd.DataFrame]:
    published = features_of(project, partition_of(context), config)
    found = [
        *((PUBLISHED_SETTING, *row) for row in _sizes(published)),
        *((PUBLISHED_SETTING, "silhouette", k, value) for k, value in _silhouettes(published, config)),
        *((CHOSEN, *row) for row in _sizes(catalogue_features)),
        *((CHOSEN, "silhouette", k, value) for k, value in _judged(catalogue_cluster_evidence)),
    ]
    figures = pd.DataFrame(found, columns=["setting", "name", "k", "value"])
    figures["claimed"] = _claimed(figures)
    if figures.empty:
        return artifact(figures)
    plot = catalogue_engine_plots.silhouette_by_k(figures)
    return artifact(
        figures, {"plot": dg.MetadataValue.md(markdown_image(plot, "Silhouette by number of clusters"))}
    )


def _sizes(features: CatalogueFeatures) -> list[tuple[str, int, float]]:
    if not len(features.vectors):
        return []
    sizes = {
        "n_movies": len(features.vectors),
        "n_columns": features.vectors.shape[1],
        "n_text": features.n_text,
        "n_genres": features.n_genres,
        "n_numbers": features.n_numbers,
        "explained_share": features.explained_share,
    }
    return [(name, 0, float(value)) for name, value in sizes.items()]


def _silhouettes(features: CatalogueFeatures, config: PublishedConfig) -> list[tuple[int, float]]:
    ks = [k for k in config.ks if k <= len(features.vectors) // 4]
    if not ks:
        return []
    rows = features.vectors.astype(np.float64)
    tree = grow_ward_tree(rows, exact_up_to=config.exact_up_to, n_groups=config.n_groups, seed=config.seed)
    found = silhouettes(rows, [cut(tree, k) for k in ks], n_judged=config.n_judged, seed=config.seed)
    return list(zip(ks, found, strict=True))


def _judged(evidence: pd.DataFrame) -> list[tuple[int, float]]:
    judged = evidence.dropna(subset=["silhouette"])
    return list(zip(judged["k"].tolist(), judged["silhouette"].tolist(), strict=True))


def _claimed(figures: pd.DataFrame) -> pd.Series:
    """What was claimed of the published setting, on the catalogue that it was claimed of."""
    of = figures["setting"] == PUBLISHED_SETTING
    claimed = figures["name"].map(CLAIMED).where(of).astype("float64")
    claimed[of & (figures["name"] == "silhouette") & (figures["k"] == CLAIMED_K)] = CLAIMED_SILHOUETTE
    rows = figures[of & (figures["name"] == "n_movies")]["value"]
    return claimed if (rows == CLAIMED["n_movies"]).all() else claimed * np.nan
