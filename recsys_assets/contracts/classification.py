"""Like probabilities: what chose the models, what they predict, and how good that is."""

from __future__ import annotations

from dataclasses import replace

from recsys_assets.contracts.columns import IN_MOVIES, MODEL, MOVIE, USER
from recsys_assets.contracts.judgement import COMPARISONS, EVALUATION
from recsys_assets.contracts.schema import Column, Table

__all__ = ["TABLES"]

_PROBABILITY = Column("probability", "FLOAT", "that the user likes the movie", minimum=0.0, maximum=1.0)
_LIKED = Column("liked", "BOOLEAN", "whether the rating is a like")

_LIKE_SETTINGS = Table(
    "like_settings",
    "Boosted trees tried on validation rows: how many of them, and how good they are there.",
    (
        MODEL,
        Column("objective", "VARCHAR", "like, or stars"),
        Column("with_time", "BOOLEAN", "whether it sees the features of the group time"),
        Column("n_trees", "INTEGER", "where the error on validation rows was least", minimum=1),
        Column("log_loss", "DOUBLE", "of calibrated probabilities on validation rows", minimum=0.0),
        Column("auc", "DOUBLE", "pooled, on validation rows", minimum=0.0, maximum=1.0),
        Column("chosen", "BOOLEAN", "used from here on"),
    ),
    key=("model",),
)
_LIKE_CALIBRATION = Table(
    "like_calibration",
    "Nodes of each model's calibration: raw output to probability, straight between them.",
    (
        MODEL,
        Column("node", "INTEGER", "from 1, rising", minimum=1),
        Column("method", "VARCHAR", "isotonic or platt: the one of less cross-validated log loss"),
        Column("of_probabilities", "BOOLEAN", "whether the output is a probability, taken by its log-odds"),
        Column("score", "DOUBLE", "the model's output: log-odds, or stars"),
        Column("probability", "DOUBLE", "the share of likes there", minimum=0.0, maximum=1.0),
    ),
    key=("model", "node"),
)
_LIKE_BLEND = Table(
    "like_blend",
    "Candidate weights of the ensemble and strengths of the cluster boost, and their worth on validation rows.",
    (
        Column("parameter", "VARCHAR", "classifier_weight, against the regressor; boost_strength"),
        Column("clusters", "VARCHAR", "the kind of clusters that the boost is of; none for the weight"),
        Column("value", "DOUBLE", "the candidate", minimum=0.0),
        Column("log_loss", "DOUBLE", "on validation rows", minimum=0.0),
        Column("chosen", "BOOLEAN", "used from here on"),
    ),
    key=("parameter", "clusters", "value"),
)
_HOLDOUT = Table(
    "holdout_like_predictions",
    "Like probability of every test rating by each model fitted on training and validation rows.",
    (MODEL, USER, MOVIE, _LIKED, _PROBABILITY),
    key=("model", "user_id", "movie_id"),
    references=(IN_MOVIES,),
)
_IMPORTANCE = Table(
    "like_importance",
    "What each feature of the live classifier knows, and how much it moves predictions.",
    (
        Column("feature", "VARCHAR", "name of the feature"),
        Column("feature_group", "VARCHAR", "the group that it can be left out with"),
        Column("knows", "VARCHAR", "what it may know, and from when"),
        Column("gain", "DOUBLE", "share of the trees' gain", minimum=0.0),
        Column("mean_contribution", "DOUBLE", "mean absolute SHAP value, log-odds", minimum=0.0),
    ),
    key=("feature",),
)
_FOLD_PREDICTIONS = Table(
    "like_fold_predictions",
    "Like probability of held-out ratings of other splits, by each model that learned from the rest of them.",
    (
        Column("split", "VARCHAR", "random_5fold, or global_time: the latest fifth of all ratings"),
        Column("fold", "VARCHAR", "1 … 5; of global_time 1"),
        MODEL,
        USER,
        MOVIE,
        _LIKED,
        _PROBABILITY,
    ),
    key=("split", "model", "user_id", "movie_id"),
    references=(IN_MOVIES,),
)
_CLAIMS = Table(
    "like_claims",
    "Published claims about this kind of recommender, and what was measured here.",
    (
        Column("claim", "VARCHAR", "what was claimed"),
        Column("claimed", "VARCHAR", "the figure as published"),
        Column("measured", "VARCHAR", "the figure here, with its split and interval"),
        Column("verdict", "VARCHAR", "reproduced, not reproduced, or not meaningful"),
        Column("why", "VARCHAR", "the reason for the verdict"),
    ),
    key=("claim",),
)

TABLES = (
    _LIKE_SETTINGS,
    _LIKE_CALIBRATION,
    _LIKE_BLEND,
    _HOLDOUT,
    _IMPORTANCE,
    replace(EVALUATION, name="like_evaluation", comment="Figures of like probabilities on test rows."),
    replace(COMPARISONS, name="like_comparisons", comment="Paired differences of like probabilities."),
    _FOLD_PREDICTIONS,
    replace(
        EVALUATION, name="like_cross_validation", comment="Figures of like probabilities on other splits."
    ),
    _CLAIMS,
)
