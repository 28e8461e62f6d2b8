"""The settings of a backtest: those of the graph's own models, and what a window needs beside them."""

from __future__ import annotations

from itertools import product
from typing import Any

import dagster as dg
import numpy as np
from pydantic import Field
from scipy.sparse import csr_matrix

from recsys_assets.algorithms.backtesting.lists import ListSettings
from recsys_assets.algorithms.evaluation import Bootstrap
from recsys_assets.algorithms.rating_prediction.ensemble import Recipe
from recsys_assets.algorithms.rating_prediction.factorization_machine import SideFeatures
from recsys_assets.defs.collaborative.assets import AlsTuningConfig, RecencyConfig
from recsys_assets.defs.content.vectors import ContentConfig
from recsys_assets.defs.hybrid.assets import ColdStartConfig, HybridWeightsConfig
from recsys_assets.defs.rating_prediction.recipes import Knowledge, RatingModelsConfig, recipes

__all__ = ["STAR_MODELS", "BacktestConfig"]

STAR_MODELS = ("bias", "item_knn_baseline", "biased_mf", "svdpp")
"""Models of stars that know nothing but ratings, and are fitted in less than a second on 100,000."""


def _as_in(config: type[dg.Config], name: str) -> Any:
    """Another asset's setting: its default, bounds and description stand there."""
    return config.model_fields[name]


class StarsConfig(dg.Config):
    """Hyper-parameters of the models of stars, as in the graph."""

    dampings: list[float] = _as_in(RatingModelsConfig, "dampings")
    bias_iterations: int = _as_in(RatingModelsConfig, "bias_iterations")
    n_neighbors: int = _as_in(RatingModelsConfig, "n_neighbors")
    n_stored: int = _as_in(RatingModelsConfig, "n_stored")
    shrinkages: list[float] = _as_in(RatingModelsConfig, "shrinkages")
    exponents: list[float] = _as_in(RatingModelsConfig, "exponents")
    neighbor_dampings: list[float] = _as_in(RatingModelsConfig, "neighbor_dampings")
    n_factors: int = _as_in(RatingModelsConfig, "n_factors")
    epochs: int = _as_in(RatingModelsConfig, "epochs")
    decay: float = _as_in(RatingModelsConfig, "decay")
    initial_scale: float = _as_in(RatingModelsConfig, "initial_scale")
    mf_learning_rates: list[float] = _as_in(RatingModelsConfig, "mf_learning_rates")
    mf_regularizations: list[float] = _as_in(RatingModelsConfig, "mf_regularizations")
    svdpp_learning_rates: list[float] = _as_in(RatingModelsConfig, "svdpp_learning_rates")
    svdpp_regularizations: list[float] = _as_in(RatingModelsConfig, "svdpp_regularizations")
    slow_up_to: int = _as_in(RatingModelsConfig, "slow_up_to")
    n_threads: int = _as_in(RatingModelsConfig, "n_threads")
    seed: int = _as_in(RatingModelsConfig, "seed")

    def recipes(self, *, n_ratings: int) -> list[Recipe]:
        """How each model is fitted, and the candidates among which the latest ratings choose."""
        nothing = csr_matrix(np.zeros((0, 0), dtype=np.float32))
        known = Knowledge(SideFeatures(nothing, nothing), None)
        all_models = recipes(RatingModelsConfig(**self.model_dump()), known, n_ratings=n_ratings)
        return [recipe for recipe in all_models if recipe.name in STAR_MODELS]


class BacktestConfig(AlsTuningConfig):
    """How a window's models are fitted and judged. Windows are comparable where all have the same settings."""

    initial_share: float = Field(0.4, gt=0, lt=1, description="of all ratings, learned from by every window")
    inner_share: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="of each user's ratings before the window, the latest, which choose settings",
    )
    half_life_days: float = _as_in(RecencyConfig, "half_life_days")
    n_alphas: int = _as_in(HybridWeightsConfig, "n_alphas")
    min_beta: float = _as_in(HybridWeightsConfig, "min_beta")
    min_items: int = _as_in(ContentConfig, "min_items")
    max_terms: int = _as_in(ContentConfig, "max_terms")
    n_components: int = _as_in(ContentConfig, "n_components")
    min_ratings: int = _as_in(ColdStartConfig, "min_ratings")
    min_mean: float = _as_in(ColdStartConfig, "min_mean")
    stars: StarsConfig = StarsConfig()
    n_bins: int = Field(9, ge=2, description="bins of predicted stars of the calibration")
    n_resamples: int = Field(1000, ge=100, description="bootstrap resamples of the users")
    confidence: float = Field(0.95, gt=0, lt=1, description="of the intervals")

    def lists(self) -> ListSettings:
        return ListSettings(
            inner_share=self.inner_share,
            like_rating=self.like_rating,
            k=self.k,
            half_life_days=self.half_life_days,
            n_factors=self.n_factors,
            iterations=self.iterations,
            als_candidates=tuple(product(self.regularizations, self.alphas)),
            n_seeds=self.n_seeds,
            max_users=self.max_users,
            alphas=tuple(np.linspace(0, 1, self.n_alphas).tolist()),
            min_beta=self.min_beta,
            min_items=self.min_items,
            max_terms=self.max_terms,
            n_components=self.n_components,
            min_ratings=self.min_ratings,
            min_mean=self.min_mean,
            seed=self.seed,
        )

    def bootstrap(self) -> Bootstrap:
        return Bootstrap(self.n_resamples, self.confidence, self.seed)
