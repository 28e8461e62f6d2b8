"""From warehouse to feature builders: what the like models may know, and the settings of what feeds them."""

import numpy as np
import pandas as pd
from pydantic import Field

from recsys_assets.algorithms.liking.features import FeatureBuilder, Knowledge, TagLog
from recsys_assets.algorithms.rating_prediction.biases import fit_biases
from recsys_assets.algorithms.rating_prediction.factorization_machine import (
    FactorizationMachine,
    SideFeatures,
    fit_factorization_machine,
)
from recsys_assets.algorithms.rating_prediction.latent_factors import LatentFactors, fit_latent_factors
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.algorithms.rating_prediction.neighbors import Neighborhood, fit_residual_neighbors
from recsys_assets.algorithms.rating_prediction.side_features import multi_hot
from recsys_assets.defs.resources import Project
from recsys_assets.defs.topn import LikeConfig

__all__ = ["LikeFeaturesConfig", "builder", "knowledge_of"]


class LikeFeaturesConfig(LikeConfig):
    """What features of pairs are made with. No held-out row chose any of it."""

    smoothing: float = Field(5.0, gt=0, description="ratings' worth of the overall mean in each mean")
    n_folds: int = Field(5, ge=2, description="learned rows are described by the rows of the other folds")
    n_neighbors: int = Field(40, ge=1, description="rated neighbours behind item_knn_baseline")
    n_stored: int = Field(500, ge=1, description="neighbours kept of each movie")
    shrinkage: float = Field(50.0, ge=0, description="co-ratings' worth of doubt in a similarity")
    n_factors: int = Field(50, ge=1, description="dimensions behind biased_mf")
    epochs: int = Field(60, ge=1, description="passes over the ratings behind biased_mf")
    fm_samples: int = Field(64, ge=1, description="draws behind ordinal_fm")
    fm_burn_in: int = Field(24, ge=0, description="draws before those that count")
    fm_kept: int = Field(16, ge=1, description="draws that are kept")
    n_threads: int = Field(2, ge=1, description="folds described, and threads of the trees, at a time")
    seed: int = Field(0, ge=0, description="seed of folds, factors and draws")


def knowledge_of(project: Project, dataset: str, log: RatingLog) -> Knowledge:
    """Genres and decades of all movies, and all tags of the log's users; a builder looks at those of its own rows."""
    movies = project.warehouse.frame(
        dataset, "select genres, year // 10 * 10 as decade from movies order by movie_id"
    )
    tags = project.warehouse.frame(
        dataset, "select user_id, movie_id, lower(tag) as tag from tags order by user_id, movie_id, tag"
    )
    tags = tags[tags["user_id"].isin(log.user_ids)]
    terms = [[str(decade)] if known else [] for decade, known in _with_known(movies["decade"])]
    genres, decades = multi_hot(movies["genres"]), multi_hot(terms)
    genres.data[:] = 1
    return Knowledge(
        genres,
        decades,
        TagLog(
            np.searchsorted(log.user_ids, tags["user_id"]),
            np.searchsorted(log.item_ids, tags["movie_id"]),
            np.unique(tags["tag"].to_numpy(dtype=str), return_inverse=True)[1],
        ),
    )


def _with_known(values: pd.Series) -> zip:  # type: ignore[type-arg]
    return zip(values, values.notna(), strict=True)


def builder(
    learned: RatingLog, knowledge: Knowledge, side: SideFeatures, config: LikeFeaturesConfig
) -> FeatureBuilder:
    """The builder of features from learned ratings; the same for training, evaluation, batch scoring and serving."""

    def neighbors(log: RatingLog) -> Neighborhood:
        biases = fit_biases(log, user_damping=config.smoothing, item_damping=config.smoothing, iterations=10)
        return fit_residual_neighbors(
            log,
            biases,
            of_users=False,
            shrinkage=config.shrinkage,
            n_neighbors=config.n_neighbors,
            exponent=2,
            damping=0.1,
            n_stored=config.n_stored,
        )

    def factors(log: RatingLog) -> LatentFactors:
        return fit_latent_factors(
            log,
            implicit=False,
            n_factors=config.n_factors,
            epochs=config.epochs,
            learning_rate=0.01,
            decay=0.97,
            regularization=0.08,
            initial_scale=0.02,
            seed=config.seed,
        )

    def machine(log: RatingLog) -> FactorizationMachine:
        return fit_factorization_machine(
            log,
            side,
            ordinal=True,
            n_factors=10,
            n_samples=config.fm_samples,
            burn_in=config.fm_burn_in,
            n_kept=config.fm_kept,
            days_per_bin=7,
            sessions=True,
            initial_scale=0.1,
            seed=config.seed,
        )

    return FeatureBuilder(
        learned,
        knowledge,
        {"item_knn_baseline": neighbors, "biased_mf": factors, "ordinal_fm": machine},
        like=config.like_rating,
        smoothing=config.smoothing,
    )
