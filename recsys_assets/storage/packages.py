"""Packages of models: arrays in one ``.npz`` file, and beside it in JSON all that is known of the model.

``<model>.json`` is replaced in one step and names its arrays' file by digest, so that a reader never gets the arrays of
one version with the description of another. Both can be read without this project.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from recsys_assets.storage.files import write_atomically

__all__ = ["PackageError", "read_package", "remove_package", "write_package"]


class PackageError(ValueError):
    """A package is not there, or its arrays are not those that its description names."""


def write_package(
    folder: Path, name: str, arrays: Mapping[str, np.ndarray[Any, Any]], description: Mapping[str, Any]
) -> Path:
    """Write the model's arrays, then its description; sweep arrays that no description names any more.

    Returns
    -------
    the description's path
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **dict(arrays))
    digest = hashlib.sha256(content.getvalue()).hexdigest()
    file = folder / f"{name}-{digest[:12]}.npz"
    if not file.exists():
        write_atomically(file, content.getvalue())
    path = folder / f"{name}.json"
    whole = {"model": name, "arrays": file.name, "sha256": digest, **description}
    write_atomically(path, json.dumps(whole, indent=1, sort_keys=True))
    _sweep_arrays(folder, name, kept=file)
    return path


def remove_package(folder: Path, name: str) -> None:
    """Remove the model's package, if there is one: first the description, so that none is without its arrays."""
    (folder / f"{name}.json").unlink(missing_ok=True)
    _sweep_arrays(folder, name, kept=None)


def read_package(folder: Path, name: str) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, Any]]:
    """A model's arrays and its description.

    Raises
    ------
    PackageError
        If there is no such package, or its arrays are missing or damaged.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        raise PackageError(f"no package of {name} in {folder}: run `recsys run` on the data set first")
    description = json.loads(path.read_text(encoding="utf-8"))
    file = folder / description["arrays"]
    content = file.read_bytes() if file.is_file() else b""
    if hashlib.sha256(content).hexdigest() != description["sha256"]:
        raise PackageError(f"{file} is missing or damaged: make the package again with `recsys run --force`")
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return {key: stored[key] for key in stored.files}, description


def _sweep_arrays(folder: Path, name: str, *, kept: Path | None) -> None:
    for file in folder.glob(f"{name}-????????????.npz"):
        if file != kept:
            file.unlink()
