"""Models of stars: ratings row by row, settings and blends that validation rows chose, and the models of each fit."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
from pydantic import Field
from scipy.sparse import csr_matrix, hstack

from recsys_assets.algorithms.content import ContentVectors
from recsys_assets.algorithms.interactions import SparseRows
from recsys_assets.algorithms.rating_prediction.ensemble import (
    choose,
    fit_models,
)
from recsys_assets.algorithms.rating_prediction.factorization_machine import SideFeatures
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.algorithms.rating_prediction.side_features import multi_hot
from recsys_assets.contracts import TABLES
from recsys_assets.defs.common import artifact, dataset_asset, frame_digest, spec
from recsys_assets.defs.fits import FITS, SERVED_FITS, TUNING, Fit
from recsys_assets.defs.rating_prediction.models import chosen_settings, leave_out, read_log, save_model
from recsys_assets.defs.rating_prediction.recipes import (
    MODELS,
    Knowledge,
    RatingModelsConfig,
    recipes,
    recipes_as_chosen,
)
from recsys_assets.defs.rating_prediction.rows import blend_rows, error_rows, settings_rows
from recsys_assets.defs.resources import Project, partition_of, table_metadata
from recsys_assets.defs.versions import code_version
from recsys_assets.partitions import DATASETS
from recsys_assets.report.rating_plots import table_images
from recsys_assets.storage.warehouse import replace_tables

CODE = code_version(__name__)
GROUP = "rating_prediction"


class FitConfig(dg.Config):
    """How models are fitted, apart from their settings, which validation rows chose."""

    n_threads: int = Field(2, ge=1, description="models fitted at a time")


def _rating_log(fit: Fit) -> dg.AssetsDefinition:
    @dataset_asset(
        name="rating_log",
        key_prefix=fit.name,
        group_name=GROUP,
        kinds={"numpy"},
        deps=[*fit.learns_from, "movies"],
        io_manager_key="arrays",
        code_version=CODE,
        description=f"Stars and times, row by row, from {' and '.join(fit.learns_from)}, with their ids.",
    )
    def rating_log(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[RatingLog]:
        dataset = partition_of(context)
        movies = project.warehouse.arrays(dataset, "select movie_id from movies order by movie_id")
        log = read_log(project, dataset, fit.ratings_sql, item_ids=movies["movie_id"])
        return artifact(log, {"n_ratings": log.rating.size, "mean_stars": float(log.rating.mean())})

    return rating_log


@dataset_asset(
    group_name=GROUP,
    kinds={"numpy", "scipy"},
    deps=["users", "movies", "train_ratings"],
    io_manager_key="arrays",
    code_version=CODE,
)
def side_features(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[SideFeatures]:
    """Age bracket, gender and occupation of users, as far as the data set has them; genres and decade of movies.

    Of the training ratings it takes nothing but who the users are: each has one there.
    """
    dataset = partition_of(context)
    users = project.warehouse.frame(
        dataset,
        "select age // 10 * 10 as age, gender, occupation "
        "from (select distinct user_id from train_ratings) left join users using (user_id) order by user_id",
    )
    movies = project.warehouse.frame(
        dataset, "select genres, year // 10 * 10 as decade from movies order by movie_id"
    )
    genres = multi_hot(movies["genres"])
    features = SideFeatures(
        _beside([_one_hot(users[name]) for name in ("age", "gender", "occupation")]),
        _beside([genres, _one_hot(movies["decade"])]),
    )
    return artifact(
        features, {"user_features": features.users.shape[1], "movie_features": features.items.shape[1]}
    )


def _one_hot(values: Any) -> SparseRows:
    return multi_hot(
        [str(value)] if known else [] for value, known in zip(values, values.notna(), strict=True)
    )


def _beside(parts: list[SparseRows]) -> SparseRows:
    return csr_matrix(hstack(parts, format="csr", dtype=np.float32))


@dg.multi_asset(
    name="choose_rating_models",
    specs=[
        spec(
            name,
            deps=[
                "validation_ratings",
                "side_features",
                TUNING.key("rating_log"),
                TUNING.key("content_vectors"),
            ],
            group_name=GROUP,
            kinds={"duckdb", "table"},
            description=TABLES[name].comment,
            code_version=CODE,
        )
        for name in ("rating_settings", "rating_blends", "rating_errors")
    ],
    ins={
        "rating_log": dg.AssetIn(TUNING.key("rating_log")),
        "content_vectors": dg.AssetIn(TUNING.key("content_vectors")),
    },
    partitions_def=DATASETS,
)
def choose_rating_models(
    context: dg.AssetExecutionContext,
    config: RatingModelsConfig,
    rating_log: RatingLog,
    content_vectors: ContentVectors,
    side_features: SideFeatures,
    project: Project,
) -> Iterator[dg.MaterializeResult[None]]:
    """Fit every candidate on training rows; validation rows choose settings and weights."""
    dataset = partition_of(context)
    held_out = read_log(
        project,
        dataset,
        "from validation_ratings",
        item_ids=rating_log.item_ids,
        user_ids=rating_log.user_ids,
    )
    choice = choose(
        recipes(config, Knowledge(side_features, content_vectors), n_ratings=rating_log.rating.size),
        rating_log,
        held_out,
        n_threads=config.n_threads,
    )
    tables = {
        "rating_settings": settings_rows(choice),
        "rating_blends": blend_rows(choice, rating_log, held_out),
        "rating_errors": error_rows(choice, rating_log, held_out),
    }
    with project.warehouse.connect(dataset) as connection:
        replace_tables(connection, tables)
        for name, frame in tables.items():
            yield dg.MaterializeResult(
                asset_key=name,
                metadata=table_metadata(connection, name) | _drawn(name, frame),
                # How long the fits took is no reason to fit again.
                data_version=dg.DataVersion(frame_digest(frame.drop(columns="fit_seconds", errors="ignore"))),
            )


def _drawn(name: str, frame: pd.DataFrame) -> dict[str, dg.MarkdownMetadataValue]:
    return {title: dg.MetadataValue.md(image) for title, image in table_images(name, frame).items()}


def _models(fit: Fit) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"fit_rating_models_{fit.name}",
        specs=[
            spec(
                fit.key(name),
                deps=[
                    "rating_settings",
                    "side_features",
                    fit.key("rating_log"),
                    fit.key("content_vectors"),
                ],
                group_name=GROUP,
                kinds={"numpy", "numba"},
                description=kind.description,
                code_version=CODE,
            )
            for name, kind in MODELS.items()
        ],
        ins={
            "rating_log": dg.AssetIn(fit.key("rating_log")),
            "content_vectors": dg.AssetIn(fit.key("content_vectors")),
        },
        partitions_def=DATASETS,
    )
    def fit_rating_models(
        context: dg.AssetExecutionContext,
        config: FitConfig,
        rating_log: RatingLog,
        content_vectors: ContentVectors,
        side_features: SideFeatures,
        rating_settings: pd.DataFrame,
        project: Project,
    ) -> Iterator[dg.MaterializeResult[None]]:
        """Fit each model with the settings that validation rows chose; those that they didn't try are left out."""
        dataset = partition_of(context)
        settings = chosen_settings(rating_settings)
        models = fit_models(
            recipes_as_chosen(settings, Knowledge(side_features, content_vectors)),
            settings,
            rating_log,
            n_threads=config.n_threads,
        )
        for name, (model, seconds) in models.items():
            yield save_model(
                project,
                dataset,
                fit.key(name),
                model,
                {"settings": dg.MetadataValue.json(settings[name]), "fit_seconds": seconds},
            )
        for name in MODELS.keys() - models.keys():
            yield leave_out(project, dataset, fit.key(name))

    return fit_rating_models


logs = [_rating_log(fit) for fit in FITS]
models = [_models(fit) for fit in SERVED_FITS]
