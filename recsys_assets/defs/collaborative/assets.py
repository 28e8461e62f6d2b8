"""Models that know only who rated what: popularity, recent popularity, implicit ALS."""

import time

import dagster as dg
import numpy as np
import pandas as pd
from pydantic import Field

from recsys_assets.algorithms.als import fit_als, tune_als
from recsys_assets.algorithms.embeddings import Embeddings
from recsys_assets.algorithms.interactions import Interactions
from recsys_assets.algorithms.popularity import popularity, recent_popularity
from recsys_assets.algorithms.topn import similar_items
from recsys_assets.contracts import TABLES
from recsys_assets.defs.common import artifact, chosen, dataset_asset
from recsys_assets.defs.fits import FITS, LIVE, SERVED_FITS, TUNING, Fit
from recsys_assets.defs.relevance import relevant_matrix
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.topn import LikeConfig, TopNConfig, recommendations, similarity_rows
from recsys_assets.defs.versions import code_version
from recsys_assets.report import plots

CODE = code_version(__name__)
GROUP = "collaborative"


class RecencyConfig(LikeConfig):
    """How fast a like ages."""

    half_life_days: float = Field(180.0, gt=0, description="a like of this age counts half")


class AlsConfig(LikeConfig):
    """Implicit ALS (Hu, Koren & Volinsky 2008); regularization and alpha come from als_settings."""

    n_factors: int = Field(64, ge=1, le=1024, description="dimensions of a user's and a movie's vector")
    iterations: int = Field(15, ge=1, le=200, description="updates of both sides")
    seed: int = Field(0, ge=0, description="seed of the first factors")


class AlsTuningConfig(AlsConfig):
    """Which settings are tried on validation rows."""

    regularizations: list[float] = Field([3.0, 10.0, 30.0, 100.0], description="λ to try")
    alphas: list[float] = Field([1.0, 5.0, 20.0], description="confidences of a like to try")
    n_seeds: int = Field(2, ge=1, description="fits per candidate; their NDCG is averaged")
    k: int = Field(10, ge=1, description="NDCG cut-off")
    max_users: int = Field(10_000, ge=1, description="above so many users, a sample of them is tuned on")


def _popularity_scores(fit: Fit) -> dg.AssetsDefinition:
    @dataset_asset(
        name="popularity_scores",
        key_prefix=fit.name,
        group_name=GROUP,
        kinds={"numpy"},
        ins={"interactions": dg.AssetIn(fit.key("interactions"))},
        io_manager_key="arrays",
        code_version=CODE,
        description="Number of likes of each movie: the baseline that every model must beat.",
    )
    def popularity_scores(config: LikeConfig, interactions: Interactions) -> dg.MaterializeResult[Embeddings]:
        return artifact(
            popularity(
                interactions.likes(config.like_rating),
                user_ids=interactions.user_ids,
                item_ids=interactions.item_ids,
            )
        )

    return popularity_scores


def _recent_popularity_scores(fit: Fit) -> dg.AssetsDefinition:
    @dataset_asset(
        name="recent_popularity_scores",
        key_prefix=fit.name,
        group_name=GROUP,
        kinds={"numpy"},
        deps=list(fit.learns_from),
        ins={"interactions": dg.AssetIn(fit.key("interactions"))},
        io_manager_key="arrays",
        code_version=CODE,
        description="Number of likes of each movie, each weighted by its age.",
    )
    def recent_popularity_scores(
        context: dg.AssetExecutionContext, config: RecencyConfig, interactions: Interactions, project: Project
    ) -> dg.MaterializeResult[Embeddings]:
        likes = project.warehouse.arrays(
            partition_of(context),
            f"select movie_id, epoch(rated_at) as rated_at from ({fit.ratings_sql}) "
            f"where rating >= {config.like_rating}",
        )
        return artifact(
            recent_popularity(
                interactions.items(likes["movie_id"]),
                likes["rated_at"],
                user_ids=interactions.user_ids,
                item_ids=interactions.item_ids,
                half_life_days=config.half_life_days,
            )
        )

    return recent_popularity_scores


