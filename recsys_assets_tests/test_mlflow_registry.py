"""The registry in MLflow: the same lifecycle as in files, and a model that answers in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from recsys_assets.settings import SettingsError, lifecycle_store
from recsys_assets.storage.mlflow_registry import SHA256, MlflowRegistry
from recsys_assets.storage.model_registry import stage_of
from recsys_assets.storage.packages import PackageError
from recsys_assets_tests.model_versions import PROMOTED, REFUSED, candidate, engine_arrays

NAME = "made.content_engine"
has_mlflow = pytest.mark.skipif(
    importlib.util.find_spec("mlflow") is None, reason="the optional extra mlflow is not installed"
)


@pytest.fixture(autouse=True)
def own_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """No tracking server of whoever runs the tests."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database: MLflow needs seconds to make one."""
    registry = MlflowRegistry(tmp_path_factory.mktemp("empty"), NAME)
    with registry._client() as client:
        client.search_registered_models()
    return registry._database


@pytest.fixture
def registry(database: Path, tmp_path: Path) -> MlflowRegistry:
    (tmp_path / "mlflow").mkdir()
    shutil.copy(database, tmp_path / "mlflow")
    return MlflowRegistry(tmp_path / "mlflow", NAME)


def stages(registry: MlflowRegistry) -> dict[int, str]:
    champion = registry.champion()
    return {one.version: stage_of(one, champion) for one in registry.versions()}


@has_mlflow
def test_the_lifecycle_is_that_of_files(registry: MlflowRegistry) -> None:
    assert (registry.versions(), registry.champion()) == ([], None)
    for number, decision in enumerate((REFUSED, PROMOTED, REFUSED, PROMOTED), start=1):
        assert registry.register(candidate(number)) == registry.register(candidate(number)) == number
        registry.decide(number, decision)
    assert registry.champion() == 4
    assert stages(registry) == {1: "Staging", 2: "Archived", 3: "Staging", 4: "Production"}
    versions = registry.versions()
    assert [one.decision for one in versions] == [REFUSED, PROMOTED, REFUSED, PROMOTED]
    assert [(one.run_id, one.data_version) for one in versions] == [
        (f"run {number}", f"data {number}") for number in (1, 2, 3, 4)
    ]
    registry.decide(2, PROMOTED)
    assert stages(registry) == {1: "Staging", 2: "Production", 3: "Staging", 4: "Archived"}
    registry.decide(2, REFUSED)
    assert registry.champion() == 2
    registry.decide(4, PROMOTED)
    assert stages(registry) == {1: "Staging", 2: "Archived", 3: "Staging", 4: "Production"}
    for name, array in engine_arrays(scale=3).items():
        assert_array_equal(registry.arrays(3)[name], array, strict=True)


@has_mlflow
def test_a_run_has_parameters_metrics_evidence_and_the_version_has_tags(registry: MlflowRegistry) -> None:
    registry.decide(registry.register(candidate()), PROMOTED)
    registry.decide(registry.register(candidate(2)), REFUSED)
    with registry._client() as client:
        [experiment] = [one for one in client.search_experiments() if one.name == NAME]
        runs = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time"])
        [version] = client.search_model_versions(f"name = '{NAME}' and run_id = '{runs[0].info.run_id}'")
        assert client.get_model_version_by_alias(NAME, "champion").version == version.version
        evidence = [file.path for file in client.list_artifacts(runs[0].info.run_id, "evidence")]
    assert [run.info.status for run in runs] == ["FINISHED", "FINISHED"]
    assert runs[0].data.params == {"n_clusters": "2"}
    assert runs[0].data.metrics == {"silhouette": 0.2}
    assert runs[1].data.metrics == {"silhouette": 0.01, "lift": 1.5}, "what was decided on is logged too"
    assert evidence == ["evidence/figures.csv"]
    assert version.tags["stage"] == "Production"
    assert json.loads(version.tags["decision"])["thresholds"] == {"catalogue_silhouette_min": 0.05}
    assert Path(registry.path(1)).is_relative_to(registry.folder)


@has_mlflow
def test_the_model_is_code_and_arrays_and_no_pickle(registry: MlflowRegistry) -> None:
    registry.register(candidate())
    model = registry.path(1).parent.parent
    files = {path.name for path in model.rglob("*") if path.is_file()}
    assert files >= {"MLmodel", "content_engine_pyfunc.py", "arrays.npz", "requirements.txt"}
    assert not [name for name in files if name.endswith((".pkl", ".pickle")) or "lock" in name]
    needs = (model / "requirements.txt").read_text().split()
    assert [need.split("==")[0] for need in needs] == ["mlflow", "numpy", "pandas"]


