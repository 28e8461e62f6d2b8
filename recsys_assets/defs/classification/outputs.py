"""What like models say of test rows and of all movies: predictions, lists, and what moves them."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
from pydantic import Field

from recsys_assets.algorithms.liking.features import FEATURES
from recsys_assets.algorithms.liking.learning import VARIANTS
from recsys_assets.algorithms.liking.trees import summarize_contributions
from recsys_assets.algorithms.rating_prediction.factorization_machine import SideFeatures
from recsys_assets.algorithms.rating_prediction.lists import top_rated
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.contracts import TABLES
from recsys_assets.defs.classification.scoring import LikeScorer, LikeScoringConfig, scorer_of
from recsys_assets.defs.common import frame_digest, spec
from recsys_assets.defs.fits import LIVE, TRIAL, Fit
from recsys_assets.defs.rating_prediction.models import read_log, user_blocks
from recsys_assets.defs.resources import Project, partition_of, table_metadata, table_name
from recsys_assets.defs.topn import list_rows
from recsys_assets.defs.versions import code_version
from recsys_assets.partitions import DATASETS
from recsys_assets.report.liking_plots import contributions, table_images
from recsys_assets.report.plots import markdown_image
from recsys_assets.storage.warehouse import replace_tables

CODE = code_version(__name__)
GROUP = "classification"
LISTS = {"like_ensemble": "ensemble", "cluster_hybrid": "cluster_hybrid"}
"""Strategies, and the model whose probabilities each ranks by."""
N_EXPLAINED = 5000


class LikeListsConfig(LikeScoringConfig):
    """How long lists are."""

    n: int = Field(20, ge=1, le=1000, description="length of each list")
    max_cells: int = Field(1 << 20, ge=1, description="pairs of user and movie that are scored at a time")


def _step(fit: Fit, name: str, tables: tuple[dg.AssetKey, ...]) -> dict[str, Any]:
    return {
        "name": name,
        "specs": [
            spec(
                key,
                deps=[
                    "movies",
                    "tags",
                    "side_features",
                    fit.key("rating_log"),
                    "like_settings",
                    "like_calibration",
                    "like_blend",
                    *(fit.key(model) for model in VARIANTS),
                    fit.key("genre_clusters"),
                    fit.key("rating_clusters"),
                    *(["test_ratings"] if key.path[-1] == "holdout_like_predictions" else []),
                ],
                group_name=GROUP,
                kinds={"duckdb", "table"},
                description=TABLES[key.path[-1]].comment,
                code_version=CODE,
            )
            for key in tables
        ],
        "ins": {"rating_log": dg.AssetIn(fit.key("rating_log"))},
        "partitions_def": DATASETS,
    }


def _lists_of(fit: Fit) -> tuple[dg.AssetKey, ...]:
    return tuple(fit.key(f"{strategy}_recommendations") for strategy in LISTS)


@dg.multi_asset(
    **_step(TRIAL, "predict_like_holdout", (dg.AssetKey("holdout_like_predictions"), *_lists_of(TRIAL)))
)
def predict_like_holdout(
    context: dg.AssetExecutionContext,
    config: LikeListsConfig,
    rating_log: RatingLog,
    side_features: SideFeatures,
    project: Project,
) -> Iterator[dg.MaterializeResult[None]]:
    """Like probability of every test row by every model, and each user's top-N over all movies."""
    dataset = partition_of(context)
    scorer = scorer_of(project, dataset, TRIAL, rating_log, side_features, config)
    test = read_log(
        project, dataset, "from test_ratings", item_ids=rating_log.item_ids, user_ids=rating_log.user_ids
    )
    predictions = pd.concat(
        [
            pd.DataFrame(
                {
                    "model": name,
                    "user_id": test.user_ids[test.user],
                    "movie_id": test.item_ids[test.item],
                    "liked": test.rating >= config.like_rating,
                    "probability": values,
                }
            )
            for name, values in scorer.pairs(test.user, test.item, test.day).items()
        ],
        ignore_index=True,
    )
    lists = _lists(context, scorer, rating_log, config)
    key = dg.AssetKey("holdout_like_predictions")
    images = {key: table_images("holdout_like_predictions", predictions)}
    yield from _write(project, dataset, {key: predictions} | _by_key(TRIAL, lists), images)