@dataset_asset(
    group_name=GROUP,
    kinds={"duckdb", "table"},
    ins={"interactions": dg.AssetIn(TUNING.key("interactions"))},
    code_version=CODE,
    description=TABLES["als_settings"].comment,
)
def als_settings(
    config: AlsTuningConfig, interactions: Interactions, validation_ratings: pd.DataFrame
) -> dg.MaterializeResult[pd.DataFrame]:
    tuning = tune_als(
        interactions.likes(config.like_rating),
        interactions.ratings,
        relevant_matrix(validation_ratings, interactions, config.like_rating),
        n_factors=config.n_factors,
        iterations=config.iterations,
        candidates=[(r, a) for r in config.regularizations for a in config.alphas],
        k=config.k,
        seeds=range(config.seed, config.seed + config.n_seeds),
        max_users=config.max_users,
    )
    best = tuning.best
    table = pd.DataFrame(
        {"regularization": tuning.regularization, "alpha": tuning.alpha, "ndcg": tuning.ndcg}
    )
    table["chosen"] = (table["regularization"] == best.regularization) & (table["alpha"] == best.alpha)
    plot = plots.tuning_grid(table[["regularization", "alpha", "ndcg"]])
    return artifact(
        table,
        {
            "regularization": best.regularization,
            "alpha": best.alpha,
            f"validation_ndcg_at_{config.k}": float(tuning.ndcg.max()),
            "grid": dg.MetadataValue.md(plots.markdown_image(plot, "validation NDCG by settings")),
        },
    )


def _als_factors(fit: Fit) -> dg.AssetsDefinition:
    @dataset_asset(
        name="als_factors",
        key_prefix=fit.name,
        group_name=GROUP,
        kinds={"numpy", "implicit"},
        ins={"interactions": dg.AssetIn(fit.key("interactions")), "als_settings": dg.AssetIn("als_settings")},
        io_manager_key="arrays",
        code_version=CODE,
        description="User and movie factors of implicit ALS on likes, with the settings that validation rows chose.",
    )
    def als_factors(
        config: AlsConfig, interactions: Interactions, als_settings: pd.DataFrame
    ) -> dg.MaterializeResult[Embeddings]:
        settings = chosen(als_settings)
        started = time.perf_counter()
        model = fit_als(
            interactions.likes(config.like_rating),
            user_ids=interactions.user_ids,
            item_ids=interactions.item_ids,
            n_factors=config.n_factors,
            regularization=float(settings["regularization"]),
            alpha=float(settings["alpha"]),
            iterations=config.iterations,
            seed=config.seed,
        )
        return artifact(
            model,
            {
                "regularization": float(settings["regularization"]),
                "alpha": float(settings["alpha"]),
                "n_factors": config.n_factors,
                "fit_seconds": time.perf_counter() - started,
                "movies_with_factors": int(np.count_nonzero(model.recommendable)),
            },
        )

    return als_factors


@dataset_asset(
    key_prefix=LIVE.name,
    group_name=GROUP,
    kinds={"duckdb", "table"},
    ins={"als_factors": dg.AssetIn(LIVE.key("als_factors"))},
    code_version=CODE,
    description=TABLES["als_similar_movies"].comment,
)
def als_similar_movies(config: TopNConfig, als_factors: Embeddings) -> dg.MaterializeResult[pd.DataFrame]:
    lists = similar_items(als_factors.item_vectors, n=config.n, eligible=als_factors.recommendable)
    return artifact(similarity_rows(lists, als_factors.item_ids))


factors = [_als_factors(fit) for fit in FITS]
baselines = [build(fit) for fit in SERVED_FITS for build in (_popularity_scores, _recent_popularity_scores)]
lists = [
    recommendations(fit, strategy, model, group=GROUP)
    for fit in SERVED_FITS
    for strategy, model in (
        ("popularity", "popularity_scores"),
        ("recent_popularity", "recent_popularity_scores"),
        ("als", "als_factors"),
    )
]
