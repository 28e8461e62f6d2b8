"""The models of stars: how each is fitted, and among which settings held-out ratings choose."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import dagster as dg
import numpy as np
from pydantic import Field

from recsys_assets.algorithms.content import ContentVectors
from recsys_assets.algorithms.rating_prediction.biases import Biases, fit_biases
from recsys_assets.algorithms.rating_prediction.ensemble import Recipe
from recsys_assets.algorithms.rating_prediction.factorization_machine import (
    FactorizationMachine,
    SideFeatures,
    fit_factorization_machine,
)
from recsys_assets.algorithms.rating_prediction.latent_factors import LatentFactors, fit_latent_factors
from recsys_assets.algorithms.rating_prediction.log import RatingLog, RatingModel
from recsys_assets.algorithms.rating_prediction.neighbors import (
    Neighborhood,
    content_neighbors,
    fit_cosine_neighbors,
    fit_neighborhood,
    fit_residual_neighbors,
)

__all__ = ["MODELS", "Knowledge", "RatingModelsConfig", "as_json", "recipes", "recipes_as_chosen"]

Settings = Mapping[str, Any]


class RatingModelsConfig(dg.Config):
    """Hyper-parameters of the models of stars. Where several are given, held-out ratings choose."""

    dampings: list[float] = Field([2.0, 5.0, 10.0], description="ratings' worth of pull of a bias towards 0")
    half_lives: list[float] = Field(
        [90.0, 365.0, 1460.0], description="days after which a rating counts half"
    )
    bias_iterations: int = Field(10, ge=1, description="rounds of alternating least squares of the biases")
    n_neighbors: int = Field(40, ge=1, description="rated neighbours that a prediction rests on")
    n_stored: int = Field(500, ge=1, description="neighbours kept of each user or movie")
    shrinkages: list[float] = Field([50.0, 150.0], description="co-ratings' worth of doubt in a similarity")
    exponents: list[float] = Field(
        [1.0, 2.0], description="powers of the similarity; 2 trusts the nearest more"
    )
    neighbor_dampings: list[float] = Field([0.02, 0.2], description="pulls of a neighbourhood to the biases")
    n_factors: int = Field(50, ge=1, le=1024, description="dimensions of matrix factorisation and SVD++")
    epochs: int = Field(60, ge=1, description="passes over the ratings")
    decay: float = Field(0.97, gt=0, le=1, description="of the learning rate, from one epoch to the next")
    initial_scale: float = Field(0.02, gt=0, description="standard deviation of the first factors")
    mf_learning_rates: list[float] = Field([0.01, 0.02], description="first steps of matrix factorisation")
    mf_regularizations: list[float] = Field(
        [0.04, 0.08, 0.1, 0.12], description="λ of matrix factorisation to try"
    )
    svdpp_learning_rates: list[float] = Field([0.003, 0.005], description="first steps of SVD++ to try")
    svdpp_regularizations: list[float] = Field([0.06, 0.08, 0.1], description="λ of SVD++ to try")
    fm_factors: int = Field(10, ge=1, le=256, description="dimensions of the factorisation machines")
    fm_samples: int = Field(256, ge=1, description="draws from their posterior")
    fm_burn_in: int = Field(32, ge=0, description="draws before those that count")
    fm_kept: int = Field(64, ge=1, description="draws that make up the model")
    fm_days_per_bin: float = Field(7.0, gt=0, description="stretch of time that all users share, days")
    slow_up_to: int = Field(
        2_000_000,
        ge=0,
        description="above so many ratings, neighbours and factorisation machines are left out",
    )
    n_threads: int = Field(2, ge=1, description="models fitted at a time")
    seed: int = Field(0, ge=0, description="seed of whatever is drawn")


@dataclass(frozen=True)
class Knowledge:
    """What models may know besides ratings. Without content vectors there are no content neighbours."""

    side: SideFeatures
    content: ContentVectors | None


@dataclass(frozen=True)
class Kind:
    """How a model is fitted, the type of what comes out, and its candidate settings under a configuration.

    A ``slow`` one is left out on large data.
    """

    description: str
    type: type[Any]
    fit: Callable[..., RatingModel]
    candidates: Callable[[RatingModelsConfig], list[dict[str, Any]]]
    slow: bool = False


def _global_mean(log: RatingLog, knowledge: Knowledge) -> Biases:
    return fit_biases(log, user_damping=np.inf, item_damping=np.inf, iterations=0)


def _user_mean(log: RatingLog, knowledge: Knowledge, *, damping: float) -> Biases:
    return fit_biases(log, user_damping=damping, item_damping=np.inf, iterations=1)


def _item_mean(log: RatingLog, knowledge: Knowledge, *, damping: float) -> Biases:
    return fit_biases(log, user_damping=np.inf, item_damping=damping, iterations=1)


def _biases(log: RatingLog, knowledge: Knowledge, *, damping: float, **settings: Any) -> Biases:
    return fit_biases(log, user_damping=damping, item_damping=damping, **settings)


def _published_neighbors(log: RatingLog, knowledge: Knowledge, **settings: Any) -> Neighborhood:
    return fit_cosine_neighbors(log, min_neighbors=1, min_support=1, **settings)


def _item_knn_baseline(
    log: RatingLog, knowledge: Knowledge, *, bias_damping: float, bias_iterations: int, **settings: Any
) -> Neighborhood:
    biases = _biases(log, knowledge, damping=bias_damping, iterations=bias_iterations)
    return fit_residual_neighbors(log, biases, of_users=False, **settings)


def _content_knn(
    log: RatingLog,
    knowledge: Knowledge,
    *,
    bias_damping: float,
    bias_iterations: int,
    n_stored: int,
    **settings: Any,
) -> Neighborhood:
    if knowledge.content is None:
        raise ValueError("content neighbours need content vectors; leave the model out where there are none")
    biases = _biases(log, knowledge, damping=bias_damping, iterations=bias_iterations)
    rated = np.bincount(log.item, minlength=log.n_items) > 0
    neighbors = content_neighbors(knowledge.content.item_vectors, eligible=rated, n_stored=n_stored)
    return fit_neighborhood(log, biases, neighbors, of_users=False, min_neighbors=1, **settings)


def _latent_factors(log: RatingLog, knowledge: Knowledge, **settings: Any) -> LatentFactors:
    return fit_latent_factors(log, **settings)


def _factorization_machine(log: RatingLog, knowledge: Knowledge, **settings: Any) -> FactorizationMachine:
    return fit_factorization_machine(log, knowledge.side, **settings)


def _grid(fixed: dict[str, Any], **varied: list[float]) -> list[dict[str, Any]]:
    return [fixed | dict(zip(varied, values, strict=True)) for values in product(*varied.values())]


def _damped(config: RatingModelsConfig) -> list[dict[str, Any]]:
    return _grid({}, damping=config.dampings)


def _neighbors(config: RatingModelsConfig) -> dict[str, Any]:
    return {
        "bias_damping": 5.0,
        "bias_iterations": config.bias_iterations,
        "n_neighbors": config.n_neighbors,
        "n_stored": config.n_stored,
    }


def _factors(config: RatingModelsConfig, implicit: bool) -> dict[str, Any]:
    return {
        "implicit": implicit,
        "n_factors": config.n_factors,
        "epochs": config.epochs,
        "decay": config.decay,
        "initial_scale": config.initial_scale,
        "seed": config.seed,
    }


def _machine(config: RatingModelsConfig, ordinal: bool) -> list[dict[str, Any]]:
    settings = {
        "ordinal": ordinal,
        "n_factors": config.fm_factors,
        "n_samples": config.fm_samples,
        "burn_in": config.fm_burn_in,
        "n_kept": config.fm_kept,
        "days_per_bin": config.fm_days_per_bin,
        "sessions": True,
        "initial_scale": 0.1,
        "seed": config.seed,
    }
    return [settings]


def _published_svd(config: RatingModelsConfig) -> list[dict[str, Any]]:
    # The settings that Surprise and the recommenders built on it publish.
    settings = {
        "implicit": False,
        "n_factors": 100,
        "epochs": 20,
        "learning_rate": 0.005,
        "decay": 1.0,
        "regularization": 0.02,
        "initial_scale": 0.1,
        "seed": config.seed,
    }
    return [settings]


MODELS: Mapping[str, Kind] = {
    "global_mean": Kind("The mean of all ratings.", Biases, _global_mean, lambda c: [{}]),
    "user_mean": Kind("The mean and how far the user lies from it, damped.", Biases, _user_mean, _damped),
    "item_mean": Kind("The mean and how far the movie lies from it, damped.", Biases, _item_mean, _damped),
    "bias": Kind(
        "The mean and how far user and movie lie from it, damped: the baseline that every model must beat.",
        Biases,
        _biases,
        lambda c: _grid({"iterations": c.bias_iterations}, damping=c.dampings),
    ),
    "time_damped_bias": Kind(
        "Biases in which a rating counts half after some time.",
        Biases,
        _biases,
        lambda c: _grid({"iterations": c.bias_iterations}, damping=c.dampings, half_life_days=c.half_lives),
    ),
    "user_knn": Kind(
        "The 40 most similar users who rated the movie, by cosine over co-rated movies, as published.",
        Neighborhood,
        _published_neighbors,
        lambda c: [{"of_users": True, "n_neighbors": c.n_neighbors, "n_stored": c.n_stored}],
        slow=True,
    ),
    "item_knn": Kind(
        "The user's 40 most similar rated movies, by cosine over common users, as published.",
        Neighborhood,
        _published_neighbors,
        lambda c: [{"of_users": False, "n_neighbors": c.n_neighbors, "n_stored": c.n_stored}],
        slow=True,
    ),
    "item_knn_baseline": Kind(
        "The user's most similar rated movies, by shrunk correlation of what biases leave over.",
        Neighborhood,
        _item_knn_baseline,
        lambda c: _grid(
            _neighbors(c), shrinkage=c.shrinkages, exponent=c.exponents, damping=c.neighbor_dampings
        ),
        slow=True,
    ),
    "content_knn": Kind(
        "The user's rated movies of the most similar content; similarities know no rating.",
        Neighborhood,
        _content_knn,
        lambda c: _grid(_neighbors(c), exponent=c.exponents, damping=c.neighbor_dampings),
        slow=True,
    ),
    "svd": Kind(
        "Biased matrix factorisation with the settings as published: 100 factors, 20 epochs.",
        LatentFactors,
        _latent_factors,
        _published_svd,
    ),
    "biased_mf": Kind(
        "Biased matrix factorisation with settings that held-out ratings chose.",
        LatentFactors,
        _latent_factors,
        lambda c: _grid(
            _factors(c, implicit=False),
            learning_rate=c.mf_learning_rates,
            regularization=c.mf_regularizations,
        ),
    ),
    "svdpp": Kind(
        "SVD++: biased matrix factorisation that also knows which movies a user has rated.",
        LatentFactors,
        _latent_factors,
        lambda c: _grid(
            _factors(c, implicit=True),
            learning_rate=c.svdpp_learning_rates,
            regularization=c.svdpp_regularizations,
        ),
    ),
    "bayesian_fm": Kind(
        "Bayesian factorisation machine: ids, rated sets, time, genres, demographics; regression.",
        FactorizationMachine,
        _factorization_machine,
        lambda c: _machine(c, ordinal=False),
        slow=True,
    ),
    "ordinal_fm": Kind(
        "Bayesian factorisation machine on the order of the stars: ordinal probit.",
        FactorizationMachine,
        _factorization_machine,
        lambda c: _machine(c, ordinal=True),
        slow=True,
    ),
}


def recipes(config: RatingModelsConfig, knowledge: Knowledge, *, n_ratings: int) -> list[Recipe]:
    """What is tried on held-out ratings: all models, but the slow ones on large data, with their candidates."""
    return [
        Recipe(name, _with(knowledge, kind), tuple(kind.candidates(config)))
        for name, kind in MODELS.items()
        if (knowledge.content is not None or name != "content_knn")
        and not (kind.slow and n_ratings > config.slow_up_to)
    ]


def recipes_as_chosen(settings: Mapping[str, Settings], knowledge: Knowledge) -> list[Recipe]:
    """The models that were tried, each with the settings that were chosen."""
    return [Recipe(name, _with(knowledge, MODELS[name]), (chosen,)) for name, chosen in settings.items()]


def as_json(settings: Settings) -> str:
    return json.dumps(dict(settings), sort_keys=True)


def _with(knowledge: Knowledge, kind: Kind) -> Callable[..., RatingModel]:
    def fit(log: RatingLog, **settings: Any) -> RatingModel:
        return kind.fit(log, knowledge, **settings)

    return fit
