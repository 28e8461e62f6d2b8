"""What models hold, beside the same counted again from the rows that they may know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from recsys_assets.algorithms.als import fold_in_users
from recsys_assets.algorithms.catalogue.features import CatalogueFeatures
from recsys_assets.algorithms.content import ContentVectors, user_profiles
from recsys_assets.algorithms.embeddings import Embeddings
from recsys_assets.algorithms.features import ItemFeatures
from recsys_assets.algorithms.hybrid import blend
from recsys_assets.algorithms.interactions import Interactions, build_interactions
from recsys_assets.algorithms.leakage import deviation
from recsys_assets.algorithms.liking.clusters import UserClusters
from recsys_assets.algorithms.liking.features import FEATURES
from recsys_assets.algorithms.rating_prediction.biases import Biases
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.algorithms.sampling import sample_users
from recsys_assets.defs.classification.assets import LikeFeatures
from recsys_assets.defs.classification.builders import LikeFeaturesConfig
from recsys_assets.defs.clusters.assets import ClusteringConfig
from recsys_assets.defs.collaborative.assets import RecencyConfig
from recsys_assets.defs.common import chosen
from recsys_assets.defs.content.vectors import ContentConfig, learn_content
from recsys_assets.defs.fits import TRIAL, Fit
from recsys_assets.defs.leakage.findings import Finding
from recsys_assets.defs.leakage.recount import Recount, of_items
from recsys_assets.defs.leakage.settings import Settings
from recsys_assets.defs.leakage.worlds import may_learn, stored
from recsys_assets.defs.rating_prediction.models import chosen_settings
from recsys_assets.defs.resources import Project
from recsys_assets.defs.topn import LikeConfig

__all__ = ["recomputed"]

MAX_USERS = 500
"""Of more, a sample is recomputed where that takes a system of equations for each."""
SCORES = {
    "popularity_scores": "likes of each movie",
    "recent_popularity_scores": "likes of each movie, by age from the newest learned one",
}
FEATURES_CHECKED = {
    side: tuple(f"{prefix}_{name}" for name in ("n_ratings", "like_rate", "mean_stars"))
    for side, prefix in (("user", "user"), ("movie", "item"))
}
BIASES = ("global_mean", "user_mean", "item_mean", "bias", "time_damped_bias")
"""Models of stars that are sums over learned rows and nothing else."""


@dataclass(frozen=True)
class Look:
    """A fit's artifacts, the rows to count them again from, and the difference that rounding may make."""

    project: Project
    dataset: str
    fit: Fit
    rows: Recount
    settings: Settings
    bound: float

    def artifact(self, name: str, kind: type[Any]) -> Any:
        return stored(self.project, self.dataset, self.fit.key(name), kind)

    def table(self, name: str) -> pd.DataFrame:
        return self.project.warehouse.frame(self.dataset, f"from {name}")

    def of(self, name: str, kind: type[Any]) -> Any:
        return self.settings.of(self.fit.key(name), kind)

    def finding(self, family: str, what: str, measured: float, meaning: str) -> Finding:
        return Finding(
            family,
            self.fit.name,
            f"recomputed {what}",
            measured,
            self.bound,
            f"largest difference d / (1 + |figure|) of {meaning}, counted again from "
            f"{' and '.join(may_learn(self.fit))}",
        )


def recomputed(look: Look, world: Project) -> Iterator[Finding]:
    """All that can be counted again of a fit.

    Parameters
    ----------
    world : the data set with held-out rows scrambled
    """
    yield from _matrices(look)
    yield from _als(look)
    yield from _content(look, world)
    yield from _like_features(look)
    yield from _clusters(look)
    if look.fit == TRIAL:
        yield from _popularity(look)
        yield from _hybrid(look)
        yield from _cold_start(look)
        yield from _biases(look)


def _matrices(look: Look) -> Iterator[Finding]:
    expected = look.rows.activity()
    for family, name, kind in (("lists", "interactions", Interactions), ("stars", "rating_log", RatingLog)):
        found = look.artifact(name, kind)
        item = found.ratings.indices if family == "lists" else found.item
        stars = found.ratings.data if family == "lists" else found.rating
        n_ratings = np.bincount(item, minlength=found.item_ids.size)
        total = np.bincount(item, stars, minlength=found.item_ids.size)
        n_expected = of_items(expected, "n_ratings", found.item_ids)
        means = total / np.maximum(n_ratings, 1), of_items(expected, "mean_rating", found.item_ids)
        yield look.finding(
            family,
            name,
            max(deviation(n_ratings, n_expected), deviation(*means)),
            "number and mean of each movie's ratings",
        )


def _popularity(look: Look) -> Iterator[Finding]:
    recency = look.of("recent_popularity_scores", RecencyConfig)
    expected = {
        "popularity_scores": _liking(look, "popularity_scores").likes(),
        "recent_popularity_scores": _liking(look, "recent_popularity_scores").aging_likes(
            recency.half_life_days
        ),
    }
    for name, meaning in SCORES.items():
        found = look.artifact(name, Embeddings).item_vectors[:, 0]
        yield look.finding("lists", name, deviation(found, expected[name]), meaning)


