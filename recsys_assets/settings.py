"""Where things are: the two environment variables that place the project's data.

``RECSYS_DATA``
    The data folder: the registry, the embedded sample, the inbox, and all that the graph writes.
    Default: ``data/`` beside the package.
``RECSYS_DATASETS``
    A folder of archives under their official names. What lies there is read instead of downloaded.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["archives_folder", "data_folder", "project_folder"]


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
