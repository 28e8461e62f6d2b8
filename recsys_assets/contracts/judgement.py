"""What was measured on held-out rows, and what it must reach."""

from __future__ import annotations

from dataclasses import replace

from recsys_assets.contracts.columns import CI_HIGH, CI_LOW, METRIC, MODEL, N_USERS, SEGMENT, SPLIT, K
from recsys_assets.contracts.schema import Column, Table

__all__ = ["COMPARISONS", "EVALUATION", "TABLES"]

EVALUATION = Table(
    "evaluation",
    "Every measured figure, one row each.",
    (
        MODEL,
        SPLIT,
        SEGMENT,
        METRIC,
        K,
        Column("value", "DOUBLE", "the figure", nullable=True),
        CI_LOW,
        CI_HIGH,
        N_USERS,
    ),
    key=("model", "split", "segment", "metric", "k"),
)
COMPARISONS = Table(
    "comparisons",
    "Paired differences of two models over the same users.",
    (
        MODEL,
        Column("baseline", "VARCHAR", "the model it is compared with"),
        SPLIT,
        SEGMENT,
        METRIC,
        K,
        Column("difference", "DOUBLE", "mean over users of model − baseline", nullable=True),
        CI_LOW,
        CI_HIGH,
        N_USERS,
    ),
    key=("model", "baseline", "split", "segment", "metric", "k"),
)
_GATES = Table(
    "gates",
    "Thresholds that must hold before anything is published.",
    (
        Column("gate", "VARCHAR", "name of the threshold in data/datasets.toml"),
        Column("measured", "DOUBLE", "the figure of this run", nullable=True),
        Column("comparison", "VARCHAR", ">=, > or <=: which side of the threshold is the good one"),
        Column("threshold", "DOUBLE", "from data/datasets.toml"),
        Column("passed", "BOOLEAN", "whether the threshold holds"),
        Column("distance", "DOUBLE", "how far on the good side; negative = failed by so much", nullable=True),
        Column("description", "VARCHAR", "what is measured"),
    ),
    key=("gate",),
    may_be_empty=True,
)

TABLES = (
    EVALUATION,
    COMPARISONS,
    replace(EVALUATION, name="ranking_evaluation", comment="Figures of lists on test rows."),
    replace(COMPARISONS, name="ranking_comparisons", comment="Paired differences of lists."),
    _GATES,
)
