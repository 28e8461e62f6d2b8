"""How good like probabilities are on test rows: figures, segments, pairs of models."""

from collections.abc import Iterator
from dataclasses import asdict

import dagster as dg
import pandas as pd
from pydantic import Field

from recsys_assets.algorithms.evaluation import Bootstrap
from recsys_assets.algorithms.liking.judging import LikeRows, judge_likes
from recsys_assets.algorithms.rating_prediction.judging import segments_of
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.contracts import TABLES
from recsys_assets.defs.common import frame_digest, spec
from recsys_assets.defs.evaluation.gates import TEST
from recsys_assets.defs.fits import TRIAL
from recsys_assets.defs.rating_prediction.models import read_log
from recsys_assets.defs.resources import Project, partition_of, table_metadata
from recsys_assets.defs.topn import LikeConfig
from recsys_assets.defs.versions import code_version
from recsys_assets.partitions import DATASETS
from recsys_assets.report.liking_plots import CURVES, roc_curves, roc_table, table_images
from recsys_assets.report.plots import markdown_image
from recsys_assets.storage.warehouse import replace_tables

CODE = code_version(__name__)
COMPARED = (
    ("bias", "movie_mean"),
    ("classifier_with_time", "classifier_without_time"),
    ("classifier_without_time", "bias"),
    ("ensemble", "movie_mean"),
    ("ensemble", "bias"),
    ("ensemble", "classifier_without_time"),
    ("cluster_hybrid", "ensemble"),
    ("constant_boost", "ensemble"),
)
"""Pairs (model, baseline) whose difference is measured over the same users."""


class LikeEvaluationConfig(LikeConfig):
    """What is measured of like probabilities, and how sure we are of it."""

    k: int = Field(10, ge=1, description="cut-off of NDCG over each user's own test rows")
    head_share: float = Field(0.2, gt=0, lt=1, description="share of the rated movies that is the head")
    n_resamples: int = Field(500, ge=100, description="bootstrap resamples of the users")
    confidence: float = Field(0.95, gt=0, lt=1, description="of the intervals")
    seed: int = Field(0, ge=0, description="seed of the bootstrap")


@dg.multi_asset(
    name="evaluate_likes",
    specs=[
        spec(
            name,
            deps=["test_ratings", "holdout_like_predictions", TRIAL.key("rating_log")],
            group_name="classification",
            kinds={"duckdb", "table"},
            description=TABLES[name].comment,
            code_version=CODE,
        )
        for name in ("like_evaluation", "like_comparisons")
    ],
    ins={"rating_log": dg.AssetIn(TRIAL.key("rating_log"))},
    partitions_def=DATASETS,
)
def evaluate_likes(
    context: dg.AssetExecutionContext,
    config: LikeEvaluationConfig,
    rating_log: RatingLog,
    holdout_like_predictions: pd.DataFrame,
    project: Project,
) -> Iterator[dg.MaterializeResult[None]]:
    """Judge like probabilities: pooled and per-user AUC, log loss, Brier score, NDCG over own test rows."""
    dataset = partition_of(context)
    test = read_log(
        project, dataset, "from test_ratings", item_ids=rating_log.item_ids, user_ids=rating_log.user_ids
    )
    ordered = holdout_like_predictions.sort_values(["user_id", "movie_id"])
    judged = judge_likes(
        {str(name): rows["probability"].to_numpy() for name, rows in ordered.groupby("model", sort=False)},
        LikeRows.of(test, min_liked=config.like_rating),
        segments_of(test, rating_log, head_share=config.head_share),
        compared=COMPARED,
        k=config.k,
        bootstrap=Bootstrap(config.n_resamples, config.confidence, config.seed),
    )
    tables = {
        "like_evaluation": pd.DataFrame([asdict(figure) for figure in judged.figures]),
        "like_comparisons": pd.DataFrame([asdict(pair) for pair in judged.comparisons]),
    }
    for frame in tables.values():
        frame["split"] = TEST
        # Lists are judged by an NDCG too: over all movies, which is another figure.
        frame["metric"] = frame["metric"].replace("ndcg", "ndcg_of_own_test_items")
    with project.warehouse.connect(dataset) as connection:
        replace_tables(connection, tables)
        for name, frame in tables.items():
            yield dg.MaterializeResult(
                asset_key=name,
                metadata=table_metadata(connection, name)
                | _headline(name, frame)
                | _drawn(name, frame, holdout_like_predictions),
                data_version=dg.DataVersion(frame_digest(frame)),
            )


def _headline(name: str, frame: pd.DataFrame) -> dict[str, float]:
    """The figures whose course over time the UI plots."""
    if name != "like_evaluation":
        return {}
    rows = frame[(frame["segment"] == "all") & frame["metric"].isin(["auc", "auc_per_user"])]
    return dict(zip(rows["model"] + "_" + rows["metric"], rows["value"].astype(float).tolist(), strict=True))


def _drawn(name: str, frame: pd.DataFrame, predictions: pd.DataFrame) -> dict[str, dg.MarkdownMetadataValue]:
    images = table_images(name, frame)
    curves = roc_table(predictions, CURVES)
    if name == "like_evaluation" and len(curves):
        images["roc"] = markdown_image(roc_curves(curves), "ROC curves")
    return {title: dg.MetadataValue.md(image) for title, image in images.items()}
