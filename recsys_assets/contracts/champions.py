"""Who answers by default, who challenged whom, and what decided."""

from __future__ import annotations

from dataclasses import replace

from recsys_assets.contracts.columns import CI_HIGH, CI_LOW, N_USERS, SEGMENT
from recsys_assets.contracts.schema import Column, Table

__all__ = ["TABLES"]

_TASK = Column(
    "task", "VARCHAR", "ranking (lists), rating (stars), like (probabilities), content (neighbours)"
)
_METRIC = Column(
    "metric",
    "VARCHAR",
    "what the task is judged by: ndcg at 10, rmse, log_loss, lift_over_same_genre; less is better of the middle two",
)
_STRATEGY = Column("strategy", "VARCHAR", "the model or blend, as in evaluation; content_engine of content")
_VERSION = Column(
    "version", "VARCHAR", "digest of what it says of the held-out rows; the version's number of content"
)
_RUN = Column("run_id", "VARCHAR", "Dagster run that decided")
_DATA_VERSION = Column("data_version", "VARCHAR", "Dagster's data version of what was judged")
_CODE_VERSION = Column("code_version", "VARCHAR", "digest of the code that made it")
_WINDOW = Column(
    "window", "VARCHAR", "digest of the held-out rows: equal rows share one error probability over all looks"
)
_LOOK = Column("look", "INTEGER", "the how-manieth pair of versions these rows judged", minimum=1)
_ALPHA = Column("alpha", "DOUBLE", "level of the look, 6 α / (π² look²)", minimum=0.0, maximum=1.0)
_P_VALUE = Column(
    "p_value",
    "DOUBLE",
    "one-sided, of a challenger that is no better",
    nullable=True,
    minimum=0.0,
    maximum=1.0,
)
_DIFFERENCE = Column(
    "difference", "DOUBLE", "the challenger's gain; above 0 it is better, whatever the metric", nullable=True
)
_BOUND = Column("ci_low", "DOUBLE", "lower end of the gain, one-sided at the level alpha", nullable=True)
_BLOCKED_BY = Column("blocked_by", "VARCHAR", "the first gate that failed; null = none", nullable=True)
_DISTANCE = Column(
    "distance",
    "DOUBLE",
    "how far on the good side of that gate, or of the gain's; negative = short of it",
    nullable=True,
)
_WEAKEST = Column("weakest_segment", "VARCHAR", "the third of the users that gains least", nullable=True)
_REASON = Column("reason", "VARCHAR", "the decision in words")
_DECISION = Column(
    "decision", "VARCHAR", "first, promoted, kept = the champion stays, none = nobody serves yet"
)
_CHALLENGER = Column("challenger", "VARCHAR", "the strategy that validation rows find best")
_CHAMPION = Column(
    "champion", "VARCHAR", "who answered before; where nobody did, the baseline that was to be beaten"
)

_VALIDATION_SCORES = Table(
    "validation_scores",
    "How good each strategy is on validation rows, fitted on training rows; the best of a task is the challenger.",
    (
        _TASK,
        _STRATEGY,
        _METRIC,
        Column("value", "DOUBLE", "the figure on validation rows", nullable=True),
        Column("challenger", "BOOLEAN", "whether it is the task's best"),
    ),
    key=("task", "strategy"),
)
_CHALLENGERS = Table(
    "challengers",
    "This run's challenger of each task, beside the champion, and what follows from the figures.",
    (
        _TASK,
        _CHALLENGER,
        replace(_VERSION, name="challenger_version"),
        _CHAMPION,
        replace(_VERSION, name="champion_version"),
        Column("role", "VARCHAR", "of the champion: champion, baseline, or itself = nothing to decide"),
        _METRIC,
        Column("challenger_value", "DOUBLE", "its figure on test rows", nullable=True),
        Column("champion_value", "DOUBLE", "its figure on test rows", nullable=True),
        _DIFFERENCE,
        _BOUND,
        _P_VALUE,
        _ALPHA,
        _LOOK,
        _WINDOW,
        N_USERS,
        Column("decision", "VARCHAR", "first, promoted, kept, none, or nothing to decide"),
        _BLOCKED_BY,
        _DISTANCE,
        _WEAKEST,
        _REASON,
        Column("n_learned", "INTEGER", "test rows among those that the models learned from", minimum=0),
        Column("seconds_per_user", "DOUBLE", "measured time of a list; of no data version", nullable=True),
        _DATA_VERSION,
        _CODE_VERSION,
    ),
    key=("task",),
)
_COMPARISONS = Table(
    "promotion_comparisons",
    "Challenger and champion in every segment, over the same users, and each gate of a promotion.",
    (
        _TASK,
        Column("gate", "VARCHAR", "name of the gate; segment = shown, but no gate of its own"),
        SEGMENT,
        _METRIC,
        replace(_CHALLENGER, comment="who is judged"),
        replace(_CHAMPION, comment="who it is compared with"),
        Column("challenger_value", "DOUBLE", "its figure", nullable=True),
        Column("champion_value", "DOUBLE", "its figure", nullable=True),
        _DIFFERENCE,
        CI_LOW,
        CI_HIGH,
        Column("measured", "DOUBLE", "what is held against the threshold", nullable=True),
        Column(
            "comparison", "VARCHAR", ">, >= or <=: which side of the threshold is the good one", nullable=True
        ),
        Column("threshold", "DOUBLE", "from data/datasets.toml; of the gain 0", nullable=True),
        Column("passed", "BOOLEAN", "whether the gate holds; null where there is none", nullable=True),
        _DISTANCE,
        N_USERS,
    ),
    key=("task", "gate", "segment"),
    may_be_empty=True,
)
_CHAMPIONS = Table(
    "champions",
    "The strategy that answers by default, of each task, with today's figure and the decision that crowned it.",
    (
        _TASK,
        _STRATEGY,
        _VERSION,
        _METRIC,
        Column("value", "DOUBLE", "its figure today, on held-out rows", nullable=True),
        CI_LOW,
        CI_HIGH,
        N_USERS,
        Column("promoted_at", "TIMESTAMP", "when it was crowned, UTC"),
        replace(_RUN, comment="Dagster run that crowned it"),
        _DATA_VERSION,
        _CODE_VERSION,
        _REASON,
    ),
    key=("task",),
    may_be_empty=True,
)
_PROMOTIONS = Table(
    "promotions",
    "All decisions on champions, oldest first. The log itself is data/models/<data set>/champions.jsonl.",
    (
        Column("number", "INTEGER", "counts decisions, from 1", minimum=1),
        _TASK,
        _LOOK,
        Column("decided_at", "TIMESTAMP", "UTC"),
        _RUN,
        _CHAMPION,
        replace(_VERSION, name="champion_version"),
        _CHALLENGER,
        replace(_VERSION, name="challenger_version"),
        _METRIC,
        _DIFFERENCE,
        _BOUND,
        _P_VALUE,
        _ALPHA,
        N_USERS,
        _DECISION,
        _BLOCKED_BY,
        _DISTANCE,
        _WEAKEST,
        _REASON,
        _WINDOW,
        _DATA_VERSION,
        _CODE_VERSION,
        Column("seconds_per_user", "DOUBLE", "measured time of a list; of no data version", nullable=True),
    ),
    key=("number",),
    may_be_empty=True,
)

TABLES = (_VALIDATION_SCORES, _CHALLENGERS, _COMPARISONS, _CHAMPIONS, _PROMOTIONS)
