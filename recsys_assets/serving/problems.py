"""Errors as ``application/problem+json`` (RFC 9457): one shape for all of them."""

from __future__ import annotations

import http
import json
import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

__all__ = ["Problem", "install", "problem_body", "problem_response"]

log = logging.getLogger("recsys.serving")

MEDIA_TYPE = "application/problem+json"
FAULTS_SHOWN = 10
_CHARACTERS_SHOWN = 300


class Problem(Exception):
    """A request that gets an error for an answer: status, a title for its kind, and what is wrong with this one."""

    def __init__(
        self, status: int, title: str, detail: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail, self.headers = status, title, detail, dict(headers or {})


def problem_body(status: int, title: str, detail: str, **more: Any) -> bytes:
    """The body of an error's answer."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    # What a request said may hold halves of characters: ASCII escapes carry them all.
    return json.dumps(body, ensure_ascii=True).encode()


def problem_response(
    status: int, title: str, detail: str, headers: Mapping[str, str] | None = None, **more: Any
) -> Response:
    waits = {"Retry-After": "1"} if status in (429, 503) else {}
    return Response(
        problem_body(status, title, detail, **more),
        status,
        {**waits, **(headers or {})},
        media_type=MEDIA_TYPE,
    )


def install(app: FastAPI) -> None:
    """Answer all errors of an app as problems."""

    @app.exception_handler(Problem)
    async def known(_: Request, error: Problem) -> Response:
        return problem_response(error.status, error.title, error.detail, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        faults = [
            {
                "where": ".".join(map(str, fault["loc"]))[:_CHARACTERS_SHOWN],
                "what": fault["msg"][:_CHARACTERS_SHOWN],
            }
            for fault in error.errors()[:FAULTS_SHOWN]
        ]
        detail = "; ".join(f"{fault['where']}: {fault['what']}" for fault in faults)
        return problem_response(422, "Invalid request", detail, faults=faults)

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> Response:
        title = http.HTTPStatus(error.status_code).phrase
        return problem_response(error.status_code, title, str(error.detail), error.headers)

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem_response(500, "Internal error", "the server's log says more")
