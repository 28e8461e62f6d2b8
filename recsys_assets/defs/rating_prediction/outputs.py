"""What people are shown: top-N by predicted stars, similar movies from factors, answers for those without history."""

import dagster as dg
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from recsys_assets.algorithms.rating_prediction.factorization_machine import SideFeatures
from recsys_assets.algorithms.rating_prediction.latent_factors import LatentFactors
from recsys_assets.algorithms.rating_prediction.lists import default_ratings as expected_stars
from recsys_assets.algorithms.rating_prediction.lists import top_rated
from recsys_assets.algorithms.rating_prediction.log import RatingLog, Stars
from recsys_assets.algorithms.topn import similar_items
from recsys_assets.contracts import TABLES
from recsys_assets.defs.common import artifact, dataset_asset
from recsys_assets.defs.fits import LIVE
from recsys_assets.defs.rating_prediction.models import blend_of, load_models, user_blocks
from recsys_assets.defs.rating_prediction.recipes import MODELS
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.topn import TopNConfig, list_rows, similarity_rows
from recsys_assets.defs.versions import code_version
from recsys_assets.storage.arrays import load_artifact

CODE = code_version(__name__)
GROUP = "rating_prediction"


class PredictedTopConfig(TopNConfig):
    """Whom predicted stars are for, and what they are called."""

    personal_from: int = Field(5, ge=0, description="with fewer ratings a user gets the cold-start list")
    high_from: float = Field(4.0, ge=0.5, le=5, description="from so many predicted stars confidence is high")


class DefaultRatingsConfig(dg.Config):
    """How much a movie's genres count beside its ratings."""

    damping: float = Field(10.0, gt=0, description="ratings' worth of what a movie's genres say")


@dataset_asset(
    key_prefix=LIVE.name,
    group_name=GROUP,
    kinds={"duckdb", "table"},
    deps=[LIVE.key("svdpp")],
    ins={"rating_log": dg.AssetIn(LIVE.key("rating_log"))},
    code_version=CODE,
    description=TABLES["svdpp_similar_movies"].comment,
)
def svdpp_similar_movies(
    context: dg.AssetExecutionContext, config: TopNConfig, rating_log: RatingLog, project: Project
) -> dg.MaterializeResult[pd.DataFrame]:
    path = project.artifact_path(partition_of(context), LIVE.key("svdpp"))
    factors = load_artifact(path, LatentFactors).item_factors
    rated = np.bincount(rating_log.item, minlength=rating_log.n_items) > 0
    lists = similar_items(factors, n=config.n, eligible=rated)
    return artifact(similarity_rows(lists, rating_log.item_ids))


@dataset_asset(
    group_name=GROUP,
    kinds={"duckdb", "table"},
    ins={"rating_log": dg.AssetIn(LIVE.key("rating_log"))},
    code_version=CODE,
    description=TABLES["default_ratings"].comment,
)
def default_ratings(
    config: DefaultRatingsConfig, rating_log: RatingLog, side_features: SideFeatures
) -> dg.MaterializeResult[pd.DataFrame]:
    n_ratings = np.bincount(rating_log.item, minlength=rating_log.n_items)
    stars = expected_stars(rating_log, side_features.items, damping=config.damping)
    return artifact(
        pd.DataFrame(
            {
                "movie_id": rating_log.item_ids,
                "n_ratings": n_ratings,
                "predicted_rating": stars.clip(*rating_log.scale),
                "source": np.where(n_ratings > 0, "ratings", "genres"),
            }
        )
    )


@dataset_asset(
    group_name=GROUP,
    kinds={"duckdb", "table"},
    deps=[LIVE.key(name) for name in MODELS],
    ins={
        "rating_log": dg.AssetIn(LIVE.key("rating_log")),
        "cold_start": dg.AssetIn(LIVE.key("cold_start")),
    },
    code_version=CODE,
    description=TABLES["predicted_ratings_top"].comment,
)
def predicted_ratings_top(
    context: dg.AssetExecutionContext,
    config: PredictedTopConfig,
    rating_log: RatingLog,
    rating_blends: pd.DataFrame,
    rating_errors: pd.DataFrame,
    cold_start: pd.DataFrame,
    default_ratings: pd.DataFrame,
    project: Project,
) -> dg.MaterializeResult[pd.DataFrame]:
    weights = rating_blends[(rating_blends["blend"] == "blend") & (rating_blends["weight"] > 0)]
    models = load_models(project, partition_of(context), LIVE, weights["model"].tolist())
    blend = blend_of(rating_blends, "blend", models, rating_log)
    n_given = np.bincount(rating_log.user, minlength=rating_log.n_users)
    rated = rating_log.matrix()
    personal = pd.concat(
        list_rows(
            top_rated(blend.predict_all(users, day), rated[users], n=config.n),
            user_ids=rating_log.user_ids[users],
            item_ids=rating_log.item_ids,
        )
        for users, day in user_blocks(rating_log)
    )
    known = np.isin(personal["user_id"], rating_log.user_ids[n_given >= config.personal_from])
    newcomers = _cold_rows(
        rating_log, np.flatnonzero(n_given < config.personal_from), cold_start, default_ratings
    )
    table = pd.concat(
        [personal[known].assign(source="personal"), newcomers.assign(source="cold_start")],
        ignore_index=True,
    )
    table["predicted_rating"] = table.pop("score").clip(*rating_log.scale)
    table["confidence"] = np.where(table["predicted_rating"] >= config.high_from, "high", "medium")
    table["expected_error"] = _expected_error(rating_log, rating_errors, table["movie_id"].to_numpy())
    n_cold = int(np.count_nonzero(n_given < config.personal_from))
    return artifact(table, {"users_with_cold_start_list": n_cold, "models_in_the_blend": len(models)})


def _cold_rows(
    log: RatingLog, users: NDArray[np.integer], cold_start: pd.DataFrame, default_ratings: pd.DataFrame
) -> pd.DataFrame:
    """The cold-start list for each of these users, without what they have rated, with default stars."""
    expected = cold_start.merge(default_ratings[["movie_id", "predicted_rating"]], on="movie_id")
    rows = pd.DataFrame({"user_id": log.user_ids[users]}).merge(expected, how="cross")
    mine = np.isin(log.user, users)
    seen = pd.MultiIndex.from_arrays([log.user_ids[log.user[mine]], log.item_ids[log.item[mine]]])
    rows = rows[~pd.MultiIndex.from_frame(rows[["user_id", "movie_id"]]).isin(seen)]
    rows = rows.sort_values(["user_id", "rank"])
    rows["rank"] = rows.groupby("user_id").cumcount() + 1
    return rows.rename(columns={"predicted_rating": "score"})[["user_id", "rank", "movie_id", "score"]]


def _expected_error(log: RatingLog, rating_errors: pd.DataFrame, movie_id: NDArray[np.int64]) -> Stars:
    """RMSE on validation rows of movies rated about as often; of the nearest class that has any."""
    n_ratings = np.bincount(log.item, minlength=log.n_items)
    activity = n_ratings[np.searchsorted(log.item_ids, movie_id)]
    classes = rating_errors.sort_values("min_ratings")
    place = np.searchsorted(classes["min_ratings"], activity, side="right") - 1
    errors: Stars = classes["rmse"].to_numpy(dtype=np.float32)[place.clip(0)]
    return errors
