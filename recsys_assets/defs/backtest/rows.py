"""A data set's history out of its tables, and a window's facts into a row of one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from recsys_assets.algorithms.als import AlsSettings
from recsys_assets.algorithms.backtesting.history import Catalogue, History, Ratings, Tags
from recsys_assets.algorithms.backtesting.windows import Window, WindowFacts
from recsys_assets.contracts import BACKTEST_TABLES
from recsys_assets.storage.warehouse import Warehouse, table_digest

__all__ = ["read_history", "window_row", "windows_version"]


def read_history(warehouse: Warehouse, dataset: str) -> History:
    """All ratings, tags and movies with their times.

    The tag genome and the catalogue of metadata are left out: they are of one late moment, and know what came after
    each earlier one.
    """
    with warehouse.connect(dataset) as connection:
        ratings = connection.execute(
            "select user_id, movie_id, rating, epoch_us(rated_at) as moment from ratings order by user_id, movie_id"
        ).fetchnumpy()
        tags = connection.execute(
            "select user_id, movie_id, tag, epoch_us(tagged_at) as moment from tags "
            "order by movie_id, user_id, tag"
        ).fetchnumpy()
        movies = connection.execute("select movie_id, title, genres, year from movies order by movie_id").df()
    return History(
        Ratings(
            np.asarray(ratings["user_id"]),
            np.asarray(ratings["movie_id"]),
            np.asarray(ratings["rating"], dtype=np.float32),
            np.asarray(ratings["moment"]),
        ),
        Tags(
            np.asarray(tags["user_id"]),
            np.asarray(tags["movie_id"]),
            np.asarray(tags["tag"], dtype=np.object_),
            np.asarray(tags["moment"]),
        ),
        Catalogue(
            movies["movie_id"].to_numpy(),
            movies["title"].tolist(),
            movies["genres"].tolist(),
            movies["year"].to_numpy(dtype=np.float64, na_value=np.nan),
        ),
    )


def windows_version(warehouse: Warehouse, dataset: str) -> str:
    """Digest of all windows that were made, the data version of what shows them."""
    with warehouse.connect(dataset) as connection:
        return "-".join(table_digest(connection, name) for name in BACKTEST_TABLES)


def window_row(
    bounds: Window,
    facts: WindowFacts,
    als: AlsSettings,
    hybrid_alpha: float,
    star_settings: Mapping[str, Mapping[str, Any]],
    *,
    ratings_version: str,
) -> pd.DataFrame:
    """The window's row of ``backtest_windows``, without its name."""
    moments = {
        "trained_until": bounds.cut_off,
        "starts_at": facts.starts_at,
        "ends_at": facts.ends_at,
        "newest_training_row": facts.newest_training_row,
        "newest_training_tag": facts.newest_training_tag,
    }
    return pd.DataFrame(
        {
            **{name: [_timestamp(moment)] for name, moment in moments.items()},
            "n_train": facts.n_train,
            "n_judged": facts.n_judged,
            "n_warm_users": facts.n_warm_users,
            "n_new_users": facts.n_new_users,
            "n_new_items": facts.n_new_items,
            "als_regularization": als.regularization,
            "als_alpha": als.alpha,
            "hybrid_alpha": hybrid_alpha,
            "star_settings": json.dumps(
                {name: dict(one) for name, one in star_settings.items()}, sort_keys=True
            ),
            "ratings_version": ratings_version,
        }
    )


def _timestamp(moment: int | None) -> np.datetime64:
    return np.datetime64("NaT", "us") if moment is None else np.datetime64(moment, "us")
