"""Commands that serve: Dagster's web UI, and the API with its app."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from recsys_assets.registry import load_registry
from recsys_assets.settings import SettingsError, data_folder, project_folder
from recsys_assets.storage.publishing import newest_published


def dev(port: Annotated[int, typer.Option(min=1, max=65535, help="port on 127.0.0.1")] = 3000) -> None:
    """Serve Dagster's web UI with its daemon. It has no login: it listens on 127.0.0.1 alone."""
    from recsys_assets.launch import prepare_home

    prepare_home()
    workspace = str(project_folder() / "workspace.yaml")
    options = ["--workspace", workspace, "--host", "127.0.0.1", "--port", str(port)]
    os.execv(sys.executable, [sys.executable, "-m", "dagster", "dev", *options])


def serve(
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", "-d", help="name in data/datasets.toml; the newest published one"),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="port")] = 8000,
    host: Annotated[
        str, typer.Option(help="address to listen on; without an API key keep it local")
    ] = "127.0.0.1",
    workers: Annotated[int, typer.Option(min=1, max=64, help="processes")] = 1,
) -> None:
    """Serve the API and the web app over what is published."""
    registry = load_registry(data_folder() / "datasets.toml")
    chosen = registry.dataset(dataset).name if dataset else newest_published(data_folder(), registry.datasets)
    if missing := [name for name in ("fastapi", "uvicorn", "prometheus_client") if not find_spec(name)]:
        raise SettingsError(
            f"serving needs {' and '.join(missing)}: install the extra with `pip install 'recsys-assets[serve]'`"
        )
    from recsys_assets.serving.running import run_server

    run_server(chosen or "sample", host=host, port=port, workers=workers)
