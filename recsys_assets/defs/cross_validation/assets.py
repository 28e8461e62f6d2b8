"""Cross-validation of the models of stars: slow work, made only by the jobs that ask for it.

Each fold is a world of its own: models learn from the other folds, settings and the blend's weights are chosen on a
tenth of those rows, and nothing of the fold itself chooses anything.
"""

from collections.abc import Iterator
from dataclasses import asdict

import dagster as dg
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from recsys_assets.algorithms.evaluation import Bootstrap
from recsys_assets.algorithms.rating_prediction.ensemble import Blend, choose, fit_models
from recsys_assets.algorithms.rating_prediction.factorization_machine import SideFeatures
from recsys_assets.algorithms.rating_prediction.judging import judge_folds
from recsys_assets.algorithms.rating_prediction.log import RatingLog, Stars
from recsys_assets.contracts import TABLES
from recsys_assets.defs.common import frame_digest, spec
from recsys_assets.defs.evaluation.gates import OFFICIAL
from recsys_assets.defs.rating_evaluation.rows import prediction_rows, predictions_by_model
from recsys_assets.defs.rating_prediction.models import chosen_settings, read_log
from recsys_assets.defs.rating_prediction.recipes import (
    Knowledge,
    RatingModelsConfig,
    recipes,
    recipes_as_chosen,
)
from recsys_assets.defs.rating_prediction.rows import settings_rows
from recsys_assets.defs.resources import Project, partition_of, table_metadata
from recsys_assets.defs.versions import code_version
from recsys_assets.partitions import DATASETS
from recsys_assets.report.folds import fold_markdown
from recsys_assets.report.rating_plots import table_images
from recsys_assets.storage.warehouse import replace_tables

CODE = code_version(__name__)
GROUP = "cross_validation"
RANDOM = "random_5fold"


class FoldsConfig(dg.Config):
    """How ratings are dealt into folds where the data set has none of its own."""

    n_folds: int = Field(5, ge=2, le=20, description="folds of equal size")
    seed: int = Field(0, ge=0, description="seed of the deal")


class CrossValidationConfig(RatingModelsConfig):
    """As the models of stars; and what is held out within each fold."""

    inner_share: float = Field(0.1, gt=0, lt=1, description="of a fold's training rows, to choose on")


class FoldFiguresConfig(dg.Config):
    """How sure we are of the figures."""

    n_resamples: int = Field(1000, ge=100, description="bootstrap resamples of the users")
    confidence: float = Field(0.95, gt=0, lt=1, description="of the intervals")
    seed: int = Field(0, ge=0, description="seed of the bootstrap")


def _spec(name: str, *deps: str) -> dg.AssetSpec:
    # Nothing but the jobs that ask for it starts work of minutes: no automation condition.
    return spec(
        name,
        deps=list(deps),
        group_name=GROUP,
        kinds={"duckdb", "table"},
        description=TABLES[name].comment,
        code_version=CODE,
    ).replace_attributes(automation_condition=None)


@dg.multi_asset(
    name="deal_folds", specs=[_spec("rating_folds", "ratings", "official_folds")], partitions_def=DATASETS
)
def deal_folds(
    context: dg.AssetExecutionContext, config: FoldsConfig, project: Project
) -> dg.MaterializeResult[None]:
    """The folds that the data set's authors cut, or ratings dealt at random into folds of equal size."""
    dataset = partition_of(context)
    rows = project.warehouse.frame(
        dataset, "select fold, user_id, movie_id, rating, rated_at from official_folds order by all"
    ).assign(split=OFFICIAL)
    if rows.empty:
        rows = project.warehouse.frame(dataset, "from ratings order by user_id, movie_id").assign(
            split=RANDOM
        )
        deal = np.random.default_rng(config.seed).permutation(len(rows)) % config.n_folds + 1
        rows["fold"] = deal.astype(str)
    with project.warehouse.connect(dataset) as connection:
        replace_tables(connection, {"rating_folds": rows})
        return dg.MaterializeResult(
            metadata=table_metadata(connection, "rating_folds") | {"split": str(rows["split"].iloc[0])},
            data_version=dg.DataVersion(frame_digest(rows)),
        )


