"""Neighbours by content, whether people like them together, and published claims about them."""

from __future__ import annotations

from dataclasses import replace

from recsys_assets.contracts.catalogue import IN_CATALOGUE, TMDB
from recsys_assets.contracts.columns import CI_HIGH, CI_LOW, N_USERS, RANK, K
from recsys_assets.contracts.schema import Column, Reference, Table

__all__ = ["METHODS", "TABLES"]

METHODS = {
    "random": "any movies",
    "same_genre": "random movies that share a genre",
    "same_cluster_10": "random movies of the same of 10 clusters",
    "same_cluster": "random movies of the same cluster, clusters in the chosen number",
    "published_global": "nearest by cosine in the whole catalogue, with the published settings",
    "published_global_near": "of these, those with a cosine above the claimed 0.9",
    "content_cluster_10": "nearest by cosine within 10 clusters",
    "content_cluster": "nearest by cosine within clusters of the chosen number",
    "content_global": "nearest by cosine in the whole catalogue",
    "content_global_near": "of the nearest, those with a cosine above the claimed 0.9",
    "collaborative": "most co-liked by users other than the judges",
}
"""What each method lists, in words; from no knowledge to most."""

_METHOD = Column(
    "method", "VARCHAR", "content_global = in the whole catalogue; content_cluster = in the cluster"
)

_SIMILAR = Table(
    "catalogue_similar_movies",
    "Nearest movies of the catalogue by the cosine of this run's vectors, whether or not the data set has them.",
    (
        _METHOD,
        TMDB,
        RANK,
        replace(TMDB, name="similar_tmdb_id", comment="the neighbour's TMDB id"),
        Column("similarity", "FLOAT", "cosine, −1 to 1", minimum=-1.001, maximum=1.001),
    ),
    key=("method", "tmdb_id", "rank"),
    references=(IN_CATALOGUE, Reference("similar_tmdb_id", "catalogue_movies", "tmdb_id")),
    may_be_empty=True,
)
_RECALL = Table(
    "catalogue_recall",
    "How many of the nearest movies of the whole catalogue other searches find.",
    (
        Column(
            "search", "VARCHAR", "content_cluster = within clusters; content_global = as its lists were made"
        ),
        K,
        Column(
            "recall", "DOUBLE", "mean share of a movie's k nearest that were found", minimum=0.0, maximum=1.0
        ),
        Column("how", "VARCHAR", "exact, or approximate where the catalogue is large"),
        Column("n_movies", "INTEGER", "movies that the recall is a mean over", minimum=0),
    ),
    key=("search", "k"),
    may_be_empty=True,
)
_RELEVANCE = Table(
    "catalogue_relevance",
    "Whether people like a movie's neighbours too, by how the neighbours were found. Ratings of 4 stars are likes.",
    (
        Column("method", "VARCHAR", "; ".join(f"{name} = {meaning}" for name, meaning in METHODS.items())),
        Column(
            "metric",
            "VARCHAR",
            "lift = co-likes ÷ co-likes of independent likes; lift_over_same_genre = lift ÷ lift of same_genre; "
            "precision_at_10 = share of neighbours among the 10 most co-liked; lift_difference and "
            "precision_difference = figure of the method − figure of against",
        ),
        Column("against", "VARCHAR", "the method compared with, or none"),
        Column("value", "DOUBLE", "the figure; null where nothing can be judged", nullable=True),
        replace(
            CI_LOW,
            comment="lower end of the 95 % bootstrap interval: of lifts over users, of precision over movies",
        ),
        replace(CI_HIGH, comment="upper end of that interval"),
        Column("n_movies", "INTEGER", "movies with a neighbour that can be judged", minimum=0),
        Column("n_pairs", "INTEGER", "pairs of a movie and a neighbour, mean over folds", minimum=0),
        replace(N_USERS, comment="users who judge"),
    ),
    key=("method", "metric", "against"),
    may_be_empty=True,
)

_CLAIMS = Table(
    "catalogue_claims",
    "Published claims about this kind of content engine, and what was measured here.",
    (
        Column("claim", "VARCHAR", "what was claimed"),
        Column("claimed", "VARCHAR", "the figure as published"),
        Column("measured", "VARCHAR", "the figure here"),
        Column("verdict", "VARCHAR", "reproduced, not reproduced, or not meaningful"),
        Column("why", "VARCHAR", "the reason for the verdict"),
    ),
    key=("claim",),
    may_be_empty=True,
)

TABLES = (_SIMILAR, _RECALL, _RELEVANCE, _CLAIMS)
