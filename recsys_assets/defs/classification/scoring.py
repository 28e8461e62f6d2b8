"""Probabilities of pairs and of all movies, by the models of a fit: one place for evaluation, lists and serving."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys_assets.algorithms.liking.boost import (
    ClusterLiking,
    boosted,
    fit_cluster_liking,
    published_boost,
)
from recsys_assets.algorithms.liking.clusters import UserClusters
from recsys_assets.algorithms.liking.features import FeatureBuilder
from recsys_assets.algorithms.liking.learning import VARIANTS, probabilities
from recsys_assets.algorithms.liking.trees import BoostedTrees, Trees
from recsys_assets.algorithms.rating_prediction.factorization_machine import SideFeatures
from recsys_assets.algorithms.rating_prediction.log import Days, RatingLog
from recsys_assets.defs.classification.builders import LikeFeaturesConfig, builder, knowledge_of
from recsys_assets.defs.classification.config import LikeChoiceConfig
from recsys_assets.defs.classification.rows import LikeSettings, read_settings
from recsys_assets.defs.fits import Fit
from recsys_assets.defs.resources import Project
from recsys_assets.storage.arrays import load_artifact

__all__ = ["LikeScorer", "LikeScoringConfig", "scorer_of"]

Rows = NDArray[np.integer]
Probabilities = Mapping[str, NDArray[np.floating]]


class LikeScoringConfig(LikeFeaturesConfig, LikeChoiceConfig):
    """Features, and the dampings of the cluster boost."""


@dataclass(frozen=True)
class LikeScorer:
    """All that turns pairs into each model's probability of a like.

    ``constant_boost`` is the published one, 1 + 0.4 · mean cluster similarity, on the odds' scale: the same for all
    movies of a user, so that it ranks as the ensemble does.
    """

    features: FeatureBuilder
    models: Mapping[str, BoostedTrees]
    settings: LikeSettings
    clusters: UserClusters
    liking: ClusterLiking

    def pairs(self, user: Rows, item: Rows, day: Days) -> Probabilities:
        """Probabilities of pairs, shape (n,) each."""
        values = self.features.pairs(user, item, day)
        found = self._probabilities(values, user, self.models)
        return self._with_boosts(found, self.liking.pairs(user, item), user)

    def all_items(self, users: Rows, day: Days) -> Probabilities:
        """Of the ensemble and its boosts, for all items: shape (len(users), n_items) each."""
        values = self.features.all_items(users, day)
        user = np.repeat(users, len(values) // users.size)
        used = {name: self.models[name] for name in (self.settings.classifier, self.settings.regressor)}
        found = self._probabilities(values, user, used)
        shifts = self.liking.all_items(users)
        boosted_ones = self._with_boosts({"ensemble": found["ensemble"]}, shifts.ravel(), user)
        return {name: stars.reshape(shifts.shape) for name, stars in boosted_ones.items()}

    def _probabilities(
        self, values: NDArray[np.float32], user: Rows, models: Mapping[str, Trees]
    ) -> Probabilities:
        return probabilities(
            values,
            self.features.n_learned[user] == 0,
            models,
            self.settings.calibrators,
            classifier=self.settings.classifier,
            regressor=self.settings.regressor,
            weight=self.settings.weight,
        )

    def _with_boosts(self, found: Probabilities, shift: NDArray[np.float64], user: Rows) -> Probabilities:
        ensemble = found["ensemble"].astype(np.float64)
        factor = published_boost(self.clusters, user)
        return {
            **found,
            "cluster_hybrid": boosted(ensemble, shift, strength=self.settings.boost_strength),
            "constant_boost": boosted(ensemble, np.log(factor), strength=1),
        }


def scorer_of(
    project: Project,
    dataset: str,
    fit: Fit,
    log: RatingLog,
    side: SideFeatures,
    config: LikeScoringConfig,
) -> LikeScorer:
    """The scorer of a fit: its features from its own rows, its trees and clusters, what validation rows chose."""
    tables = ("like_settings", "like_calibration", "like_blend")
    settings = read_settings(*(project.warehouse.frame(dataset, f"from {name}") for name in tables))

    clusters = load_artifact(
        project.artifact_path(dataset, fit.key(f"{settings.boost_kind}_clusters")), UserClusters
    )
    return LikeScorer(
        builder(log, knowledge_of(project, dataset, log), side, config),
        {
            name: load_artifact(project.artifact_path(dataset, fit.key(name)), BoostedTrees)
            for name in VARIANTS
        },
        settings,
        clusters,
        fit_cluster_liking(
            log,
            clusters,
            like=config.like_rating,
            damping=config.cluster_damping,
            item_damping=config.item_damping,
        ),
    )
