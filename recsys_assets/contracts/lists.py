"""Lists: recommendations to users, neighbours of movies."""

from __future__ import annotations

from dataclasses import replace

from recsys_assets.contracts.columns import IN_MOVIES, MOVIE, RANK, SCORE, USER, id_column
from recsys_assets.contracts.schema import Column, Reference, Table

__all__ = ["TABLES"]


def _recommendations(strategy: str, meaning: str) -> Table:
    return Table(
        f"{strategy}_recommendations",
        f"Top-N per user by {meaning}; no movie that the user has rated in the rows learned from.",
        (USER, RANK, MOVIE, SCORE),
        key=("user_id", "rank"),
        references=(IN_MOVIES,),
    )


_RECOMMENDATIONS = Table(
    "recommendations",
    "Top-N per user and strategy, from models fitted on all ratings; nothing the user has rated.",
    (
        Column(
            "strategy",
            "VARCHAR",
            "als, content, hybrid, popularity, recent_popularity; in holdout also cold ones",
        ),
        USER,
        RANK,
        MOVIE,
        SCORE,
    ),
    key=("strategy", "user_id", "rank"),
    references=(IN_MOVIES,),
)
_SIMILARITY = (
    MOVIE,
    RANK,
    id_column("similar_movie_id", "the neighbour's id"),
    Column("similarity", "FLOAT", "cosine, −1 to 1", minimum=-1.001, maximum=1.001),
)
_SIMILAR_REFERENCES = (IN_MOVIES, Reference("similar_movie_id", "movies", "movie_id"))


def _similar(method: str, meaning: str) -> Table:
    return Table(
        f"{method}_similar_movies",
        f"Nearest movies by cosine of {meaning}.",
        _SIMILARITY,
        key=("movie_id", "rank"),
        references=_SIMILAR_REFERENCES,
    )


_SIMILAR_MOVIES = Table(
    "similar_movies",
    "Nearest movies per method, from all ratings.",
    (
        Column(
            "method",
            "VARCHAR",
            "als or svdpp (item factors), content, genome (tag relevance alone), content_global or content_cluster "
            "(catalogue, within the cluster)",
        ),
        *_SIMILARITY,
    ),
    key=("method", "movie_id", "rank"),
    references=_SIMILAR_REFERENCES,
)
_COLD_START = Table(
    "cold_start",
    "What a user without history is shown: popular, good, spread over genres.",
    (
        RANK,
        MOVIE,
        Column("n_ratings", "INTEGER", "ratings learned from", minimum=0),
        Column("mean_rating", "FLOAT", "their mean, stars", True, minimum=0.5, maximum=5.0),
    ),
    key=("rank",),
    references=(IN_MOVIES,),
)

TABLES = (
    _recommendations("popularity", "number of likes"),
    _recommendations("recent_popularity", "number of likes, recent ones counting more"),
    _recommendations("als", "implicit ALS"),
    _recommendations("content", "content profile"),
    _recommendations("like_ensemble", "probability of a like, by boosted trees"),
    _recommendations(
        "cluster_hybrid", "probability of a like, boosted by how users of like taste like the movie"
    ),
    _recommendations("hybrid", "weighted sum of ALS and content, each standardised per user"),
    replace(
        _recommendations("cold_item", "content profile, among movies without a rating to learn from"),
        may_be_empty=True,
    ),
    replace(
        _RECOMMENDATIONS,
        name="cold_user_recommendations",
        comment="What each user would be shown if nothing were known of them: lists built without their ratings.",
    ),
    _RECOMMENDATIONS,
    replace(
        _RECOMMENDATIONS,
        name="holdout_recommendations",
        comment="Top-N per user and strategy from models fitted on training and validation rows: what is judged.",
    ),
    _similar("als", "ALS item factors"),
    _similar("svdpp", "SVD++ item factors"),
    _similar("content", "content vectors"),
    replace(_similar("genome", "tag-genome relevance"), may_be_empty=True),
    replace(_similar("content_global", "the champion's catalogue vectors"), may_be_empty=True),
    replace(
        _similar("content_cluster", "the champion's catalogue vectors, among movies of the same cluster"),
        may_be_empty=True,
    ),
    _SIMILAR_MOVIES,
    _COLD_START,
)
