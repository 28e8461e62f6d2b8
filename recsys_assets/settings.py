"""The environment variables that place the project's data, and what keeps its model versions.

``RECSYS_DATA``
    The data folder: the registry, the embedded sample, the inbox, and all that the graph writes.
    Default: ``data/`` beside the package.
``RECSYS_DATASETS``
    A folder of archives under their official names. What lies there is read instead of downloaded.
``RECSYS_LIFECYCLE``
    What keeps the versions of models: ``files`` (data/models) or ``mlflow`` (data/mlflow).
    Default: ``mlflow`` where the optional extra is installed, else ``files``.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

__all__ = ["SettingsError", "archives_folder", "data_folder", "lifecycle_store", "project_folder"]


class SettingsError(ValueError):
    """An environment variable says what can't be; the message names it and what it may be."""


def project_folder() -> Path:
    """The folder that holds the package, ``workspace.yaml`` and ``dagster.yaml``."""
    return Path(__file__).resolve().parent.parent


def data_folder() -> Path:
    """The data folder, absolute.

    Raises
    ------
    FileNotFoundError
        If it holds no ``datasets.toml``: nothing can be run without the registry.
    """
    folder = Path(os.environ.get("RECSYS_DATA") or project_folder() / "data").expanduser().resolve()
    if not (folder / "datasets.toml").is_file():
        raise FileNotFoundError(
            f"{folder} holds no datasets.toml: set RECSYS_DATA to the folder that holds the registry"
        )
    return folder


def archives_folder() -> Path | None:
    """The folder of archives named by ``RECSYS_DATASETS``, or None where the variable is unset or empty."""
    named = os.environ.get("RECSYS_DATASETS")
    return Path(named).expanduser().resolve() if named else None


def lifecycle_store() -> str:
    """What keeps the versions of models: ``files`` or ``mlflow``.

    Raises
    ------
    SettingsError
        If RECSYS_LIFECYCLE names something else.
    """
    named = os.environ.get("RECSYS_LIFECYCLE") or ("mlflow" if find_spec("mlflow") else "files")
    if named not in ("files", "mlflow"):
        raise SettingsError(f"RECSYS_LIFECYCLE is {named!r}: set it to files or mlflow, or leave it unset")
    return named
