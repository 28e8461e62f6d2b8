"""Which variant of a list users do more with: exposures and feedback that the server has recorded, compared."""

import itertools
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field

from recsys_assets.algorithms.ab_testing import difference_of_means
from recsys_assets.contracts import TABLES
from recsys_assets.defs.common import dataset_asset
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.topn import LikeConfig
from recsys_assets.defs.versions import code_version
from recsys_assets.report.style import markdown_table
from recsys_assets.storage.feedback import FeedbackLog

METRICS = {"engaged_share": "engaged", "events_per_user": "n_events"}


class ExperimentsConfig(LikeConfig):
    """How sure a difference is to be."""

    n_resamples: int = Field(2000, ge=1, description="bootstrap resamples of each variant's users")
    confidence: float = Field(0.95, gt=0, lt=1, description="of the intervals")
    seed: int = Field(0, ge=0, description="seed of the resamples")


@dataset_asset(
    group_name="experiments",
    kinds={"duckdb", "table"},
    deps=["movies"],
    code_version=code_version(__name__),
    description=TABLES["experiments"].comment,
)
def experiments(
    context: dg.AssetExecutionContext, config: ExperimentsConfig, project: Project
) -> dg.MaterializeResult[pd.DataFrame]:
    log = FeedbackLog(project.folder, partition_of(context))
    version = log.state()
    outcomes = log.outcomes(like_rating=config.like_rating)
    table = pd.DataFrame(_rows(outcomes, config), columns=TABLES["experiments"].column_names)
    return dg.MaterializeResult(
        value=table,
        data_version=dg.DataVersion(version),
        metadata={
            "users_exposed": len(outcomes),
            "results": dg.MetadataValue.md(
                markdown_table(table, formats={}) if len(table) else "no experiment yet"
            ),
        },
    )


def _rows(outcomes: pd.DataFrame, config: ExperimentsConfig) -> Iterator[tuple[Any, ...]]:
    for experiment, users in outcomes.groupby("experiment"):
        groups = {str(variant): group for variant, group in users.groupby("variant")}
        for baseline, variant in itertools.combinations(sorted(groups), 2):
            for metric, column in METRICS.items():
                values, base = (
                    groups[name][column].to_numpy(dtype="float64") for name in (variant, baseline)
                )
                found = difference_of_means(
                    values,
                    base,
                    n_resamples=config.n_resamples,
                    confidence=config.confidence,
                    seed=config.seed,
                )
                means = float(values.mean()), float(base.mean())
                ends = found.value, found.low, found.high
                yield experiment, variant, baseline, metric, len(values), len(base), *means, *ends
