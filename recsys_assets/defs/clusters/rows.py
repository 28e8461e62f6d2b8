"""Rows of the tables of clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys_assets.algorithms.liking.clusters import UNKNOWN, Evidence, Rows, UserClusters, cluster_lift
from recsys_assets.algorithms.rating_prediction.log import RatingLog

__all__ = ["evidence_rows", "membership_rows", "profile_rows", "similarity_rows"]

Names = NDArray[Any]


def evidence_rows(evidence: Mapping[str, Sequence[Evidence]]) -> pd.DataFrame:
    rows = [
        (kind, one.k, one.silhouette, one.stability, one.smallest, one.chosen)
        for kind, of_kind in evidence.items()
        for one in of_kind
    ]
    return pd.DataFrame(rows, columns=["kind", "k", "silhouette", "stability", "smallest_share", "chosen"])


def membership_rows(clusters: Mapping[str, UserClusters]) -> pd.DataFrame:
    """Kind by kind, user by user."""
    return pd.concat(
        [
            pd.DataFrame({"kind": kind, "user_id": of_kind.user_ids, "cluster": of_kind.cluster})
            for kind, of_kind in clusters.items()
        ],
        ignore_index=True,
    )


def similarity_rows(clusters: Mapping[str, UserClusters]) -> pd.DataFrame:
    """All pairs of a kind's clusters."""
    tables = []
    for kind, of_kind in clusters.items():
        cluster, other = (places.ravel() for places in np.indices(of_kind.similarity.shape))
        similarity = of_kind.similarity.ravel()
        tables.append(
            pd.DataFrame({"kind": kind, "cluster": cluster, "other": other, "similarity": similarity})
        )
    return pd.concat(tables, ignore_index=True)


def profile_rows(
    clusters: Mapping[str, UserClusters],
    genres: Mapping[str, Rows],
    log: RatingLog,
    *,
    genre_names: Names,
    titles: Names,
    n_genres: int,
    n_movies: int,
    like: float,
    damping: float,
) -> pd.DataFrame:
    """One row a cluster; genres and movies that it doesn't like more than all users do are not named.

    Parameters
    ----------
    genres : shape (n_clusters, n_genres) each, stars above the preference of all users
    titles : shape (n_items,)
    """
    tables = []
    for kind, of_kind in clusters.items():
        lift = cluster_lift(log, of_kind, like=like, damping=damping)
        top_genres = [_top(row, n_genres) for row in genres[kind]]
        top_movies = [_top(row, n_movies) for row in lift]
        named = pd.DataFrame(
            {
                "top_genres": [genre_names[top].tolist() for top in top_genres],
                "top_genre_stars": _at(genres[kind], top_genres),
                "top_movie_ids": [log.item_ids[top].tolist() for top in top_movies],
                "top_movies": [titles[top].tolist() for top in top_movies],
                "top_movie_lifts": _at(lift, top_movies),
            }
        )
        tables.append(_who(of_kind, log).assign(kind=kind).join(named))
    return pd.concat(tables, ignore_index=True)


def _who(clusters: UserClusters, log: RatingLog) -> pd.DataFrame:
    """How many users a cluster has, how many ratings they gave, and how many stars."""
    cluster = clusters.cluster[log.user]
    known = cluster != UNKNOWN
    n_ratings = np.bincount(cluster[known], minlength=clusters.n_clusters)
    stars = np.bincount(cluster[known], log.rating[known], minlength=clusters.n_clusters)
    return pd.DataFrame(
        {
            "cluster": np.arange(clusters.n_clusters),
            "n_users": clusters.sizes,
            "mean_rating": np.where(n_ratings > 0, stars / np.maximum(n_ratings, 1), np.nan),
            "ratings_per_user": n_ratings / np.maximum(clusters.sizes, 1),
        }
    )


def _top(values: Rows, n: int) -> NDArray[np.intp]:
    """Places of the n highest values above 0, the highest first, the first of equals first."""
    places = np.argsort(-values, kind="stable")[:n]
    return places[values[places] > 0]


def _at(values: Rows, places: Sequence[NDArray[np.intp]]) -> list[list[float]]:
    return [row[top].tolist() for row, top in zip(values, places, strict=True)]
