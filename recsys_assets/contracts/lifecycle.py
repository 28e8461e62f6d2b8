"""Versions of models, and what was decided of them."""

from __future__ import annotations

from recsys_assets.contracts.schema import Column, Table

__all__ = ["TABLES"]


def _figure(name: str, comment: str) -> Column:
    return Column(name, "DOUBLE", comment, nullable=True)


_MODEL_VERSIONS = Table(
    "model_versions",
    "Registered versions of the content engine: which one serves, and why the others don't.",
    (
        Column("version", "INTEGER", "counts versions of this data set's model, from 1", minimum=1),
        Column("stage", "VARCHAR", "Production = serves; Archived = served before; Staging = never promoted"),
        Column("alias", "VARCHAR", "champion, or nothing", nullable=True),
        Column("candidate", "BOOLEAN", "the version that the last run made and judged"),
        _figure("silhouette", "of the clusters, −1 to 1"),
        _figure("silhouette_min", "threshold catalogue_silhouette_min; null = off"),
        _figure("lift", "co-likes of content neighbours ÷ those of movies of the same genre"),
        _figure("lift_ci_low", "lower end of the 95 % interval of lift"),
        _figure("lift_min", "threshold catalogue_lift_over_same_genre_min of lift_ci_low; null = off"),
        _figure(
            "gain", "lift over movies of the same genre less the champion's, of the same movies and users"
        ),
        _figure(
            "gain_low", "lower end of gain: one-sided at the look's level; 95 % if only the catalogue differs"
        ),
        _figure(
            "gain_min",
            "what gain_low must lie above: 0, or −catalogue_lift_loss_max; null = no champion to beat",
        ),
        Column("decision", "VARCHAR", "promoted, not promoted, or none where the run ended before it"),
        Column("reason", "VARCHAR", "the decision in words, figures and thresholds", nullable=True),
        Column("store", "VARCHAR", "what keeps the versions: files or mlflow"),
        Column("data_version", "VARCHAR", "digest of vectors, clusters and names: equal models, one version"),
        Column(
            "code_version",
            "VARCHAR",
            "digest of the code and settings that made it: equal, only the catalogue differs",
        ),
        Column("run_id", "VARCHAR", "Dagster run that registered it"),
        Column("created_at", "TIMESTAMP", "when it was registered, UTC"),
    ),
    key=("version",),
    may_be_empty=True,
)

TABLES = (_MODEL_VERSIONS,)
