"""Short paths with the answers of the published systems: stars and confidence, or movies by title or person."""

from __future__ import annotations

import json
from typing import Any, Literal

from fastapi import APIRouter, Response

from recsys_assets.serving.encoding import Listed, encode_movies, title_of
from recsys_assets.serving.generations import Served
from recsys_assets.serving.parameters import (
    PROBLEMS,
    Context,
    ContextOf,
    Length,
    MovieId,
    Text,
    UserId,
    WhatIsServed,
)
from recsys_assets.serving.problems import Problem
from recsys_assets.serving.recommending import Asked, recommend
from recsys_assets.serving.routes.movies import found_people, found_titles, neighbours, person_numbers
from recsys_assets.serving.schemas import Cards, Estimates, Neighbours, SimilarMovies
from recsys_assets.storage.serving_arrays import RATING

__all__ = ["router"]

router = APIRouter(tags=["aliases"], responses=PROBLEMS)

JSON = "application/json"
HIGH_FROM = 4.0
"""Predicted stars from which confidence is high, as in predicted_ratings_top."""


@router.get("/recommend/{user_id}", response_model=Estimates)
def recommend_stars(served: WhatIsServed, user_id: UserId, n: Length = 10) -> dict[str, Any]:
    """What the user would give most stars to. Of an unknown user, what anybody is expected to give."""
    listed = recommend(served, user_id, Asked(n, strategy=RATING))
    ids = served.catalogue.movie_ids[listed.movies].tolist()
    stars = dict(zip(ids, listed.scores, strict=True))
    if listed.strategy_used != RATING:
        rows = served.rows(
            "select movie_id, predicted_rating from default_ratings where list_contains(?::bigint[], movie_id)",
            [ids],
        )
        stars = {row["movie_id"]: row["predicted_rating"] for row in rows}
    return {
        "user_id": user_id,
        "count": len(ids),
        "recommendations": [_estimate(served, movie_id, stars.get(movie_id)) for movie_id in ids],
        "model_version": served.version,
        "fallback_reason": listed.fallback_reason,
    }


@router.get("/similar/{movie_id}", response_model=Neighbours)
def similar(served: WhatIsServed, movie_id: MovieId, n: Length = 10) -> dict[str, Any]:
    """The nearest movies."""
    found = json.loads(neighbours(served, movie_id, None, n, posters=False))
    items = [
        {"item_id": item["movie_id"], **{k: item[k] for k in ("title", "similarity")}}
        for item in found["items"]
    ]
    return {"item_id": movie_id, "count": len(items), "similar": items, "model_version": served.version}


@router.get("/recommend/", response_model=SimilarMovies)
def recommend_like(served: WhatIsServed, context: ContextOf, title: Text, n: Length = 10) -> Response:
    """Movies like the one whose title this is, mistyped or not."""
    found = found_titles(served, title, 1)
    if not found:
        raise Problem(404, "No such movie", f"no movie of {served.dataset} has a title like that")
    movie_id = int(served.catalogue.movie_ids[found[0]])
    return Response(neighbours(served, movie_id, None, n, posters=context.posters), media_type=JSON)


@router.get("/search/", response_model=Cards)
def search(served: WhatIsServed, context: ContextOf, query: Text, n: Length = 10) -> Response:
    """Movies by title."""
    return _cards(served, context, found_titles(served, query, n), "search_titles")


@router.get("/actor/", response_model=Cards)
def actor(served: WhatIsServed, context: ContextOf, name: Text, n: Length = 10) -> Response:
    """Movies with the actor whose name this is, the most rated first."""
    return _of_person(served, context, "actor", name, n)


@router.get("/director/", response_model=Cards)
def director(served: WhatIsServed, context: ContextOf, name: Text, n: Length = 10) -> Response:
    """Movies by the director whose name this is, the most rated first."""
    return _of_person(served, context, "director", name, n)


def _of_person(
    served: Served, context: Context, role: Literal["actor", "director"], name: str, n: int
) -> Response:
    found = found_people(served, name, role, 1) if name.strip() else []
    if not found:
        raise Problem(404, "No such person", f"no {role} of {served.dataset} has a name like that")
    return _cards(served, context, person_numbers(served, found[0]["person_id"], role)[:n], role)


def _cards(served: Served, context: Context, numbers: list[int], kind: str) -> Response:
    listed = Listed(numbers, [None] * len(numbers), 1, len(numbers), kind)
    return Response(encode_movies(served, listed, posters=context.posters, n=0), media_type=JSON)


def _estimate(served: Served, movie_id: int, stars: float | None) -> dict[str, Any]:
    return {
        "item_id": movie_id,
        "title": title_of(served, served.movie(movie_id)),
        "predicted_rating": stars,
        "confidence": "high" if stars is not None and stars >= HIGH_FROM else "medium",
    }
