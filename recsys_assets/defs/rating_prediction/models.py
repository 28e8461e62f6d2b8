"""Between warehouse, files and models of stars: rows into logs, models into files and back, blends of them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys_assets.algorithms.interactions import Ids, positions
from recsys_assets.algorithms.rating_prediction.ensemble import Blend
from recsys_assets.algorithms.rating_prediction.log import Days, RatingLog, RatingModel
from recsys_assets.defs.fits import Fit
from recsys_assets.defs.rating_prediction.recipes import MODELS
from recsys_assets.defs.resources import Project
from recsys_assets.storage.arrays import content_digest, load_artifact, save_artifact

__all__ = [
    "blend_of",
    "chosen_settings",
    "leave_out",
    "load_models",
    "read_log",
    "save_model",
    "user_blocks",
]

_CELLS_PER_BLOCK = 1 << 23


def read_log(
    project: Project, dataset: str, sql: str, *, item_ids: Ids, user_ids: Ids | None = None
) -> RatingLog:
    """The rows of a query for ratings, by user and movie; without ``user_ids`` its users are those of the rows."""
    rows = project.warehouse.arrays(
        dataset,
        f"select user_id, movie_id, rating, epoch(rated_at) / 86400 as day from ({sql}) "
        "order by user_id, movie_id",
    )
    users = np.unique(rows["user_id"]) if user_ids is None else user_ids
    return RatingLog(
        users,
        item_ids,
        positions(users, rows["user_id"], what="user_id").astype(np.int32),
        positions(item_ids, rows["movie_id"], what="movie_id").astype(np.int32),
        rows["rating"].astype(np.float32),
        rows["day"].astype(np.float64),
    )


def save_model(
    project: Project, dataset: str, key: dg.AssetKey, model: object, metadata: Mapping[str, Any]
) -> dg.MaterializeResult[None]:
    """Write a model's arrays where the IO manager of arrays would, and say so."""
    path = project.artifact_path(dataset, key)
    save_artifact(path, model)
    return dg.MaterializeResult(
        asset_key=key,
        metadata={
            "path": dg.MetadataValue.path(str(path)),
            "size": path.stat().st_size,
            "kind": type(model).__name__,
            **metadata,
        },
        data_version=dg.DataVersion(content_digest(model)),
    )


def leave_out(project: Project, dataset: str, key: dg.AssetKey) -> dg.MaterializeResult[None]:
    """Say that there is no such model of this data set, and remove that of an earlier run.

    It counts as made: Dagster would skip all that depends on an output that is missing.
    """
    project.artifact_path(dataset, key).unlink(missing_ok=True)
    return dg.MaterializeResult(
        asset_key=key, metadata={"left_out": "too many ratings"}, data_version=dg.DataVersion("left out")
    )


def load_models(project: Project, dataset: str, fit: Fit, names: list[str]) -> dict[str, RatingModel]:
    """The fit's models of those names."""
    return {
        name: load_artifact(project.artifact_path(dataset, fit.key(name)), MODELS[name].type)
        for name in names
    }


def chosen_settings(rating_settings: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """The settings that validation rows chose, by model."""
    rows = rating_settings[rating_settings["chosen"]]
    return {name: json.loads(text) for name, text in zip(rows["model"], rows["settings"], strict=True)}


def blend_of(
    rating_blends: pd.DataFrame, name: str, models: Mapping[str, RatingModel], log: RatingLog
) -> Blend:
    """A blend of the table of blends, over models that learned from the log."""
    rows = rating_blends[rating_blends["blend"] == name]
    weights = dict(zip(rows["model"], rows["weight"].astype(float), strict=True))
    return Blend(float(log.rating.mean(dtype=np.float64)), weights, models)


def user_blocks(
    log: RatingLog, *, max_cells: int = _CELLS_PER_BLOCK
) -> Iterator[tuple[NDArray[np.intp], Days]]:
    """All users of a log with the day of their last rating, in blocks of at most so many pairs with all items."""
    last_day = np.full(log.n_users, log.day.min())
    np.maximum.at(last_day, log.user, log.day)
    size = max(1, max_cells // log.n_items)
    for first in range(0, log.n_users, size):
        users = np.arange(first, min(first + size, log.n_users))
        yield users, last_day[users]
