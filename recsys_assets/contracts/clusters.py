"""Users grouped by taste: who is where, what each group likes, and what its number was chosen by."""

from __future__ import annotations

from dataclasses import replace

from recsys_assets.contracts.columns import USER
from recsys_assets.contracts.schema import Column, Table

__all__ = ["TABLES"]

_KIND = Column(
    "kind", "VARCHAR", "genre = grouped by preferred genres, rating = by which movies are rated high"
)
_CLUSTER = Column("cluster", "INTEGER", "counts a kind's clusters from 0, the largest", minimum=0)

_CLUSTER_EVIDENCE = Table(
    "cluster_evidence",
    "Numbers of clusters that were tried on training rows, and what speaks for them; one a kind is chosen.",
    (
        _KIND,
        Column("k", "INTEGER", "number of clusters", minimum=1),
        Column(
            "silhouette",
            "DOUBLE",
            "mean over users: 1 = far nearer to their own cluster than to any other, 0 = between two",
            nullable=True,
            minimum=-1.0,
            maximum=1.0,
        ),
        Column(
            "stability",
            "DOUBLE",
            "adjusted Rand index of partitions learned from two halves of the users: 1 = the same, 0 = by chance",
            minimum=-1.0,
            maximum=1.0,
        ),
        Column(
            "smallest_share", "DOUBLE", "part of the users in the smallest cluster", minimum=0.0, maximum=1.0
        ),
        Column("chosen", "BOOLEAN", "used from here on"),
    ),
    key=("kind", "k"),
)
_USER_CLUSTERS = Table(
    "user_clusters",
    "The cluster of every user, from all ratings.",
    (
        _KIND,
        USER,
        replace(_CLUSTER, comment="the user's cluster; −1 = the ratings tell no taste", minimum=-1),
    ),
    key=("kind", "user_id"),
)
_CLUSTER_PROFILES = Table(
    "cluster_profiles",
    "Who is in each cluster and what they like more than others do, from all ratings.",
    (
        _KIND,
        _CLUSTER,
        Column("n_users", "INTEGER", "users in the cluster", minimum=0),
        Column(
            "mean_rating", "DOUBLE", "mean of their ratings, stars", nullable=True, minimum=0.5, maximum=5.0
        ),
        Column("ratings_per_user", "DOUBLE", "ratings that each gave on average", minimum=0.0),
        Column(
            "top_genres", "VARCHAR[]", "genres that they prefer more than all users do, the most so first"
        ),
        Column("top_genre_stars", "DOUBLE[]", "by how many stars more, genre by genre"),
        Column(
            "top_movie_ids",
            "BIGINT[]",
            "movies that they like more often than all users do, the most so first",
        ),
        Column("top_movies", "VARCHAR[]", "their titles"),
        Column(
            "top_movie_lifts", "DOUBLE[]", "by how much more often, shrunk by counts: a share, movie by movie"
        ),
    ),
    key=("kind", "cluster"),
)
_CLUSTER_SIMILARITY = Table(
    "cluster_similarity",
    "How alike clusters are, pair by pair: the weight with which one has a say in the boost of another.",
    (
        _KIND,
        _CLUSTER,
        replace(_CLUSTER, name="other", comment="the cluster it is compared with, itself included"),
        Column(
            "similarity",
            "FLOAT",
            "(1 + cosine) / 2 of the centroids' directions from the mean user: 1 = same, 0 = opposite",
            minimum=0.0,
            maximum=1.0,
        ),
    ),
    key=("kind", "cluster", "other"),
)

TABLES = (_CLUSTER_EVIDENCE, _USER_CLUSTERS, _CLUSTER_PROFILES, _CLUSTER_SIMILARITY)
