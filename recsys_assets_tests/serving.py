"""Ask the API without a socket, and serve it over one."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp

from recsys_assets.serving.generations import Served

__all__ = ["Caller", "calling", "listed", "serving"]


class Caller:
    """A client of an ASGI app, in one thread and one event loop."""

    def __init__(self, app: ASGIApp, runner: asyncio.Runner) -> None:
        self._runner = runner
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://served")

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self._runner.run(self._client.request(method, path, **options))

    def get(self, path: str, **parameters: Any) -> httpx.Response:
        return self.request("GET", path, params=parameters or None)

    def post(self, path: str, body: Any, **parameters: Any) -> httpx.Response:
        return self.request("POST", path, json=body, params=parameters or None)

    def json(self, path: str, **parameters: Any) -> Any:
        """The answer's content; it must be a success."""
        response = self.get(path, **parameters)
        assert response.status_code == 200, response.text
        return response.json()

    def close(self) -> None:
        self._runner.run(self._client.aclose())


@contextlib.contextmanager
def calling(app: ASGIApp) -> Iterator[Caller]:
    """A caller that is closed at the end."""
    with asyncio.Runner() as runner:
        caller = Caller(app, runner)
        yield caller
        caller.close()


@contextlib.contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve an app on a free port of 127.0.0.1, from a thread; its address."""
    config = uvicorn.Config(app, log_level="critical", lifespan="on", ws="none", timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        deadline = time.monotonic() + 30
        while not server.started:
            assert thread.is_alive() and time.monotonic() < deadline, "the server did not start"
            time.sleep(0.02)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(30)


def listed(served: Served, strategy: str) -> dict[int, list[tuple[int, float]]]:
    """The published list of each user: (movie_id, score), from the table."""
    table = (
        "select user_id, movie_id, predicted_rating as score, rank from predicted_ratings_top"
        if strategy == "rating"
        else "select user_id, movie_id, score, rank from recommendations where strategy = ?"
    )
    lists: dict[int, list[tuple[int, float]]] = {}
    for row in served.rows(f"{table} order by user_id, rank", [] if strategy == "rating" else [strategy]):
        lists.setdefault(row["user_id"], []).append((row["movie_id"], row["score"]))
    return lists