def _als(look: Look) -> Iterator[Finding]:
    model, settings = look.artifact("als_factors", Embeddings), chosen(look.table("als_settings"))
    likes = _liked(look, "als_factors", model)
    users = sample_users(model.n_users, size=MAX_USERS, seed=0)
    expected = fold_in_users(
        likes.ratings[users],
        model.item_vectors,
        regularization=float(settings["regularization"]),
        alpha=float(settings["alpha"]),
    )
    known = np.bincount(likes.ratings.indices, minlength=model.n_items) > 0
    yield look.finding(
        "lists",
        "als_factors",
        max(deviation(model.user_vectors[users], expected), deviation(model.recommendable, known)),
        "users' vectors, by the closed form from their likes, and of which movies have likes",
    )


def _content(look: Look, world: Project) -> Iterator[Finding]:
    """The vectors anew in a world with other tags on held-out movies; profiles from likes."""
    found = look.artifact("content_vectors", ContentVectors)
    genome = stored(look.project, look.dataset, dg.AssetKey("genome_features"), ItemFeatures)
    catalogue = stored(look.project, look.dataset, dg.AssetKey("catalogue_features"), CatalogueFeatures)
    config = look.of("content_vectors", ContentConfig)
    expected, _ = learn_content(world, look.dataset, look.fit, genome, catalogue, config)
    yield look.finding(
        "lists",
        "content_vectors",
        deviation(found.item_vectors, expected.item_vectors),
        "movies' vectors, where tags on held-out movies are others",
    )
    profiles = look.artifact("content_profiles", Embeddings)
    likes = _liked(look, "content_profiles", profiles)
    like = look.of("content_profiles", LikeConfig).like_rating
    yield look.finding(
        "lists",
        "content_profiles",
        deviation(profiles.user_vectors, user_profiles(likes, found.item_vectors, min_rating=like)),
        "users' profiles, from the likes",
    )


def _hybrid(look: Look) -> Iterator[Finding]:
    weights = chosen(look.table("hybrid_weights"))
    found, als, content = (
        look.artifact(name, Embeddings) for name in ("hybrid_factors", "als_factors", "content_profiles")
    )
    expected = blend(als, content, alpha=float(weights["alpha"]), beta=float(weights["beta"]))
    yield look.finding(
        "lists",
        "hybrid_factors",
        max(
            deviation(found.user_vectors, expected.user_vectors),
            deviation(found.item_vectors, expected.item_vectors),
        ),
        "the blend of both models",
    )


def _cold_start(look: Look) -> Iterator[Finding]:
    listed, activity = look.table(f"{look.fit.name}__cold_start"), look.rows.activity()
    pairs = [
        (listed[column].to_numpy(), of_items(activity, column, listed["movie_id"].to_numpy()))
        for column in ("n_ratings", "mean_rating")
    ]
    yield look.finding(
        "lists",
        "cold_start",
        max(deviation(*pair) for pair in pairs),
        "number and mean of listed movies' ratings",
    )


def _biases(look: Look) -> Iterator[Finding]:
    settings = chosen_settings(look.table("rating_settings"))
    for name in BIASES:
        found = look.artifact(name, Biases)
        mean, users, movies = look.rows.biases(**_sums(name, settings[name]))
        yield look.finding(
            "stars",
            name,
            max(
                deviation(np.array(found.mean), np.array(mean)),
                deviation(found.user_bias, users),
                deviation(found.item_bias, movies),
            ),
            "the mean and the biases of users and movies",
        )


def _sums(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The sums of a model: an infinite damping leaves biases at 0, an infinite half life weights at 1."""
    of_users, of_movies = name not in ("global_mean", "item_mean"), name not in ("global_mean", "user_mean")
    return {
        "user_damping": settings["damping"] if of_users else np.inf,
        "item_damping": settings["damping"] if of_movies else np.inf,
        "iterations": settings.get("iterations", int(of_users or of_movies)),
        "half_life_days": settings.get("half_life_days", np.inf),
    }


def _like_features(look: Look) -> Iterator[Finding]:
    config = look.of("like_features", LikeFeaturesConfig)
    values = look.artifact("like_features", LikeFeatures).values
    fold = np.random.default_rng(config.seed).permutation(len(values)) % config.n_folds
    names = [feature.name for feature in FEATURES]
    for side, checked in FEATURES_CHECKED.items():
        expected = _liking(look, "like_features").out_of_fold(side, fold, config.smoothing)
        found = values[:, [names.index(name) for name in checked]]
        yield look.finding(
            "likes",
            f"{side} means",
            deviation(found, expected),
            f"number, like rate and mean stars of the {side}'s ratings in the other folds",
        )


def _clusters(look: Look) -> Iterator[Finding]:
    config = look.of("genre_clusters", ClusteringConfig)
    clusters = look.artifact("genre_clusters", UserClusters)
    preferences = look.rows.genre_preferences(config.damping)
    known = preferences.any(axis=1)
    expected = np.full(clusters.distance.shape, np.nan)
    expected[known] = np.linalg.norm(preferences[known][:, None] - clusters.centroids, axis=2)
    yield look.finding(
        "clusters",
        "genre preferences",
        deviation(clusters.distance, expected),
        "users' distances from the clusters' means, by their genre preferences",
    )


def _liking(look: Look, name: str) -> Recount:
    """The rows, with the likes of an artifact's own settings."""
    return Recount(look.rows.connection, look.rows.rows, look.of(name, LikeConfig).like_rating)


def _liked(look: Look, name: str, model: Embeddings) -> Interactions:
    """The likes as ratings, over the model's ids."""
    rows = _liking(look, name).liked_pairs()
    return build_interactions(
        rows["user_id"], rows["movie_id"], rows["rating"], user_ids=model.user_ids, item_ids=model.item_ids
    )