@dg.multi_asset(
    name="cross_validate",
    specs=[_spec(name, "rating_folds", "side_features") for name in ("fold_models", "fold_predictions")],
    partitions_def=DATASETS,
)
def cross_validate(
    context: dg.AssetExecutionContext,
    config: CrossValidationConfig,
    side_features: SideFeatures,
    project: Project,
) -> Iterator[dg.MaterializeResult[None]]:
    """Learn from each fold's training rows alone, and predict the fold."""
    dataset = partition_of(context)
    log, fold, _ = log_of_folds(project, dataset)
    models, predictions = [], []
    for name in np.unique(fold):
        chosen, predicted = _one_fold(
            log.rows(fold != name), log.rows(fold == name), config, Knowledge(side_features, None)
        )
        models.append(chosen.assign(fold=name))
        predictions.append(predicted.assign(fold=name))
        context.log.info(f"fold {name}: {int(np.count_nonzero(fold == name)):,} ratings predicted")
    tables = {
        "fold_models": pd.concat(models, ignore_index=True),
        "fold_predictions": pd.concat(predictions, ignore_index=True),
    }
    with project.warehouse.connect(dataset) as connection:
        replace_tables(connection, tables)
        for table, frame in tables.items():
            yield dg.MaterializeResult(
                asset_key=table,
                metadata=table_metadata(connection, table),
                data_version=dg.DataVersion(frame_digest(frame.drop(columns="fit_seconds", errors="ignore"))),
            )


def _one_fold(
    log: RatingLog, test: RatingLog, config: CrossValidationConfig, knowledge: Knowledge
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The settings and weights that the inner holdout chose, and the fold's rows predicted by each model."""
    rng = np.random.default_rng(config.seed)
    inner = rng.random(log.rating.size) < config.inner_share
    candidates = recipes(config, knowledge, n_ratings=log.rating.size)
    choice = choose(candidates, log.rows(~inner), log.rows(inner), n_threads=config.n_threads)
    table = settings_rows(choice)
    table = table[table["chosen"]]
    settings = chosen_settings(table)
    fitted = fit_models(recipes_as_chosen(settings, knowledge), settings, log, n_threads=config.n_threads)
    stars: dict[str, Stars] = {
        name: model.predict(test.user, test.item, test.day).clip(*log.scale)
        for name, (model, _) in fitted.items()
    }
    mean = float(log.rating.mean(dtype=np.float64))
    stars["blend"] = Blend(mean, choice.weights, {}).combine(stars)
    chosen = pd.DataFrame(
        {
            "model": table["model"],
            "settings": table["settings"],
            "weight": table["model"].map(choice.weights),
            "inner_rmse": table["rmse"],
            "fit_seconds": table["model"].map({name: seconds for name, (_, seconds) in fitted.items()}),
        }
    )
    return chosen, prediction_rows(stars, test, log.scale)


def log_of_folds(project: Project, dataset: str) -> tuple[RatingLog, NDArray[np.str_], str]:
    """The ratings of all folds by user and movie, the fold of each, and the name of the split."""
    movies = project.warehouse.arrays(dataset, "select movie_id from movies order by movie_id")
    users = project.warehouse.arrays(dataset, "select distinct user_id from ratings order by user_id")
    log = read_log(
        project, dataset, "from rating_folds", item_ids=movies["movie_id"], user_ids=users["user_id"]
    )
    rows = project.warehouse.arrays(
        dataset, "select fold, split from rating_folds order by user_id, movie_id"
    )
    return log, rows["fold"].astype(str), str(rows["split"][0])


@dg.multi_asset(
    name="evaluate_folds",
    specs=[_spec("cross_validation", "rating_folds", "fold_predictions")],
    partitions_def=DATASETS,
)
def evaluate_folds(
    context: dg.AssetExecutionContext, config: FoldFiguresConfig, project: Project
) -> dg.MaterializeResult[None]:
    """RMSE and MAE of each model in each fold, their mean and spread."""
    dataset = partition_of(context)
    log, fold, split = log_of_folds(project, dataset)
    stars = predictions_by_model(project.warehouse.frame(dataset, "from fold_predictions"))
    bootstrap = Bootstrap(config.n_resamples, config.confidence, config.seed)
    figures = pd.DataFrame([asdict(figure) for figure in judge_folds(stars, log, fold, bootstrap=bootstrap)])
    table = figures.assign(split=split)
    means = table[(table["segment"] == "all") & (table["metric"] == "rmse")]
    with project.warehouse.connect(dataset) as connection:
        replace_tables(connection, {"cross_validation": table})
        return dg.MaterializeResult(
            metadata=table_metadata(connection, "cross_validation")
            | dict(zip(means["model"] + "_rmse", means["value"].astype(float).tolist(), strict=True))
            | _drawn(table),
            data_version=dg.DataVersion(frame_digest(table)),
        )


def _drawn(cross_validation: pd.DataFrame) -> dict[str, dg.MarkdownMetadataValue]:
    texts = {
        "errors": fold_markdown(cross_validation),
        **table_images("cross_validation", cross_validation),
    }
    return {title: dg.MetadataValue.md(text) for title, text in texts.items()}
