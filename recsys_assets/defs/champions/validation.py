"""The challengers: which strategy of each task validation rows find best. Test rows have no say in it."""

import dagster as dg
import numpy as np
import pandas as pd
from pydantic import Field

from recsys_assets.algorithms.embeddings import Embeddings
from recsys_assets.algorithms.hybrid import blend
from recsys_assets.algorithms.interactions import Interactions
from recsys_assets.algorithms.popularity import popularity, recent_popularity
from recsys_assets.algorithms.promotion import validation_ndcg
from recsys_assets.algorithms.sampling import sample_users
from recsys_assets.contracts import TABLES
from recsys_assets.defs.champions.tasks import TASKS, K
from recsys_assets.defs.classification.rows import STRENGTH, WEIGHT
from recsys_assets.defs.collaborative.assets import RecencyConfig
from recsys_assets.defs.common import artifact, chosen, dataset_asset
from recsys_assets.defs.fits import TUNING
from recsys_assets.defs.relevance import relevant_matrix
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.versions import code_version

CODE = code_version(__name__)
GROUP = "champions"


class ValidationConfig(RecencyConfig):
    """How strategies are compared on validation rows."""

    max_users: int = Field(20_000, ge=1, description="above so many users, a sample of them decides")
    seed: int = Field(0, ge=0, description="seed of that sample")


@dataset_asset(
    group_name=GROUP,
    kinds={"duckdb", "table"},
    deps=["train_ratings"],
    ins={
        "als_factors": dg.AssetIn(TUNING.key("als_factors")),
        "content_profiles": dg.AssetIn(TUNING.key("content_profiles")),
        "interactions": dg.AssetIn(TUNING.key("interactions")),
    },
    code_version=CODE,
    description=TABLES["validation_scores"].comment,
)
def validation_scores(
    context: dg.AssetExecutionContext,
    config: ValidationConfig,
    als_factors: Embeddings,
    content_profiles: Embeddings,
    interactions: Interactions,
    hybrid_weights: pd.DataFrame,
    rating_settings: pd.DataFrame,
    rating_errors: pd.DataFrame,
    like_settings: pd.DataFrame,
    like_blend: pd.DataFrame,
    validation_ratings: pd.DataFrame,
    project: Project,
) -> dg.MaterializeResult[pd.DataFrame]:
    users = sample_users(interactions.n_users, size=config.max_users, seed=config.seed)
    weights = chosen(hybrid_weights)
    models = {
        **_baselines(project, partition_of(context), interactions, config),
        "als": als_factors,
        "content": content_profiles,
        "hybrid": blend(
            als_factors, content_profiles, alpha=float(weights["alpha"]), beta=float(weights["beta"])
        ),
    }
    scores = {
        "ranking": validation_ndcg(
            {name: model.of_users(users) for name, model in models.items()},
            interactions.ratings[users],
            relevant_matrix(validation_ratings, interactions, config.like_rating)[users],
            k=K,
        ),
        "rating": _errors_of_stars(rating_settings, rating_errors),
        "like": _losses_of_likes(like_settings, like_blend),
    }
    table = pd.concat([_rows(task, found) for task, found in scores.items()], ignore_index=True)
    best = table[table["challenger"]]
    return artifact(table, dict(zip(best["task"], best["strategy"], strict=True)))


def _baselines(
    project: Project, dataset: str, interactions: Interactions, config: ValidationConfig
) -> dict[str, Embeddings]:
    ids = {"user_ids": interactions.user_ids, "item_ids": interactions.item_ids}
    likes = project.warehouse.arrays(
        dataset,
        f"select movie_id, epoch(rated_at) as rated_at from ({TUNING.ratings_sql}) "
        f"where rating >= {config.like_rating}",
    )
    return {
        "popularity": popularity(interactions.likes(config.like_rating), **ids),
        "recent_popularity": recent_popularity(
            interactions.items(likes["movie_id"]),
            likes["rated_at"],
            **ids,
            half_life_days=config.half_life_days,
        ),
    }


def _errors_of_stars(rating_settings: pd.DataFrame, rating_errors: pd.DataFrame) -> dict[str, float]:
    """RMSE of each model with its chosen settings, and of the blend.

    The two hybrids of two models are nested in the blend, whose weights the same rows chose: there they can't win.
    """
    models = rating_settings[rating_settings["chosen"]]
    squared = np.average(np.square(rating_errors["rmse"]), weights=rating_errors["n"])
    return dict(zip(models["model"], models["rmse"].astype(float), strict=True)) | {
        "blend": float(np.sqrt(squared))
    }


def _losses_of_likes(like_settings: pd.DataFrame, like_blend: pd.DataFrame) -> dict[str, float]:
    """Log loss of each calibrated model, of their ensemble, and of its boost. Baselines are no challengers."""
    losses = like_blend[like_blend["chosen"]].set_index("parameter")["log_loss"].astype(float)
    return dict(zip(like_settings["model"], like_settings["log_loss"].astype(float), strict=True)) | {
        "ensemble": float(losses[WEIGHT]),
        "cluster_hybrid": float(losses[STRENGTH]),
    }


def _rows(task: str, found: dict[str, float]) -> pd.DataFrame:
    """A task's rows of the table, the best marked; of equally good ones the first by name."""
    table = pd.DataFrame(sorted(found.items()), columns=["strategy", "value"])
    ranked = table["value"] if TASKS[task].scale.lower_is_better else -table["value"]
    challenger = table.index == ranked.idxmin() if ranked.notna().any() else False
    return table.assign(task=task, metric=TASKS[task].metric, challenger=challenger)
