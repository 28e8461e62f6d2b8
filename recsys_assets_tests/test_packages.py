"""Packages of models stand by themselves: anybody reads them, nobody reads half of one."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from recsys_assets.algorithms.rating_prediction.log import RatingLog
from recsys_assets.defs.rating_prediction.recipes import MODELS
from recsys_assets.storage import packages as module
from recsys_assets.storage.arrays import as_arrays, load_artifact
from recsys_assets.storage.model_registry import CONTENT_ENGINE
from recsys_assets.storage.packages import PackageError, read_package, remove_package, write_package
from recsys_assets.storage.promotions import PromotionLog
from recsys_assets_tests.graph import World, finished, key

ARRAYS = {"factors": np.arange(6, dtype=np.float32).reshape(2, 3), "mean": np.asarray(3.5)}
OTHERS = {"factors": np.ones((2, 3), dtype=np.float32), "mean": np.asarray(3.0)}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return finished(tmp_path_factory)[0]


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def assert_holds(folder: Path, arrays: dict[str, np.ndarray], **said: object) -> None:
    """The package reads as these arrays with this description."""
    found, description = read_package(folder, "svd")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert_array_equal(found[name], array, strict=True)
    assert said.items() <= description.items()


# Writing and reading.


def test_a_package_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = write_package(
        tmp_path / "models", "svd", ARRAYS, {"kind": "LatentFactors", "metrics": [{"rmse": 0.9}]}
    )
    assert path == tmp_path / "models" / "svd.json"
    assert_holds(tmp_path / "models", ARRAYS, model="svd", kind="LatentFactors", metrics=[{"rmse": 0.9}])


@given(st.integers(0, 2**32 - 1))
def test_equal_arrays_have_equal_files_and_others_another(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("packages")
    factors = np.random.default_rng(seed).normal(size=(2, 3))
    names = set()
    for name, arrays in (("one", factors), ("two", factors.copy()), ("three", factors + 1)):
        write_package(folder, name, {"factors": arrays}, {})
        names.add(read_package(folder, name)[1]["sha256"])
    assert len(names) == 2


def test_arrays_that_no_description_names_any_more_are_swept_and_other_models_keep_theirs(
    tmp_path: Path,
) -> None:
    for name in ("svd", "svdpp", "svd-1"):
        write_package(tmp_path, name, ARRAYS, {})
    kept = {read_package(tmp_path, name)[1]["arrays"] for name in ("svdpp", "svd-1")}
    write_package(tmp_path, "svd", OTHERS, {})
    new = read_package(tmp_path, "svd")[1]["arrays"]
    assert files(tmp_path) == kept | {"svd.json", "svdpp.json", "svd-1.json", new}
    assert_holds(tmp_path, OTHERS)


def test_a_package_is_removed_whole_and_no_other(tmp_path: Path) -> None:
    for name in ("svd", "svdpp"):
        write_package(tmp_path, name, ARRAYS, {})
    remove_package(tmp_path, "svd")
    remove_package(tmp_path, "svd")
    assert files(tmp_path) == {"svdpp.json", read_package(tmp_path, "svdpp")[1]["arrays"]}
    with pytest.raises(PackageError, match="no package of svd"):
        read_package(tmp_path, "svd")


# What must not be read.


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink])
def test_damaged_arrays_are_refused(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    write_package(tmp_path, "svd", ARRAYS, {})
    [file] = tmp_path.glob("*.npz")
    damage(file)
    with pytest.raises(PackageError, match=rf"{file.name} is missing or damaged: make the package again"):
        read_package(tmp_path, "svd")


def test_a_package_that_was_never_made_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(
        PackageError, match=r"no package of svd in .*: run `recsys run` on the data set first"
    ):
        read_package(tmp_path, "svd")


def test_no_object_is_packed_that_only_a_pickle_could_hold(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        write_package(tmp_path, "svd", {"ids": np.array([1, "a"], dtype=object)}, {})
    assert files(tmp_path) == set()


class KilledError(BaseException):
    """Stands in for the end of the process."""


@pytest.mark.parametrize(("n_written", "current"), [(0, ARRAYS), (1, ARRAYS), (2, OTHERS)])
def test_a_writer_that_ends_between_its_writes_leaves_a_whole_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_written: int, current: dict[str, np.ndarray]
) -> None:
    write_package(tmp_path, "svd", ARRAYS, {"run_id": "first"})
    written = []

    def write(path: Path, content: str | bytes) -> None:
        if len(written) == n_written:
            raise KilledError
        written.append(path)
        original(path, content)

    def sweep(*_: object, **__: object) -> None:
        raise KilledError

    original = module.write_atomically
    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(module, "write_atomically", write)
        patch.setattr(module, "_sweep_arrays", sweep)
        write_package(tmp_path, "svd", OTHERS, {"run_id": "second"})
    assert_holds(tmp_path, current, run_id="first" if n_written < 2 else "second")
    write_package(tmp_path, "svd", OTHERS, {"run_id": "third"})
    assert_holds(tmp_path, OTHERS, run_id="third")
    assert len(list(tmp_path.glob("*.npz"))) == 1


# Those of the graph.

FIVE_LINES = """
import json, sys, numpy as np
about = json.load(open(f"{sys.argv[1]}/{sys.argv[2]}.json"))
m = np.load(f"{sys.argv[1]}/{about['arrays']}")
user, item = (np.searchsorted(m[f"{side}_ids"], json.loads(ids)) for side, ids in zip(("user", "item"), sys.argv[3:]))
stars = m["mean"] + m["user_bias"][user] + m["item_bias"][item]
print((stars + (m["user_factors"][user] * m["item_factors"][item]).sum(1)).tolist())
"""


@pytest.mark.parametrize("name", ["svdpp", "biased_mf"])
def test_five_lines_without_the_project_predict_what_the_model_does(world: World, name: str) -> None:
    rows = world.project.warehouse.arrays(
        "sample", "select user_id, movie_id from ratings using sample 200 (reservoir, 1)"
    )
    pairs = [json.dumps(rows[column].tolist()) for column in ("user_id", "movie_id")]
    spoken = subprocess.run(
        # Isolated, and away from the project's folder.
        [sys.executable, "-I", "-c", FIVE_LINES, str(world.data / "models" / "sample"), name, *pairs],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    model = load_artifact(world.project.artifact_path("sample", key(f"live/{name}")), MODELS[name].type)
    log = load_artifact(world.project.artifact_path("sample", key("live/rating_log")), RatingLog)
    user, item = (
        np.searchsorted(log.user_ids, rows["user_id"]),
        np.searchsorted(log.item_ids, rows["movie_id"]),
    )
    assert_allclose(json.loads(spoken.stdout), model.predict(user, item, np.zeros(user.size)), atol=1e-5)


def test_every_live_model_and_the_blend_have_a_package_with_all_that_is_known_of_them(world: World) -> None:
    folder = world.data / "models" / "sample"
    names = [*MODELS, "blend"]
    packages = {name: read_package(folder, name) for name in names}
    _, lists = read_package(folder, "lists")
    assert files(folder) == {f"{name}.json" for name in (*names, "lists")} | {
        about["arrays"] for about in (lists, *(about for _, about in packages.values()))
    } | {"likes", CONTENT_ENGINE, PromotionLog(world.data, "sample").path.name}
    [(n_ratings,)] = world.query("sample", "select count(*) from ratings")
    versions = world.versions("sample")
    chosen = dict(world.query("sample", "select model, settings from rating_settings where chosen"))
    for name in MODELS:
        arrays, about = packages[name]
        live = load_artifact(world.project.artifact_path("sample", key(f"live/{name}")), MODELS[name].type)
        assert arrays.keys() == as_arrays(live).keys() | {"user_ids", "item_ids"}
        assert about["hyper_parameters"] == json.loads(chosen[name])
        assert about["data_version"] == versions[f"live/{name}"]
        assert about["kind"] == type(live).__name__
    for arrays, about in packages.values():
        assert about["dataset"] == "sample"
        assert about["n_ratings"] == n_ratings
        assert about["scale"] == [0.5, 5.0]
        assert arrays["item_ids"].size == 1500
        assert dt.datetime.fromisoformat(about["packaged_at"]).tzinfo is not None


def test_the_figures_of_a_package_are_those_of_the_evaluation(world: World) -> None:
    for name in ("svdpp", "blend"):
        _, about = read_package(world.data / "models" / "sample", name)
        assert sorted((row["split"], row["metric"], row["k"], row["value"]) for row in about["metrics"]) == (
            world.query(
                "sample",
                "select split, metric, k, value from evaluation "
                f"where model = '{name}' and segment = 'all' order by all",
            )
        )


def test_the_package_of_the_blend_has_what_its_stars_are_put_together_with(world: World) -> None:
    """μ and w of the stars μ + Σ w (p − μ)."""
    _, about = read_package(world.data / "models" / "sample", "blend")
    weights = dict(world.query("sample", "select model, weight from rating_blends where blend = 'blend'"))
    assert about["weights"] == weights
    [(mean,)] = world.query("sample", "select avg(rating) from ratings")
    assert about["mean"] == pytest.approx(mean)


def test_digests_can_be_checked_by_anybody(world: World) -> None:
    folder = world.data / "models" / "sample"
    for path in folder.glob("*.json"):
        about = json.loads(path.read_text(encoding="utf-8"))
        assert hashlib.sha256((folder / about["arrays"]).read_bytes()).hexdigest() == about["sha256"]
