"""Where the versions of a data set's content engine are kept: in MLflow or in the project's files."""

from __future__ import annotations

from pathlib import Path

from recsys_assets.settings import lifecycle_store
from recsys_assets.storage.file_registry import FileRegistry
from recsys_assets.storage.mlflow_registry import MlflowRegistry
from recsys_assets.storage.model_registry import CONTENT_ENGINE, ModelRegistry

__all__ = ["model_registry"]


def model_registry(data: Path, dataset: str) -> ModelRegistry:
    """The registry of the data set's content engine, in the store that `settings.lifecycle_store` names."""
    if lifecycle_store() == "mlflow":
        return MlflowRegistry(data / "mlflow", f"{dataset}.{CONTENT_ENGINE}")
    return FileRegistry(data / "models" / dataset / CONTENT_ENGINE)
