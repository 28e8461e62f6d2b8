"""What features and clusters come to with the published settings, beside the chosen ones and what was claimed."""

import dagster as dg
import numpy as np
import pandas as pd
from pydantic import Field

from recsys_assets.algorithms.catalogue.features import CatalogueFeatures
from recsys_assets.contracts import TABLES
from recsys_assets.contracts.catalogue_engine import CHOSEN, PUBLISHED_SETTING
from recsys_assets.defs.catalogue.clusters import WardConfig, clustered, evidence_rows
from recsys_assets.defs.catalogue.documents import STAGED, FeaturesConfig, features_of
from recsys_assets.defs.common import artifact, dataset_asset
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.versions import code_version
from recsys_assets.report import catalogue_engine_plots
from recsys_assets.report.plots import markdown_image

CODE = code_version(__name__, "recsys_assets.report.catalogue_engine_plots")
GROUP = "catalogue"

CLAIMED = {
    ("n_movies", 0): 4803.0,
    ("n_columns", 0): 224.0,
    ("explained_share", 0): 0.2558,
    ("silhouette", 10): 0.0838,
}


class PublishedConfig(WardConfig, FeaturesConfig):
    """The settings that others published, as far as they did: figures are measured with them, nothing is served."""

    min_movies_per_term: int = Field(1, ge=1, description="a term must occur with at least so many movies")
    max_terms: int = Field(
        4000,
        ge=1,
        description="terms kept; not published: this number comes near the claimed explained share",
    )
    number_weight: float = Field(1.0, ge=0, description="weight of each number, of mean 0 and variance 1")
    unit_length: bool = Field(False, description="weights multiply the columns as they are")


@dataset_asset(
    group_name=GROUP,
    kinds={"duckdb", "table", "matplotlib"},
    deps=STAGED,
    code_version=CODE,
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
    evidence, _ = clustered(published.vectors.astype(np.float64), config)
    figures = pd.concat(
        [
            _figures(PUBLISHED_SETTING, published, evidence_rows(evidence)),
            _figures(CHOSEN, catalogue_features, catalogue_cluster_evidence),
        ],
        ignore_index=True,
    )
    figures["claimed"] = _claimed(figures)
    if figures.empty:
        return artifact(figures)
    plot = catalogue_engine_plots.silhouette_by_k(figures)
    return artifact(
        figures, {"plot": dg.MetadataValue.md(markdown_image(plot, "Silhouette by number of clusters"))}
    )


def _figures(setting: str, features: CatalogueFeatures, evidence: pd.DataFrame) -> pd.DataFrame:
    """The table's rows of one setting; none of an empty catalogue."""
    sizes = {
        "n_movies": len(features.vectors),
        "n_columns": features.vectors.shape[1],
        "n_text": features.n_text,
        "n_genres": features.n_genres,
        "n_numbers": features.n_numbers,
        "explained_share": features.explained_share,
    }
    rows = [(setting, name, 0, float(value)) for name, value in sizes.items() if len(features.vectors)]
    tried = evidence.dropna(subset=["silhouette"])
    for name in ("silhouette", "stability"):
        rows += [(setting, name, k, value) for k, value in zip(tried["k"], tried[name], strict=True)]
    return pd.DataFrame(rows, columns=["setting", "name", "k", "value"])


def _claimed(figures: pd.DataFrame) -> list[float]:
    """What was claimed of the published setting; nothing is of a catalogue of another size."""
    rows = list(figures[["setting", "name", "k", "value"]].itertuples(index=False, name=None))
    if (PUBLISHED_SETTING, "n_movies", 0, CLAIMED["n_movies", 0]) not in rows:
        return [np.nan] * len(rows)
    return [
        CLAIMED.get((name, k), np.nan) if setting == PUBLISHED_SETTING else np.nan
        for setting, name, k, _ in rows
    ]
