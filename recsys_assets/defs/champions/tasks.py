"""What there is to be champion of: how each task is judged, and what is compared with what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg

from recsys_assets.algorithms.rating_prediction.judging import NO_CUT_OFF
from recsys_assets.algorithms.user_sums import Metric
from recsys_assets.defs.fits import TRIAL

__all__ = ["RANKING_MODELS", "TASKS", "K", "Task", "judged_asset"]

K = 10
"""Cut-off of the lists that ranking is judged by: that of the gates and of the published leaderboard."""

RANKING_MODELS = {
    "popularity": "popularity_scores",
    "recent_popularity": "recent_popularity_scores",
    "als": "als_factors",
    "content": "content_profiles",
    "hybrid": "hybrid_factors",
}
"""The strategies that are pairs of embeddings, and their models. Lists by like probability answer the task ``like``."""


@dataclass(frozen=True)
class Task:
    """One question that a strategy answers by default.

    Attributes
    ----------
    metric, k : the figure of the table ``evaluation`` that it is judged by
    baseline : the trivial strategy that a first champion has to beat
    scale : how users' sums become that figure
    """

    name: str
    metric: str
    k: int
    baseline: str
    scale: Metric


TASKS: Mapping[str, Task] = {
    task.name: task
    for task in (
        Task("ranking", "ndcg", K, "popularity", Metric(rooted=False, lower_is_better=False)),
        Task("rating", "rmse", NO_CUT_OFF, "bias", Metric(rooted=True, lower_is_better=True)),
        Task("like", "log_loss", NO_CUT_OFF, "movie_mean", Metric(rooted=False, lower_is_better=True)),
    )
}


def judged_asset(task: str, strategy: str) -> dg.AssetKey:
    """The asset of the strategy's answers on held-out rows."""
    tables = {"rating": "holdout_rating_predictions", "like": "holdout_like_predictions"}
    return dg.AssetKey(tables[task]) if task in tables else TRIAL.key(f"{strategy}_recommendations")
