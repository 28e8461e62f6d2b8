"""Choose each model's settings and each model's weight on held-out ratings, then learn from all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from threadpoolctl import threadpool_limits

from recsys_assets.algorithms.rating_prediction.log import Days, RatingLog, RatingModel, Stars

__all__ = ["Blend", "Choice", "Recipe", "Tried", "blend_weights", "choose", "fit_models"]

Settings = Mapping[str, float]

_NO_DEVIATION = 1e-5
"""Stars."""


@dataclass(frozen=True)
class Recipe:
    """A kind of model: how it is fitted, and the settings to choose from.

    Attributes
    ----------
    fit : called with a log and, as keywords, one of the candidates
    """

    name: str
    fit: Callable[..., RatingModel]
    candidates: tuple[Settings, ...]


@dataclass(frozen=True)
class Tried:
    """One candidate on the held-out ratings. ``chosen`` = none of the same recipe has a lower RMSE."""

    name: str
    settings: Settings
    rmse: float
    fit_seconds: float
    chosen: bool


@dataclass(frozen=True)
class Choice:
    """What held-out ratings chose.

    Attributes
    ----------
    tried : all candidates of all recipes, in their order
    predictions : stars of the held-out ratings by the chosen candidate of each recipe, clipped to the scale
    weights : the blend's weight of each recipe, none negative
    """

    tried: tuple[Tried, ...]
    predictions: Mapping[str, Stars]
    weights: Mapping[str, float]

    @property
    def settings(self) -> dict[str, Settings]:
        """The chosen settings of each recipe."""
        return {tried.name: tried.settings for tried in self.tried if tried.chosen}


@dataclass(frozen=True)
class Blend:
    """The stars μ + Σ w_m (p_m − μ): deviations from the mean that models predict, weighted and added."""

    mean: float
    weights: Mapping[str, float]
    models: Mapping[str, RatingModel]

    def predict(self, user: NDArray[np.integer], item: NDArray[np.integer], day: Days) -> Stars:
        """Expected stars of each pair at its time, shape (n,)."""
        return self.combine({name: model.predict(user, item, day) for name, model in self._used()})

    def predict_all(self, users: NDArray[np.integer], day: Days) -> Stars:
        """Expected stars of some users, each at the user's time, for all items: shape (len(users), n_items)."""
        return self.combine({name: model.predict_all(users, day) for name, model in self._used()})

    def combine(self, predictions: Mapping[str, Stars]) -> Stars:
        """The blend of predictions that are at hand, of any one shape; those without weight may be missing."""
        stars = np.full(next(iter(predictions.values())).shape, self.mean, dtype=np.float32)
        for name, weight in self.weights.items():
            if weight > 0:
                stars += np.float32(weight) * (predictions[name] - np.float32(self.mean))
        return stars

    def _used(self) -> list[tuple[str, RatingModel]]:
        used = [(name, self.models[name]) for name, weight in self.weights.items() if weight > 0]
        # Without any weight the mean is left, but its shape is that of a model's predictions.
        return used or list(self.models.items())[:1]


def choose(recipes: Sequence[Recipe], log: RatingLog, held_out: RatingLog, *, n_threads: int) -> Choice:
    """Fit every candidate on the log; take each recipe's best on the held-out ratings, and weigh these in a blend.

    Raises
    ------
    ValueError
        If there are no held-out ratings.
    """
    if not held_out.rating.size:
        raise ValueError("0 held-out ratings: nothing can choose settings; hold out some of the log")
    jobs = [(recipe, settings) for recipe in recipes for settings in recipe.candidates]
    low, high = log.scale

    def attempt(recipe: Recipe, settings: Settings) -> tuple[Tried, Stars]:
        started = time.perf_counter()
        model = recipe.fit(log, **settings)
        seconds = time.perf_counter() - started
        stars = model.predict(held_out.user, held_out.item, held_out.day).clip(low, high)
        error = float(np.sqrt(np.mean(np.square(stars - held_out.rating, dtype=np.float64))))
        return Tried(recipe.name, settings, error, seconds, chosen=False), stars

    outcomes = _in_threads(attempt, jobs, n_threads)
    best = {
        recipe.name: min(
            (number for number, (tried, _) in enumerate(outcomes) if tried.name == recipe.name),
            key=lambda number: outcomes[number][0].rmse,
        )
        for recipe in recipes
    }
    tried = tuple(replace(one, chosen=number == best[one.name]) for number, (one, _) in enumerate(outcomes))
    predictions = {name: outcomes[number][1] for name, number in best.items()}
    mean = float(log.rating.mean(dtype=np.float64))
    return Choice(tried, predictions, blend_weights(predictions, held_out.rating, mean=mean))


def fit_models(
    recipes: Sequence[Recipe], settings: Mapping[str, Settings], log: RatingLog, *, n_threads: int
) -> dict[str, tuple[RatingModel, float]]:
    """Each recipe's model with its settings, and the seconds its fit took."""

    def fit(recipe: Recipe) -> tuple[RatingModel, float]:
        started = time.perf_counter()
        model = recipe.fit(log, **settings[recipe.name])
        return model, time.perf_counter() - started

    fitted = _in_threads(fit, [(recipe,) for recipe in recipes], n_threads)
    return {recipe.name: outcome for recipe, outcome in zip(recipes, fitted, strict=True)}


def blend_weights(predictions: Mapping[str, Stars], rating: Stars, *, mean: float) -> dict[str, float]:
    """Weights w ≥ 0 that minimise Σ (r − μ − Σ w_m (p_m − μ))² (Lawson & Hanson's non-negative least squares).

    Parameters
    ----------
    predictions : shape (n_ratings,) each, of ratings that no model has learned from; one that always predicts the mean
        gets no weight
    mean : μ, of the ratings that models learned from
    """
    deviations = np.column_stack(list(predictions.values())).astype(np.float64) - mean
    # What predicts the mean deviates from it by rounding errors, which no weight may make something of.
    deviations[:, np.abs(deviations).max(axis=0) < _NO_DEVIATION] = 0
    weights, _ = nnls(deviations, rating.astype(np.float64) - mean)
    return dict(zip(predictions, weights.tolist(), strict=True))


def _in_threads(work: Callable[..., Any], jobs: Sequence[tuple[Any, ...]], n_threads: int) -> list[Any]:
    # Kernels release the interpreter's lock; BLAS threads beneath them would get in each other's way.
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(lambda job: work(*job), jobs))
