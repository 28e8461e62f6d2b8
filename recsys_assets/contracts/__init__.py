"""Every table: its columns, DuckDB types, keys, ranges, references and comments.

Storage casts to these types, the strict loader takes its rules from these ranges, and the blocking checks and the
UI's column schemas are generated from here. A table is named after its asset: ``trial/als_recommendations`` is the
table ``trial__als_recommendations`` and obeys the contract ``als_recommendations``.
"""

from __future__ import annotations

from recsys_assets.contracts import (
    backtest,
    catalogue,
    catalogue_engine,
    catalogue_exploration,
    catalogue_neighbours,
    champions,
    choices,
    claims,
    classification,
    clusters,
    drift,
    experiments,
    explanations,
    exploration,
    judgement,
    leakage,
    lifecycle,
    lists,
    publication,
    rating_prediction,
    raw,
    split,
)
from recsys_assets.contracts.backtest import BACKTEST_TABLES, WINDOW_NAMES
from recsys_assets.contracts.schema import MAX_ID, Column, Reference, Rule, Table, rules

__all__ = [
    "BACKTEST_TABLES",
    "MAX_ID",
    "PUBLISHED",
    "PUBLISHED_IF_MADE",
    "TABLES",
    "WINDOW_NAMES",
    "Column",
    "Reference",
    "Rule",
    "Table",
    "contract_of",
    "rules",
]

TABLES: dict[str, Table] = {
    table.name: table
    for module in (
        raw,
        catalogue,
        catalogue_exploration,
        catalogue_engine,
        catalogue_neighbours,
        exploration,
        split,
        lists,
        choices,
        judgement,
        champions,
        drift,
        leakage,
        rating_prediction,
        clusters,
        classification,
        lifecycle,
        explanations,
        experiments,
        claims,
        backtest,
        publication,
    )
    for table in module.TABLES
}

PUBLISHED = (
    "movies",
    "links",
    "people",
    "movie_people",
    "movie_details",
    "titles",
    "catalogue_problems",
    "catalogue_statistics",
    "catalogue_duplicate_titles",
    "catalogue_genre_frequency",
    "catalogue_actor_director_pairs",
    "catalogue_actor_genres",
    "catalogue_cast_sizes",
    "catalogue_eras",
    "catalogue_era_actors",
    "catalogue_top_directors",
    "catalogue_figures",
    "catalogue_cluster_evidence",
    "catalogue_movie_clusters",
    "catalogue_cluster_profiles",
    "catalogue_recall",
    "catalogue_relevance",
    "catalogue_claims",
    "dataset_statistics",
    "rating_distribution",
    "ratings_over_time",
    "genre_shares",
    "recommendations",
    "explanations",
    "similar_movies",
    "cold_start",
    "holdout",
    "holdout_recommendations",
    "evaluation",
    "comparisons",
    "gates",
    "validation_scores",
    "promotion_comparisons",
    "champions",
    "promotions",
    "drift",
    "leakage",
    "claims",
    "als_settings",
    "hybrid_weights",
    "predicted_ratings_top",
    "holdout_like_predictions",
    "like_settings",
    "like_calibration",
    "like_blend",
    "like_importance",
    "default_ratings",
    "holdout_rating_predictions",
    "rating_calibration",
    "rating_settings",
    "rating_blends",
    "cluster_evidence",
    "user_clusters",
    "cluster_profiles",
    "cluster_similarity",
    "model_versions",
    "experiments",
    "versions",
    "lineage",
    "publication",
)


PUBLISHED_IF_MADE = (
    "fold_models",
    "fold_predictions",
    "like_fold_predictions",
    "like_claims",
    *BACKTEST_TABLES,
)
"""Of the slow evaluation and of backtests: published from the first time that someone asked for it."""


def contract_of(table: str) -> Table:
    """The contract that a table of the warehouse obeys: that of its name without the fit's prefix.

    Raises
    ------
    KeyError
        If there is none; every table needs one.
    """
    name = table.rsplit("__", 1)[-1]
    if name not in TABLES:
        raise KeyError(f"table {table!r} has no contract in contracts.py: add one to TABLES")
    return TABLES[name]
