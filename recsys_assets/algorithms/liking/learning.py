"""Learn who will like what: choose on held-out rows, fit, and turn features into every model's probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys_assets.algorithms.liking.calibration import (
    Calibrator,
    EnsembleWeight,
    average_log_odds,
    calibrate_out_of_fold,
    choose_ensemble_weight,
    fit_calibrator,
    log_loss,
)
from recsys_assets.algorithms.liking.features import FEATURES, TIME
from recsys_assets.algorithms.liking.judging import auc
from recsys_assets.algorithms.liking.trees import BoostedTrees, Growth, Trees, choose_n_trees, fit_trees

__all__ = ["VARIANTS", "LikeChoice", "TriedTrees", "Variant", "choose_likes", "fit_likes", "probabilities"]

Values = NDArray[np.float32]

NAMES = np.array([feature.name for feature in FEATURES])
_BIAS = NAMES.tolist().index("bias")
_MOVIE_MEAN = NAMES.tolist().index("item_like_rate")


@dataclass(frozen=True)
class Variant:
    """Boosted trees of an objective on some of the features."""

    objective: str
    with_time: bool

    @property
    def columns(self) -> NDArray[np.intp]:
        return np.flatnonzero([self.with_time or feature.group != TIME for feature in FEATURES])


VARIANTS: Mapping[str, Variant] = {
    "classifier_with_time": Variant("like", with_time=True),
    "classifier_without_time": Variant("like", with_time=False),
    "regressor_with_time": Variant("stars", with_time=True),
    "regressor_without_time": Variant("stars", with_time=False),
}


@dataclass(frozen=True)
class TriedTrees:
    """One variant on held-out rows, calibrated out of fold. ``chosen`` = none of its objective has less log loss."""

    name: str
    n_trees: int
    log_loss: float
    auc: float
    chosen: bool


@dataclass(frozen=True)
class LikeChoice:
    """What held-out rows chose.

    Attributes
    ----------
    tried : all variants
    calibrators : of each variant, and of the biases
    weight : of the chosen classifier in the ensemble, against the chosen regressor
    ensemble : calibrated probabilities of the ensemble on the held-out rows, to choose more by
    """

    tried: tuple[TriedTrees, ...]
    calibrators: Mapping[str, Calibrator]
    weight: EnsembleWeight
    ensemble: NDArray[np.float32]

    @property
    def n_trees(self) -> dict[str, int]:
        return {tried.name: tried.n_trees for tried in self.tried}

    @property
    def classifier(self) -> str:
        return self._chosen("like")

    @property
    def regressor(self) -> str:
        return self._chosen("stars")

    def _chosen(self, objective: str) -> str:
        return next(t.name for t in self.tried if t.chosen and VARIANTS[t.name].objective == objective)


def choose_likes(
    values: Values,
    rating: NDArray[np.float32],
    held_out_values: Values,
    held_out_rating: NDArray[np.float32],
    *,
    like: float,
    max_trees: int,
    patience: int,
    calibration_folds: int,
    weight_steps: int,
    growth: Growth,
) -> LikeChoice:
    """Grow each variant until held-out rows say stop, calibrate it on them, and weigh classifier against regressor.

    Parameters
    ----------
    values : shape (n, len(FEATURES)), of learned pairs, out of fold
    held_out_values : shape (n_held_out, len(FEATURES)), of pairs that nothing of this was learned from
    like : stars from which a rating is a like

    Raises
    ------
    ValueError
        If there are fewer held-out rows than calibration folds.
    """
    liked = held_out_rating >= like
    tried, calibrators, calibrated = [], {}, {}
    for name, variant in VARIANTS.items():
        columns = variant.columns
        target, held_out_target = (
            (stars >= like if variant.objective == "like" else stars) for stars in (rating, held_out_rating)
        )
        n_trees, _ = choose_n_trees(
            values[:, columns],
            target,
            held_out_values[:, columns],
            held_out_target,
            feature_names=NAMES[columns],
            objective=variant.objective,
            max_trees=max_trees,
            patience=patience,
            **growth,
        )
        trees = _fit(values, target, name, n_trees, growth)
        score = trees.predict(held_out_values[:, columns])
        calibrators[name] = _calibrator(score, liked, variant.objective == "like", calibration_folds, growth)
        calibrated[name] = calibrate_out_of_fold(
            score,
            liked,
            method=calibrators[name].method,
            of_probabilities=variant.objective == "like",
            n_folds=calibration_folds,
            seed=growth["seed"],
        )
        tried.append((name, n_trees, log_loss(calibrated[name], liked), auc(score, liked)))
    calibrators["bias"] = _calibrator(held_out_values[:, _BIAS], liked, False, calibration_folds, growth)
    best = {
        objective: min(
            (row for row in tried if VARIANTS[row[0]].objective == objective), key=lambda row: row[2]
        )[0]
        for objective in ("like", "stars")
    }
    first, second = (calibrated[best[objective]] for objective in ("like", "stars"))
    weight = choose_ensemble_weight(first, second, liked, n_steps=weight_steps)
    return LikeChoice(
        tuple(TriedTrees(*row, chosen=row[0] in best.values()) for row in tried),
        calibrators,
        weight,
        average_log_odds(first, second, weight=weight.chosen),
    )


def fit_likes(
    values: Values,
    rating: NDArray[np.float32],
    n_trees: Mapping[str, int],
    *,
    like: float,
    growth: Growth,
) -> dict[str, BoostedTrees]:
    """Fit each named variant with as many trees as were chosen for it."""
    return {
        name: _fit(
            values, rating >= like if VARIANTS[name].objective == "like" else rating, name, number, growth
        )
        for name, number in n_trees.items()
    }


def probabilities(
    values: Values,
    cold: NDArray[np.bool_],
    models: Mapping[str, Trees],
    calibrators: Mapping[str, Calibrator],
    *,
    classifier: str,
    regressor: str,
    weight: float,
) -> dict[str, NDArray[np.float32]]:
    """Probability of a like by each of the models, their ensemble and both baselines.

    Users without learned ratings get the biases' probability from all but ``movie_mean``: trees that never saw such a
    user rank movies worse for them than biases do.

    Parameters
    ----------
    values : shape (n, len(FEATURES))
    cold : shape (n,), whether nothing was learned of the pair's user
    """
    by_bias = calibrators["bias"].apply(values[:, _BIAS])
    found = {
        name: np.where(
            cold, by_bias, calibrators[name].apply(trees.predict(values[:, VARIANTS[name].columns]))
        )
        for name, trees in models.items()
    }
    found["ensemble"] = np.where(
        cold, by_bias, average_log_odds(found[classifier], found[regressor], weight=weight)
    )
    return {"movie_mean": values[:, _MOVIE_MEAN].copy(), "bias": by_bias, **found}


def _fit(
    values: Values, target: NDArray[np.generic], name: str, n_trees: int, growth: Growth
) -> BoostedTrees:
    columns = VARIANTS[name].columns
    return fit_trees(
        values[:, columns],
        target,
        feature_names=NAMES[columns],
        objective=VARIANTS[name].objective,
        n_trees=n_trees,
        **growth,
    )


def _calibrator(
    score: NDArray[np.floating],
    liked: NDArray[np.bool_],
    of_probabilities: bool,
    n_folds: int,
    growth: Growth,
) -> Calibrator:
    return fit_calibrator(
        score, liked, of_probabilities=of_probabilities, n_folds=n_folds, seed=growth["seed"]
    )
