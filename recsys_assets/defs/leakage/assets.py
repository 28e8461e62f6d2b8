"""Whether any model has seen the rows that judge it: looked for in every family, told in a table."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from recsys_assets.algorithms.content import ContentVectors
from recsys_assets.algorithms.interactions import Interactions
from recsys_assets.algorithms.leakage import rows_of_users
from recsys_assets.algorithms.rating_prediction.factorization_machine import SideFeatures
from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.contracts import TABLES
from recsys_assets.defs.classification.assets import LikeFeatures
from recsys_assets.defs.classification.builders import LikeFeaturesConfig, knowledge_of
from recsys_assets.defs.common import artifact, dataset_asset
from recsys_assets.defs.fits import TRIAL, TUNING, Fit
from recsys_assets.defs.leakage.config import LeakageConfig
from recsys_assets.defs.leakage.families import FAMILIES, read_choices
from recsys_assets.defs.leakage.findings import Finding, finding_rows
from recsys_assets.defs.leakage.order import learned_in_order, looks_back, upstream
from recsys_assets.defs.leakage.recomputed import BIASES, Look, recomputed
from recsys_assets.defs.leakage.recount import Recount
from recsys_assets.defs.leakage.settings import Settings
from recsys_assets.defs.leakage.trials import given, scrambled, shuffled
from recsys_assets.defs.leakage.worlds import (
    PARTS,
    Inputs,
    judged_rows,
    may_learn,
    read_inputs,
    scrambled_world,
    stored,
)
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.versions import code_version
from recsys_assets.report.leakage import leakage_markdown

JUDGED_FITS = (TUNING, TRIAL)
ARTIFACTS = (
    "interactions",
    "rating_log",
    "als_factors",
    "content_vectors",
    "content_profiles",
    "like_features",
    "genre_clusters",
)
OF_TRIAL = ("popularity_scores", "recent_popularity_scores", "hybrid_factors", "cold_start", *BIASES)
SETTINGS = ("als_settings", "hybrid_weights", "rating_settings", "rating_blends", "cluster_evidence")


@dataset_asset(
    group_name="leakage",
    kinds={"duckdb", "table"},
    deps=[
        *PARTS,
        *("ratings", "movies", "users", "tags", "catalogue_movies"),
        *("side_features", "genome_features", "catalogue_features"),
        *SETTINGS,
        *(fit.key(name) for fit in JUDGED_FITS for name in ARTIFACTS),
        *(TRIAL.key(name) for name in OF_TRIAL),
    ],
    code_version=code_version(__name__, "recsys_assets.report.leakage"),
    description=TABLES["leakage"].comment,
)
def leakage(
    context: dg.AssetExecutionContext, config: LeakageConfig, project: Project
) -> dg.MaterializeResult[pd.DataFrame]:
    found = list(look_for_leaks(context.instance, project, partition_of(context), config))
    table = finding_rows(found)
    judged = table.dropna(subset=["measured", "bound"])
    return artifact(
        table,
        {
            "checks": len(judged),
            "failed": int((~table["passed"]).sum()),
            "findings": dg.MetadataValue.md(leakage_markdown(table)),
        },
    )


def look_for_leaks(
    instance: dg.DagsterInstance, project: Project, dataset: str, config: LeakageConfig
) -> Iterator[Finding]:
    """All findings of a data set: what the graph says, then fit by fit what its artifacts and quick fits say."""
    yield from upstream(JUDGED_FITS)
    settings = Settings(instance, dataset)
    for fit in JUDGED_FITS:
        with scrambled_world(project, dataset, fit) as world:
            yield from look_at_fit(settings, project, world, dataset, fit, config)


def look_at_fit(
    settings: Settings, project: Project, world: Project, dataset: str, fit: Fit, config: LeakageConfig
) -> Iterator[Finding]:
    """What a fit's artifacts hold, and what its families learn here and in the world with held-out rows scrambled."""
    log = stored(project, dataset, fit.key("rating_log"), RatingLog)
    matrix = stored(project, dataset, fit.key("interactions"), Interactions)
    with project.warehouse.connect(dataset) as connection:
        yield from learned_in_order(connection, fit, matrix, log)
        rows = Recount(
            connection, " union all ".join(f"from {part}" for part in may_learn(fit)), config.like_rating
        )
        yield from recomputed(Look(project, dataset, fit, rows, settings, config.recomputed_max), world)
    here = Inputs(
        log,
        knowledge_of(project, dataset, log),
        stored(project, dataset, dg.AssetKey("side_features"), SideFeatures),
        stored(project, dataset, fit.key("content_vectors"), ContentVectors),
    )
    there = read_inputs(world, dataset, fit, over=log, side=here.side, content=here.content)
    judged = judged_rows(project, dataset, fit, log)
    how = settings.of(fit.key("like_features"), LikeFeaturesConfig)
    values = stored(project, dataset, fit.key("like_features"), LikeFeatures).values
    yield from looks_back(
        fit, log, judged, here.knowledge, values, like=how.like_rating, smoothing=how.smoothing
    )
    yield from given(fit, matrix, here, there)
    if fit == TUNING:
        # Rows that judge the trial are test rows: quick fits are judged on validation rows alone.
        yield from _trials(project, dataset, fit, here, there, judged, config)


def _trials(
    project: Project,
    dataset: str,
    fit: Fit,
    here: Inputs,
    there: Inputs,
    judged: RatingLog,
    config: LeakageConfig,
) -> Iterator[Finding]:
    choices = read_choices(project, dataset, like=config.like_rating)
    users = rows_of_users(here.log, max_rows=config.max_rows, seed=config.seed)
    here, there, judged = here.of_users(users), there.of_users(users), judged.rows(users[judged.user])
    for family in FAMILIES.values():
        yield from shuffled(family, fit, here, judged, choices, config)
        yield scrambled(family, fit, here, there, judged, choices)
