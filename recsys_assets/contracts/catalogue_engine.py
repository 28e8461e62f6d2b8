"""The content engine's features and clusters: their figures, what their number was chosen by, who is in them."""

from __future__ import annotations

from recsys_assets.contracts.catalogue import IN_CATALOGUE, TMDB
from recsys_assets.contracts.schema import Column, Table

__all__ = ["CHOSEN", "PUBLISHED_SETTING", "TABLES"]

PUBLISHED_SETTING, CHOSEN = "published", "chosen"
"""Settings that figures are of: as others published them, and this project's own."""

_CLUSTER = Column("cluster", "INTEGER", "counts clusters from 0, the largest", minimum=0)
_N_MOVIES = Column("n_movies", "INTEGER", "movies in the cluster", minimum=1)

_CATALOGUE_FIGURES = Table(
    "catalogue_figures",
    "What features and clusters come to with the published settings and with the chosen ones, and what was claimed.",
    (
        Column("setting", "VARCHAR", "published, or chosen"),
        Column(
            "name",
            "VARCHAR",
            "n_movies, n_columns, n_text, n_genres, n_numbers; explained_share = part of the variance of the TF-IDF "
            "columns that the components explain; silhouette, stability = of Ward's clusters, as in the evidence",
        ),
        Column("k", "INTEGER", "number of clusters that the figure is of; 0 = not about clusters", minimum=0),
        Column("value", "DOUBLE", "the figure"),
        Column("claimed", "DOUBLE", "as its authors state it; null where they don't", nullable=True),
    ),
    key=("setting", "name", "k"),
    may_be_empty=True,
)
_CATALOGUE_CLUSTER_EVIDENCE = Table(
    "catalogue_cluster_evidence",
    "Numbers of clusters of movies that were tried, and what speaks for them. Nothing of it is about ratings.",
    (
        Column("k", "INTEGER", "number of clusters", minimum=1),
        Column(
            "silhouette",
            "DOUBLE",
            "mean over movies: 1 = far nearer to their own cluster than to any other, 0 = between two",
            nullable=True,
            minimum=-1.0,
            maximum=1.0,
        ),
        Column(
            "stability",
            "DOUBLE",
            "adjusted Rand index of partitions learned from two halves of the movies: 1 = the same, 0 = by chance",
            minimum=-1.0,
            maximum=1.0,
        ),
        Column(
            "smallest_share", "DOUBLE", "part of the movies in the smallest cluster", minimum=0.0, maximum=1.0
        ),
        Column("chosen", "BOOLEAN", "used from here on"),
    ),
    key=("k",),
    may_be_empty=True,
)
_CATALOGUE_MOVIE_CLUSTERS = Table(
    "catalogue_movie_clusters",
    "The cluster of every movie of the catalogue.",
    (TMDB, _CLUSTER),
    key=("tmdb_id",),
    references=(IN_CATALOGUE,),
    may_be_empty=True,
)
_CATALOGUE_CLUSTER_PROFILES = Table(
    "catalogue_cluster_profiles",
    "What each cluster is about: what occurs in it more often than elsewhere, and its movies of most votes.",
    (
        _CLUSTER,
        _N_MOVIES,
        Column("mean_year", "DOUBLE", "mean year of release", nullable=True),
        Column("top_genres", "VARCHAR[]", "genres, the most telling first"),
        Column("top_keywords", "VARCHAR[]", "keywords, the most telling first"),
        Column("top_people", "VARCHAR[]", "actors and directors, the most telling first"),
        Column("example_tmdb_ids", "BIGINT[]", "movies of most votes"),
        Column("example_movies", "VARCHAR[]", "their titles"),
    ),
    key=("cluster",),
    may_be_empty=True,
)

TABLES = (
    _CATALOGUE_FIGURES,
    _CATALOGUE_CLUSTER_EVIDENCE,
    _CATALOGUE_MOVIE_CLUSTERS,
    _CATALOGUE_CLUSTER_PROFILES,
)
