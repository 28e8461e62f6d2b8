"""Models that know what movies are about: genome and catalogue where there are any, genres, titles, training tags."""

import dagster as dg
import numpy as np
import pandas as pd

from recsys_assets.algorithms.catalogue.features import CatalogueFeatures
from recsys_assets.algorithms.content import ContentVectors, content_embeddings, genome_vectors
from recsys_assets.algorithms.embeddings import Embeddings
from recsys_assets.algorithms.features import ItemFeatures
from recsys_assets.algorithms.interactions import Interactions, positions
from recsys_assets.algorithms.topn import similar_items
from recsys_assets.contracts import TABLES
from recsys_assets.defs.common import artifact, dataset_asset
from recsys_assets.defs.content.vectors import ContentConfig, learn_content
from recsys_assets.defs.fits import FITS, LIVE, SERVED_FITS, Fit
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.topn import LikeConfig, TopNConfig, recommendations, similarity_rows
from recsys_assets.defs.versions import code_version

CODE = code_version(__name__)
GROUP = "content"


@dataset_asset(
    group_name=GROUP,
    kinds={"numpy", "scipy"},
    deps=["movies", "genome_scores", "genome_tags"],
    io_manager_key="arrays",
    code_version=CODE,
)
def genome_features(
    context: dg.AssetExecutionContext, project: Project
) -> dg.MaterializeResult[ItemFeatures]:
    """Tag-genome relevance less each tag's mean, as rows of unit length; a movie without a genome has an empty row."""
    dataset = partition_of(context)
    item_ids = project.warehouse.arrays(dataset, "select movie_id from movies order by movie_id")["movie_id"]
    tag_ids = project.warehouse.arrays(dataset, "select tag_id from genome_tags order by tag_id")["tag_id"]
    scores = project.warehouse.arrays(dataset, "from genome_scores")
    features = genome_vectors(
        positions(item_ids, scores["movie_id"], what="movie_id"),
        positions(tag_ids, scores["tag_id"], what="tag_id"),
        scores["relevance"],
        n_items=item_ids.size,
        n_tags=tag_ids.size,
        centre=True,
    )
    with_genome = int(np.count_nonzero(np.diff(features.indptr)))
    return artifact(ItemFeatures(item_ids, features), {"movies_with_genome": with_genome})


def _content_vectors(fit: Fit) -> dg.AssetsDefinition:
    @dataset_asset(
        name="content_vectors",
        key_prefix=fit.name,
        group_name=GROUP,
        kinds={"numpy", "scikitlearn"},
        deps=["movies", "tags", "catalogue_movies", *fit.learns_from],
        io_manager_key="arrays",
        code_version=CODE,
        description=(
            "A vector for each movie from its genome, genres, title and tags, and from the catalogue's vectors. Only "
            f"tags of rated pairs count that the fit learns from ({', '.join(fit.learns_from)}): a user's own tag on a "
            "held-out movie would leak."
        ),
    )
    def content_vectors(
        context: dg.AssetExecutionContext,
        config: ContentConfig,
        genome_features: ItemFeatures,
        catalogue_features: CatalogueFeatures,
        project: Project,
    ) -> dg.MaterializeResult[ContentVectors]:
        vectors, n_terms = learn_content(
            project, partition_of(context), fit, genome_features, catalogue_features, config
        )
        return artifact(vectors, {"explained_share": vectors.explained_share, "n_terms": n_terms})

    return content_vectors


def _content_profiles(fit: Fit) -> dg.AssetsDefinition:
    @dataset_asset(
        name="content_profiles",
        key_prefix=fit.name,
        group_name=GROUP,
        kinds={"numpy"},
        ins={
            "interactions": dg.AssetIn(fit.key("interactions")),
            "content_vectors": dg.AssetIn(fit.key("content_vectors")),
        },
        io_manager_key="arrays",
        code_version=CODE,
        description="Each user as the sum of the vectors of all movies they liked, more stars counting more.",
    )
    def content_profiles(
        config: LikeConfig, interactions: Interactions, content_vectors: ContentVectors
    ) -> dg.MaterializeResult[Embeddings]:
        profiles = content_embeddings(
            interactions, content_vectors.item_vectors, min_rating=config.like_rating
        )
        without = int(np.count_nonzero(~profiles.user_vectors.any(axis=1)))
        return artifact(profiles, {"users_without_profile": without})

    return content_profiles


@dataset_asset(
    key_prefix=LIVE.name,
    group_name=GROUP,
    kinds={"duckdb", "table"},
    ins={"content_vectors": dg.AssetIn(LIVE.key("content_vectors"))},
    code_version=CODE,
    description=TABLES["content_similar_movies"].comment,
)
def content_similar_movies(
    config: TopNConfig, genome_features: ItemFeatures, content_vectors: ContentVectors
) -> dg.MaterializeResult[pd.DataFrame]:
    vectors = content_vectors.item_vectors
    lists = similar_items(vectors, n=config.n, eligible=np.any(vectors != 0, axis=1))
    return artifact(similarity_rows(lists, genome_features.item_ids))


@dataset_asset(
    key_prefix=LIVE.name,
    group_name=GROUP,
    kinds={"duckdb", "table"},
    code_version=CODE,
    description=TABLES["genome_similar_movies"].comment,
)
def genome_similar_movies(
    config: TopNConfig, genome_features: ItemFeatures
) -> dg.MaterializeResult[pd.DataFrame]:
    has_genome = np.diff(genome_features.features.indptr) > 0
    vectors = genome_features.features[has_genome].toarray()
    lists = similar_items(vectors, n=config.n, eligible=np.any(vectors != 0, axis=1))
    return artifact(similarity_rows(lists, genome_features.item_ids[has_genome]))


vectors = [_content_vectors(fit) for fit in FITS]
profiles = [_content_profiles(fit) for fit in FITS]
lists = [recommendations(fit, "content", "content_profiles", group=GROUP) for fit in SERVED_FITS]
