"""Like models on other splits: the folds of the cross-validation, and the latest fifth of all ratings.

Slow work, made only by the jobs that ask for it. Within each split nothing is learned or chosen from its test rows: a
tenth of the learned rows, described out of fold, chooses trees, calibration and the ensemble's weight.
"""

from collections.abc import Iterator
from dataclasses import asdict

import dagster as dg
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from recsys_assets.algorithms.evaluation import ALL, Bootstrap, Figure
from recsys_assets.algorithms.liking.features import FEATURES, FeatureBuilder, Knowledge, out_of_fold
from recsys_assets.algorithms.liking.judging import LikeRows, judge_like_folds, judge_likes
from recsys_assets.algorithms.liking.learning import choose_likes, fit_likes, probabilities
from recsys_assets.algorithms.liking.trees import fit_trees
from recsys_assets.algorithms.rating_prediction.factorization_machine import SideFeatures
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.contracts import TABLES
from recsys_assets.defs.classification.builders import LikeFeaturesConfig, builder, knowledge_of
from recsys_assets.defs.classification.config import LikeChoiceConfig
from recsys_assets.defs.common import frame_digest, spec
from recsys_assets.defs.cross_validation.assets import GROUP, log_of_folds
from recsys_assets.defs.resources import Project, partition_of, table_metadata
from recsys_assets.defs.topn import LikeConfig
from recsys_assets.defs.versions import code_version
from recsys_assets.partitions import DATASETS
from recsys_assets.storage.warehouse import replace_tables

CODE = code_version(__name__)
GLOBAL_TIME = "global_time"
LEAKY = "leaky_aggregates"
"""Trees on aggregates over all rows, the test rows among them: what is published elsewhere, and what not to do."""
LEAKY_GROUPS = ("user", "item", "genre", "decade", "tag")
LEAKY_TREES = 100


class LikeFoldsConfig(LikeFeaturesConfig, LikeChoiceConfig):
    """As the like models; and what is held out."""

    inner_share: float = Field(0.1, gt=0, lt=1, description="of a split's learned rows, to choose on")
    latest_share: float = Field(0.2, gt=0, lt=1, description="of all ratings, test rows of global_time")


class LikeFiguresConfig(LikeConfig):
    """What is measured, and how sure we are of it."""

    k: int = Field(10, ge=1, description="cut-off of NDCG over each user's own test rows")
    n_resamples: int = Field(200, ge=100, description="bootstrap resamples of the users")
    confidence: float = Field(0.95, gt=0, lt=1, description="of the intervals")
    seed: int = Field(0, ge=0, description="seed of the bootstrap")


def _spec(name: str, *deps: str) -> dg.AssetSpec:
    return spec(
        name,
        deps=list(deps),
        group_name=GROUP,
        kinds={"duckdb", "table"},
        description=TABLES[name].comment,
        code_version=CODE,
    ).replace_attributes(automation_condition=None)


@dg.multi_asset(
    name="cross_validate_likes",
    specs=[_spec("like_fold_predictions", "rating_folds", "side_features", "movies", "tags")],
    partitions_def=DATASETS,
)
def cross_validate_likes(
    context: dg.AssetExecutionContext,
    config: LikeFoldsConfig,
    side_features: SideFeatures,
    project: Project,
) -> dg.MaterializeResult[None]:
    """Predict the likes of each fold from the others, and of the latest fifth of all ratings from the rest."""
    dataset = partition_of(context)
    log, fold, split = log_of_folds(project, dataset)
    knowledge = knowledge_of(project, dataset, log)
    parts = [(split, str(name), fold == name) for name in np.unique(fold)]
    parts.append((GLOBAL_TIME, "1", log.day > np.quantile(log.day, 1 - config.latest_share)))
    frames = []
    for name, number, held_out in parts:
        found = _predicted(log, held_out, knowledge, side_features, config)
        test = log.rows(held_out)
        frames += [
            pd.DataFrame(
                {
                    "split": name,
                    "fold": number,
                    "model": model,
                    "user_id": test.user_ids[test.user],
                    "movie_id": test.item_ids[test.item],
                    "liked": test.rating >= config.like_rating,
                    "probability": values,
                }
            )
            for model, values in found.items()
        ]
        context.log.info(f"{name} {number}: {test.rating.size:,} ratings predicted")
    table = pd.concat(frames, ignore_index=True)
    with project.warehouse.connect(dataset) as connection:
        replace_tables(connection, {"like_fold_predictions": table})
        return dg.MaterializeResult(
            metadata=table_metadata(connection, "like_fold_predictions"),
            data_version=dg.DataVersion(frame_digest(table)),
        )


