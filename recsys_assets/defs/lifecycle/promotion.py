"""Whether a version of the content engine may serve: its figures against the gates of `ENGINE`, and the champion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from recsys_assets.contracts import TABLES
from recsys_assets.defs.evaluation.gates import ENGINE, verdict
from recsys_assets.defs.lifecycle.rivalry import Rivalry
from recsys_assets.storage.model_registry import (
    CHAMPION,
    Decision,
    ModelRegistry,
    ModelVersion,
    stage_of,
)

__all__ = [
    "FIGURE_OF",
    "RIVAL",
    "decide_promotion",
    "engine_figures",
    "in_words",
    "verdicts",
    "version_rows",
    "who_serves",
]

FIGURE_OF = {
    "catalogue_silhouette_min": ("silhouette", "silhouette_min"),
    "catalogue_lift_over_same_genre_min": ("lift_ci_low", "lift_min"),
}
"""The figure that each gate looks at, and the column of its threshold in ``model_versions``."""

RIVAL = "better_than_champion"
"""The gate of a version beside another that serves; its threshold is the column ``gain_min``."""


def engine_figures(evidence: pd.DataFrame, relevance: pd.DataFrame) -> dict[str, float]:
    """What the gates look at: silhouette, lift over movies of the same genre, and the lower end of its interval.

    NaN where a figure doesn't exist.

    Parameters
    ----------
    evidence : the table ``catalogue_cluster_evidence``
    relevance : the table ``catalogue_relevance``
    """
    of_neighbours = (relevance["method"] == "content_global") & (
        relevance["metric"] == "lift_over_same_genre"
    )
    return {
        "silhouette": _only(evidence.loc[evidence["chosen"].astype(bool), "silhouette"]),
        "lift": _only(relevance.loc[of_neighbours, "value"]),
        "lift_ci_low": _only(relevance.loc[of_neighbours, "ci_low"]),
    }


def verdicts(figures: Mapping[str, float | None], thresholds: Mapping[str, float]) -> list[dict[str, Any]]:
    """Each gate of the champion that is on, judged; a figure that doesn't exist fails it."""
    measured = {name: figures[FIGURE_OF[name][0]] for name in ENGINE if name in thresholds}
    return [
        verdict(name, math.nan if value is None else value, thresholds[name])
        for name, value in measured.items()
    ]


def decide_promotion(
    figures: Mapping[str, float],
    thresholds: Mapping[str, float],
    *,
    champion: int | None,
    rivalry: Rivalry | None = None,
) -> Decision:
    """Promote a version whose figures pass all gates that are on; else say what fails, and who serves instead.

    Parameters
    ----------
    thresholds : of all gates that are on, of whatever model
    champion : the version that serves now, if any
    rivalry : the version beside the champion, if that is another one
    """
    judged = verdicts(figures, thresholds)
    passed = [in_words(row) for row in judged if row["passed"]]
    failed = [in_words(row) for row in judged if not row["passed"]]
    if rivalry is not None:
        (passed if rivalry.holds else failed).append(rivalry.in_words())
        figures = {**figures, "gain": rivalry.gain.difference, "gain_low": rivalry.measured}
    reason = "; ".join([*failed, who_serves(champion)] if failed else passed) or "all gates are off"
    return Decision(
        not failed,
        reason,
        {name: value if math.isfinite(value) else None for name, value in figures.items()},
        {str(row["gate"]): float(row["threshold"]) for row in judged}
        | ({} if rivalry is None else {"gain_min": rivalry.threshold}),
    )


def in_words(row: Mapping[str, Any]) -> str:
    """A verdict as one clause: gate, figure, threshold, distance."""
    return (
        f"{row['gate']}: measured {row['measured']:.4g}, must be {row['comparison']} {row['threshold']:.4g} "
        f"({row['distance']:+.3g})"
    )


def who_serves(champion: int | None) -> str:
    if champion is None:
        return "there is no champion yet: lists are empty"
    return f"the champion stays version {champion}"


def version_rows(registry: ModelRegistry, candidate: int | None) -> pd.DataFrame:
    """The rows of ``model_versions``: the registry as it stands."""
    champion = registry.champion()
    rows = [
        _row(version, champion) | {"candidate": version.version == candidate, "store": registry.store}
        for version in registry.versions()
    ]
    return pd.DataFrame(rows, columns=TABLES["model_versions"].column_names)


def _row(version: ModelVersion, champion: int | None) -> dict[str, Any]:
    decided = version.decision
    figures: Mapping[str, float | None] = decided.figures if decided else {}
    thresholds: Mapping[str, float] = decided.thresholds if decided else {}
    decision = "none" if decided is None else "promoted" if decided.promoted else "not promoted"
    return {
        "version": version.version,
        "stage": stage_of(version, champion),
        "alias": CHAMPION if version.version == champion else None,
        **{name: figures.get(name) for name in ("silhouette", "lift", "lift_ci_low", "gain", "gain_low")},
        **{column: thresholds.get(gate) for gate, (_, column) in FIGURE_OF.items()},
        "gain_min": thresholds.get("gain_min"),
        "decision": decision,
        "reason": decided.reason if decided else None,
        "data_version": version.data_version,
        "code_version": version.code_version,
        "run_id": version.run_id,
        "created_at": version.created_at,
    }


def _only(values: pd.Series[float]) -> float:
    return float(values.iloc[0]) if len(values) == 1 else math.nan
