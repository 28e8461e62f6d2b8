"""Posters, where the server may ask TMDB."""

from __future__ import annotations

from fastapi import APIRouter, Response

from recsys_assets.serving.parameters import PROBLEMS, ContextOf, MovieId, WhatIsServed
from recsys_assets.serving.posters import PosterError
from recsys_assets.serving.problems import Problem

__all__ = ["router"]

router = APIRouter(tags=["posters"])

_A_DAY = {"Cache-Control": "public, max-age=86400"}


@router.get(
    "/posters/{movie_id}",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {}, "image/png": {}}},
        404: PROBLEMS[404],
        422: PROBLEMS[422],
        503: PROBLEMS[503],
    },
)
async def poster(served: WhatIsServed, context: ContextOf, movie_id: MovieId) -> Response:
    """A movie's poster; 404 where there is none, or where the server has no TMDB key."""
    tmdb_id = int(served.catalogue.tmdb_ids[served.movie(movie_id)])
    if context.poster_cache is None or not tmdb_id:
        raise Problem(404, "No poster", f"movie {movie_id} has no poster here")
    try:
        found = await context.poster_cache.poster(tmdb_id)
    except PosterError as error:
        raise Problem(503, "No poster now", str(error)) from error
    if found is None:
        raise Problem(404, "No poster", f"TMDB has no poster of movie {movie_id}")
    content, media_type = found
    return Response(content, media_type=media_type, headers=_A_DAY)
