"""The gates: what each one measures. Its threshold stands under its name in data/datasets.toml.

A name ends in ``_min`` (measured ≥ threshold passes; with ``_beat`` or ``_over_`` in it, measured > threshold) or in
``_max`` (measured ≤ threshold). A figure that doesn't exist, NaN, never passes.

``GATES`` guard the publication. ``PROMOTION`` guards who answers by default: what fails it doesn't serve, the model
before it does, and the rest of the run goes on; but for regressions: a champion that is worse than when it was crowned
stops the publication too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from recsys_assets.algorithms.rating_prediction.judging import ALL_ITEMS, NO_CUT_OFF
from recsys_assets.contracts import TABLES

__all__ = [
    "ENGINE",
    "GATES",
    "OFFICIAL",
    "PROMOTION",
    "TEST",
    "Measured",
    "judge",
    "verdict",
]

TEST, OFFICIAL = "test", "official_5fold"
"""Splits: each user's latest ratings; the folds that come with a data set."""


@dataclass(frozen=True)
class Measured:
    """The tables that gates read."""

    evaluation: pd.DataFrame
    comparisons: pd.DataFrame
    n_ratings: int
    n_rejected: int
    n_read: int

    def value(self, model: str, metric: str, k: int, segment: str = "all", split: str = TEST) -> float:
        table = self.evaluation
        return _only(
            table[
                (table["model"] == model)
                & (table["split"] == split)
                & (table["metric"] == metric)
                & (table["k"] == k)
                & (table["segment"] == segment)
            ]["value"]
        )

    def difference(
        self, model: str, baseline: str, metric: str, k: int, column: str, segment: str = "all"
    ) -> float:
        table = self.comparisons
        return _only(
            table[
                (table["model"] == model)
                & (table["baseline"] == baseline)
                & (table["metric"] == metric)
                & (table["k"] == k)
                & (table["segment"] == segment)
            ][column]
        )


def _only(values: pd.Series[float]) -> float:
    return float(values.iloc[0]) if len(values) == 1 else float("nan")


@dataclass(frozen=True)
class Gate:
    """What a gate measures, in words and as a function of the measured tables.

    A gate of a ``split`` that was not judged, because nobody asked for the slow evaluation, says nothing.
    """

    description: str
    measure: Callable[[Measured], float]
    split: str = TEST


GATES: Mapping[str, Gate] = {
    "ratings_min": Gate("ratings that count", lambda m: m.n_ratings),
    "rejected_share_max": Gate(
        "rejected rows ÷ rows read, over all raw tables", lambda m: m.n_rejected / m.n_read
    ),
    "als_ndcg_at_10_min": Gate("NDCG@10 of ALS on test rows", lambda m: m.value("als", "ndcg", 10)),
    "hybrid_ndcg_at_10_min": Gate(
        "NDCG@10 of the hybrid on test rows", lambda m: m.value("hybrid", "ndcg", 10)
    ),
    "als_beats_popularity_min": Gate(
        "lower end of the interval of NDCG@10 of ALS − popularity, over users",
        lambda m: m.difference("als", "popularity", "ndcg", 10, "ci_low"),
    ),
    "hybrid_minus_als_min": Gate(
        "NDCG@10 of the hybrid − ALS, over users",
        lambda m: m.difference("hybrid", "als", "ndcg", 10, "difference"),
    ),
    "hybrid_coverage_at_10_min": Gate(
        "share of the catalogue in at least one user's first 10 places of the hybrid",
        lambda m: m.value("hybrid", "coverage", 10),
    ),
    "cold_users_hit_rate_at_10_min": Gate(
        "users of whom nothing is known that like something of the cold-start list's first 10 places",
        lambda m: m.value("cold_start", "hit_rate", 10, "cold_users"),
    ),
    "cold_items_beat_chance_min": Gate(
        "lower end of the interval of the hit rate at 10 of content − chance, among movies nobody has rated",
        lambda m: m.difference("cold_item_content", "chance", "hit_rate", 10, "ci_low", "cold_items"),
    ),
    "blend_rmse_max": Gate(
        "RMSE of the blend's predicted stars on test rows", lambda m: m.value("blend", "rmse", NO_CUT_OFF)
    ),
    "blend_beats_bias_min": Gate(
        "lower end of the interval of how much less than the bias baseline the blend errs, RMSE over users",
        lambda m: -m.difference("blend", "bias", "rmse", NO_CUT_OFF, "ci_high"),
    ),
    "blend_calibration_error_max": Gate(
        "mean distance of the blend's predicted from the given stars, over bins of predicted stars",
        lambda m: m.value("blend", "calibration_error", NO_CUT_OFF),
    ),
    "blend_coverage_at_10_min": Gate(
        "share of the catalogue in at least one user's first 10 places by the blend's predicted stars",
        lambda m: m.value("blend", "coverage", 10, ALL_ITEMS),
    ),
    "like_auc_min": Gate(
        "pooled AUC of the ensemble's like probabilities on test rows",
        lambda m: m.value("ensemble", "auc", NO_CUT_OFF),
    ),
    "like_auc_per_user_beats_movie_mean_min": Gate(
        "lower end of the interval of the mean per-user AUC of the ensemble − that of movies' like rates",
        lambda m: m.difference("ensemble", "movie_mean", "auc_per_user", NO_CUT_OFF, "ci_low"),
    ),
    **{
        f"{model}_rmse_official_5fold_max": Gate(
            f"mean RMSE of {model} over the five folds that the data set's authors cut",
            lambda m, model=model: m.value(model, "rmse", NO_CUT_OFF, split=OFFICIAL),  # type: ignore[misc]
            OFFICIAL,
        )
        for model in ("item_knn_baseline", "biased_mf", "svdpp", "blend")
    },
}

