"""Predicted stars of test rows and the lists that they make, and how good they are."""

from collections.abc import Iterator
from dataclasses import asdict

import dagster as dg
import pandas as pd
from pydantic import Field

from recsys_assets.algorithms.evaluation import Bootstrap, lists_by_strategy
from recsys_assets.algorithms.interactions import positions
from recsys_assets.algorithms.rating_prediction.accuracy import calibration
from recsys_assets.algorithms.rating_prediction.judging import (
    judge_lists_of_stars,
    judge_stars,
    segments_of,
)
from recsys_assets.algorithms.rating_prediction.lists import top_rated
from recsys_assets.algorithms.rating_prediction.log import RatingLog, Stars
from recsys_assets.contracts import TABLES
from recsys_assets.defs.common import frame_digest, spec
from recsys_assets.defs.evaluation.gates import TEST
from recsys_assets.defs.fits import TRIAL
from recsys_assets.defs.rating_evaluation.rows import prediction_rows, predictions_by_model
from recsys_assets.defs.rating_prediction.models import blend_of, load_models, read_log, user_blocks
from recsys_assets.defs.rating_prediction.recipes import MODELS
from recsys_assets.defs.resources import Project, partition_of, table_metadata
from recsys_assets.defs.topn import TopNConfig, list_rows
from recsys_assets.defs.versions import code_version
from recsys_assets.partitions import DATASETS
from recsys_assets.report.rating_plots import table_images
from recsys_assets.storage.warehouse import replace_tables

CODE = code_version(__name__)
GROUP = "rating_evaluation"
COMPARED = (
    ("user_knn", "bias"),
    ("item_knn", "bias"),
    ("item_knn_baseline", "bias"),
    ("biased_mf", "bias"),
    ("svdpp", "biased_mf"),
    ("bayesian_fm", "svdpp"),
    ("ordinal_fm", "bayesian_fm"),
    ("blend", "bias"),
    ("blend", "svdpp"),
    ("blend", "ordinal_fm"),
    ("hybrid_published", "biased_mf"),
    ("hybrid_fitted", "hybrid_published"),
)
"""Pairs (model, baseline) whose difference is measured over the same users."""


class RatingEvaluationConfig(dg.Config):
    """What is measured of predicted stars, and how sure we are of it."""

    k: int = Field(10, ge=1, description="cut-off of lists")
    min_relevant: float = Field(3.5, ge=0.5, le=5, description="a test rating of so many stars is relevant")
    n_bins: int = Field(9, ge=2, description="bins of predicted stars of the calibration")
    head_share: float = Field(0.2, gt=0, lt=1, description="share of the rated movies that is the head")
    n_resamples: int = Field(1000, ge=100, description="bootstrap resamples of the users")
    confidence: float = Field(0.95, gt=0, lt=1, description="of the intervals")
    seed: int = Field(0, ge=0, description="seed of the bootstrap")


@dg.multi_asset(
    name="predict_holdout",
    specs=[
        spec(
            name,
            deps=[
                "test_ratings",
                "rating_settings",
                "rating_blends",
                TRIAL.key("rating_log"),
                *(TRIAL.key(model) for model in MODELS),
            ],
            group_name=GROUP,
            kinds={"duckdb", "table"},
            description=TABLES[name].comment,
            code_version=CODE,
        )
        for name in ("holdout_rating_predictions", "holdout_predicted_top")
    ],
    ins={"rating_log": dg.AssetIn(TRIAL.key("rating_log"))},
    partitions_def=DATASETS,
)
def predict_holdout(
    context: dg.AssetExecutionContext,
    config: TopNConfig,
    rating_log: RatingLog,
    rating_settings: pd.DataFrame,
    rating_blends: pd.DataFrame,
    project: Project,
) -> Iterator[dg.MaterializeResult[None]]:
    """Predict the stars of the test rows, and each user's top-N, with every model and blend."""
    dataset = partition_of(context)
    models = load_models(project, dataset, TRIAL, list(rating_settings["model"].unique()))
    blends = {
        name: blend_of(rating_blends, name, models, rating_log) for name in rating_blends["blend"].unique()
    }
    test = _test_rows(project, dataset, rating_log)
    stars = {name: model.predict(test.user, test.item, test.day) for name, model in models.items()}
    stars |= {name: blend.combine(stars) for name, blend in blends.items()}
    rated = rating_log.matrix()
    lists = []
    for users, day in user_blocks(rating_log):
        dense = {name: model.predict_all(users, day) for name, model in models.items()}
        dense |= {name: blend.combine(dense) for name, blend in blends.items()}
        for name, block in dense.items():
            rows = list_rows(
                top_rated(block, rated[users], n=config.n),
                user_ids=rating_log.user_ids[users],
                item_ids=rating_log.item_ids,
            )
            lists.append(rows.assign(model=name))
        context.log.info(f"lists of {users[-1] + 1:,} of {rating_log.n_users:,} users")
    tops = pd.concat(lists, ignore_index=True)
    tops["predicted"] = tops.pop("score").clip(*rating_log.scale)
    tables = {
        "holdout_rating_predictions": prediction_rows(stars, test, rating_log.scale),
        "holdout_predicted_top": tops,
    }
    with project.warehouse.connect(dataset) as connection:
        replace_tables(connection, tables)
        for name, frame in tables.items():
            yield dg.MaterializeResult(
                asset_key=name,
                metadata=table_metadata(connection, name),
                data_version=dg.DataVersion(frame_digest(frame)),
            )


