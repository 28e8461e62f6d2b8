"""Families of models: how each learns, quickly, and what its models say of pairs.

Leaks come in through rows, joins and statistics, not through how good models are: short fits show them as well. The
functions that learn are those that the families' assets call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys_assets.algorithms.als import fit_als
from recsys_assets.algorithms.cold_start import cold_start_list
from recsys_assets.algorithms.content import content_embeddings
from recsys_assets.algorithms.hybrid import blend
from recsys_assets.algorithms.interactions import Interactions, build_interactions
from recsys_assets.algorithms.leakage import (
    Contest,
    likes_against,
    likes_against_likes_of_others,
    likes_against_other_items,
    shuffle_items,
    shuffle_stars,
)
from recsys_assets.algorithms.liking.boost import fit_cluster_liking
from recsys_assets.algorithms.liking.clusters import fit_user_clusters, genre_preferences, rating_rows
from recsys_assets.algorithms.liking.features import out_of_fold
from recsys_assets.algorithms.liking.learning import VARIANTS, fit_likes
from recsys_assets.algorithms.popularity import popularity, recent_popularity
from recsys_assets.algorithms.rating_prediction.ensemble import Blend, fit_models
from recsys_assets.algorithms.rating_prediction.log import Days, RatingLog
from recsys_assets.defs.classification.builders import LikeFeaturesConfig, builder
from recsys_assets.defs.classification.config import GrowthConfig
from recsys_assets.defs.common import chosen
from recsys_assets.defs.leakage.worlds import Inputs
from recsys_assets.defs.rating_prediction.recipes import (
    MODELS,
    Knowledge,
    RatingModelsConfig,
    recipes_as_chosen,
)
from recsys_assets.defs.resources import Project

__all__ = ["FAMILIES", "Choices", "Family", "Learned", "matrix_of", "read_choices"]

Numbers = NDArray[np.integer]
Scores = Mapping[str, NDArray[np.floating]]

_STARS = RatingModelsConfig.model_validate(
    {
        "bias_iterations": 3,
        "n_stored": 50,
        "n_factors": 8,
        "epochs": 5,
        "fm_factors": 4,
        "fm_samples": 4,
        "fm_burn_in": 2,
        "fm_kept": 2,
    }
)
_FEATURES = LikeFeaturesConfig.model_validate(
    {
        "n_folds": 2,
        "n_stored": 50,
        "n_factors": 8,
        "epochs": 5,
        "fm_samples": 4,
        "fm_burn_in": 2,
        "fm_kept": 2,
    }
)
_GROWTH = GrowthConfig.model_validate({"max_depth": 3})
_N_TREES = 10
_N_FACTORS, _ITERATIONS, _REGULARIZATION, _ALPHA = 16, 4, 10.0, 5.0


@dataclass(frozen=True)
class Choices:
    """What held-out rows chose, as the tables have it, so that what is tried is what is used.

    Attributes
    ----------
    alpha, beta : weights of the hybrid
    models : models of stars that there are; large data have not all
    blends : weight of each model in each blend of stars
    n_clusters : by kind of clusters
    """

    like: float
    alpha: float
    beta: float
    models: tuple[str, ...]
    blends: Mapping[str, Mapping[str, float]]
    n_clusters: Mapping[str, int]


def read_choices(project: Project, dataset: str, *, like: float) -> Choices:
    def table(name: str) -> pd.DataFrame:
        return project.warehouse.frame(dataset, f"from {name}")

    weights = chosen(table("hybrid_weights"))
    evidence = table("cluster_evidence")
    return Choices(
        like,
        float(weights["alpha"]),
        float(weights["beta"]),
        tuple(name for name in MODELS if name in set(table("rating_settings")["model"])),
        {
            str(name): dict(zip(rows["model"], rows["weight"].astype(float), strict=True))
            for name, rows in table("rating_blends").groupby("blend")
        },
        {str(kind): int(chosen(rows)["k"]) for kind, rows in evidence.groupby("kind")},
    )


@dataclass(frozen=True)
class Learned:
    """Models as quick fits leave them.

    Attributes
    ----------
    arrays : dataclasses of arrays by name, each all that one model holds
    scores : of pairs, shape (n,) each, by name of the model; the higher, the more liked
    """

    arrays: Mapping[str, Any]
    scores: Callable[[Numbers, Numbers, Days], Scores]


@dataclass(frozen=True)
class Family:
    """Models that learn alike.

    Attributes
    ----------
    groups : groups of assets that they are in
    pooled : whether scores of different users can be compared
    shuffle : takes the meaning from rows of a log; called with a seed
    meaning : what models of shuffled rows must not tell, in words
    contests : the same as rows, by name: called with held-out rows, the stars of a like, the number of other movies for
        each like, and a seed; a model takes part in that of its own name, or in the one named ""
    """

    name: str
    groups: tuple[str, ...]
    pooled: bool
    learn: Callable[[Inputs, Choices], Learned]
    shuffle: Callable[..., RatingLog]
    contests: Callable[[RatingLog, float, int, int], Mapping[str, Contest]]
    meaning: str


@dataclass(frozen=True)
class _Values:
    """Numbers that belong to no model."""

    values: NDArray[Any]


def matrix_of(log: RatingLog) -> Interactions:
    """The log as a matrix over its own users and items."""
    return build_interactions(
        log.user_ids[log.user],
        log.item_ids[log.item],
        log.rating,
        user_ids=log.user_ids,
        item_ids=log.item_ids,
    )


def _learn_lists(inputs: Inputs, choices: Choices) -> Learned:
    log, matrix = inputs.log, matrix_of(inputs.log)
    ids = {"user_ids": log.user_ids, "item_ids": log.item_ids}
    likes = matrix.likes(choices.like)
    liked = log.rows(log.rating >= choices.like)
    als = fit_als(
        likes,
        **ids,
        n_factors=_N_FACTORS,
        regularization=_REGULARIZATION,
        alpha=_ALPHA,
        iterations=_ITERATIONS,
        seed=0,
    )
    content = content_embeddings(matrix, inputs.content.item_vectors, min_rating=choices.like)
    models = {
        "popularity": popularity(likes, **ids),
        "recent_popularity": recent_popularity(liked.item, liked.day * 86_400, **ids, half_life_days=180),
        "als": als,
        "content": content,
        "hybrid": blend(als, content, alpha=choices.alpha, beta=choices.beta),
    }
    cold = cold_start_list(
        *matrix.item_activity(), inputs.knowledge.genres, min_ratings=50, min_mean=3.5, n=20
    )
    return Learned(
        {**models, "cold_start": _Values(cold)},
        lambda user, item, day: {name: model.pair_scores(user, item) for name, model in models.items()},
    )


def _contests_of_lists(held_out: RatingLog, like: float, n_others: int, seed: int) -> dict[str, Contest]:
    others = likes_against_other_items(held_out, like=like, n_others=n_others, seed=seed)
    liked = likes_against_likes_of_others(held_out, like=like, n_others=n_others, seed=seed)
    return {"": others, "content": liked, "hybrid": liked}


def _learn_stars(inputs: Inputs, choices: Choices) -> Learned:
    settings = {name: MODELS[name].candidates(_STARS)[0] for name in choices.models}
    recipes = recipes_as_chosen(settings, Knowledge(inputs.side, inputs.content))
    models = {
        name: model
        for name, (model, _) in fit_models(recipes, settings, inputs.log, n_threads=_STARS.n_threads).items()
    }
    mean = float(inputs.log.rating.mean(dtype=np.float64))

    def scores(user: Numbers, item: Numbers, day: Days) -> Scores:
        found = {name: model.predict(user, item, day) for name, model in models.items()}
        return found | {
            name: Blend(mean, weights, {}).combine(found) for name, weights in choices.blends.items()
        }

    return Learned(models, scores)


def _learn_likes(inputs: Inputs, choices: Choices) -> Learned:
    def build(log: RatingLog) -> Any:
        return builder(log, inputs.knowledge, inputs.side, _FEATURES)

    values = out_of_fold(
        inputs.log, build, n_folds=_FEATURES.n_folds, seed=_FEATURES.seed, n_threads=_FEATURES.n_threads
    )
    models = fit_likes(
        values,
        inputs.log.rating,
        dict.fromkeys(VARIANTS, _N_TREES),
        like=choices.like,
        growth=_GROWTH.growth(),
    )
    described_by = build(inputs.log)

    def scores(user: Numbers, item: Numbers, day: Days) -> Scores:
        described = described_by.pairs(user, item, day)
        return {name: trees.predict(described[:, VARIANTS[name].columns]) for name, trees in models.items()}

    return Learned({"features": _Values(values), **models}, scores)


def _learn_clusters(inputs: Inputs, choices: Choices) -> Learned:
    log = inputs.log
    rows = {
        "genre": genre_preferences(log, inputs.knowledge.genres, damping=10.0),
        "rating": rating_rows(log, n_components=16, seed=0),
    }
    clusters = {
        kind: fit_user_clusters(
            rows[kind],
            log.user_ids,
            k=max(n_clusters, 2),
            min_users=3,
            n_init=1,
            mini_batch_above=20_000,
            seed=0,
        )
        for kind, n_clusters in choices.n_clusters.items()
    }
    liking = {
        kind: fit_cluster_liking(log, of_kind, like=choices.like, damping=10.0, item_damping=5.0)
        for kind, of_kind in clusters.items()
    }
    return Learned(
        {**clusters, **{f"{kind}_liking": one for kind, one in liking.items()}},
        lambda user, item, day: {kind: one.pairs(user, item) for kind, one in liking.items()},
    )


def _likes_against_others(held_out: RatingLog, like: float, n_others: int, seed: int) -> dict[str, Contest]:
    return {"": likes_against(held_out, like=like)}


_DEALT = "learned from stars dealt anew among all rows, held-out likes against the user's other held-out rows"

FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family(
            "lists",
            ("collaborative", "content", "hybrid"),
            False,
            _learn_lists,
            shuffle_items,
            _contests_of_lists,
            "learned from movies drawn uniformly in place of each user's own, held-out likes against other movies",
        ),
        Family(
            "stars", ("rating_prediction",), True, _learn_stars, shuffle_stars, _likes_against_others, _DEALT
        ),
        Family(
            "likes", ("classification",), True, _learn_likes, shuffle_stars, _likes_against_others, _DEALT
        ),
        Family(
            "clusters", ("clusters",), True, _learn_clusters, shuffle_stars, _likes_against_others, _DEALT
        ),
    )
}
