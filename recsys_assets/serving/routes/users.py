"""Users: who there is, what they rated, what they are recommended."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Response

from recsys_assets.algorithms.ab_testing import assigned_variant
from recsys_assets.algorithms.interactions import Ids
from recsys_assets.contracts import MAX_ID
from recsys_assets.serving.encoding import Listed, encode_list, encode_movies
from recsys_assets.serving.exposures import exposure_of
from recsys_assets.serving.generations import Served
from recsys_assets.serving.parameters import (
    PROBLEMS,
    Context,
    ContextOf,
    Cursor,
    Genre,
    Length,
    Offset,
    Strategy,
    UserId,
    WhatIsServed,
    YearMin,
    offset_of,
)
from recsys_assets.serving.recommending import Asked, rated_by, recommend, recommend_session
from recsys_assets.serving.schemas import Rated, Recommendations, SessionRequest, User, Users

__all__ = ["answer", "router"]

router = APIRouter(prefix="/v1", tags=["users"], responses=PROBLEMS)

JSON = "application/json"


@router.get("/users", response_model=Users)
def users(
    served: WhatIsServed,
    q: Annotated[str, Query(max_length=20, description="what the id begins with")] = "",
    n: Length = 20,
) -> dict[str, Any]:
    """Users by id, with their number of ratings."""
    rows = _beginning_with(served.models.user_ids, q)
    shown = [int(row) for row in itertools.islice(itertools.chain(*rows), n)]
    starts = served.models.ratings.indptr
    return {
        "items": [
            {"user_id": int(served.models.user_ids[row]), "n_ratings": int(starts[row + 1] - starts[row])}
            for row in shown
        ],
        "total": sum(map(len, rows)),
        "model_version": served.version,
    }


def _beginning_with(ids: Ids, prefix: str) -> list[range]:
    """Row numbers of the sorted ids whose decimal form begins with the prefix, by length of the id."""
    if not prefix:
        return [range(ids.size)]
    if not re.fullmatch("0|[1-9][0-9]{0,15}", prefix):
        return []
    first = int(prefix)
    powers = [10**n for n in range(len(str(MAX_ID)) - len(prefix) + 1)] if first else [1]
    ends = [(first * power, (first + 1) * power) for power in powers]
    return [range(*map(int, np.searchsorted(ids, bounds))) for bounds in ends]


@router.get("/users/{user_id}", response_model=User)
def user(served: WhatIsServed, user_id: UserId) -> dict[str, Any]:
    """Whether a user is known, and by how many ratings; an unknown one is no error."""
    row = served.user(user_id)
    n_ratings = 0 if row is None else int(rated_by(served, row)[0].size)
    return {"user_id": user_id, "known": row is not None, "n_ratings": n_ratings}


@router.get("/users/{user_id}/ratings", response_model=Rated)
def ratings(
    served: WhatIsServed,
    context: ContextOf,
    user_id: UserId,
    movie_id: Annotated[
        int | None, Query(ge=0, le=MAX_ID, description="of this movie alone, if the user rated it")
    ] = None,
    n: Length = 20,
) -> Response:
    """What a user rated, most stars first, of equal ones the less common movie first; none of an unknown user."""
    row = served.user(user_id)
    movies, stars = (np.empty(0, int), np.empty(0)) if row is None else rated_by(served, row)
    if movie_id is not None:
        asked_for = served.catalogue.movie_ids[movies] == movie_id
        movies, stars = movies[asked_for], stars[asked_for]
    order = np.lexsort((movies, served.catalogue.n_ratings[movies], -stars))[:n]
    reason = f"user {user_id} is not known on {served.dataset}" if row is None else None
    listed = Listed(
        movies[order].tolist(), stars[order].tolist(), 1, movies.size, "rated", fallback_reason=reason
    )
    return Response(
        encode_movies(served, listed, posters=context.posters, n=0, scored="rating"), media_type=JSON
    )


@router.get("/users/{user_id}/recommendations", response_model=Recommendations)
def recommendations(
    served: WhatIsServed,
    context: ContextOf,
    user_id: UserId,
    n: Length = 20,
    offset: Offset = 0,
    cursor: Cursor = None,
    strategy: Strategy = None,
    genre: Genre = None,
    year_min: YearMin = None,
    exclude_seen: Annotated[
        bool, Query(description="false: with rated movies too, where the strategy is als, content or hybrid")
    ] = True,
    diversity: Annotated[
        float,
        Query(ge=0, le=1, allow_inf_nan=False, description="0 = as ranked, 1 = as unlike as can be (MMR)"),
    ] = 0.0,
    explore: Annotated[
        float,
        Query(ge=0, le=1, allow_inf_nan=False, description="probability that a place goes to another movie"),
    ] = 0.0,
    seed: Annotated[int, Query(ge=0, le=2**32 - 1, description="of the exploration")] = 0,
) -> Response:
    """A user's list. Published lists have 20 places.

    `total` counts what fits of the published list; with filters, als, content and hybrid rank the whole catalogue, of
    which the first 200 that fit count. A user whom the strategy doesn't know gets popular, good and varied movies, and
    `fallback_reason` says so.
    """
    asked = Asked(
        n,
        offset_of(cursor, offset),
        strategy,
        genre,
        year_min,
        exclude_seen,
        diversity,
        explore,
        seed,
    )
    return Response(answer(served, context, user_id, asked), media_type=JSON)


def answer(served: Served, context: Context, user_id: int, asked: Asked) -> bytes:
    """The body of a user's recommendations; where no strategy is named, that of the experiment, if one runs."""
    experiment, dealt = context.settings.experiment, None
    if experiment is not None and asked.strategy is None:
        variant = experiment.variants[assigned_variant(user_id, experiment.name, len(experiment.variants))]
        if variant in served.lists:
            asked = replace(asked, strategy=variant)
            dealt = {
                "name": experiment.name,
                "variant": variant,
                "exposure_id": exposure_of(experiment.name, variant, served.version, user_id),
            }
    listed = recommend(served, user_id, asked, dealt)
    return encode_list(served, listed, posters=context.posters, n=asked.n)


@router.post("/recommendations/session", response_model=Recommendations)
def session(served: WhatIsServed, context: ContextOf, wanted: SessionRequest) -> Response:
    """What somebody would be recommended who gave these ratings just now: nothing is trained, nothing is kept.

    Ratings of movies that aren't known don't count; of a movie rated twice, the last does.
    """
    stars: dict[int, float] = {}
    for rating in wanted.ratings:
        place = int(np.searchsorted(served.catalogue.movie_ids, rating.movie_id))
        if place < served.catalogue.movie_ids.size and served.catalogue.movie_ids[place] == rating.movie_id:
            stars[place] = rating.rating
    asked = Asked(wanted.n, genre=wanted.genre, year_min=wanted.year_min, diversity=wanted.diversity)
    listed = recommend_session(
        served,
        wanted.strategy,
        np.array(list(stars), dtype=np.intp),
        np.array(list(stars.values()), dtype=np.float32),
        asked,
    )
    return Response(encode_list(served, listed, posters=context.posters, n=0), media_type=JSON)
