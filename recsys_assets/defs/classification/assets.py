"""Like models: features without leakage, what validation rows chose, boosted trees, probabilities and lists."""

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys_assets.algorithms.liking.boost import choose_boost, fit_cluster_liking
from recsys_assets.algorithms.liking.clusters import UserClusters
from recsys_assets.algorithms.liking.features import FEATURES, out_of_fold
from recsys_assets.algorithms.liking.learning import VARIANTS, choose_likes, fit_likes
from recsys_assets.algorithms.rating_prediction.factorization_machine import SideFeatures
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.contracts import TABLES
from recsys_assets.defs.classification.builders import LikeFeaturesConfig, builder, knowledge_of
from recsys_assets.defs.classification.config import GrowthConfig, LikeChoiceConfig
from recsys_assets.defs.classification.rows import (
    blend_rows,
    calibration_rows,
    read_settings,
    settings_rows,
)
from recsys_assets.defs.common import artifact, dataset_asset, frame_digest, spec
from recsys_assets.defs.fits import FITS, SERVED_FITS, TUNING, Fit
from recsys_assets.defs.rating_prediction.models import read_log, save_model
from recsys_assets.defs.resources import Project, partition_of, table_metadata
from recsys_assets.defs.versions import code_version
from recsys_assets.partitions import DATASETS
from recsys_assets.report.liking_plots import table_images
from recsys_assets.storage.warehouse import replace_tables

CODE = code_version(__name__)
GROUP = "classification"
LEARNED_FROM = ("rating_log", "like_features", "genre_clusters", "rating_clusters")
SETTINGS = ("like_settings", "like_calibration", "like_blend")


@dataclass(frozen=True)
class LikeFeatures:
    """Features of a fit's learned pairs, row by row as its rating log; columns as in `FEATURES`."""

    values: NDArray[np.float32]


class LikeTuningConfig(LikeFeaturesConfig, LikeChoiceConfig):
    """Features and what is chosen on them."""


class LikeFitConfig(LikeFeaturesConfig, GrowthConfig):
    """Features and how trees grow on them."""


def _like_features(fit: Fit) -> dg.AssetsDefinition:
    @dataset_asset(
        name="like_features",
        key_prefix=fit.name,
        group_name=GROUP,
        kinds={"numpy", "numba"},
        deps=["movies", "tags"],
        ins={"rating_log": dg.AssetIn(fit.key("rating_log"))},
        io_manager_key="arrays",
        code_version=CODE,
        description=(
            f"Features of the pairs in {' and '.join(fit.learns_from)}, each pair described by the rows of the other "
            "folds: none knows its own rating, nor tags that came with it."
        ),
    )
    def like_features(
        context: dg.AssetExecutionContext,
        config: LikeFeaturesConfig,
        rating_log: RatingLog,
        side_features: SideFeatures,
        project: Project,
    ) -> dg.MaterializeResult[LikeFeatures]:
        knowledge = knowledge_of(project, partition_of(context), rating_log)
        values = out_of_fold(
            rating_log,
            lambda learned: builder(learned, knowledge, side_features, config),
            n_folds=config.n_folds,
            seed=config.seed,
            n_threads=config.n_threads,
        )
        return artifact(LikeFeatures(values), {"n_pairs": len(values), "n_features": len(FEATURES)})

    return like_features