def _predicted(
    log: RatingLog,
    held_out: NDArray[np.bool_],
    knowledge: Knowledge,
    side: SideFeatures,
    config: LikeFoldsConfig,
) -> dict[str, NDArray[np.float32]]:
    learned, test = log.rows(~held_out), log.rows(held_out)

    def build(rows: RatingLog) -> FeatureBuilder:
        return builder(rows, knowledge, side, config)

    values = out_of_fold(learned, build, n_folds=config.n_folds, seed=config.seed, n_threads=config.n_threads)
    inner = np.random.default_rng(config.seed).random(learned.rating.size) < config.inner_share
    choice = choose_likes(
        values[~inner],
        learned.rating[~inner],
        values[inner],
        learned.rating[inner],
        like=config.like_rating,
        max_trees=config.max_trees,
        patience=config.patience,
        calibration_folds=config.calibration_folds,
        weight_steps=config.weight_steps,
        growth=config.growth(),
    )
    models = fit_likes(
        values, learned.rating, choice.n_trees, like=config.like_rating, growth=config.growth()
    )
    known = build(learned)
    found = probabilities(
        known.pairs(test.user, test.item, test.day),
        known.n_learned[test.user] == 0,
        models,
        choice.calibrators,
        classifier=choice.classifier,
        regressor=choice.regressor,
        weight=choice.weight.chosen,
    )
    return {**found, LEAKY: _leaky(log, held_out, knowledge, config)}


def _leaky(
    log: RatingLog, held_out: NDArray[np.bool_], knowledge: Knowledge, config: LikeFoldsConfig
) -> NDArray[np.float32]:
    columns = np.flatnonzero([feature.group in LEAKY_GROUPS for feature in FEATURES])
    told = FeatureBuilder(log, knowledge, {}, like=config.like_rating, smoothing=config.smoothing)
    values = told.pairs(log.user, log.item, log.day)[:, columns]
    trees = fit_trees(
        values[~held_out],
        log.rating[~held_out] >= config.like_rating,
        feature_names=np.array([FEATURES[column].name for column in columns]),
        objective="like",
        n_trees=LEAKY_TREES,
        **config.growth(),
    )
    return trees.predict(values[held_out])


@dg.multi_asset(
    name="evaluate_like_folds",
    specs=[_spec("like_cross_validation", "rating_folds", "like_fold_predictions")],
    partitions_def=DATASETS,
)
def evaluate_like_folds(
    context: dg.AssetExecutionContext, config: LikeFiguresConfig, project: Project
) -> dg.MaterializeResult[None]:
    """Every figure of like probabilities in each fold, their mean and spread, and of the latest ratings."""
    dataset = partition_of(context)
    log, _, split = log_of_folds(project, dataset)
    bootstrap = Bootstrap(config.n_resamples, config.confidence, config.seed)
    rows = project.warehouse.frame(
        dataset, "from like_fold_predictions order by split, model, user_id, movie_id"
    )
    figures: list[pd.DataFrame] = []
    for name, of_split in rows.groupby("split"):
        stars = {str(model): part for model, part in of_split.groupby("model")}
        one = next(iter(stars.values()))
        test = LikeRows(
            np.searchsorted(log.user_ids, one["user_id"]),
            np.searchsorted(log.item_ids, one["movie_id"]),
            one["liked"].to_numpy(),
            log.n_users,
        )
        values = {model: part["probability"].to_numpy() for model, part in stars.items()}
        judged = (
            list(
                judge_like_folds(
                    values, test, one["fold"].to_numpy(dtype=str), k=config.k, bootstrap=bootstrap
                )
            )
            if name == split
            else list(_whole(values, test, config, bootstrap))
        )
        figures.append(pd.DataFrame([asdict(figure) for figure in judged]).assign(split=name))
    table = pd.concat(figures, ignore_index=True)
    table["metric"] = table["metric"].str.replace("^ndcg", "ndcg_of_own_test_items", regex=True)
    with project.warehouse.connect(dataset) as connection:
        replace_tables(connection, {"like_cross_validation": table})
        return dg.MaterializeResult(
            metadata=table_metadata(connection, "like_cross_validation"),
            data_version=dg.DataVersion(frame_digest(table)),
        )


def _whole(
    values: dict[str, NDArray[np.float32]], test: LikeRows, config: LikeFiguresConfig, bootstrap: Bootstrap
) -> Iterator[Figure]:
    everything = {ALL: np.ones(test.liked.size, dtype=bool)}
    yield from judge_likes(values, test, everything, compared=(), k=config.k, bootstrap=bootstrap).figures
