"""Start the server: one process, or several that share a port."""

from __future__ import annotations

import os
import tempfile

import uvicorn

from recsys_assets.serving.settings import serve_settings

__all__ = ["run_server"]

KEEP_ALIVE_S = 30
WORKER_STUCK_S = 60
"""A worker that says nothing for so long is replaced; one that starts on a busy machine says nothing for a while."""


def run_server(dataset: str, *, host: str, port: int, workers: int) -> None:
    """Listen until interrupted; requests that are being answered are answered to their end."""
    os.environ["RECSYS_SERVE_DATASET"] = dataset
    serve_settings()  # what is wrong with them is said here, once, not by each worker
    # prometheus_client reads this when it is imported: counts of several processes add up through files.
    with tempfile.TemporaryDirectory(prefix="recsys-metrics-") as shared:
        if workers > 1:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = shared
        uvicorn.run(
            "recsys_assets.serving.api:create_app",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            loop="uvloop",
            http="httptools",
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=10,
            timeout_worker_healthcheck=WORKER_STUCK_S,
        )
