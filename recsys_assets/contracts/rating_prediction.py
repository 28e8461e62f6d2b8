"""Predicted stars: what chose the models, what they predict, and how far off they are."""

from __future__ import annotations

from dataclasses import replace

from recsys_assets.contracts.columns import IN_MOVIES, MODEL, MOVIE, RANK, RATED_AT, RATING, USER
from recsys_assets.contracts.judgement import COMPARISONS, EVALUATION
from recsys_assets.contracts.schema import Column, Table

__all__ = ["TABLES"]

_FOLD = Column("fold", "VARCHAR", "u1 … u5: MovieLens 100K's own; 1 … 5: drawn at random")
_PREDICTED = Column("predicted", "FLOAT", "predicted stars, within the scale of the ratings learned from")
_SETTINGS = Column("settings", "VARCHAR", "hyper-parameters, a JSON object")
_FIT_SECONDS = Column("fit_seconds", "DOUBLE", "wall time of the fit", minimum=0.0)

_RATING_SETTINGS = Table(
    "rating_settings",
    "Candidate settings of every model of stars and their error on validation rows; one a model is chosen.",
    (
        MODEL,
        Column("candidate", "INTEGER", "counts a model's candidates, from 1", minimum=1),
        _SETTINGS,
        Column("rmse", "DOUBLE", "root mean squared error on validation rows, stars", minimum=0.0),
        _FIT_SECONDS,
        Column("chosen", "BOOLEAN", "used from here on"),
    ),
    key=("model", "candidate"),
)
_RATING_BLENDS = Table(
    "rating_blends",
    "What blends of models are made of: stars = mean + Σ weight × (the model's stars − mean).",
    (
        Column("blend", "VARCHAR", "blend, hybrid_published, hybrid_fitted"),
        MODEL,
        Column("weight", "DOUBLE", "fitted on validation rows, but in hybrid_published", minimum=0.0),
    ),
    key=("blend", "model"),
)
_HOLDOUT_PREDICTIONS = Table(
    "holdout_rating_predictions",
    "Stars of every test rating as predicted by each model fitted on training and validation rows.",
    (MODEL, USER, MOVIE, RATING, _PREDICTED),
    key=("model", "user_id", "movie_id"),
    references=(IN_MOVIES,),
)
_HOLDOUT_TOP = Table(
    "holdout_predicted_top",
    "Top-N per user by each judged model's predicted stars, among all movies the user had not rated.",
    (MODEL, USER, RANK, MOVIE, _PREDICTED),
    key=("model", "user_id", "rank"),
    references=(IN_MOVIES,),
)
_PREDICTED_TOP = Table(
    "predicted_ratings_top",
    "Top-N per user by predicted stars, from the blend fitted on all ratings; nothing the user has rated.",
    (
        USER,
        RANK,
        MOVIE,
        Column("predicted_rating", "FLOAT", "stars", minimum=0.5, maximum=5.0),
        Column("confidence", "VARCHAR", "high from 4.0 predicted stars, else medium: how sure a like is"),
        Column(
            "expected_error",
            "FLOAT",
            "root mean squared error of the blend on validation rows of movies rated about as often, stars",
            nullable=True,
            minimum=0.0,
        ),
        Column("source", "VARCHAR", "personal, or cold_start for users with too few ratings"),
    ),
    key=("user_id", "rank"),
    references=(IN_MOVIES,),
)
_RATING_ERRORS = Table(
    "rating_errors",
    "How far off the blend is on validation rows, by how often the movie was rated before.",
    (
        Column(
            "min_ratings",
            "INTEGER",
            "movies with at least so many ratings learned from, up to the next row's",
            minimum=0,
        ),
        Column("rmse", "DOUBLE", "root mean squared error, stars", minimum=0.0),
        Column("n", "INTEGER", "validation rows", minimum=1),
    ),
    key=("min_ratings",),
)
_DEFAULT_RATINGS = Table(
    "default_ratings",
    "Stars to expect of a movie when nothing is known of the user; for unrated movies what their genres say.",
    (
        MOVIE,
        Column("n_ratings", "INTEGER", "ratings learned from", minimum=0),
        Column("predicted_rating", "FLOAT", "stars", minimum=0.5, maximum=5.0),
        Column("source", "VARCHAR", "ratings, or genres where there are none"),
    ),
    key=("movie_id",),
    references=(IN_MOVIES,),
)
_CALIBRATION = Table(
    "rating_calibration",
    "Do predicted stars mean what they say: test rows binned by predicted stars.",
    (
        MODEL,
        Column("bin", "INTEGER", "half-star bins of predicted stars, from 1", minimum=1),
        Column("mean_predicted", "DOUBLE", "stars"),
        Column("mean_rating", "DOUBLE", "stars given"),
        Column("n", "INTEGER", "test rows in the bin", minimum=1),
    ),
    key=("model", "bin"),
)
_RATING_FOLDS = Table(
    "rating_folds",
    "Cross-validation: the fold that each rating is a test row of. Models of a fold learn from the other folds.",
    (
        Column("split", "VARCHAR", "official_5fold: cut by the data set's authors; random_5fold: drawn"),
        _FOLD,
        USER,
        MOVIE,
        RATING,
        RATED_AT,
    ),
    key=("user_id", "movie_id"),
    references=(IN_MOVIES,),
)
_FOLD_MODELS = Table(
    "fold_models",
    "What each fold's inner holdout, a tenth of its training rows, chose: settings and weight in the blend.",
    (
        _FOLD,
        MODEL,
        _SETTINGS,
        Column("weight", "DOUBLE", "in the blend", minimum=0.0),
        Column("inner_rmse", "DOUBLE", "on the inner holdout, stars", minimum=0.0),
        _FIT_SECONDS,
    ),
    key=("fold", "model"),
)
_FOLD_PREDICTIONS = Table(
    "fold_predictions",
    "Stars of every rating as predicted by each model that learned from the other folds.",
    (_FOLD, MODEL, USER, MOVIE, RATING, _PREDICTED),
    key=("model", "user_id", "movie_id"),
    references=(IN_MOVIES,),
)

TABLES = (
    _RATING_SETTINGS,
    _RATING_BLENDS,
    _HOLDOUT_PREDICTIONS,
    _HOLDOUT_TOP,
    _PREDICTED_TOP,
    _RATING_ERRORS,
    _DEFAULT_RATINGS,
    _CALIBRATION,
    replace(EVALUATION, name="rating_evaluation", comment="Figures of models of stars on test rows."),
    replace(COMPARISONS, name="rating_comparisons", comment="Paired differences of models of stars."),
    replace(EVALUATION, name="cross_validation", comment="Figures of models of stars over five folds."),
    _RATING_FOLDS,
    _FOLD_MODELS,
    _FOLD_PREDICTIONS,
)
