"""The app factory: routes, errors and guards around what is published, and the web app beside them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from recsys_assets.serving import problems
from recsys_assets.serving.app import app_files
from recsys_assets.serving.fast_lane import recommendations_fast
from recsys_assets.serving.generations import Generations, cancelled
from recsys_assets.serving.guards import Guards
from recsys_assets.serving.metrics import Metrics
from recsys_assets.serving.parameters import Context
from recsys_assets.serving.posters import Posters
from recsys_assets.serving.routes import (
    aliases,
    explanations,
    feedback,
    figures,
    health,
    movies,
    pictures,
    users,
)
from recsys_assets.serving.settings import ServeSettings, serve_settings

__all__ = ["Site", "create_api", "create_app", "create_site"]

log = logging.getLogger("recsys.serving")

DELIVER_EVERY_S = 30.0
_ROUTES = (users, movies, explanations, feedback, figures, aliases, pictures, health)
_API_PATHS = frozenset(
    (
        "v1",
        "health",
        "metrics",
        "openapi.json",
        "posters",
        "recommend",
        "similar",
        "search",
        "actor",
        "director",
    )
)
"""First parts of paths that the API answers; all others are the app's files."""


def create_api(settings: ServeSettings) -> FastAPI:
    """The API alone, as an ASGI app with its guards.

    Lists of what is published are opened at the start if there are any, else with the first request that finds them.
    """
    metrics = Metrics()
    generations = Generations(settings.data, metrics)
    key = settings.tmdb_api_key
    posters = Posters(settings.data / "posters", key) if key else None
    context = Context(settings, generations, metrics, posters)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(_open_early, context)
        tasks = [asyncio.create_task(generations.watch()), asyncio.create_task(_deliver(context))]
        yield
        for task in tasks:
            await cancelled(task)
        await asyncio.to_thread(context.deliver)
        if posters is not None:
            await posters.close()

    api = FastAPI(
        title="recsys_assets",
        summary="Movie recommendations from published files.",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    api.state.context = context
    problems.install(api)
    for routes in _ROUTES:
        api.include_router(routes.router)

    @api.get("/metrics", tags=["health"], response_class=Response)
    def measured() -> Response:
        """Counts of this server, in Prometheus' text format."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    api.add_middleware(
        Guards,
        metrics=metrics,
        api_key=settings.api_key,
        max_concurrent=settings.max_concurrent,
        fast_lane=lambda path, query: recommendations_fast(context, path, query),
    )
    if settings.cors_origins:
        api.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["X-API-Key", "Authorization", "Content-Type"],
        )
    return api


class Site:
    """The API under its own paths, the web app's files under all others."""

    def __init__(self, api: ASGIApp, files: ASGIApp) -> None:
        self.api, self.files = api, files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        of_api = scope["type"] != "http" or scope["path"].split("/", 2)[1] in _API_PATHS
        await (self.api if of_api else self.files)(scope, receive, send)


def create_site(settings: ServeSettings) -> ASGIApp:
    """The API and the web app."""
    return Site(create_api(settings), app_files())


def create_app() -> ASGIApp:
    """The whole server with the settings of the environment, for ``uvicorn --factory``."""
    return create_site(serve_settings())


def _open_early(context: Context) -> None:
    try:
        context.generations.current(context.settings.dataset)
    except problems.Problem as problem:
        log.warning("nothing to serve yet: %s", problem.detail)


async def _deliver(context: Context) -> None:
    """Give recorded ratings to the inbox every half minute, until cancelled."""
    while True:
        await asyncio.sleep(DELIVER_EVERY_S)
        await asyncio.to_thread(context.deliver)
