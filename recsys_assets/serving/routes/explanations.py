"""Why a movie is recommended to a user: what each rated movie adds to the score, and what made the score."""

from __future__ import annotations

from typing import Any

import numpy as np
from fastapi import APIRouter

from recsys_assets.algorithms.explanation import EXPLAINED, Explanation, explain_popularity
from recsys_assets.serving.encoding import title_of
from recsys_assets.serving.generations import Served
from recsys_assets.serving.parameters import PROBLEMS, Length, MovieId, Strategy, UserId, WhatIsServed
from recsys_assets.serving.problems import Problem
from recsys_assets.serving.recommending import rated_by
from recsys_assets.serving.schemas import Why

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["explanations"], responses=PROBLEMS)

POPULARITY = "popularity"
MOVIES_NAMED = 3
_LINEAGE = "select asset, code_version, data_version, run_id, made_at from lineage_of(?)"


@router.get("/explain/{user_id}/{movie_id}", response_model=Why)
def explain(
    served: WhatIsServed, user_id: UserId, movie_id: MovieId, strategy: Strategy = None, n: Length = 10
) -> dict[str, Any]:
    """Split a score into what each liked movie adds; the parts, and what is left of them, add up to the score.

    Explained are als, content and hybrid, of any pair of a user and a movie, and popularity, which is the same for all.
    """
    used = strategy or served.default_strategy
    if used not in (*EXPLAINED, POPULARITY):
        known = ", ".join((*EXPLAINED, POPULARITY))
        raise Problem(
            422, "Not explained", f"{used[:60]!r} is not a sum over rated movies; explained are {known}"
        )
    movie = served.movie(movie_id)
    user = served.user(user_id)
    if user is None:
        raise Problem(404, "No such user", f"user {user_id} is not known on {served.dataset}")
    if used == POPULARITY:
        found = explain_popularity(served.models.ratings, movie, min_rating=served.models.min_rating)
    else:
        found = served.models.explain(used, user, np.array([movie]))[0]
    parts, others = _parts(served, user, found, n)
    return {
        "user_id": user_id,
        "movie_id": movie_id,
        "strategy": used,
        "because": _sentence(used, parts),
        "score": found.score,
        "constant": found.constant,
        "parts": parts,
        "others": others,
        "n_others": max(found.items.size - len(parts), 0),
        "lineage": served.rows(_LINEAGE, [used]) if "lineage" in served.tables else [],
        "model_version": served.version,
    }


def _parts(served: Served, user: int, found: Explanation, n: int) -> tuple[list[dict[str, Any]], float]:
    largest, others = found.largest(n)
    rated, stars = rated_by(served, user)
    given = dict(zip(rated.tolist(), stars.tolist(), strict=True))
    ids = served.catalogue.movie_ids[largest.items].tolist()
    rows = zip(ids, largest.items.tolist(), largest.parts.tolist(), strict=True)
    return [
        {"movie_id": movie_id, "title": title_of(served, item), "rating": given[item], "part": part}
        for movie_id, item, part in rows
    ], others


def _sentence(strategy: str, parts: list[dict[str, Any]]) -> str:
    if strategy == POPULARITY:
        return "Because many people like it, whatever you watched"
    named = [part["title"] for part in parts if part["part"] > 0][:MOVIES_NAMED]
    if not named:
        return "Nothing that you liked speaks for it"
    together = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
    return f"Because you watched {together}"
