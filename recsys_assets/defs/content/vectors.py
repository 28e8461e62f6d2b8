"""From warehouse to content vectors: which texts and tags of movies count, and how they become vectors."""

import dagster as dg
from pydantic import Field

from recsys_assets.algorithms.catalogue.features import CatalogueFeatures
from recsys_assets.algorithms.content import (
    ContentVectors,
    content_features,
    embed_content,
    item_terms,
    tfidf_vectors,
    with_catalogue,
)
from recsys_assets.algorithms.embeddings import Vectors
from recsys_assets.algorithms.features import ItemFeatures
from recsys_assets.algorithms.interactions import Ids, Numbers, positions
from recsys_assets.defs.fits import Fit
from recsys_assets.defs.resources import Project

__all__ = ["ContentConfig", "learn_content"]


class ContentConfig(dg.Config):
    """How a movie's texts, tags and genome become a vector."""

    min_items: int = Field(2, ge=1, description="a term must occur with at least so many movies")
    max_terms: int = Field(5000, ge=1, description="only the most frequent terms are kept")
    genome_weight: float = Field(0.75, ge=0, le=1, description="weight of the tag genome against the terms")
    catalogue_weight: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="weight of the catalogue's vectors against genome and terms, where there are any",
    )
    n_components: int = Field(128, ge=1, description="dimensions after truncated SVD")
    seed: int = Field(0, ge=0, description="seed of the SVD")


def learn_content(
    project: Project,
    dataset: str,
    fit: Fit,
    genome: ItemFeatures,
    catalogue: CatalogueFeatures,
    config: ContentConfig,
) -> tuple[ContentVectors, int]:
    """Vectors of all movies, from tags of the fit's rated pairs alone, and the number of terms behind them."""
    movies = project.warehouse.frame(
        dataset,
        f"""
        with learned as ({fit.ratings_sql}), heard as (
            select movie_id, list(tag order by tag) as tags
            from tags semi join learned using (user_id, movie_id) group by movie_id
        )
        select title, genres, coalesce(tags, []) as tags
        from movies left join heard using (movie_id) order by movie_id
        """,
    )
    text = tfidf_vectors(
        [item_terms(*row) for row in zip(movies["genres"], movies["title"], movies["tags"], strict=True)],
        min_items=config.min_items,
        max_terms=config.max_terms,
    )
    known = content_features(genome.features, text.vectors, genome_weight=config.genome_weight)
    item, joined = _of_items(catalogue, genome.item_ids, project, dataset)
    vectors = embed_content(
        with_catalogue(known, item, joined, catalogue_weight=config.catalogue_weight),
        n_components=config.n_components,
        seed=config.seed,
    )
    return vectors, text.terms.size


def _of_items(
    catalogue: CatalogueFeatures, item_ids: Ids, project: Project, dataset: str
) -> tuple[Numbers, Vectors]:
    """Numbers of the data set's movies that the catalogue has, and their vectors there."""
    pairs = project.warehouse.arrays(
        dataset, "select tmdb_id, movie_id from catalogue_movies where movie_id is not null order by tmdb_id"
    )
    known = positions(catalogue.tmdb_ids, pairs["tmdb_id"], what="tmdb_id")
    return positions(item_ids, pairs["movie_id"], what="movie_id"), catalogue.vectors[known]
