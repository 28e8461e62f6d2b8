"""Why movies are recommended: what each movie that a user liked adds to the scores of the user's list."""

import dagster as dg
import pandas as pd
from pydantic import Field

from recsys_assets.algorithms.embeddings import Embeddings
from recsys_assets.algorithms.explanation import EXPLAINED, ListModels, explain_lists, list_models
from recsys_assets.algorithms.interactions import Interactions
from recsys_assets.algorithms.sampling import sample_users
from recsys_assets.contracts import TABLES
from recsys_assets.defs.common import chosen, dataset_asset
from recsys_assets.defs.fits import LIVE
from recsys_assets.defs.resources import Project, partition_of, table_metadata
from recsys_assets.defs.topn import LikeConfig
from recsys_assets.defs.versions import code_version
from recsys_assets.storage.arrays import load_artifact
from recsys_assets.storage.warehouse import Select, replace_tables, table_digest

__all__ = ["MODELS", "MODEL_KEYS", "explanations", "load_list_models"]

MODELS = {"als": "als_factors", "content": "content_profiles", "hybrid": "hybrid_factors"}
MODEL_KEYS = [
    *(LIVE.key(name) for name in MODELS.values()),
    LIVE.key("interactions"),
    dg.AssetKey("als_settings"),
    dg.AssetKey("hybrid_weights"),
]
"""What scores are split with."""


class ExplanationsConfig(LikeConfig):
    """How much of the lists is explained, and how finely."""

    n: int = Field(10, ge=1, le=1000, description="places of each list")
    n_parts: int = Field(
        5, ge=1, description="liked movies with a row of their own; all others have one together"
    )
    max_users: int = Field(
        20_000,
        ge=1,
        description="above so many users, only a sample's lists are; the command explains the others'",
    )
    seed: int = Field(0, ge=0, description="seed of that sample")


@dataset_asset(
    group_name="publish",
    kinds={"duckdb", "table"},
    deps=[*MODEL_KEYS, "recommendations", "ratings"],
    code_version=code_version(__name__),
    description=TABLES["explanations"].comment,
)
def explanations(
    context: dg.AssetExecutionContext, config: ExplanationsConfig, project: Project
) -> dg.MaterializeResult[None]:
    dataset = partition_of(context)
    models, _ = load_list_models(project, dataset, like_rating=config.like_rating)
    users = sample_users(models.user_ids.size, size=config.max_users, seed=config.seed)
    listed = project.warehouse.frame(
        dataset,
        "select strategy, user_id, movie_id from recommendations "
        f"where rank <= {config.n} and strategy in {EXPLAINED} order by strategy, user_id, rank",
    )
    listed = listed[listed["user_id"].isin(models.user_ids[users])]
    parts = pd.concat(
        [
            _parts(models, strategy, listed[listed["strategy"] == strategy], config.n_parts)
            for strategy in EXPLAINED
        ],
        ignore_index=True,
    )
    with project.warehouse.connect(dataset) as connection:
        connection.register("parts", parts)
        rows = Select(
            "select p.*, r.rating as because_rating, r.rated_at as because_rated_at from parts as p "
            "left join ratings as r on r.user_id = p.user_id and r.movie_id = p.because_movie_id "
            "order by p.strategy, p.user_id, p.place, p.part_rank"
        )
        replace_tables(connection, {"explanations": Select(f"select * exclude (place) from ({rows.sql})")})
        return dg.MaterializeResult(
            metadata=table_metadata(connection, "explanations") | {"explained_pairs": len(listed)},
            data_version=dg.DataVersion(table_digest(connection, "explanations")),
        )


def _parts(models: ListModels, strategy: str, pairs: pd.DataFrame, n_parts: int) -> pd.DataFrame:
    rows = explain_lists(
        models,
        strategy,
        models.user_ids.searchsorted(pairs["user_id"].to_numpy()),
        models.item_ids.searchsorted(pairs["movie_id"].to_numpy()),
        n_parts=n_parts,
    )
    explained = pairs.iloc[rows.pair]
    because = pd.Series(models.item_ids[rows.because], dtype="Int64")
    return pd.DataFrame(
        {
            "strategy": strategy,
            "user_id": explained["user_id"].to_numpy(),
            "movie_id": explained["movie_id"].to_numpy(),
            "place": rows.pair,
            "part_rank": rows.part_rank,
            "because_movie_id": because.mask(rows.because < 0),
            "part": rows.part,
            "n_ratings": rows.n_likes,
        }
    )


def load_list_models(
    project: Project, dataset: str, *, like_rating: float
) -> tuple[ListModels, dict[str, Embeddings]]:
    """The live models whose scores are sums over likes, as what they are made of and as what ranks."""
    scorers = {
        strategy: load_artifact(project.artifact_path(dataset, LIVE.key(name)), Embeddings)
        for strategy, name in MODELS.items()
    }
    settings = chosen(project.warehouse.frame(dataset, "from als_settings"))
    weights = chosen(project.warehouse.frame(dataset, "from hybrid_weights"))
    models = list_models(
        load_artifact(project.artifact_path(dataset, LIVE.key("interactions")), Interactions),
        **scorers,
        regularization=float(settings["regularization"]),
        alpha=float(settings["alpha"]),
        als_weight=float(weights["alpha"]),
        content_weight=float(weights["beta"]),
        min_rating=like_rating,
    )
    return models, scorers