def _test_rows(project: Project, dataset: str, learned: RatingLog) -> RatingLog:
    return read_log(
        project, dataset, "from test_ratings", item_ids=learned.item_ids, user_ids=learned.user_ids
    )


@dg.multi_asset(
    name="evaluate_ratings",
    specs=[
        spec(
            name,
            deps=[
                "test_ratings",
                "holdout_rating_predictions",
                "holdout_predicted_top",
                TRIAL.key("rating_log"),
            ],
            group_name=GROUP,
            kinds={"duckdb", "table"},
            description=TABLES[name].comment,
            code_version=CODE,
        )
        for name in ("rating_evaluation", "rating_comparisons", "rating_calibration")
    ],
    ins={"rating_log": dg.AssetIn(TRIAL.key("rating_log"))},
    partitions_def=DATASETS,
)
def evaluate_ratings(
    context: dg.AssetExecutionContext,
    config: RatingEvaluationConfig,
    rating_log: RatingLog,
    holdout_rating_predictions: pd.DataFrame,
    holdout_predicted_top: pd.DataFrame,
    project: Project,
) -> Iterator[dg.MaterializeResult[None]]:
    """Judge predicted stars against those given, and lists against what users liked of their test rows."""
    dataset = partition_of(context)
    test = _test_rows(project, dataset, rating_log)
    stars = predictions_by_model(holdout_rating_predictions)
    bootstrap = Bootstrap(config.n_resamples, config.confidence, config.seed)
    judged = judge_stars(
        stars,
        test,
        segments_of(test, rating_log, head_share=config.head_share),
        compared=COMPARED,
        n_bins=config.n_bins,
        scale=rating_log.scale,
        bootstrap=bootstrap,
    )
    lists = lists_by_strategy(
        holdout_predicted_top["model"].to_numpy(),
        positions(rating_log.user_ids, holdout_predicted_top["user_id"], what="user_id"),
        holdout_predicted_top["rank"].to_numpy(),
        positions(rating_log.item_ids, holdout_predicted_top["movie_id"], what="movie_id"),
        n_users=rating_log.n_users,
        n=config.k,
    )
    of_lists = judge_lists_of_stars(
        lists, stars, test, k=config.k, min_relevant=config.min_relevant, bootstrap=bootstrap
    )
    tables = {
        "rating_evaluation": pd.DataFrame([asdict(figure) for figure in (*judged.figures, *of_lists)]).assign(
            split=TEST
        ),
        "rating_comparisons": pd.DataFrame([asdict(pair) for pair in judged.comparisons]).assign(split=TEST),
        "rating_calibration": _calibration_rows(stars, test, rating_log.scale, config.n_bins),
    }
    with project.warehouse.connect(dataset) as connection:
        replace_tables(connection, tables)
        for name, frame in tables.items():
            yield dg.MaterializeResult(
                asset_key=name,
                metadata=table_metadata(connection, name) | _headline(name, frame) | _drawn(name, frame),
                data_version=dg.DataVersion(frame_digest(frame)),
            )


def _calibration_rows(
    stars: dict[str, Stars], test: RatingLog, scale: tuple[float, float], n_bins: int
) -> pd.DataFrame:
    frames = []
    for name, predicted in stars.items():
        bins = calibration(predicted, test.rating, scale=scale, n_bins=n_bins)
        frames.append(
            pd.DataFrame(
                {
                    "model": name,
                    "bin": bins.bin,
                    "mean_predicted": bins.predicted,
                    "mean_rating": bins.actual,
                    "n": bins.n,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def _drawn(name: str, frame: pd.DataFrame) -> dict[str, dg.MarkdownMetadataValue]:
    return {title: dg.MetadataValue.md(image) for title, image in table_images(name, frame).items()}


def _headline(name: str, frame: pd.DataFrame) -> dict[str, float]:
    """The figures whose course over time the UI plots."""
    if name != "rating_evaluation":
        return {}
    rows = frame[(frame["segment"] == "all") & (frame["metric"] == "rmse")]
    return dict(zip(rows["model"] + "_rmse", rows["value"].astype(float).tolist(), strict=True))
