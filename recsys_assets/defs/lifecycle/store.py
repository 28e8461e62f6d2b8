"""Where the versions of a data set's content engine are kept: in MLflow or in the project's files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from recsys_assets.settings import lifecycle_store
from recsys_assets.storage.file_registry import FileRegistry
from recsys_assets.storage.mlflow_registry import MlflowRegistry
from recsys_assets.storage.model_registry import CONTENT_ENGINE, ModelRegistry

__all__ = ["model_registry", "store_name"]


def model_registry(data: Path, dataset: str) -> ModelRegistry:
    """The registry of the data set's content engine, in the store that `settings.lifecycle_store` names."""
    if lifecycle_store() == "mlflow":
        return MlflowRegistry(data / "mlflow", f"{dataset}.{CONTENT_ENGINE}")
    return FileRegistry(data / "models" / dataset / CONTENT_ENGINE)


def store_name(environment: Mapping[str, str]) -> str:
    """The store as part of a code version: another tracking server is another store; its address stays unsaid."""
    server = environment.get("MLFLOW_TRACKING_URI") if lifecycle_store() == "mlflow" else None
    return f"mlflow-{hashlib.sha256(server.encode()).hexdigest()[:8]}" if server else lifecycle_store()