@dg.multi_asset(
    name="choose_like_models",
    specs=[
        spec(
            name,
            deps=["validation_ratings", "movies", "tags", "side_features", *map(TUNING.key, LEARNED_FROM)],
            group_name=GROUP,
            kinds={"duckdb", "table"},
            description=TABLES[name].comment,
            code_version=CODE,
        )
        for name in SETTINGS
    ],
    ins={name: dg.AssetIn(TUNING.key(name)) for name in LEARNED_FROM},
    partitions_def=DATASETS,
)
def choose_like_models(
    context: dg.AssetExecutionContext,
    config: LikeTuningConfig,
    rating_log: RatingLog,
    like_features: LikeFeatures,
    genre_clusters: UserClusters,
    rating_clusters: UserClusters,
    side_features: SideFeatures,
    project: Project,
) -> Iterator[dg.MaterializeResult[None]]:
    """Models of training rows; validation rows choose trees, calibrations, the ensemble's weight and the boost."""
    dataset = partition_of(context)
    held_out = read_log(
        project,
        dataset,
        "from validation_ratings",
        item_ids=rating_log.item_ids,
        user_ids=rating_log.user_ids,
    )
    described = builder(rating_log, knowledge_of(project, dataset, rating_log), side_features, config).pairs(
        held_out.user, held_out.item, held_out.day
    )
    choice = choose_likes(
        like_features.values,
        rating_log.rating,
        described,
        held_out.rating,
        like=config.like_rating,
        max_trees=config.max_trees,
        patience=config.patience,
        calibration_folds=config.calibration_folds,
        weight_steps=config.weight_steps,
        growth=config.growth(),
    )
    shifts = {
        kind: fit_cluster_liking(
            rating_log,
            clusters,
            like=config.like_rating,
            damping=config.cluster_damping,
            item_damping=config.item_damping,
        ).pairs(held_out.user, held_out.item)
        for kind, clusters in (("genre", genre_clusters), ("rating", rating_clusters))
    }
    boosts = choose_boost(
        choice.ensemble.astype(np.float64),
        shifts,
        held_out.rating >= config.like_rating,
        strengths=config.strengths,
    )
    tables = {
        "like_settings": settings_rows(choice),
        "like_calibration": calibration_rows(choice.calibrators),
        "like_blend": blend_rows(choice, boosts),
    }
    with project.warehouse.connect(dataset) as connection:
        replace_tables(connection, tables)
        for name, frame in tables.items():
            yield dg.MaterializeResult(
                asset_key=name,
                metadata=table_metadata(connection, name) | _drawn(name, frame),
                data_version=dg.DataVersion(frame_digest(frame)),
            )


def _drawn(name: str, frame: pd.DataFrame) -> dict[str, dg.MarkdownMetadataValue]:
    return {title: dg.MetadataValue.md(image) for title, image in table_images(name, frame).items()}


def _models(fit: Fit) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"fit_like_models_{fit.name}",
        specs=[
            spec(
                fit.key(name),
                deps=[*SETTINGS, fit.key("rating_log"), fit.key("like_features")],
                group_name=GROUP,
                kinds={"xgboost"},
                description=(
                    f"XGBoost's {'classifier of likes' if variant.objective == 'like' else 'regressor of stars'}, "
                    f"{'with' if variant.with_time else 'without'} features of recency and session."
                ),
                code_version=CODE,
            )
            for name, variant in VARIANTS.items()
        ],
        ins={name: dg.AssetIn(fit.key(name)) for name in ("rating_log", "like_features")},
        partitions_def=DATASETS,
    )
    def fit_like_models(
        context: dg.AssetExecutionContext,
        config: LikeFitConfig,
        rating_log: RatingLog,
        like_features: LikeFeatures,
        project: Project,
    ) -> Iterator[dg.MaterializeResult[None]]:
        """Grow each variant's trees, as many as validation rows chose."""
        dataset = partition_of(context)
        chosen = read_settings(*(project.warehouse.frame(dataset, f"from {name}") for name in SETTINGS))
        models = fit_likes(
            like_features.values,
            rating_log.rating,
            chosen.n_trees,
            like=config.like_rating,
            growth=config.growth(),
        )
        for name, trees in models.items():
            yield save_model(project, dataset, fit.key(name), trees, {"n_trees": chosen.n_trees[name]})

    return fit_like_models


features = [_like_features(fit) for fit in FITS]
models = [_models(fit) for fit in SERVED_FITS]