ASK = """
import json, sys, warnings
warnings.simplefilter("ignore")
import mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(f"models:/{sys.argv[2]}@champion")
answers = []
for row, params in json.loads(sys.argv[3]):
    try:
        found = model.predict(pd.DataFrame([row]), params=params)
        answers.append(found[["rank", "tmdb_id", "title"]].values.tolist())
    except ValueError as error:
        answers.append(str(error))
print(json.dumps([answers, sorted(name for name in sys.modules if name.startswith("recsys"))]))
"""
ASKED = {
    "by title, whatever its case and accents": ({"title": "AMELIE"}, {"n": 2}),
    "by TMDB id": ({"tmdb_id": 10}, {"n": 1}),
    "by the data set's id": ({"movie_id": 1}, {"n": 1}),
    "within its cluster": ({"tmdb_id": 15}, {"n": 9, "within_cluster": True}),
    "by title and year": ({"title": "Titanic (1997)"}, {"n": 1}),
    "ten without being asked for a number": ({"tmdb_id": 10}, {}),
    "of a movie without content": ({"title": "Unknown"}, {"n": 3}),
    "of a title that two have": ({"title": "titanic"}, {"n": 1}),
    "of no movie": ({"title": "nothing"}, {"n": 1}),
    "of no movies": ({"tmdb_id": 10}, {"n": 0}),
}
ANSWERED = {
    "by title, whatever its case and accents": [[1, 12, "Titanic"], [2, 10, "The Matrix"]],
    "by TMDB id": [[1, 11, "Amélie"]],
    "by the data set's id": [[1, 11, "Amélie"]],
    "within its cluster": [[1, 14, "Heat"], [2, 13, "Titanic"]],
    "by title and year": [[1, 14, "Heat"]],
    "of a movie without content": [],
    "of a title that two have": (
        "2 movies have title 'titanic', give a tmdb_id: tmdb_id 12: Titanic (1953); tmdb_id 13: Titanic (1997)"
    ),
    "of no movie": "no movie with title 'nothing' in a catalogue of 7",
    "of no movies": "n is 0; it must be 1 to 1000",
}


