"""Collaborative and content scores blended, with weights that validation rows chose; and those without history."""

import dagster as dg
import numpy as np
import pandas as pd
from pydantic import Field

from recsys_assets.algorithms.cold_start import cold_start_list, serve_cold_users
from recsys_assets.algorithms.embeddings import Embeddings
from recsys_assets.algorithms.hybrid import blend, fit_weights
from recsys_assets.algorithms.interactions import Interactions
from recsys_assets.algorithms.sampling import sample_users
from recsys_assets.algorithms.topn import recommend
from recsys_assets.contracts import TABLES
from recsys_assets.defs.common import artifact, chosen, dataset_asset
from recsys_assets.defs.fits import SERVED_FITS, TUNING, Fit
from recsys_assets.defs.genres import genre_membership
from recsys_assets.defs.relevance import relevant_matrix
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.topn import LikeConfig, TopNConfig, list_rows
from recsys_assets.defs.versions import code_version
from recsys_assets.report import plots

CODE = code_version(__name__)
GROUP = "hybrid"


class HybridWeightsConfig(LikeConfig):
    """Which weights are tried on validation rows."""

    n_alphas: int = Field(
        21, ge=2, description="weights of the collaborative score to try, evenly from 0 to 1"
    )
    min_beta: float = Field(
        0.05, ge=0, le=1, description="least weight of content: it alone knows new movies"
    )
    k: int = Field(10, ge=1, description="NDCG cut-off")
    max_users: int = Field(20_000, ge=1, description="above so many users, a sample of them decides")
    seed: int = Field(0, ge=0, description="seed of that sample")


class ColdStartConfig(TopNConfig):
    """Which movies are popular and good."""

    min_ratings: int = Field(50, ge=1, description="popular = at least so many ratings")
    min_mean: float = Field(3.5, ge=0.5, le=5, description="good = a mean of at least so many stars")


@dataset_asset(
    group_name=GROUP,
    kinds={"duckdb", "table"},
    ins={
        "als_factors": dg.AssetIn(TUNING.key("als_factors")),
        "content_profiles": dg.AssetIn(TUNING.key("content_profiles")),
        "interactions": dg.AssetIn(TUNING.key("interactions")),
    },
    code_version=CODE,
    description=TABLES["hybrid_weights"].comment,
)
def hybrid_weights(
    config: HybridWeightsConfig,
    als_factors: Embeddings,
    content_profiles: Embeddings,
    interactions: Interactions,
    validation_ratings: pd.DataFrame,
) -> dg.MaterializeResult[pd.DataFrame]:
    users = sample_users(interactions.n_users, size=config.max_users, seed=config.seed)
    weights = fit_weights(
        als_factors.of_users(users),
        content_profiles.of_users(users),
        interactions.ratings[users],
        relevant_matrix(validation_ratings, interactions, config.like_rating)[users],
        alphas=np.linspace(0, 1, config.n_alphas).tolist(),
        min_beta=config.min_beta,
        k=config.k,
    )
    table = pd.DataFrame({"alpha": weights.candidate_alpha, "ndcg": weights.candidate_ndcg})
    table["beta"] = 1 - table["alpha"]
    table["chosen"] = table["alpha"] == weights.alpha
    plot = plots.hybrid_weights(table["alpha"], table["ndcg"])
    return artifact(
        table,
        {
            "alpha": weights.alpha,
            "beta": weights.beta,
            "weights": dg.MetadataValue.md(plots.markdown_image(plot, "validation NDCG by weight")),
        },
    )


def _hybrid_factors(fit: Fit) -> dg.AssetsDefinition:
    @dataset_asset(
        name="hybrid_factors",
        key_prefix=fit.name,
        group_name=GROUP,
        kinds={"numpy"},
        ins={
            "als_factors": dg.AssetIn(fit.key("als_factors")),
            "content_profiles": dg.AssetIn(fit.key("content_profiles")),
            "hybrid_weights": dg.AssetIn("hybrid_weights"),
        },
        io_manager_key="arrays",
        code_version=CODE,
        description="Both models side by side, standardised per user and weighted: their inner product is the score.",
    )
    def hybrid_factors(
        als_factors: Embeddings, content_profiles: Embeddings, hybrid_weights: pd.DataFrame
    ) -> dg.MaterializeResult[Embeddings]:
        weights = chosen(hybrid_weights)
        return artifact(
            blend(als_factors, content_profiles, alpha=float(weights["alpha"]), beta=float(weights["beta"])),
            {"alpha": float(weights["alpha"]), "beta": float(weights["beta"])},
        )

    return hybrid_factors


def _cold_start(fit: Fit) -> dg.AssetsDefinition:
    @dataset_asset(
        name="cold_start",
        key_prefix=fit.name,
        group_name=GROUP,
        kinds={"duckdb", "table"},
        deps=["movies"],
        ins={"interactions": dg.AssetIn(fit.key("interactions"))},
        code_version=CODE,
        description=TABLES["cold_start"].comment,
    )
    def cold_start(
        context: dg.AssetExecutionContext,
        config: ColdStartConfig,
        interactions: Interactions,
        project: Project,
    ) -> dg.MaterializeResult[pd.DataFrame]:
        n_ratings, mean_rating = interactions.item_activity()
        items = cold_start_list(
            n_ratings,
            mean_rating,
            genre_membership(project.warehouse, partition_of(context)),
            min_ratings=config.min_ratings,
            min_mean=config.min_mean,
            n=config.n,
        )
        table = pd.DataFrame(
            {
                "rank": np.arange(1, items.size + 1),
                "movie_id": interactions.item_ids[items],
                "n_ratings": n_ratings[items],
                "mean_rating": mean_rating[items],
            }
        )
        return artifact(table)

    return cold_start


def _hybrid_recommendations(fit: Fit) -> dg.AssetsDefinition:
    @dataset_asset(
        name="hybrid_recommendations",
        key_prefix=fit.name,
        group_name=GROUP,
        kinds={"duckdb", "table"},
        ins={
            "hybrid_factors": dg.AssetIn(fit.key("hybrid_factors")),
            "interactions": dg.AssetIn(fit.key("interactions")),
            "cold_start": dg.AssetIn(fit.key("cold_start")),
        },
        code_version=CODE,
        description=TABLES["hybrid_recommendations"].comment
        + " Users of whom no model knows anything get the cold-start list, with score 0.",
    )
    def hybrid_recommendations(
        config: TopNConfig, hybrid_factors: Embeddings, interactions: Interactions, cold_start: pd.DataFrame
    ) -> dg.MaterializeResult[pd.DataFrame]:
        lists = serve_cold_users(
            recommend(hybrid_factors, interactions.ratings, n=config.n),
            interactions.items(cold_start.sort_values("rank")["movie_id"]),
            seen=interactions.ratings,
        )
        return artifact(list_rows(lists, user_ids=interactions.user_ids, item_ids=interactions.item_ids))

    return hybrid_recommendations


assets = [
    build(fit) for fit in SERVED_FITS for build in (_hybrid_factors, _cold_start, _hybrid_recommendations)
]