@dg.multi_asset(**_step(LIVE, "recommend_likes", (dg.AssetKey("like_importance"), *_lists_of(LIVE))))
def recommend_likes(
    context: dg.AssetExecutionContext,
    config: LikeListsConfig,
    rating_log: RatingLog,
    side_features: SideFeatures,
    project: Project,
) -> Iterator[dg.MaterializeResult[None]]:
    """Each user's top-N over all unseen movies, and what moves the live classifier."""
    dataset = partition_of(context)
    scorer = scorer_of(project, dataset, LIVE, rating_log, side_features, config)
    lists = _lists(context, scorer, rating_log, config)
    explained = _explained(scorer, rating_log)
    key, importance = dg.AssetKey("like_importance"), explained.drop(columns="direction")
    images = {key: table_images("like_importance", importance) | {"contributions": _contributions(explained)}}
    yield from _write(project, dataset, {key: importance} | _by_key(LIVE, lists), images)


def _lists(
    context: dg.AssetExecutionContext, scorer: LikeScorer, log: RatingLog, config: LikeListsConfig
) -> dict[str, pd.DataFrame]:
    rated = log.matrix()
    parts: dict[str, list[pd.DataFrame]] = {strategy: [] for strategy in LISTS}
    for users, day in user_blocks(log, max_cells=config.max_cells):
        scores = scorer.all_items(users, day)
        for strategy, model in LISTS.items():
            best = top_rated(scores[model].astype(np.float32), rated[users], n=config.n)
            parts[strategy].append(list_rows(best, user_ids=log.user_ids[users], item_ids=log.item_ids))
        context.log.info(f"lists of {users[-1] + 1:,} of {log.n_users:,} users")
    return {strategy: pd.concat(frames, ignore_index=True) for strategy, frames in parts.items()}


def _by_key(fit: Fit, lists: dict[str, pd.DataFrame]) -> dict[dg.AssetKey, pd.DataFrame]:
    return {fit.key(f"{strategy}_recommendations"): frame for strategy, frame in lists.items()}


def _explained(scorer: LikeScorer, log: RatingLog) -> pd.DataFrame:
    """Rows of ``like_importance``, over a sample of learned pairs; beside them the contributions' ``direction``."""
    name = scorer.settings.classifier
    columns = VARIANTS[name].columns
    trees = scorer.models[name]
    rows = np.random.default_rng(0).permutation(log.rating.size)[:N_EXPLAINED]
    values = scorer.features.pairs(log.user[rows], log.item[rows], log.day[rows])[:, columns]
    summary = summarize_contributions(values, trees.contributions(values))
    used = [FEATURES[column] for column in columns]
    return pd.DataFrame(
        {
            "feature": [feature.name for feature in used],
            "feature_group": [feature.group for feature in used],
            "knows": [feature.knows for feature in used],
            "gain": trees.importance().share,
            "mean_contribution": summary.mean_absolute,
            "direction": summary.direction,
        }
    ).sort_values("mean_contribution", ascending=False, ignore_index=True)


def _contributions(explained: pd.DataFrame) -> str:
    png = contributions(
        explained["feature"], explained["mean_contribution"], explained["direction"], unit="log-odds"
    )
    return markdown_image(png, "contributions of features")


def _as_metadata(images: Mapping[str, str]) -> dict[str, dg.MarkdownMetadataValue]:
    return {title: dg.MetadataValue.md(image) for title, image in images.items()}


def _write(
    project: Project,
    dataset: str,
    tables: dict[dg.AssetKey, pd.DataFrame],
    images: Mapping[dg.AssetKey, Mapping[str, str]],
) -> Iterator[dg.MaterializeResult[None]]:
    with project.warehouse.connect(dataset) as connection:
        replace_tables(connection, {table_name(key): frame for key, frame in tables.items()})
        for key, frame in tables.items():
            yield dg.MaterializeResult(
                asset_key=key,
                metadata=table_metadata(connection, table_name(key)) | _as_metadata(images.get(key, {})),
                data_version=dg.DataVersion(frame_digest(frame)),
            )
