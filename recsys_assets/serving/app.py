"""The web app's files: static, as they stand in the folder ``app``, with headers that keep a page to this server."""

from __future__ import annotations

import http
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from recsys_assets.serving.problems import problem_response

__all__ = ["APP_FOLDER", "app_files"]

APP_FOLDER = Path(__file__).parent / "app"

HEADERS = {
    # No inline script or style, and no request to anywhere else: a title that looks like markup can do nothing.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    # Files have no versions in their names; an unchanged one costs a 304.
    "cache-control": "no-cache",
}


class _AppFiles(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        try:
            response = await super().get_response(path, scope)
        except HTTPException as refused:
            # No framework stands around these files that would make an answer of it.
            title = http.HTTPStatus(refused.status_code).phrase
            response = problem_response(
                refused.status_code, title, f"the app has no file {scope['path'][:200]}"
            )
        response.headers.update(HEADERS)
        return response


def app_files() -> StaticFiles:
    """The app as an ASGI application, to be mounted at the root; its pages are in the fragment of the address."""
    return _AppFiles(directory=APP_FOLDER, html=True)
