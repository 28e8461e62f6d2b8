"""Models of boosted trees as files: XGBoost's own ``.ubj``, and beside it in JSON all that is known of the model.

As in ``packages``, ``<model>.json`` is replaced in one step and names the trees' file by digest, so that a reader never
gets the trees of one version with the description of another. XGBoost alone can load them::

    sidecar = json.loads((folder / "like_trees.json").read_text())
    booster = xgboost.Booster(model_file=folder / sidecar["trees"])
    probability = booster.inplace_predict(values)  # columns as in sidecar["features"]
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from recsys_assets.algorithms.liking.trees import BoostedTrees
from recsys_assets.storage.files import write_atomically
from recsys_assets.storage.packages import PackageError

__all__ = ["read_tree_model", "write_tree_model"]

_OWN_KEYS = frozenset({"model", "trees", "sha256", "objective", "features", "xgboost"})


def write_tree_model(folder: Path, name: str, trees: BoostedTrees, sidecar: Mapping[str, Any]) -> Path:
    """Write the trees, then what is known of them; sweep trees that no sidecar names any more.

    The sidecar gains the model's name, its file and digest, the objective, the features in the order of columns, and
    XGBoost's version.

    Parameters
    ----------
    sidecar : what else is known, as JSON has it: versions, settings, metrics

    Returns
    -------
    the sidecar's path

    Raises
    ------
    ValueError
        If ``sidecar`` sets a key of those that are added.
    """
    if taken := sorted(_OWN_KEYS & sidecar.keys()):
        raise ValueError(
            f"the sidecar of {name} sets {', '.join(taken)}, which the trees decide; leave it out"
        )
    content = trees.ubj.tobytes()
    digest = hashlib.sha256(content).hexdigest()
    file = folder / f"{name}-{digest[:12]}.ubj"
    write_atomically(file, content)
    whole = {
        "model": name,
        "trees": file.name,
        "sha256": digest,
        "objective": trees.objective,
        "features": trees.feature_names.tolist(),
        "xgboost": xgboost.__version__,
        **sidecar,
    }
    path = folder / f"{name}.json"
    write_atomically(path, json.dumps(whole, indent=1, sort_keys=True))
    for other in folder.glob(f"{name}-????????????.ubj"):
        if other != file:
            other.unlink()
    return path


def read_tree_model(folder: Path, name: str) -> tuple[BoostedTrees, dict[str, Any]]:
    """A model's trees and its sidecar.

    Raises
    ------
    PackageError
        If there is no such model, or its trees are missing or damaged.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        raise PackageError(f"no model {name} in {folder}: run `recsys run` on the data set first")
    sidecar = json.loads(path.read_text(encoding="utf-8"))
    file = folder / sidecar["trees"]
    content = file.read_bytes() if file.is_file() else b""
    if hashlib.sha256(content).hexdigest() != sidecar["sha256"]:
        raise PackageError(f"{file} is missing or damaged: make the model again with `recsys run --force`")
    trees = np.frombuffer(content, dtype=np.uint8)
    return BoostedTrees(trees, np.array(sidecar["features"]), sidecar["objective"]), sidecar