@has_mlflow
def test_the_champion_answers_in_a_clean_process_without_this_project(
    registry: MlflowRegistry, tmp_path: Path
) -> None:
    registry.decide(registry.register(candidate()), PROMOTED)
    registry.decide(registry.register(replace(candidate(2), arrays=engine_arrays(scale=-1))), REFUSED)
    (tmp_path / "elsewhere").mkdir()
    asked = [
        *(sys.executable, "-I", "-c", ASK, f"sqlite:///{registry.folder / 'mlflow.db'}", NAME),
        json.dumps(list(ASKED.values())),
    ]
    environment = {"MLFLOW_DISABLE_TELEMETRY": "true", "PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    process = subprocess.run(
        asked, cwd=tmp_path / "elsewhere", env=environment, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    answers, imported = json.loads(process.stdout)
    found = dict(zip(ASKED, answers, strict=True))
    assert [place for place, *_ in found.pop("ten without being asked for a number")] == [1, 2, 3, 4, 5]
    assert found == ANSWERED
    assert imported == []


@has_mlflow
@pytest.mark.parametrize(
    "step",
    ["log_model_artifacts", "create_model_version", "set_model_version_tag", "set_registered_model_alias"],
)
def test_a_writer_that_is_killed_leaves_the_old_champion(
    registry: MlflowRegistry, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    registry.decide(registry.register(candidate()), PROMOTED)
    mlflow = importlib.import_module("mlflow")

    class Killed(BaseException):
        """The process is gone."""

    def kill(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(mlflow.MlflowClient, step, kill)
        registry.decide(registry.register(candidate(2)), PROMOTED)
    assert registry.champion() == 1
    assert_array_equal(registry.arrays(1)["vectors"], engine_arrays()["vectors"])
    registry.decide(registry.register(candidate(2)), PROMOTED)
    assert registry.champion() == 2
    assert stages(registry) == {1: "Archived", 2: "Production"}
    registry.register(candidate(3))
    with registry._client() as client:
        experiment = client.get_experiment_by_name(NAME)
        states = [run.info.status for run in client.search_runs([experiment.experiment_id])]
    assert states.count("KILLED") == (step == "log_model_artifacts")
    assert "RUNNING" not in states


@has_mlflow
def test_lost_arrays_are_said_and_made_again_as_the_next_version(registry: MlflowRegistry) -> None:
    registry.register(candidate())
    shutil.rmtree(registry.path(1).parent)
    with pytest.raises(
        PackageError, match=r"arrays of version 1 of made\.content_engine are missing from MLflow"
    ):
        registry.arrays(1)
    assert registry.register(candidate()) == 2
    with pytest.raises(PackageError, match="there is no version 3"):
        registry.decide(3, PROMOTED)


@has_mlflow
@pytest.mark.parametrize("damage", ["cut off", "emptied", "another's"])
def test_damaged_arrays_are_said_and_made_again(
    registry: MlflowRegistry, damage: str, tmp_path: Path
) -> None:
    registry.register(candidate())
    file = registry.path(1)
    content = file.read_bytes()
    np.savez(tmp_path / "other.npz", allow_pickle=False, **engine_arrays(scale=2))
    other = (tmp_path / "other.npz").read_bytes()
    file.write_bytes({"cut off": content[:-40], "emptied": b"", "another's": other}[damage])
    with pytest.raises(PackageError, match="is not the file that was registered"):
        registry.arrays(1)
    with registry._client() as client:
        client.delete_model_version_tag(NAME, "1", SHA256)
    if damage != "another's":
        with pytest.raises(PackageError, match=r"arrays\.npz can't be read"):
            registry.arrays(1)
        assert registry.register(candidate()) == 2


@has_mlflow
def test_reading_arrays_leaves_no_copy_behind(
    registry: MlflowRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.register(candidate())
    (tmp_path / "copies").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "copies"))
    registry.arrays(1)
    assert not list((tmp_path / "copies").iterdir())


@has_mlflow
@pytest.mark.parametrize(
    ("title", "folded"),
    [
        ("Ocean's Eleven", "oceans eleven"),
        ("Ocean’s Éleven", "oceans eleven"),
        ("!!!", "!!!"),
        ("WALL·E", "wall e"),
    ],
)
def test_titles_are_folded_for_the_model_too(title: str, folded: str) -> None:
    assert importlib.import_module("recsys_assets.storage.content_engine_pyfunc")._folded(title) == folded


@has_mlflow
def test_of_no_rows_the_model_says_nothing(registry: MlflowRegistry) -> None:
    registry.register(candidate())
    pyfunc = importlib.import_module("recsys_assets.storage.content_engine_pyfunc")
    model = pyfunc.MoviesLikeThis()
    model.load_context(SimpleNamespace(artifacts={"arrays": str(registry.path(1))}))
    empty = model.predict(None, pd.DataFrame({"title": []}))
    whole = model.predict(None, pd.DataFrame({"tmdb_id": [10]}))
    assert empty.empty
    assert list(empty.columns) == list(whole.columns)


@has_mlflow
def test_the_store_that_a_program_has_set_stays_set(registry: MlflowRegistry, tmp_path: Path) -> None:
    mlflow = importlib.import_module("mlflow")
    before = mlflow.get_tracking_uri(), sorted(path.name for path in Path().iterdir())
    registry.register(candidate())
    assert (mlflow.get_tracking_uri(), sorted(path.name for path in Path().iterdir())) == before


def test_looking_where_nothing_was_registered_makes_no_database(tmp_path: Path) -> None:
    registry = MlflowRegistry(tmp_path / "mlflow", NAME)
    assert (registry.versions(), registry.champion(), registry.store) == ([], None, "mlflow")
    assert list(tmp_path.iterdir()) == []


def test_without_mlflow_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ImportError, match=r"recsys-assets\[mlflow\], or set RECSYS_LIFECYCLE=files"):
        MlflowRegistry(tmp_path, NAME).register(candidate())


@pytest.mark.parametrize(
    ("named", "installed", "store"),
    [
        (None, True, "mlflow"),
        (None, False, "files"),
        ("", False, "files"),
        ("files", True, "files"),
        ("mlflow", False, "mlflow"),
    ],
)
def test_mlflow_keeps_versions_where_it_is_installed_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, named: str | None, installed: bool, store: str
) -> None:
    monkeypatch.setattr("recsys_assets.settings.find_spec", lambda _: object() if installed else None)
    monkeypatch.delenv("RECSYS_LIFECYCLE", raising=False)
    if named is not None:
        monkeypatch.setenv("RECSYS_LIFECYCLE", named)
    assert lifecycle_store() == store


def test_a_store_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSYS_LIFECYCLE", "wandb")
    with pytest.raises(SettingsError, match="RECSYS_LIFECYCLE is 'wandb': set it to files or mlflow"):
        lifecycle_store()
