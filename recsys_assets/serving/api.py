"""The app factory: routes, errors and guards around what is published, and the web app beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from recsys_assets.serving import problems
from recsys_assets.serving.generations import Generations, cancelled
from recsys_assets.serving.parameters import Context
from recsys_assets.serving.routes import health, movies, users
from recsys_assets.serving.settings import ServeSettings, serve_settings

__all__ = ["create_api", "create_app"]

APP_FOLDER = Path(__file__).parent / "app"
API_PATHS = (
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
"""First parts of paths that the API answers; all others are the app's files."""


def create_api(settings: ServeSettings) -> FastAPI:
    """The API alone."""
    context = Context(settings, Generations(settings.data))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(context.generations.watch())
        yield
        await cancelled(watching)

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
    for routes in (users, movies, health):
        api.include_router(routes.router)
    return api


class Site:
    """The API under its own paths, the web app's files under all others."""

    def __init__(self, api: FastAPI, files: ASGIApp) -> None:
        self.api, self.files = api, files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        of_api = scope["type"] != "http" or scope["path"].split("/", 2)[1] in API_PATHS
        await (self.api if of_api else self.files)(scope, receive, send)


def create_app() -> ASGIApp:
    """The whole server with the settings of the environment, for ``uvicorn --factory``."""
    api = create_api(serve_settings())
    return Site(api, StaticFiles(directory=APP_FOLDER, html=True))
