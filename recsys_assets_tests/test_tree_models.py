"""Files of trees: XGBoost alone can load them, and description and trees are always of one version."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xgboost
from numpy.testing import assert_array_equal

from recsys_assets.algorithms.liking.trees import BoostedTrees, fit_trees
from recsys_assets.storage.packages import PackageError
from recsys_assets.storage.tree_models import read_tree_model, write_tree_model

NAMES = np.array(["user_mean", "genre: Sci-Fi", "(no genres listed)"])
VALUES = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
FIVE_LINES = """
import json, pathlib, sys, numpy, xgboost
folder, values = pathlib.Path(sys.argv[1]), numpy.load(sys.argv[2])
sidecar = json.loads((folder / "like_trees.json").read_text())
booster = xgboost.Booster(model_file=folder / sidecar["trees"])
numpy.save(sys.argv[3], booster.inplace_predict(values))
"""


def trees_of(seed: int) -> BoostedTrees:
    return fit_trees(
        VALUES,
        VALUES[:, 0] > VALUES[:, 1],
        feature_names=NAMES,
        objective="like",
        n_trees=3,
        learning_rate=0.3,
        max_depth=2,
        min_child_weight=1.0,
        subsample=0.5,
        column_share=1.0,
        regularization=1.0,
        n_threads=1,
        seed=seed,
    )


def test_five_lines_of_xgboost_load_the_model_without_the_project(tmp_path: Path):
    trees = trees_of(0)
    write_tree_model(tmp_path / "models", "like_trees", trees, {"metrics": {"auc": 0.8}})
    np.save(tmp_path / "values.npy", VALUES)
    paths = [str(tmp_path / name) for name in ("models", "values.npy", "predicted.npy")]
    assert len(FIVE_LINES.strip().splitlines()) == 5
    subprocess.run([sys.executable, "-c", FIVE_LINES, *paths], check=True, cwd=tmp_path, env={})
    assert_array_equal(np.load(paths[-1]), trees.predict(VALUES))


def test_the_sidecar_says_what_the_trees_are(tmp_path: Path):
    trees = trees_of(0)
    path = write_tree_model(tmp_path, "like_trees", trees, {"run_id": "abc", "metrics": {"auc": 0.8}})
    sidecar = json.loads(path.read_text())
    assert path.name == "like_trees.json"
    assert sidecar["features"] == NAMES.tolist()
    assert (sidecar["objective"], sidecar["xgboost"]) == ("like", xgboost.__version__)
    assert (sidecar["run_id"], sidecar["metrics"]) == ("abc", {"auc": 0.8})
    assert sidecar["trees"] == f"like_trees-{sidecar['sha256'][:12]}.ubj"
    booster = xgboost.Booster(model_file=tmp_path / sidecar["trees"])
    assert booster.feature_names == NAMES.tolist()


def test_what_was_written_is_read(tmp_path: Path):
    trees = trees_of(0)
    write_tree_model(tmp_path, "like_trees", trees, {"run_id": "abc"})
    read, sidecar = read_tree_model(tmp_path, "like_trees")
    assert sidecar["run_id"] == "abc"
    assert read.ubj.tobytes() == trees.ubj.tobytes()
    assert_array_equal(read.feature_names, trees.feature_names)
    assert_array_equal(read.contributions(VALUES), trees.contributions(VALUES))


def test_a_new_version_replaces_the_old_and_leaves_other_models(tmp_path: Path):
    write_tree_model(tmp_path, "star_trees", trees_of(0), {})
    write_tree_model(tmp_path, "like_trees", trees_of(0), {})
    write_tree_model(tmp_path, "like_trees", trees_of(1), {})
    assert len(list(tmp_path.iterdir())) == 4
    assert_array_equal(read_tree_model(tmp_path, "like_trees")[0].ubj, trees_of(1).ubj)
    assert_array_equal(read_tree_model(tmp_path, "star_trees")[0].ubj, trees_of(0).ubj)


def test_missing_and_damaged_models_are_refused_and_can_be_made_again(tmp_path: Path):
    with pytest.raises(PackageError, match="no model like_trees"):
        read_tree_model(tmp_path, "like_trees")
    write_tree_model(tmp_path, "like_trees", trees_of(0), {})
    [file] = tmp_path.glob("*.ubj")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(PackageError, match="missing or damaged"):
        read_tree_model(tmp_path, "like_trees")
    write_tree_model(tmp_path, "like_trees", trees_of(0), {})
    assert_array_equal(read_tree_model(tmp_path, "like_trees")[0].ubj, trees_of(0).ubj)
    file.unlink()
    with pytest.raises(PackageError, match="missing or damaged"):
        read_tree_model(tmp_path, "like_trees")


def test_a_sidecar_can_not_contradict_the_trees(tmp_path: Path):
    with pytest.raises(ValueError, match="sets features, sha256, which the trees decide"):
        write_tree_model(tmp_path, "like_trees", trees_of(0), {"sha256": "0", "features": []})
    assert not list(tmp_path.iterdir())
