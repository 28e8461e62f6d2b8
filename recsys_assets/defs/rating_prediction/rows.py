"""What held-out ratings chose, as rows of tables."""

import numpy as np
import pandas as pd

from recsys_assets.algorithms.rating_prediction.ensemble import Blend, Choice, blend_weights
from recsys_assets.algorithms.rating_prediction.log import RatingLog, Stars
from recsys_assets.defs.rating_prediction.recipes import as_json

__all__ = ["blend_rows", "error_rows", "settings_rows"]

COLLABORATIVE, CONTENT = "biased_mf", "content_knn"
PUBLISHED_HYBRID = {COLLABORATIVE: 0.7, CONTENT: 0.3}
"""Weights on the scale of stars, as published; validation rows fit others beside them."""
ERROR_CLASSES = np.array([0, 5, 20, 50, 100])
"""Movies with at least so many ratings learned from, up to the next one's."""


def settings_rows(choice: Choice) -> pd.DataFrame:
    """The candidates that were tried, as rows of ``rating_settings``."""
    table = pd.DataFrame(
        {
            "model": [tried.name for tried in choice.tried],
            "settings": [as_json(tried.settings) for tried in choice.tried],
            "rmse": [tried.rmse for tried in choice.tried],
            "fit_seconds": [tried.fit_seconds for tried in choice.tried],
            "chosen": [tried.chosen for tried in choice.tried],
        }
    )
    return table.assign(candidate=table.groupby("model").cumcount() + 1)


def blend_rows(choice: Choice, log: RatingLog, held_out: RatingLog) -> pd.DataFrame:
    """The weights of the blend and of both hybrids, as rows of ``rating_blends``."""
    blends = {"blend": choice.weights}
    if CONTENT in choice.predictions:
        pair = {name: choice.predictions[name] for name in PUBLISHED_HYBRID}
        mean = float(log.rating.mean(dtype=np.float64))
        blends["hybrid_published"] = PUBLISHED_HYBRID
        blends["hybrid_fitted"] = blend_weights(pair, held_out.rating, mean=mean)
    return pd.DataFrame(
        [(blend, model, weight) for blend, weights in blends.items() for model, weight in weights.items()],
        columns=["blend", "model", "weight"],
    )


def error_rows(choice: Choice, log: RatingLog, held_out: RatingLog) -> pd.DataFrame:
    """RMSE of the blend on the rows whose weights it was fitted to: a dozen weights on thousands of rows."""
    stars = _blended(choice, log)
    activity = np.bincount(log.item, minlength=log.n_items)[held_out.item]
    rows = pd.DataFrame(
        {
            "min_ratings": ERROR_CLASSES[np.searchsorted(ERROR_CLASSES, activity, side="right") - 1],
            "squared": np.square(stars - held_out.rating, dtype=np.float64),
        }
    )
    table = rows.groupby("min_ratings")["squared"].agg(["mean", "size"]).reset_index()
    return pd.DataFrame(
        {"min_ratings": table["min_ratings"], "rmse": np.sqrt(table["mean"]), "n": table["size"]}
    )


def _blended(choice: Choice, log: RatingLog) -> Stars:
    mean = float(log.rating.mean(dtype=np.float64))
    return Blend(mean, choice.weights, {}).combine(choice.predictions).clip(*log.scale)
