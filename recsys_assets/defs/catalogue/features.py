"""Movies of the catalogue as vectors."""

import dagster as dg

from recsys_assets.algorithms.catalogue.features import CatalogueFeatures
from recsys_assets.defs.catalogue.documents import STAGED, FeaturesConfig, features_of
from recsys_assets.defs.common import artifact, dataset_asset
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.versions import code_version
from recsys_assets.report import catalogue_engine_plots
from recsys_assets.report.plots import markdown_image

CODE = code_version(__name__, "recsys_assets.report.catalogue_engine_plots")
GROUP = "catalogue"

CLAIMED_SHARE = 0.2558
"""Of the variance of TF-IDF, as the authors of the published settings state it."""


@dataset_asset(
    group_name=GROUP,
    kinds={"numpy", "scikitlearn", "matplotlib"},
    deps=STAGED,
    io_manager_key="arrays",
    code_version=CODE,
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
    plot = catalogue_engine_plots.explained_variance(features.explained_shares, claimed=CLAIMED_SHARE)
    return artifact(
        features,
        {
            "n_movies": len(features.vectors),
            "n_columns": features.vectors.shape[1],
            "explained_share": features.explained_share,
            "plot": dg.MetadataValue.md(markdown_image(plot, "Explained variance by components")),
        },
    )
