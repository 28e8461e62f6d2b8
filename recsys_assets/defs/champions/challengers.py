"""This run's challengers beside the champions: the same users, the same held-out rows, every gate of a promotion."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field

from recsys_assets.algorithms.interactions import Interactions
from recsys_assets.algorithms.promotion import Sampling
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.contracts import TABLES
from recsys_assets.defs.champions.duel import Court, judge
from recsys_assets.defs.champions.evidence import held_out
from recsys_assets.defs.champions.tasks import TASKS, judged_asset
from recsys_assets.defs.common import frame_digest, spec
from recsys_assets.defs.fits import TRIAL
from recsys_assets.defs.provenance import (
    CODE_VERSION_TAG,
    DATA_VERSION_TAG,
    latest_materializations,
)
from recsys_assets.defs.resources import Project, partition_of, table_metadata
from recsys_assets.defs.topn import LikeConfig
from recsys_assets.defs.versions import code_version
from recsys_assets.partitions import DATASETS
from recsys_assets.report.champion_plots import gains_by_segment
from recsys_assets.report.plots import markdown_image
from recsys_assets.storage.warehouse import replace_tables, table_digest

CODE = code_version(__name__)
GROUP = "champions"
OUTPUTS = ("challengers", "promotion_comparisons")


class HeldOutConfig(LikeConfig):
    """What is judged on held-out rows."""

    head_share: float = Field(0.2, gt=0, lt=1, description="share of the rated movies that is the head")


class PromotionConfig(HeldOutConfig):
    """How sure a promotion is."""

    alpha: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="chance of any false promotion on one window of held-out rows, over all looks",
    )
    regression_alpha: float = Field(
        0.01,
        gt=0,
        lt=1,
        description="one-sided level at which a champion counts as worse than when it was crowned",
    )
    n_resamples: int = Field(4000, ge=100, description="bootstrap resamples of the users, at least")
    confidence: float = Field(0.95, gt=0, lt=1, description="of the intervals that guardrails look at")
    seed: int = Field(0, ge=0, description="seed of the bootstrap")


@dg.multi_asset(
    name="judge_challengers",
    specs=[
        spec(
            name,
            deps=[
                "validation_scores",
                "test_ratings",
                "holdout_recommendations",
                "holdout_rating_predictions",
                "holdout_like_predictions",
                "gate_thresholds",
                TRIAL.key("interactions"),
                TRIAL.key("rating_log"),
            ],
            group_name=GROUP,
            kinds={"duckdb", "table"},
            description=TABLES[name].comment,
            code_version=CODE,
        )
        for name in OUTPUTS
    ],
    ins={
        "interactions": dg.AssetIn(TRIAL.key("interactions")),
        "rating_log": dg.AssetIn(TRIAL.key("rating_log")),
    },
    partitions_def=DATASETS,
)
def judge_challengers(
    context: dg.AssetExecutionContext,
    config: PromotionConfig,
    validation_scores: pd.DataFrame,
    interactions: Interactions,
    rating_log: RatingLog,
    project: Project,
) -> Iterator[dg.MaterializeResult[None]]:
    """Judge each task's best strategy on validation rows beside the champion, on test rows that neither learned from.

    A strategy is a procedure: settings that validation rows chose, fitted anew on the day's data. Changing the strategy
    that answers by default takes a promotion; data and refits of the same strategy don't wait for one.
    """
    dataset = partition_of(context)
    with project.warehouse.connect(dataset) as connection:
        window = table_digest(connection, "test_ratings")
    court = Court(
        project,
        dataset,
        held_out(
            project,
            dataset,
            interactions,
            rating_log,
            like_rating=config.like_rating,
            head_share=config.head_share,
        ),
        window,
        project.spec(context).thresholds,
        alpha=config.alpha,
        regression_alpha=config.regression_alpha,
        sampling=Sampling(config.n_resamples, config.confidence, config.seed),
    )
    best = validation_scores[validation_scores["challenger"]]
    found = [
        judge(court, TASKS[task], strategy)
        for task, strategy in zip(best["task"], best["strategy"], strict=True)
    ]
    challengers = [row | _versions(context, row["task"], row["challenger"]) for row, _ in found]
    comparisons = [one for _, rows in found for one in rows]
    tables = {
        name: pd.DataFrame(rows, columns=TABLES[name].column_names)
        for name, rows in (("challengers", challengers), ("promotion_comparisons", comparisons))
    }
    with project.warehouse.connect(dataset) as connection:
        replace_tables(connection, tables)
        for name, frame in tables.items():
            # How long a list took is no reason to publish again.
            lasting = frame.drop(columns="seconds_per_user", errors="ignore").convert_dtypes()
            yield dg.MaterializeResult(
                asset_key=name,
                metadata=table_metadata(connection, name) | _shown(name, frame),
                data_version=dg.DataVersion(frame_digest(lasting)),
            )


def _versions(context: dg.AssetExecutionContext, task: str, strategy: str) -> dict[str, str]:
    """Dagster's versions of what the strategy said of held-out rows."""
    key = judged_asset(task, strategy)
    made = latest_materializations(context.instance, [key], partition_of(context))[key].asset_materialization
    tags = (made.tags or {}) if made else {}
    return {"data_version": tags[DATA_VERSION_TAG], "code_version": tags[CODE_VERSION_TAG]}


def _shown(name: str, frame: pd.DataFrame) -> dict[str, Any]:
    """The decisions in words, or the gains drawn."""
    if name == "challengers":
        return {f"{task}_decision": text for task, text in zip(frame["task"], frame["reason"], strict=True)}
    return {
        f"{task}_gains": dg.MetadataValue.md(markdown_image(gains_by_segment(rows), f"gains of {task}"))
        for task, rows in frame.groupby("task")
    }
