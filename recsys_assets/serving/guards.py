"""What stands before every route: key, limits, counts and security headers; plain ASGI, for every request pays for it.

Requests for recommendations that ask for nothing special are answered here too (`fast_lane`): what FastAPI does for a
route would take most of their time.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recsys_assets.serving.metrics import Metrics
from recsys_assets.serving.problems import MEDIA_TYPE, problem_body

__all__ = ["Guards"]

MAX_BODY_BYTES: Final = 64 * 1024
MAX_QUERY_BYTES: Final = 4096
OPEN_PATHS: Final = ("/health", "/posters")
"""Need no key: probes have none, and pictures can't send one."""

SECURITY_HEADERS: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]

FastLane = Callable[[bytes, bytes], bytes | None]
"""Given path and query, the JSON that answers, or None for what it leaves to the routes."""


class Guards:
    """Wraps the API.

    A request is turned away with 401 without the key, 413 with a body and 414 with a query that is too long, and 429
    when too many are being answered.
    """

    def __init__(
        self, app: ASGIApp, *, metrics: Metrics, api_key: str, max_concurrent: int, fast_lane: FastLane
    ) -> None:
        self._app, self._metrics, self._fast_lane = app, metrics, fast_lane
        self._key, self._max, self._n_now = api_key.encode(), max_concurrent, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status, route = 500, "fast"

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *SECURITY_HEADERS]
            await send(message)

        self._n_now += 1
        try:
            refusal = self._refusal(scope)
            body = None if refusal else self._fast(scope)
            if refusal:
                await _answer(sending, *refusal)
                route = "refused"
            elif body is not None:
                await _send(sending, 200, body, b"application/json")
            else:
                await self._app(scope, _limited(receive), sending)
                route = getattr(scope.get("route"), "path", "unmatched")
        finally:
            self._n_now -= 1
            self._metrics.requests.labels(route, status).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - started)

    def _fast(self, scope: Scope) -> bytes | None:
        if scope["method"] != "GET":
            return None
        return self._fast_lane(scope["path"].encode("utf-8", "replace"), scope["query_string"])

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        if self._n_now > self._max:
            return 429, "Too many requests", f"{self._max} requests are being answered: come back in a second"
        if len(scope["query_string"]) > MAX_QUERY_BYTES:
            return 414, "Too long", f"a query has at most {MAX_QUERY_BYTES} bytes"
        headers = dict(scope["headers"]) if self._key or scope["method"] != "GET" else {}
        length = headers.get(b"content-length", b"0").lstrip(b"0")
        if len(length) > len(str(MAX_BODY_BYTES)) or (length.isdigit() and int(length) > MAX_BODY_BYTES):
            return 413, "Too long", f"a body has at most {MAX_BODY_BYTES} bytes"
        if self._key and not scope["path"].startswith(OPEN_PATHS):
            given = headers.get(b"x-api-key") or headers.get(b"authorization", b"").removeprefix(b"Bearer ")
            if not hmac.compare_digest(given, self._key):
                return 401, "No key", "give the API key as X-API-Key or as bearer token"
        return None


def _limited(receive: Receive) -> Receive:
    n_bytes = 0

    async def receiving() -> Message:
        nonlocal n_bytes
        message = await receive()
        n_bytes += len(message.get("body", b""))
        if n_bytes > MAX_BODY_BYTES:
            raise HTTPException(413, f"a body has at most {MAX_BODY_BYTES} bytes")
        return message

    return receiving


async def _answer(send: Send, status: int, title: str, detail: str) -> None:
    await _send(send, status, problem_body(status, title, detail), MEDIA_TYPE.encode())


async def _send(send: Send, status: int, body: bytes, media_type: bytes) -> None:
    headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(body))]
    if status in (429, 503):
        headers.append((b"retry-after", b"1"))
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
