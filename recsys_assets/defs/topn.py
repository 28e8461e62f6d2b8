"""From a model of the graph to its lists: the contract in which every recommender ends."""

import dagster as dg
import numpy as np
import pandas as pd
from pydantic import Field

from recsys_assets.algorithms.embeddings import Embeddings
from recsys_assets.algorithms.interactions import Ids, Interactions
from recsys_assets.algorithms.topn import NO_ITEM, Lists, recommend
from recsys_assets.contracts import TABLES
from recsys_assets.defs.common import artifact, dataset_asset
from recsys_assets.defs.fits import Fit
from recsys_assets.defs.versions import code_version

__all__ = ["LikeConfig", "TopNConfig", "list_rows", "recommendations", "similarity_rows"]


class LikeConfig(dg.Config):
    """What counts as a like."""

    like_rating: float = Field(4.0, ge=0.5, le=5, description="a rating of at least so many stars is a like")


class TopNConfig(dg.Config):
    """How long lists are."""

    n: int = Field(20, ge=1, le=1000, description="length of each list")


def list_rows(lists: Lists, *, user_ids: Ids, item_ids: Ids) -> pd.DataFrame:
    """Lists as rows (user_id, rank, movie_id, score); empty places are left out."""
    items, scores = lists
    user, place = np.nonzero(items != NO_ITEM)
    return pd.DataFrame(
        {
            "user_id": user_ids[user],
            "rank": place + 1,
            "movie_id": item_ids[items[user, place]],
            "score": scores[user, place],
        }
    )


def similarity_rows(lists: Lists, item_ids: Ids) -> pd.DataFrame:
    """Neighbours as rows (movie_id, rank, similar_movie_id, similarity)."""
    rows = list_rows(lists, user_ids=item_ids, item_ids=item_ids)
    rows.columns = pd.Index(["movie_id", "rank", "similar_movie_id", "similarity"])
    return rows


def recommendations(fit: Fit, strategy: str, model: str, *, group: str) -> dg.AssetsDefinition:
    """The asset ``<fit>/<strategy>_recommendations``: the top-N of the embeddings in ``<fit>/<model>``."""

    @dataset_asset(
        name=f"{strategy}_recommendations",
        key_prefix=fit.name,
        group_name=group,
        kinds={"duckdb", "table"},
        ins={"model": dg.AssetIn(fit.key(model)), "interactions": dg.AssetIn(fit.key("interactions"))},
        code_version=code_version(__name__),
        description=TABLES[f"{strategy}_recommendations"].comment,
    )
    def top_n(
        config: TopNConfig, model: Embeddings, interactions: Interactions
    ) -> dg.MaterializeResult[pd.DataFrame]:
        lists = recommend(model, interactions.ratings, n=config.n)
        return artifact(list_rows(lists, user_ids=model.user_ids, item_ids=model.item_ids))

    return top_n
