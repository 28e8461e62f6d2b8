"""The figures that vouch for what is served: models, evaluation, data, experiments, as published."""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Response

from recsys_assets.algorithms.explanation import EXPLAINED
from recsys_assets.serving.generations import Served
from recsys_assets.serving.parameters import PROBLEMS, ContextOf, WhatIsServed
from recsys_assets.serving.problems import Problem
from recsys_assets.serving.schemas import Datasets, Tables

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["figures"], responses=PROBLEMS)

CURVE_POINTS = 200
_BOARDS = {"lists": ("ndcg", 10, -1), "stars": ("rmse", 0, 1), "likes": ("auc", 0, -1)}
"""Of each leaderboard the metric that orders it, its cut-off, and 1 where less is better."""
_WHOLE = (
    "gates",
    "claims",
    "drift",
    "leakage",
    "champions",
    "promotions",
    "promotion_comparisons",
    "model_versions",
    "catalogue_claims",
    "like_claims",
    "like_importance",
    "rating_calibration",
    "backtest_windows",
)
_BY_SEGMENT = ("evaluation", "comparisons", "backtest_figures", "backtest_comparisons")
_DATA = (
    "dataset_statistics",
    "rating_distribution",
    "ratings_over_time",
    "genre_shares",
    "catalogue_statistics",
    "catalogue_duplicate_titles",
    "catalogue_genre_frequency",
    "catalogue_actor_director_pairs",
    "catalogue_actor_genres",
    "catalogue_cast_sizes",
    "catalogue_eras",
    "catalogue_era_actors",
    "catalogue_top_directors",
    "cluster_profiles",
)


def _answer(served: Served, tables: dict[str, Any]) -> Response:
    body = json.dumps(_plain({"model_version": served.version, **tables}), default=_moment)
    return Response(body, media_type="application/json")


@router.get("/evaluation", response_model=Tables)
def evaluation(
    served: WhatIsServed,
    segment: Annotated[
        str, Query(max_length=60, description="all, or the part of users or movies that figures are about")
    ] = "all",
) -> Response:
    """How good the models are: leaderboards with intervals, and the tables behind them, those that are published.

    `leaderboards` has lists, stars and likes, the best model first; the others are published tables, row by row.
    """
    tables: dict[str, Any] = {name: served.table(name) for name in _WHOLE}
    for name in _BY_SEGMENT:
        known = name in served.tables
        tables[name] = served.rows(f"from {name} where segment = ?", [segment]) if known else []
    tables["leaderboards"] = {board: _leaderboard(tables["evaluation"], *by) for board, by in _BOARDS.items()}
    tables["segments"] = [
        row["segment"] for row in served.rows("select distinct segment from evaluation order by 1")
    ]
    tables["default_strategy"] = served.default_strategy
    return _answer(served, tables)


@router.get("/data", response_model=Tables)
def data(served: WhatIsServed) -> Response:
    """What the data look like: statistics, distributions, the catalogue, and the long tail of ratings.

    `long_tail` has, for so many of the most rated movies, the share of all ratings that they hold.
    """
    tables: dict[str, Any] = {name: served.table(name) for name in _DATA}
    tables["long_tail"] = _long_tail(served)
    tables["publication"] = served.table("publication")
    return _answer(served, tables)


@router.get("/models", response_model=Tables)
def models(served: WhatIsServed) -> Response:
    """The strategies that answer, which of them is the default, and the versions of the content engine."""
    strategies = [
        {
            "strategy": name,
            "default": name == served.default_strategy,
            "explained": name in EXPLAINED or name == "popularity",
            "depth": int(lists.items.shape[1]),
            "n_users": int(np.count_nonzero((lists.items >= 0).any(axis=1))) if lists.items.size else 0,
        }
        for name, lists in served.lists.items()
    ]
    methods = [row["method"] for row in served.rows("select distinct method from similar_movies order by 1")]
    return _answer(
        served,
        {
            "strategies": strategies,
            "methods": methods,
            "content_engine": served.table("model_versions"),
            "publication": served.table("publication"),
        },
    )


@router.get("/models/champion", response_model=Tables)
def champion(served: WhatIsServed) -> Response:
    """Who answers by default: the champions of each task where they are published, and the champion content engine."""
    engines = [row for row in served.table("model_versions") if row["alias"] == "champion"]
    return _answer(
        served,
        {
            "default_strategy": served.default_strategy,
            "champions": served.table("champions"),
            "content_engine": engines,
        },
    )


@router.get("/experiments", response_model=Tables)
def experiments(served: WhatIsServed, context: ContextOf) -> Response:
    """The experiment that runs, and the results of all, by how users were dealt and what they did."""
    running = context.settings.experiment
    dealt = {"name": running.name, "variants": list(running.variants)} if running else None
    return _answer(served, {"running": dealt, "experiments": served.table("experiments")})


@router.get("/datasets", response_model=Datasets)
def datasets(context: ContextOf) -> dict[str, Any]:
    """The data sets of the registry, and which of them are published."""
    items = []
    for name, title in context.generations.known().items():
        served = None
        if context.generations.is_published(name):
            try:
                served = context.generations.current(name)
            except Problem:
                served = None  # published by an older version, without arrays to serve from
        items.append(
            {
                "dataset": name,
                "title": title,
                "served": served is not None,
                "model_version": served.version if served else None,
            }
        )
    return {"items": items, "total": len(items), "default": context.settings.dataset}


def _leaderboard(rows: list[dict[str, Any]], metric: str, k: int, sign: int) -> list[dict[str, Any]]:
    """One row a model and split, with all its figures as ``name@k``, ordered by one of them."""
    kept: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        board = kept.setdefault(
            (row["model"], row["split"]),
            {"model": row["model"], "split": row["split"], "n_users": 0, "metrics": {}},
        )
        name = f"{row['metric']}@{row['k']}" if row["k"] else row["metric"]
        board["metrics"][name] = {key: row[key] for key in ("value", "ci_low", "ci_high", "n_users")}
        board["n_users"] = max(board["n_users"], row["n_users"])
    first = f"{metric}@{k}" if k else metric
    boards = [board for board in kept.values() if first in board["metrics"]]
    return sorted(
        boards, key=lambda board: (board["split"] != "test", sign * board["metrics"][first]["value"])
    )


def _long_tail(served: Served) -> list[dict[str, Any]]:
    counts = np.sort(served.catalogue.n_ratings)[::-1].astype(np.int64)
    total = max(int(counts.sum()), 1)
    cumulative = np.cumsum(counts)
    places = np.unique(np.linspace(0, counts.size - 1, min(CURVE_POINTS, counts.size)).astype(int))
    return [
        {
            "n_movies": int(place) + 1,
            "n_ratings": int(counts[place]),
            "share_of_ratings": float(cumulative[place] / total),
        }
        for place in places
    ]


def _plain(value: Any) -> Any:
    """The value with null for what JSON has no number for."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _moment(value: Any) -> str:
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form here")