ENGINE: Mapping[str, str] = {
    "catalogue_silhouette_min": "silhouette of the content engine's clusters",
    "catalogue_lift_over_same_genre_min": (
        "lower end of the interval of co-likes of content neighbours ÷ those of movies of the same genre"
    ),
}
"""The gates of the content engine's champion, in words; `defs.lifecycle` measures them."""

_LOSS = "what a challenger may lose against the champion, counted with the upper end of its interval:"
_GUARDRAILS: Mapping[str, str] = {
    "ranking_light_users_loss_max": f"{_LOSS} NDCG@10 of the third of the users with fewest ratings",
    "ranking_tail_items_loss_max": f"{_LOSS} NDCG@10 on likes of tail items",
    "ranking_coverage_loss_max": "share of the champion's coverage at 10 that a challenger loses",
    "ranking_ms_per_user_max": "milliseconds that a challenger takes to make a user's list",
    "rating_light_users_loss_max": f"{_LOSS} RMSE of the third of the users with fewest ratings, stars",
    "rating_tail_items_loss_max": f"{_LOSS} RMSE on ratings of tail items, stars",
    "like_light_users_loss_max": f"{_LOSS} log loss of the third of the users with fewest ratings",
    "like_tail_items_loss_max": f"{_LOSS} log loss on ratings of tail items",
    "catalogue_lift_loss_max": (
        "what the same content engine on another catalogue may lose in lift over movies of the same genre, counted "
        "with the upper end of its interval"
    ),
}
"""The gates of challengers beside being better than the champion, in words; `defs.champions` measures them."""

_REGRESSIONS: Mapping[str, str] = {
    f"{task}_regression_max": (
        f"{figure} that the champion of {task} lost for certain on the same test rows since it was crowned: the lower "
        "end of its loss, one-sided"
    )
    for task, figure in (("ranking", "NDCG@10"), ("rating", "RMSE"), ("like", "log loss"))
}

PROMOTION: Mapping[str, str] = {**ENGINE, **_GUARDRAILS, **_REGRESSIONS}
"""All gates of who answers by default, in words."""


def judge(measured: Measured, thresholds: Mapping[str, float | Literal["off"]]) -> pd.DataFrame:
    """Compare each gate that is on with its threshold.

    Raises
    ------
    ValueError
        If a threshold names no gate, or a gate has no threshold: it would guard nothing.
    """
    odd = sorted(thresholds.keys() ^ (GATES.keys() | PROMOTION.keys()))
    if odd:
        raise ValueError(
            f"datasets.toml must have a threshold for each gate and no other; look at {odd[0]!r}"
        )
    rows = [
        verdict(name, float(GATES[name].measure(measured)), threshold)
        for name, threshold in thresholds.items()
        if threshold != "off" and name in GATES and GATES[name].split in {TEST, *measured.evaluation["split"]}
    ]
    return pd.DataFrame(rows, columns=TABLES["gates"].column_names)


def verdict(name: str, value: float, threshold: float) -> dict[str, object]:
    """The gate's figure beside its threshold: the rows of the table ``gates``."""
    comparison = "<=" if name.endswith("_max") else ">" if "_beat" in name or "_over_" in name else ">="
    distance = threshold - value if comparison == "<=" else value - threshold
    return {
        "gate": name,
        "measured": value,
        "comparison": comparison,
        "threshold": threshold,
        "passed": distance > 0 or (distance == 0 and comparison != ">"),
        "distance": distance,
        "description": GATES[name].description if name in GATES else PROMOTION[name],
    }
